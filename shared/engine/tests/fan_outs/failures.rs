//! What ends a fan-out before its time: failures, tolerance, deadlines and stops.

use super::*;

/// Three branches: two call, and one waits.
fn parallel(members: Value) -> Value {
    let mut both = json!({
        "Type": "Parallel", "End": true,
        "Branches": [
            { "StartAt": "A", "States": { "A": task(json!({})) } },
            { "StartAt": "B", "States": { "B": task(json!({})) } },
            { "StartAt": "C", "States": { "C": { "Type": "Wait", "Seconds": 60, "End": true } } },
        ],
    });
    both.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "StartAt": "Both", "States": { "Both": both, "Caught": { "Type": "Pass", "End": true } } })
}

fn without_catch(definition: Value) -> Value {
    let mut definition = definition;
    definition["States"].as_object_mut().unwrap().remove("Caught");
    definition
}

#[test]
fn a_failed_branch_stops_its_siblings() {
    let definition = parsed(&without_catch(parallel(json!({}))));
    let mut run = Driven::new(&definition, json!({}));
    run.settle(&[0], failed("Broken"));
    assert_eq!((run.end().status, run.end().error.as_deref()), (Status::Failed, Some("Broken")));
    assert!(run.waiting().is_empty());
    assert_eq!(
        run.history(4),
        [
            "3 <- 4 TaskStateEntered",
            "4 <- 5 LambdaFunctionScheduled",
            "3 <- 6 TaskStateEntered",
            "6 <- 7 LambdaFunctionScheduled",
            "3 <- 8 WaitStateEntered",
            "5 <- 9 LambdaFunctionStarted",
            "9 <- 10 LambdaFunctionFailed",
            "10 <- 11 TaskStateAborted",
            "7 <- 12 TaskStateAborted",
            "8 <- 13 WaitStateAborted",
            "10 <- 14 ParallelStateFailed",
            "14 <- 15 ExecutionFailed",
        ]
    );
}

#[test]
fn what_a_sibling_commits_after_the_stop_is_late_and_checked_all_the_same() {
    let definition = parsed(&without_catch(parallel(json!({}))));
    let run = Run::for_test("flow", "run-1");
    let mut rehearsal = Rehearsal::start(&definition, &run, json!({}));
    let branches: Vec<Branch> = rehearsal.waiting().map(|waiting| waiting.branch.clone()).collect();
    let second = rehearsal.waiting().find(|waiting| waiting.position.state == "B").unwrap().position.clone();
    rehearsal.settle(&branches[0], failed("Broken"), Some(10), 10).unwrap();
    let before = replay(&definition, &run, json!({}), rehearsal.records()).unwrap();

    let ended = advance(&definition, &run, &second, &succeeded(json!(1)), 11);
    let mut records: Records = rehearsal.records().clone();
    let mut late = records[&branches[0]][0].clone();
    late.outcome = succeeded(json!(1));
    (late.finished_ms, late.digest) = (11, ended.digest());
    records.insert(second.branch.clone(), vec![late.clone()]);
    let after = replay(&definition, &run, json!({}), &records).unwrap();
    assert_eq!(after.events, before.events);
    let branch = &after.branches[&second.branch];
    assert_eq!((branch.late, &branch.last), (1, &ended));

    late.outcome = succeeded(json!(2));
    records.insert(second.branch.clone(), vec![late]);
    let error = replay(&definition, &run, json!({}), &records).unwrap_err();
    assert!(
        matches!(&error, ReplayError::Diverged { branch, seq: 0, .. } if *branch == second.branch),
        "{error}"
    );
}

#[test]
fn records_of_a_branch_that_nothing_opened_are_refused() {
    let definition = parsed(&without_catch(parallel(json!({}))));
    let run = Run::for_test("flow", "run-1");
    let stray = Branch::default().child(4, 0);
    let records = Records::from([(stray.clone(), Vec::new())]);
    let error = replay(&definition, &run, json!({}), &records).unwrap_err();
    assert_eq!(error, ReplayError::NoSuchBranch { branch: stray });
}

#[test]
fn a_retry_opens_a_new_fan_out_after_its_delay() {
    let definition = parsed(&map(json!({
        "MaxConcurrency": 1, "Retry": [{ "ErrorEquals": ["Broken"], "IntervalSeconds": 3, "MaxAttempts": 1 }]
    })));
    let mut run = Driven::new(&definition, json!(["a", "b"]));
    run.settle(&[0], succeeded(json!(1)));
    run.settle(&[1], failed("Broken"));
    let waiting = run.rehearsal.next().unwrap();
    assert_eq!((waiting.branch, waiting.due_ms), (&Branch::default(), run.now_ms + 3_000));
    assert_eq!((waiting.position.seq, waiting.position.attempt()), (1, 2));
    run.settle(&[], Outcome::TimerFired);
    // All of it, from the first item on.
    assert_eq!(run.rehearsal.next().unwrap().branch.to_string(), "0000002.00000");
    run.settle(&[0], succeeded(json!(3)));
    run.settle(&[1], succeeded(json!(4)));
    assert_eq!(run.end().output, Some(json!([3, 4])));
    let history = run.history(15);
    assert_eq!(history[..2], ["14 <- 15 LambdaFunctionFailed", "15 <- 16 MapIterationFailed 1"]);
    assert_eq!(history[2..4], ["15 <- 17 MapStateStarted", "17 <- 18 MapIterationStarted 0"]);
}

#[test]
fn a_catch_takes_the_error_of_the_branch() {
    let catch =
        json!({ "Catch": [{ "ErrorEquals": ["Broken"], "Next": "Caught", "ResultPath": "$.failure" }] });
    let definition = parsed(&parallel(catch));
    let mut run = Driven::new(&definition, json!({ "order": 7 }));
    run.settle(&[1], failed("Broken"));
    let failure = json!({ "Error": "Broken", "Cause": "why" });
    assert_eq!(run.end().output, Some(json!({ "order": 7, "failure": failure })));
    let types: Vec<String> = run.events().iter().map(|event| event.event.type_name()).collect();
    assert_eq!(types[types.len() - 5..][..2], ["ParallelStateFailed", "ParallelStateExited"]);
}

#[test]
fn nothing_catches_a_runtime_error_of_a_branch() {
    let definition = parsed(&json!({ "StartAt": "Each", "States": {
        "Each": {
            "Type": "Map", "End": true,
            "Retry": [{ "ErrorEquals": ["States.ALL"] }],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }],
            "ItemProcessor": { "StartAt": "Work", "States": { "Work": task(json!({ "OutputPath": "$.missing" })) } },
        },
        "Caught": { "Type": "Pass", "End": true },
    } }));
    let mut run = Driven::new(&definition, json!([1, 2]));
    run.settle(&[1], succeeded(json!({})));
    assert_eq!((run.end().status, run.end().error.as_deref()), (Status::Failed, Some("States.Runtime")));
    let types: Vec<String> = run.events().iter().map(|event| event.event.type_name()).collect();
    assert!(
        !types.contains(&"MapStateFailed".to_owned()) && types.contains(&"MapStateAborted".to_owned()),
        "{types:?}"
    );
    assert_eq!(types.iter().filter(|name| *name == "MapIterationAborted").count(), 2);
}

#[test]
fn so_many_failures_are_tolerated_and_no_more() {
    let tolerant = |members: Value| parsed(&map(members));
    let run = |definition: &Definition, failures: u32| {
        let mut run = Driven::new(definition, json!([1, 2, 3, 4]));
        for index in 0..4 {
            if run.rehearsal.end().is_none() {
                run.settle(
                    &[index],
                    if index < failures { failed("Broken") } else { succeeded(json!(index)) },
                );
            }
        }
        let end = run.end();
        (end.error.clone(), end.cause.clone(), end.output.clone())
    };
    let threshold = (
        Some("States.ExceedToleratedFailureThreshold".to_owned()),
        Some("The specified tolerated failure threshold was exceeded".to_owned()),
        None,
    );
    let by_count = tolerant(json!({ "ToleratedFailureCount": 1 }));
    assert_eq!(run(&by_count, 1), (None, None, Some(json!([1, 2, 3]))));
    assert_eq!(run(&by_count, 2), threshold);
    let by_percentage = tolerant(json!({ "ToleratedFailurePercentage": 50 }));
    assert_eq!(run(&by_percentage, 2), (None, None, Some(json!([2, 3]))));
    assert_eq!(run(&by_percentage, 3), threshold);
    let by_both = tolerant(json!({ "ToleratedFailurePercentage": 50, "ToleratedFailureCount": 1 }));
    assert_eq!(run(&by_both, 2), threshold);
    let none = tolerant(json!({}));
    assert_eq!(run(&none, 1).0, Some("Broken".to_owned()));
}

#[test]
fn variables_are_seen_inside_and_stay_there() {
    let definition = parsed(&json!({ "StartAt": "Set", "States": {
        "Set": { "Type": "Pass", "Assign": { "outer": 1 }, "Next": "Both" },
        "Both": { "Type": "Parallel", "Next": "After", "Branches": [{ "StartAt": "Inside", "States": {
            "Inside": { "Type": "Pass", "Assign": { "inner.$": "$outer" }, "Next": "Tell" },
            "Tell": { "Type": "Pass", "Parameters": { "sum.$": "States.MathAdd($outer, $inner)" }, "End": true },
        } }] },
        "After": { "Type": "Pass", "Parameters": { "told.$": "$[0].sum", "outer.$": "$outer" }, "End": true },
    } }));
    let mut run = Driven::new(&definition, json!({}));
    // A branch without a stop waits for a turn.
    assert_eq!(run.rehearsal.next().unwrap().position.awaiting, Awaiting::Turn);
    run.settle(&[0], Outcome::TimerFired);
    assert_eq!(run.end().output, Some(json!({ "told": 2, "outer": 1 })));
}

#[test]
fn past_the_deadline_the_whole_run_has_timed_out() {
    let mut definition = without_catch(parallel(json!({})));
    definition["TimeoutSeconds"] = json!(10);
    let definition = parsed(&definition);
    let mut run = Driven::new(&definition, json!({}));
    assert!(run.rehearsal.waiting().all(|waiting| waiting.position.deadline_ms == Some(10_000)));
    run.now_ms = 10_000;
    run.settle(&[2], Outcome::TimedOut { limit: Limit::Run });
    assert_eq!((run.end().status, run.end().error.as_deref()), (Status::TimedOut, Some("States.Timeout")));
}

#[test]
fn a_stop_aborts_whatever_is_open() {
    let definition = parsed(&json!({ "StartAt": "Outer", "States": { "Outer": {
        "Type": "Parallel", "End": true, "Branches": [{ "StartAt": "Each", "States": { "Each": {
            "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "Work", "States": { "Work": task(json!({})) } }
        } } }]
    } } }));
    let mut run = Driven::new(&definition, json!(["a"]));
    // A branch that begins with a fan-out waits for a turn first.
    run.settle(&[0], Outcome::TimerFired);
    let stopped = Outcome::Stopped { error: None, cause: None };
    run.rehearsal.settle(&Branch::default(), stopped, None, 7).unwrap();
    assert_eq!((run.end().status, run.waiting().len()), (Status::Aborted, 0));
    assert_eq!(
        run.history(7),
        [
            "6 <- 7 TaskStateEntered",
            "7 <- 8 LambdaFunctionScheduled",
            "8 <- 9 TaskStateAborted",
            "8 <- 10 MapIterationAborted 0",
            "5 <- 11 MapStateAborted",
            "3 <- 12 ParallelStateAborted",
            "3 <- 13 ExecutionAborted",
        ]
    );
    let nobody = run.rehearsal.settle(&Branch::default().child(0, 0), succeeded(json!(1)), None, 8);
    assert!(nobody.is_err());
}
