//! Stops that go on to a state which undoes.

use crate::support::{Stack, resource, step_queue};
use serde_json::{Value, json};
use stepladder_engine::{Event, Status};
use stepladder_protocol::{Requested, RunId, Unplaced};

fn id() -> RunId {
    RunId::new("w", "run")
}

/// `Reserve`, then `Ship`, a Map; nothing leads to `Release` but a catcher that nobody comes to.
fn definition() -> Value {
    let task = |function: &str| json!({ "Type": "Task", "Resource": resource(function), "ResultPath": format!("$.{function}") });
    let with = |mut state: Value, name: &str, value: Value| {
        state[name] = value;
        state
    };
    let catch = json!([{ "ErrorEquals": ["Never"], "Next": "Release" }]);
    json!({ "StartAt": "Reserve", "States": {
        "Reserve": with(with(task("reserve"), "Next", json!("Ship")), "Catch", catch),
        "Ship": { "Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.shipped", "End": true, "ItemProcessor": {
            "StartAt": "Send", "States": { "Send": { "Type": "Task", "Resource": resource("send"), "End": true } } } },
        "Release": with(task("release"), "Next", json!("Over")),
        "Over": { "Type": "Fail", "Error": "Undone" },
    } })
}

fn stack() -> Stack {
    let mut stack = Stack::of(&definition());
    for function in ["reserve", "send", "release"] {
        stack.step(function, |request| Ok(request.call.input["items"].clone()));
    }
    stack
}

fn compensate(stack: &Stack, state: &str) -> Requested {
    stack.host.drive(stack.protocol.request_compensation(&id(), state)).unwrap()
}

#[test]
fn a_run_that_is_stopped_so_goes_on_to_the_state_that_undoes_with_what_it_had() {
    let stack = stack();
    stack.start("run", json!({ "items": [1, 2] }));
    stack.deliver(&step_queue("reserve"));
    assert_eq!(compensate(&stack, "Release"), Requested::Done);
    assert_eq!(stack.status("run"), Status::Running);
    stack.run();
    assert_eq!((stack.status("run"), stack.ending("run").1), (Status::Failed, Some("Undone".to_owned())));
    // The branches had begun: nobody waits for them, and none runs any more.
    assert_eq!(stack.ran(), ["reserve", "release"]);
    let view = stack.view("run");
    assert_eq!(view.item.redrive_count, 1);
    let released = view.replay.events.iter().find_map(|event| match &event.event {
        Event::StateEntered { name, input, .. } if name == "Release" => Some(input.clone()),
        _ => None,
    });
    assert_eq!(released, Some(json!({ "items": [1, 2], "reserve": [1, 2] })));
    assert!(view.replay.events.iter().any(|event| matches!(event.event, Event::StateAborted { .. })));
}

#[test]
fn a_message_that_comes_again_changes_nothing() {
    let stack = stack();
    stack.start("run", json!({ "items": [1] }));
    assert_eq!(compensate(&stack, "Release"), Requested::Done);
    // The message that asks for the same comes a minute later, and the step's own is of another redrive count.
    stack.host.wait(120_000);
    stack.run();
    assert_eq!(stack.ran().iter().filter(|ran| *ran == "release").count(), 1, "{:?}", stack.ran());
    assert_eq!(stack.view("run").item.redrive_count, 1);
    assert_eq!(stack.ending("run").1, Some("Undone".to_owned()));
}

#[test]
fn only_a_run_that_goes_and_only_to_a_state_of_the_top_level() {
    let stack = stack();
    assert_eq!(compensate(&stack, "Release"), Requested::NotFound);
    stack.start("run", json!({ "items": [1] }));
    let why = "the definition has no state 'Send' at its top level; it has: Over, Release, Reserve, Ship";
    assert_eq!(compensate(&stack, "Send"), Requested::Unplaced(Unplaced(why.to_owned())));
    stack.run();
    assert_eq!(compensate(&stack, "Release"), Requested::Refused(Status::Succeeded));
}

#[test]
fn a_run_that_was_compensated_is_redriven_from_where_it_ended() {
    let stack = stack();
    stack.start("run", json!({ "items": [1] }));
    compensate(&stack, "Release");
    stack.run();
    let asked = stack.host.drive(stack.protocol.request_redrive(&id(), None)).unwrap();
    assert_eq!(asked, Requested::Done);
    stack.run();
    assert_eq!((stack.view("run").item.redrive_count, stack.ending("run").1), (2, Some("Undone".to_owned())));
}
