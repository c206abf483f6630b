//! The hourly sweep, asked for by a message.

use crate::support::{Stack, chain, step_queue};
use serde_json::json;
use stepladder_engine::Status;
use stepladder_protocol::QueueName;

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
    for body in [r#"{"sweep": false}"#, r#"{"sweep": true, "now": true}"#] {
        stack.send(&QueueName::Timer, body);
    }
    stack.run();
    assert_eq!(stack.parked().len(), 2);
}
