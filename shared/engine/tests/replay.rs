//! Random small definitions and random outcomes: the replay of what was recorded leads where the run was led.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::{prelude::*, test_runner::FileFailurePersistence};
use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Branch, Limit, Next, Outcome, Phase, Position, Recorded, Records, Run, advance, replay, start,
};

/// State number `index` of `count`; it leads to any state.
fn state(index: usize, count: usize) -> impl Strategy<Value = Value> {
    let to = move || (0..count).prop_map(|next| format!("S{next}"));
    let task = (to(), to(), any::<bool>(), 0..3u64, any::<bool>(), any::<bool>()).prop_map(
        move |(next, caught, is_invoke, retries, catches, drops_result)| {
            let mut task = json!({
                "Type": "Task", "Next": next, "TimeoutSeconds": 5,
                "Retry": [
                    { "ErrorEquals": ["A"], "MaxAttempts": retries, "IntervalSeconds": 600 },
                    { "ErrorEquals": ["B", "States.Timeout"], "MaxAttempts": 1, "JitterStrategy": "FULL" }
                ],
            });
            if is_invoke {
                task["Resource"] = json!("arn:aws:states:::lambda:invoke");
                task["Parameters"] = json!({ "FunctionName": "work", "Payload.$": "$" });
                task["ResultPath"] = json!("$.result");
            } else {
                task["Resource"] = json!("arn:aws:lambda:us-east-1:000000000000:function:work");
                task["ResultPath"] = if drops_result { Value::Null } else { json!("$.id") };
            }
            if catches {
                let path = format!("$.caught{index}");
                task["Catch"] =
                    json!([{ "ErrorEquals": ["States.ALL"], "Next": caught, "ResultPath": path }]);
            }
            task
        },
    );
    prop_oneof![
        3 => task,
        1 => to().prop_map(|next| json!({
            "Type": "Pass", "Next": next, "Parameters": { "id.$": "States.UUID()", "n.$": "$.n" }
        })),
        1 => (to(), 1..3_000u64).prop_map(|(next, seconds)| json!({ "Type": "Wait", "Seconds": seconds, "Next": next })),
        1 => (to(), to(), 0..6u64).prop_map(|(next, default, n)| json!({
            "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericEquals": n, "Next": next }], "Default": default
        })),
        1 => Just(json!({ "Type": "Succeed" })),
        1 => Just(json!({ "Type": "Fail", "Error": "Gave", "Cause": "up" })),
    ]
}

/// States in a row, of which each leads to any: those that can't be reached are left out.
fn definition() -> impl Strategy<Value = Value> {
    let definitions = (2..6usize).prop_flat_map(|count| {
        let states: Vec<_> = (0..count).map(|index| state(index, count).boxed()).collect();
        (states, prop::option::of(1..20_000u64)).prop_map(|(states, timeout)| {
            let mut definition = json!({ "StartAt": "S0", "States": reachable(&states) });
            if let Some(timeout) = timeout {
                definition["TimeoutSeconds"] = json!(timeout);
            }
            definition
        })
    });
    definitions.prop_filter("it has an end", |definition| {
        let text = definition.to_string();
        text.contains("Succeed") || text.contains("\"Fail\"")
    })
}

fn reachable(states: &[Value]) -> Value {
    let mut reached = vec![0];
    let mut at = 0;
    while let Some(index) = reached.get(at).copied() {
        at += 1;
        let text = states[index].to_string();
        for next in 0..states.len() {
            if text.contains(&format!("\"S{next}\"")) && !reached.contains(&next) {
                reached.push(next);
            }
        }
    }
    reached.into_iter().map(|index| (format!("S{index}"), states[index].clone())).collect()
}

/// What a step does next; `wait` is what it takes, in milliseconds.
fn outcome() -> impl Strategy<Value = (Outcome, i64)> {
    let phase = prop_oneof![1 => Just(Phase::Schedule), 1 => Just(Phase::Start), 4 => Just(Phase::Run)];
    let failed = (prop_oneof![Just("A"), Just("B"), Just("C")], phase, any::<bool>()).prop_map(
        |(error, phase, has_cause)| Outcome::Failed {
            error: error.to_owned(),
            cause: has_cause.then(|| "because".to_owned()),
            phase,
        },
    );
    let outcome = prop_oneof![
        6 => (0..6u64).prop_map(|n| Outcome::Succeeded { output: json!({ "n": n }) }),
        4 => failed,
        2 => Just(Outcome::TimedOut { limit: Limit::Task }),
        1 => Just(Outcome::TimedOut { limit: Limit::Run }),
        1 => Just(Outcome::Stopped { error: None, cause: Some("enough".to_owned()) }),
    ];
    (outcome, 0..1_000i64)
}

/// What can end this wait: a step's outcome only where a step is called.
fn fitting(position: &Position, now_ms: i64, outcome: &Outcome) -> (Outcome, i64) {
    let due_ms = position.due_ms().max(now_ms);
    if position.is_past_deadline(due_ms) {
        return (Outcome::TimedOut { limit: Limit::Run }, due_ms);
    }
    match (position.awaiting, outcome) {
        (_, Outcome::Stopped { .. } | Outcome::TimedOut { limit: Limit::Run }) => (outcome.clone(), now_ms),
        // The timer function sends itself on until the time has come.
        (Awaiting::Timer { due_ms }, _) if due_ms - now_ms > 900_000 => {
            (Outcome::TimerFired, now_ms + 900_000)
        }
        (Awaiting::Timer { .. } | Awaiting::Turn, _) => (Outcome::TimerFired, due_ms),
        (Awaiting::Step { due_ms }, _) if due_ms - now_ms > 900_000 => {
            (Outcome::TimerFired, now_ms + 900_000)
        }
        // A limit that never comes is no reason to wait.
        (Awaiting::Answer { .. }, outcome) => (outcome.clone(), now_ms),
        (Awaiting::Step { .. } | Awaiting::Branches(_) | Awaiting::Items, outcome) => {
            (outcome.clone(), due_ms)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_replay_leads_where_the_run_was_led(
        definition in definition(),
        outcomes in prop::collection::vec(outcome(), 1..25),
        nonce in "[0-9a-f]{32}",
    ) {
        let definition = Definition::parse(&definition.to_string()).map_err(|faults| {
            TestCaseError::fail(format!("{faults}"))
        })?;
        let mut run = Run { nonce, ..Run::for_test("flow", "run-1") };
        let input = json!({ "n": 0, "id": "none" });
        let mut last = start(&definition, &run, input.clone(), 0);
        let mut records: Vec<Recorded> = Vec::new();
        let mut now_ms = 0;
        for (outcome, takes_ms) in &outcomes {
            let seq = records.len() as u32;
            let (position, outcome) = match &last.next {
                Next::Wait(position) => {
                    let (outcome, at_ms) = fitting(position, now_ms, outcome);
                    now_ms = at_ms + takes_ms;
                    (position.clone(), outcome)
                }
                Next::End(end) => {
                    run.redrive_count += 1;
                    (end.redrive_position(seq), Outcome::redriven(run.redrive_count, None))
                }
            };
            prop_assert_eq!(position.seq, seq);
            last = advance(&definition, &run, &position, &outcome, now_ms);
            // Computed twice, it is the same.
            prop_assert_eq!(&advance(&definition, &run, &position, &outcome, now_ms), &last);
            records.push(Recorded { outcome, started_ms: Some(now_ms), finished_ms: now_ms, digest: last.digest(), opening: None });
        }
        let replayed = replay(&definition, &run, input, &Records::from([(Branch::default(), records.clone())]))
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&replayed.last, &last);
        prop_assert_eq!(replayed.redrive_count, run.redrive_count);
        prop_assert_eq!(replayed.positions.len(), records.len());
        // Traced and untraced count the same, and every event has its number.
        let events = match &last.next {
            Next::Wait(position) => position.events,
            Next::End(end) => end.events,
        };
        prop_assert_eq!(replayed.events.len() as u64, events);
        for (index, event) in replayed.events.iter().enumerate() {
            prop_assert_eq!(event.id, index as u64 + 1);
            prop_assert!(event.previous_id < event.id);
        }
    }
}
