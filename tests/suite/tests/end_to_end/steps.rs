//! Steps that panic, fail, take for ever: an outcome of their own run, and of no other in the batch.

use crate::{STEP, one_task};
use serde_json::{Value, json};
use stepladder_protocol::{QueueName, RunId};
use stepladder_tests::{TestStack, TestStep};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_panics_or_never_returns_fails_its_own_run_alone() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 3)]).await;
    stack.publish("plain", &one_task("work", json!({}))).await;
    stack.publish("limited", &one_task("work", json!({ "TimeoutSeconds": 1 }))).await;
    let retried = json!({ "Retry": [{ "ErrorEquals": ["Panic"], "IntervalSeconds": 1, "MaxAttempts": 1 }] });
    stack.publish("retried", &one_task("work", retried)).await;
    for at in 0..5 {
        stack.start_run("plain", &format!("good-{at}"), json!({ "of": at })).await;
    }
    let text = "the total is \"negative\"\u{fffe}";
    stack.start_run("plain", "panics", json!({ "do": "panic", "text": text })).await;
    stack.start_run("retried", "panics-twice", json!({ "do": "panic", "text": "again" })).await;
    stack.start_run("plain", "fails", json!({ "do": "fail", "text": "no" })).await;
    stack.start_run("limited", "limited", json!({ "do": "never" })).await;
    stack.start_run("plain", "never", json!({ "do": "never" })).await;
    assert_eq!(stack.counts(&QueueName::Step("work".to_owned())).visible, 10, "one batch holds all of them");
    stack.open_all();

    let cause =
        |error: &str, message: &str| json!({ "errorMessage": message, "errorType": error, "stackTrace": [] });
    let panics = stack.ended("plain", "panics").await;
    assert_eq!(panics.end(), "FAILED Panic");
    let told: Value = serde_json::from_str(panics.cause.as_deref().unwrap()).unwrap();
    assert_eq!(told, cause("Panic", text));
    let fails = stack.ended("plain", "fails").await;
    assert_eq!(fails.end(), "FAILED ActError");
    let told: Value = serde_json::from_str(fails.cause.as_deref().unwrap()).unwrap();
    assert_eq!(told, cause("ActError", "no"));
    let limited = stack.ended("limited", "limited").await;
    assert_eq!(limited.end(), "FAILED States.Timeout");
    let never = stack.ended("plain", "never").await;
    assert_eq!(never.end(), "FAILED Sandbox.Timedout");
    assert!(never.cause.as_deref().unwrap().contains("Task timed out after "), "{never:?}");
    assert_eq!(stack.ended("retried", "panics-twice").await.end(), "FAILED Panic");
    let attempts: Vec<String> =
        stack.calls().into_iter().filter(|call| call.starts_with("panics-twice ")).collect();
    assert_eq!(attempts, ["panics-twice Work 1", "panics-twice Work 2"]);

    for at in 0..5 {
        let name = format!("good-{at}");
        let good = stack.ended("plain", &name).await;
        assert_eq!((good.end().as_str(), good.output), ("SUCCEEDED", Some(json!({ "of": at }))));
        let view = stack.protocol.view(&RunId::new("plain", &name)).await.unwrap().unwrap();
        // None of them had to be delivered again, or to wait for the slow ones.
        assert_eq!(view.records[0].receive_count, 1);
        assert!(view.item.ended_ms.unwrap() < never.item.ended_ms.unwrap(), "{name}");
    }

    let shown = stack.cli(&["run", "show", "panics"]).await.assert_code(0).stdout;
    assert!(shown.contains("Panic") && shown.contains("the total is \"negative\""), "{shown}");
    let events = |name: &'static str| {
        let stack = &stack;
        async move {
            let events = stack.cli(&["run", "history", name, "-o", "json"]).await.assert_code(0).list();
            events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    let begin = ["ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted"];
    assert_eq!(events("panics").await, [&begin[..], &["LambdaFunctionFailed", "ExecutionFailed"]].concat());
    assert_eq!(
        events("limited").await,
        [&begin[..], &["LambdaFunctionTimedOut", "ExecutionFailed"]].concat()
    );
    assert_eq!(events("never").await, [&begin[..], &["LambdaFunctionFailed", "ExecutionFailed"]].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_of_another_shape_names_the_place() {
    let programs = stepladder_tests::Programs::built();
    let charge = programs.path("charge-payment");
    let stack = TestStack::start(charge.to_str().unwrap(), &[TestStep::new("charge-payment", 10)]).await;
    stack.publish("charge", &one_task("charge-payment", json!({}))).await;
    stack.open_all();
    let input =
        r#"{"action":"charge","reference":"r","amount":{"currency":"EUR","minor_units":"ten"},"card":null}"#;
    let told =
        stack.cli(&["start", "charge", "--name", "c-1", "--input", input, "--wait"]).await.assert_code(1);
    for part in [
        "charge/c-1 ended FAILED",
        "InvalidInput",
        "the input of the state 'Work' is not what its step takes",
    ] {
        assert!(told.stderr.contains(part), "no {part:?} in {told:#?}");
    }
}
