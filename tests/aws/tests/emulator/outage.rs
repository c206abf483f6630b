//! The table can't be reached for half a minute, under load.

use crate::{PROBE, chain};
use serde_json::json;
use std::time::{Duration, Instant};
use stepladder_aws_tests::{Emulator, Function, Kind, Proxy, Stack, system, trail, until};
use stepladder_engine::Status;
use stepladder_protocol::{Host, RunId, Store};

const STATES: [&str; 3] = ["A", "B", "C"];
const RUNS: usize = 100;
const OUTAGE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn an_unreachable_table_sends_messages_back_and_every_run_ends() {
    let emulator = Emulator::from_env();
    if emulator.kind != Kind::Ministack {
        return eprintln!(
            "skipped: a function in a container can't reach a proxy on this machine's loopback"
        );
    }
    let proxy = Proxy::start(&emulator.endpoint).await;
    let through = |function: Function| function.with_env("AWS_ENDPOINT_URL_DYNAMODB", proxy.url());
    let steps = STATES.map(|state| through(Function::step(&state.to_lowercase(), PROBE, 10)));
    let stack = Stack::create_with("outage", &steps, system().into_iter().map(through).collect()).await;
    stack.publish("chain", &chain(&STATES)).await;

    let runs: Vec<_> = (0..RUNS).map(|at| (format!("run-{at}"), json!({ "trail": [] }))).collect();
    stack.send_starts("chain", &runs).await;
    // Under load: some steps have been through, and most have not.
    until("the first runs are under way", Duration::from_secs(60), async || {
        (proxy.calls().get("PutItem").is_some_and(|puts| *puts > RUNS * 2)).then_some(())
    })
    .await;
    proxy.cut();
    let cut = Instant::now();
    until("the outage is over", OUTAGE * 2, async || (cut.elapsed() >= OUTAGE).then_some(())).await;
    assert!(proxy.refused() > 10, "functions tried to reach the table: {} times", proxy.refused());
    let ended_before = ended(&stack).await;
    assert!(ended_before < RUNS, "runs were under way when the table went away");
    proxy.mend();

    let mut outputs = Vec::new();
    for (name, _) in &runs {
        let ended = stack.ended("chain", name, Duration::from_secs(200)).await;
        assert_eq!(ended.end(), "SUCCEEDED", "{name}: {:?}", ended.cause);
        outputs.push((name, ended.output.unwrap()));
    }
    let calls = trail::calls(&stack).await;
    let (mut repeated, mut received_again) = (0, 0);
    for (name, output) in &outputs {
        repeated += trail::check_trail(name, output, &calls[*name], &STATES).repeated;
        let view = stack.protocol.view(&RunId::new("chain", name.as_str())).await.unwrap().unwrap();
        received_again += view.records.iter().filter(|record| record.receive_count > 1).count();
    }
    assert!(received_again > 0, "messages came back");
    assert_eq!(stack.parked().await, []);
    eprintln!(
        "{RUNS} runs, {ended_before} ended before the table came back; {} connections refused, {received_again} records \
         by messages that came again, {repeated} calls repeated; calls of DynamoDB: {:?}",
        proxy.refused(),
        proxy.calls()
    );
}

/// How many runs have ended.
async fn ended(stack: &Stack) -> usize {
    let listed = stack.host().store().runs_started("chain", 0, i64::MAX, 1_000).await.unwrap();
    let mut ended = 0;
    for run in listed {
        let item = stack.run("chain", &run.id.name).await.unwrap();
        ended += usize::from(item.status != Status::Running);
    }
    ended
}
