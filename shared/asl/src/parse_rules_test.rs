//! Warnings, variables, EXPRESS, AWS's codes and places.

use super::*;
use crate::definition::WorkflowType;

/// A machine with the state `S`, which is given, and a state `T` that ends it.
fn machine(state: &str) -> String {
    format!(r#"{{"StartAt": "S", "States": {{"S": {state}, "T": {{"Type": "Succeed"}}}}}}"#)
}

fn pieces<'t>(text: &'t str, faults: &Faults) -> Vec<(FaultCode, &'t str)> {
    faults.iter().map(|fault| (fault.code, &text[fault.span.clone()])).collect()
}

/// The warnings of a state that has no errors.
#[track_caller]
fn warns(state: &str, expected: &[(FaultCode, &str)]) {
    let text = machine(state);
    let checked = Definition::check(&text, &Options::default());
    assert_eq!(checked.errors.to_string(), "");
    assert_eq!(pieces(&text, &checked.warnings), expected, "{text}");
    assert_eq!(checked.definition.unwrap().warnings, checked.warnings);
}

const LAMBDA: &str = "arn:aws:lambda:::function:f";

#[test]
fn texts_that_look_like_paths() {
    use FaultCode::*;
    warns(
        r#"{"Type": "Pass", "Parameters": {"a": ["x", {"b": "$.c"}], "d": "States.UUID()", "e": "$5", "f.$": "$.g"}, "Next": "T"}"#,
        &[(NoDollar, "\"$.c\""), (NoDollar, "\"States.UUID()\"")],
    );
    warns(r#"{"Type": "Pass", "Result": {"a": ["$.b", "$c"]}, "Next": "T"}"#, &[(StaticResult, "\"$.b\"")]);
    warns(
        r#"{"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": "$.b", "Next": "T"}]}"#,
        &[(NoPath, "\"$.b\"")],
    );
}

#[test]
fn retriers_that_never_match() {
    use FaultCode::NeverMatches;
    let task = |fields: &str| format!(r#"{{"Type": "Task", "Resource": "{LAMBDA}", "Next": "T", {fields}}}"#);
    warns(
        &task(
            r#""Retry": [{"ErrorEquals": ["A", "States.TaskFailed"]}, {"ErrorEquals": ["A"]}, {"ErrorEquals": ["B", "States.Timeout"]}, {"ErrorEquals": ["States.ALL"]}]"#,
        ),
        &[(NeverMatches, "\"A\""), (NeverMatches, "\"B\"")],
    );
    warns(
        &task(
            r#""Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "T"}, {"ErrorEquals": ["State.ALL"], "Next": "T"}]"#,
        ),
        &[(NeverMatches, "\"States.Runtime\""), (NeverMatches, "\"State.ALL\"")],
    );
    let text = machine(&task(r#""Retry": [{"ErrorEquals": ["State.ALL"]}]"#));
    let warnings = Definition::parse(&text).unwrap().warnings;
    assert_eq!(warnings.iter().next().unwrap().hint.as_deref(), Some("did you mean `States.ALL`?"));
    warns(
        &task(r#""Retry": [{"ErrorEquals": ["States.Timeout"]}, {"ErrorEquals": ["States.TaskFailed"]}]"#),
        &[],
    );
}

#[test]
fn what_expressions_refer_to() {
    use FaultCode::*;
    let pass = |output: &str| {
        format!(
            r#"{{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{{% {output} %}}", "Next": "T"}}"#
        )
    };
    warns(&pass("$states.inptu"), &[(UnknownMember, "$states.inptu")]);
    warns(&pass("$frobnicate(1)"), &[(UnknownJsonataFunction, "$frobnicate")]);
    warns(&pass("$states.input.a ?? 1"), &[(NewerJsonata, "??")]);
    warns(&pass("$nobody + 1"), &[(UndefinedVariable, "$nobody")]);
    warns(&pass("$map([1], function($x) { $x })"), &[]);
}

#[test]
fn variables_have_scopes() {
    use FaultCode::*;
    let nested = |mode: &str, inner: &str| {
        format!(
            r#"{{"Type": "Map", "Assign": {{"a": 1}}, "Next": "T", "ItemProcessor": {{"ProcessorConfig": {{"Mode": "{mode}", "ExecutionType": "STANDARD"}},
                "StartAt": "I", "States": {{"I": {{"Type": "Pass", {inner}, "End": true}}}}}}}}"#
        )
    };
    let codes = |state: &str| {
        let checked = Definition::check(&machine(state), &Options::default());
        checked.errors.iter().chain(&checked.warnings).map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&nested("INLINE", r#""Parameters": {"b.$": "$a.c"}"#)), []);
    assert_eq!(codes(&nested("INLINE", r#""Assign": {"a": 1}"#)), [ShadowedVariable]);
    assert_eq!(codes(&nested("INLINE", r#""Assign": {"b": 1}"#)), []);
    // Children of a distributed Map state are runs of their own.
    assert_eq!(codes(&nested("DISTRIBUTED", r#""Assign": {"a": 1}"#)), [NotYetRun]);
    assert_eq!(
        codes(&nested("DISTRIBUTED", r#""Parameters": {"b.$": "$a.c"}"#)),
        [NotYetRun, UndefinedVariable]
    );
    // An outer state sees nothing of an inner one.
    let text = r#"{"StartAt": "M", "States": {
        "M": {"Type": "Parallel", "Next": "N", "Branches": [{"StartAt": "I", "States": {"I": {"Type": "Pass", "Assign": {"inner": 1}, "End": true}}}]},
        "N": {"Type": "Pass", "Parameters": {"x.$": "States.Array($inner)"}, "End": true}}}"#;
    let checked = Definition::check(text, &Options::default());
    assert_eq!(pieces(text, &checked.warnings), [(UndefinedVariable, "\"States.Array($inner)\"")]);
    let assign = |name: &str| format!(r#"{{"Type": "Pass", "Assign": {{"{name}": 1}}, "Next": "T"}}"#);
    assert_eq!(codes(&assign("states")), [InvalidVariable]);
    assert_eq!(codes(&assign("")), [InvalidVariable]);
    assert_eq!(codes(&assign(&"v".repeat(81))), [InvalidVariable]);
    assert_eq!(codes(&assign("top-level")), [VariableSyntax]);
    assert_eq!(codes(&assign("größe_2.$")), [WrongType]);
}

#[test]
fn express_workflows_do_not_wait() {
    use FaultCode::*;
    let codes = |resource: &str, workflow_type: WorkflowType| {
        let text = machine(&format!(r#"{{"Type": "Task", "Resource": "{resource}", "Next": "T"}}"#));
        let checked = Definition::check(&text, &Options { workflow_type, ..Options::default() });
        let path = checked.errors.iter().next().map(|fault| fault.path.clone());
        (checked.errors.iter().map(|fault| fault.code).collect::<Vec<_>>(), path)
    };
    for resource in [
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:states:eu-west-1:123456789012:activity:pack",
    ] {
        assert_eq!(codes(resource, WorkflowType::Standard), (vec![], None), "{resource}");
        let place = Some("/States/S/Resource".to_string());
        assert_eq!(codes(resource, WorkflowType::Express), (vec![NotInExpress], place), "{resource}");
    }
    assert_eq!(codes(LAMBDA, WorkflowType::Express).0, []);
    assert_eq!(codes("arn:aws:states:::sqs:sendMessage.sync", WorkflowType::Standard).0, [InvalidResource]);
}

#[test]
fn what_this_version_cannot_run_is_said() {
    use FaultCode::NotYetRun;
    let task = |resource: &str| format!(r#"{{"Type": "Task", "Resource": "{resource}", "Next": "T"}}"#);
    let arn = "arn:aws:states:::dynamodb:getItem";
    warns(&task(arn), &[(NotYetRun, &format!("\"{arn}\""))]);
    warns(&task(LAMBDA), &[]);
}

#[test]
fn old_and_useless_fields() {
    use FaultCode::*;
    warns(
        r#"{"Type": "Map", "Iterator": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}, "Parameters": {}, "Label": "x", "Next": "T"}"#,
        &[
            (DeprecatedField, "\"Iterator\""),
            (DeprecatedField, "\"Parameters\""),
            (IgnoredField, "\"Label\""),
        ],
    );
    warns(
        r#"{"Type": "Map", "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "Next": "I"}}}, "Next": "T"}"#,
        &[(EndlessBranch, "\"States\"")],
    );
}

#[test]
fn faults_have_the_codes_and_the_paths_of_aws() {
    let text = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Nope"}], "Default": "B"},
        "B": {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "End": true}}}"#;
    let faults = Definition::parse(text).unwrap_err();
    let found: Vec<_> = faults.iter().map(|fault| (fault.aws_code.unwrap(), fault.path.as_str())).collect();
    assert_eq!(
        found,
        [
            ("MISSING_TRANSITION_TARGET", "/States/A/Choices[0]/Next"),
            ("DUPLICATE_STATE_NAME", "/States/B/ItemProcessor/States/A"),
            ("SCHEMA_VALIDATION_FAILED", "/States/B/ItemProcessor/States/A"),
        ]
    );
    let found = Definition::parse("{}").unwrap_err();
    assert!(found.iter().all(|fault| fault.path == "/" && fault.severity == Severity::Error));
    let looping = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "A"}, "C": {"Type": "Pass", "Next": "A"}}}"#;
    let faults = Definition::parse(looping).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.aws_code).collect::<Vec<_>>(), [Some("MISSING_END_STATE")]);
}
