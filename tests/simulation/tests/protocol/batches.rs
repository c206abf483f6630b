//! What a batch costs, and what its messages do to each other.

use crate::support::{Stack, chain, failure, step_queue, work};
use futures::FutureExt;
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use stepladder_engine::{Outcome, Phase, Status};
use stepladder_protocol::{BatchCall, BatchFunction, Clock, Delivery, Host, QueueName, StatusEvents};

/// The calls that one delivery of a queue's messages makes.
fn calls_of(stack: &Stack, queue: &QueueName) -> Vec<&'static str> {
    stack.host.calls();
    assert!(stack.deliver(queue).is_empty());
    stack.host.calls()
}

#[test]
fn a_fresh_message_costs_no_read_one_put_and_one_send() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    // The definition is read once, and never again.
    stack.start("first", json!({}));
    stack.deliver(&step_queue("one"));
    stack.start("second", json!({}));
    assert_eq!(calls_of(&stack, &step_queue("one")), ["put record", "send"]);
}

#[test]
fn a_message_that_waited_ten_seconds_costs_one_read_more() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.host.wait(10_001);
    assert_eq!(calls_of(&stack, &step_queue("one")), ["get run", "put record", "send"]);
}

#[test]
fn the_last_step_of_a_run_costs_an_update_of_the_run_item_more() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    // The send is the status event.
    assert_eq!(calls_of(&stack, &step_queue("one")), ["put record", "close run", "send"]);
}

#[test]
fn the_effects_of_ten_messages_go_in_one_send() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    for n in 0..10 {
        stack.start(&format!("run-{n}"), json!({}));
    }
    let calls = calls_of(&stack, &step_queue("one"));
    let count = |name| calls.iter().filter(|call| **call == name).count();
    assert_eq!((count("put record"), count("send"), calls.len()), (10, 1, 11));
    assert_eq!(stack.count(&step_queue("two")), 10);
}

#[test]
fn effects_for_several_queues_go_in_one_send_each() {
    let mut definition = work(json!({
        "Retry": [{ "ErrorEquals": ["Flaky"] }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "other" }],
    }));
    definition["States"]["other"] = chain(&["other"])["States"]["other"].clone();
    let mut stack = Stack::of(&definition);
    stack.step("work", |request| match request.run.name.as_str() {
        "flaky-1" | "flaky-2" => Err(failure("Flaky")),
        _ => Err(failure("Fatal")),
    });
    for name in ["flaky-1", "fatal-1", "flaky-2", "fatal-2"] {
        stack.start(name, json!({}));
    }
    let calls = calls_of(&stack, &step_queue("work"));
    assert_eq!(calls.iter().filter(|call| **call == "send").count(), 2);
    assert_eq!((stack.count(&step_queue("work")), stack.count(&step_queue("other"))), (2, 2));
}

#[test]
fn a_slow_message_does_not_keep_the_effects_of_the_others() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    let clock = stack.host.clock().clone();
    let sent_meanwhile = Arc::new(Mutex::new(0));
    let seen = sent_meanwhile.clone();
    stack.slow_step("one", move |request| {
        let (clock, seen) = (clock.clone(), seen.clone());
        async move {
            if request.run.name == "slow" {
                clock.sleep(3_000).await;
                *seen.lock().unwrap() = clock.in_queue(&step_queue("two")).len();
            }
            Ok(json!(1))
        }
        .boxed()
    });
    for name in ["slow", "a", "b", "c"] {
        stack.start(name, json!({}));
    }
    assert!(stack.deliver(&step_queue("one")).is_empty());
    assert_eq!((*sent_meanwhile.lock().unwrap(), stack.count(&step_queue("two"))), (3, 4));
}

#[test]
fn a_panic_is_the_outcome_of_its_own_message_and_harms_no_other() {
    let mut stack = Stack::of(&chain(&["work"]));
    stack.step("work", |request| match request.run.name.as_str() {
        "bad" => std::panic::resume_unwind(Box::new("out of stock".to_owned())),
        _ => Ok(json!(1)),
    });
    for name in ["a", "bad", "b"] {
        stack.start(name, json!({}));
    }
    assert!(stack.deliver(&step_queue("work")).is_empty());
    assert_eq!((stack.status("a"), stack.status("b")), (Status::Succeeded, Status::Succeeded));
    let (_, error, cause) = stack.ending("bad");
    assert_eq!(error.as_deref(), Some("Panic"));
    let cause = cause.unwrap();
    assert_eq!(cause, r#"{"errorMessage":"out of stock","errorType":"Panic","stackTrace":[]}"#);
}

#[test]
fn a_message_that_is_left_stays_away_for_1_2_4_up_to_30_seconds_with_jitter() {
    // Receives 6 and more: what the dead-letter queue delivers.
    for (receive_count, most) in [(1, 2), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (1_000, 30)] {
        let mut away = BTreeSet::new();
        for draws in 0..30 {
            let mut stack = Stack::of(&chain(&["work"]));
            // Each world draws alike: what was drawn before makes the difference.
            (0..draws).for_each(|_| {
                stack.host.random_u128();
            });
            stack.step("work", |_| Ok(json!(1)));
            stack.start("run", json!({}));
            let mut deliveries = stack.host.receive(&step_queue("work"));
            deliveries[0].receive_count = receive_count;
            stack.host.throttle("put record", 1);
            assert_eq!(stack.handle(&step_queue("work"), &deliveries).len(), 1);
            let visible_ms = stack.host.in_queue(&step_queue("work"))[0].visible_ms;
            away.insert((visible_ms - stack.now_ms()) / 1000);
        }
        let least = (most.min(30_i64) / 2).max(1);
        assert!(away.iter().all(|seconds| (least..=most).contains(seconds)), "{receive_count}: {away:?}");
        assert!(away.len() > 1, "{receive_count}: no jitter in {away:?}");
    }
}

#[test]
fn a_message_whose_effects_could_not_be_sent_is_left_and_sends_them_later() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.host.throttle("send", 1);
    assert_eq!(stack.deliver(&step_queue("one")).len(), 1);
    assert_eq!((stack.count(&step_queue("two")), stack.outcomes("run").len()), (0, 1));
    stack.run();
    assert_eq!((stack.count(&step_queue("two")), stack.ran()), (1, vec!["one".to_owned()]));
}

#[test]
fn a_message_of_a_run_that_went_on_is_acknowledged_without_running() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.step("two", |_| Ok(json!(2)));
    stack.start("run", json!({}));
    let mut deliveries = stack.host.receive(&step_queue("one"));
    stack.handle(&step_queue("one"), &deliveries);
    stack.deliver(&step_queue("two"));
    deliveries[0].receive_count = 2;
    assert!(stack.handle(&step_queue("one"), &deliveries).is_empty());
    assert_eq!((stack.ran().len(), stack.outcomes("run").len()), (2, 2));
}

#[test]
fn a_delivery_that_lost_the_race_against_its_own_copy_is_left_and_one_that_lost_against_another_goes() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    let deliveries = stack.host.receive(&step_queue("one"));
    // Another message for the same position, as a repair sends it.
    let mut other = deliveries[0].clone();
    let mut message: stepladder_protocol::Message = serde_json::from_str(&other.body).unwrap();
    message.id = "f".repeat(32);
    other.body = serde_json::to_string(&message).unwrap();
    assert!(stack.handle(&step_queue("one"), &deliveries).is_empty());
    assert_eq!(stack.handle(&step_queue("one"), &deliveries), [deliveries[0].message_id.clone()]);
    assert!(stack.handle(&step_queue("one"), &[other]).is_empty());
    assert_eq!(stack.outcomes("run").len(), 1);
    assert_eq!(stack.count(&step_queue("two")), 1);
}

#[test]
fn what_was_received_before_runs_alone_after_the_others_are_sent() {
    let mut stack = Stack::of(&chain(&["work"]));
    let host = stack.host.clone();
    let status_events = Arc::new(Mutex::new(Vec::new()));
    let seen = status_events.clone();
    stack.step("work", move |request| {
        let count = host.in_queue(&QueueName::Status).len();
        seen.lock().unwrap().push((request.run.name, count));
        Ok(json!(1))
    });
    for name in ["again-1", "new-1", "again-2", "new-2"] {
        stack.start(name, json!({}));
    }
    let mut deliveries = stack.host.receive(&step_queue("work"));
    for delivery in &mut deliveries {
        delivery.receive_count = if delivery.body.contains("again") { 2 } else { 1 };
    }
    assert!(stack.handle(&step_queue("work"), &deliveries).is_empty());
    let seen = status_events.lock().unwrap().clone();
    let counts: Vec<usize> = seen.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [0, 0, 2, 3], "{seen:?}");
    assert!(seen[2].0.starts_with("again") && seen[3].0.starts_with("again"));
}

#[test]
fn a_batch_that_is_handled_together_is_one_call_of_the_code() {
    let stack = Stack::of(&chain(&["work"]));
    for n in 0..5 {
        stack.start(&format!("run-{n}"), json!({ "n": n }));
    }
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let seen = sizes.clone();
    let code: BatchFunction = Arc::new(move |requests| {
        seen.lock().unwrap().push(requests.len());
        let answers = requests.into_iter().map(|request| match request.call.input["n"].as_u64() {
            Some(3) => Err(failure("Odd")),
            n => Ok(json!(n)),
        });
        let answers: Vec<_> = answers.collect();
        vec![BatchCall { places: (0..answers.len()).collect(), results: async { answers }.boxed() }]
    });
    let queue = step_queue("work");
    let (invocation, deliveries) = (stack.invocation(&queue), stack.host.receive(&queue));
    let left = stack.host.drive(stack.protocol.handle_batch_together(&code, &invocation, &deliveries));
    assert!(left.is_empty());
    assert_eq!(*sizes.lock().unwrap(), [5]);
    for n in [0, 1, 2, 4] {
        assert_eq!(stack.ending(&format!("run-{n}")).0.unwrap()["work"], json!(n));
    }
    assert_eq!(stack.ending("run-3").1.as_deref(), Some("Odd"));
}

/// A batch of a queue, and how many requests a poller makes for it: each is for ten messages, to receive or to delete them.
fn gathered(stack: &Stack, queue: &QueueName, size: usize) -> Option<(Vec<Delivery>, usize)> {
    let (mut batch, mut requests) = (Vec::new(), 0);
    while batch.len() < size {
        let received = stack.host.receive(queue);
        if received.is_empty() {
            break;
        }
        requests += 2;
        batch.extend(received);
    }
    (!batch.is_empty()).then_some((batch, requests))
}

/// The goals are 0.35 requests to the queues per step from the step's queue on, and 0.65 through the start queue.
#[test]
fn a_thousand_runs_of_one_step_in_batches_of_a_hundred_keep_to_their_budget() {
    const RUNS: usize = 1_000;
    const STARTS: usize = 10;
    const BATCH: usize = 100;
    let stack = Stack::with_settings(|settings| settings.status_events = StatusEvents::Off);
    stack.publish("w", &chain(&["work"]));
    for n in 0..RUNS {
        let start = json!({ "workflow": "w", "name": format!("run-{n}"), "input": { "n": n } });
        stack.send(&QueueName::Start, start.to_string());
    }
    let calls_of_code = Arc::new(Mutex::new(0));
    let seen = calls_of_code.clone();
    let code: BatchFunction = Arc::new(move |requests| {
        *seen.lock().unwrap() += 1;
        let answers: Vec<_> = requests.into_iter().map(|request| Ok(request.call.input)).collect();
        vec![BatchCall { places: (0..answers.len()).collect(), results: async { answers }.boxed() }]
    });
    stack.host.calls();

    let mut starting_polls = 0;
    while let Some((batch, polls)) = gathered(&stack, &QueueName::Start, STARTS) {
        assert!(stack.handle(&QueueName::Start, &batch).is_empty());
        starting_polls += polls;
    }
    let starting = stack.host.calls();
    let queue = step_queue("work");
    let mut stepping_polls = 0;
    while let Some((batch, polls)) = gathered(&stack, &queue, BATCH) {
        let invocation = stack.invocation(&queue);
        let left = stack.host.drive(stack.protocol.handle_batch_together(&code, &invocation, &batch));
        assert!(left.is_empty());
        stepping_polls += polls;
    }
    let stepping = stack.host.calls();

    let count = |calls: &[&str], name: &str| calls.iter().filter(|call| **call == name).count();
    assert_eq!((count(&starting, "put run"), count(&starting, "put record")), (RUNS, 0));
    assert_eq!((count(&stepping, "put record"), count(&stepping, "close run")), (RUNS, RUNS));
    // Two writes a run from the step's queue on, and nothing else.
    assert_eq!(stepping.len(), 2 * RUNS);
    assert_eq!(*calls_of_code.lock().unwrap(), RUNS / BATCH);
    let from_the_steps_queue = (count(&starting, "send") + stepping_polls) as f64 / RUNS as f64;
    let through_the_start_queue =
        from_the_steps_queue + (RUNS.div_ceil(10) + starting_polls) as f64 / RUNS as f64;
    println!("queue requests per step: {from_the_steps_queue}, with the start {through_the_start_queue}");
    assert!(from_the_steps_queue <= 0.35, "{from_the_steps_queue}");
    assert!(through_the_start_queue <= 0.65, "{through_the_start_queue}");
    assert_eq!(stack.status("run-999"), Status::Succeeded);
}

#[test]
fn items_that_are_handled_together_keep_their_own_limits() {
    let mut definition = work(json!({ "TimeoutSecondsPath": "$.limit" }));
    definition["States"]["work"]["ResultPath"] = json!("$.result");
    let stack = Stack::of(&definition);
    stack.start("hasty", json!({ "limit": 1 }));
    stack.start("patient", json!({ "limit": 8 }));
    let host = stack.host.clone();
    let code: BatchFunction = Arc::new(move |requests| {
        let host = host.clone();
        let places = (0..requests.len()).collect();
        let results = async move {
            host.sleep(3_000).await;
            requests.iter().map(|_| Ok(json!(1))).collect()
        };
        vec![BatchCall { places, results: results.boxed() }]
    });
    let queue = step_queue("work");
    let (invocation, deliveries) = (stack.invocation(&queue), stack.host.receive(&queue));
    let left = stack.host.drive(stack.protocol.handle_batch_together(&code, &invocation, &deliveries));
    assert!(left.is_empty());
    assert_eq!((stack.status("hasty"), stack.status("patient")), (Status::Failed, Status::Succeeded));
    assert_eq!(stack.ending("hasty").1.as_deref(), Some("States.Timeout"));
}

#[test]
fn a_step_without_a_queue_has_awss_outcome_for_an_unknown_function() {
    let mut stack = Stack::of(&chain(&["one", "missing"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.run();
    let (_, error, cause) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("Lambda.ResourceNotFoundException"));
    let cause = cause.unwrap();
    assert!(cause.starts_with("Function not found") && cause.contains("missing"), "{cause}");
    let outcomes = stack.outcomes("run");
    assert!(matches!(&outcomes[1], Outcome::Failed { phase: Phase::Schedule, .. }), "{outcomes:?}");
}

#[test]
fn a_first_step_without_a_queue_does_not_fail_the_start() {
    let stack = Stack::of(&chain(&["missing"]));
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.ending("run").1.as_deref(), Some("Lambda.ResourceNotFoundException"));
}
