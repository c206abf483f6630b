//! Starting runs, by a call and by the start queue.

use crate::support::{Stack, chain, step_queue};
use serde_json::{Value, json};
use stepladder_engine::Status;
use stepladder_protocol::{Delivery, QueueName, Started, UploadRule, check_name};

#[test]
fn a_start_by_the_same_name_with_the_same_input_is_one_run() {
    let stack = Stack::of(&chain(&["work"]));
    let run = stack.start("run", json!({ "total": 12 }));
    stack.host.delete(&step_queue("work"), &stack.host.in_queue(&step_queue("work"))[0].id);
    // Until the first record is there, a repetition sends again: whoever started it may have died before.
    let Ok(Started::Repeated(item)) = stack.try_start("run", json!({ "total": 12 })) else { panic!() };
    assert_eq!(item.key(), run);
    assert_eq!(stack.count(&step_queue("work")), 1);
}

#[test]
fn a_start_that_was_interrupted_before_it_sent_is_finished_by_its_repetition() {
    let mut stack = Stack::of(&chain(&["work"]));
    stack.step("work", |_| Ok(json!(1)));
    stack.host.throttle("send", 1);
    let error = stack.try_start("run", json!({})).unwrap_err();
    assert!(error.contains("throttled"), "{error}");
    assert_eq!(stack.status("run"), Status::Running);
    assert_eq!(stack.count(&step_queue("work")), 0);
    assert!(matches!(stack.try_start("run", json!({})), Ok(Started::Repeated(_))));
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_start_that_is_repeated_later_sends_nothing() {
    let mut stack = Stack::of(&chain(&["work"]));
    stack.step("work", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.run();
    let Ok(Started::Repeated(item)) = stack.try_start("run", json!({})) else { panic!() };
    assert_eq!(item.status, Status::Succeeded);
    assert_eq!(stack.count(&step_queue("work")), 0);
    assert_eq!(stack.ran(), ["work"]);
}

#[test]
fn a_start_by_the_same_name_with_another_input_is_a_conflict() {
    let stack = Stack::of(&chain(&["work"]));
    let run = stack.start("run", json!({ "total": 12 }));
    let Ok(Started::Conflict(there)) = stack.try_start("run", json!({ "total": 13 })) else { panic!() };
    assert_eq!(there.key(), run);
    assert_eq!(stack.count(&step_queue("work")), 1);
}

#[test]
fn two_starts_at_once_make_one_run() {
    let stack = Stack::of(&chain(&["work"]));
    let request = || stepladder_protocol::StartRequest {
        workflow: "w".to_owned(),
        name: "run".to_owned(),
        input: json!({ "large": "x".repeat(1000) }),
    };
    let (one, two) = stack
        .host
        .drive(futures::future::join(stack.protocol.start(request()), stack.protocol.start(request())));
    let mut created = 0;
    for started in [one.unwrap(), two.unwrap()] {
        created += usize::from(matches!(started, Started::Created(_)));
    }
    assert_eq!(created, 1);
    // Whoever lost the race has put its input under another nonce: the run has its own.
    assert_eq!(stack.view("run").beginning.input["large"], json!("x".repeat(1000)));
}

#[track_caller]
fn check(name: &str, expected: Result<(), &str>) {
    assert_eq!(check_name(name).map_err(|error| error.to_string()), expected.map_err(str::to_owned));
}

#[test]
fn names_follow_awss_rules() {
    for name in ["a", "order-17_b.c", "Ünïcödé", "日本語", "a+b=c@d!e'(f)", &"n".repeat(80), &"é".repeat(80)]
    {
        check(name, Ok(()));
    }
    check("", Err("'' can't name a run: it is empty"));
    let long = "n".repeat(81);
    check(&long, Err(&format!("'{long}' can't name a run: it has more than 80 characters")));
    for name in ["a b", "\ta", "a\n", "a\u{a0}b", "a\u{2003}"] {
        check(name, Err(&format!("'{name}' can't name a run: it has white space in it")));
    }
    for name in ["\u{0}", "a\u{1b}", "\u{7f}", "\u{9f}", "\u{fffe}", "\u{ffff}", "\u{10ffff}"] {
        check(name, Err(&format!("'{name}' can't name a run: it has control characters in it")));
    }
    for character in "<>{}[]?*\"#%\\^|~`$&,;:/".chars() {
        let why = "it has one of < > { } [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : / in it";
        check(&format!("a{character}b"), Err(&format!("'a{character}b' can't name a run: {why}")));
    }
}

/// Sends bodies to the start queue and delivers them in one batch; answers with each message's id.
fn send_all(stack: &Stack, bodies: &[Value]) -> Vec<String> {
    for body in bodies {
        stack.send(&QueueName::Start, body.to_string());
    }
    let ids = stack.host.in_queue(&QueueName::Start).into_iter().map(|message| message.id).collect();
    assert!(stack.deliver(&QueueName::Start).is_empty());
    ids
}

#[test]
fn the_start_queue_names_a_nameless_run_by_the_message_id() {
    let stack = Stack::of(&chain(&["work"]));
    let ids = send_all(&stack, &[json!({ "workflow": "w", "input": { "total": 12 } })]);
    assert_eq!(stack.view(&ids[0]).beginning.input, json!({ "total": 12 }));
}

#[test]
fn a_nameless_start_that_is_delivered_twice_is_one_run() {
    let stack = Stack::of(&chain(&["work"]));
    stack.send(&QueueName::Start, json!({ "workflow": "w" }).to_string());
    let deliveries = stack.host.receive(&QueueName::Start);
    let twice: Vec<Delivery> = deliveries.iter().chain(&deliveries).cloned().collect();
    assert!(stack.handle(&QueueName::Start, &twice).is_empty());
    assert_eq!(stack.view(&deliveries[0].message_id).beginning.input, json!({}));
    assert!(stack.parked().is_empty());
}

#[test]
fn each_start_of_a_batch_is_its_own_success_or_failure() {
    let stack = Stack::of(&chain(&["work"]));
    stack.start("taken", json!({ "n": 1 }));
    send_all(
        &stack,
        &[
            json!({ "workflow": "w", "name": "good", "input": 1 }),
            json!({ "workflow": "nowhere", "name": "a" }),
            json!({ "workflow": "w", "name": "taken", "input": { "n": 2 } }),
            json!({ "workflow": "w", "name": "taken", "input": { "n": 1 } }),
            json!({ "workflow": "w", "name": "b", "inputs": {} }),
            json!({ "workflow": "w", "name": "a/b" }),
            json!({ "workflow": 7, "name": "c" }),
            json!({ "name": "d" }),
            json!("hello"),
        ],
    );
    assert_eq!((stack.status("good"), stack.view("good").beginning.input), (Status::Running, json!(1)));
    let mut parked = stack.parked();
    // In the order of their sending.
    parked.sort_by_key(|parked| parked.message_id.parse::<u32>().unwrap());
    let reasons: Vec<&str> = parked.iter().map(|parked| parked.reason.as_str()).collect();
    let is_no_start = "it is not a start, {\"workflow\", \"name\"?, \"input\"}: ";
    let expected = [
        "there is no workflow 'nowhere'".to_owned(),
        "the run w/taken is there already, with another input".to_owned(),
        format!("{is_no_start}unknown field `inputs`, expected one of `workflow`, `name`, `input`"),
        "'a/b' can't name a run: it has one of < > { } [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : / in it"
            .to_owned(),
        format!("{is_no_start}invalid type: number, expected a string"),
        format!("{is_no_start}missing field `workflow`"),
        format!("{is_no_start}invalid type: string \"hello\", expected struct StartMessage"),
    ];
    for (reason, expected) in reasons.iter().zip(&expected) {
        // What is wrong is named; how serde puts it may change.
        let prefix = expected.get(..60.min(expected.len())).unwrap();
        assert!(reason.starts_with(prefix), "{reason:?} instead of {expected:?}");
    }
    assert_eq!(reasons.len(), expected.len(), "{reasons:#?}");
}

#[test]
fn a_start_whose_world_is_throttled_is_left_and_succeeds_later() {
    let stack = Stack::of(&chain(&["work"]));
    stack.host.throttle("put run", 1);
    stack.send(&QueueName::Start, json!({ "workflow": "w", "name": "one" }).to_string());
    stack.send(&QueueName::Start, json!({ "workflow": "w", "name": "two" }).to_string());
    assert_eq!(stack.deliver(&QueueName::Start).len(), 1);
    stack.run();
    assert_eq!((stack.status("one"), stack.status("two")), (Status::Running, Status::Running));
    assert!(stack.parked().is_empty());
}

/// Uploads below `in/` start runs of `w`.
fn with_uploads() -> Stack {
    let stack = Stack::with_settings(|settings| {
        let [workflow, bucket, prefix] = ["w", "uploads", "in/"].map(str::to_owned);
        settings.uploads.push(UploadRule { workflow, bucket, prefix, suffix: String::new() });
    });
    stack.publish("w", &chain(&["work"]));
    stack
}

fn uploads(keys: &[&str]) -> String {
    let record = |key: &&str| {
        json!({ "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
            "bucket": { "name": "uploads" }, "object": { "key": key, "eTag": "e", "sequencer": "0A", "size": 3 },
        } })
    };
    json!({ "Records": keys.iter().map(record).collect::<Vec<_>>() }).to_string()
}

#[test]
fn an_upload_that_is_told_twice_starts_one_run() {
    let stack = with_uploads();
    stack.send(&QueueName::Start, uploads(&["in/a"]));
    stack.send(&QueueName::Start, uploads(&["in/a"]));
    stack.send(&QueueName::Start, json!({ "Event": "s3:TestEvent", "Bucket": "uploads" }).to_string());
    assert!(stack.deliver(&QueueName::Start).is_empty());
    // The second one finds the first without a record, and sends again: the same position, which one of them wins.
    let messages = stack.messages(&step_queue("work"));
    assert!(messages.iter().all(|message| message.run == messages[0].run));
    assert_eq!(messages[0].run.name.split('-').next(), Some("a"));
    let input = json!({ "bucket": "uploads", "key": "in/a", "size": 3, "etag": "e" });
    assert_eq!(stack.view(&messages[0].run.name).beginning.input, input);
    assert!(stack.parked().is_empty());
}

#[test]
fn a_message_of_several_uploads_is_left_until_each_has_its_run() {
    for operation in ["put run", "send"] {
        let mut stack = with_uploads();
        stack.step("work", |_| Ok(json!(1)));
        stack.send(&QueueName::Start, uploads(&["in/a", "in/b", "in/c"]));
        stack.host.throttle(operation, 1);
        assert_eq!(stack.deliver(&QueueName::Start).len(), 1, "{operation}");
        stack.run();
        assert_eq!(stack.count(&QueueName::Start), 0);
        assert_eq!(stack.ran().len(), 3, "{operation}");
        assert!(stack.parked().is_empty());
    }
}

#[test]
fn what_no_workflow_takes_is_parked_after_the_others_of_its_message_were_started() {
    let stack = with_uploads();
    stack.send(&QueueName::Start, uploads(&["in/a", "out/b", "in/%zz", "in/c"]));
    assert!(stack.deliver(&QueueName::Start).is_empty());
    assert_eq!(stack.count(&step_queue("work")), 2);
    let reasons: Vec<String> = stack.parked().into_iter().map(|parked| parked.reason).collect();
    assert_eq!(reasons, ["no workflow takes uploads like s3://uploads/out/b"]);
}

#[test]
fn uploads_that_come_by_the_dead_letter_queue_are_started_too() {
    let stack = with_uploads();
    stack.send(&QueueName::DeadLetter, uploads(&["in/a", "in/b"]));
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!(stack.count(&step_queue("work")), 2);
}

#[test]
fn what_is_not_json_is_parked_with_the_place_of_the_fault() {
    let stack = Stack::of(&chain(&["work"]));
    for body in ["", "{\"workflow\": \"w\",,}", "{\"workflow\": \"w\", \"input\": 123456789012345678901}"] {
        stack.send(&QueueName::Start, body);
    }
    assert!(stack.deliver(&QueueName::Start).is_empty());
    let reasons: Vec<String> = stack.parked().into_iter().map(|parked| parked.reason).collect();
    assert!(reasons[0].starts_with("it is not JSON: EOF"), "{reasons:?}");
    assert!(reasons[1].ends_with("at line 1 column 18"), "{reasons:?}");
    assert!(reasons[2].contains("123456789012345678901 does not fit in 64 bits"), "{reasons:?}");
}

#[test]
fn an_input_that_is_too_large_or_too_deep_is_refused() {
    let stack = Stack::with_settings(|settings| settings.payload_bytes_max = 5_000);
    stack.publish("w", &chain(&["work"]));
    let error = stack.try_start("large", json!("x".repeat(5_000))).unwrap_err();
    assert_eq!(error, "the input has 5002 bytes; 5000 is the most (payload_bytes_max)");
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert_eq!(
        stack.try_start("deep", nested(101)).unwrap_err(),
        "the input is nested more than 100 levels deep"
    );
    assert!(stack.try_start("ok", nested(100)).is_ok());
    assert_eq!(stack.view("ok").beginning.input, nested(100));
}

#[test]
fn a_workflow_that_never_stops_is_started_by_a_turn() {
    let stack = Stack::of(&json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } }));
    stack.start("run", json!({ "a": 1 }));
    assert_eq!(stack.status("run"), Status::Running);
    assert_eq!(stack.count(&QueueName::Timer), 1);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!({ "a": 1 })));
}
