//! The whole of it on one machine: real programs, a local server, messages as they come, and what the user sees.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod api;
mod command_line;
mod completion;
mod deaths;
mod definitions;
mod fan_outs;
mod killed;
mod logs;
mod messages;
mod metrics;
mod onboarding;
mod operator;
mod orders;
mod payloads;
mod recovery;
mod registration;
mod steps;
mod tenants;
mod uploads;

use serde_json::{Value, json};

/// The program of all steps.
const STEP: &str = env!("CARGO_BIN_EXE_test-step");

fn arn(function: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:{function}")
}

/// A workflow of one Task, with these fields besides.
fn one_task(function: &str, fields: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": arn(function), "End": true });
    task.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({ "StartAt": "Work", "States": { "Work": task } })
}
