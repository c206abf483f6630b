//! A step that takes its process along on every delivery.

use crate::{PROBE, task};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};
use stepladder_aws_tests::{Function, Stack, trail, until};
use stepladder_protocol::QueueName;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn a_step_that_always_dies_ends_as_lambda_unknown_and_a_catch_goes_on() {
    // Its queue shows a message again after 12 seconds, and hands it over after two deliveries.
    let work = Function { receives_max: 2, ..Function::step("work", PROBE, 2) };
    let stack = Stack::create("deaths", &[work]).await;
    let mut work = task("work", Some("Done"));
    work.as_object_mut().unwrap().remove("Retry");
    let mut states = json!({ "Work": work, "Done": { "Type": "Succeed" } });
    stack.publish("plain", &json!({ "StartAt": "Work", "States": states })).await;
    let catch = json!([{ "ErrorEquals": ["Lambda.Unknown"], "ResultPath": "$.problem", "Next": "Caught" }]);
    states["Work"]["Catch"] = catch;
    states["Caught"] = json!({ "Type": "Succeed" });
    stack.publish("caught", &json!({ "StartAt": "Work", "States": states })).await;

    let dies = json!({ "do": { "Work": "exit" }, "order": 17 });
    let mut plain: Vec<(String, Value)> = (0..8).map(|at| (format!("lives-{at}"), json!(at))).collect();
    plain.push(("dies".to_owned(), dies.clone()));
    stack.send_starts("plain", &plain).await;
    stack.send_starts("caught", &[("dies-caught".to_owned(), dies)]).await;

    let patience = Duration::from_secs(150);
    let failed = stack.ended("plain", "dies", patience).await;
    assert_eq!(failed.end(), "FAILED Lambda.Unknown");
    let cause: Value = serde_json::from_str(failed.cause.as_deref().unwrap()).unwrap();
    let message = cause["errorMessage"].as_str().unwrap();
    assert!(message.contains("never finished; handed to the function alone, the function died"), "{message}");

    let caught = stack.ended("caught", "dies-caught", patience).await;
    assert_eq!(caught.end(), "SUCCEEDED", "{:?}", caught.cause);
    let output = caught.output.unwrap();
    assert_eq!((&output["problem"]["Error"], &output["order"]), (&json!("Lambda.Unknown"), &json!(17)));
    for at in 0..8 {
        assert_eq!(stack.ended("plain", &format!("lives-{at}"), patience).await.end(), "SUCCEEDED", "{at}");
    }
    // At least the trial, where it dies without another's help; and it was the same attempt each time.
    let calls = trail::calls(&stack).await;
    let keys: BTreeSet<&str> = calls["dies"].iter().map(|call| call.idempotency_key.as_str()).collect();
    assert_eq!(keys.len(), 1, "{:#?}", calls["dies"]);

    until("no message is left over", patience, async || {
        let [visible, in_flight, _] = stack.counts(&QueueName::DeadLetter).await;
        (visible + in_flight == 0).then_some(())
    })
    .await;
    assert_eq!(stack.parked().await, []);
}
