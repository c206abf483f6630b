//! A step for the end-to-end tests: does as its input says.
//!
//! `{"do": "fail" | "panic" | "exit" | "wait" | "never" | "block" | "large", "text": …, "ms": …, "bytes": …}`; every other
//! input is its output. Each call adds a line `<run> <state> <attempt>` to the file that `TEST_STEP_CALLS` names.

// It is a test's step: whatever fails in it shall panic.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};
use std::{io::Write, time::Duration};
use stepladder::{Step, StepError};

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(act).await
}

#[derive(Debug, PartialEq)]
struct ActError {
    text: String,
}

impl std::fmt::Display for ActError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl StepError for ActError {}

async fn act(input: Value, step: Step) -> Result<Value, ActError> {
    note(&step);
    let text = || input.get("text").and_then(Value::as_str).unwrap_or("nothing").to_owned();
    let number = |name: &str| input.get(name).and_then(Value::as_u64).unwrap_or_default();
    match input.get("do").and_then(Value::as_str) {
        Some("fail") => Err(ActError { text: text() }),
        Some("panic") => panic!("{}", text()),
        Some("exit") => std::process::exit(1),
        Some("wait") => {
            tokio::time::sleep(Duration::from_millis(number("ms"))).await;
            Ok(json!("waited"))
        }
        Some("never") => std::future::pending().await,
        Some("block") => loop {
            std::thread::park();
        },
        Some("large") => Ok(json!("x".repeat(usize::try_from(number("bytes")).unwrap()))),
        _ => Ok(input),
    }
}

/// One write per line: several processes write to the file.
fn note(step: &Step) {
    let Some(path) = std::env::var_os("TEST_STEP_CALLS") else { return };
    let line = format!("{} {} {}\n", step.run_name(), step.state(), step.attempt());
    std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_does_as_its_input_says() {
        let act = |input| act(input, Step::for_test("Work"));
        assert_eq!(act(json!({ "any": 1 })).await, Ok(json!({ "any": 1 })));
        assert_eq!(act(json!({ "do": "large", "bytes": 3 })).await, Ok(json!("xxx")));
        let error = act(json!({ "do": "fail", "text": "no" })).await.unwrap_err();
        assert_eq!((error.error_name(), error.to_string()), ("ActError".to_owned(), "no".to_owned()));
    }
}
