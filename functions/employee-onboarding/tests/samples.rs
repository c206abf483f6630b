//! The sample hires end as their file says, with the definitions, the real steps and approvers who are played.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod workflow;

use std::collections::BTreeMap;

use employee_onboarding::records::{MemoryRecords, Round};
use serde_json::{Value, json};
use stepladder_engine::Status;
use workflow::{Machine, STARTED_MS};

const DAY_MS: i64 = 86_400_000;

fn lines_of(path: &str) -> Vec<Value> {
    let path = format!("{}/samples/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the samples are there");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// Hires, and how each is expected to end.
fn samples() -> Vec<(Value, Value)> {
    let (hires, expected) = (lines_of("hires.jsonl"), lines_of("hires.expected.jsonl"));
    assert_eq!(hires.len(), expected.len());
    hires.into_iter().zip(expected).collect()
}

/// A sample that ends so.
fn sample(error: Option<&str>) -> (Value, Vec<Option<Value>>) {
    let is_so = |(_, expected): &(Value, Value)| expected["error"].as_str() == error;
    let (hire, expected) = samples().into_iter().find(is_so).expect("one");
    (hire, answers(&expected))
}

/// What approvers say to each question; null is nothing.
fn answers(expected: &Value) -> Vec<Option<Value>> {
    let answers = expected["answers"].as_array().expect("answers");
    answers.iter().map(|answer| Some(answer.clone()).filter(|answer| !answer.is_null())).collect()
}

#[tokio::test]
async fn the_sample_hires_end_as_expected() {
    let records = MemoryRecords::default();
    let machine = Machine::new(&records);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for (index, (hire, expected)) in samples().into_iter().enumerate() {
        let name = format!("line-{index}");
        let end = machine.run(&name, hire.clone(), answers(&expected)).await;
        let mut told = json!({"hire_id": hire.get("hire_id"), "status": end.status.as_str()});
        if let Some(error) = &end.error {
            told["error"] = json!(error);
        }
        told["answers"] = expected["answers"].clone();
        assert_eq!(told, expected, "{hire}\n{end:?}");
        let id = hire["hire_id"].as_str().unwrap_or_default();
        let done = records.done_for(id);
        match end.status {
            Status::Succeeded => {
                assert_eq!(done, ["ACCOUNT", "EQUIPMENT", "MENTOR", "PAYROLL", "WELCOME"], "{hire}")
            }
            _ => assert!(done.is_empty(), "nothing is done for whom nobody has approved: {done:?} {hire}"),
        }
        *ends.entry(end.error.unwrap_or_else(|| "succeeded".to_owned())).or_default() += 1;
    }
    let expected = [
        ("ApprovalTimedOut", 1),
        ("HireRejected", 2),
        ("InvalidAnswer", 3),
        ("InvalidHire", 5),
        ("succeeded", 5),
    ];
    assert_eq!(ends, expected.map(|(end, count)| (end.to_owned(), count)).into());
}

#[tokio::test]
async fn an_approver_who_says_nothing_is_reminded_with_another_token() {
    let records = MemoryRecords::default();
    let (mut hire, _) = sample(None);
    hire["approval"]["timeout_seconds"] = json!(3_600);
    let approves = json!({"approved": true, "by": "mara@example.com"});
    let end = Machine::new(&records).run("run", hire, vec![None, Some(approves)]).await;
    assert_eq!(end.status, Status::Succeeded, "{end:?}");
    assert_eq!(end.called[..3], ["ValidateHire", "RequestApproval", "SendReminder"]);
    let questions = records.questions("run");
    let [first, reminder] = &questions[..] else { panic!("{questions:?}") };
    assert_eq!((first.round, reminder.round), (Round::First, Round::Reminder));
    assert_ne!(first.token, reminder.token);
    assert_eq!(first.expires_at, "2025-01-06T09:00:00Z");
    assert_eq!(reminder.expires_at, "2025-01-06T10:00:00Z");
}

#[tokio::test]
async fn who_never_answers_ends_the_run_after_both_waits() {
    let records = MemoryRecords::default();
    let (mut hire, answers) = sample(Some("ApprovalTimedOut"));
    hire["approval"].as_object_mut().unwrap().remove("timeout_seconds");
    let end = Machine::new(&records).run("run", hire, answers).await;
    assert_eq!(end.error.as_deref(), Some("ApprovalTimedOut"));
    assert_eq!(end.cause.unwrap(), "jon@example.com was asked twice, and did not answer within 259200 s");
    assert_eq!(end.ended_ms, STARTED_MS + 2 * 3 * DAY_MS, "three days each, unless the hire says otherwise");
}

#[tokio::test]
async fn a_rejection_tells_what_the_approver_said() {
    let (hire, answers) = sample(Some("HireRejected"));
    let end = Machine::new(&MemoryRecords::default()).run("run", hire, answers.clone()).await;
    let cause: Value = serde_json::from_str(&end.cause.unwrap()).unwrap();
    assert_eq!(Some(cause), answers[0]);
}

#[tokio::test]
async fn three_departments_are_asked_at_once_and_the_first_day_is_waited_for() {
    let records = MemoryRecords::default();
    let (hire, answers) = sample(None);
    let end = Machine::new(&records).run("run", hire, answers).await;
    assert_eq!(
        end.called,
        [
            "ValidateHire",
            "RequestApproval",
            "CreateAccount",
            "OrderEquipment",
            "EnrollPayroll",
            "FirstDay",
            "AssignMentor",
            "SendWelcome",
        ]
    );
    let first_day: jiff::Timestamp = "2025-02-03T09:00:00+01:00".parse().unwrap();
    assert_eq!(end.ended_ms, first_day.as_millisecond());
    let output = end.output.unwrap();
    assert_eq!((&output["hire_id"], &output["login"]), (&json!("emp-2025-0001"), &json!("emp-2025-0001")));
    assert_eq!(output["approved_by"], "mara@example.com");
    assert_eq!(output["welcomed_to"], "hire1@example.org");
    for member in ["equipment_order", "payroll_number", "mentor"] {
        assert!(output[member].is_string(), "{member}: {output}");
    }
}

#[tokio::test]
async fn a_table_that_does_not_answer_for_a_while_changes_nothing_but_the_tokens() {
    let records = MemoryRecords::default();
    let machine = Machine::new(&records);
    let (hire, answers) = sample(None);
    // Of all calls the first two: both put the approver's question down.
    records.fail(2);
    let end = machine.run("run", hire.clone(), answers.clone()).await;
    assert_eq!(end.status, Status::Succeeded, "{end:?}");
    assert_eq!(end.called.iter().filter(|state| *state == "RequestApproval").count(), 3);
    assert_eq!(records.questions("run")[0].attempt, 3);

    records.fail(u32::MAX);
    let end = machine.run("another", hire, Vec::new()).await;
    assert_eq!(end.error.as_deref(), Some("StoreUnavailable"));
}

#[tokio::test]
async fn another_run_for_the_same_hire_does_nothing_twice() {
    let records = MemoryRecords::default();
    let machine = Machine::new(&records);
    let (mut hire, answers) = sample(None);
    let first = machine.run("first", hire.clone(), answers.clone()).await;
    let again = machine.run("again", hire.clone(), answers.clone()).await;
    assert_eq!(first.output, again.output);
    hire["salary"]["minor_units"] = json!(1);
    let other = machine.run("other", hire, answers).await;
    assert_eq!(other.error.as_deref(), Some("AnotherOneThere"));
}

#[tokio::test]
async fn no_token_is_in_what_the_history_shows() {
    let records = MemoryRecords::default();
    let (hire, _) = sample(None);
    let approves = json!({"approved": true, "by": "mara@example.com"});
    let end = Machine::new(&records).run("run", hire, vec![None, Some(approves)]).await;
    let questions = records.questions("run");
    assert_eq!(questions.len(), 2);
    for question in &questions {
        assert!(!end.shown.contains(question.token.reveal()), "{}", end.shown);
    }
    // What was looked through is what the steps got and gave.
    assert!(end.shown.contains("asked_at") && end.shown.contains("expires_at"), "{}", end.shown);
}
