//! Parallel and Map states, with real programs, queues and tables.

use crate::{STEP, arn};
use serde_json::{Value, json};
use stepladder_protocol::RunId;
use stepladder_tests::{TestStack, TestStep};

/// An iteration that calls the step with `{do, text, of}` of its item.
fn iteration() -> Value {
    json!({ "StartAt": "Each", "States": {
        "Each": { "Type": "Task", "Resource": arn("work"), "End": true },
    } })
}

async fn history(stack: &TestStack, name: &str) -> Vec<Value> {
    stack.cli(&["run", "history", name, "-o", "json"]).await.assert_code(0).list()
}

fn count(events: &[Value], event_type: &str) -> usize {
    events.iter().filter(|event| event["type"] == event_type).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_fan_outs_give_their_results_in_order() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Both", "States": {
        "Both": {
            "Type": "Parallel",
            "Assign": { "who": "{% $states.context.Execution.Name %}" },
            "Output": { "items": "{% $states.result[0] %}", "other": "{% $states.result[1] %}" },
            "Branches": [
                { "StartAt": "Items", "States": { "Items": {
                    "Type": "Map", "Items": "{% [1..5] %}", "MaxConcurrency": 2, "ItemProcessor": iteration(), "End": true,
                    "ItemSelector": { "of": "{% $states.context.Map.Item.Value * 10 %}", "at": "{% $states.context.Map.Item.Index %}" },
                } } },
                { "StartAt": "Other", "States": {
                    "Other": { "Type": "Task", "Resource": arn("work"), "Arguments": { "n": "{% $states.input.n %}" }, "End": true },
                } },
            ],
            "Next": "Last",
        },
        "Last": { "Type": "Pass", "Output": { "who": "{% $who %}", "all": "{% $states.input %}" }, "End": true },
    } });
    stack.publish("nested", &definition).await;
    stack.start_run("nested", "one", json!({ "n": 7 })).await;
    stack.open_all();

    let ended = stack.ended("nested", "one").await;
    assert_eq!(ended.end(), "SUCCEEDED", "{ended:?}");
    let items: Vec<Value> = (0..5).map(|at| json!({ "of": (at + 1) * 10, "at": at })).collect();
    let expected = json!({ "who": "one", "all": { "items": items, "other": { "n": 7 } } });
    assert_eq!(ended.output, Some(expected));
    let mut calls = stack.calls();
    calls.sort();
    assert_eq!(calls, [vec!["one Each 1"; 5], vec!["one Other 1"]].concat());

    let events = history(&stack, "one").await;
    let found =
        ["MapIterationStarted", "MapIterationSucceeded", "MapStateSucceeded", "ParallelStateSucceeded"];
    assert_eq!(found.map(|event_type| count(&events, event_type)), [5, 5, 1, 1]);
    let ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap()["type"], "ExecutionSucceeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_wider_than_a_part_joins_and_a_failed_iteration_is_caught() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    let definition = json!({ "StartAt": "All", "States": {
        "All": {
            "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": iteration(), "Next": "Done",
            "Retry": [{ "ErrorEquals": ["Never"] }],
            "Catch": [{ "ErrorEquals": ["ActError"], "ResultPath": "$.caught", "Next": "Sorry" }],
        },
        "Done": { "Type": "Succeed" },
        "Sorry": { "Type": "Pass", "Parameters": { "error.$": "$.caught.Error" }, "End": true },
    } });
    stack.publish("wide", &definition).await;
    let items: Vec<Value> = (0..150).map(|at| json!({ "of": at })).collect();
    stack.start_run("wide", "good", json!({ "items": items })).await;
    let mut bad = items.clone();
    bad[3] = json!({ "do": "fail", "text": "no" });
    stack.start_run("wide", "bad", json!({ "items": bad })).await;
    stack.open_all();

    let good = stack.ended("wide", "good").await;
    assert_eq!((good.end().as_str(), good.output), ("SUCCEEDED", Some(json!(items))));
    let ended = stack.ended("wide", "bad").await;
    assert_eq!((ended.end().as_str(), ended.output), ("SUCCEEDED", Some(json!({ "error": "ActError" }))));
    let calls = stack.calls();
    assert_eq!(calls.iter().filter(|call| call.starts_with("good ")).count(), 150);

    let events = history(&stack, "bad").await;
    assert_eq!(count(&events, "MapIterationFailed"), 1);
    assert_eq!(count(&events, "MapStateFailed"), 1);
    let events = history(&stack, "good").await;
    assert_eq!(count(&events, "MapIterationSucceeded"), 150);
    assert_eq!(count(&events, "LambdaFunctionSucceeded"), 150);
}

fn task(next: Option<&str>) -> Value {
    match next {
        Some(next) => json!({ "Type": "Task", "Resource": arn("work"), "Next": next }),
        None => json!({ "Type": "Task", "Resource": arn("work"), "End": true }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_within_a_parallel_joins_and_a_failed_branch_is_caught() {
    let map = json!({
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 2,
        "ItemProcessor": {
            "StartAt": "One",
            "States": { "One": task(Some("Two")), "Two": task(None) },
        },
        "End": true,
    });
    let wait = json!({ "Type": "Wait", "Seconds": 1, "End": true });
    let definition = json!({
        "StartAt": "Both",
        "States": { "Both": {
            "Type": "Parallel",
            "Branches": [
                { "StartAt": "Each", "States": { "Each": map } },
                { "StartAt": "Pause", "States": { "Pause": wait } },
            ],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }],
            "End": true,
        }, "Caught": { "Type": "Pass", "End": true } },
    });
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("both", &definition).await;
    let good = json!({ "items": [{ "of": 1 }, { "of": 2 }, { "of": 3 }] });
    stack.start_run("both", "good", good.clone()).await;
    let items = json!([{ "of": 1 }, { "do": "fail", "text": "no" }, { "of": 3 }]);
    stack.start_run("both", "bad", json!({ "items": items })).await;
    stack.open_all();

    let ended = stack.ended("both", "good").await;
    assert_eq!((ended.end().as_str(), ended.output), ("SUCCEEDED", Some(json!([good["items"], good]))));
    let view = stack.protocol.view(&RunId::new("both", "good")).await.unwrap().unwrap();
    // The Parallel's two branches, and the three of the Map: two steps each, the wait, and the Map's turn and join.
    assert_eq!((view.records.len(), view.branch_records.len()), (1, 5));
    assert_eq!(view.branch_records.values().map(Vec::len).sum::<usize>(), 9);

    let ended = stack.ended("both", "bad").await;
    let caught = ended.output.clone().unwrap();
    assert_eq!((ended.end().as_str(), &caught["Error"]), ("SUCCEEDED", &json!("ActError")));

    for name in ["good", "bad"] {
        stack.cli(&["run", "show", name]).await.assert_code(0);
        let events = stack.cli(&["run", "history", name, "-o", "json"]).await.assert_code(0).list();
        let types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
        for expected in ["ParallelStateStarted", "MapStateStarted", "MapIterationStarted"] {
            assert!(types.contains(&expected), "{expected} is missing: {types:?}");
        }
    }
}
