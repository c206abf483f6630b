//! Schedules for long waits, and the event bus that is told of the ends of runs.

use crate::support::{Stack, chain, failure, step_queue};
use serde_json::{Value, json};
use stepladder_engine::{Outcome, Status};
use stepladder_protocol::{QueueName, RunId, Schedule, StatusEvents, WorkflowSettings, limits};

const WAIT_SECONDS: i64 = 100_000;

/// A run that waits for longer than a day.
fn waiting(stack: Stack) -> Stack {
    let wait = json!({ "Type": "Wait", "Seconds": WAIT_SECONDS, "End": true });
    stack.publish("w", &json!({ "StartAt": "W", "States": { "W": wait } }));
    stack.start("run", json!({}));
    stack
}

fn due_ms(stack: &Stack) -> i64 {
    stack.view("run").item.started_ms + WAIT_SECONDS * 1000
}

fn schedules(stack: &Stack) -> Vec<Schedule> {
    stack.host.pending_schedules()
}

/// The first delay is over.
fn after_a_delay(stack: &Stack) {
    stack.host.wait(900_000);
    assert!(stack.deliver(&QueueName::Timer).is_empty());
}

#[test]
fn a_long_wait_is_one_schedule_and_three_records() {
    let stack = waiting(Stack::new().with_schedules());
    assert_eq!(schedules(&stack), [], "whoever starts the run has none");
    after_a_delay(&stack);
    let scheduled = schedules(&stack);
    assert_eq!((scheduled.len(), stack.count(&QueueName::Timer)), (1, 0));
    assert_eq!(scheduled[0].at_ms, due_ms(&stack) - 60_000);
    stack.run();
    let item = stack.view("run").item;
    assert_eq!((item.status, item.ended_ms), (Status::Succeeded, Some(due_ms(&stack))));
    assert_eq!(stack.outcomes("run"), vec![Outcome::TimerFired; 3]);
}

#[test]
fn a_stack_without_schedules_waits_by_a_chain_of_delays() {
    let stack = waiting(Stack::new());
    stack.run();
    let item = stack.view("run").item;
    assert_eq!((item.status, item.ended_ms), (Status::Succeeded, Some(due_ms(&stack))));
    assert_eq!(stack.outcomes("run").len(), 112, "a record each quarter of an hour");
}

#[test]
fn a_schedule_that_can_not_be_made_is_a_delay() {
    let stack = waiting(Stack::new().with_schedules());
    stack.host.throttle("schedule", 1);
    after_a_delay(&stack);
    assert_eq!((schedules(&stack).len(), stack.count(&QueueName::Timer)), (0, 1));
    // The next hop finds the scheduler well.
    after_a_delay(&stack);
    assert_eq!((schedules(&stack).len(), stack.count(&QueueName::Timer)), (1, 0));
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
}

#[test]
fn a_repeated_schedule_is_the_one_that_is_there() {
    let stack = waiting(Stack::new().with_schedules());
    stack.host.wait(900_000);
    let mut deliveries = stack.host.receive(&QueueName::Timer);
    assert!(stack.handle(&QueueName::Timer, &deliveries).is_empty());
    let first = schedules(&stack);
    // The acknowledgement was lost.
    deliveries[0].receive_count = 2;
    assert!(stack.handle(&QueueName::Timer, &deliveries).is_empty());
    assert_eq!(schedules(&stack), first);
    assert_eq!(stack.outcomes("run").len(), 1);
}

#[test]
fn a_schedule_of_a_run_that_was_stopped_leads_to_nothing() {
    let stack = waiting(Stack::new().with_schedules());
    after_a_delay(&stack);
    stack.host.drive(stack.protocol.request_stop(&RunId::new("w", "run"), None, None)).unwrap();
    stack.run();
    assert_eq!(schedules(&stack), []);
    assert_eq!((stack.status("run"), stack.outcomes("run").len()), (Status::Aborted, 2));
}

#[test]
fn a_wait_of_minutes_needs_no_schedule() {
    let stack = Stack::new().with_schedules();
    let wait = json!({ "Type": "Wait", "Seconds": 1_500, "End": true });
    stack.publish("w", &json!({ "StartAt": "W", "States": { "W": wait } }));
    stack.start("run", json!({}));
    after_a_delay(&stack);
    assert_eq!((schedules(&stack).len(), stack.count(&QueueName::Timer)), (0, 1));
}

#[test]
fn a_wait_with_much_to_carry_fits_a_schedule() {
    let stack = Stack::new().with_schedules();
    let wait = json!({ "Type": "Wait", "Seconds": WAIT_SECONDS, "End": true });
    stack.publish("w", &json!({ "StartAt": "W", "States": { "W": wait } }));
    let numbers = (0..20_000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
    let input = json!(numbers.collect::<Vec<_>>());
    stack.start("run", input.clone());
    after_a_delay(&stack);
    let scheduled = schedules(&stack);
    assert_eq!((scheduled.len(), stack.count(&QueueName::Timer)), (1, 0));
    assert!(scheduled[0].body.len() <= limits::MESSAGE_BYTES_MAX, "its data lies elsewhere");
    stack.run();
    assert_eq!(stack.ending("run").0, Some(input));
}

/// A run of one step has failed.
fn failed(mut stack: Stack) -> Stack {
    stack.publish("w", &chain(&["work"]));
    stack.step("work", |_| Err(failure("Declined")));
    stack.start("run", json!({}));
    stack.deliver(&step_queue("work"));
    stack
}

fn details(stack: &Stack) -> Vec<Value> {
    let events = stack.host.events_told().into_iter();
    events.map(|event| serde_json::from_str(&event.detail).unwrap()).collect()
}

#[test]
fn the_event_bus_is_told_by_the_timer_function() {
    let stack = failed(Stack::with_bus(|_| {}));
    assert_eq!((stack.count(&QueueName::Status), stack.count(&QueueName::Timer)), (0, 1));
    stack.run();
    let events = stack.host.events_told();
    assert_eq!(events.len(), 1);
    let item = stack.view("run").item;
    assert_eq!(Some(events[0].time_ms), item.ended_ms);
    let arns = [item.run().execution_arn(), item.run().state_machine_arn()];
    assert_eq!(events[0].resources, arns);
    let detail = &details(&stack)[0];
    assert_eq!((&detail["status"], &detail["error"]), (&json!("FAILED"), &json!("Declined")));
    assert_eq!(detail["cause"], json!("Declined happened"));
}

#[test]
fn an_event_that_the_bus_refuses_stays_in_its_queue() {
    let stack = failed(Stack::with_bus(|_| {}));
    stack.host.throttle("put event", 1);
    assert_eq!(stack.deliver(&QueueName::Timer).len(), 1);
    stack.run();
    assert_eq!(details(&stack).len(), 1);
}

/// The message that asks for an event is in the dead-letter queue: five times the bus took none.
fn untold(stack: Stack) -> Stack {
    let stack = failed(stack);
    stack.host.throttle("put event", 5);
    for _ in 0..5 {
        assert_eq!(stack.deliver(&QueueName::Timer).len(), 1);
        stack.host.wait(60_000);
    }
    assert_eq!(stack.deliver(&QueueName::Timer), [""; 0]);
    assert_eq!((stack.count(&QueueName::Timer), stack.count(&QueueName::DeadLetter)), (0, 1));
    stack.host.wait(60_000);
    stack
}

#[test]
fn an_event_in_the_dead_letter_queue_is_told_from_there() {
    let stack = untold(Stack::with_bus(|_| {}));
    assert!(stack.deliver(&QueueName::DeadLetter).is_empty());
    assert_eq!((stack.count(&QueueName::Timer), stack.count(&QueueName::DeadLetter)), (0, 0));
    assert_eq!(details(&stack).len(), 1);
}

#[test]
fn an_event_stays_in_the_dead_letter_queue_while_the_bus_refuses_it() {
    let stack = untold(Stack::with_bus(|_| {}));
    let before = stack.host.in_queue(&QueueName::DeadLetter);
    stack.host.throttle("put event", 20);
    for _ in 0..20 {
        assert_eq!(stack.deliver(&QueueName::DeadLetter).len(), 1);
        stack.host.wait(60_000);
    }
    let after = stack.host.in_queue(&QueueName::DeadLetter);
    assert_eq!((&after[0].id, after[0].sent_ms), (&before[0].id, before[0].sent_ms), "it ages");
    assert_eq!((after.len(), stack.count(&QueueName::Timer), stack.parked()), (1, 0, Vec::new()));
    stack.run();
    assert_eq!(details(&stack).len(), 1);
}

#[test]
fn a_dead_letter_function_that_lacks_the_bus_keeps_the_event() {
    let mut stack = Stack::with_bus(|_| {});
    stack.dead_letter = stack.environment();
    let stack = untold(stack);
    assert_eq!(stack.deliver(&QueueName::DeadLetter).len(), 1);
    assert_eq!((stack.count(&QueueName::Timer), stack.parked()), (0, Vec::new()));
}

#[test]
fn a_timer_function_that_lacks_the_bus_keeps_the_event() {
    let mut stack = Stack::with_bus(|_| {});
    stack.timer = stack.environment();
    let stack = failed(stack);
    assert_eq!(stack.deliver(&QueueName::Timer).len(), 1);
    assert_eq!(stack.parked(), []);
}

/// The ends that are told of a run that succeeds and one that fails, by settings of the stack and of the workflow.
fn told(stack: StatusEvents, workflow: Option<StatusEvents>) -> Vec<String> {
    let mut stack = Stack::with_settings(|settings| {
        settings.status_events = stack;
        let own = WorkflowSettings { status_events: workflow, ..WorkflowSettings::default() };
        settings.workflows.insert("w".to_owned(), own);
    });
    stack.publish("w", &chain(&["work"]));
    stack.step("work", |request| match request.run.name.as_str() {
        "bad" => Err(failure("Declined")),
        _ => Ok(json!(1)),
    });
    for name in ["good", "bad"] {
        stack.start(name, json!({}));
        stack.run();
    }
    let events = stack.host.in_queue(&QueueName::Status).into_iter();
    let names =
        events.map(|event| serde_json::from_str::<Value>(&event.body).unwrap()["detail"]["name"].clone());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_workflow_tells_what_it_is_set_to_tell() {
    use StatusEvents::{All, Failures, Off};
    assert_eq!(told(Off, None), [""; 0]);
    assert_eq!(told(Failures, None), ["bad"]);
    assert_eq!(told(All, None), ["good", "bad"]);
    assert_eq!(told(Off, Some(Failures)), ["bad"]);
    assert_eq!(told(All, Some(Off)), [""; 0]);
}
