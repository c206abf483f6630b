//! The real binaries on an AWS emulator: `make test-aws`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod deaths;
mod deploying;
mod killed;
mod letters;
mod operator;
mod orders;
mod outage;
mod payloads;
mod redeployed;
mod scheduled;
mod told;

use serde_json::{Map, Value, json};
use stepladder_asl::timestamp;

/// The tests' own step.
const PROBE: &str = "probe-step";

/// A Task that retries whatever the world, not the step, makes of it.
fn task(function: &str, next: Option<&str>) -> Value {
    let mut task = json!({
        "Type": "Task",
        "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
        "Retry": [{
            "ErrorEquals": ["NoteFailed", "Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"],
            "IntervalSeconds": 1, "MaxAttempts": 10, "BackoffRate": 2, "MaxDelaySeconds": 20,
        }],
    });
    match next {
        Some(next) => task["Next"] = json!(next),
        None => task["End"] = json!(true),
    }
    task
}

/// Tasks one after another, each with a function of its own: state `A` is done by function `a`.
fn chain(states: &[&str]) -> Value {
    let mut tasks = Map::new();
    for (at, state) in states.iter().enumerate() {
        tasks.insert((*state).to_owned(), task(&state.to_lowercase(), states.get(at + 1).copied()));
    }
    json!({ "StartAt": states[0], "States": tasks })
}

/// One time in UTC as Scheduler takes it, cut to whole seconds.
fn at(epoch_ms: i64) -> String {
    format!("at({})", &timestamp::format(epoch_ms)[.."2026-01-01T00:00:00".len()])
}
