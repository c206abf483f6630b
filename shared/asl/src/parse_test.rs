use super::*;
use crate::{
    definition::{Jitter, Kind, Number, Text, Then},
    resource::Resource,
};

/// A machine with the state `S`, which is given, and a state `T` that ends it.
fn machine(state: &str) -> String {
    format!(r#"{{"StartAt": "S", "States": {{"S": {state}, "T": {{"Type": "Fail"}}}}}}"#)
}

/// The codes of a text's faults, each with the piece of the text that it points at.
fn faults(text: &str) -> Vec<(FaultCode, String)> {
    let faults = Definition::parse(text).map_or_else(|faults| faults, |_| Faults(Vec::new()));
    faults.iter().map(|fault| (fault.code, text[fault.span.clone()].to_string())).collect()
}

#[track_caller]
pub(super) fn check(text: &str, expected: &[(FaultCode, &str)]) {
    let found = faults(text);
    let found: Vec<(FaultCode, &str)> = found.iter().map(|(code, text)| (*code, text.as_str())).collect();
    assert_eq!(found, expected, "{text}");
}

#[track_caller]
pub(super) fn check_state(state: &str, expected: &[(FaultCode, &str)]) {
    check(&machine(state), expected);
}

#[track_caller]
pub(super) fn kind(text: &str) -> Kind {
    state(text).kind
}

pub(super) fn state(text: &str) -> crate::State {
    let definition = Definition::parse(&machine(text)).unwrap_or_else(|faults| panic!("{faults}"));
    definition.state("S").unwrap().clone()
}

/// A definition with every state type and most fields.
pub(super) const ORDERS: &str = r#"{
  "Comment": "An order",
  "StartAt": "Prepare",
  "TimeoutSeconds": 3600,
  "States": {
    "Prepare": {
      "Type": "Pass",
      "Parameters": {"id.$": "States.UUID()", "order.$": "$.order", "lines": [{"sku.$": "$.order.lines[0].sku"}]},
      "ResultPath": "$.prepared",
      "Next": "Charge"
    },
    "Charge": {
      "Type": "Task",
      "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:charge-payment",
      "TimeoutSeconds": 30,
      "HeartbeatSecondsPath": "$.beat",
      "Retry": [
        {"ErrorEquals": ["Payment.Busy"], "IntervalSeconds": 2, "BackoffRate": 1.5, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}
      ],
      "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Refused"}],
      "ResultSelector": {"receipt.$": "$.id"},
      "ResultPath": "$.charge",
      "Next": "Large?"
    },
    "Large?": {
      "Type": "Choice",
      "Choices": [
        {"And": [{"Variable": "$.total", "IsPresent": true}, {"Variable": "$.total", "NumericGreaterThan": 1000}], "Next": "Review"},
        {"Not": {"Variable": "$.mail", "StringMatches": "*@example.com"}, "Next": "Done"}
      ],
      "Default": "Done"
    },
    "Review": {"Type": "Wait", "SecondsPath": "$.review", "Next": "Done"},
    "Done": {"Type": "Succeed", "OutputPath": "$.prepared"},
    "Refused": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "States.Format('Order {}', $$.Execution.Name)"}
  }
}"#;

#[test]
fn a_definition_becomes_its_types() {
    let definition = Definition::parse(ORDERS).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(definition.comment.as_deref(), Some("An order"));
    assert_eq!(definition.timeout_seconds, Some(3600));
    assert_eq!(definition.machine.start_at, "Prepare");
    assert_eq!(definition.machine.states.len(), 6);
    assert!(!definition.mentions_execution_input);
    let charge = definition.state("Charge").unwrap();
    let Kind::Task(task) = &charge.kind else { panic!() };
    assert_eq!(task.resource.function(), Some("charge-payment"));
    assert_eq!(task.timeout_seconds, Some(Number::Constant(30)));
    assert!(matches!(&task.heartbeat_seconds, Some(Number::Path(path)) if path.as_str() == "$.beat"));
    assert_eq!(task.then, Then::Next("Large?".into()));
    let [first, last] = charge.retry.as_slice() else { panic!() };
    assert_eq!((first.interval_seconds, first.max_attempts, first.backoff_rate), (2, 3, 1.5));
    assert_eq!((first.max_delay_seconds, first.jitter), (Some(60), Jitter::Full));
    assert_eq!((last.interval_seconds, last.max_attempts, last.backoff_rate), (1, 0, 2.0));
    let Kind::Fail(fail) = &definition.state("Refused").unwrap().kind else { panic!() };
    assert!(matches!((&fail.error, &fail.cause), (Some(Text::Path(_)), Some(Text::Expression(_)))));
}

#[test]
fn the_hash_names_the_canonical_text() {
    let definition = Definition::parse(ORDERS).unwrap();
    let again = Definition::parse(&definition.canonical).unwrap();
    assert_eq!(definition, again);
    assert_eq!(definition.hash.len(), 32);
    let reordered = r#"{"States": {"S": {"End": true, "Type": "Pass"}}, "StartAt": "S"}"#;
    let written = r#"{"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}}"#;
    assert_eq!(Definition::parse(reordered).unwrap().hash, Definition::parse(written).unwrap().hash);
    assert_ne!(definition.hash, Definition::parse(written).unwrap().hash);
}

#[test]
fn the_execution_input_is_found_wherever_it_is_mentioned() {
    let mentions = |state: &str| Definition::parse(&machine(state)).unwrap().mentions_execution_input;
    assert!(!mentions(r#"{"Type": "Pass", "Parameters": {"a.$": "$$.Execution.Id"}, "Next": "T"}"#));
    for state in [
        r#"{"Type": "Pass", "Parameters": {"a": [{"b.$": "$$.Execution.Input.c"}]}, "Next": "T"}"#,
        r#"{"Type": "Pass", "Parameters": {"a.$": "States.Array(States.Array($$))"}, "Next": "T"}"#,
        r#"{"Type": "Pass", "OutputPath": "$$.Execution", "Next": "T"}"#,
        r#"{"Type": "Wait", "SecondsPath": "$$.Execution.Input.s", "Next": "T"}"#,
        r#"{"Type": "Choice", "Choices": [{"Not": {"Variable": "$$.Execution.Input", "IsNull": true}, "Next": "T"}]}"#,
        r#"{"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEqualsPath": "$$.Execution.Input.b", "Next": "T"}]}"#,
    ] {
        assert!(mentions(state), "{state}");
    }
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_their_places() {
    let text = r#"{
  "StartAt": "Frist",
  "States": {
    "First": {"Type": "Pass", "Nxt": "Second"},
    "Second": {"Type": "Task", "Resource": "arn:aws:lambda:::function:f", "TimeoutSeconds": 0, "Next": "Third", "Retry": [{"ErrorEquals": []}]}
  }
}"#;
    check(
        text,
        &[
            (FaultCode::MissingTarget, "\"Frist\""),
            (FaultCode::MissingField, "{"),
            (FaultCode::UnknownField, "\"Nxt\""),
            (FaultCode::OutOfRange, "0"),
            (FaultCode::MissingTarget, "\"Third\""),
            (FaultCode::ErrorEquals, "[]"),
        ],
    );
    let faults = Definition::parse(text).unwrap_err();
    let first = faults.iter().next().unwrap();
    assert_eq!((first.line, first.column, first.hint.as_deref()), (2, 14, Some("did you mean `First`?")));
    let unknown = faults.iter().find(|fault| fault.code == FaultCode::UnknownField).unwrap();
    assert_eq!(
        (unknown.state.as_deref(), unknown.hint.as_deref()),
        (Some("First"), Some("did you mean `Next`?"))
    );
    assert_eq!(faults.to_string().lines().count(), faults.len());
    let shown = faults.render("flow.asl.json", text, false);
    for fault in &faults {
        assert!(
            shown.contains(&format!(
                "flow.asl.json:{}:{}
",
                fault.line, fault.column
            )),
            "{fault}
{shown}"
        );
    }
}

#[test]
fn the_top_level_is_checked() {
    check("[]", &[(FaultCode::WrongType, "[]")]);
    check("{}", &[(FaultCode::MissingField, "{")]);
    check(r#"{"StartAt": "S", "States": {}}"#, &[(FaultCode::MissingField, "{}")]);
    check(
        r#"{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}, "Version": "2.0", "Extra": 1, "TimeoutSeconds": "x"}"#,
        &[
            (FaultCode::InvalidValue, "\"2.0\""),
            (FaultCode::UnknownField, "\"Extra\""),
            (FaultCode::WrongType, "\"x\""),
        ],
    );
    check(
        r#"{"StartAt": "S", "States": {"S": {"Type": "Succeed"}, "S": {"Type": "Fail"}}}"#,
        &[(FaultCode::DuplicateMember, "\"S\"")],
    );
    let long = "n".repeat(81);
    check(
        &format!(r#"{{"StartAt": "{long}", "States": {{"{long}": {{"Type": "Succeed"}}}}}}"#),
        &[(FaultCode::InvalidStateName, &format!("\"{long}\""))],
    );
}

#[test]
fn transitions_are_checked() {
    check_state(
        r#"{"Type": "Pass", "Next": "T", "End": true}"#,
        &[(FaultCode::ConflictingFields, "\"End\"")],
    );
    check_state(r#"{"Type": "Pass", "Next": "T", "End": false}"#, &[]);
    check_state(r#"{"Type": "Pass", "End": true}"#, &[(FaultCode::Unreachable, "\"T\"")]);
    check_state(
        r#"{"Type": "Pass", "Next": 5}"#,
        &[(FaultCode::WrongType, "5"), (FaultCode::Unreachable, "\"T\"")],
    );
    check_state(
        r#"{"Type": "Task", "Resource": "arn:aws:lambda:::function:f", "Catch": [{"ErrorEquals": ["E"], "Next": "T"}], "End": true}"#,
        &[],
    );
    let looping = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}"#;
    check(looping, &[(FaultCode::NoTerminalState, "\"States\"")]);
    check_state(r#"{"Type": "Succeed", "Next": "T"}"#, &[(FaultCode::UnknownField, "\"Next\"")]);
}

#[test]
fn types_are_checked() {
    check_state(r#"{"Type": "Tusk", "Next": "T"}"#, &[(FaultCode::InvalidValue, "\"Tusk\"")]);
    check_state(r#"{"Next": "T"}"#, &[(FaultCode::MissingField, "{")]);
    check(r#"{"StartAt": "S", "States": {"S": 5}}"#, &[(FaultCode::WrongType, "5")]);
}

#[test]
fn a_flood_of_faults_is_cut() {
    let states: Vec<String> = (0..5_000).map(|n| format!(r#""S{n}": {{"Type": "Nope"}}"#)).collect();
    let text = format!(r#"{{"StartAt": "S0", "States": {{{}}}}}"#, states.join(","));
    let faults = Definition::parse(&text).unwrap_err();
    assert_eq!(faults.len(), FAULTS_MAX + 1);
    assert_eq!(faults.iter().last().unwrap().code, FaultCode::TooManyFaults);
    faults.render("flood.asl.json", &text, true);
}

#[test]
fn whoever_calls_the_functions_may_refuse_one() {
    let text = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:pay", "Next": "B"},
        "B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
              "Parameters": {"FunctionName": "ship"}, "Retry": [], "Next": "C"}}}"#;
    let judge = |resource: &Resource| match resource.function() {
        Some("pay") => Ok(()),
        _ => Err(Refusal { code: FaultCode::NoSuchStep, message: "no such program".into(), hint: None }),
    };
    let faults = Definition::parse_as(text, &Options { judge: &judge, ..Options::default() }).unwrap_err();
    let places: Vec<_> = faults
        .iter()
        .map(|fault| (fault.code, text.get(fault.span.clone()).unwrap(), fault.state.as_deref()))
        .collect();
    assert_eq!(
        places,
        [(FaultCode::NoSuchStep, "\"ship\"", Some("B")), (FaultCode::MissingTarget, "\"C\"", Some("B")),]
    );
}
