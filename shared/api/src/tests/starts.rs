//! StartExecution and StartSyncExecution.

use crate::{
    Refusals,
    testing::{ROLE, World, execution, machine, pass, task, wait},
};
use serde_json::{Value, json};

fn start(name: &str, input: &str) -> Value {
    json!({ "stateMachineArn": machine("w"), "name": name, "input": input })
}

#[test]
fn an_execution_starts_once_however_often_it_is_asked_for_while_it_runs() {
    let world = World::of(&wait());
    let started = world.ok("StartExecution", start("17", "{\"a\": 1}"));
    assert_eq!(started, json!({ "executionArn": execution("17"), "startDate": 1_700_000_000.0 }));
    world.host.wait(60_000);
    assert_eq!(world.ok("StartExecution", start("17", " {\"a\":1} ")), started);
    let exists = format!("Execution Already Exists: '{}'", execution("17"));
    world.refused("StartExecution", start("17", "{\"a\": 2}"), "ExecutionAlreadyExists", &exists);
    world.ok("StopExecution", json!({ "executionArn": execution("17") }));
    world.refused("StartExecution", start("17", "{\"a\": 1}"), "ExecutionAlreadyExists", &exists);
}

#[test]
fn without_a_name_each_start_is_one_of_its_own_and_without_input_it_is_an_empty_object() {
    let world = World::of(&pass());
    let arns: Vec<String> = (0..2)
        .map(|_| world.ok("StartExecution", json!({ "stateMachineArn": machine("w") })))
        .map(|started| started["executionArn"].as_str().unwrap().to_owned())
        .collect();
    assert_ne!(arns[0], arns[1]);
    assert_eq!(arns[0].len(), execution("").len() + 36);
    let described = world.ok("DescribeExecution", json!({ "executionArn": arns[0] }));
    assert_eq!(described["input"], "{}");
}

#[test]
fn a_start_is_refused_with_awss_reasons() {
    let world = World::of(&pass());
    let check = |body: Value, kind: &str, message: &str| world.refused("StartExecution", body, kind, message);
    check(json!({}), "ValidationException", "Value null at 'stateMachineArn' failed");
    check(json!({ "stateMachineArn": "x" }), "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'");
    check(
        json!({ "stateMachineArn": machine("none") }),
        "StateMachineDoesNotExist",
        &format!("State Machine Does Not Exist: '{}'", machine("none")),
    );
    check(json!({ "stateMachineArn": machine("w:1") }), "StateMachineDoesNotExist", "w:1'");
    for name in ["a b", "a/b", "a\"b", "a\u{1}", "a:b", "a#b"] {
        check(start(name, "{}"), "InvalidName", &format!("Invalid Name: '{name}'"));
    }
    check(
        start("", "{}"),
        "ValidationException",
        "Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
    check(start(&"n".repeat(81), "{}"), "ValidationException", "length less than or equal to 80");
    let input = |why: &str| format!("Invalid State Machine Execution Input: '{why}");
    let check_input = |text: &str, why: &str| check(start("n", text), "InvalidExecutionInput", &input(why));
    check_input("", "Invalid execution input.'");
    check_input(
        "not JSON",
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'",
    );
    check_input(
        "{'a': 1}",
        "Unexpected character (''' (code 39)): was expecting double-quote to start field name'",
    );
    check_input("{", "it is not JSON");
    check_input("123456789012345678901234567890", "the number 123456789012345678901234567890 does not fit");
    check_input(&"[".repeat(200), "it is not JSON");
    check_input(
        &format!("{}{}", "[".repeat(101), "]".repeat(101)),
        "the input is nested more than 100 levels deep",
    );
    for text in ["null", "1", "\"x\"", "[]"] {
        world.ok("StartExecution", start(&format!("of-{}", text.len()), text));
    }
}

#[test]
fn awss_limit_of_an_input_holds_where_it_is_wanted() {
    let large = format!("\"{}\"", "x".repeat(262_143));
    let world = World::of(&pass());
    world.ok("StartExecution", start("large", &large));
    let strict = World::with(Refusals::Aws);
    strict.publish("w", &pass());
    let message =
        "Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144";
    strict.refused("StartExecution", start("large", &large), "ValidationException", message);
}

/// A world with the EXPRESS workflow `w`.
fn express(definition: &Value) -> World {
    let world = World::new();
    let body =
        json!({ "name": "w", "definition": definition.to_string(), "roleArn": ROLE, "type": "EXPRESS" });
    world.ok("CreateStateMachine", body);
    world
}

#[test]
fn a_sync_start_answers_with_the_end() {
    let world = express(&pass());
    // A run without a step ends by a message: it is on its way before anybody looks.
    world.ok("StartExecution", start("17", "{\"a\":1}"));
    world.run();
    let answer = world.ok("StartSyncExecution", start("17", "{\"a\":1}"));
    let at = answer["startDate"].as_f64().unwrap();
    assert!(answer["stopDate"].as_f64().unwrap() >= at);
    assert_eq!(answer["status"], "SUCCEEDED");
    assert_eq!((&answer["executionArn"], &answer["name"]), (&json!(execution("17")), &json!("17")));
    assert_eq!((&answer["input"], &answer["output"]), (&json!("{\"a\":1}"), &json!("{\"a\":1}")));
    assert_eq!(answer["outputDetails"], json!({ "included": true }));
    let body = json!({ "includedData": "METADATA_ONLY", "stateMachineArn": machine("w"), "name": "17", "input": "{\"a\":1}" });
    assert_eq!(world.ok("StartSyncExecution", body).get("output"), None);
    world.refused("StartSyncExecution", start("17", "{}"), "ExecutionAlreadyExists", &execution("17"));
}

#[test]
fn a_sync_start_tells_how_it_failed() {
    let fail = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "Bad", "Cause": "it was to" } } });
    let world = express(&fail);
    world.ok("StartExecution", start("17", "{}"));
    world.run();
    let answer = world.ok("StartSyncExecution", start("17", "{}"));
    assert_eq!(
        (&answer["status"], &answer["error"], &answer["cause"]),
        (&json!("FAILED"), &json!("Bad"), &json!("it was to"))
    );
    assert_eq!(answer.get("output"), None);
    assert_eq!(answer["outputDetails"], json!({ "included": true }), "AWS has it here");
}

#[test]
fn a_sync_start_waits_for_five_minutes_and_the_execution_goes_on() {
    let world = express(&wait());
    let from_ms = world.now_ms();
    let still = format!("The execution has not ended within 300 seconds, and goes on: '{}'", execution("17"));
    world.refused("StartSyncExecution", start("17", "{}"), "ExecutionStillRunning", &still);
    assert_eq!(world.now_ms() - from_ms, 300_000);
    let described = world.ok("DescribeExecution", json!({ "executionArn": execution("17") }));
    assert_eq!(described["status"], "RUNNING");
}

#[test]
fn a_sync_start_looks_for_the_end_by_few_reads() {
    let world = express(&wait());
    world.host.calls();
    let _ = world.call("StartSyncExecution", start("17", "{}"));
    let reads = world.host.calls().into_iter().filter(|call| *call == "get run").count();
    assert!((20..=28).contains(&reads), "{reads} reads in five minutes");
}

#[test]
fn a_standard_state_machine_is_started_in_sync_too_unless_aws_refusals_are_wanted() {
    let none = json!({ "stateMachineArn": machine("none") });
    let world = World::of(&task());
    world.start("17", &json!({}));
    world.run();
    assert_eq!(world.ok("StartSyncExecution", start("17", "{}"))["status"], "SUCCEEDED");
    world.refused("StartSyncExecution", none.clone(), "StateMachineDoesNotExist", "");
    let strict = World::with(Refusals::Aws);
    strict.publish("w", &task());
    let message = "This operation is not supported by this type of state machine";
    strict.refused("StartSyncExecution", start("17", "{}"), "StateMachineTypeNotSupported", message);
    strict.refused("StartSyncExecution", none, "StateMachineDoesNotExist", "");
}
