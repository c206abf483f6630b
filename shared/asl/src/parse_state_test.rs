use super::{
    tests::{check, check_state, kind, state},
    *,
};
use crate::definition::{Kind, ResultPath, Until};
use serde_json::json;

#[test]
fn pass_states() {
    let text =
        r#"{"Type": "Pass", "InputPath": null, "ResultPath": null, "Result": {"a.$": 5}, "Next": "T"}"#;
    let state = state(text);
    let Kind::Pass(pass) = state.kind else { panic!() };
    assert_eq!((state.data.input_path, state.data.result_path), (crate::Filter::Empty, ResultPath::Discard));
    assert_eq!(pass.result, Some(json!({"a.$": 5})));
    check_state(
        r#"{"Type": "Pass", "ResultSelector": {}, "Next": "T"}"#,
        &[(FaultCode::UnknownField, "\"ResultSelector\"")],
    );
    check_state(
        r#"{"Type": "Pass", "InputPath": "States.UUID()", "Next": "T"}"#,
        &[(FaultCode::InvalidPath, "S")],
    );
    check_state(r#"{"Type": "Pass", "InputPath": 5, "Next": "T"}"#, &[(FaultCode::WrongType, "5")]);
    check_state(r#"{"Type": "Pass", "ResultPath": "$$.a", "Next": "T"}"#, &[(FaultCode::InvalidPath, "$")]);
    check_state(r#"{"Type": "Pass", "ResultPath": "$.a[*]", "Next": "T"}"#, &[(FaultCode::InvalidPath, "$")]);
}

#[test]
fn task_states() {
    let arn = "arn:aws:states:::lambda:invoke";
    let Kind::Task(task) = kind(&format!(
        r#"{{"Type": "Task", "Resource": "{arn}", "Parameters": {{"FunctionName": "charge:live"}}, "Credentials": {{"RoleArn.$": "$.role"}}, "Next": "T"}}"#
    )) else {
        panic!()
    };
    assert_eq!((task.resource.function(), task.resource.arn()), (Some("charge"), arn));
    let task = |fields: &str| {
        format!(r#"{{"Type": "Task", "Resource": "arn:aws:lambda:::function:f", "Next": "T", {fields}}}"#)
    };
    check_state(r#"{"Type": "Task", "Next": "T"}"#, &[(FaultCode::MissingField, "{")]);
    check_state(
        r#"{"Type": "Task", "Resource": "f", "Next": "T"}"#,
        &[(FaultCode::InvalidResource, "\"f\"")],
    );
    for (fields, code, piece) in [
        (
            r#""TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t""#,
            FaultCode::ConflictingFields,
            "\"TimeoutSecondsPath\"",
        ),
        (r#""TimeoutSeconds": 5, "HeartbeatSeconds": 5"#, FaultCode::OutOfRange, "5"),
        (r#""TimeoutSeconds": 1.5"#, FaultCode::WrongType, "1.5"),
        (r#""TimeoutSeconds": 100000000"#, FaultCode::OutOfRange, "100000000"),
        (r#""TimeoutSeconds": -1"#, FaultCode::OutOfRange, "-1"),
        (r#""Credentials": null"#, FaultCode::WrongType, "null"),
        (r#""ResultSelector": []"#, FaultCode::WrongType, "[]"),
        (r#""Retry": {}"#, FaultCode::WrongType, "{}"),
        (r#""Retry": [5]"#, FaultCode::WrongType, "5"),
        (r#""Retry": [{}]"#, FaultCode::MissingField, "{"),
        (r#""Retry": [{"ErrorEquals": ["A"], "Next": "T"}]"#, FaultCode::UnknownField, "\"Next\""),
        (r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": -1}]"#, FaultCode::OutOfRange, "-1"),
        (r#""Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 99.5}]"#, FaultCode::WrongType, "99.5"),
        (r#""Retry": [{"ErrorEquals": ["A"], "IntervalSeconds": 0}]"#, FaultCode::OutOfRange, "0"),
        (r#""Retry": [{"ErrorEquals": ["A"], "BackoffRate": 0.9}]"#, FaultCode::OutOfRange, "0.9"),
        (r#""Retry": [{"ErrorEquals": ["A"], "BackoffRate": "x"}]"#, FaultCode::WrongType, "\"x\""),
        (r#""Retry": [{"ErrorEquals": ["A"], "MaxDelaySeconds": 1}]"#, FaultCode::OutOfRange, "1"),
        (
            r#""Retry": [{"ErrorEquals": ["A"], "MaxDelaySeconds": 31622401}]"#,
            FaultCode::OutOfRange,
            "31622401",
        ),
        (
            r#""Retry": [{"ErrorEquals": ["A"], "JitterStrategy": "full"}]"#,
            FaultCode::InvalidValue,
            "\"full\"",
        ),
        (r#""Retry": [{"ErrorEquals": [true]}]"#, FaultCode::WrongType, "true"),
        (r#""Retry": [{"ErrorEquals": ["States.ALL", "A"]}]"#, FaultCode::ErrorEquals, "\"States.ALL\""),
        (
            r#""Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}]"#,
            FaultCode::ErrorEquals,
            "\"States.ALL\"",
        ),
        (r#""Catch": [{"ErrorEquals": ["A"]}]"#, FaultCode::MissingField, "{"),
        (r#""Catch": [{"ErrorEquals": ["A"], "Next": "U"}]"#, FaultCode::MissingTarget, "\"U\""),
    ] {
        check_state(&task(fields), &[(code, piece)]);
    }
    check_state(&task(r#""Retry": [{"ErrorEquals": ["A"], "IntervalSeconds": 3.0, "Comment": "c"}]"#), &[]);
}

#[test]
fn templates() {
    let pass =
        |member: &str| format!(r#"{{"Type": "Pass", "Parameters": {{"a": [{{{member}}}]}}, "Next": "T"}}"#);
    for (member, code, piece) in [
        (r#""b.$": 5"#, FaultCode::WrongType, "5"),
        (r#""b.$": "text""#, FaultCode::InvalidPath, "\"text\""),
        (r#""b.$": """#, FaultCode::InvalidPath, "\"\""),
        (r#""b.$": "$.c.""#, FaultCode::InvalidPath, "\""),
        (r#""b.$": "$$23""#, FaultCode::InvalidPath, "2"),
        (r#""b.$": "States.Nope()""#, FaultCode::UnknownFunction, "S"),
        (r#""b.$": " States.UUID()""#, FaultCode::InvalidPath, "\" States.UUID()\""),
        (r#""b.$": "States.MathAdd(1, '2')""#, FaultCode::InvalidFunction, "'"),
        (r#""b.$": "$.x", "b": 1"#, FaultCode::DuplicateAfterRename, "\"b\""),
    ] {
        check_state(&pass(member), &[(code, piece)]);
    }
    check_state(r#"{"Type": "Pass", "Parameters": "any", "Next": "T"}"#, &[]);
}

#[test]
fn choice_states() {
    let choice = |rule: &str| format!(r#"{{"Type": "Choice", "Choices": [{rule}], "Default": "T"}}"#);
    for (rule, code, piece) in [
        (r#"{"Variable": "$.a", "Next": "T"}"#, FaultCode::ChoiceRule, "{"),
        (r#"{"StringEquals": "a", "Next": "T"}"#, FaultCode::MissingField, "{"),
        (r#"{"Variable": "$.a", "StringEquals": "a"}"#, FaultCode::MissingField, "{"),
        (
            r#"{"Variable": "$.a", "StringEquals": "a", "IsNull": true, "Next": "T"}"#,
            FaultCode::ChoiceRule,
            "\"IsNull\"",
        ),
        (
            r#"{"Variable": "$.a", "StringEquls": "a", "IsNull": true, "Next": "T"}"#,
            FaultCode::UnknownField,
            "\"StringEquls\"",
        ),
        (r#"{"Variable": "$.a", "StringEquals": 5, "Next": "T"}"#, FaultCode::WrongType, "5"),
        (r#"{"Variable": "$.a", "NumericEquals": "5", "Next": "T"}"#, FaultCode::WrongType, "\"5\""),
        (r#"{"Variable": "$.a", "BooleanEquals": null, "Next": "T"}"#, FaultCode::WrongType, "null"),
        (
            r#"{"Variable": "$.a", "TimestampEquals": "today", "Next": "T"}"#,
            FaultCode::InvalidTimestamp,
            "\"today\"",
        ),
        (r#"{"Variable": "$.a", "IsNull": "yes", "Next": "T"}"#, FaultCode::WrongType, "\"yes\""),
        (r#"{"Variable": "$.a", "StringEqualsPath": "b", "Next": "T"}"#, FaultCode::InvalidPath, "b"),
        (
            r#"{"Variable": "$.a", "StringMatches": "a\\b", "Next": "T"}"#,
            FaultCode::InvalidValue,
            r#""a\\b""#,
        ),
        (r#"{"And": [], "Next": "T"}"#, FaultCode::ChoiceRule, "[]"),
        (r#"{"Or": {}, "Next": "T"}"#, FaultCode::WrongType, "{}"),
        (r#"{"Not": [], "Next": "T"}"#, FaultCode::WrongType, "[]"),
        (
            r#"{"Variable": "$.a", "Not": {"Variable": "$.a", "IsNull": true}, "Next": "T"}"#,
            FaultCode::ChoiceRule,
            "\"Variable\"",
        ),
        (
            r#"{"Not": {"Variable": "$.a", "IsNull": true, "Next": "T"}, "Next": "T"}"#,
            FaultCode::ChoiceRule,
            "\"Next\"",
        ),
    ] {
        check_state(&choice(rule), &[(code, piece)]);
    }
    check_state(
        r#"{"Type": "Choice", "Choices": []}"#,
        &[(FaultCode::ChoiceRule, "[]"), (FaultCode::Unreachable, "\"T\"")],
    );
    check_state(r#"{"Type": "Choice", "Default": "T"}"#, &[(FaultCode::MissingField, "{")]);
}

#[test]
fn wait_states() {
    let until = |fields: &str| match kind(&format!(r#"{{"Type": "Wait", {fields}, "Next": "T"}}"#)) {
        Kind::Wait(wait) => wait.until,
        other => panic!("{other:?}"),
    };
    assert_eq!(until(r#""Seconds": 0"#), Until::Seconds(0));
    assert_eq!(
        until(r#""Timestamp": "2026-01-01T00:00:00Z""#),
        Until::Timestamp("2026-01-01T00:00:00Z".into())
    );
    assert!(matches!(until(r#""SecondsPath": "$.s""#), Until::SecondsPath(_)));
    assert!(matches!(until(r#""TimestampPath": "$.t""#), Until::TimestampPath(_)));
    check_state(r#"{"Type": "Wait", "Next": "T"}"#, &[(FaultCode::MissingField, "{")]);
    check_state(
        r#"{"Type": "Wait", "Seconds": 1, "TimestampPath": "$.t", "Next": "T"}"#,
        &[(FaultCode::ConflictingFields, "\"TimestampPath\"")],
    );
    check_state(
        r#"{"Type": "Wait", "Timestamp": "2026-01-01", "Next": "T"}"#,
        &[(FaultCode::InvalidTimestamp, "\"2026-01-01\"")],
    );
    check_state(r#"{"Type": "Wait", "Seconds": "1", "Next": "T"}"#, &[(FaultCode::WrongType, "\"1\"")]);
}

#[test]
fn fail_states() {
    let fail =
        |fields: &str| format!(r#"{{"StartAt": "S", "States": {{"S": {{"Type": "Fail", {fields}}}}}}}"#);
    check(&fail(r#""Error": "E", "Cause": "c""#), &[]);
    check(&fail(r#""Error": "E", "ErrorPath": "$.e""#), &[(FaultCode::ConflictingFields, "\"ErrorPath\"")]);
    check(&fail(r#""CausePath": "Cause""#), &[(FaultCode::InvalidPath, "\"Cause\"")]);
    check(
        &fail(r#""CausePath": "States.MathAdd(1, 2)""#),
        &[(FaultCode::InvalidFunction, "\"States.MathAdd(1, 2)\"")],
    );
    check(&fail(r#""End": true"#), &[(FaultCode::UnknownField, "\"End\"")]);
}
