//! Definitions that don't parse, and names of what isn't there.

use crate::{STEP, arn, one_task};
use serde_json::{Value, json};
use stepladder_protocol::{Host, QueueName, Store};
use stepladder_tests::{TestStack, TestStep, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_that_does_not_parse_is_told_with_its_place() {
    let stack = TestStack::start(STEP, &[]).await;
    let text = "{\n  \"StartAt\": \"Wrk\",\n  \"States\": {\n    \"Work\": { \"Type\": \"Pass\", \"Next\": \"Gone\" }\n  }\n}\n";
    let path = stack.folder.write("bad.asl.json", text);
    let path = path.to_str().unwrap();
    let told = stack.cli(&["check", "--no-functions", path]).await.assert_code(1);
    for part in ["bad.asl.json:2:14", "`Wrk`", "bad.asl.json:4:39", "`Gone`", "did you mean `Work`?"] {
        assert!(told.stderr.contains(part), "no {part:?} in {told:#?}");
    }
    let told = stack.cli(&["check", "--no-functions", "-o", "json", path]).await.assert_code(1).json();
    assert_eq!((&told["ok"], &told["schema"]), (&json!(false), &json!("stepladder.check/1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_stored_definition_is_broken_is_parked_and_harms_no_other() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    let work = QueueName::Step("work".to_owned());
    let broken = stack.publish("broken", &one_task("work", json!({ "Comment": "to be broken" }))).await;
    stack.publish("good", &one_task("work", json!({}))).await;
    stack.start_run("broken", "b-1", json!(1)).await;
    let store = stack.protocol.host().store();
    store.put_definition("broken", &broken.hash, "{ \"StartAt\": 17").await.unwrap();
    stack.receive_in_vain(&work, 4);
    stack.start_run("good", "g-1", json!(2)).await;
    // A start by the queue finds it broken too: handed back first, for somebody may be about to mend it.
    stack.send(&QueueName::Start, &[r#"{"workflow":"broken","name":"b-2","input":1}"#.to_owned()]).await;
    stack.receive_in_vain(&QueueName::Start, 4);
    stack.send(&QueueName::Start, &[r#"{"workflow":"good","name":"g-2","input":1}"#.to_owned()]).await;
    stack.open_all();

    assert_eq!(stack.ended("good", "g-1").await.end(), "SUCCEEDED");
    assert_eq!(stack.ended("good", "g-2").await.end(), "SUCCEEDED");
    let parked = stack.parked(2).await;
    for parked in &parked {
        assert!(parked.reason.contains(&format!("get the definition {}", broken.hash)), "{parked:#?}");
    }
    assert!(parked.iter().any(|parked| parked.run.as_deref() == Some("broken/b-1")), "{parked:#?}");
    let listed =
        stack.cli(&["run", "list", "-o", "json", "--workflow", "broken"]).await.assert_code(0).json();
    assert_eq!(listed[0]["name"], "b-1");
    assert!(listed[0]["parked"].as_str().unwrap().contains("get the definition"), "{listed:#}");
    // What can be shown is shown, and why the rest can't.
    let told = stack.cli(&["run", "show", "b-1"]).await.assert_code(1);
    let both = format!("{}{}", told.stdout, told.stderr);
    assert!(both.contains("a message of this run is parked") && both.contains(&broken.hash), "{told:#?}");
    let told = stack.cli(&["start", "broken"]).await.assert_code(1);
    assert!(told.stderr.contains(&broken.hash), "{told:#?}");

    // Mended, the run goes on from where it was.
    store.put_definition("broken", &broken.hash, &broken.canonical).await.unwrap();
    stack.cli(&["repair", "b-1"]).await.assert_code(0);
    assert_eq!(stack.ended("broken", "b-1").await.end(), "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_by_the_version_that_it_was_started_with() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    let version = |output: &str| {
        json!({ "StartAt": "Work", "States": {
            "Work": { "Type": "Task", "Resource": arn("work"), "Next": "End" },
            "End": { "Type": "Pass", "Result": output, "End": true },
        } })
    };
    let second = stack.publish("flow", &version("second")).await;
    stack.publish("flow", &version("first")).await;
    // Nobody takes its message yet: it waits in the queue of its step.
    stack.start_run("flow", "before", json!(1)).await;
    let put = ["deploy-definition", "flow", "--hash", &second.hash, "-o", "json"];
    let put = stack.cli(&put).await.assert_code(0).json();
    assert_eq!((&put[0]["result"], &put[0]["changed"]), (&json!("deployed"), &json!(["End"])), "{put:#}");
    // By a process of its own, which knows no earlier version.
    stack.cli(&["start", "flow", "--name", "after", "--input", "1"]).await.assert_code(0);
    stack.open_all();
    for (name, output) in [("before", "first"), ("after", "second")] {
        let ended = stack.ended("flow", name).await;
        assert_eq!((ended.end().as_str(), ended.output), ("SUCCEEDED", Some(json!(output))), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_is_not_in_the_stack_fails_its_run_alone() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    let lost = json!({ "StartAt": "First", "States": {
        "First": { "Type": "Task", "Resource": arn("work"), "Next": "Lost" },
        "Lost": { "Type": "Task", "Resource": arn("nowhere"), "End": true },
    } });
    stack.publish("lost", &lost).await;
    stack.publish("lost-at-once", &one_task("nowhere", json!({}))).await;
    stack.publish("good", &one_task("work", json!({}))).await;
    for at in 0..3 {
        stack.start_run("lost", &format!("l-{at}"), json!(at)).await;
        stack.start_run("good", &format!("g-{at}"), json!(at)).await;
    }
    stack.open_all();
    stack.start_run("lost-at-once", "o-1", json!(1)).await;
    for at in 0..3 {
        assert_eq!(
            stack.ended("lost", &format!("l-{at}")).await.end(),
            "FAILED Lambda.ResourceNotFoundException"
        );
        let good = stack.ended("good", &format!("g-{at}")).await;
        assert_eq!((good.end().as_str(), good.output), ("SUCCEEDED", Some(json!(at))));
    }
    let at_once = stack.ended("lost-at-once", "o-1").await;
    assert_eq!(at_once.end(), "FAILED Lambda.ResourceNotFoundException");
    assert!(at_once.cause.unwrap().contains("nowhere"));

    let events = stack.cli(&["run", "history", "l-1", "-o", "json"]).await.assert_code(0).list();
    let last: Vec<&str> = events.iter().rev().take(2).map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(last, ["ExecutionFailed", "LambdaFunctionScheduleFailed"], "{events:#?}");
    let failed = &events[events.len() - 2]["details"];
    assert_eq!(failed["error"], "Lambda.ResourceNotFoundException");
    assert!(failed["cause"].as_str().unwrap().contains("nowhere"), "{failed:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_workflow_is_not_found() {
    let stack = TestStack::start(STEP, &[]).await;
    stack.cli(&["start", "echo"]).await.assert_code(3).assert_tells("there is no workflow 'echo'");
    let pass = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    stack.publish("echo", &pass).await;
    let told = stack.cli(&["start", "ecko", "-o", "json"]).await.assert_code(3);
    let error: Value = serde_json::from_str(&told.stderr).unwrap();
    assert_eq!(error["hint"], "did you mean 'echo'?", "{error:#}");
    // A workflow without a Task ends as soon as it starts.
    stack.open_system();
    let ended =
        stack.cli(&["start", "echo", "--input", "[7]", "--wait", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((&ended["status"], &ended["output"]), (&json!("SUCCEEDED"), &json!([7])));
    until(
        "the start queue is empty",
        || stack.tell(),
        async || (stack.counts(&QueueName::Start).in_flight == 0).then_some(()),
    )
    .await;
}
