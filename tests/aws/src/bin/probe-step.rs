//! A step for the tests on an emulator: notes that it was called, then does as its input says.
//!
//! `{"trail": […]}` comes back with the call's id appended; every other input is its output. `"do": {"<state>": "exit"}` ends
//! the process in that state; `{"<state>": 250}` takes so many milliseconds. Each call is an item of `<stack>-calls`.

// It is a test's step: whatever fails in it shall panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use aws_sdk_dynamodb::{Client, error::DisplayErrorContext, types::AttributeValue};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;
use stepladder::{Step, StepError};
use stepladder_aws_tests::trail::{Call, TABLE};
use tokio::sync::OnceCell;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(act).await
}

/// The call could not be noted. A definition retries it.
#[derive(Debug)]
struct NoteFailed(String);

impl std::fmt::Display for NoteFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StepError for NoteFailed {}

async fn act(mut input: Value, step: Step) -> Result<Value, NoteFailed> {
    let seen = match input.get("trail").and_then(Value::as_array) {
        Some(ids) => ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect(),
        None => vec![format!("{:x}", Sha256::digest(input.to_string()))],
    };
    let call = Call {
        run: step.run_name().to_owned(),
        state: step.state().to_owned(),
        id: format!("{:016x}", rand::random::<u64>()),
        operation_key: step.operation_key().to_owned(),
        idempotency_key: step.idempotency_key().to_owned(),
        seen,
    };
    note(&call).await?;
    match input.pointer(&format!("/do/{}", step.state())) {
        Some(Value::String(how)) if how == "exit" => std::process::exit(1),
        Some(Value::Number(ms)) => tokio::time::sleep(Duration::from_millis(ms.as_u64().unwrap())).await,
        _ => (),
    }
    if let Some(ids) = input.get_mut("trail").and_then(Value::as_array_mut) {
        ids.push(json!(call.id));
    }
    Ok(input)
}

async fn note(call: &Call) -> Result<(), NoteFailed> {
    static CLIENT: OnceCell<Client> = OnceCell::const_new();
    let client = CLIENT.get_or_init(async || Client::new(&stepladder::aws_config().await)).await;
    let text = |text: String| AttributeValue::S(text);
    client
        .put_item()
        .table_name(format!("{}-{TABLE}", std::env::var("STEPLADDER_STACK").unwrap()))
        .item("pk", text(call.run.clone()))
        .item("sk", text(format!("{}#{}", call.state, call.id)))
        .item("call", text(serde_json::to_string(call).unwrap()))
        .send()
        .await
        .map(drop)
        .map_err(|error| NoteFailed(DisplayErrorContext(error).to_string()))
}
