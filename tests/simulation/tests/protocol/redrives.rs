//! Redrives of Parallel and Map states: what is kept, and where the rest goes on.

use crate::support::{Stack, failure, resource, step_queue};
use serde_json::{Value, json};
use stepladder_engine::{Event, History, Outcome, Status};
use stepladder_protocol::{QueueName, RedrivePreview, Repaired, Requested, RunId, StepRequest};

fn task(function: &str, next: Option<&str>) -> Value {
    match next {
        Some(next) => json!({ "Type": "Task", "Resource": resource(function), "Next": next }),
        None => json!({ "Type": "Task", "Resource": resource(function), "End": true }),
    }
}

/// Each item goes through `first`, then through `work`.
fn map(fields: Value) -> Value {
    let mut map = json!({
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {
            "StartAt": "First",
            "States": { "First": task("first", Some("Work")), "Work": task("work", None) }
        },
        "End": true,
    });
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({ "StartAt": "Each", "States": { "Each": map } })
}

fn items(count: usize) -> Value {
    json!({ "items": (0..count).collect::<Vec<_>>() })
}

/// `first` gives back its item, and `work` ten times its item, unless `fails` says that it fails.
fn stack(definition: &Value, fails: fn(item: u64, redrives: u32) -> bool) -> Stack {
    let mut stack = Stack::with_settings(|settings| settings.part_branches = 2);
    stack.publish("w", definition);
    stack.step("first", |request| Ok(request.call.input));
    stack.step("work", move |request: StepRequest| {
        let item = request.call.input.as_u64().unwrap();
        match fails(item, request.run.redrive_count) {
            true => Err(failure("Broken")),
            false => Ok(json!(item * 10)),
        }
    });
    stack
}

fn redrive(stack: &Stack) -> Requested {
    stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap()
}

fn preview(stack: &Stack) -> RedrivePreview {
    stack.host.drive(stack.protocol.preview_redrive(&RunId::new("w", "run"))).unwrap().unwrap()
}

fn stop(stack: &Stack) {
    stack.host.drive(stack.protocol.request_stop(&RunId::new("w", "run"), None, None)).unwrap();
}

fn tens(items: impl IntoIterator<Item = u64>) -> Option<Value> {
    Some(items.into_iter().map(|item| item * 10).collect::<Vec<_>>().into())
}

/// How often each of the two steps ran since the last look.
fn ran(stack: &Stack, before: &mut usize) -> (usize, usize) {
    let ran = stack.ran();
    let new = ran.get(*before..).unwrap_or_default().to_vec();
    *before = ran.len();
    let of = |name: &str| new.iter().filter(|step| *step == name).count();
    (of("first"), of("work"))
}

/// The history that comes by pages is the one of the replay.
fn check_history(stack: &Stack) {
    let recording = stack.host.drive(stack.protocol.recording(&RunId::new("w", "run"))).unwrap().unwrap();
    let stepladder_protocol::Recording { definitions, run, beginning, records, .. } = &recording;
    let history = History::new(definitions, run, beginning.clone(), records).unwrap();
    let paged: Vec<_> = (0..history.len()).flat_map(|at| history.page(at..at + 1).unwrap()).collect();
    assert_eq!(paged, stack.view("run").replay.events);
}

#[test]
fn only_iterations_that_failed_go_on_and_from_the_state_that_failed() {
    let stack = stack(&map(json!({})), |item, redrives| item % 3 == 1 && redrives == 0);
    let mut seen = 0;
    stack.start("run", items(5));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    ran(&stack, &mut seen);
    assert_eq!(redrive(&stack), Requested::Done);
    stack.run();
    assert_eq!(stack.ending("run").0, tens(0..5));
    let (first, work) = ran(&stack, &mut seen);
    assert_eq!(first, 0, "all had been through it");
    assert!((1..=2).contains(&work), "{work}");
    check_history(&stack);
}

#[test]
fn events_and_steps_see_the_indexes_of_the_state() {
    let mut stack = stack(&map(json!({})), |_, _| false);
    stack.step("work", |request: StepRequest| match request.run.redrive_count {
        0 if request.call.input == 4 => Err(failure("Broken")),
        _ => Ok(json!(request.indexes)),
    });
    stack.start("run", items(5));
    stack.run();
    redrive(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([[0], [1], [2], [3], [4]])));
    let events = stack.view("run").replay.events;
    let redriven = events.iter().position(|event| matches!(event.event, Event::ExecutionRedriven { .. }));
    let after: Vec<_> = events[redriven.unwrap()..].iter().map(|event| &event.event).collect();
    let started = after.iter().filter_map(|event| match event {
        Event::MapIterationStarted { index, .. } => Some(*index),
        _ => None,
    });
    assert_eq!(started.collect::<Vec<_>>(), [4]);
    assert!(after.iter().any(|event| matches!(event, Event::MapIterationSucceeded { index: 4, .. })));
    assert!(after.iter().any(|event| matches!(event, Event::MapStateStarted { length: 5 })));
}

#[test]
fn what_two_redrives_kept_is_joined_in_order() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1 })), |item, redrives| item == 2 && redrives < 2);
    stack.start("run", items(5));
    stack.run();
    for _ in 0..2 {
        assert_eq!(stack.status("run"), Status::Failed);
        redrive(&stack);
        stack.run();
    }
    assert_eq!(stack.ending("run").0, tens(0..5));
    // Two of the third item's failed, and nothing else ran twice.
    assert_eq!(ran(&stack, &mut 0), (5, 7));
    check_history(&stack);
}

#[test]
fn a_stopped_map_goes_on_within_its_concurrency() {
    let stack = stack(&map(json!({ "MaxConcurrency": 2 })), |_, _| false);
    let mut seen = 0;
    stack.start("run", items(7));
    stack.deliver(&step_queue("first"));
    stack.deliver(&step_queue("work"));
    stop(&stack);
    stack.run();
    assert_eq!((stack.status("run"), ran(&stack, &mut seen)), (Status::Aborted, (2, 2)));
    redrive(&stack);
    stack.deliver(&QueueName::Timer);
    assert_eq!(stack.count(&step_queue("first")), 2);
    stack.run();
    assert_eq!((stack.ending("run").0, ran(&stack, &mut seen)), (tens(0..7), (5, 5)));
    check_history(&stack);
}

#[test]
fn where_all_branches_have_succeeded_only_the_join_is_left() {
    let stack = stack(&map(json!({})), |_, _| false);
    let mut seen = 0;
    stack.start("run", items(2));
    stack.deliver(&step_queue("first"));
    stack.deliver(&step_queue("work"));
    // The join lies in the timer queue.
    stop(&stack);
    stack.run();
    assert_eq!((stack.status("run"), ran(&stack, &mut seen)), (Status::Aborted, (2, 2)));
    redrive(&stack);
    stack.host.purge();
    assert!(matches!(
        stack.host.drive(stack.protocol.repair(&RunId::new("w", "run"))).unwrap(),
        Repaired::Again { .. }
    ));
    stack.run();
    assert_eq!((stack.ending("run").0, ran(&stack, &mut seen)), (tens(0..2), (0, 0)));
    check_history(&stack);
}

#[test]
fn a_failure_that_was_put_up_with_runs_again_and_counts_anew() {
    let fields = json!({ "ToleratedFailureCount": 1 });
    let stack = stack(&map(fields), |item, redrives| match redrives {
        0 => item < 3,
        _ => item == 1,
    });
    stack.start("run", items(5));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    redrive(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, tens([0, 2, 3, 4]));
    check_history(&stack);
}

#[test]
fn another_attempt_of_a_redriven_map_keeps_what_the_redrive_kept() {
    let retry = json!({ "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }] });
    let mut stack = stack(&map(retry), |_, _| false);
    let times = std::sync::Arc::new(std::sync::Mutex::new(0));
    stack.step("work", move |request: StepRequest| {
        let item = request.call.input.as_u64().unwrap();
        let mut times = times.lock().unwrap();
        *times += u32::from(item == 0);
        // Twice in the run as it was, and once more after the redrive.
        if item == 0 && *times <= 3 { Err(failure("Broken")) } else { Ok(json!(item * 10)) }
    });
    let mut seen = 0;
    stack.start("run", items(3));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    ran(&stack, &mut seen);
    redrive(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, tens(0..3));
    let (first, work) = ran(&stack, &mut seen);
    assert!(first == 0 && work >= 2, "{first} {work}");
    check_history(&stack);
}

/// A Map of Maps of three items each, in a Parallel state beside a branch of one step.
fn nested() -> Value {
    let mut inner = map(json!({}))["States"]["Each"].clone();
    inner["ItemsPath"] = json!("$");
    let outer = json!({
        "Type": "Map",
        "ItemsPath": "$.rows",
        "ItemProcessor": { "StartAt": "Row", "States": { "Row": inner } },
        "End": true,
    });
    let both = json!({
        "Type": "Parallel",
        "Branches": [
            { "StartAt": "Rows", "States": { "Rows": outer } },
            { "StartAt": "Beside", "States": {
                "Beside": { "Type": "Task", "Resource": resource("work"), "InputPath": "$.beside", "End": true } } },
        ],
        "End": true,
    });
    json!({ "StartAt": "Both", "States": { "Both": both } })
}

#[test]
fn fan_outs_within_each_other_keep_their_branches_too() {
    let stack = stack(&nested(), |item, redrives| item == 4 && redrives == 0);
    let mut seen = 0;
    stack.start("run", json!({ "rows": [[0, 1, 2], [3, 4, 5], [6, 7, 8]], "beside": 9 }));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    let (first, work) = ran(&stack, &mut seen);
    let done = preview(&stack);
    assert_eq!((done.status, done.state.as_str()), (Status::Failed, "Both"));
    redrive(&stack);
    stack.run();
    let rows = json!([[0, 10, 20], [30, 40, 50], [60, 70, 80]]);
    assert_eq!(stack.ending("run").0, Some(json!([rows, 90])));
    let (again_first, again_work) = ran(&stack, &mut seen);
    assert_eq!((first + again_first, work + again_work), (9, 11), "one failed, and nothing else ran twice");
    check_history(&stack);
}

#[test]
fn a_redrive_that_was_stopped_before_it_went_on_is_redriven_as_the_first_one() {
    let stack = stack(&nested(), |item, redrives| item == 4 && redrives < 2);
    let mut seen = 0;
    stack.start("run", json!({ "rows": [[3, 4, 5]], "beside": 9 }));
    stack.run();
    ran(&stack, &mut seen);
    redrive(&stack);
    stop(&stack);
    redrive(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([[[30, 40, 50]], 90])));
    assert!(ran(&stack, &mut seen).0 == 0);
    check_history(&stack);
}

#[test]
fn a_purged_redriven_run_is_repaired() {
    let stack = stack(&nested(), |item, redrives| item % 2 == 1 && redrives == 0);
    stack.start("run", json!({ "rows": [[0, 1, 2], [3, 4, 5], [6, 7, 8]], "beside": 9 }));
    stack.run();
    redrive(&stack);
    for _ in 0..40 {
        if stack.status("run") != Status::Running {
            break;
        }
        stack.deliver(&QueueName::Timer);
        stack.host.purge();
        stack.host.drive(stack.protocol.repair(&RunId::new("w", "run"))).unwrap();
        stack.deliver(&step_queue("first"));
        stack.deliver(&step_queue("work"));
    }
    stack.run();
    let rows = json!([[0, 10, 20], [30, 40, 50], [60, 70, 80]]);
    assert_eq!(stack.ending("run").0, Some(json!([rows, 90])));
    check_history(&stack);
}

#[test]
fn a_preview_writes_nothing_and_a_plan_stays_small() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1 })), |item, _| item == 2);
    stack.start("run", items(200));
    stack.run();
    let before = stack.view("run").records.len();
    let RedrivePreview { state, kept: Some(kept), left_behind, .. } = preview(&stack) else { panic!() };
    assert_eq!((state.as_str(), left_behind), ("Each", Vec::<String>::new()));
    assert_eq!((stack.view("run").records.len(), stack.status("run")), (before, Status::Failed));
    let text = serde_json::to_string(&kept).unwrap();
    assert!(text.len() < 250, "{text}");
    redrive(&stack);
    let planned = stack.outcomes("run").into_iter().find_map(|outcome| match outcome {
        Outcome::Redriven { kept, .. } => kept,
        _ => None,
    });
    assert_eq!(planned, Some(kept));
}

#[test]
fn a_state_that_failed_as_a_whole_begins_anew() {
    let mut definition = map(json!({ "ResultSelector": { "none.$": "States.ArrayGetItem($, 99)" } }));
    let stack_of = |definition: &Value| stack(definition, |_, _| false);
    let stack = stack_of(&definition);
    let mut seen = 0;
    stack.start("run", items(2));
    stack.run();
    assert_eq!((stack.status("run"), ran(&stack, &mut seen)), (Status::Failed, (2, 2)));
    redrive(&stack);
    stack.run();
    // All branches had succeeded: the error comes after them, and comes again.
    assert_eq!((stack.status("run"), ran(&stack, &mut seen)), (Status::Failed, (0, 0)));
    definition["States"]["Each"]["ItemsPath"] = json!("$.none");
    let stack = stack_of(&definition);
    stack.start("run", items(2));
    stack.run();
    assert_eq!(preview(&stack).kept, None);
}
