//! A function for the tests of the Lambda host: does as its payload says, by the real Lambda runtime.
//!
//! `{"do": "answer" | "fail" | "panic" | "exit" | "wait" | "describe" | "print", "ms": …, "text": …}`; a queue's batch does
//! as each message's body says, and reports those that fail. `FUNCTION_EXITS_AT_START` makes it useless.
//! With the argument `host` it is a host that runs itself as a function, for the test that kills a host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use stepladder_local::{FunctionConfig, Server, ServerConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var_os("FUNCTION_EXITS_AT_START").is_some() {
        eprintln_line("no table name is set");
        std::process::exit(3);
    }
    match std::env::args().nth(1).as_deref() {
        Some("host") => host().await,
        _ => lambda_runtime::run(service_fn(function)).await,
    }
}

async fn function(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let Some(records) = event.payload.get("Records").and_then(Value::as_array) else {
        return act(&event.payload, &event).await;
    };
    let ids: Vec<&str> = records.iter().map(|record| record["messageId"].as_str().unwrap()).collect();
    println!("batch of {}", ids.len());
    let mut failures = Vec::new();
    for record in records {
        let order: Value = serde_json::from_str(record["body"].as_str().unwrap()).unwrap();
        match order["do"].as_str() {
            // The event itself, so that a test can compare it with Lambda's.
            Some("show") => println!("record {record}"),
            Some("fail one") => failures.push(json!({ "itemIdentifier": record["messageId"] })),
            Some("answer nonsense") => {
                return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": null }] }));
            }
            Some("answer unknown") => {
                return Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "unknown" }] }));
            }
            _ => {
                act(&order, &event).await?;
            }
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

async fn act(order: &Value, event: &LambdaEvent<Value>) -> Result<Value, Error> {
    let text = order["text"].as_str().unwrap_or("nothing");
    match order["do"].as_str() {
        Some("fail") => Err(text.to_owned().into()),
        Some("panic") => panic!("{text}"),
        Some("exit") => std::process::exit(7),
        Some("wait") => {
            tokio::time::sleep(Duration::from_millis(order["ms"].as_u64().unwrap())).await;
            Ok(json!("waited"))
        }
        Some("print") => {
            println!("{text}");
            eprintln_line(text);
            Ok(Value::Null)
        }
        Some("large") => Ok(json!("x".repeat(7_000_000))),
        Some("describe") => Ok(json!({
            "pid": std::process::id(),
            "requestId": event.context.request_id,
            "deadline": event.context.deadline,
            "arn": event.context.invoked_function_arn,
            "name": event.context.env_config.function_name,
            "memory": event.context.env_config.memory,
            "endpoint": std::env::var("AWS_ENDPOINT_URL").ok(),
            "region": std::env::var("AWS_REGION").ok(),
            "own": std::env::var("OWN_SETTING").ok(),
            "leaked": std::env::var("CARGO_PKG_NAME").ok(),
        })),
        _ => Ok(event.payload.clone()),
    }
}

/// Runs two environments, prints the process ids of both, and waits to be killed.
async fn host() -> Result<(), Error> {
    let server = Server::start(ServerConfig::default()).await?;
    let mut config = FunctionConfig::new("self", std::env::current_exe()?);
    config.timeout_ms = 60_000;
    server.lambda().register(config)?;
    // A busy one beside an idle one: the second invocation can only be taken by a second process.
    let busy = server.lambda().clone();
    let answer = server.lambda().invoke("self", r#"{"do":"describe"}"#.into()).await?;
    let first: Value = serde_json::from_slice(&answer.payload)?;
    tokio::spawn(async move { busy.invoke("self", r#"{"do":"wait","ms":3000}"#.into()).await });
    loop {
        let answer = server.lambda().invoke("self", r#"{"do":"describe"}"#.into()).await?;
        let second: Value = serde_json::from_slice(&answer.payload)?;
        if second["pid"] != first["pid"] {
            println!("{} {}", first["pid"], second["pid"]);
            break;
        }
    }
    std::future::pending().await
}

fn eprintln_line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
