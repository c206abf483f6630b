//! Counts for CloudWatch among the log lines of a real process.

use crate::{STEP, one_task};
use serde_json::{Value, json};
use stepladder_tests::{TestStack, TestStep, until};

/// The lines in the embedded metric format, without what stands around the counts.
fn counts(stack: &TestStack) -> Vec<Value> {
    let lines = stack.log_texts().into_iter().filter_map(|text| serde_json::from_str::<Value>(&text).ok());
    lines
        .filter_map(|mut line| {
            let directive = line.as_object_mut()?.remove("_aws")?["CloudWatchMetrics"][0].take();
            let defined: Vec<&Value> =
                directive["Metrics"].as_array()?.iter().map(|metric| &metric["Name"]).collect();
            assert_eq!(line.as_object()?.len(), defined.len() + 1, "each count is defined: {line}");
            assert_eq!((&directive["Namespace"], &line["Stack"]), (&json!("Stepladder"), &json!("test")));
            Some(line)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_writes_what_it_has_counted_and_a_failure_at_once() {
    let step = TestStep { env: vec![("STEPLADDER_METRICS", "emf".to_owned())], ..TestStep::new("work", 3) };
    let stack = TestStack::start(STEP, &[step]).await;
    stack.publish("plain", &one_task("work", json!({}))).await;
    stack.open_all();
    stack.start_run("plain", "good", json!({ "of": 1 })).await;
    assert_eq!(stack.ended("plain", "good").await.end(), "SUCCEEDED");
    stack.start_run("plain", "bad", json!({ "do": "fail", "text": "no" })).await;
    assert_eq!(stack.ended("plain", "bad").await.end(), "FAILED ActError");
    let sum = |name: &str| counts(&stack).iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
    let all = async || (sum("RunsFailed") > 0 && sum("RunsSucceeded") > 0).then_some(());
    until("both ends are counted", || stack.tell(), all).await;
    assert_eq!((sum("RunsSucceeded"), sum("RunsFailed"), sum("Steps")), (1, 1, 2));
    assert_eq!(counts(&stack).len(), 2, "a line for the first, and one for the failure");
}
