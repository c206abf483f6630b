//! Starting a run, and answering with what it gives.

use crate::testing::{World, pass, task};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use stepladder_protocol::QueueName;

/// The tasks A and B, the Pass state P between them; what fails in A is caught and leads to B.
fn two_tasks() -> Value {
    let task = |next: Value| {
        let mut task =
            json!({ "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work" });
        task.as_object_mut().unwrap().extend(next.as_object().unwrap().clone());
        task
    };
    let caught = json!([{ "ErrorEquals": ["Caught"], "Next": "B" }]);
    json!({ "StartAt": "A", "States": {
        "A": task(json!({ "ResultPath": "$.a", "Next": "P", "Catch": caught })),
        "P": { "Type": "Pass", "Result": 7, "ResultPath": "$.p", "Next": "B" },
        "B": task(json!({ "ResultPath": "$.b", "End": true })),
    } })
}

fn post(world: &World, query: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(format!("/api/v1/workflows/w/runs{query}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let (status, _, body) = world.raw(request);
    (status, body)
}

/// Delivers what the step has to do now, and not what follows.
fn step(world: &World) {
    world.deliver(&QueueName::Step("work".to_owned()));
}

#[test]
fn a_run_is_started_and_its_address_told() {
    let world = World::of(&two_tasks());
    let (status, body) = post(&world, "", &json!({ "name": "\u{e9} 1".replace(' ', "-"), "input": [1] }));
    assert_eq!(status, 202);
    assert_eq!(
        body,
        json!({ "id": "w/\u{e9}-1", "href": "/api/v1/runs/w/%C3%A9-1", "answered_by": null, "output": null })
    );
    let run = world.got(&format!("{}?data=true", body["href"].as_str().unwrap()));
    assert_eq!((&run["status"], &run["data"]["input"]["value"]), (&json!("RUNNING"), &json!([1])));
    let unnamed = [(); 2].map(|()| post(&world, "", &json!({})).1["id"].as_str().unwrap().to_owned());
    assert_ne!(unnamed[0], unnamed[1]);
}

#[test]
fn a_states_output_is_the_answer_while_the_rest_goes_on() {
    let world = World::of(&two_tasks());
    let input = json!({ "name": "a", "input": { "x": 1 } });
    let (status, body) = post(&world, "?answer=A&timeout=1s", &input);
    assert_eq!((status, &body["id"], &body["output"]), (202, &json!("w/a"), &Value::Null));
    step(&world);
    let a = json!({ "x": 1, "a": { "x": 1 } });
    let (status, body) = post(&world, "?answer=A", &input);
    assert_eq!((status, &body["answered_by"], &body["output"]["value"]), (200, &json!("state"), &a));
    // What stands behind it until the next stop is there with it.
    let p = json!({ "x": 1, "a": { "x": 1 }, "p": 7 });
    assert_eq!(post(&world, "?answer=P", &input).1["output"]["value"], p);
    assert_eq!(world.got("/api/v1/runs/w/a")["status"], "RUNNING");
    assert_eq!(post(&world, "?answer=end&timeout=1s", &input).0, 202);
    world.run();
    assert_eq!(post(&world, "?answer=A", &input).1["output"]["value"], a, "the same, however late");
    let (status, body) = post(&world, "?answer=end", &input);
    assert_eq!((status, &body["answered_by"]), (200, &json!("end")));
    assert_eq!(body["output"]["value"], json!({ "x": 1, "a": { "x": 1 }, "p": 7, "b": p }));
}

#[test]
fn a_run_that_fails_first_answers_with_its_error() {
    let world = World::of(&two_tasks());
    let input = json!({ "name": "a", "input": { "fail": "Bad" } });
    post(&world, "", &input);
    world.run();
    for query in ["?answer=A", "?answer=B", "?answer=end"] {
        let (status, body) = post(&world, query, &input);
        assert_eq!((status, &body["code"]), (422, &json!("SL1206")), "{query}");
        assert_eq!(body["detail"], "the run w/a ended FAILED by Bad");
        let run = &body["run"];
        assert_eq!(
            (&run["id"], &run["status"], &run["error"]),
            (&json!("w/a"), &json!("FAILED"), &json!("Bad"))
        );
        assert!(run["cause"].as_str().unwrap().contains("it was to"), "{run}");
    }
}

#[test]
fn a_state_whose_error_was_caught_has_given_nothing() {
    let fail_once = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work",
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Again", "ResultPath": null }],
            "Next": "Done" },
        "Again": { "Type": "Pass", "Result": { "second": true }, "Next": "A" },
        "Done": { "Type": "Succeed" },
    } });
    let world = World::of(&fail_once);
    let input = json!({ "name": "a", "input": { "fail": "Caught" } });
    post(&world, "", &input);
    step(&world);
    assert_eq!(post(&world, "?answer=A&timeout=1s", &input).0, 202);
    world.run();
    assert_eq!(post(&world, "?answer=A", &input).1["output"]["value"], json!({ "second": true }));

    let world = World::of(&two_tasks());
    let gone_past = json!({ "StartAt": "C", "States": {
        "C": { "Type": "Choice", "Choices": [{ "Variable": "$.x", "IsPresent": true, "Next": "X" }], "Default": "Y" },
        "X": { "Type": "Pass", "End": true }, "Y": { "Type": "Pass", "Result": "y", "End": true },
    } });
    world.publish("w", &gone_past);
    world.host.wait(6_000);
    post(&world, "", &json!({ "name": "b" }));
    world.run();
    let (status, body) = post(&world, "?answer=X", &json!({ "name": "b" }));
    assert_eq!(
        (status, &body["answered_by"], &body["output"]["value"]),
        (200, &json!("end"), &json!("y")),
        "it never came there"
    );
}

#[test]
fn what_can_not_be_waited_for_is_refused_before_a_run_is_started() {
    let world = World::of(&two_tasks());
    let check = |query: &str, body: Value, status: u16, code: &str, detail: &str| {
        let (given, body) = post(&world, query, &body);
        assert_eq!((given, &body["code"]), (status, &json!(code)), "{body}");
        assert!(body["detail"].as_str().unwrap().contains(detail), "{body}");
    };
    let none = "names no state of the top level; there are: A, B, P, and end";
    check("?answer=a", json!({}), 400, "SL1503", none);
    for timeout in ["0s", "01s", "301s", "10", "1m", "-1s"] {
        check(&format!("?timeout={timeout}"), json!({}), 400, "SL1503", "takes a time from 1s to 300s");
    }
    check("", json!({ "name": "a b" }), 400, "SL1104", "'a b'");
    check("", json!({ "name": 1 }), 400, "SL1505", "");
    check("", json!([]), 400, "SL1505", "");
    assert_eq!(world.got("/api/v1/runs")["runs"], json!([]));
    post(&world, "", &json!({ "name": "a", "input": 1 }));
    check("?answer=A", json!({ "name": "a", "input": 2 }), 409, "SL1204", "w/a with another input");
    // One of an older definition has other states.
    world.publish("w", &pass());
    world.host.wait(6_000);
    let older = post(&world, "?answer=P&timeout=1s", &json!({ "name": "a", "input": 1 }));
    assert_eq!(older.0, 202);
    world.publish("w", &task());
    world.host.wait(6_000);
    check("?answer=T", json!({ "name": "a", "input": 1 }), 400, "SL1503", none);
    assert_eq!(post(&world, "?answer=A&timeout=1s", &json!({ "name": "a", "input": 1 })).0, 202, "its own");
}

#[test]
fn an_answer_takes_few_reads_however_long_it_takes() {
    let world = World::of(&two_tasks());
    for (query, wait_ms) in [
        ("?answer=A&timeout=1s", 1_000),
        ("?answer=A", 10_000),
        ("?answer=B&timeout=300s", 300_000),
        ("?answer=end&timeout=300s", 300_000),
    ] {
        post(&world, "", &json!({ "name": "a" }));
        world.host.calls();
        let from_ms = world.now_ms();
        assert_eq!(post(&world, query, &json!({ "name": "a" })).0, 202);
        assert_eq!(world.now_ms() - from_ms, wait_ms, "{query}");
        let calls = world.host.calls();
        let looks = calls.iter().filter(|call| matches!(**call, "query records" | "get run")).count();
        // Each is half a unit.
        assert!((8..=18).contains(&looks), "{query}: {looks} of {calls:?}");
    }
}
