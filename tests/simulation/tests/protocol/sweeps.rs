//! The hourly sweep, asked for by a message.

use crate::support::{Stack, chain, step_queue};
use serde_json::{Value, json};
use stepladder_engine::Status;
use stepladder_protocol::{Invocation, QueueName};

const HOUR_MS: i64 = 3_600_000;
const SWEEP: &str = r#"{"sweep": true}"#;

/// A run whose message was lost an hour ago, and a message that asks for the sweep.
fn stranded() -> Stack {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.host.purge();
    stack.host.wait(HOUR_MS + 60_000);
    stack.send(&QueueName::Timer, SWEEP);
    stack
}

#[test]
fn a_message_asks_for_a_sweep() {
    let stack = stranded();
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    assert_eq!(stack.parked(), []);
}

#[test]
fn a_sweep_that_fails_leaves_its_message() {
    let stack = stranded();
    stack.host.throttle("list workflows", 2);
    assert_eq!(stack.deliver(&QueueName::Timer).len(), 1);
    assert_eq!(stack.count(&QueueName::Timer), 1);
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_sweep_that_was_given_up_is_neither_tried_nor_parked() {
    let stack = stranded();
    stack.host.purge();
    stack.send(&QueueName::DeadLetter, SWEEP);
    stack.host.calls();
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!(stack.host.calls(), [""; 0]);
    assert_eq!(stack.parked(), []);
}

/// The messages of the timer queue that ask for the rest of a sweep.
fn rests(stack: &Stack) -> Vec<String> {
    let bodies = stack.host.in_queue(&QueueName::Timer).into_iter().map(|message| message.body);
    bodies.filter(|body| body.contains(r#""sweep""#)).collect()
}

#[test]
fn a_sweep_without_any_time_leaves_its_message() {
    let stack = stranded();
    let deliveries = stack.host.receive(&QueueName::Timer);
    let invocation = Invocation { deadline_ms: stack.now_ms() + 1, ..stack.invocation(&QueueName::Timer) };
    let left = stack.host.drive(stack.timer.handle_batch(None, &invocation, &deliveries));
    assert_eq!(left, [deliveries[0].message_id.clone()]);
    assert_eq!((stack.count(&QueueName::Timer), rests(&stack)), (1, vec![SWEEP.to_owned()]));
}

#[test]
fn a_sweep_that_runs_out_of_time_goes_on_where_it_was() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.publish("a", &chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    let names: Vec<String> = (0..60).map(|number| format!("run-{number}")).collect();
    for name in &names {
        stack.start(name, json!({}));
        stack.host.wait(1_000);
    }
    stack.host.purge();
    stack.host.wait(HOUR_MS);
    stack.send(&QueueName::Timer, SWEEP);
    stack.host.take_time(100);
    let deliveries = stack.host.receive(&QueueName::Timer);
    assert_eq!(stack.handle(&QueueName::Timer, &deliveries), [""; 0]);
    stack.host.delete(&QueueName::Timer, &deliveries[0].message_id);
    stack.host.take_time(0);
    let rest = rests(&stack);
    assert_eq!(rest.len(), 1);
    let place: Value = serde_json::from_str(&rest[0]).unwrap();
    assert_eq!((&place["sweep"]["workflow"], &place["sweep"]["day"]), (&json!("w"), &json!(0)));
    let looks = stack.count(&QueueName::Timer) - 1;
    assert!((1..60).contains(&looks), "{looks}");
    stack.run();
    assert!(names.iter().all(|name| stack.status(name) == Status::Succeeded));
    assert_eq!(stack.parked(), []);
}

#[test]
fn the_rest_of_a_sweep_may_be_of_a_workflow_that_is_gone() {
    let stack = stranded();
    stack.host.purge();
    let now_ms = stack.now_ms();
    // Between the workflows, and by a clock that is ahead.
    let place = json!({ "workflow": "b", "day": i64::MAX, "until_ms": 0, "began_ms": now_ms + 60_000 });
    stack.send(&QueueName::Timer, json!({ "sweep": place }).to_string());
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_step_knows_no_sweep() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.send(&step_queue("one"), SWEEP);
    stack.host.calls();
    assert_eq!(stack.deliver(&step_queue("one")).len(), 1);
    assert!(!stack.host.calls().contains(&"list workflows"));
}

#[test]
fn what_is_not_quite_a_sweep_is_parked() {
    let stack = Stack::of(&chain(&["one"]));
    for body in [
        r#"{"sweep": false}"#,
        r#"{"sweep": true, "now": true}"#,
        r#"{"sweep": {"workflow": "w", "day": 0, "until_ms": 0}}"#,
    ] {
        stack.send(&QueueName::Timer, body);
    }
    stack.run();
    assert_eq!(stack.parked().len(), 3);
}
