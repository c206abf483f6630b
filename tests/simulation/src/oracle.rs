//! What a run must end with: the engine alone, with no queue and no fault.

use crate::{
    answers::{Answer, scripted},
    scenario::Faults,
};
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::Definition;
use stepladder_engine::{Awaiting, End, Limit, Next, Outcome, Phase, Run, Status, advance, start, step_call};

/// The attempts that ran into a limit because their process was frozen, by state and attempt.
pub(crate) type Slow = BTreeMap<(String, u64), Outcome>;

/// The end of a run without faults, but for attempts that were slow.
pub(crate) fn expected(
    seed: u64,
    faults: &Faults,
    definition: &Definition,
    run: &Run,
    input: Value,
    slow: &Slow,
) -> (Status, Value) {
    let mut transition = start(definition, run, input, run.started_ms);
    loop {
        let position = match transition.next {
            Next::End(end) => return comparable(&end),
            Next::Wait(position) => position,
        };
        let now_ms = transition.now_ms.max(position.due_ms());
        let outcome = match position.awaiting {
            Awaiting::Timer { .. } | Awaiting::Turn => Outcome::TimerFired,
            Awaiting::Branches(_) => unreachable!("these workflows have no fan-out"),
            Awaiting::Answer { .. } => unreachable!("these workflows submit nothing"),
            Awaiting::Step { .. } => {
                let call = step_call(definition, run, &position).unwrap();
                let failed =
                    |error: &str| Outcome::Failed { error: error.to_owned(), cause: None, phase: Phase::Run };
                let slow = slow.get(&(position.state.clone(), call.attempt));
                match scripted(seed, faults, &run.name, &position.state, call.attempt) {
                    Answer::Hang if call.timeout_seconds.is_some() => {
                        Outcome::TimedOut { limit: Limit::Task }
                    }
                    Answer::Hang => failed("Sandbox.Timedout"),
                    _ if slow.is_some() => slow.cloned().unwrap(),
                    Answer::Output(output) => Outcome::Succeeded { output },
                    Answer::Error(error, _) => failed(error),
                    Answer::Panic => failed("Panic"),
                    Answer::Kill => failed("Lambda.Unknown"),
                }
            }
        };
        transition = advance(definition, run, &position, &outcome, now_ms);
    }
}

/// What of an end doesn't depend on times: status, and output or error without causes and drawn values.
pub(crate) fn comparable(end: &End) -> (Status, Value) {
    let mut value = end.output.clone().unwrap_or_else(|| end.error.clone().into());
    strip(&mut value);
    (end.status, value)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "Cause" && name != "uuid");
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
