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
    assert_eq!(codes(&nested("DISTRIBUTED", r#""Assign": {"a": 1}"#)), []);
    assert_eq!(codes(&nested("DISTRIBUTED", r#""Parameters": {"b.$": "$a.c"}"#)), [UndefinedVariable]);
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
    for arn in ["arn:aws:states:::aws-sdk:s3:getObject", "arn:aws:swf:us-east-1:123456789012:task:X"] {
        warns(&task(arn), &[(NotYetRun, &format!("\"{arn}\""))]);
    }
    for arn in [LAMBDA, "arn:aws:states:::dynamodb:getItem", "${Function}"] {
        warns(&task(arn), &[]);
    }
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

#[test]
fn faults_have_the_words_of_aws_where_they_are_known() {
    let express = Options { workflow_type: WorkflowType::Express, ..Options::default() };
    let machine = |top: &str, state: &str| {
        format!(r#"{{{top}"StartAt": "A", "States": {{"A": {{{state}, "End": true}}}}}}"#)
    };
    let task = |resource: &str| machine("", &format!(r#""Type": "Task", "Resource": "{resource}""#));
    for (text, words) in [
        (" ".to_string(), "Definition must be a valid JSON object"),
        ("{}".to_string(), "These fields are required: [States, StartAt]"),
        (r#"{"States": {"A": {"Type": "Succeed"}}}"#.to_string(), "These fields are required: [StartAt]"),
        (r#"{"StartAt": "A"}"#.to_string(), "These fields are required: [States]"),
        (
            machine(r#""QueryLanguage": "JSONata", "#, r#""Type": "Pass", "QueryLanguage": "JSONPath""#),
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
        ),
        (
            machine("", r#""Type": "Wait", "Timestamp": "2016-12-05 21:29:29Z""#),
            "String does not match RFC3339 timestamp",
        ),
        (
            task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
            "Express state machine does not support '.waitForTaskToken' service integration ",
        ),
        (
            task("arn:aws:states:::states:startExecution.sync"),
            "Express state machine does not support '.sync' service integration",
        ),
        (
            task("arn:aws:states:us-east-1:000000000000:activity:a"),
            "Express state machine does not support Activity ARN",
        ),
    ] {
        let faults = Definition::parse_as(&text, &express).unwrap_err();
        let told: Vec<_> = faults.iter().map(|fault| fault.aws_message.as_deref()).collect();
        assert_eq!(told, [Some(words)], "{text}");
        assert!(faults.iter().all(|fault| fault.message != words), "the command line has its own");
    }
}

/// The paths that find nothing in a machine of these states.
#[track_caller]
fn finds_nothing(states: &str, expected: &[&str]) {
    let text = format!(r#"{{"StartAt": "A", "States": {{{states}}}}}"#);
    let definition = Definition::parse(&text).unwrap_or_else(|faults| panic!("{faults}"));
    let found = definition.warnings.iter().filter(|fault| fault.code == FaultCode::MissingData);
    assert_eq!(found.map(|fault| &text[fault.span.clone()]).collect::<Vec<_>>(), expected, "{text}");
}

const A: &str = r#""A": {"Type": "Pass", "Parameters": {"x": {"y.$": "$.in"}, "n": 1}, "Next": "B"}"#;

#[test]
fn paths_that_find_nothing() {
    let after_a = |b: &str| format!(r#"{A}, "B": {{{b}, "End": true}}"#);
    let pass = |fields: &str| after_a(&format!(r#""Type": "Pass", {fields}"#));
    finds_nothing(&pass(r#""InputPath": "$.z""#), &["\"$.z\""]);
    finds_nothing(
        &pass(r#""Parameters": {"a.$": "$.x.z", "b.$": "$.x.y.q", "c.$": "$.n.m"}"#),
        &["\"$.x.z\"", "\"$.n.m\""],
    );
    finds_nothing(
        &pass(r#""Parameters": {"a.$": "States.Array($.x, $.w)"}"#),
        &["\"States.Array($.x, $.w)\""],
    );
    finds_nothing(
        &pass(r#""Parameters": {"a.$": "$$.w", "b.$": "$..w", "c.$": "$.x['y','z']", "d.$": "$.x.y[0].z"}"#),
        &[],
    );
    finds_nothing(&pass(r#""Result": {"q": 1}, "ResultPath": "$.r", "OutputPath": "$.q""#), &["\"$.q\""]);
    finds_nothing(&pass(r#""Result": {"q": 1}, "ResultPath": "$.r", "OutputPath": "$.r.q""#), &[]);
    finds_nothing(&after_a(r#""Type": "Wait", "SecondsPath": "$.s""#), &["\"$.s\""]);
    finds_nothing(
        &after_a(
            r#""Type": "Map", "ItemsPath": "$.i", "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Succeed"}}}"#,
        ),
        &["\"$.i\""],
    );
    // What a task adds can be anything, what was there stays.
    let task = r#""B": {"Type": "Task", "Resource": "arn:aws:lambda:::function:f", "ResultPath": "$.r", "Next": "C",
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "C"}]}"#;
    let c = r#""C": {"Type": "Pass", "Parameters": {"a.$": "$.r.q", "b.$": "$.n", "c.$": "$.e.Cause", "d.$": "$.e.Code", "e.$": "$.t"}, "End": true}"#;
    finds_nothing(&format!("{A}, {task}, {c}"), &["\"$.e.Code\"", "\"$.t\""]);
    // Branches get what Parameters make.
    let parallel = r#""B": {"Type": "Parallel", "Parameters": {"p": 1}, "End": true, "Branches": [{"StartAt": "I", "States": {
        "I": {"Type": "Pass", "InputPath": "$.n", "End": true}}}]}"#;
    finds_nothing(&format!("{A}, {parallel}"), &["\"$.n\""]);
}

#[test]
fn paths_that_may_find_something() {
    // The run's input can be anything, and ways that meet bring all of theirs.
    finds_nothing(r#""A": {"Type": "Pass", "Parameters": {"a.$": "$.b"}, "End": true}"#, &[]);
    let two_ways = r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.q", "IsPresent": true, "Next": "L"}], "Default": "R"},
        "L": {"Type": "Pass", "Result": {"l": 1}, "Next": "E"}, "R": {"Type": "Pass", "Result": {"r": 1}, "Next": "E"},
        "E": {"Type": "Pass", "Parameters": {"l.$": "$.l", "r.$": "$.r", "q.$": "$.q"}, "End": true}"#;
    finds_nothing(two_ways, &["\"$.q\""]);
    // A loop that nests its input deeper in each round comes to an end.
    let looping = r#""A": {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$.b"}, "Next": "C"},
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": true, "Next": "A"}], "Default": "E"},
        "E": {"Type": "Pass", "InputPath": "$.a.a.a.a.a.a.a.a.b", "End": true}"#;
    finds_nothing(looping, &[]);
}

/// Each of them would take minutes, or all of the memory, if it were followed without a bound.
#[test]
fn huge_definitions_come_to_an_end() {
    let names = |count: usize, state: &dyn Fn(usize) -> String| {
        (0..count).map(|n| format!(r#""S{n}": {}"#, state(n))).collect::<Vec<_>>().join(",")
    };
    let targets: Vec<String> =
        (1..8_000).map(|n| format!(r#"{{"Variable": "$.a", "IsNull": true, "Next": "S{n}"}}"#)).collect();
    let wide = names(8_000, &|n| match n {
        0 => format!(r#"{{"Type": "Choice", "Choices": [{}]}}"#, targets.join(",")),
        _ => r#"{"Type": "Succeed"}"#.to_string(),
    });
    let members: Vec<String> = (0..2_000).map(|n| format!(r#""m{n}": {n}"#)).collect();
    let made = format!(r#"{{"Type": "Pass", "Result": {{{}}}, "Next": "S0"}}"#, members.join(","));
    let growing =
        names(8_000, &|n| format!(r#"{{"Type": "Pass", "ResultPath": "$.p{n}", "Next": "S{}"}}"#, n + 1));
    for text in [
        format!(r#"{{"StartAt": "First", "States": {{"First": {made}, {wide}}}}}"#),
        format!(
            r#"{{"StartAt": "First", "States": {{"First": {made}, {growing}, "S8000": {{"Type": "Succeed"}}}}}}"#
        ),
    ] {
        assert!(Definition::parse(&text).is_ok());
    }
    let undefined = names(10_000, &|n| {
        format!(r#"{{"Type": "Pass", "Assign": {{"v{n}": 1}}, "InputPath": "$w{n}", "Next": "T{n}"}}"#)
    });
    let faults =
        Definition::check(&format!(r#"{{"StartAt": "S0", "States": {{{undefined}}}}}"#), &Options::default());
    assert_eq!((faults.errors.len(), faults.warnings.len()), (FAULTS_MAX + 1, FAULTS_MAX));
}

#[test]
fn a_role_is_named_by_a_text() {
    let task = |credentials: &str| {
        let text = machine(&format!(
            r#"{{"Type": "Task", "Resource": "{LAMBDA}", "Credentials": {credentials}, "Next": "T"}}"#
        ));
        let checked = Definition::check(&text, &Options::default());
        checked.errors.iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(task(r#"{"RoleArn": "arn:aws:iam::123456789012:role/r"}"#), []);
    assert_eq!(task(r#"{"RoleArn.$": "$.role"}"#), []);
    assert_eq!(task(r#"{"RoleArn": {"a": 1}}"#), [FaultCode::WrongType]);
    assert_eq!(task("true"), [FaultCode::WrongType]);
}
