//! RedriveExecution, and what the others say of a redriven execution.

use crate::testing::{World, execution, machine, pass, task};
use serde_json::{Value, json};

fn of(name: &str) -> Value {
    json!({ "executionArn": execution(name) })
}

fn with_token(token: &str) -> Value {
    json!({ "executionArn": execution("17"), "clientToken": token })
}

/// An execution that has failed.
fn failed() -> World {
    let world = World::of(&task());
    world.start("17", &json!({ "fail": "Bad" }));
    world.run();
    world
}

#[test]
fn a_failed_execution_is_redriven_and_says_when() {
    let world = failed();
    let before = world.ok("DescribeExecution", of("17"));
    assert_eq!((before.get("redriveDate"), &before["redriveCount"]), (None, &json!(0)));
    world.host.wait(60_000);
    let redriven = world.ok("RedriveExecution", of("17"));
    let date = redriven["redriveDate"].as_f64().unwrap();
    assert!(date >= before["stopDate"].as_f64().unwrap() + 60.0, "{redriven}");
    let running = world.ok("DescribeExecution", of("17"));
    assert_eq!((&running["status"], &running["redriveCount"]), (&json!("RUNNING"), &json!(1)));
    assert_eq!(running["redriveDate"], redriven["redriveDate"]);
    assert_eq!(running["redriveStatusReason"], json!("Execution is RUNNING and cannot be redriven"));
    assert_eq!(running.get("stopDate"), None);
    world.run();
    let history = world.ok("GetExecutionHistory", of("17"));
    let events = history["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["type"] == "ExecutionRedriven").unwrap();
    assert_eq!(event["executionRedrivenEventDetails"], json!({ "redriveCount": 1 }));
    assert_eq!(world.ok("DescribeExecution", of("17"))["status"], json!("FAILED"), "it fails as before");
    let listed = world.ok("ListExecutions", json!({ "stateMachineArn": machine("w") }));
    let listed = &listed["executions"][0];
    assert_eq!((&listed["redriveCount"], &listed["redriveDate"]), (&json!(1), &redriven["redriveDate"]));
}

#[test]
fn what_runs_or_has_succeeded_is_not_redriven() {
    let world = failed();
    world.ok("RedriveExecution", of("17"));
    let running = "Execution is RUNNING and cannot be redriven";
    world.refused("RedriveExecution", of("17"), "ExecutionNotRedrivable", running);
    let world = World::of(&pass());
    world.start("18", &json!({}));
    world.run();
    let succeeded = "Execution is SUCCEEDED and cannot be redriven";
    world.refused("RedriveExecution", of("18"), "ExecutionNotRedrivable", succeeded);
    let none = format!("Execution Does Not Exist: '{}'", execution("none"));
    world.refused("RedriveExecution", of("none"), "ExecutionDoesNotExist", &none);
    let arn = "Invalid Arn: 'Invalid ARN prefix: x'";
    world.refused("RedriveExecution", json!({ "executionArn": "x" }), "InvalidArn", arn);
}

#[test]
fn a_client_token_is_one_redrive_for_fifteen_minutes() {
    let world = failed();
    let first = world.ok("RedriveExecution", with_token("a"));
    world.host.wait(1_000);
    assert_eq!(world.ok("RedriveExecution", with_token("a")), first, "it still runs");
    world.run();
    assert_eq!(world.ok("RedriveExecution", with_token("a")), first, "it has ended since");
    let second = world.ok("RedriveExecution", with_token("b"));
    assert_ne!(second, first);
    world.run();
    assert_eq!(world.ok("RedriveExecution", with_token("a")), second, "the date of the last redrive");
    assert_eq!(world.ok("DescribeExecution", of("17"))["redriveCount"], json!(2));
    world.host.wait(900_001);
    world.ok("RedriveExecution", with_token("a"));
    assert_eq!(world.ok("DescribeExecution", of("17"))["redriveCount"], json!(3));
}

#[test]
fn a_client_token_has_no_white_space_and_64_characters_at_most() {
    let world = failed();
    let message = "Value 'a b' at 'clientToken' failed to satisfy constraint: Member must satisfy regular expression \
                   pattern: [!-~]+";
    world.refused("RedriveExecution", with_token("a b"), "ValidationException", message);
    let long = "t".repeat(65);
    let message =
        "at 'clientToken' failed to satisfy constraint: Member must have length less than or equal to 64";
    world.refused("RedriveExecution", with_token(&long), "ValidationException", message);
}

#[test]
fn an_execution_whose_records_may_be_gone_is_not_redriven() {
    let world = failed();
    world.host.wait(30 * 86_400_000 + 3_600_000);
    let described = world.ok("DescribeExecution", of("17"));
    assert_eq!(
        (&described["redriveStatus"], &described["redriveStatusReason"]),
        (&json!("NOT_REDRIVABLE"), &json!("Execution redrivable period exceeded"))
    );
    world.refused(
        "RedriveExecution",
        of("17"),
        "ExecutionNotRedrivable",
        "Execution redrivable period exceeded",
    );
}
