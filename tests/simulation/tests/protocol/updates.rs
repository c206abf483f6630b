//! Map Runs that are updated while they run.

use crate::support::{Stack, failure, resource, step_queue};
use serde_json::{Value, json};
use stepladder_engine::{Branch, Outcome, Status, Wish};
use stepladder_protocol::{
    ChildStatus, ChildrenAsked, Host, MapRunCounts, MapRunFound, MapRunStatus, MapRunUpdated, MapRuns,
    QueueName, Repaired, Requested, RunId, StepRequest,
};

/// Each item goes through `work`.
fn map(fields: Value) -> Value {
    let mut map = json!({
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Work",
            "States": { "Work": { "Type": "Task", "Resource": resource("work"), "End": true } },
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

/// `work` gives back its item, unless `fails` says that it fails.
fn stack(definition: &Value, fails: fn(item: u64, redrives: u32) -> bool) -> Stack {
    let mut stack = Stack::with_settings(|settings| settings.part_branches = 2);
    stack.publish("w", definition);
    stack.step("work", move |request: StepRequest| {
        let item = request.call.input.as_u64().unwrap();
        match fails(item, request.run.redrive_count) {
            true => Err(failure("Broken")),
            false => Ok(json!(item)),
        }
    });
    stack
}

fn never(_: u64, _: u32) -> bool {
    false
}

/// The run's last Map Run.
fn found(stack: &Stack) -> MapRunFound {
    let (run, root) = (stack.view("run").item.key(), Branch::default());
    let listed = stack.host.store().map_runs(&run, &root, None, 9);
    let id = stack.host.drive(listed).unwrap().swap_remove(0).id;
    stack.host.drive(stack.protocol.find_map_run("w", &id)).unwrap().unwrap()
}

fn update(stack: &Stack, wish: Wish) -> MapRunUpdated {
    stack.host.drive(stack.protocol.update_map_run(&found(stack), wish)).unwrap()
}

fn at_once(max_concurrency: u64) -> Wish {
    Wish { max_concurrency: Some(max_concurrency), ..Wish::default() }
}

fn tolerates(failures: u64) -> Wish {
    Wish { failures_tolerated: Some(failures), ..Wish::default() }
}

fn counts(stack: &Stack) -> MapRunCounts {
    let found = found(stack);
    let end = stack.host.drive(stack.protocol.map_run_end(&found)).unwrap();
    stack.host.drive(stack.protocol.map_run_counts(&found, end)).unwrap()
}

/// Delivers what is due now, until nothing is but steps.
fn settle(stack: &Stack) {
    while stack.host.in_queue(&QueueName::Timer).iter().any(|message| message.visible_ms <= stack.now_ms()) {
        stack.deliver(&QueueName::Timer);
    }
}

#[test]
fn the_children_that_run_end_and_the_others_begin_by_the_new_concurrency() {
    let stack = stack(&map(json!({ "MaxConcurrency": 2 })), never);
    let work = step_queue("work");
    stack.start("run", items(9));
    settle(&stack);
    stack.deliver(&work);
    assert_eq!(stack.count(&work), 2);
    assert_eq!(update(&stack, at_once(3)), MapRunUpdated::Done);
    settle(&stack);
    // None has begun, and the two that had run on.
    let executions = counts(&stack).executions;
    assert_eq!((executions.succeeded, executions.running, executions.pending), (2, 2, 5));
    let one = stack.host.receive(&work).swap_remove(0);
    stack.handle(&work, std::slice::from_ref(&one));
    stack.host.delete(&work, &one.message_id);
    settle(&stack);
    let executions = counts(&stack).executions;
    assert_eq!((executions.succeeded, executions.running, executions.pending), (3, 1, 5));
    stack.host.wait(60_000);
    stack.deliver(&work);
    settle(&stack);
    assert_eq!(stack.count(&work), 3);
    let executions = counts(&stack).executions;
    assert_eq!((executions.succeeded, executions.running, executions.pending), (4, 3, 2));
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 1, 2, 3, 4, 5, 6, 7, 8])));
    assert_eq!(stack.ran().len(), 9);
    assert!(matches!(stack.outcomes("run")[..], [Outcome::Updated { .. }, Outcome::Joined { .. }]));
    assert_eq!(stack.parked(), []);
    // What its history shows is what it shows of one that nobody has updated.
    let types = |stack: &Stack| {
        let events = stack.view("run").replay.events;
        events.iter().map(|event| (event.id, event.previous_id, event.event.type_name())).collect::<Vec<_>>()
    };
    let other = self::stack(&map(json!({ "MaxConcurrency": 2 })), never);
    other.start("run", items(9));
    other.run();
    assert_eq!(types(&stack), types(&other));
}

#[test]
fn an_update_can_be_seen_at_once_and_after_it() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1, "ToleratedFailureCount": 1 })), never);
    stack.start("run", items(4));
    settle(&stack);
    let seen = |stack: &Stack| {
        let settings = stack.host.drive(stack.protocol.map_run_settings(&found(stack))).unwrap();
        (settings.max_concurrency, settings.failures_tolerated, settings.failures_tolerated_percentage)
    };
    let id = found(&stack).item.id;
    assert_eq!(seen(&stack), (1, 1, 0.0));
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Done);
    assert_eq!(seen(&stack), (2, 1, 0.0));
    assert_eq!(update(&stack, tolerates(0)), MapRunUpdated::Done);
    assert_eq!(seen(&stack), (2, 0, 0.0));
    let messages = stack.count(&QueueName::Timer);
    // Asked for again it does nothing but what repeats a request.
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Done);
    assert_eq!(stack.count(&QueueName::Timer), messages + 1);
    stack.run();
    assert_eq!(seen(&stack), (2, 0, 0.0));
    let end = stack.host.drive(stack.protocol.map_run_end(&found(&stack))).unwrap();
    assert_eq!(
        (end.status, found(&stack).item.id, found(&stack).item.redrives()),
        (MapRunStatus::Succeeded, id, 0)
    );
    assert_eq!(update(&stack, at_once(5)), MapRunUpdated::Ended);
    assert_eq!(stack.ran().len(), 4);
}

#[test]
fn failures_are_counted_on_against_the_new_threshold() {
    let fails = |item, _| item % 2 == 0;
    // With two failures behind it: three are put up with now, and four are not.
    for (tolerated, items_in_all, status) in [(3, 6, Status::Succeeded), (3, 7, Status::Failed)] {
        let stack = stack(&map(json!({ "MaxConcurrency": 1, "ToleratedFailureCount": 2 })), fails);
        stack.start("run", items(items_in_all));
        settle(&stack);
        for _ in 0..3 {
            stack.deliver(&step_queue("work"));
        }
        assert_eq!(update(&stack, tolerates(tolerated)), MapRunUpdated::Done);
        stack.run();
        assert_eq!(stack.status("run"), status);
        assert_eq!(stack.ran().len(), items_in_all, "none ran twice");
        let executions = counts(&stack).executions;
        assert_eq!(executions.failed, items_in_all.div_ceil(2) as u64);
        assert_eq!(executions.succeeded, (items_in_all / 2) as u64);
    }
}

#[test]
fn a_failure_beyond_the_old_threshold_is_judged_by_the_new_one() {
    let stack = stack(&map(json!({ "MaxConcurrency": 3 })), |item, _| item == 1);
    stack.start("run", items(5));
    settle(&stack);
    assert_eq!(update(&stack, tolerates(1)), MapRunUpdated::Done);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 2, 3, 4])));
    assert_eq!(stack.ran().len(), 5);
}

#[test]
fn where_all_children_have_begun_the_new_threshold_holds_for_the_join() {
    for (tolerated, status) in [(2, Status::Succeeded), (1, Status::Failed)] {
        let stack = stack(&map(json!({})), |item, _| item > 1);
        stack.start("run", items(4));
        settle(&stack);
        assert_eq!(update(&stack, tolerates(tolerated)), MapRunUpdated::Done);
        stack.run();
        assert_eq!(stack.status("run"), status);
        assert_eq!(stack.outcomes("run").len(), 1);
    }
}

#[test]
fn a_threshold_that_is_passed_already_fails_the_map_run_once_its_children_have_ended() {
    let stack = stack(&map(json!({ "MaxConcurrency": 2, "ToleratedFailureCount": 5 })), |item, _| item < 2);
    stack.start("run", items(9));
    settle(&stack);
    stack.deliver(&step_queue("work"));
    assert_eq!(update(&stack, tolerates(1)), MapRunUpdated::Done);
    settle(&stack);
    stack.deliver(&step_queue("work"));
    settle(&stack);
    stack.run();
    let (_, error, _) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    // One began beside the failures that are repeated, and was stopped.
    assert_eq!(stack.ran().len(), 4, "{:?}", stack.ran());
    assert_eq!(update(&stack, tolerates(9)), MapRunUpdated::Ended);
}

#[test]
fn a_map_run_that_has_failed_beyond_its_threshold_is_not_updated_any_more() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1 })), |item, _| item == 0);
    stack.start("run", items(3));
    settle(&stack);
    // The join has been asked for, and not been recorded.
    stack.deliver(&step_queue("work"));
    assert_eq!(update(&stack, tolerates(2)), MapRunUpdated::Ended);
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
}

#[test]
fn a_redrive_after_an_update_tries_what_had_failed_before_it_too() {
    let fails = |item, redrives| redrives == 0 && item != 1;
    let stack = stack(&map(json!({ "MaxConcurrency": 1, "ToleratedFailureCount": 1 })), fails);
    stack.start("run", items(5));
    settle(&stack);
    for _ in 0..2 {
        stack.deliver(&step_queue("work"));
    }
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Done);
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    let before = stack.ran().len();
    assert_eq!(
        children(&stack).iter().filter(|(_, status, _)| *status == ChildStatus::Failed).count(),
        before - 1
    );
    let redriven = stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
    assert_eq!(redriven, Requested::Done);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 1, 2, 3, 4])));
    // All but the one that had succeeded.
    assert_eq!(stack.ran().len(), before + 4);
    let settings = stack.host.drive(stack.protocol.map_run_settings(&found(&stack))).unwrap();
    assert_eq!((settings.max_concurrency, found(&stack).item.redrives()), (2, 1));
    let all = children(&stack);
    assert_eq!(all.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [4, 3, 2, 1, 0]);
    assert!(all.iter().all(|(_, status, _)| *status == ChildStatus::Succeeded));
    assert_eq!(all.iter().map(|(.., redrives)| *redrives).rev().collect::<Vec<_>>()[..2], [1, 0]);
}

/// Index, status and redrives of each child.
fn children(stack: &Stack) -> Vec<(u32, ChildStatus, u32)> {
    let found = found(stack);
    let end = stack.host.drive(stack.protocol.map_run_end(&found)).unwrap();
    let asked = ChildrenAsked { before: None, wanted: 99, looked_at_max: 99, is_wanted: |_, _| true };
    let page = stack.host.drive(stack.protocol.map_run_children(&found, end, asked)).unwrap();
    page.children.iter().map(|child| (child.index, child.status, child.redrives)).collect()
}

#[test]
fn a_map_run_whose_run_is_stopped_before_it_was_updated_is_updated_by_the_redrive() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1 })), never);
    let work = step_queue("work");
    stack.start("run", items(6));
    settle(&stack);
    assert_eq!(update(&stack, at_once(3)), MapRunUpdated::Done);
    settle(&stack);
    stack.host.drive(stack.protocol.request_stop(&RunId::new("w", "run"), None, None)).unwrap();
    assert_eq!(stack.status("run"), Status::Aborted);
    let redriven = stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
    assert_eq!(redriven, Requested::Done);
    settle(&stack);
    stack.host.wait(60_000);
    stack.deliver(&work);
    settle(&stack);
    assert_eq!(stack.count(&work), 3, "{:?}", stack.outcomes("run"));
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 1, 2, 3, 4, 5])));
}

#[test]
fn an_update_whose_messages_are_lost_is_carried_out_by_repair() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1 })), never);
    stack.start("run", items(4));
    settle(&stack);
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Done);
    stack.host.purge();
    let repaired = stack.host.drive(stack.protocol.repair(&RunId::new("w", "run"))).unwrap();
    assert!(matches!(repaired, Repaired::Again { .. }));
    settle(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 1, 2, 3])));
    assert!(matches!(stack.outcomes("run")[0], Outcome::Updated { .. }));
}

#[test]
fn what_follows_an_updated_map_run_sees_the_runs_input() {
    let mut definition = map(json!({ "MaxConcurrency": 1 }));
    let each = definition["States"]["Each"].as_object_mut().unwrap();
    each.remove("End");
    each.insert("Next".to_owned(), json!("After"));
    definition["States"]["After"] =
        json!({ "Type": "Pass", "Parameters": { "of.$": "$$.Execution.Input.name" }, "End": true });
    let stack = stack(&definition, never);
    stack.start("run", json!({ "items": [0, 1, 2], "name": "Ada" }));
    settle(&stack);
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Done);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!({ "of": "Ada" })));
}

#[test]
fn another_attempt_of_an_updated_state_is_another_map_run() {
    let retry = json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1 }]);
    let fields = json!({ "MaxConcurrency": 1, "ToleratedFailureCount": 1, "Retry": retry });
    let stack = stack(&map(fields), |item, _| item != 1);
    stack.start("run", items(4));
    settle(&stack);
    stack.deliver(&step_queue("work"));
    let first = found(&stack).item.id;
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Done);
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    let settings = stack.host.drive(stack.protocol.map_run_settings(&found(&stack))).unwrap();
    assert_eq!((found(&stack).item.id == first, settings.max_concurrency), (false, 1));
}

#[test]
fn a_map_run_within_a_child_is_updated_too() {
    let inner = map(json!({ "MaxConcurrency": 1, "ItemsPath": "$" }))["States"]["Each"].clone();
    let mut definition = map(json!({ "MaxConcurrency": 1 }));
    definition["States"]["Each"]["ItemProcessor"]["StartAt"] = json!("Inner");
    definition["States"]["Each"]["ItemProcessor"]["States"] = json!({ "Inner": inner });
    let stack = stack(&definition, never);
    let run = stack.start("run", json!({ "items": [[1, 2, 3, 4], [5]] }));
    settle(&stack);
    let child = Branch::default().child(0, 0);
    let listed = stack.host.drive(stack.host.store().map_runs(&run, &child, None, 9)).unwrap();
    let found = MapRunFound { item: listed[0].clone(), run: stack.view("run").item };
    let updated = stack.host.drive(stack.protocol.update_map_run(&found, at_once(3))).unwrap();
    assert_eq!(updated, MapRunUpdated::Done);
    settle(&stack);
    stack.deliver(&step_queue("work"));
    settle(&stack);
    assert_eq!(stack.count(&step_queue("work")), 3);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([[1, 2, 3, 4], [5]])));
    assert_eq!(stack.ran().len(), 5);
}

#[test]
fn a_map_run_that_reads_its_items_is_updated_once_it_has_read_them() {
    let mut definition = map(json!({ "MaxConcurrency": 1, "ToleratedFailureCount": 0 }));
    definition["States"]["Each"].as_object_mut().unwrap().remove("ItemsPath");
    definition["States"]["Each"]["ItemReader"] = json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": { "InputType": "JSONL" },
        "Parameters": { "Bucket": "data", "Key": "rows" },
    });
    let mut stack = Stack::with_settings(|settings| {
        settings.part_branches = 2;
        settings.parts_read_per_delivery = 1;
    });
    stack.publish("w", &definition);
    stack.step("work", |request: StepRequest| Ok(request.call.input));
    stack.host.put_object("data", "rows", "0\n{\n2\n3\n4\n");
    stack.start("run", json!({}));
    stack.deliver(&QueueName::Timer);
    assert_eq!(update(&stack, at_once(2)), MapRunUpdated::Reads);
    settle(&stack);
    // The broken line is a child that is still to come.
    let wish = Wish { failures_tolerated: Some(1), ..at_once(2) };
    assert_eq!(update(&stack, wish), MapRunUpdated::Done);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 2, 3, 4])));
    assert!(stack.outcomes("run").iter().any(|outcome| matches!(outcome, Outcome::Updated { .. })));
}
