//! What is counted.

use crate::support::{Stack, chain, failure, step_queue};
use serde_json::json;
use stepladder_protocol::{Metric, QueueName, RunId};

fn stack() -> Stack {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.step("two", |request| match request.run.name.as_str() {
        "bad" => Err(failure("Declined")),
        _ => Ok(json!(2)),
    });
    stack
}

#[test]
fn starts_ends_and_steps_are_counted_once() {
    let stack = stack();
    for name in ["good", "bad"] {
        stack.start(name, json!({}));
    }
    // The name is there already.
    stack.try_start("good", json!({})).unwrap();
    stack.run();
    let expected =
        [(Metric::RunsStarted, 2), (Metric::RunsSucceeded, 1), (Metric::RunsFailed, 1), (Metric::Steps, 4)];
    assert_eq!(stack.protocol.metrics().take(), expected);
}

#[test]
fn an_end_that_is_done_again_is_not_counted_again() {
    let stack = stack();
    stack.start("good", json!({}));
    stack.deliver(&step_queue("one"));
    let mut deliveries = stack.host.receive(&step_queue("two"));
    stack.handle(&step_queue("two"), &deliveries);
    deliveries[0].receive_count = 2;
    stack.handle(&step_queue("two"), &deliveries);
    let counts = stack.protocol.metrics().take();
    assert_eq!(counts, [(Metric::RunsStarted, 1), (Metric::RunsSucceeded, 1), (Metric::Steps, 2)]);
}

#[test]
fn a_run_that_somebody_stops_has_not_failed() {
    let stack = stack();
    stack.start("run", json!({}));
    stack.host.drive(stack.protocol.request_stop(&RunId::new("w", "run"), None, None)).unwrap();
    assert_eq!(stack.protocol.metrics().take(), [(Metric::RunsStarted, 1)]);
}

#[test]
fn what_goes_wrong_is_counted() {
    let stack = stack();
    stack.start("run", json!({}));
    stack.protocol.metrics().take();
    stack.host.throttle("put record", 1);
    stack.deliver(&step_queue("one"));
    assert_eq!(stack.protocol.metrics().take(), [(Metric::LeftToQueue, 1), (Metric::Throttles, 1)]);
    for _ in 0..5 {
        stack.send(&step_queue("two"), "no message");
        stack.host.wait(60_000);
        stack.deliver(&step_queue("two"));
    }
    let parked = stack.protocol.metrics().take().into_iter().find(|(metric, _)| *metric == Metric::Parked);
    assert_eq!(parked, Some((Metric::Parked, 1)));
}

#[test]
fn a_look_that_finds_something_to_do_is_a_repair() {
    let stack = stack();
    stack.start("run", json!({}));
    stack.host.purge();
    stack.host.wait(3_660_000);
    stack.send(&QueueName::Timer, r#"{"sweep": true}"#);
    stack.deliver(&QueueName::Timer);
    stack.deliver(&QueueName::Timer);
    assert_eq!(stack.timer.metrics().take(), [(Metric::Repairs, 1)]);
}
