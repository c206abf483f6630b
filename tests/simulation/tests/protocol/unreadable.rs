//! Messages that nobody can read, or that only a newer program can.

use crate::support::{Stack, chain, step_queue};
use serde_json::{Value, json};
use stepladder_engine::Status;
use stepladder_protocol::{MESSAGE_VERSION, QueueName};

/// Delivers a message until it is gone; answers with the seconds that it stayed away each time.
fn deliver_until_gone(stack: &Stack, queue: &QueueName) -> Vec<i64> {
    let mut away = Vec::new();
    for _ in 0..10 {
        stack.deliver(queue);
        let Some(message) = stack.host.in_queue(queue).pop() else {
            return away;
        };
        away.push((message.visible_ms - stack.now_ms()) / 1000);
        stack.host.wait(message.visible_ms - stack.now_ms());
    }
    panic!("it is still there");
}

/// A stack whose one run's message is replaced by what `change` makes of it.
fn stack_with(change: impl FnOnce(Value) -> String) -> Stack {
    let mut stack = Stack::of(&chain(&["work"]));
    stack.step("work", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    let queue = step_queue("work");
    let message = stack.host.in_queue(&queue).pop().unwrap();
    stack.host.delete(&queue, &message.id);
    stack.send(&queue, change(serde_json::from_str(&message.body).unwrap()));
    stack
}

fn newer(mut body: Value) -> String {
    body["v"] = json!(MESSAGE_VERSION + 1);
    body["ask"] = json!({ "dance": { "with": "whom" } });
    body.to_string()
}

#[track_caller]
fn check_newer(stack: &Stack) {
    assert_eq!(deliver_until_gone(stack, &step_queue("work")), [30; 4]);
    let parked = stack.parked().pop().unwrap();
    let reason = "the message has version 2, and this function knows up to 1: deploy the newer one";
    assert_eq!((parked.reason.as_str(), parked.queue.as_str()), (reason, "work"));
    assert_eq!((parked.run.as_deref(), parked.receive_count), (Some("w/run"), 5));
    let view = stack.view("run");
    assert_eq!((view.item.status, view.item.parked.as_deref()), (Status::Running, Some(reason)));
    assert!(stack.ran().is_empty());
}

#[test]
fn a_newer_message_is_handed_back_for_30_seconds_and_parked_at_the_fifth_receive_and_the_run_shows_it() {
    check_newer(&stack_with(newer));
}

#[test]
fn a_newer_message_that_is_compressed_shows_on_its_run_too() {
    check_newer(&stack_with(|body| {
        let compressed = zstd::bulk::compress(newer(body).as_bytes(), 3).unwrap();
        format!("zstd:{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, compressed))
    }));
}

#[test]
fn a_newer_message_is_handled_once_the_newer_program_is_there() {
    let stack = stack_with(newer);
    let queue = step_queue("work");
    assert_eq!(stack.deliver(&queue).len(), 1);
    assert_eq!(stack.count(&queue), 1);
    assert!(stack.parked().is_empty());
}

#[test]
fn an_unreadable_message_is_parked_at_the_fifth_receive_with_all_of_it() {
    for body in ["", "hello", "{\"v\":1}", "zstd:%%%", "zstd:aGVsbG8=", "[1,2", "\u{fffd}"] {
        let stack = stack_with(|_| body.to_owned());
        assert_eq!(deliver_until_gone(&stack, &step_queue("work")), [30; 4], "{body}");
        let parked = stack.parked().pop().unwrap();
        assert!(parked.reason.starts_with("the message can't be read: "), "{}", parked.reason);
        assert_eq!((parked.body.as_str(), parked.run), (body, None));
    }
}

#[test]
fn an_unreadable_message_that_names_its_run_shows_on_it() {
    let stack = stack_with(|mut body| {
        body["ask"] = json!("a lot");
        body.to_string()
    });
    assert_eq!(deliver_until_gone(&stack, &step_queue("work")), [30; 4]);
    let shown = stack.view("run").item.parked.unwrap();
    assert!(shown.starts_with("the message can't be read: "), "{shown}");
}

#[test]
fn an_unreadable_message_harms_no_other_of_its_batch() {
    let stack = stack_with(|body| body.to_string());
    stack.send(&step_queue("work"), "\u{1}");
    assert_eq!(stack.deliver(&step_queue("work")).len(), 1);
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn an_unreadable_message_of_the_dead_letter_queue_is_parked_at_once() {
    let stack = Stack::of(&chain(&["work"]));
    stack.send(&QueueName::DeadLetter, "hello");
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!(stack.parked().len(), 1);
}

#[test]
fn a_long_body_is_cut_so_that_it_still_fits_into_the_parked_queue() {
    let stack = Stack::of(&chain(&["work"]));
    stack.send(&QueueName::DeadLetter, "\u{ffff}é".repeat(180_000));
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    let parked = stack.host.in_queue(&QueueName::Parked).pop().unwrap();
    assert!(parked.body.len() <= 1024 * 1024, "{}", parked.body.len());
    assert!(parked.body.is_ascii());
}

#[test]
fn a_steps_message_in_another_functions_queue_is_parked_with_the_reason() {
    let stack = Stack::of(&chain(&["work"]));
    stack.start("run", json!({}));
    let message = stack.host.in_queue(&step_queue("work")).pop().unwrap();
    stack.send(&QueueName::Timer, message.body);
    deliver_until_gone(&stack, &QueueName::Timer);
    let reason = stack.view("run").item.parked.unwrap();
    assert!(reason.contains("this function runs no step"), "{reason}");
}

#[test]
fn a_message_of_a_definition_that_is_gone_is_parked_with_the_reason() {
    let stack = stack_with(|mut body| {
        body["run"]["definition"] = json!("0123");
        body.to_string()
    });
    deliver_until_gone(&stack, &step_queue("work"));
    let reason = stack.view("run").item.parked.unwrap();
    assert_eq!(reason, "get the definition 0123 of workflow w: it is not there");
}
