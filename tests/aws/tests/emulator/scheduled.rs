//! Waits that no message can be delayed by: one-time schedules in the deployed stack's group.
//!
//! The timer function makes them, so here it has something to do first: a wait of a second. Had the long one come at once,
//! it would have been a message of 900 seconds and one of the rest.

use crate::at;
use serde_json::{Value, json};
use std::time::Duration;
use stepladder_aws_tests::{Kind, Stack, until};
use stepladder_engine::Status;
use stepladder_protocol::{Clock, Host, QueueName, RunId, limits};

const WORKFLOW: &str = "pause";
const WAIT_SECONDS: u32 = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn a_long_wait_is_one_schedule_and_a_stop_does_not_wait_for_it() {
    let stack = Stack::committed("scheduled").await;
    let schedule = started(&stack, "stopped").await;
    check(&stack, &schedule).await;

    stack.cli(&["run", "stop", "pause/stopped"]).await.assert_code(0);
    let stopped = stack.run(WORKFLOW, "stopped").await.unwrap();
    assert_eq!(stopped.status, Status::Aborted, "whoever is answered finds it stopped");
    assert_eq!(schedules(&stack).await.len(), 1, "nobody has to take it away");

    if stack.emulator.kind == Kind::Localstack {
        return eprintln!("not run: what the schedule of a stopped run does, for its Scheduler never fires");
    }
    // Its time comes all the same: now, for nobody waits so long for a test.
    let due = json!({
        "GroupName": stack.name,
        "Name": schedule["Name"],
        "ScheduleExpression": at(stack.host().clock().now_ms()),
        "FlexibleTimeWindow": schedule["FlexibleTimeWindow"],
        "Target": schedule["Target"],
        "ActionAfterCompletion": schedule["ActionAfterCompletion"],
    });
    stack.aws("scheduler", "update_schedule", &due).await;
    until("the schedule has fired", PATIENCE, async || schedules(&stack).await.is_empty().then_some(()))
        .await;
    until("what it has sent is handled", PATIENCE, async || {
        let [visible, in_flight, _] = stack.counts(&QueueName::Timer).await;
        (visible + in_flight == 0).then_some(())
    })
    .await;
    assert_eq!(stack.run(WORKFLOW, "stopped").await.unwrap(), stopped, "it changes nothing");
    let view = stack.protocol.view(&RunId::new(WORKFLOW, "stopped")).await.unwrap().unwrap();
    assert_eq!(view.records.len(), 2, "the first wait, and the stop");
    assert_eq!(stack.counts(&QueueName::DeadLetter).await, [0, 0, 0]);
    assert_eq!(stack.parked().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn a_wait_of_a_thousand_seconds_ends_after_them_and_no_sooner() {
    if std::env::var_os("STEPLADDER_TEST_LONG").is_none() {
        return eprintln!(
            "not run: it takes 17 minutes; STEPLADDER_TEST_LONG=1 make test-aws TESTS='test(thousand_seconds)'"
        );
    }
    let stack = Stack::committed("waited").await;
    if stack.emulator.kind == Kind::Localstack {
        return eprintln!("not run: its Scheduler never fires");
    }
    let schedule = started(&stack, "whole").await;
    check(&stack, &schedule).await;
    let wait = Duration::from_secs(WAIT_SECONDS.into());
    let ended = stack.ended(WORKFLOW, "whole", wait + Duration::from_secs(120)).await;
    assert_eq!(ended.end(), "SUCCEEDED", "{:?}", ended.cause);
    assert_eq!(ended.output, Some(json!({ "order": 17 })));
    let took_ms = ended.item.ended_ms.unwrap() - ended.item.started_ms;
    let both_ms = (1 + i64::from(WAIT_SECONDS)) * 1000;
    assert!((both_ms..both_ms + 30_000).contains(&took_ms), "{took_ms} ms");
    assert_eq!(schedules(&stack).await, Vec::<Value>::new(), "it has gone by itself");
    let view = stack.protocol.view(&RunId::new(WORKFLOW, "whole")).await.unwrap().unwrap();
    eprintln!("it took {took_ms} ms and {} records", view.records.len());
}

/// Starts a run, and finds the schedule of its long wait.
async fn started(stack: &Stack, name: &str) -> Value {
    let definition = json!({ "StartAt": "First", "States": {
        "First": { "Type": "Wait", "Seconds": 1, "Next": "Long" },
        "Long": { "Type": "Wait", "Seconds": WAIT_SECONDS, "End": true },
    } });
    stack.publish(WORKFLOW, &definition).await;
    stack.send_starts(WORKFLOW, &[(name.to_owned(), json!({ "order": 17 }))]).await;
    until("the wait is scheduled", PATIENCE, async || schedules(stack).await.into_iter().next()).await;
    let schedules = schedules(stack).await;
    assert_eq!(schedules.len(), 1, "{schedules:#?}");
    let one = json!({ "GroupName": stack.name, "Name": schedules[0]["Name"] });
    let schedule = stack.aws("scheduler", "get_schedule", &one).await;
    assert_eq!(body(&schedule)["run"]["name"], name);
    schedule
}

/// The one-time schedules of the stack's group, as the list shows them.
async fn schedules(stack: &Stack) -> Vec<Value> {
    let hourly = format!("{}-sweep", stack.name);
    let listed = stack.aws("scheduler", "list_schedules", &json!({ "GroupName": stack.name })).await;
    let listed = listed["Schedules"].as_array().unwrap().iter();
    listed.filter(|schedule| schedule["Name"] != hourly.as_str()).cloned().collect()
}

/// What it will send: a message of the run.
fn body(schedule: &Value) -> Value {
    serde_json::from_str(schedule["Target"]["Input"].as_str().unwrap()).unwrap()
}

/// It sends to the timer queue, by the role that the template has for that, a minute before the wait is over, once.
async fn check(stack: &Stack, schedule: &Value) {
    let body = body(schedule);
    let timer = &body["ask"]["timer"];
    assert_eq!(timer["state"], "Long", "{schedule:#}");
    let due_ms = timer["awaiting"]["due_ms"].as_i64().unwrap();
    assert_eq!(due_ms, timer["entered_ms"].as_i64().unwrap() + i64::from(WAIT_SECONDS) * 1000);
    assert_eq!(schedule["ScheduleExpression"], at(due_ms - limits::SCHEDULE_EARLY_MS).as_str());
    assert_eq!(schedule["FlexibleTimeWindow"]["Mode"], "OFF");
    assert_eq!(schedule["ActionAfterCompletion"], "DELETE");
    assert_eq!(schedule["State"], "ENABLED");
    assert_eq!(schedule["Target"]["Arn"], stack.queue_arn(&QueueName::Timer).as_str());
    let role = json!({ "StackName": stack.name, "LogicalResourceId": "SchedulerRole" });
    let role = stack.aws("cloudformation", "describe_stack_resource", &role).await;
    let role = role["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap();
    assert_eq!(schedule["Target"]["RoleArn"], format!("arn:aws:iam::000000000000:role/{role}").as_str());
}
