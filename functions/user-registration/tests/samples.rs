//! The sample registrations end as their file says: followed by the engine, with the real steps in memory, and time skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use stepladder::{Step, StepError};
use stepladder_asl::Definition;
use stepladder_engine::{Awaiting, End, Outcome, Phase, Rehearsal, Run, Status, StepCall, step_call};
use user_registration::records::MemoryRecords;
use user_registration::steps::{create_profile, send_welcome_email, validate_registration};

const DEFINITION: &str = include_str!("../workflow.asl.json");
const OUTCOMES_MAX: usize = 100;

fn lines_of(path: &str) -> Vec<Value> {
    let path = format!("{}/samples/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the samples are there");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// How a run ended, and the states that called something on the way.
async fn run(records: &MemoryRecords, name: &str, input: Value) -> (End, Vec<String>) {
    let definition = Definition::parse(DEFINITION).expect("it is sound");
    let run = Run::for_test("user-registration", name);
    let (mut now_ms, mut called) = (run.started_ms, Vec::new());
    let mut rehearsal = Rehearsal::start(&definition, &run, input);
    for _ in 0..OUTCOMES_MAX {
        if let Some(end) = rehearsal.end() {
            return (end.clone(), called);
        }
        let waiting = rehearsal.next().expect("a run waits until it has ended");
        let (position, due_ms) = (waiting.position.clone(), waiting.due_ms);
        now_ms = now_ms.max(due_ms);
        let outcome = match position.awaiting {
            Awaiting::Step { .. } => {
                let call = step_call(&definition, &run, &position).expect("its fields can be evaluated");
                called.push(position.state.clone());
                match step(name, &position.state, call, records).await {
                    Ok(output) => Outcome::Succeeded { output },
                    Err((error, cause)) => Outcome::Failed { error, cause: Some(cause), phase: Phase::Run },
                }
            }
            _ => Outcome::TimerFired,
        };
        rehearsal.settle(&position.branch, outcome, Some(now_ms), now_ms).expect("the branch waits");
    }
    panic!("no end after {OUTCOMES_MAX} outcomes: {called:?}");
}

async fn step(
    run: &str,
    state: &str,
    call: StepCall,
    records: &MemoryRecords,
) -> Result<Value, (String, String)> {
    let attempt = u32::try_from(call.attempt).expect("few attempts");
    let step = Step::for_test(state).with_run("user-registration", run).with_attempt(attempt);
    match call.function.as_deref() {
        Some("validate-registration") => {
            told(validate_registration::validate_registration(call.input, step).await)
        }
        Some("create-profile") => told(create_profile::create(read(call.input)?, &step, records).await),
        Some("send-welcome-email") => {
            told(send_welcome_email::welcome(read(call.input)?, records, records).await)
        }
        other => panic!("there is no function {other:?}"),
    }
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, (String, String)> {
    serde_json::from_value(payload).map_err(|error| ("InvalidInput".to_owned(), error.to_string()))
}

fn told<T: Serialize, E: StepError>(result: Result<T, E>) -> Result<Value, (String, String)> {
    result
        .map(|output| serde_json::to_value(output).expect("an output is JSON"))
        .map_err(|error| (error.error_name(), error.to_string()))
}

#[tokio::test]
async fn the_sample_registrations_end_as_expected() {
    let (registrations, expected) =
        (lines_of("registrations.jsonl"), lines_of("registrations.expected.jsonl"));
    assert_eq!(registrations.len(), expected.len());
    let records = MemoryRecords::default();
    let mut succeeded = 0;
    for (index, (registration, expected)) in registrations.into_iter().zip(expected).enumerate() {
        let (end, _) = run(&records, &format!("line-{index}"), registration.clone()).await;
        let mut told = json!({ "status": end.status.as_str() });
        if let Some(error) = &end.error {
            told["error"] = json!(error);
        }
        assert_eq!(told, expected, "{registration}\n{end:?}");
        succeeded += usize::from(end.status == Status::Succeeded);
    }
    // Of one address no mail server exists.
    assert_eq!((records.profiles().len(), records.sent().len()), (succeeded, succeeded - 1));
}

#[tokio::test]
async fn the_output_is_the_profile_with_the_welcome() {
    let records = MemoryRecords::default();
    let (end, called) = run(&records, "a", json!({ "email": "Ada@example.org", "name": "Ada" })).await;
    assert_eq!(called, ["ValidateRegistration", "CreateProfile", "SendWelcomeEmail"]);
    let output = end.output.expect("an output");
    assert!(output["user_id"].as_str().expect("an id").starts_with("usr-"), "{output}");
    assert_eq!((&output["email"], &output["language"]), (&json!("ada@example.org"), &json!("en")));
    assert_eq!(output["welcome"], json!({ "to": "ada@example.org", "message_id": "m-1" }));

    let (end, _) = run(&records, "b", json!({ "email": "ada@example.org", "name": "Eva" })).await;
    assert_eq!(end.error.as_deref(), Some("AddressTaken"));
    let (end, _) = run(&records, "c", json!({ "email": "x@gone.invalid", "name": "X" })).await;
    assert_eq!((end.status, &end.output.expect("an output")["welcome"]), (Status::Succeeded, &Value::Null));
}

#[tokio::test]
async fn a_mail_server_that_does_not_answer_for_a_while_keeps_nobody_from_being_welcomed() {
    let records = MemoryRecords::default();
    let registration = json!({ "email": "ada@example.org", "name": "Ada" });
    let (end, called) = run(&records, "a", registration.clone()).await;
    assert_eq!((end.status, called.len()), (Status::Succeeded, 3));

    let records = MemoryRecords::default();
    records.fail(6);
    let (end, called) = run(&records, "a", registration).await;
    assert_eq!(end.error.as_deref(), Some("StoreUnavailable"), "the profile has five retries: {called:?}");
}
