//! Parallel and Map by real programs: their branches are messages like any other.

use crate::{STEP, arn};
use serde_json::{Value, json};
use stepladder_protocol::RunId;
use stepladder_tests::{TestStack, TestStep};

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
        let events = stack.cli(&["run", "history", name, "-o", "jsonl"]).await.assert_code(0).lines();
        let types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
        for expected in ["ParallelStateStarted", "MapStateStarted", "MapIterationStarted"] {
            assert!(types.contains(&expected), "{expected} is missing: {types:?}");
        }
    }
}
