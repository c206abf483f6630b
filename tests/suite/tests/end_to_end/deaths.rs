//! Steps that take their process along, or block it for ever: found out by the dead-letter function's trial, alone.

use crate::{STEP, one_task};
use serde_json::{Value, json};
use stepladder_protocol::QueueName;
use stepladder_tests::{Ended, TestStack, TestStep};

/// The message in the cause of `Lambda.Unknown`.
fn message(ended: &Ended) -> String {
    let cause: Value = serde_json::from_str(ended.cause.as_deref().unwrap()).unwrap();
    assert_eq!(cause["errorType"], "Lambda.Unknown");
    cause["errorMessage"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_ends_its_process_fails_its_own_run_and_nine_others_succeed() {
    // Quick: a message comes again after a second, and goes to the dead-letter queue after two deliveries.
    let work = TestStep { visibility_seconds: 1, receives_max: 2, ..TestStep::new("work", 1) };
    let stack = TestStack::start(STEP, &[work]).await;
    stack.publish("plain", &one_task("work", json!({}))).await;
    let caught = json!({ "Catch": [{ "ErrorEquals": ["Lambda.Unknown"], "ResultPath": "$.error", "Next": "Caught" }] });
    let mut caught = one_task("work", caught);
    caught["States"]["Caught"] = json!({ "Type": "Succeed" });
    stack.publish("caught", &caught).await;
    for at in 0..5 {
        stack.start_run("plain", &format!("before-{at}"), json!(at)).await;
    }
    stack.start_run("plain", "exits", json!({ "do": "exit" })).await;
    for at in 0..4 {
        stack.start_run("plain", &format!("after-{at}"), json!(at)).await;
    }
    assert_eq!(stack.counts(&QueueName::Step("work".to_owned())).visible, 10, "one batch holds all of them");
    stack.open_all();

    let names = (0..5).map(|at| format!("before-{at}")).chain((0..4).map(|at| format!("after-{at}")));
    for name in names {
        assert_eq!(stack.ended("plain", &name).await.end(), "SUCCEEDED", "{name}");
    }
    let exits = stack.ended("plain", "exits").await;
    assert_eq!(exits.end(), "FAILED Lambda.Unknown");
    let why = message(&exits);
    let begin = "The message was received 3 times and never finished; handed to the function alone, the function died: \
                 Runtime.ExitError: ";
    assert!(why.starts_with(begin) && why.contains("exit status 1"), "{why}");
    let calls = stack.calls().into_iter().filter(|call| call == "exits Work 1").count();
    assert_eq!(calls, 3, "two deliveries, and the trial");
    let shown = stack.cli(&["run", "show", "exits"]).await.assert_code(0).stdout;
    assert!(
        shown.contains("Lambda.Unknown") && shown.contains("The message was received 3 times"),
        "{shown}"
    );

    // Retry and Catch apply to it as to any other error.
    stack.start_run("caught", "exits-caught", json!({ "do": "exit" })).await;
    let caught = stack.ended("caught", "exits-caught").await;
    assert_eq!(caught.end(), "SUCCEEDED");
    assert_eq!(caught.output.unwrap()["error"]["Error"], "Lambda.Unknown");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_blocks_its_process_fails_its_own_run_and_the_others_succeed() {
    let work = TestStep { visibility_seconds: 2, receives_max: 1, ..TestStep::new("work", 2) };
    let stack = TestStack::start(STEP, &[work]).await;
    stack.publish("plain", &one_task("work", json!({}))).await;
    stack.publish("limited", &one_task("work", json!({ "TimeoutSeconds": 1 }))).await;
    for at in 0..4 {
        stack.start_run("plain", &format!("before-{at}"), json!(at)).await;
    }
    stack.start_run("plain", "blocks", json!({ "do": "block" })).await;
    stack.start_run("limited", "blocks-limited", json!({ "do": "block" })).await;
    for at in 0..4 {
        stack.start_run("plain", &format!("after-{at}"), json!(at)).await;
    }
    assert_eq!(stack.counts(&QueueName::Step("work".to_owned())).visible, 10, "one batch holds all of them");
    stack.open_all();

    let blocks = stack.ended("plain", "blocks").await;
    assert_eq!(blocks.end(), "FAILED Lambda.Unknown");
    assert!(message(&blocks).contains("Task timed out after 2.00 seconds"), "{blocks:?}");
    assert_eq!(stack.ended("limited", "blocks-limited").await.end(), "FAILED States.Timeout");
    for name in (0..4).flat_map(|at| [format!("before-{at}"), format!("after-{at}")]) {
        assert_eq!(stack.ended("plain", &name).await.end(), "SUCCEEDED", "{name}");
    }
    let counts = stack.counts(&QueueName::DeadLetter);
    assert_eq!((counts.visible, stack.take(&QueueName::Parked).len()), (0, 0), "nothing is left over");
}
