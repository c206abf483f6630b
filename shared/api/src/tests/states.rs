//! TestState.

use crate::testing::{World, task};
use serde_json::{Value, json};

fn test(state: &Value, more: Value) -> Value {
    let mut body = json!({ "definition": state.to_string() });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn a_state_is_run_alone() {
    let world = World::new();
    let pass = json!({ "Type": "Pass", "Next": "Then", "Parameters": { "b.$": "$.a" } });
    let tested = world.ok("TestState", test(&pass, json!({ "input": "{\"a\":1}" })));
    assert_eq!(tested, json!({ "status": "SUCCEEDED", "output": "{\"b\":1}", "nextState": "Then" }));
    let fail = json!({ "Type": "Fail", "Error": "Bad", "Cause": "it was to" });
    let tested = world.ok("TestState", test(&fail, json!({})));
    assert_eq!(tested, json!({ "status": "FAILED", "error": "Bad", "cause": "it was to" }));
}

#[test]
fn the_data_on_its_way_is_shown_where_it_is_asked_for() {
    let world = World::new();
    let pass = json!({ "Type": "Pass", "End": true, "InputPath": "$.a", "Parameters": { "c.$": "$.b" } });
    let body = |level: &str| {
        let more =
            json!({ "input": "{\"a\":{\"b\":2}}", "inspectionLevel": level, "variables": "{\"v\":1}" });
        world.ok("TestState", test(&pass, more))
    };
    for level in ["DEBUG", "TRACE"] {
        let shown = body(level)["inspectionData"].clone();
        for (name, text) in [
            ("input", "{\"a\":{\"b\":2}}"),
            ("afterInputPath", "{\"b\":2}"),
            ("afterParameters", "{\"c\":2}"),
            ("variables", "{\"v\":1}"),
        ] {
            assert_eq!(shown[name], text, "{name} in {shown}");
        }
    }
    assert_eq!(body("INFO").get("inspectionData"), None);
}

#[test]
fn a_task_takes_its_result_or_its_error_from_the_mock() {
    let world = World::new();
    let mut state = task()["States"]["T"].clone();
    let tested = world.ok("TestState", test(&state, json!({ "mock": { "result": "{\"paid\":true}" } })));
    assert_eq!(tested, json!({ "status": "SUCCEEDED", "output": "{\"paid\":true}" }));
    state["Retry"] =
        json!([{ "ErrorEquals": ["Bad"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 3 }]);
    state["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]);
    let mock = json!({ "errorOutput": { "error": "Bad", "cause": "no" } });
    let tested = world.ok(
        "TestState",
        test(
            &state,
            json!({ "mock": mock, "inspectionLevel": "DEBUG",
        "stateConfiguration": { "retrierRetryCount": 1 } }),
        ),
    );
    assert_eq!(
        (&tested["status"], &tested["error"], &tested["cause"]),
        (&json!("RETRIABLE"), &json!("Bad"), &json!("no"))
    );
    let details = json!({ "retryIndex": 0, "retryBackoffIntervalSeconds": 6 });
    assert_eq!(tested["inspectionData"]["errorDetails"], details);
    let tested = world.ok(
        "TestState",
        test(&state, json!({ "mock": mock, "stateConfiguration": { "retrierRetryCount": 2 } })),
    );
    assert_eq!((&tested["status"], &tested["nextState"]), (&json!("CAUGHT_ERROR"), &json!("Caught")));
}

#[test]
fn a_state_is_found_in_a_whole_machine_by_its_name() {
    let world = World::new();
    let body = test(&task(), json!({ "stateName": "T", "mock": { "result": "1" } }));
    assert_eq!(world.ok("TestState", body)["output"], "1");
    let body = test(&task(), json!({ "stateName": "X", "mock": { "result": "1" } }));
    world.refused("TestState", body, "ValidationException", "the definition has no state 'X'");
}

#[test]
fn a_test_is_refused_with_awss_reasons() {
    let world = World::new();
    let check = |body: Value, kind: &str, message: &str| world.refused("TestState", body, kind, message);
    let pass = json!({ "Type": "Pass", "End": true });
    let (task, map) =
        (task()["States"]["T"].clone(), json!({ "Type": "Map", "End": true, "ItemProcessor": task() }));
    let parallel = json!({ "Type": "Parallel", "End": true, "Branches": [crate::testing::pass(), crate::testing::wait()] });
    let mock = |result: &str| json!({ "mock": { "result": result } });
    check(
        test(&pass, mock("1")),
        "ValidationException",
        "State type 'Pass' is not supported when a mock is specified",
    );
    for state in [&map, &parallel] {
        check(
            test(state, json!({})),
            "InvalidDefinition",
            "TestState API does not support Map or Parallel states.",
        );
        let body = json!({ "input": "[1]", "mock": { "result": "1" } });
        check(test(state, body), "ValidationException", "Mocked result must be an array.");
    }
    check(
        test(&parallel, mock("[1]")),
        "ValidationException",
        "same number of items as number of Parallel branches.",
    );
    let both = json!({ "mock": { "result": "1", "errorOutput": { "error": "e" } } });
    check(
        test(&task, both),
        "ValidationException",
        "only one of the following fields: [result, errorOutput].",
    );
    check(test(&task, json!({ "mock": {} })), "ValidationException", "one of the following fields");
    check(test(&task, json!({})), "ValidationException", "A Task state can only be tested with a mock");
    check(
        test(&task, json!({ "mock": { "result": "1" }, "revealSecrets": true })),
        "ValidationException",
        "RevealSecrets",
    );
    check(test(&task, mock("x")), "ValidationException", "The mocked result is not valid JSON");
    check(test(&pass, json!({ "input": "x" })), "InvalidExecutionInput", "Unrecognized token 'x'");
    check(test(&pass, json!({ "variables": "[]" })), "ValidationException", "JSON object");
    check(test(&pass, json!({ "context": "{}" })), "ValidationException", "when a mock is specified");
    check(test(&pass, json!({ "roleArn": "x" })), "InvalidArn", "Invalid Role Arn: 'x'");
    check(
        test(&json!({ "Type": "Pass" }), json!({})),
        "InvalidDefinition",
        "Invalid State Machine Definition: '",
    );
    check(json!({ "definition": "x" }), "InvalidDefinition", "INVALID_JSON_DESCRIPTION");
    check(json!({ "definition": "[]" }), "InvalidDefinition", "SCHEMA_VALIDATION_FAILED");
    let mode = json!({ "mock": { "result": "1", "fieldValidationMode": "LAX" } });
    check(test(&task, mode), "ValidationException", "Value 'LAX' at 'mock.fieldValidationMode' failed");
}
