//! Fair queues: one tenant's many runs don't keep another's one waiting.

use crate::{STEP, one_task};
use serde_json::json;
use stepladder_local::EventSourceMapping;
use stepladder_protocol::QueueName;
use stepladder_tests::{TestStack, TestStep, until};

const BIG_RUNS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_tenants_run_passes_a_big_ones_backlog() {
    let tenants = json!({ "each": { "tenant": "$.customer" } }).to_string();
    let more = [("STEPLADDER_WORKFLOWS", tenants)];
    let stack = TestStack::start_told(STEP, &[TestStep::new("work", 10)], &more).await;
    stack.publish("each", &one_task("work", json!({}))).await;
    let start = |name: String, customer: &str| {
        json!({ "workflow": "each", "name": name, "input": { "customer": customer } }).to_string()
    };

    // The start function makes all of the big one's runs before it knows of the small one's; no step runs yet.
    let big: Vec<String> = (0..BIG_RUNS).map(|n| start(format!("big-{n}"), "big")).collect();
    for ten in big.chunks(10) {
        stack.send(&QueueName::Start, ten).await;
    }
    stack.open_system();
    let work = QueueName::Step("work".to_owned());
    let waiting = async |count: usize| {
        let tell = || stack.tell();
        let are_there = async || (stack.counts(&work).visible == count).then_some(());
        until(&format!("{count} messages for the step"), tell, are_there).await;
    };
    waiting(BIG_RUNS).await;
    stack.send(&QueueName::Start, &[start("small".to_owned(), "small")]).await;
    waiting(BIG_RUNS + 1).await;

    // Two batches at once: were all of them under way, no order would be seen.
    let mapping = EventSourceMapping::new("test-work", "test-work");
    stack.server.lambda().map_queue(EventSourceMapping { maximum_concurrency: Some(2), ..mapping }).unwrap();
    assert_eq!(stack.ended("each", "small").await.end(), "SUCCEEDED");
    for n in 0..BIG_RUNS {
        assert_eq!(stack.ended("each", &format!("big-{n}")).await.end(), "SUCCEEDED");
    }
    // It is in the first batch; some batches may have passed while that one's process began.
    let calls = stack.calls();
    let place = calls.iter().position(|call| call.starts_with("small ")).unwrap();
    assert!(place < BIG_RUNS / 3, "{place} of {} calls came before it", calls.len());
}
