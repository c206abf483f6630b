//! The limits that cut a step off.

use crate::support::{FUNCTION_TIMEOUT_MS, Stack, chain, step_queue, work};
use futures::{FutureExt, future::pending};
use serde_json::json;
use stepladder_engine::{Limit, Outcome, Phase, Status};
use stepladder_protocol::Clock;

/// A stack whose step `work` never answers.
fn hanging(definition: &serde_json::Value) -> Stack {
    let mut stack = Stack::of(definition);
    stack.slow_step("work", |_| pending().boxed());
    stack
}

#[test]
fn a_step_that_passes_its_timeout_seconds_is_timed_out_when_they_are_over() {
    let stack = hanging(&work(json!({ "TimeoutSeconds": 5 })));
    stack.start("run", json!({}));
    let started_ms = stack.now_ms();
    stack.deliver(&step_queue("work"));
    assert_eq!(stack.outcomes("run"), [Outcome::TimedOut { limit: Limit::Task }]);
    assert_eq!(stack.now_ms() - started_ms, 5_000);
    assert_eq!(stack.ending("run"), (None, Some("States.Timeout".to_owned()), None));
    assert_eq!(stack.status("run"), Status::Failed);
}

#[test]
fn timeout_seconds_count_from_the_steps_start_and_not_from_its_sending() {
    let mut stack = Stack::of(&work(json!({ "TimeoutSeconds": 5 })));
    let clock = stack.host.clone();
    stack.slow_step("work", move |_| {
        let clock = clock.clone();
        async move {
            clock.sleep(4_000).await;
            Ok(json!(1))
        }
        .boxed()
    });
    stack.start("run", json!({}));
    stack.host.wait(60_000);
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_step_that_passes_the_runs_deadline_ends_the_run_timed_out() {
    let mut definition = work(json!({ "TimeoutSeconds": 8 }));
    definition["TimeoutSeconds"] = json!(3);
    let stack = hanging(&definition);
    stack.start("run", json!({}));
    let started_ms = stack.now_ms();
    stack.deliver(&step_queue("work"));
    assert_eq!(stack.outcomes("run"), [Outcome::TimedOut { limit: Limit::Run }]);
    assert_eq!(stack.now_ms() - started_ms, 3_000);
    assert_eq!(
        (stack.status("run"), stack.ending("run").1.as_deref()),
        (Status::TimedOut, Some("States.Timeout"))
    );
}

#[test]
fn a_message_past_the_runs_deadline_ends_it_without_running() {
    let mut definition = chain(&["work"]);
    definition["TimeoutSeconds"] = json!(30);
    let stack = hanging(&definition);
    stack.start("run", json!({}));
    stack.host.wait(30_000);
    stack.deliver(&step_queue("work"));
    assert_eq!(stack.status("run"), Status::TimedOut);
    assert!(stack.ran().is_empty());
}

#[test]
fn a_wait_is_cut_to_the_runs_deadline() {
    let stack = Stack::of(&json!({
        "StartAt": "W", "TimeoutSeconds": 100,
        "States": { "W": { "Type": "Wait", "Seconds": 5000, "End": true } },
    }));
    let started_ms = stack.now_ms();
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.status("run"), Status::TimedOut);
    assert_eq!(stack.view("run").item.ended_ms.unwrap() - started_ms, 100_000);
}

#[test]
fn a_wait_of_an_hour_is_a_chain_of_delays_of_15_minutes() {
    let stack = Stack::of(&json!({
        "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 3000, "End": true } },
    }));
    let started_ms = stack.now_ms();
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.outcomes("run"), vec![Outcome::TimerFired; 4]);
    assert_eq!(stack.view("run").item.ended_ms.unwrap() - started_ms, 3_000_000);
}

#[test]
fn a_step_that_uses_up_its_function_fails_with_awss_text() {
    let stack = hanging(&chain(&["work"]));
    stack.start("run", json!({}));
    let started_ms = stack.now_ms();
    stack.deliver(&step_queue("work"));
    let (_, error, cause) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("Sandbox.Timedout"));
    let text = r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 8476a536 Error: Task timed out after 10.00 seconds"}"#;
    assert_eq!(cause.as_deref(), Some(text));
    assert!(matches!(&stack.outcomes("run")[0], Outcome::Failed { phase: Phase::Run, .. }));
    // Half a second is kept free to record it.
    assert_eq!(stack.now_ms() - started_ms, 9_500);
}

#[test]
fn a_retry_that_runs_alone_with_half_its_time_gone_is_left_and_not_failed() {
    let mut stack = Stack::of(&chain(&["work"]));
    let clock = stack.host.clone();
    stack.slow_step("work", move |request| {
        let clock = clock.clone();
        async move {
            match request.run.name.as_str() {
                "slow" => clock.sleep(6_000).await,
                _ => pending().await,
            }
            Ok(json!(1))
        }
        .boxed()
    });
    stack.start("slow", json!({}));
    stack.start("again", json!({}));
    let mut deliveries = stack.host.receive(&step_queue("work"));
    deliveries[1].receive_count = 2;
    let left = stack.handle(&step_queue("work"), &deliveries);
    assert_eq!(left, [deliveries[1].message_id.clone()]);
    assert_eq!((stack.status("slow"), stack.outcomes("again").len()), (Status::Succeeded, 0));
    // With all of its time, it is its own fault.
    let again = [deliveries[1].clone()];
    assert!(stack.handle(&step_queue("work"), &again).is_empty());
    assert_eq!(stack.ending("again").1.as_deref(), Some("Sandbox.Timedout"));
}

#[test]
fn a_first_delivery_whose_reads_took_most_of_the_time_is_left_and_not_failed() {
    let stack = hanging(&chain(&["work"]));
    stack.start("run", json!({}));
    let deliveries = stack.host.receive(&step_queue("work"));
    // By the time its code could run, six of the ten seconds are gone.
    let mut late = stack.invocation(&step_queue("work"));
    late.deadline_ms -= 6_000;
    let left = stack.host.drive(stack.protocol.handle_batch(stack.code("work"), &late, &deliveries));
    assert_eq!(left, [deliveries[0].message_id.clone()]);
    assert_eq!((stack.status("run"), stack.outcomes("run").len()), (Status::Running, 0));
}

#[test]
fn of_two_that_run_alone_the_second_is_left_if_the_first_took_all_the_time() {
    let stack = hanging(&chain(&["work"]));
    stack.start("one", json!({}));
    stack.start("two", json!({}));
    let mut deliveries = stack.host.receive(&step_queue("work"));
    deliveries.iter_mut().for_each(|delivery| delivery.receive_count = 2);
    assert_eq!(stack.handle(&step_queue("work"), &deliveries).len(), 1);
    assert_eq!(stack.ran().len(), 1);
    assert!(stack.now_ms() - stack.view("one").item.started_ms <= FUNCTION_TIMEOUT_MS);
}

#[test]
fn a_step_learns_when_it_will_be_cut_off() {
    for (fields, after_ms) in [(json!({}), 9_500), (json!({ "TimeoutSeconds": 2 }), 2_000)] {
        let mut stack = Stack::of(&work(fields));
        let started_ms = stack.now_ms();
        stack.step("work", move |request| Ok(json!(request.deadline_ms - started_ms)));
        stack.start("run", json!({}));
        stack.run();
        assert_eq!(stack.ending("run").0.unwrap()["work"], json!(after_ms));
    }
}

#[test]
fn a_timeout_is_retried_and_caught_as_states_timeout() {
    let mut definition = work(json!({
        "TimeoutSeconds": 1,
        "Retry": [{ "ErrorEquals": ["States.Timeout"], "MaxAttempts": 1, "IntervalSeconds": 7 }],
        "Catch": [{ "ErrorEquals": ["States.Timeout"], "ResultPath": "$.caught", "Next": "Done" }],
    }));
    definition["States"]["Done"] = json!({ "Type": "Succeed" });
    let stack = hanging(&definition);
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.ran().len(), 2);
    assert_eq!(stack.ending("run").0.unwrap()["caught"], json!({ "Error": "States.Timeout", "Cause": "" }));
    let records = stack.view("run").records;
    assert_eq!(records[1].started_ms.unwrap() - records[0].finished_ms, 7_000);
}

#[test]
fn a_loop_without_a_stop_yields_after_256_states_and_goes_on() {
    let stack = Stack::of(&json!({ "StartAt": "Add", "States": {
        "Add": {
            "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice", "Default": "Add",
            "Choices": [{ "Variable": "$.n", "NumericGreaterThan": 299, "Next": "Done" }],
        },
        "Done": { "Type": "Succeed" },
    }}));
    stack.start("run", json!({ "n": 0 }));
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!({ "n": 300 })));
    assert_eq!(stack.outcomes("run"), vec![Outcome::TimerFired; 2]);
}
