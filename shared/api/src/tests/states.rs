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
    world.refused("TestState", body, "ValidationException", "State not found in definition");
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
    check(test(&map, mock("{}")), "ValidationException", "Mocked result must be an array.");
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

#[test]
fn a_map_state_that_writes_its_results_takes_an_object_for_its_result() {
    let world = World::new();
    let mut state =
        json!({ "Type": "Map", "ItemsPath": "$.none", "End": true, "ItemProcessor": crate::testing::pass() });
    state["ItemProcessor"]["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    state["ResultWriter"] = json!({ "Resource": "arn:aws:states:::s3:putObject", "Parameters": { "Bucket": "b", "Prefix": "p" } });
    let with =
        |result: &str, input: &str| test(&state, json!({ "input": input, "mock": { "result": result } }));
    let message = "Mocked result must be a JSON object.";
    world.refused("TestState", with("[\"x\"]", "{}"), "ValidationException", message);
    let tested = world.ok("TestState", with("{\"MapRunArn\":\"arn\"}", "{\"none\":[1]}"));
    assert_eq!(tested, json!({ "status": "SUCCEEDED", "output": "{\"MapRunArn\":\"arn\"}" }));
}

#[test]
fn a_context_has_what_aws_gives_to_such_a_state() {
    let world = World::new();
    let state = |resource: &str| {
        json!({ "Type": "Task", "Resource": resource, "End": true, "ResultSelector": { "context.$": "$$" },
            "Parameters": { "QueueUrl": "q", "MessageBody.$": "$$.Execution.Input" } })
    };
    let (plain, waits) = (
        state("arn:aws:states:::sqs:sendMessage"),
        state("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
    );
    let with = |state: &Value, context: &Value| {
        test(state, json!({ "context": context.to_string(), "mock": { "result": "{}" } }))
    };
    let mut context = json!({
        "Execution": { "Id": "arn", "Input": { "a": 1 }, "Name": "n", "RoleArn": "r", "StartTime": "t" },
        "State": { "Name": "S", "EnteredTime": "t", "RetryCount": 0 },
        "StateMachine": { "Id": "arn", "Name": "m" },
    });
    let shown = |tested: Value| serde_json::from_str::<Value>(tested["output"].as_str().unwrap()).unwrap();
    assert_eq!(shown(world.ok("TestState", with(&plain, &context))), json!({ "context": context }));
    context["Task"] = json!({ "Token": "abcd" });
    assert_eq!(shown(world.ok("TestState", with(&waits, &context))), json!({ "context": context }));
    let message = "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' \
                   service integration pattern";
    for (context, message) in [
        (context, message),
        (json!({ "Execution": { "Id": 1 } }), "Execution.Id must be a string"),
        (json!({ "State": { "RetryCount": "1" } }), "State.RetryCount must be a number"),
        (json!({ "StateMachine": 1 }), "StateMachine must be an object"),
        (json!({ "Execution": { "pokemon": "squirtle" } }), "Field 'pokemon' is not allowed"),
        (json!({ "Pokedex": {} }), "Field 'Pokedex' is not allowed"),
        (json!({ "Map": {} }), "'Map' field is not supported when mocking a Context object"),
        (json!([]), "Context object must be an object"),
    ] {
        let message = format!("Invalid Context object provided: {message}");
        world.refused("TestState", with(&plain, &context), "ValidationException", &message);
    }
}
