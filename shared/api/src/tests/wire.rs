//! The wire: what is a request, and what is refused before any operation looks at it.

use crate::{
    limits::REQUEST_BYTES_MAX,
    operations::NAMES,
    testing::{World, machine, pass},
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

#[track_caller]
fn check(request: Request<Body>, status: u16, kind: &str) {
    let (given, response, body) = World::of(&pass()).raw(request);
    assert_eq!((given, body["__type"].as_str()), (status, Some(kind)), "{body}");
    assert!(!body["message"].as_str().unwrap().is_empty());
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
}

const UNKNOWN: &str = "com.amazon.coral.service#UnknownOperationException";
const UNREADABLE: &str = "com.amazon.coral.service#SerializationException";

#[test]
fn an_operation_that_is_not_there_is_unknown() {
    for operation in ["UpdateMapRuns", "", "startExecution"] {
        check(World::request(operation, "{}"), 400, UNKNOWN);
    }
    check(Request::post("/").body(Body::from("{}")).unwrap(), 400, UNKNOWN);
    let other = Request::post("/").header("x-amz-target", "DynamoDB_20120810.GetItem");
    check(other.body(Body::from("{}")).unwrap(), 400, UNKNOWN);
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for body in ["", "null", "[]", "{", "\"x\"", "{\"a\":\u{0}}"] {
        check(World::request("ListStateMachines", body.to_owned()), 400, UNREADABLE);
    }
    check(World::request("ListStateMachines", vec![b'{', 0xff, b'}']), 400, UNREADABLE);
}

#[test]
fn a_body_of_another_type_is_refused() {
    let request = |media: &str| {
        Request::post("/")
            .header("x-amz-target", "AWSStepFunctions.ListStateMachines")
            .header("content-type", media)
            .body(Body::from("{}"))
            .unwrap()
    };
    check(request("application/json"), 415, "com.amazon.coral.service#UnsupportedMediaTypeException");
    check(request("text/plain"), 415, "com.amazon.coral.service#UnsupportedMediaTypeException");
    let (status, _, _) = World::new().raw(request("application/x-amz-json-1.0; charset=utf-8"));
    assert_eq!(status, 200);
}

#[test]
fn a_request_above_a_mebibyte_is_refused() {
    let of_bytes = |bytes: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(bytes - 8));
    let too_large = World::request("ListStateMachines", of_bytes(REQUEST_BYTES_MAX + 1));
    check(too_large, 413, "com.amazon.coral.service#RequestEntityTooLargeException");
    let (status, _, _) = World::new().raw(World::request("ListStateMachines", of_bytes(REQUEST_BYTES_MAX)));
    assert_eq!(status, 200);
}

#[test]
fn a_body_that_does_not_arrive_is_not_waited_for() {
    let never = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let request = World::request("ListStateMachines", Body::from_stream(never));
    check(request, 408, "com.amazon.coral.service#RequestTimeout");
}

#[test]
fn another_method_or_path_is_no_request() {
    let world = World::new();
    let status = |request: Request<Body>| world.raw(request).0;
    assert_eq!(status(Request::get("/").body(Body::empty()).unwrap()), 405);
    assert_eq!(status(Request::post("/x").body(Body::empty()).unwrap()), 404);
}

#[test]
fn an_error_has_awss_type_and_each_answer_a_request_id() {
    let world = World::new();
    let body = json!({ "stateMachineArn": machine("nothing") }).to_string();
    let (status, response, answer) = world.raw(World::request("DescribeStateMachine", body));
    assert_eq!(status, 400);
    let message = format!("State Machine Does Not Exist: '{}'", machine("nothing"));
    assert_eq!(
        answer,
        json!({ "__type": "com.amazonaws.swf.service.v2.model#StateMachineDoesNotExist", "message": message })
    );
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
}

#[test]
fn a_member_of_the_wrong_type_is_told_for_every_operation() {
    let world = World::of(&pass());
    for operation in NAMES {
        let members = [
            "stateMachineArn",
            "stateMachineAliasArn",
            "stateMachineVersionArn",
            "resourceArn",
            "executionArn",
            "activityArn",
            "mapRunArn",
            "taskToken",
            "definition",
            "name",
            "nextToken",
        ];
        let body: Value = members.iter().map(|name| ((*name).to_owned(), json!([1]))).collect();
        world.refused(operation, body, "SerializationException", "START_ARRAY cannot be converted to String");
    }
}

#[test]
fn no_request_however_odd_is_a_fault_of_ours() {
    let world = World::of(&pass());
    let odd = [
        json!(""),
        json!("\u{0}\u{ffff}"),
        json!("x".repeat(5_000)),
        json!(-1),
        json!(1e300),
        json!({}),
        json!([]),
    ];
    let members = [
        "stateMachineArn",
        "executionArn",
        "name",
        "input",
        "definition",
        "roleArn",
        "maxResults",
        "nextToken",
        "mock",
        "stateConfiguration",
        "loggingConfiguration",
        "type",
        "statusFilter",
        "mapRunArn",
        "context",
        "variables",
    ];
    for operation in NAMES {
        for member in members {
            for value in &odd {
                let body = json!({ member: value, "stateMachineArn": machine("w"), "definition": "{}" });
                let (status, _, answer) = world.raw(World::request(operation, body.to_string()));
                assert!(status == 200 || status == 400, "{operation} {member} {value}: {status} {answer}");
                let body = json!({ member: value });
                let (status, _, answer) = world.raw(World::request(operation, body.to_string()));
                assert!(status == 200 || status == 400, "{operation} {member} {value}: {status} {answer}");
            }
        }
    }
}

#[test]
fn what_the_world_can_not_do_now_may_be_tried_again() {
    let world = World::of(&pass());
    let describe =
        || World::request("DescribeStateMachine", json!({ "stateMachineArn": machine("w") }).to_string());
    world.host.throttle("get workflow", 1);
    let (status, _, answer) = world.raw(describe());
    let throttled = "com.amazon.coral.service#ThrottlingException";
    assert_eq!((status, answer["__type"].as_str()), (400, Some(throttled)));
    assert_eq!(world.raw(describe()).0, 200);
}
