//! DescribeExecution and StopExecution.

use crate::{
    Refusals,
    testing::{ROLE, World, execution, machine, pass, task, wait},
};
use serde_json::{Value, json};

fn of(name: &str) -> Value {
    json!({ "executionArn": execution(name) })
}

#[test]
fn an_execution_is_described_while_it_runs_and_when_it_has_ended() {
    let world = World::of(&task());
    world.start("17", &json!({ "a": 1 }));
    let mut running = json!({
        "executionArn": execution("17"),
        "stateMachineArn": machine("w"),
        "name": "17",
        "status": "RUNNING",
        "startDate": 1_700_000_000.0,
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        "input": "{\"a\":1}",
        "inputDetails": { "included": true },
    });
    assert_eq!(world.ok("DescribeExecution", of("17")), running);
    world.run();
    let described = world.ok("DescribeExecution", of("17"));
    running["status"] = json!("SUCCEEDED");
    running["redriveStatusReason"] = json!("Execution is SUCCEEDED and cannot be redriven");
    running["output"] = json!("{\"a\":1}");
    running["outputDetails"] = json!({ "included": true });
    running["stopDate"] = described["stopDate"].clone();
    assert_eq!(described, running);
}

#[test]
fn a_failed_execution_tells_its_error_and_can_be_redriven() {
    let world = World::of(&task());
    world.start("17", &json!({ "fail": "Bad" }));
    world.run();
    let described = world.ok("DescribeExecution", of("17"));
    assert_eq!((&described["status"], &described["error"]), (&json!("FAILED"), &json!("Bad")));
    assert!(described["cause"].as_str().unwrap().contains("it was to"));
    assert_eq!(
        (&described["redriveStatus"], described.get("redriveStatusReason")),
        (&json!("REDRIVABLE"), None)
    );
    assert_eq!((described.get("output"), described.get("outputDetails")), (None, None));
}

#[test]
fn an_execution_that_its_state_machine_gave_no_more_time_tells_no_error() {
    let mut definition = wait();
    definition["TimeoutSeconds"] = json!(60);
    let world = World::of(&definition);
    world.start("17", &json!({}));
    world.run();
    let described = world.ok("DescribeExecution", of("17"));
    assert_eq!(described["status"], "TIMED_OUT");
    for absent in ["output", "outputDetails", "error", "cause"] {
        assert_eq!(described.get(absent), None, "{absent}");
    }
    let history = world.ok("GetExecutionHistory", of("17"));
    let last = history["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["executionTimedOutEventDetails"], json!({ "error": "States.Timeout" }));
}

#[test]
fn metadata_alone_is_shown_without_input_and_output() {
    let world = World::of(&pass());
    world.start("17", &json!({ "secret": 1 }));
    world.run();
    let body = json!({ "executionArn": execution("17"), "includedData": "METADATA_ONLY" });
    let described = world.ok("DescribeExecution", body);
    assert!(!described.to_string().contains("secret"), "{described}");
    let body = json!({ "executionArn": execution("17"), "includedData": "ALL" });
    let message = "Value 'ALL' at 'includedData' failed to satisfy constraint: Member must satisfy enum value set: \
                   [ALL_DATA, METADATA_ONLY]";
    world.refused("DescribeExecution", body, "ValidationException", message);
}

#[test]
fn an_output_that_is_too_large_for_an_answer_is_left_out_and_said_so() {
    let nine = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true, "Parameters": {
        "a.$": "$", "b.$": "$", "c.$": "$"
    } } } });
    let world = World::of(&nine);
    world.start("17", &json!("x".repeat(900_000)));
    world.run();
    let described = world.ok("DescribeExecution", of("17"));
    assert_eq!((&described["status"], described.get("output")), (&json!("SUCCEEDED"), None));
    assert_eq!(described["outputDetails"], json!({ "included": false }));
    assert_eq!(described["input"].as_str().unwrap().len(), 900_002);
}

#[test]
fn an_execution_is_stopped_once_with_its_error_and_cause() {
    let world = World::of(&wait());
    world.start("17", &json!({}));
    world.host.wait(1_500);
    let body = json!({ "executionArn": execution("17"), "error": "Enough", "cause": "of it" });
    let stopped = world.ok("StopExecution", body);
    assert_eq!(stopped, json!({ "stopDate": 1_700_000_001.5 }));
    let described = world.ok("DescribeExecution", of("17"));
    assert_eq!((&described["status"], &described["stopDate"]), (&json!("ABORTED"), &stopped["stopDate"]));
    assert_eq!((&described["error"], &described["cause"]), (&json!("Enough"), &json!("of it")));
    world.host.wait(1_500);
    assert_eq!(world.ok("StopExecution", of("17")), stopped, "it has ended, and keeps its end");
}

#[test]
fn what_is_not_there_or_no_execution_is_refused() {
    let world = World::of(&wait());
    for operation in [
        "DescribeExecution",
        "StopExecution",
        "DescribeStateMachineForExecution",
        "ListMapRuns",
        "GetExecutionHistory",
    ] {
        let none = format!("Execution Does Not Exist: '{}'", execution("none"));
        world.refused(operation, of("none"), "ExecutionDoesNotExist", &none);
        world.refused(
            operation,
            json!({ "executionArn": "x" }),
            "InvalidArn",
            "Invalid Arn: 'Invalid ARN prefix: x'",
        );
        let express = execution("17").replace(":execution:", ":express:");
        let message = "Invalid Arn: 'Resource type not valid in this context: express'";
        world.refused(operation, json!({ "executionArn": express }), "InvalidArn", message);
        world.refused(operation, json!({}), "ValidationException", "Value null at 'executionArn'");
    }
    world.start("17", &json!({}));
    let body =
        json!({ "executionArn": execution("17"), "error": "e".repeat(257), "cause": "c".repeat(32_769) });
    world.refused(
        "StopExecution",
        body,
        "ValidationException",
        "2 validation errors detected: Value at 'error' failed",
    );
}

#[test]
fn an_express_execution_is_shown_unless_awss_refusals_are_wanted() {
    for (refusals, is_shown) in [(Refusals::Own, true), (Refusals::Aws, false)] {
        let world = World::with(refusals);
        let body =
            json!({ "name": "w", "definition": wait().to_string(), "roleArn": ROLE, "type": "EXPRESS" });
        world.ok("CreateStateMachine", body);
        world.start("17", &json!({}));
        for operation in ["DescribeExecution", "GetExecutionHistory"] {
            assert_eq!(world.call(operation, of("17")).is_ok(), is_shown);
        }
        assert_eq!(
            world.call("ListExecutions", json!({ "stateMachineArn": machine("w") })).is_ok(),
            is_shown
        );
    }
}
