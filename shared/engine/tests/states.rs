//! What states do to their data in both languages, and tasks that go on after their call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod driven;

use driven::{Driven, failed, succeeded};
use serde_json::{Value, json};
use stepladder_engine::{
    Awaiting, Effect, Event, Limit, Mock, Outcome, Phase, Run, StateTest, StateTestError, Status, TestStatus,
    machine_of, step_call, test_state,
};

/// A machine of these states that starts at the first.
fn machine(language: &str, states: Value) -> Value {
    let first = states.as_object().unwrap().keys().next().unwrap().clone();
    json!({ "QueryLanguage": language, "StartAt": first, "States": states })
}

/// Runs a machine without any work to its end.
#[track_caller]
fn ended(definition: &Value, input: Value) -> Driven {
    let mut run = Driven::new(definition, input);
    run.when_due(Outcome::TimerFired);
    run
}

fn assigned(run: &Driven) -> Vec<Value> {
    let events = run.replay().events.into_iter();
    let assigned = events.filter_map(|event| match event.event {
        Event::StateExited { assigned, .. } => assigned.map(Value::Object),
        _ => None,
    });
    assigned.collect()
}

#[test]
fn all_expressions_of_a_state_see_the_variables_as_they_were() {
    let jsonata = machine(
        "JSONata",
        json!({
            "Set": { "Type": "Pass", "Assign": { "a": 1, "b": 2 }, "Next": "Swap" },
            "Swap": { "Type": "Pass", "Assign": { "a": "{% $b %}", "b": "{% $a %}" },
                      "Output": "{% [$a, $b] %}", "Next": "Show" },
            "Show": { "Type": "Pass", "Output": { "before": "{% $states.input %}", "after": "{% [$a, $b] %}" }, "End": true }
        }),
    );
    let run = ended(&jsonata, json!({}));
    assert_eq!(run.end().output, Some(json!({ "before": [1, 2], "after": [2, 1] })));
    assert_eq!(assigned(&run), [json!({ "a": 1, "b": 2 }), json!({ "a": 2, "b": 1 })]);

    let jsonpath = machine(
        "JSONPath",
        json!({
            "Set": { "Type": "Pass", "Assign": { "a": 1, "b.$": "$.x" }, "Next": "Swap" },
            "Swap": { "Type": "Pass", "Assign": { "a.$": "$b", "b.$": "$a" }, "Parameters": { "a.$": "$a" }, "End": true }
        }),
    );
    let run = ended(&jsonpath, json!({ "x": 2 }));
    assert_eq!(run.end().output, Some(json!({ "a": 1 })));
    assert_eq!(assigned(&run), [json!({ "a": 1, "b": 2 }), json!({ "a": 2, "b": 1 })]);
}

/// A run without a stop is walked twice: once at its start, and once as its first record.
#[test]
fn a_run_without_a_stop_assigns_its_variables_once() {
    let count = json!({ "Count": {
        "Type": "Pass", "Assign": { "n": "{% $exists($n) ? $n + 1 : 1 %}" }, "Next": "Show" },
        "Show": { "Type": "Pass", "Output": "{% $n %}", "End": true } });
    let run = ended(&machine("JSONata", count), json!({}));
    assert_eq!(run.end().output, Some(json!(1)));
}

#[test]
fn in_an_assign_the_root_is_the_selected_result_and_in_a_catch_the_error() {
    let task = json!({ "Work": {
        "Type": "Task", "Resource": driven::RESOURCE, "ResultSelector": { "id.$": "$.order.id" },
        "ResultPath": "$.done", "Assign": { "id.$": "$.id" }, "End": true,
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Assign": { "why.$": "$.Cause" }, "ResultPath": null, "Next": "Caught" }]
    }, "Caught": { "Type": "Pass", "Parameters": { "why.$": "$why" }, "End": true } });
    let definition = machine("JSONPath", task);
    let mut run = Driven::new(&definition, json!({ "a": 1 }));
    run.at(1, succeeded(json!({ "order": { "id": 17 } })));
    assert_eq!(run.end().output, Some(json!({ "a": 1, "done": { "id": 17 } })));
    assert_eq!(assigned(&run), [json!({ "id": 17 })]);

    let mut run = Driven::new(&definition, json!({ "a": 1 }));
    run.at(1, failed("A"));
    assert_eq!(run.end().output, Some(json!({ "why": "why" })));
    assert_eq!(assigned(&run), [json!({ "why": "why" })]);
}

#[test]
fn a_choice_assigns_and_writes_what_its_rule_says_or_else_its_own() {
    let definition = machine(
        "JSONata",
        json!({
            "Which": { "Type": "Choice", "Default": "Show", "Assign": { "by": "default" }, "Output": "none",
                "Choices": [
                    { "Condition": "{% $states.input.n > 2 %}", "Next": "Show", "Assign": { "by": "first" } },
                    { "Condition": "{% $states.input.n > 1 %}", "Next": "Show", "Output": { "n": "{% $states.input.n %}" } }
                ] },
            "Show": { "Type": "Pass", "Output": { "in": "{% $states.input %}", "by": "{% $exists($by) ? $by : 'nobody' %}" }, "End": true }
        }),
    );
    for (n, expected) in [
        (3, json!({ "in": { "n": 3 }, "by": "first" })),
        (2, json!({ "in": { "n": 2 }, "by": "nobody" })),
        (1, json!({ "in": "none", "by": "default" })),
    ] {
        assert_eq!(ended(&definition, json!({ "n": n })).end().output, Some(expected));
    }
}

#[test]
fn a_field_that_gives_nothing_fails_and_says_where_it_stands() {
    #[track_caller]
    fn check(states: Value, location: &str, cause: &str) {
        let run = ended(&machine("JSONata", states), json!({ "n": 1 }));
        let end = run.end();
        assert_eq!((end.status, end.error.as_deref()), (Status::Failed, Some("States.QueryEvaluationError")));
        let shown = run.replay().events.into_iter().find_map(|event| match event.event {
            Event::EvaluationFailed { location, cause, .. } => Some((location.unwrap(), cause)),
            _ => None,
        });
        let (at, why) = shown.unwrap();
        assert_eq!((at.as_str(), Some(&why)), (location, end.cause.as_ref()));
        assert!(why.ends_with(cause), "{why}");
    }
    let pass = |output: Value| json!({ "P": { "Type": "Pass", "Output": output, "End": true } });
    let nothing = "returned nothing (undefined).";
    check(pass(json!("{% $states.input.x %}")), "Output", nothing);
    check(pass(json!({ "a": [1, { "b": "{% $nope %}" }] })), "Output/a[1]/b", nothing);
    check(
        pass(json!({ "a": "{% function($x) { $x } %}" })),
        "Output/a",
        "returned an unsupported result type.",
    );
    let end = json!({ "Type": "Succeed" });
    check(
        json!({ "C": { "Type": "Choice", "Default": "D", "Choices": [
            { "Condition": "{% false %}", "Next": "D" }, { "Condition": "{% $states.input.n %}", "Next": "D" }
        ] }, "D": end }),
        "Choices[1]/Condition",
        "returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1",
    );
    check(
        json!({ "C": { "Type": "Choice", "Default": "D", "Choices": [
            { "Condition": "{% true %}", "Next": "D", "Assign": { "x": "{% $nope %}" } }
        ] }, "D": end }),
        "Choices[0]/Assign/x",
        nothing,
    );
    check(
        json!({ "W": { "Type": "Wait", "Seconds": "{% 'soon' %}", "End": true } }),
        "Seconds",
        "returned an unexpected result type. Expected 'number', but was 'string' for value: \"soon\"",
    );
    check(json!({ "F": { "Type": "Fail", "Error": "E", "Cause": "{% 1 %}" } }), "Cause", "for value: 1");
}

#[test]
fn an_error_before_the_call_is_retried_and_caught_like_one_of_the_call() {
    let definition = machine(
        "JSONata",
        json!({
            "Work": { "Type": "Task", "Resource": driven::RESOURCE, "Arguments": "{% $states.input.x %}", "End": true,
                "Retry": [{ "ErrorEquals": ["States.QueryEvaluationError"], "IntervalSeconds": 2, "MaxAttempts": 1 }],
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught", "Output": "{% $states.errorOutput.Error %}" }] },
            "Caught": { "Type": "Pass", "End": true }
        }),
    );
    let mut run = Driven::new(&definition, json!({}));
    assert_eq!((run.waits().awaiting, run.waits().attempt()), (Awaiting::Timer { due_ms: 2_000 }, 2));
    run.at(1_000, Outcome::TimerFired);
    assert_eq!(run.waits().due_ms(), 2_000);
    run.at(2_000, Outcome::TimerFired);
    assert_eq!(run.end().output, Some(json!("States.QueryEvaluationError")));
    let failures = run.event_types().into_iter().filter(|name| name == "EvaluationFailed");
    assert_eq!(failures.count(), 2);
}

#[test]
fn what_is_wrong_with_a_catcher_is_not_caught() {
    let definition = machine(
        "JSONata",
        json!({
            "Work": { "Type": "Task", "Resource": driven::RESOURCE, "End": true,
                "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught", "Output": "{% $states.result %}" }] },
            "Caught": { "Type": "Pass", "End": true }
        }),
    );
    let mut run = Driven::new(&definition, json!({}));
    run.at(1, failed("A"));
    let end = run.end();
    assert_eq!((end.status, end.error.as_deref()), (Status::Failed, Some("States.QueryEvaluationError")));
    assert!(end.cause.as_ref().unwrap().contains("'Catch[0]/Output'"));
}

#[test]
fn variables_have_a_limit() {
    let definition = machine(
        "JSONata",
        json!({
            "Grow": { "Type": "Pass", "Assign": { "all": "{% [$append($all, $states.input)] %}" }, "Next": "Grow" }
        }),
    );
    let definition = {
        let mut definition = definition;
        definition["States"]["Grow"]["Next"] = json!("More");
        definition["States"]["More"] = json!({ "Type": "Choice", "Default": "Grow",
            "Choices": [{ "Condition": "{% false %}", "Next": "End" }] });
        definition["States"]["End"] = json!({ "Type": "Succeed" });
        definition
    };
    let run = ended(&definition, json!("x".repeat(1_000_000)));
    let end = run.end();
    assert_eq!((end.status, end.error.as_deref()), (Status::Failed, Some("States.DataLimitExceeded")));
    assert!(end.cause.as_ref().unwrap().contains("10485760 are allowed"), "{:?}", end.cause);
}

/// One Task state with these members, called by this resource.
fn task(resource: &str, members: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": resource, "End": true });
    task.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let is_caught = task.get("Catch").is_some();
    let mut definition = json!({ "StartAt": "Work", "States": { "Work": task } });
    if is_caught {
        definition["States"]["Caught"] = json!({ "Type": "Pass", "End": true });
    }
    definition
}

const SEND_AND_WAIT: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

#[test]
fn a_submitted_task_goes_on_waiting_until_its_answer() {
    let parameters = json!({ "TimeoutSeconds": 600, "HeartbeatSeconds": 20, "Parameters": {
        "MessageBody": { "token.$": "$$.Task.Token" } } });
    let mut run = Driven::new(&task(SEND_AND_WAIT, parameters), json!({}));
    let call = step_call(&run.definition, &run.run, run.waits()).unwrap();
    let token = call.input["MessageBody"]["token"].as_str().unwrap().to_owned();
    assert_eq!(call.task_token, Some(token));

    run.at(5, Outcome::Submitted { response: json!({ "MessageId": "m" }), started_ms: None });
    let waits = run.waits();
    let limits = Awaiting::Answer { timeout_ms: Some(600_005), heartbeat_ms: Some(20_005) };
    assert_eq!((waits.awaiting, waits.due_ms()), (limits, 20_005));
    assert!(matches!(run.last.effect(), Effect::Await { due_ms: 20_005, .. }));
    // A timer that comes too early changes nothing.
    run.at(10, Outcome::TimerFired);
    assert_eq!(run.waits().awaiting, limits);

    run.at(900, succeeded(json!("approved")));
    assert_eq!(run.end().output, Some(json!("approved")));
    assert_eq!(
        run.event_types()[2..],
        [
            "TaskScheduled",
            "TaskStarted",
            "TaskSubmitted",
            "TaskSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[test]
fn a_missed_heartbeat_is_caught_by_its_own_name_and_reported_as_a_time_out() {
    for (names, is_caught) in [
        (json!(["States.HeartbeatTimeout"]), true),
        (json!(["States.Timeout"]), true),
        (json!(["States.TaskFailed"]), false),
    ] {
        let members = json!({ "HeartbeatSeconds": 5, "Catch": [{ "ErrorEquals": names, "Next": "Caught" }] });
        let mut run = Driven::new(&task(SEND_AND_WAIT, members), json!({}));
        run.at(0, Outcome::Submitted { response: json!({}), started_ms: None });
        run.at(5_000, Outcome::TimerFired);
        let end = run.end();
        assert_eq!(end.status == Status::Succeeded, is_caught, "{names}");
        let error = end.output.as_ref().map(|output| &output["Error"]);
        assert_eq!(error.and_then(Value::as_str).or(end.error.as_deref()), Some("States.Timeout"));
    }
    // TimeoutSeconds alone is not a heartbeat's.
    let members = json!({ "TimeoutSeconds": 5, "Catch": [{ "ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Caught" }] });
    let mut run = Driven::new(&task(SEND_AND_WAIT, members), json!({}));
    run.at(0, Outcome::Submitted { response: json!({}), started_ms: None });
    run.at(5_000, Outcome::TimerFired);
    assert_eq!(run.end().status, Status::Failed);
}

#[test]
fn an_activity_waits_for_its_worker_and_then_for_its_answer() {
    let activity = "arn:aws:states:us-east-1:000000000000:activity:pack";
    let members =
        json!({ "TimeoutSeconds": 10, "Retry": [{ "ErrorEquals": ["States.Timeout"], "MaxAttempts": 1 }] });
    let mut run = Driven::new(&task(activity, members), json!({ "a": 1 }));
    // The time until a worker comes doesn't count.
    run.at(100_000, Outcome::Started { worker: Some("w-1".to_owned()) });
    run.at(110_000, Outcome::TimerFired);
    assert_eq!((run.waits().attempt(), run.waits().awaiting), (2, Awaiting::Step { due_ms: 111_000 }));
    run.at(111_000, Outcome::Started { worker: None });
    run.at(111_500, failed("Torn"));
    assert_eq!(run.end().error.as_deref(), Some("Torn"));
    assert_eq!(
        run.event_types()[2..],
        [
            "ActivityScheduled",
            "ActivityStarted",
            "ActivityTimedOut",
            "ActivityScheduled",
            "ActivityStarted",
            "ActivityFailed",
            "ExecutionFailed",
        ]
    );
}

#[test]
fn each_phase_of_a_call_fails_with_its_own_event() {
    let function = driven::RESOURCE;
    let activity = "arn:aws:states:us-east-1:000000000000:activity:pack";
    for (resource, phase, expected) in [
        (function, Phase::Schedule, vec!["LambdaFunctionScheduleFailed"]),
        (function, Phase::Start, vec!["LambdaFunctionStartFailed"]),
        (function, Phase::Run, vec!["LambdaFunctionStarted", "LambdaFunctionFailed"]),
        (SEND_AND_WAIT, Phase::Start, vec!["TaskStartFailed"]),
        (SEND_AND_WAIT, Phase::Submit, vec!["TaskStarted", "TaskSubmitFailed"]),
        (SEND_AND_WAIT, Phase::Run, vec!["TaskStarted", "TaskFailed"]),
        (activity, Phase::Schedule, vec!["ActivityScheduleFailed"]),
        (activity, Phase::Run, vec!["ActivityStarted", "ActivityFailed"]),
    ] {
        let mut run = Driven::new(&task(resource, json!({})), json!({}));
        run.at(1, Outcome::Failed { error: "E".to_owned(), cause: None, phase });
        let types = run.event_types();
        assert_eq!(types[3..types.len() - 1], expected, "{resource} {phase:?}");
    }
}

#[test]
fn a_failure_may_have_no_name() {
    let members = json!({ "Catch": [{ "ErrorEquals": ["States.TaskFailed"], "Next": "Caught" }] });
    let mut run = Driven::new(&task(SEND_AND_WAIT, members), json!({}));
    run.at(0, Outcome::Submitted { response: json!({}), started_ms: None });
    run.at(1, Outcome::Failed { error: String::new(), cause: None, phase: Phase::Run });
    assert_eq!(run.end().output, Some(json!({ "Error": null, "Cause": null })));
    let mut run = Driven::new(&task(SEND_AND_WAIT, json!({})), json!({}));
    run.at(0, Outcome::Failed { error: String::new(), cause: None, phase: Phase::Run });
    assert_eq!((run.end().status, &run.end().error), (Status::Failed, &None));
}

#[test]
fn a_whole_response_of_lambda_invoke_gets_no_envelope() {
    let members = json!({ "Parameters": { "FunctionName": "work" } });
    let mut run = Driven::new(&task("arn:aws:states:::lambda:invoke", members), json!({}));
    let response = json!({ "Payload": { "paid": true }, "StatusCode": 202 });
    run.at(0, Outcome::Responded { response: response.clone() });
    assert_eq!(run.end().output, Some(response));
}

#[test]
fn now_is_the_time_of_the_transition_and_of_the_attempt() {
    let definition = machine(
        "JSONata",
        json!({ "Work": { "Type": "Task", "Resource": driven::RESOURCE, "End": true,
            "Arguments": { "at": "{% $millis() %}", "id": "{% $uuid() %}" }, "Output": "{% $millis() %}",
            "Retry": [{ "ErrorEquals": ["A"], "IntervalSeconds": 3 }] } }),
    );
    let mut run = Driven::new(&definition, json!({}));
    let first = step_call(&run.definition, &run.run, run.waits()).unwrap().input;
    assert_eq!(first["at"], json!(0));
    run.at(500, failed("A"));
    let second = step_call(&run.definition, &run.run, run.waits()).unwrap().input;
    assert_eq!(second["at"], json!(3_500));
    assert_ne!(first["id"], second["id"]);
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
    assert_eq!(scheduled, [first, second]);
    run.at(4_000, succeeded(json!({})));
    assert_eq!(run.end().output, Some(json!(4_000)));
}

#[track_caller]
fn tested(state: Value, test: StateTest) -> (TestStatus, Option<Value>, Option<String>) {
    let definition = stepladder_asl::Definition::parse(&machine_of(&state.to_string())).unwrap();
    let tested = test_state(&definition, "StateName", &Run::for_test("w", "r"), &test, 0).unwrap();
    (tested.status, tested.output, tested.next_state)
}

#[test]
fn a_state_can_be_tested_alone() {
    let state = json!({ "Type": "Task", "Resource": driven::RESOURCE, "Next": "There",
        "Retry": [{ "ErrorEquals": ["A"], "MaxAttempts": 2 }],
        "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Elsewhere" }] });
    let error = |error: &str, used| StateTest {
        mock: Some(Mock::Error { error: Some(error.to_owned()), cause: None }),
        retrier_retry_count: used,
        ..StateTest::default()
    };
    let result = StateTest { mock: Some(Mock::Result(json!(1))), ..StateTest::default() };
    let next = |name: &str| Some(name.to_owned());
    assert_eq!(tested(state.clone(), result), (TestStatus::Succeeded, Some(json!(1)), next("There")));
    assert_eq!(tested(state.clone(), error("A", 1)), (TestStatus::Retriable, None, None));
    let output = |name: &str| Some(json!({ "Error": name, "Cause": "" }));
    let caught = |name: &str| (TestStatus::CaughtError, output(name), next("Elsewhere"));
    assert_eq!(tested(state.clone(), error("A", 2)), caught("A"));
    assert_eq!(tested(state.clone(), error("B", 0)), caught("B"));
    // A wait is over at once.
    let wait = json!({ "Type": "Wait", "Seconds": 3600, "Next": "There" });
    let input = StateTest { input: json!({ "a": 1 }), ..StateTest::default() };
    assert_eq!(tested(wait, input), (TestStatus::Succeeded, Some(json!({ "a": 1 })), next("There")));
}

#[test]
fn a_state_that_works_needs_a_mock_to_be_tested() {
    let state = json!({ "Type": "Task", "Resource": driven::RESOURCE, "End": true });
    let definition = stepladder_asl::Definition::parse(&machine_of(&state.to_string())).unwrap();
    let error = test_state(&definition, "StateName", &Run::for_test("w", "r"), &StateTest::default(), 0);
    assert_eq!(
        error.unwrap_err().to_string(),
        "the Task state 'StateName' needs a mock: its work is not done here"
    );
}

#[test]
fn a_heartbeat_is_a_limit_that_an_outcome_can_name() {
    let members = json!({ "Catch": [{ "ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Caught" }] });
    let mut run = Driven::new(&task(SEND_AND_WAIT, members), json!({}));
    run.at(0, Outcome::Submitted { response: json!({}), started_ms: None });
    // Nothing limits the wait; whoever keeps the heartbeats says that one was missed.
    assert_eq!(run.waits().due_ms(), i64::MAX);
    run.at(7, Outcome::TimedOut { limit: Limit::Heartbeat });
    assert_eq!(run.end().status, Status::Succeeded);
}

#[test]
fn an_error_of_a_tested_map_comes_from_a_state_inside_of_it() {
    let state = json!({ "Type": "Map", "End": true, "ItemProcessor": { "StartAt": "Inner", "States": {
        "Inner": { "Type": "Parallel", "End": true, "Branches": [
            { "StartAt": "Innermost", "States": { "Innermost": { "Type": "Pass", "End": true } } } ] } } } });
    let definition = stepladder_asl::Definition::parse(&machine_of(&state.to_string())).unwrap();
    let by = |inner: &str| StateTest {
        input: json!([1]),
        mock: Some(Mock::Error { error: Some("A".to_owned()), cause: None }),
        error_caused_by_state: Some(inner.to_owned()),
        ..StateTest::default()
    };
    let test = |inner| test_state(&definition, "StateName", &Run::for_test("w", "r"), &by(inner), 0);
    for inner in ["Inner", "Innermost"] {
        assert_eq!(test(inner).unwrap().error.as_deref(), Some("A"));
    }
    for outer in ["StateName", "Nowhere"] {
        let refused = StateTestError::NotInside { inner: outer.to_owned(), state: "StateName".to_owned() };
        assert_eq!(test(outer), Err(refused));
    }
}
