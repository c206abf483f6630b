//! Processes are killed at random while runs go through.

use crate::{PROBE, task};
use rand::{
    SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, IteratorRandom},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use stepladder_aws_tests::{
    Emulator, Function, Kind, Stack,
    processes::{self, Process},
    trail, until,
};
use stepladder_engine::{Next, Status};
use stepladder_protocol::{Host, QueueName, RunId, Store};

const STATES: [&str; 3] = ["A", "B", "C"];
const RUNS: usize = 300;
/// So many processes die, one at each look.
const KILLS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn binaries_are_killed_at_random_and_no_run_is_lost_stuck_or_goes_twice() {
    let emulator = Emulator::from_env();
    let (Kind::Ministack, Some(pid)) = (emulator.kind, emulator.pid) else {
        return eprintln!("skipped: only functions that run as processes of this machine can be killed");
    };
    // A message of a killed function is visible again after 30 seconds.
    let steps = STATES.map(|state| Function::step(&state.to_lowercase(), PROBE, 5));
    let stack = Stack::create("killed", &steps).await;
    let definition = json!({ "StartAt": "A", "States": {
        "A": task("a", Some("Pause")),
        "Pause": { "Type": "Wait", "Seconds": 1, "Next": "B" },
        "B": task("b", Some("C")),
        "C": task("c", None),
    } });
    stack.publish("chain", &definition).await;
    // Each step takes a while, so that it is killed in the middle of its work, and before and after.
    let input = json!({ "trail": [], "do": { "A": 50, "B": 50, "C": 50 } });
    let runs: Vec<_> = (0..RUNS).map(|at| (format!("run-{at}"), input.clone())).collect();
    stack.send_starts("chain", &runs).await;

    let seed = rand::random();
    eprintln!("seed {seed}");
    let killed = kill_at_random(&stack, pid, StdRng::seed_from_u64(seed)).await;
    let mut going = 0;
    for (name, _) in &runs {
        let run = stack.run("chain", name).await;
        going += usize::from(run.is_none_or(|run| run.status == Status::Running));
    }
    assert!(going > 0, "runs were under way while processes were killed");

    // None is stuck.
    let mut ended = BTreeMap::new();
    for (name, _) in &runs {
        let end = stack.ended("chain", name, PATIENCE).await;
        assert_eq!(end.end(), "SUCCEEDED", "{name}: {:?}", end.cause);
        ended.insert(name.clone(), end);
    }
    // None is lost, and there is no other.
    let listed = stack.host().store().runs_started("chain", 0, i64::MAX, 1_000).await.unwrap();
    assert_eq!(listed.len(), RUNS);
    // None went twice.
    let calls = trail::calls(&stack).await;
    assert_eq!(calls.len(), RUNS);
    let (mut repeated, mut received_again) = (0, 0);
    for (name, end) in &ended {
        let output = end.output.as_ref().unwrap();
        repeated += trail::check_trail(name, output, &calls[name], &STATES).repeated;
        let view = stack.protocol.view(&RunId::new("chain", name.as_str())).await.unwrap().unwrap();
        let Next::End(last) = &view.replay.last.next else { panic!("{name} has not recorded its end") };
        assert_eq!(last.status, Status::Succeeded);
        let owners: BTreeSet<&str> = view.records.iter().map(|record| record.owner.as_str()).collect();
        assert_eq!(owners.len(), view.records.len(), "{name}: a message writes at most one record");
        received_again += view.records.iter().filter(|record| record.receive_count > 1).count();
    }
    assert!(received_again > 0, "messages came back");
    assert_eq!(stack.parked().await, []);
    until("no dead letter is left", PATIENCE, async || {
        let [visible, in_flight, _] = stack.counts(&QueueName::DeadLetter).await;
        (visible + in_flight == 0).then_some(())
    })
    .await;
    eprintln!(
        "{RUNS} runs; killed {killed:?}; {received_again} records by messages that came again, {repeated} calls repeated"
    );
}

/// Kills a process of the stack at each look, from the time on when the first step runs; how often each function was hit.
async fn kill_at_random(stack: &Stack, emulator: u32, mut random: StdRng) -> BTreeMap<String, usize> {
    let first = stack.full(&QueueName::Step(STATES[0].to_lowercase()));
    let prefix = format!("{}-", stack.name);
    let victims = || {
        let mut by_function = BTreeMap::<String, Vec<Process>>::new();
        for process in processes::functions_under(emulator) {
            if process.function.starts_with(&prefix) {
                by_function.entry(process.function.clone()).or_default().push(process);
            }
        }
        by_function
    };
    until("the first step runs", PATIENCE, async || victims().contains_key(&first).then_some(())).await;
    let mut killed = BTreeMap::<String, usize>::new();
    until("enough processes were killed", PATIENCE, async || {
        // First a function, then one of its processes: else those with most of them would take all hits.
        let by_function = victims();
        if let Some(of_function) = by_function.values().choose(&mut random)
            && let Some(victim) = of_function.choose(&mut random)
            && processes::kill(victim)
        {
            *killed.entry(victim.function.clone()).or_default() += 1;
        }
        let each_step = STATES.map(|state| stack.full(&QueueName::Step(state.to_lowercase())));
        let is_enough = killed.values().sum::<usize>() >= KILLS;
        (is_enough && each_step.iter().all(|step| killed.contains_key(step))).then_some(())
    })
    .await;
    killed
}
