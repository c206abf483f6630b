//! Stop, deadline, and queues that were emptied by mistake.

use crate::{STEP, arn, one_task};
use serde_json::{Value, json};
use stepladder_engine::Next;
use stepladder_protocol::{Ask, Message, QueueName, RunId};
use stepladder_tests::{TestStack, TestStep, until};

/// A Task, a Wait of so many seconds, and a Task.
fn with_wait(seconds: u32, fields: Value) -> Value {
    let mut machine = json!({ "StartAt": "First", "States": {
        "First": { "Type": "Task", "Resource": arn("work"), "Next": "Pause" },
        "Pause": { "Type": "Wait", "Seconds": seconds, "Next": "Last" },
        "Last": { "Type": "Task", "Resource": arn("work"), "End": true },
    } });
    machine.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    machine
}

/// Waits until a run has recorded so many transitions.
async fn records(stack: &TestStack, workflow: &str, name: &str, count: usize) {
    let id = RunId::new(workflow, name);
    until(
        &format!("record {count} of {id}"),
        || stack.tell(),
        async || {
            let view = stack.protocol.view(&id).await.unwrap()?;
            (view.records.len() >= count).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_for_an_hour_can_be_stopped_and_does_nothing_more() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("slow", &with_wait(3600, json!({}))).await;
    stack.open_all();
    for name in ["stopped", "left-alone"] {
        stack.start_run("slow", name, json!(1)).await;
        records(&stack, "slow", name, 1).await;
    }
    let timers = [timer(&stack, "slow", "stopped").await, timer(&stack, "slow", "left-alone").await];
    let shown = stack.cli(&["run", "show", "stopped", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(
        (&shown["waiting"]["state"], &shown["waiting"]["awaiting"]),
        (&json!("Pause"), &json!("timer"))
    );

    let stopped =
        stack.cli(&["run", "stop", "stopped", "--error", "Cancelled", "--cause", "not wanted", "-o", "json"]);
    let stopped = stopped.await.assert_code(0).json();
    assert_eq!((&stopped["id"], &stopped["result"]), (&json!("slow/stopped"), &json!("stopped")));
    let ended = stack.ended("slow", "stopped").await;
    assert_eq!((ended.end().as_str(), ended.cause.as_deref()), ("ABORTED Cancelled", Some("not wanted")));
    let events = stack.cli(&["run", "history", "stopped", "-o", "json"]).await.assert_code(0).list();
    assert_eq!(events.last().unwrap()["type"], "ExecutionAborted");

    // Both timers fire, and too early: one run notes it and waits on, the other one has ended.
    stack.send(&QueueName::Timer, &timers).await;
    records(&stack, "slow", "left-alone", 2).await;
    until(
        "both messages are handled",
        || stack.tell(),
        async || {
            let counts = stack.counts(&QueueName::Timer);
            (counts.visible + counts.in_flight == 0).then_some(())
        },
    )
    .await;
    assert_eq!(stack.ended("slow", "stopped").await.end(), "ABORTED Cancelled");
    let again = stack.cli(&["run", "history", "stopped", "-o", "json"]).await.assert_code(0).list();
    assert_eq!(again, events);
    assert_eq!(stack.calls(), ["stopped First 1", "left-alone First 1"]);
    stack.cli(&["run", "stop", "stopped"]).await.assert_code(5).assert_tells("it has ended ABORTED");
    let repaired = stack.cli(&["repair", "stopped", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((&repaired[0]["did"], &repaired[0]["status"]), (&json!("ended"), &json!("ABORTED")));
}

/// The message of the timer that a run waits for.
async fn timer(stack: &TestStack, workflow: &str, name: &str) -> String {
    let view = stack.protocol.view(&RunId::new(workflow, name)).await.unwrap().unwrap();
    let Next::Wait(position) = view.replay.last.next else {
        panic!("{name} has ended");
    };
    serde_json::to_string(&Message::new(17, view.run, Ask::Timer(position))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_under_way_when_its_run_was_stopped_runs_nothing() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("plain", &one_task("work", json!({}))).await;
    let work = QueueName::Step("work".to_owned());
    stack.start_run("plain", "stopped", json!(1)).await;
    stack.cli(&["run", "stop", "stopped"]).await.assert_code(0);
    // It was received before, so it looks at the run before it runs.
    stack.receive_in_vain(&work, 1);
    stack.start_run("plain", "good", json!(2)).await;
    stack.open_all();
    assert_eq!(stack.ended("plain", "good").await.end(), "SUCCEEDED");
    until(
        "the queue is empty",
        || stack.tell(),
        async || {
            let counts = stack.counts(&work);
            (counts.visible + counts.in_flight == 0).then_some(())
        },
    )
    .await;
    assert_eq!(stack.calls(), ["good Work 1"]);
    assert_eq!(stack.ended("plain", "stopped").await.end(), "ABORTED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_past_its_deadline_is_timed_out() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("waits", &with_wait(60, json!({ "TimeoutSeconds": 2 }))).await;
    stack
        .publish("works", &{
            let mut machine = one_task("work", json!({}));
            machine["TimeoutSeconds"] = json!(1);
            machine
        })
        .await;
    stack.open_all();
    stack.start_run("waits", "w-1", json!(1)).await;
    stack.start_run("works", "w-2", json!({ "do": "never" })).await;
    stack.start_run("waits", "w-3", json!({ "do": "never" })).await;
    for (workflow, name) in [("waits", "w-1"), ("works", "w-2"), ("waits", "w-3")] {
        let ended = stack.ended(workflow, name).await;
        assert_eq!(ended.end(), "TIMED_OUT States.Timeout", "{name}: {ended:?}");
        let seconds = (ended.item.ended_ms.unwrap() - ended.item.started_ms) as f64 / 1000.0;
        assert!((0.9..30.0).contains(&seconds), "{name} after {seconds} s");
    }
    let events = stack.cli(&["run", "history", "w-1", "-o", "json"]).await.assert_code(0).list();
    assert_eq!(events.last().unwrap()["type"], "ExecutionTimedOut");
    let calls = stack.calls();
    assert!(!calls.iter().any(|call| call.contains(" Last ")), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_all_queues_were_purged_repair_brings_every_run_to_its_end() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("slow", &with_wait(2, json!({}))).await;
    stack.publish("plain", &one_task("work", json!({}))).await;
    stack.open_system();
    // Some that have not begun, some that wait for their step, some that wait for their time.
    let work = QueueName::Step("work".to_owned());
    for at in 0..3 {
        stack.start_run("plain", &format!("plain-{at}"), json!(at)).await;
    }
    stack.server.queues().with(|queues, now_ms| queues.purge("test-work", now_ms)).unwrap();
    assert_eq!(stack.counts(&work).visible, 0);
    stack.open(&work);
    for at in 0..3 {
        let name = format!("slow-{at}");
        stack.start_run("slow", &name, json!(at)).await;
        records(&stack, "slow", &name, 1).await;
        // The record comes first, and its timer after it.
        until(
            "its timer is sent",
            || stack.tell(),
            async || (stack.counts(&QueueName::Timer).delayed > at).then_some(()),
        )
        .await;
    }
    let lost = stack.server.queues().with(|queues, now_ms| {
        let counts = queues.counts("test-timer", now_ms).unwrap();
        queues.purge("test-timer", now_ms).unwrap();
        counts.delayed
    });
    assert_eq!(lost, 3, "three timers are lost");

    let repaired = stack.cli(&["repair", "-o", "json"]).await.assert_code(0).json();
    let mut did: Vec<String> = repaired
        .as_array()
        .unwrap()
        .iter()
        .map(|run| format!("{} {} {}", run["id"], run["did"], run["state"]).replace('"', ""))
        .collect();
    did.sort();
    assert_eq!(
        did,
        [
            "plain/plain-0 again Work",
            "plain/plain-1 again Work",
            "plain/plain-2 again Work",
            "slow/slow-0 again Pause",
            "slow/slow-1 again Pause",
            "slow/slow-2 again Pause",
        ]
    );
    for at in 0..3 {
        assert_eq!(stack.ended("plain", &format!("plain-{at}")).await.output, Some(json!(at)));
        assert_eq!(stack.ended("slow", &format!("slow-{at}")).await.output, Some(json!(at)));
    }
    // Repaired once more there is nothing to do, and nothing has run twice.
    let repaired = stack.cli(&["repair", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(repaired, json!([]));
    let mut calls = stack.calls();
    assert_eq!(calls.len(), 9, "{calls:?}");
    calls.sort();
    calls.dedup();
    assert_eq!(calls.len(), 9);
}
