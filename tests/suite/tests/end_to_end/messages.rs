//! Messages that nobody can handle: parked with the reason, shown on their run, and no other message is harmed.

use crate::{STEP, one_task};
use serde_json::{Value, json};
use stepladder_protocol::{QueueName, RunId};
use stepladder_tests::{MARKED, TestStack, TestStep, until};

fn work() -> QueueName {
    QueueName::Step("work".to_owned())
}

/// What a newer version of the program might have sent for this message.
fn newer(body: &str) -> String {
    let mut message: Value = serde_json::from_str(body).unwrap();
    message["v"] = json!(99);
    message["ask"] = json!({ "something": "new" });
    message.to_string()
}

/// Bodies that nobody can read.
const UNREADABLE: [&str; 6] = [
    "marked-3e9d71: no JSON",
    r#"{"b":"marked-3e9d71"}"#,
    r#"{"v":1,"id":"marked-3e9d71"#,
    r#"{"v":1,"run":"marked-3e9d71"}"#,
    "zstd:!marked-3e9d71!",
    "zstd:bm8genN0ZA==",
];

/// Parks all of [`UNREADABLE`] and a newer version's message, and gets the good ones of the same batch through.
async fn check_unreadable(stack: &TestStack, queue: &QueueName, workflow: &str) {
    for name in ["good-1", "good-2", "newer"] {
        stack.start_run(workflow, name, json!({ "of": name })).await;
    }
    let mut bodies = stack.take(queue);
    bodies.sort_by_key(|body| body.contains("newer"));
    let newer = newer(&bodies.pop().unwrap());
    assert_eq!(bodies.len(), 2);
    let mut bad: Vec<String> = UNREADABLE.iter().map(|body| (*body).to_owned()).collect();
    bad.push(newer.clone());
    // Four deliveries, each of which would hand them back for 30 seconds. The next one is the last.
    stack.send(queue, &bad).await;
    stack.receive_in_vain(queue, 4);
    bodies.push("a message that is handed back at first".to_owned());
    stack.send(queue, &bodies).await;
    stack.open(queue);

    for name in ["good-1", "good-2"] {
        let ended = stack.ended(workflow, name).await;
        assert_eq!((ended.end().as_str(), &ended.output), ("SUCCEEDED", &Some(json!({ "of": name }))));
    }
    let parked = stack.parked(7).await;
    assert_eq!(parked.len(), 7, "{parked:#?}");
    for one in &parked {
        assert_eq!((one.queue.as_str(), one.receive_count), (queue.short(), 5), "{one:#?}");
    }
    for body in UNREADABLE {
        let one = parked.iter().find(|parked| parked.body == body).unwrap();
        assert!(one.reason.starts_with("the message can't be read: "), "{one:#?}");
        // A reason ends in logs and on screens: it says where, and quotes nothing.
        assert!(!one.reason.contains(MARKED), "{one:#?}");
    }
    let of_newer = parked.iter().find(|parked| parked.body == newer).unwrap();
    let reason = "the message has version 99, and this function knows up to 1: deploy the newer one";
    assert_eq!(of_newer.reason, reason);
    assert_eq!(of_newer.run.as_deref(), Some(format!("{workflow}/newer").as_str()));
    // The one that came for the first time is back in its queue, and not lost.
    until(
        "all but one are acknowledged",
        || stack.tell(),
        async || {
            let counts = stack.counts(queue);
            (counts.visible == 0 && counts.in_flight == 1).then_some(())
        },
    )
    .await;

    let shown = stack.cli(&["run", "show", "newer", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((&shown["status"], &shown["parked"]), (&json!("RUNNING"), &json!(reason)));
    let text = stack.cli(&["run", "show", "newer"]).await.assert_code(0);
    assert!(text.stdout.contains(reason), "{text:#?}");
    // Nothing is lost: what the run waits for can be sent again.
    stack.cli(&["repair", "newer"]).await.assert_code(0);
    assert_eq!(stack.ended(workflow, "newer").await.end(), "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_step_that_nobody_can_read_is_parked_and_harms_no_other() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("echo", &one_task("work", json!({}))).await;
    check_unreadable(&stack, &work(), "echo").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_timer_that_nobody_can_read_is_parked_and_harms_no_other() {
    let stack = TestStack::start(STEP, &[]).await;
    let wait =
        json!({ "StartAt": "Wait", "States": { "Wait": { "Type": "Wait", "Seconds": 0, "End": true } } });
    stack.publish("wait", &wait).await;
    check_unreadable(&stack, &QueueName::Timer, "wait").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_can_not_be_is_parked_with_the_reason_and_harms_no_other() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("echo", &one_task("work", json!({}))).await;
    stack.start_run("echo", "taken", json!(1)).await;
    let bad = [
        ("no JSON at all", "it is not JSON: expected ident"),
        (r#"["a list"]"#, "it is not a start, {\"workflow\", \"name\"?, \"input\"}"),
        (r#"{"name":"x","input":1}"#, "missing field `workflow`"),
        (r#"{"workflow":"echo","nam":"x"}"#, "unknown field `nam`"),
        (r#"{"workflow":"nobody","input":1}"#, "there is no workflow 'nobody'"),
        (r#"{"workflow":"echo","name":"a b"}"#, "'a b' can't name a run: it has white space in it"),
        (
            r#"{"workflow":"echo","name":"taken","input":2}"#,
            "the run echo/taken is there already, with another input",
        ),
        (
            r#"{"workflow":"echo","name":"big","input":[1,123456789012345678901]}"#,
            "the number 123456789012345678901 does not fit in 64 bits; send it as a string",
        ),
    ];
    let mut bodies: Vec<String> = bad.iter().map(|(body, _)| (*body).to_owned()).collect();
    // The same start twice, and one without a name.
    bodies.insert(3, r#"{"workflow":"echo","name":"good","input":{"of":"good"}}"#.to_owned());
    bodies.push(r#"{"workflow":"echo","input":{"of":"nobody"}}"#.to_owned());
    stack.send(&QueueName::Start, &bodies).await;
    stack.send(&QueueName::Start, &[bodies[3].clone()]).await;
    stack.open_all();

    let parked = stack.parked(bad.len()).await;
    for (body, reason) in bad {
        let one = parked.iter().find(|parked| parked.body == body).unwrap();
        assert!(one.reason.contains(reason), "{body}: {}", one.reason);
        assert_eq!((one.queue.as_str(), one.receive_count), ("start", 1));
    }
    let good = stack.ended("echo", "good").await;
    assert_eq!((good.end().as_str(), good.output), ("SUCCEEDED", Some(json!({ "of": "good" }))));
    assert_eq!(stack.ended("echo", "taken").await.output, Some(json!(1)));
    let listed = stack.cli(&["run", "list", "-o", "json"]).await.assert_code(0).json();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    // The SQS message's id, a UUID, names the run that has no name.
    let nameless = names.iter().find(|name| !["good", "taken"].contains(name)).unwrap();
    assert_eq!(nameless.len(), 36);
    assert_eq!(stack.ended("echo", nameless).await.output, Some(json!({ "of": "nobody" })));
    // The second start may have found the run before its step had, and sent its message again: it is recorded once.
    let view = stack.protocol.view(&RunId::new("echo", "good")).await.unwrap().unwrap();
    assert_eq!(view.records.len(), 1);
    until(
        "none of them is left in the queue",
        || stack.tell(),
        async || {
            let counts = stack.counts(&QueueName::Start);
            (counts.visible + counts.in_flight + counts.delayed == 0).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_utf8_is_refused_at_the_queue() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stack = TestStack::start(STEP, &[]).await;
    let url = format!("{}/000000000000/test-start", stack.server.endpoint_url());
    let mut body = format!(r#"{{"QueueUrl":"{url}","MessageBody":""#).into_bytes();
    body.extend_from_slice(b"{\\\"workflow\\\":\\\"\xff\\\"}\"}");
    let addr = stack.server.addr();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(stack.counts(&QueueName::Start).visible, 0);
    // The same in text is taken: it was the byte that was refused.
    stack.send(&QueueName::Start, &[r#"{"workflow":"x"}"#.to_owned()]).await;
    assert_eq!(stack.counts(&QueueName::Start).visible, 1);
}
