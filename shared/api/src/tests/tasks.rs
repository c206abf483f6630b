//! Tasks that somebody else answers, and activities.

use crate::testing::{ARN, World, machine, pass};
use serde_json::{Value, json};
use stepladder_protocol::QueueName;

const OVER: &str = "Task Timed Out: 'Provided task does not exist anymore'";

fn activity(name: &str) -> String {
    format!("{ARN}:activity:{name}")
}

/// One state that waits for an activity.
fn waits_for_activity(more: Value) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": activity("pack"), "End": true });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "StartAt": "P", "States": { "P": state } })
}

/// One state whose step `work` gets a token, and gives it back.
fn waits_for_token(more: Value) -> Value {
    let mut state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": { "FunctionName": "work", "Payload": { "token.$": "$$.Task.Token", "fail.$": "$.fail" } },
    });
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "StartAt": "A", "States": { "A": state } })
}

/// A world whose run `one` of such a workflow waits for its answer, and the token.
fn waiting(more: Value) -> (World, String, String) {
    let world = World::of(&waits_for_token(more));
    let arn = world.start("one", &json!({ "fail": null }));
    world.deliver(&QueueName::Step("work".to_owned()));
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": arn }));
    let submitted = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["type"] == "TaskSubmitted")
        .unwrap_or_else(|| panic!("{history:#}"))
        .clone();
    let output = submitted["taskSubmittedEventDetails"]["output"].as_str().unwrap().to_owned();
    let output: Value = serde_json::from_str(&output).unwrap();
    let token = output["Payload"]["token"].as_str().unwrap().to_owned();
    (world, arn, token)
}

fn described(world: &World, arn: &str) -> Value {
    world.ok("DescribeExecution", json!({ "executionArn": arn }))
}

fn types(world: &World, arn: &str) -> Vec<String> {
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": arn }));
    let events = history["events"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_success_is_the_states_result_and_its_token_is_good_once() {
    let (world, arn, token) = waiting(json!({}));
    let answer = json!({ "taskToken": token, "output": "{\"approved\":true}" });
    assert_eq!(world.ok("SendTaskSuccess", answer.clone()), json!({}));
    world.refused("SendTaskSuccess", answer.clone(), "TaskTimedOut", OVER);
    world.refused("SendTaskHeartbeat", json!({ "taskToken": token }), "TaskTimedOut", OVER);
    world.run();
    let described = described(&world, &arn);
    assert_eq!(
        (&described["status"], &described["output"]),
        (&json!("SUCCEEDED"), &json!("{\"approved\":true}"))
    );
    assert_eq!(
        types(&world, &arn)[2..6],
        ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"].map(str::to_owned)
    );
    world.refused("SendTaskSuccess", answer, "TaskTimedOut", OVER);
}

#[test]
fn a_failure_is_the_states_failure() {
    let (world, arn, token) = waiting(json!({}));
    world.ok("SendTaskFailure", json!({ "taskToken": token, "error": "Declined", "cause": "too much" }));
    world.run();
    let described = described(&world, &arn);
    assert_eq!(described["status"], "FAILED");
    assert_eq!((&described["error"], &described["cause"]), (&json!("Declined"), &json!("too much")));
}

#[test]
fn what_is_no_token_or_no_output_is_refused() {
    let (world, _, token) = waiting(json!({}));
    let (other, ..) = waiting(json!({}));
    let mut altered = token.clone();
    let end = altered.pop().unwrap();
    altered.push(if end == 'A' { 'B' } else { 'A' });
    for wrong in ["x", altered.as_str(), &"A".repeat(2_048)] {
        let invalid = "Invalid Token: 'Invalid token'";
        world.refused(
            "SendTaskSuccess",
            json!({ "taskToken": wrong, "output": "1" }),
            "InvalidToken",
            invalid,
        );
        world.refused("SendTaskFailure", json!({ "taskToken": wrong }), "InvalidToken", invalid);
        world.refused("SendTaskHeartbeat", json!({ "taskToken": wrong }), "InvalidToken", invalid);
    }
    // The same run of another stack has another nonce.
    other.host.wait(1);
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for output in ["{", "\u{feff}1", deep.as_str()] {
        let body = json!({ "taskToken": token, "output": output });
        world.refused("SendTaskSuccess", body, "InvalidOutput", "Invalid Output:");
    }
    let too_long = json!({ "taskToken": "A".repeat(2_049), "output": "1" });
    world.refused("SendTaskSuccess", too_long, "ValidationException", "less than or equal to 2048");
    world.refused("SendTaskSuccess", json!({ "output": "1" }), "ValidationException", "taskToken");
    // None of that was an answer.
    world.ok("SendTaskSuccess", json!({ "taskToken": token, "output": "1" }));
}

#[test]
fn an_answer_that_comes_before_the_step_has_returned_is_kept_also_where_the_step_fails() {
    let world = World::of(&waits_for_token(json!({})));
    let arn = world.start("one", &json!({ "fail": "Broken" }));
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": arn }));
    let scheduled =
        history["events"][2]["taskScheduledEventDetails"]["parameters"].as_str().unwrap().to_owned();
    let parameters: Value = serde_json::from_str(&scheduled).unwrap();
    let token = parameters["Payload"]["token"].as_str().unwrap();
    // Nobody has been given it yet.
    world.refused("SendTaskSuccess", json!({ "taskToken": token, "output": "1" }), "TaskTimedOut", OVER);
    // The step has opened its task, and has not recorded its failure.
    world.host.throttle("end task", 1);
    world.deliver(&QueueName::Step("work".to_owned()));
    world.ok("SendTaskSuccess", json!({ "taskToken": token, "output": "17" }));
    world.run();
    let described = described(&world, &arn);
    assert_eq!((&described["status"], &described["output"]), (&json!("SUCCEEDED"), &json!("17")));
}

#[test]
fn a_step_that_fails_ends_the_wait() {
    let world = World::of(&waits_for_token(json!({})));
    let arn = world.start("one", &json!({ "fail": "Broken" }));
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": arn }));
    let scheduled =
        history["events"][2]["taskScheduledEventDetails"]["parameters"].as_str().unwrap().to_owned();
    let parameters: Value = serde_json::from_str(&scheduled).unwrap();
    world.run();
    assert_eq!(described(&world, &arn)["error"], "Broken");
    let token = &parameters["Payload"]["token"];
    world.refused("SendTaskSuccess", json!({ "taskToken": token, "output": "1" }), "TaskTimedOut", OVER);
}

#[test]
fn a_limit_ends_the_wait_and_heartbeats_move_theirs_alone() {
    let (world, arn, token) = waiting(json!({ "TimeoutSeconds": 100, "HeartbeatSeconds": 30 }));
    for _ in 0..3 {
        world.host.wait(25_000);
        world.ok("SendTaskHeartbeat", json!({ "taskToken": token }));
        world.deliver(&QueueName::Timer);
    }
    assert_eq!(described(&world, &arn)["status"], "RUNNING");
    world.run();
    assert_eq!(described(&world, &arn)["error"], "States.Timeout");
    world.refused("SendTaskSuccess", json!({ "taskToken": token, "output": "1" }), "TaskTimedOut", OVER);
    assert!(types(&world, &arn).contains(&"TaskTimedOut".to_owned()));

    let (world, arn, _) = waiting(json!({ "TimeoutSeconds": 100, "HeartbeatSeconds": 30, "Catch": [] }));
    let started_ms = world.now_ms();
    world.run();
    assert_eq!(described(&world, &arn)["status"], "FAILED");
    assert!(world.now_ms() - started_ms < 60_000, "the heartbeat's limit came first");
}

#[test]
fn a_stop_ends_the_wait() {
    let (world, arn, token) = waiting(json!({}));
    world.ok("StopExecution", json!({ "executionArn": arn }));
    world.refused("SendTaskSuccess", json!({ "taskToken": token, "output": "1" }), "TaskTimedOut", OVER);
}

#[test]
fn activities_are_made_described_listed_and_deleted() {
    let world = World::new();
    for name in ["pack", "ship", "pack"] {
        let made = world.ok("CreateActivity", json!({ "name": name }));
        assert_eq!(made["activityArn"], activity(name));
    }
    let described = world.ok("DescribeActivity", json!({ "activityArn": activity("pack") }));
    assert_eq!(described["name"], "pack");
    assert_eq!(described["encryptionConfiguration"], json!({ "type": "AWS_OWNED_KEY" }));
    let first = world.ok("ListActivities", json!({ "maxResults": 1 }));
    assert_eq!(first["activities"][0]["name"], "pack");
    let second = world.ok("ListActivities", json!({ "maxResults": 1, "nextToken": first["nextToken"] }));
    assert_eq!((&second["activities"][0]["name"], &second["nextToken"]), (&json!("ship"), &Value::Null));
    for _ in 0..2 {
        assert_eq!(world.ok("DeleteActivity", json!({ "activityArn": activity("ship") })), json!({}));
    }
    let missing = json!({ "activityArn": activity("ship") });
    world.refused(
        "DescribeActivity",
        missing.clone(),
        "ActivityDoesNotExist",
        "Activity Does Not Exist: 'arn",
    );
    world.refused("GetActivityTask", missing, "ActivityDoesNotExist", "Activity Does Not Exist");
    for wrong in ["a b", "ä", "a.b"] {
        world.refused("CreateActivity", json!({ "name": wrong }), "InvalidName", "Invalid Name:");
    }
    for wrong in ["x", &machine("w"), &activity("")] {
        world.refused("DescribeActivity", json!({ "activityArn": wrong }), "InvalidArn", "Invalid Arn:");
    }
}

#[test]
fn a_worker_takes_a_task_and_answers_it() {
    let world = World::of(&waits_for_activity(json!({})));
    world.ok("CreateActivity", json!({ "name": "pack" }));
    let asked = json!({ "activityArn": activity("pack"), "workerName": "anna" });
    assert_eq!(world.ok("GetActivityTask", asked.clone()), json!({}), "there is none within a minute");
    let arn = world.start("one", &json!({ "boxes": 3 }));
    let taken = world.ok("GetActivityTask", asked.clone());
    assert_eq!(taken["input"], "{\"boxes\":3}");
    assert_eq!(world.ok("GetActivityTask", asked), json!({}), "it is given to one worker");
    world.ok("SendTaskSuccess", json!({ "taskToken": taken["taskToken"], "output": "\"packed\"" }));
    world.run();
    assert_eq!(described(&world, &arn)["output"], "\"packed\"");
    let events = types(&world, &arn);
    assert_eq!(
        events[2..5],
        ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"].map(str::to_owned)
    );
    let history = world.ok("GetExecutionHistory", json!({ "executionArn": arn }));
    assert_eq!(history["events"][3]["activityStartedEventDetails"]["workerName"], "anna");
}

#[test]
fn a_task_that_no_worker_takes_times_out_and_is_given_to_nobody_then() {
    let world = World::of(&waits_for_activity(json!({ "TimeoutSeconds": 2_000 })));
    world.ok("CreateActivity", json!({ "name": "pack" }));
    let arn = world.start("one", &json!({}));
    let started_ms = world.now_ms();
    world.run();
    assert_eq!(described(&world, &arn)["error"], "States.Timeout");
    assert!(world.now_ms() - started_ms >= 2_000_000);
    assert_eq!(world.ok("GetActivityTask", json!({ "activityArn": activity("pack") })), json!({}));
}

/// A world whose run `one` starts a run `inner` of that workflow, with its own input as the other's.
fn starting(workflow: &str) -> World {
    let world = World::of(&json!({ "StartAt": "S", "States": { "S": {
        "Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "End": true,
        "Parameters": { "StateMachineArn": machine(workflow), "Name": "inner", "Input.$": "$" }
    } } }));
    world.publish("v", &pass());
    world.host.add_invoke();
    world
}

#[test]
fn a_workflow_that_is_started_with_null_gets_an_empty_object() {
    for (input, expected) in [(Value::Null, "{}"), (json!(1), "1"), (json!({ "a": 1 }), "{\"a\":1}")] {
        let world = starting("v");
        world.start("one", &input);
        world.run();
        let inner = described(&world, &format!("{ARN}:execution:v:inner"));
        assert_eq!(inner["input"], expected);
    }
}

#[test]
fn a_workflow_that_can_not_be_started_is_told_as_aws_tells_it() {
    let world = starting("none");
    let arn = world.start("one", &json!({}));
    world.run();
    let described = described(&world, &arn);
    assert_eq!(described["error"], "StepFunctions.StateMachineDoesNotExistException");
    let cause = described["cause"].as_str().unwrap();
    let (before, request) = cause.split_once("Request ID: ").unwrap();
    let expected = format!(
        "State Machine Does Not Exist: '{}' (Service: AWSStepFunctions; Status Code: 400; Error Code: \
         StateMachineDoesNotExist; ",
        machine("none")
    );
    assert_eq!(before, expected);
    assert_eq!(request.len(), "01234567-89ab-cdef-0123-456789abcdef; Proxy: null)".len(), "{request}");
}
