//! A function is taken away and comes back.

use crate::{PROBE, chain};
use serde_json::json;
use std::time::Duration;
use stepladder_aws_tests::{Function, Stack, trail, until};
use stepladder_engine::Status;

const STATES: [&str; 3] = ["A", "B", "C"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn runs_wait_for_a_function_that_was_removed_and_go_on_once_it_is_deployed_again() {
    let steps = STATES.map(|state| Function::step(&state.to_lowercase(), PROBE, 5));
    let stack = Stack::create("redeployed", &steps).await;
    stack.publish("chain", &chain(&STATES)).await;
    let runs = |from: usize| -> Vec<_> {
        (from..from + 10).map(|at| (format!("run-{at}"), json!({ "trail": [] }))).collect()
    };
    let patience = Duration::from_secs(120);
    stack.send_starts("chain", &runs(0)).await;
    for (name, _) in runs(0) {
        assert_eq!(stack.ended("chain", &name, patience).await.end(), "SUCCEEDED");
    }

    stack.remove(&steps[1].queue).await;
    stack.send_starts("chain", &runs(10)).await;
    until("all ten messages wait in the queue", patience, async || {
        (stack.counts(&steps[1].queue).await[0] == 10).then_some(())
    })
    .await;
    for (name, _) in runs(10) {
        assert_eq!(stack.run("chain", &name).await.unwrap().status, Status::Running, "{name}");
    }

    stack.deploy(&steps[1]).await;
    let mut outputs = Vec::new();
    for (name, _) in runs(10) {
        let ended = stack.ended("chain", &name, patience).await;
        assert_eq!(ended.end(), "SUCCEEDED", "{name}: {:?}", ended.cause);
        outputs.push((name, ended.output.unwrap()));
    }
    let calls = trail::calls(&stack).await;
    for (name, output) in &outputs {
        trail::check_trail(name, output, &calls[name], &STATES);
    }
}
