//! What an operator does to runs by the command line: goes on from a chosen place, by another definition, does again, undoes, pauses.

use crate::{STEP, arn};
use serde_json::{Value, json};
use stepladder_tests::{TestStack, TestStep, until};

fn task(fields: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": arn("work") });
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    task
}

/// Each item goes through the step; then the run fails if its input says so.
fn definition() -> Value {
    json!({ "StartAt": "Each", "States": {
        "Each": { "Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.each", "Next": "Last",
            "ItemProcessor": { "StartAt": "Work", "States": { "Work": task(json!({ "End": true })) } } },
        "Last": task(json!({ "Parameters": { "do.$": "$.then" }, "ResultPath": "$.last", "End": true })),
    } })
}

async fn stack() -> TestStack {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("w", &definition()).await;
    stack.open_all();
    stack
}

async fn failed(stack: &TestStack, name: &str) {
    stack.start_run("w", name, json!({ "items": [1, 2, 3], "then": "fail" })).await;
    assert_eq!(stack.ended("w", name).await.item.status, stepladder_engine::Status::Failed);
}

/// The output of a run that has succeeded.
async fn output(stack: &TestStack, name: &str) -> Value {
    let what = format!("w/{name} has succeeded");
    let id = format!("w/{name}");
    let succeeded = async || {
        let shown = stack.cli(&["run", "show", &id, "-o", "json"]).await.assert_code(0).json();
        (shown["status"] == "SUCCEEDED").then_some(shown)
    };
    until(&what, || stack.tell(), succeeded).await["output"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_from_a_place_inside_a_map_with_another_input() {
    let stack = stack().await;
    failed(&stack, "r").await;
    let place = ["run", "redrive", "w/r", "--from", "Each[1].Work", "--input", "22", "--yes", "-o", "json"];
    // The state behind the Map fails as before, and goes on in a second redrive.
    let told = stack.cli(&place).await.assert_code(0).json();
    assert_eq!((&told["result"], &told["from"]), (&json!("redriven"), &json!("Each")));
    assert_eq!(told["branches"], json!({ "total": 3, "kept": 2 }));
    stack.ended("w", "r").await;
    let set = ["run", "redrive", "w/r", "--set", "$.then=answer", "--yes"];
    stack.cli(&set).await.assert_code(0);
    let output = output(&stack, "r").await;
    assert_eq!(output["each"], json!([1, 22, 3]));
    assert_eq!(stack.calls().iter().filter(|call| call.contains("Work")).count(), 4, "{:?}", stack.calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_by_the_corrected_definition_and_is_done_again() {
    let stack = stack().await;
    failed(&stack, "r").await;
    stack
        .cli(&["run", "redrive", "w/r", "--from", "Nowhere", "--yes"])
        .await
        .assert_code(5)
        .assert_tells("the definition has no state 'Nowhere'; it has: Each");
    let mut corrected = definition();
    corrected["States"]["Last"]["Parameters"] = json!({ "mended": true });
    stack.publish("w", &corrected).await;
    let current = ["run", "redrive", "w/r", "--definition", "current", "--yes"];
    stack.cli(&current).await.assert_code(0).assert_tells("kept  Each");
    assert_eq!(output(&stack, "r").await["last"], json!({ "mended": true }));
    let again = ["run", "rerun", "w/r", "--from", "Last", "--name", "again", "--yes"];
    stack.cli(&again).await.assert_code(0).assert_tells("not again  Each");
    assert_eq!(output(&stack, "again").await["each"], json!([1, 2, 3]));
    let shown = stack.cli(&["run", "show", "w/again", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(shown["rerun_of"], "w/r");
    let history = stack.cli(&["run", "history", "w/again"]).await.assert_code(0).stdout;
    assert!(history.contains("ExecutionSucceeded") && !history.contains("MapStateEntered"), "{history}");
    // By a query, each once, as new runs.
    let all = [
        "run",
        "rerun",
        "--where",
        "workflow=w status=succeeded",
        "--report",
        "reruns.jsonl",
        "--yes",
        "-o",
        "json",
    ];
    let told = stack.cli(&all).await.assert_code(0).json();
    assert_eq!((&told["done"], &told["is_complete"]), (&json!(2), &json!(true)));
    let listed = stack.cli(&["run", "list", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_run_goes_on_to_the_state_that_undoes() {
    let stack = stack().await;
    let undo = json!({ "StartAt": "First", "States": {
        "First": task(json!({ "ResultPath": "$.first", "Next": "Wait", "Catch": [{ "ErrorEquals": ["Never"], "Next": "Undo" }] })),
        "Wait": { "Type": "Wait", "Seconds": 3600, "End": true },
        "Undo": task(json!({ "End": true })),
    } });
    stack.publish("w", &undo).await;
    stack.start_run("w", "r", json!({ "n": 1 })).await;
    until("the run waits", || stack.tell(), async || (stack.calls().len() == 1).then_some(())).await;
    stack.cli(&["run", "stop", "w/r", "--compensate", "Other"]).await.assert_code(5);
    // The step's record may be on its way.
    let compensated =
        stack.cli(&["run", "stop", "w/r", "--compensate", "Undo", "-o", "json"]).await.assert_code(0);
    assert_eq!(compensated.json()["result"], "compensating");
    let output = output(&stack, "r").await;
    assert_eq!(output["n"], 1);
    assert_eq!(stack.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_workflow_holds_its_runs_until_it_is_resumed() {
    let stack = stack().await;
    stack.cli(&["workflow", "pause", "nothing"]).await.assert_code(3);
    // Before any function has read what is paused.
    stack.cli(&["workflow", "pause", "w"]).await.assert_code(0);
    stack.start_run("w", "r", json!({ "items": [1], "then": "answer" })).await;
    let held = || async {
        let shown = stack.cli(&["run", "show", "w/r"]).await.assert_code(0);
        shown.stdout.contains("is paused").then_some(())
    };
    until("the run is paused", || stack.tell(), held).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(stack.calls(), Vec::<String>::new());
    stack.cli(&["workflow", "resume", "w"]).await.assert_code(0);
    assert_eq!(output(&stack, "r").await["each"], json!([1]));
}
