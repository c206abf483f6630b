//! Messages that their queue has given up.

use crate::support::{FUNCTION_TIMEOUT_MS, Stack, chain, step_queue, work};
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_engine::{Limit, Outcome, Phase, Status};
use stepladder_protocol::{Clock, Invoked, Protocol, QueueName, Solo, StepFunction};
use stepladder_simulation::MemoryHost;

/// A run whose message is in the dead-letter queue after five receives.
fn dead(definition: &Value) -> Stack {
    let stack = Stack::of(definition);
    stack.start("run", json!({}));
    let queue = step_queue("work");
    for _ in 0..5 {
        // Whoever receives it dies.
        assert_eq!(stack.host.receive(&queue).len(), 1);
        stack.host.wait(60_000);
    }
    assert!(stack.host.receive(&queue).is_empty());
    assert_eq!((stack.count(&queue), stack.count(&QueueName::DeadLetter)), (0, 1));
    stack
}

fn died(_: String, _: String) -> std::future::Ready<Invoked> {
    let (error_type, message) = ("Runtime.ExitError".to_owned(), "exit status 137".to_owned());
    std::future::ready(Invoked::Died { error_type, message })
}

/// The step's own function, called directly.
fn step_answers(stack: &Stack, code: StepFunction) {
    let protocol = Arc::new(Protocol::new(stack.host.clone()));
    let host: MemoryHost = stack.host.clone();
    stack.host.on_invoke(move |function, payload| {
        let (protocol, host, code) = (protocol.clone(), host.clone(), code.clone());
        async move {
            let Solo { stepladder_solo: solo } = serde_json::from_str(&payload).unwrap();
            let invocation = stepladder_protocol::Invocation {
                queue: step_queue(&function),
                request_id: None,
                deadline_ms: host.now_ms() + FUNCTION_TIMEOUT_MS,
                function_timeout_ms: FUNCTION_TIMEOUT_MS,
            };
            let answer = protocol.handle_solo(&code, &invocation, solo).await;
            Invoked::Returned(serde_json::to_string(&answer).unwrap())
        }
    });
}

#[test]
fn a_message_that_goes_well_alone_is_the_steps_own_record() {
    let stack = dead(&chain(&["work"]));
    step_answers(&stack, Arc::new(|_| Box::pin(async { Ok(json!("at last")) })));
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!(stack.ending("run").0.unwrap()["work"], json!("at last"));
    assert_eq!(stack.view("run").records[0].receive_count, 6);
}

#[test]
fn a_message_that_the_step_leaves_alone_too_stays_in_the_dead_letter_queue_for_30_seconds() {
    let stack = dead(&chain(&["work"]));
    stack.host.on_invoke(|_, _| std::future::ready(Invoked::Returned(r#"{"handled":false}"#.to_owned())));
    assert_eq!(stack.deliver(&QueueName::DeadLetter).len(), 1);
    let message = stack.host.in_queue(&QueueName::DeadLetter).pop().unwrap();
    assert_eq!(message.visible_ms - stack.now_ms(), 30_000);
    assert!(stack.outcomes("run").is_empty());
}

#[test]
fn only_what_dies_alone_too_fails_with_lambda_unknown_and_what_is_known() {
    let stack = dead(&chain(&["work"]));
    stack.host.on_invoke(died);
    stack.run();
    let (_, error, cause) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("Lambda.Unknown"));
    let cause: Value = serde_json::from_str(&cause.unwrap()).unwrap();
    assert_eq!(cause["errorType"], json!("Lambda.Unknown"));
    let message = cause["errorMessage"].as_str().unwrap();
    assert!(message.contains("6 times") && message.contains("exit status 137"), "{message}");
}

#[test]
fn retry_and_catch_apply_to_what_died() {
    let mut definition = work(json!({
        "Retry": [{ "ErrorEquals": ["Lambda.Unknown"], "MaxAttempts": 1 }],
        "Catch": [{ "ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.caught", "Next": "Done" }],
    }));
    definition["States"]["Done"] = json!({ "Type": "Succeed" });
    let stack = dead(&definition);
    stack.host.on_invoke(died);
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    // The retry is a message of its own, with receives of its own.
    let retry = stack.host.in_queue(&step_queue("work")).pop().unwrap();
    assert_eq!(retry.receive_count, 0);
    stack.host.wait(2_000);
    for _ in 0..6 {
        stack.host.receive(&step_queue("work"));
        stack.host.wait(60_000);
    }
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!(stack.ending("run").0.unwrap()["caught"]["Error"], json!("Lambda.Unknown"));
}

#[test]
fn what_died_after_its_timeout_seconds_is_timed_out() {
    let stack = dead(&work(json!({ "TimeoutSeconds": 5 })));
    let host = stack.host.clone();
    stack.host.on_invoke(move |_, _| {
        let host = host.clone();
        async move {
            host.sleep(6_000).await;
            Invoked::Died { error_type: "Sandbox.Timedout".to_owned(), message: "timed out".to_owned() }
        }
    });
    stack.run();
    assert_eq!(stack.outcomes("run"), [Outcome::TimedOut { limit: Limit::Task }]);
    assert_eq!(stack.ending("run").1.as_deref(), Some("States.Timeout"));
}

#[test]
fn a_function_that_is_gone_is_awss_outcome_for_it() {
    let stack = dead(&chain(&["work"]));
    stack.host.on_invoke(|_, _| std::future::ready(Invoked::NoSuchFunction));
    stack.run();
    assert_eq!(stack.ending("run").1.as_deref(), Some("Lambda.ResourceNotFoundException"));
    assert!(matches!(&stack.outcomes("run")[0], Outcome::Failed { phase: Phase::Schedule, .. }));
}

#[test]
fn a_function_that_answers_something_else_is_no_step() {
    let stack = dead(&chain(&["work"]));
    stack.host.on_invoke(|_, _| std::future::ready(Invoked::Returned("\"hello\"".to_owned())));
    stack.run();
    let (_, error, cause) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("Lambda.Unknown"));
    assert!(cause.unwrap().contains("work is not a step: it answered something else"));
}

#[test]
fn a_throttled_trial_leaves_the_message() {
    let stack = dead(&chain(&["work"]));
    stack.host.on_invoke(died);
    stack.host.throttle("invoke", 1);
    assert_eq!(stack.deliver(&QueueName::DeadLetter).len(), 1);
    assert!(stack.outcomes("run").is_empty() && stack.parked().is_empty());
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
}

#[test]
fn a_message_whose_record_is_there_is_not_tried_again_but_its_effects_are_sent() {
    let mut stack = Stack::of(&chain(&["work", "two"]));
    stack.step("work", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.host.throttle("send", 100);
    for _ in 0..5 {
        stack.deliver(&step_queue("work"));
        stack.host.wait(60_000);
    }
    stack.deliver(&step_queue("work"));
    assert_eq!((stack.count(&QueueName::DeadLetter), stack.count(&step_queue("two"))), (1, 0));
    stack.host.throttle("send", 0);
    stack.host.calls();
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert!(!stack.host.calls().contains(&"invoke"));
    assert_eq!((stack.count(&step_queue("two")), stack.ran().len()), (1, 1));
}

#[test]
fn a_message_of_a_stopped_run_is_acknowledged_without_a_trial() {
    let stack = dead(&chain(&["work"]));
    let id = stepladder_protocol::RunId::new("w", "run");
    stack.host.drive(stack.protocol.request_stop(&id, None, None)).unwrap();
    stack.host.calls();
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert!(!stack.host.calls().contains(&"invoke"));
}

#[test]
fn a_message_past_the_runs_deadline_ends_it_timed_out_without_a_trial() {
    let mut definition = chain(&["work"]);
    definition["TimeoutSeconds"] = json!(120);
    let stack = dead(&definition);
    stack.host.calls();
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert!(!stack.host.calls().contains(&"invoke"));
    assert_eq!(stack.status("run"), Status::TimedOut);
}

#[test]
fn a_start_in_the_dead_letter_queue_is_started() {
    let stack = Stack::of(&chain(&["work"]));
    stack.send(&QueueName::DeadLetter, json!({ "workflow": "w", "name": "late", "input": 1 }).to_string());
    stack.send(&QueueName::DeadLetter, json!({ "workflow": "nowhere", "name": "lost" }).to_string());
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!((stack.status("late"), stack.view("late").beginning.input), (Status::Running, json!(1)));
    let parked = stack.parked().pop().unwrap();
    assert_eq!(
        (parked.reason.as_str(), parked.queue.as_str()),
        ("there is no workflow 'nowhere'", "dead-letter")
    );
}

#[test]
fn a_timers_message_in_the_dead_letter_queue_is_handled_as_the_timer_would() {
    let stack = Stack::of(&json!({
        "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 10, "End": true } },
    }));
    stack.start("run", json!({}));
    for _ in 0..5 {
        stack.host.wait(60_000);
        assert_eq!(stack.host.receive(&QueueName::Timer).len(), 1);
    }
    stack.host.wait(60_000);
    stack.host.receive(&QueueName::Timer);
    assert_eq!(stack.count(&QueueName::DeadLetter), 1);
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!(stack.status("run"), Status::Succeeded);
}
