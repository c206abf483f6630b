//! What follows from an outcome: retries, catches, waits, deadlines, stops, redrives, limits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod driven;

use driven::{Driven, RESOURCE, failed, root, succeeded, with_lone_task, with_task};
use serde_json::{Value, json};
use stepladder_engine::{
    Awaiting, Branch, Effect, End, Event, Limit, Next, Outcome, Position, ReplayError, Run, Status, Target,
    advance, limits, replay, start, step_call,
};

#[test]
fn each_retrier_counts_for_itself() {
    let mut run = Driven::new(
        &with_lone_task(json!({ "Retry": [
            { "ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2.0 },
            { "ErrorEquals": ["B"], "IntervalSeconds": 5, "MaxAttempts": 1 }
        ] })),
        json!({}),
    );
    assert_eq!(run.waits().attempt(), 1);
    let mut keys = vec![step_call(&run.definition, &run.run, run.waits()).unwrap()];
    for (error, delay_ms) in [("A", 1_000), ("B", 5_000), ("A", 2_000)] {
        let now_ms = run.now_ms.max(run.waits().due_ms());
        run.at(now_ms, failed(error));
        assert_eq!(run.waits().due_ms(), now_ms + delay_ms);
        keys.push(step_call(&run.definition, &run.run, run.waits()).unwrap());
    }
    assert_eq!(keys.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    // Each attempt has a key of its own, and all belong to one operation.
    assert!(keys.windows(2).all(|pair| pair[0].idempotency_key != pair[1].idempotency_key));
    assert!(keys.windows(2).all(|pair| pair[0].operation_key == pair[1].operation_key));
    run.when_due(failed("B"));
    assert_eq!((run.end().status, run.end().error.as_deref()), (Status::Failed, Some("B")));
}

#[test]
fn the_first_retrier_that_names_the_error_decides() {
    let mut run = Driven::new(
        &with_lone_task(json!({ "Retry": [
            { "ErrorEquals": ["A"], "MaxAttempts": 0 },
            { "ErrorEquals": ["States.ALL"], "MaxAttempts": 3 }
        ] })),
        json!({}),
    );
    run.at(0, failed("B"));
    assert_eq!(run.waits().attempt(), 2);
    // It is never retried, though the second retrier would have tries left.
    run.when_due(failed("A"));
    assert_eq!(run.end().error.as_deref(), Some("A"));
}

#[test]
fn retries_start_anew_when_the_state_is_entered_again() {
    let definition = json!({ "StartAt": "Work", "States": {
        "Work": {
            "Type": "Task", "Resource": RESOURCE, "Next": "Again",
            "Retry": [{ "ErrorEquals": ["A"], "MaxAttempts": 1 }]
        },
        "Again": { "Type": "Choice", "Choices": [{ "Variable": "$.again", "BooleanEquals": true, "Next": "Work" }],
                   "Default": "Done" },
        "Done": { "Type": "Succeed" }
    } });
    let mut run = Driven::new(&definition, json!({}));
    run.at(0, failed("A"));
    let first = step_call(&run.definition, &run.run, run.waits()).unwrap();
    run.when_due(succeeded(json!({ "again": true })));
    assert_eq!(run.waits().attempt(), 1);
    let second = step_call(&run.definition, &run.run, run.waits()).unwrap();
    assert_ne!(first.operation_key, second.operation_key);
    run.when_due(failed("A"));
    assert_eq!(run.waits().attempt(), 2);
    run.when_due(failed("A"));
    assert_eq!(run.end().status, Status::Failed);
}

#[test]
fn a_catch_puts_the_error_where_its_result_path_says() {
    let catch = |result_path: Value| {
        with_task(json!({ "Catch": [
            { "ErrorEquals": ["Other"], "Next": "Caught" },
            { "ErrorEquals": ["A"], "Next": "Caught", "ResultPath": result_path }
        ] }))
    };
    let error = json!({ "Error": "A", "Cause": "why" });
    let check = |result_path: Value, expected: Value| {
        let mut run = Driven::new(&catch(result_path), json!({ "order": 17 }));
        run.at(5, failed("A"));
        assert_eq!((run.end().status, run.end().output.as_ref()), (Status::Succeeded, Some(&expected)));
    };
    check(json!("$"), error.clone());
    check(json!("$.failure.first"), json!({ "order": 17, "failure": { "first": error } }));
    check(Value::Null, json!({ "order": 17 }));
}

#[test]
fn a_time_out_is_retried_and_caught_by_its_own_name() {
    let mut run = Driven::new(
        &with_task(json!({
            "TimeoutSeconds": 3,
            "Retry": [{ "ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 5 },
                      { "ErrorEquals": ["States.Timeout"], "MaxAttempts": 1 }],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]
        })),
        json!({}),
    );
    run.at(3_000, Outcome::TimedOut { limit: Limit::Task });
    assert_eq!(run.waits().due_ms(), 4_000);
    run.at(7_000, Outcome::TimedOut { limit: Limit::Task });
    assert_eq!(run.end().output, Some(json!({ "Error": "States.Timeout", "Cause": "" })));
    let types = run.event_types();
    assert_eq!(types.iter().filter(|name| *name == "LambdaFunctionTimedOut").count(), 2, "{types:?}");
}

#[test]
fn nothing_catches_a_runtime_error() {
    let mut run = Driven::new(
        &with_task(json!({
            "OutputPath": "$.missing",
            "Retry": [{ "ErrorEquals": ["States.ALL"] }],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]
        })),
        json!({}),
    );
    run.at(0, succeeded(json!({ "there": 1 })));
    let end = run.end();
    assert_eq!((end.status, end.error.as_deref()), (Status::Failed, Some("States.Runtime")));
    let cause = end.cause.as_deref().unwrap();
    assert!(
        cause.starts_with("An error occurred while executing the state 'Work' (entered at the event id #2).")
    );
}

#[test]
fn a_long_wait_is_a_chain_of_hops_that_replays_to_the_same() {
    let definition = json!({ "StartAt": "Sleep", "States": {
        "Sleep": { "Type": "Wait", "Seconds": 3_600, "Next": "Work" },
        "Work": { "Type": "Task", "Resource": RESOURCE, "End": true }
    } });
    let mut run = Driven::new(&definition, json!({ "order": 17 }));
    for now_ms in [900_000, 1_800_000, 2_700_000] {
        assert_eq!(run.waits().awaiting, Awaiting::Timer { due_ms: 3_600_000 });
        assert!(matches!(run.last.effect(), Effect::Send { to: Target::Timer, due_ms: 3_600_000, .. }));
        run.at(now_ms, Outcome::TimerFired);
        // A hop is no event.
        assert_eq!(run.event_types(), ["ExecutionStarted", "WaitStateEntered"]);
    }
    run.at(3_600_000, Outcome::TimerFired);
    assert_eq!((run.waits().state.as_str(), run.waits().seq), ("Work", 4));
    run.at(3_600_010, succeeded(json!("done")));
    assert_eq!(run.end().output, Some(json!("done")));
}

#[test]
fn a_retry_beyond_fifteen_minutes_waits_at_the_timer_first() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["A"], "IntervalSeconds": 2_000 }] });
    let mut run = Driven::new(&with_lone_task(retry), json!({}));
    run.at(0, failed("A"));
    assert!(matches!(run.last.effect(), Effect::Send { to: Target::Timer, due_ms: 2_000_000, .. }));
    let scheduled = step_call(&run.definition, &run.run, run.waits()).unwrap();
    run.at(1_200_000, Outcome::TimerFired);
    // Near enough now for the step's own queue, and the same attempt of the same visit.
    assert!(matches!(
        run.last.effect(),
        Effect::Send { to: Target::Step { state: "Work" }, due_ms: 2_000_000, .. }
    ));
    let call = step_call(&run.definition, &run.run, run.waits()).unwrap();
    assert_eq!((call.attempt, call.operation_key), (2, scheduled.operation_key));
}

#[test]
fn the_deadline_cuts_waits_and_ends_the_run() {
    let definition = json!({ "StartAt": "Sleep", "TimeoutSeconds": 10, "States": {
        "Sleep": { "Type": "Wait", "Seconds": 3_600, "End": true }
    } });
    let mut run = Driven::new(&definition, json!({}));
    assert_eq!(run.waits().due_ms(), 10_000);
    assert!(!run.waits().is_past_deadline(9_999) && run.waits().is_past_deadline(10_000));
    run.at(10_000, Outcome::TimedOut { limit: Limit::Run });
    assert_eq!((run.end().status, run.end().error.as_deref()), (Status::TimedOut, Some("States.Timeout")));
    assert_eq!(run.event_types(), ["ExecutionStarted", "WaitStateEntered", "ExecutionTimedOut"]);
}

#[test]
fn a_stop_ends_the_run_wherever_it_waits() {
    let mut run = Driven::new(&with_lone_task(json!({})), json!({}));
    run.at(5, Outcome::Stopped { error: Some("Operator".to_owned()), cause: None });
    assert_eq!((run.end().status, run.end().error.as_deref()), (Status::Aborted, Some("Operator")));
    assert_eq!(run.event_types().last().unwrap(), "ExecutionAborted");
}

#[test]
fn a_failure_at_a_wait_or_a_turn_ends_the_run_by_its_name() {
    let wait = json!({ "StartAt": "W", "States": { "W": { "Type": "Wait", "Seconds": 5, "End": true } } });
    let turn = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    for definition in [wait, turn] {
        let mut run = Driven::new(&definition, json!({ "a": 1 }));
        run.when_due(failed("States.DataLimitExceeded"));
        let end = run.end();
        assert_eq!((end.status, end.error.as_deref()), (Status::Failed, Some("States.DataLimitExceeded")));
        assert_eq!((end.cause.as_deref(), &end.data), (Some("why"), &json!({ "a": 1 })));
        assert_eq!(run.event_types().last().map(String::as_str), Some("ExecutionFailed"));
    }
}

#[test]
fn a_redrive_goes_on_from_the_failed_state_with_fresh_counters_and_deadline() {
    let definition = json!({ "StartAt": "First", "TimeoutSeconds": 100, "States": {
        "First": { "Type": "Pass", "Result": { "from": "First" }, "Next": "Work" },
        "Work": {
            "Type": "Task", "Resource": RESOURCE, "End": true, "Retry": [{ "ErrorEquals": ["A"], "MaxAttempts": 1 }],
            "Parameters": { "from.$": "$.from", "redrives.$": "$$.Execution.RedriveCount" }
        }
    } });
    let mut run = Driven::new(&definition, json!({}));
    run.at(0, failed("A"));
    run.when_due(failed("A"));
    assert_eq!((run.end().status, run.end().state.as_str()), (Status::Failed, "Work"));

    run.at(500_000, Outcome::redriven(1, None));
    assert_eq!((run.waits().awaiting, run.waits().deadline_ms), (Awaiting::Turn, Some(600_000)));
    run.at(500_001, Outcome::TimerFired);
    assert_eq!((run.waits().state.as_str(), run.waits().attempt()), ("Work", 1));
    let call = step_call(&run.definition, &run.run, run.waits()).unwrap();
    assert_eq!(call.input, json!({ "from": "First", "redrives": 1 }));
    run.at(500_002, failed("A"));
    run.when_due(succeeded(json!("done")));
    assert_eq!(run.end().output, Some(json!("done")));
    assert_eq!(run.replay().redrive_count, 1);
    assert!(run.event_types().contains(&"ExecutionRedriven".to_owned()));
    // Other ends, and a run that has succeeded, take no further record.
    let after = replay(
        &run.definition,
        &run.run,
        run.input.clone(),
        &root(&[run.records.clone(), run.records[..1].to_vec()].concat()),
    );
    assert_eq!(
        after,
        Err(ReplayError::AfterTheEnd { branch: Branch::default(), seq: run.records.len() as u32 })
    );
}

#[test]
fn a_loop_without_a_stop_yields_after_256_states() {
    let definition = json!({ "StartAt": "Count", "States": {
        "Count": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "More" },
        "More": { "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericLessThan": 300, "Next": "Count" }],
                  "Default": "Done" },
        "Done": { "Type": "Succeed" }
    } });
    let mut run = Driven::new(&definition, json!({ "n": 0 }));
    for n in [128, 256] {
        let position = run.waits();
        assert_eq!((position.awaiting, &position.data), (Awaiting::Turn, &json!({ "n": n })));
        assert!(matches!(run.last.effect(), Effect::Send { to: Target::Timer, .. }));
        run.at(run.now_ms + 1, Outcome::TimerFired);
    }
    assert_eq!(run.end().output, Some(json!({ "n": 300 })));
    // 300 times two states entered and left, the last one, and the run's own two.
    assert_eq!(run.end().events, 300 * 4 + 2 + 2);
}

#[test]
fn a_run_without_a_stop_waits_for_a_turn_first() {
    let definition = json!({ "StartAt": "Only", "States": { "Only": { "Type": "Pass", "End": true } } });
    let mut run = Driven::new(&definition, json!({ "a": 1 }));
    assert_eq!(
        (run.waits().awaiting, run.waits().state.as_str(), run.waits().seq),
        (Awaiting::Turn, "Only", 0)
    );
    run.at(1, Outcome::TimerFired);
    assert_eq!(run.end().output, Some(json!({ "a": 1 })));
    assert_eq!(
        run.event_types(),
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    );
}

#[test]
fn a_run_ends_at_its_last_transition() {
    let run =
        Driven::new(&with_lone_task(json!({ "Retry": [{ "ErrorEquals": ["States.ALL"] }] })), json!({}));
    let at = |seq: u32| {
        let position = Position { seq, ..run.waits().clone() };
        advance(&run.definition, &run.run, &position, &failed("A"), 0).next
    };
    assert!(matches!(at(limits::TRANSITIONS_MAX - 2), Next::Wait(_)));
    let Next::End(end) = at(limits::TRANSITIONS_MAX - 1) else { panic!("it goes on") };
    assert_eq!((end.status, end.error.as_deref()), (Status::Failed, Some("States.Runtime")));
    assert!(end.cause.unwrap().contains("1000000 transitions"));
    // Who stops it gets the last word all the same.
    let position = Position { seq: limits::TRANSITIONS_MAX, ..run.waits().clone() };
    let stopped =
        advance(&run.definition, &run.run, &position, &Outcome::Stopped { error: None, cause: None }, 0);
    assert!(matches!(stopped.next, Next::End(End { status: Status::Aborted, .. })));
}

#[test]
fn a_replay_that_leads_elsewhere_stops_and_says_where() {
    let mut run = Driven::new(&with_lone_task(json!({ "Retry": [{ "ErrorEquals": ["A"] }] })), json!({}));
    run.at(0, failed("A"));
    run.when_due(succeeded(json!(1)));
    let recorded = run.records[1].digest.clone();
    let mut records = run.records.clone();
    records[1].outcome = succeeded(json!(2));
    let error = replay(&run.definition, &run.run, run.input.clone(), &root(&records)).unwrap_err();
    let ReplayError::Diverged { seq, state, recorded: said, computed, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*seq, state.as_str(), said), (1, "Work", &recorded));
    assert_ne!(&recorded, computed);
    // Another run's nonce is another run, but leads to the same where nothing is drawn.
    let other = Run { nonce: "f".repeat(32), ..run.run.clone() };
    assert!(replay(&run.definition, &other, run.input.clone(), &root(&run.records)).is_ok());
}

#[test]
fn what_is_drawn_depends_on_the_nonce_and_is_the_same_each_time() {
    let definition = with_lone_task(json!({
        "Parameters": { "id.$": "States.UUID()" },
        "ResultSelector": { "id.$": "States.UUID()" },
        "Retry": [{ "ErrorEquals": ["A"], "IntervalSeconds": 100, "JitterStrategy": "FULL" }]
    }));
    let mut run = Driven::new(&definition, json!({}));
    let called = step_call(&run.definition, &run.run, run.waits()).unwrap().input;
    assert_eq!(called, step_call(&run.definition, &run.run, run.waits()).unwrap().input);
    run.at(0, failed("A"));
    let again = step_call(&run.definition, &run.run, run.waits()).unwrap().input;
    assert!((0..=100_000).contains(&run.waits().due_ms()));
    run.when_due(succeeded(json!({})));
    let selected = run.end().output.clone().unwrap();
    // The history shows what each attempt was called with.
    let scheduled: Vec<Value> = run
        .replay()
        .events
        .into_iter()
        .filter_map(|event| match event.event {
            Event::LambdaFunctionScheduled { input, .. } => Some(input),
            _ => None,
        })
        .collect();
    assert_eq!(scheduled, [called.clone(), again.clone()]);
    assert!(called != again && again != selected && called != selected);
    let other = Run { nonce: "f".repeat(32), ..run.run.clone() };
    let position = start(&run.definition, &other, json!({}), 0);
    let Next::Wait(position) = position.next else { panic!("it has ended") };
    assert_ne!(step_call(&run.definition, &other, &position).unwrap().input, called);
}

#[test]
fn lambda_invoke_calls_with_the_payload_and_wraps_the_answer() {
    let definition = json!({ "StartAt": "Work", "States": { "Work": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": { "FunctionName": "work", "Payload": { "order.$": "$.order" } }
    } } });
    let mut run = Driven::new(&definition, json!({ "order": 17 }));
    let call = step_call(&run.definition, &run.run, run.waits()).unwrap();
    assert_eq!((call.function.as_deref(), call.input), (Some("work"), json!({ "order": 17 })));
    run.at(0, succeeded(json!({ "paid": true })));
    let output = run.end().output.clone().unwrap();
    assert_eq!((&output["Payload"], &output["StatusCode"]), (&json!({ "paid": true }), &json!(200)));
    let shown = run.replay().events.into_iter().find_map(|event| match event.event {
        Event::TaskSucceeded { output, .. } => Some(output),
        _ => None,
    });
    assert_eq!(shown, Some(output));
}
