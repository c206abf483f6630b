//! Stop and redrive: what decides without a message of its own.

use crate::support::{Stack, answers, chain, failure, step_queue, work};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_engine::{Event, Outcome, Status};
use stepladder_protocol::{
    Ask, NewVersion, Qualifier, QueueName, Requested, Route, RunId, StartRequest, StatusEvents,
    WorkflowChanged,
};

fn stop(stack: &Stack, name: &str) -> Requested {
    let (error, cause) = (Some("Enough".to_owned()), Some("changed my mind".to_owned()));
    stack.host.drive(stack.protocol.request_stop(&RunId::new("w", name), error, cause)).unwrap()
}

fn redrive(stack: &Stack, name: &str) -> Requested {
    stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", name), None)).unwrap()
}

#[test]
fn a_stop_ends_a_run_aborted_with_its_error_and_cause() {
    let stack = Stack::of(&chain(&["work"]));
    stack.start("run", json!({}));
    assert_eq!(stop(&stack, "run"), Requested::Done);
    assert_eq!(stack.status("run"), Status::Aborted);
    let ending = stack.ending("run");
    assert_eq!(ending, (None, Some("Enough".to_owned()), Some("changed my mind".to_owned())));
    assert!(matches!(&stack.view("run").replay.events.last().unwrap().event, Event::ExecutionAborted { .. }));
}

#[test]
fn a_stop_while_a_step_is_under_way_wins_and_the_steps_record_is_refused() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    let deliveries = stack.host.receive(&step_queue("one"));
    assert_eq!(stop(&stack, "run"), Requested::Done);
    // The step runs to its end; its put finds the tombstone.
    assert!(stack.handle(&step_queue("one"), &deliveries).is_empty());
    assert_eq!(stack.ran(), ["one"]);
    assert!(matches!(stack.outcomes("run").as_slice(), [Outcome::Stopped { .. }]));
    assert_eq!((stack.status("run"), stack.count(&step_queue("two"))), (Status::Aborted, 0));
}

#[test]
fn a_message_of_a_stopped_run_that_waited_is_acknowledged_without_running() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stop(&stack, "run");
    stack.host.wait(11_000);
    assert!(stack.deliver(&step_queue("one")).is_empty());
    assert!(stack.ran().is_empty());
}

#[test]
fn a_stop_of_a_run_that_has_ended_is_refused() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stop(&stack, "run"), Requested::Refused(Status::Succeeded));
    assert_eq!(stop(&stack, "no-such-run"), Requested::NotFound);
    assert_eq!(stack.count(&QueueName::Timer), 0);
}

#[test]
fn a_second_stop_is_refused_and_changes_nothing() {
    let stack = Stack::of(&chain(&["one"]));
    stack.start("run", json!({}));
    stop(&stack, "run");
    let before = stack.view("run").item;
    assert_eq!(stop(&stack, "run"), Requested::Refused(Status::Aborted));
    assert_eq!(stack.view("run").item, before);
}

#[test]
fn a_stop_whose_caller_died_is_done_by_its_message() {
    let stack = Stack::of(&chain(&["one"]));
    stack.start("run", json!({}));
    // The caller's transaction fails, and it gives up.
    stack.host.throttle("stop run", 1);
    let id = RunId::new("w", "run");
    assert!(stack.host.drive(stack.protocol.request_stop(&id, None, None)).is_err());
    assert_eq!(stack.status("run"), Status::Running);
    let message = stack.host.in_queue(&QueueName::Timer).pop().unwrap();
    assert_eq!(message.visible_ms - message.sent_ms, 60_000);
    stack.run();
    assert_eq!(stack.status("run"), Status::Aborted);
    assert_eq!(stack.outcomes("run").len(), 1);
}

#[test]
fn a_long_error_and_cause_of_a_stop_are_cut() {
    let stack = Stack::of(&chain(&["one"]));
    stack.start("run", json!({}));
    let (error, cause) = (Some("é".repeat(1_000)), Some("c".repeat(2_000_000)));
    let id = RunId::new("w", "run");
    assert_eq!(stack.host.drive(stack.protocol.request_stop(&id, error, cause)), Ok(Requested::Done));
    let (_, error, cause) = stack.ending("run");
    assert_eq!((error.unwrap().chars().count(), cause.unwrap().len()), (256, 32_768));
}

/// A run that failed at the second of three states after a retry of it; then the step is well.
fn failed() -> Stack {
    let mut definition = chain(&["one", "two", "three"]);
    definition["States"]["two"]["Retry"] = json!([{ "ErrorEquals": ["Flaky"], "MaxAttempts": 1 }]);
    let mut stack = Stack::of(&definition);
    stack.step("one", |_| Ok(json!(1)));
    let flaky = || Err(failure("Flaky"));
    stack.step("two", answers([flaky(), flaky(), flaky(), Ok(json!(2))]));
    stack.step("three", |request| {
        Ok(json!({ "attempt": request.call.attempt, "r": request.run.redrive_count }))
    });
    stack.start("run", json!({}));
    stack.run();
    assert_eq!((stack.status("run"), stack.ran().len()), (Status::Failed, 3));
    stack
}

#[test]
fn a_redrive_goes_on_from_the_failed_state_with_fresh_counters_and_one_more_redrive() {
    let stack = failed();
    assert_eq!(redrive(&stack, "run"), Requested::Done);
    let item = stack.view("run").item;
    assert_eq!((item.status, item.redrive_count, item.ended_ms), (Status::Running, 1, None));
    stack.run();
    // The third failure is retried again: the counter began anew. The first state didn't run again.
    assert_eq!(stack.ran(), ["one", "two", "two", "two", "two", "three"]);
    let output = stack.ending("run").0.unwrap();
    let expected: Value = json!({ "one": 1, "two": 2, "three": { "attempt": 1, "r": 1 } });
    assert_eq!((stack.status("run"), output), (Status::Succeeded, expected));
    assert!(stack.outcomes("run").contains(&Outcome::redriven(1, None)));
}

#[test]
fn a_redriven_attempt_has_an_idempotency_key_of_its_own() {
    let mut stack = Stack::of(&chain(&["work"]));
    let keys = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = keys.clone();
    stack.step("work", move |request| {
        seen.lock().unwrap().push(request.call.idempotency_key);
        Err(failure("Fatal"))
    });
    stack.start("run", json!({}));
    stack.run();
    redrive(&stack, "run");
    stack.run();
    let keys = keys.lock().unwrap();
    assert_eq!((keys.len(), keys.iter().collect::<BTreeSet<_>>().len()), (2, 2));
}

#[test]
fn a_redrive_of_a_run_that_goes_or_succeeded_is_refused() {
    let mut stack = Stack::of(&chain(&["one"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    assert_eq!(redrive(&stack, "run"), Requested::Refused(Status::Running));
    stack.run();
    assert_eq!(redrive(&stack, "run"), Requested::Refused(Status::Succeeded));
    assert_eq!(redrive(&stack, "no-such-run"), Requested::NotFound);
}

#[test]
fn a_redrive_of_a_stopped_run_goes_on_from_where_it_was_stopped() {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.step("two", |_| Ok(json!(2)));
    stack.start("run", json!({}));
    stack.deliver(&step_queue("one"));
    stop(&stack, "run");
    stack.host.wait(11_000);
    stack.run();
    redrive(&stack, "run");
    stack.run();
    assert_eq!(
        (stack.status("run"), stack.ran()),
        (Status::Succeeded, vec!["one".to_owned(), "two".to_owned()])
    );
}

#[test]
fn a_stop_from_before_a_redrive_does_not_stop_the_redriven_run() {
    let stack = Stack::of(&chain(&["one"]));
    stack.start("run", json!({}));
    stop(&stack, "run");
    let stop_message = stack.host.in_queue(&QueueName::Timer).pop().unwrap();
    redrive(&stack, "run");
    stack.host.wait(stop_message.visible_ms - stack.now_ms());
    let deliveries = stack.host.receive(&QueueName::Timer);
    assert!(deliveries.iter().any(|delivery| delivery.message_id == stop_message.id));
    stack.handle(&QueueName::Timer, &deliveries);
    assert_eq!(stack.status("run"), Status::Running);
}

#[test]
fn a_redrive_whose_caller_died_before_it_sent_is_finished_by_its_message() {
    let stack = failed();
    // The first send is the delayed request, the second what follows from the redrive.
    stack.host.calls();
    assert_eq!(redrive(&stack, "run"), Requested::Done);
    let sends = stack.host.calls().into_iter().filter(|call| *call == "send").count();
    assert_eq!(sends, 2);
    for message in stack.messages(&QueueName::Timer) {
        assert!(matches!(message.ask, Ask::Redrive | Ask::Timer(_)), "{:?}", message.ask);
    }
    let lost = stack
        .host
        .in_queue(&QueueName::Timer)
        .into_iter()
        .find(|message| !message.body.contains("\"redrive\""));
    stack.host.delete(&QueueName::Timer, &lost.unwrap().id);
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    let redriven =
        stack.outcomes("run").into_iter().filter(|outcome| matches!(outcome, Outcome::Redriven { .. }));
    assert_eq!(redriven.count(), 1);
}

#[test]
fn a_redrive_gives_the_run_its_whole_time_again() {
    let mut definition = work(json!({}));
    definition["TimeoutSeconds"] = json!(60);
    let mut stack = Stack::of(&definition);
    stack.step("work", answers([Err(failure("Fatal")), Ok(json!(1))]));
    stack.start("run", json!({}));
    stack.run();
    stack.host.wait(3_600_000);
    redrive(&stack, "run");
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_status_event_tells_each_end_once_with_awss_detail_and_no_payload() {
    let stack = failed();
    redrive(&stack, "run");
    stack.run();
    let events = stack.host.in_queue(&QueueName::Status);
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect();
    let item = stack.view("run").item;
    let detail = |status: &str, stop: &Value, redriven: Option<i64>, error: Value| {
        json!({
            "executionArn": "arn:aws:states:us-east-1:000000000000:execution:w:run",
            "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:w",
            "name": "run",
            "status": status,
            "startDate": item.started_ms,
            "stopDate": stop,
            "input": null,
            "output": null,
            "inputDetails": { "included": false },
            "outputDetails": (status == "SUCCEEDED").then(|| json!({ "included": false })),
            "error": error,
            "cause": error.as_str().map(|error| format!("{error} happened")),
            "stateMachineVersionArn": null,
            "stateMachineAliasArn": null,
            "redriveCount": u32::from(redriven.is_some()),
            "redriveDate": redriven,
            "redriveStatus": if status == "SUCCEEDED" { "NOT_REDRIVABLE" } else { "REDRIVABLE" },
            "redriveStatusReason":
                (status == "SUCCEEDED").then_some("Execution is SUCCEEDED and cannot be redriven"),
        })
    };
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_eq!(event["source"], json!("stepladder"));
        assert_eq!(event["detail-type"], json!("Step Functions Execution Status Change"));
        assert!(event["time"].as_str().unwrap().ends_with('Z'));
    }
    let stops: Vec<&Value> = events.iter().map(|event| &event["detail"]["stopDate"]).collect();
    assert_eq!(events[0]["detail"], detail("FAILED", stops[0], None, json!("Flaky")));
    assert!(item.redriven_ms().is_some_and(|ms| ms > item.started_ms));
    let second = detail("SUCCEEDED", &json!(item.ended_ms), item.redriven_ms(), Value::Null);
    assert_eq!(events[1]["detail"], second);
}

#[test]
fn a_status_event_names_the_version_and_the_alias_that_a_run_was_started_with() {
    let mut stack = Stack::of(&chain(&["work"]));
    stack.step("work", |_| Ok(json!(1)));
    let new = NewVersion::default();
    let published = stack.host.drive(stack.protocol.publish_version("w", None, &new)).unwrap();
    assert!(matches!(published, WorkflowChanged::Done(..)), "{published:?}");
    let routes = vec![Route { version: 1, weight: 100 }];
    stack.host.drive(stack.protocol.create_alias("w", "PROD", None, routes)).unwrap();
    stack.start("plain", json!({}));
    stack.run();
    for (name, qualifier) in
        [("version", Qualifier::Version(1)), ("alias", Qualifier::Alias("PROD".to_owned()))]
    {
        let request = StartRequest { workflow: "w".to_owned(), name: name.to_owned(), input: json!({}) };
        stack.host.drive(stack.protocol.start_with(request, &qualifier)).unwrap();
        stack.run();
    }
    let events = stack.host.in_queue(&QueueName::Status);
    let told = events.iter().map(|event| {
        let detail = serde_json::from_str::<Value>(&event.body).unwrap()["detail"].clone();
        (detail["stateMachineVersionArn"].clone(), detail["stateMachineAliasArn"].clone())
    });
    let arn = |of: &str| json!(format!("arn:aws:states:us-east-1:000000000000:stateMachine:w:{of}"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [(Value::Null, Value::Null), (arn("1"), Value::Null), (arn("1"), arn("PROD"))]
    );
}

#[test]
fn a_stack_without_a_status_queue_sends_no_status_events() {
    let mut stack = Stack::with_settings(|settings| settings.status_events = StatusEvents::Off);
    stack.publish("w", &chain(&["work"]));
    stack.step("work", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    stack.run();
    stack.start("stopped", json!({}));
    stop(&stack, "stopped");
    assert_eq!(stack.count(&QueueName::Status), 0);
}
