//! Parallel and Map: what their branches do, what they cost, and how they end.

use crate::support::{Stack, failure, resource, step_queue};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use stepladder_engine::{Branch, Outcome, Status};
use stepladder_protocol::{
    Ask, FanOuts, Host, Message, Partition, QueueName, RecordKey, Repaired, RunId, Settings, StepRequest,
};

/// A Map state over `$.items` whose processor is the step `work`, with more fields of the Map state.
fn map(fields: Value) -> Value {
    let work = json!({ "Type": "Task", "Resource": resource("work"), "End": true });
    let mut map = json!({
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": work } },
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

/// Such a Map, with parts of so many branches; each step doubles its item.
fn stack(definition: &Value, change: impl FnOnce(&mut Settings)) -> Stack {
    let mut stack = Stack::with_settings(change);
    stack.publish("w", definition);
    stack.step("work", |request| Ok(json!(request.call.input.as_u64().unwrap() * 2)));
    stack
}

fn doubled(count: usize) -> Value {
    (0..count).map(|n| n * 2).collect::<Vec<_>>().into()
}

/// The operations that a delivery led to, but for reads of what every Lambda remembers.
fn calls(stack: &Stack, queue: &QueueName) -> Vec<&'static str> {
    stack.host.calls();
    assert_eq!(stack.deliver(queue), Vec::<String>::new());
    stack.host.calls().into_iter().filter(|call| *call != "get definition").collect()
}

#[test]
fn a_map_joins_the_outputs_of_its_branches_in_their_order() {
    for part_branches in [1, 2, 64] {
        let stack = stack(&map(json!({})), |settings| settings.part_branches = part_branches);
        stack.start("run", items(5));
        stack.run();
        assert_eq!(stack.ending("run").0, Some(doubled(5)));
        let view = stack.view("run");
        assert_eq!((view.records.len(), view.branch_records.len()), (1, 5));
        assert_eq!(stack.ran().len(), 5);
    }
}

#[test]
fn no_more_branches_wait_at_once_than_may() {
    let stack = stack(&map(json!({ "MaxConcurrency": 3 })), |settings| settings.part_branches = 2);
    stack.start("run", items(8));
    let work = step_queue("work");
    stack.deliver(&QueueName::Timer);
    let mut ended = 0;
    for _ in 0..8 {
        for delivery in stack.host.receive(&work) {
            assert_eq!(stack.handle(&work, std::slice::from_ref(&delivery)), Vec::<String>::new());
            stack.host.delete(&work, &delivery.message_id);
            ended += 1;
            assert_eq!(stack.count(&work), (8 - ended).min(3));
        }
    }
    stack.run();
    assert_eq!(stack.ending("run").0, Some(doubled(8)));
}

#[test]
fn a_branch_costs_two_writes_and_reads_its_flag_only() {
    let stack = stack(&map(json!({})), |_| {});
    stack.start("run", items(3));
    // Two branches together: each reads its flag, puts its record and is listed.
    let two = stack.host.receive(&step_queue("work"));
    stack.host.calls();
    stack.handle(&step_queue("work"), &two[..2]);
    let mut calls_of_two = stack.host.calls();
    calls_of_two.sort_unstable();
    let once = ["append ended", "get flag", "put record"];
    let twice: Vec<&str> = once.iter().flat_map(|call| [*call, *call]).collect();
    assert_eq!(calls_of_two, twice);
    // The last one tells the root item, and asks for the join.
    stack.host.calls();
    stack.handle(&step_queue("work"), &two[2..]);
    let last = stack.host.calls();
    assert_eq!(last, ["get flag", "put record", "append ended", "report", "send"]);
    let join = calls(&stack, &QueueName::Timer);
    let expected =
        ["get run", "get fan-out", "get tally", "get part", "get records", "put record", "close run", "send"];
    assert_eq!(join, expected);
}

#[test]
fn a_step_outside_fan_outs_costs_what_it_did() {
    let mut stack = Stack::of(&crate::support::chain(&["one", "two"]));
    stack.step("one", |_| Ok(json!(1)));
    stack.start("run", json!({}));
    assert_eq!(calls(&stack, &step_queue("one")), ["put record", "send"]);
}

#[test]
fn a_failed_branch_fails_the_map_and_the_others_do_not_begin() {
    let mut stack = stack(&map(json!({ "MaxConcurrency": 2 })), |settings| settings.part_branches = 2);
    stack.step("work", |request| match request.call.input.as_u64() {
        Some(0) => Err(failure("Broken")),
        _ => Ok(json!("done")),
    });
    stack.start("run", items(7));
    stack.deliver(&step_queue("work"));
    // The join. What has failed has failed for ever, so none of the others has been started.
    stack.deliver(&QueueName::Timer);
    assert_eq!((stack.status("run"), stack.count(&step_queue("work"))), (Status::Failed, 0));
    stack.run();
    assert_eq!(stack.ending("run").1, Some("Broken".to_owned()));
    assert!(matches!(stack.outcomes("run")[..], [Outcome::BranchFailed { index: 0, .. }]));
    assert_eq!(stack.ran().len(), 2);
}

#[test]
fn so_many_failures_as_are_tolerated_leave_their_outputs_out() {
    let mut stack = stack(&map(json!({ "ToleratedFailureCount": 2 })), |settings| settings.part_branches = 2);
    stack.step("work", |request| match request.call.input.as_u64() {
        Some(n) if n % 2 == 1 => Err(failure("Odd")),
        n => Ok(json!(n)),
    });
    stack.start("some", items(5));
    stack.start("more", items(6));
    stack.run();
    assert_eq!(stack.ending("some").0, Some(json!([0, 2, 4])));
    assert_eq!(stack.ending("more").1, Some("States.ExceedToleratedFailureThreshold".to_owned()));
}

#[test]
fn a_wide_fan_out_is_opened_by_the_timer_function() {
    let stack = stack(&map(json!({})), |_| {});
    stack.start("run", items(150));
    let parts: Vec<u32> = stack
        .messages(&QueueName::Timer)
        .into_iter()
        .map(|message| match message.ask {
            Ask::Open { part, .. } => part,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((parts, stack.count(&step_queue("work"))), (vec![0, 1, 2], 0));
    stack.run();
    assert_eq!(stack.ending("run").0, Some(doubled(150)));
    assert_eq!(stack.ran().len(), 150);
}

#[test]
fn an_opening_that_is_repeated_starts_no_branch_that_has_been_recorded() {
    let stack = stack(&map(json!({})), |settings| settings.part_branches = 2);
    stack.start("run", items(4));
    let opening = stack.host.receive(&QueueName::Timer);
    stack.handle(&QueueName::Timer, &opening);
    stack.deliver(&step_queue("work"));
    assert_eq!(stack.ran().len(), 4);
    // Its acknowledgement was lost.
    stack.host.wait(60_000);
    stack.run();
    assert_eq!((stack.ran().len(), stack.ending("run").0), (4, Some(doubled(4))));
}

#[test]
fn an_empty_map_and_a_branch_without_a_step_end_too() {
    let empty = stack(&map(json!({})), |_| {});
    empty.start("run", items(0));
    empty.run();
    assert_eq!(empty.ending("run").0, Some(json!([])));
    let pass = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let passes = stack(&map(json!({ "ItemProcessor": pass })), |_| {});
    passes.start("run", items(3));
    passes.run();
    assert_eq!(passes.ending("run").0, Some(json!([0, 1, 2])));
}

/// A Parallel state whose branches are a Map over the items, a wait, and a step.
fn nested() -> Value {
    let map = map(json!({ "MaxConcurrency": 2 }));
    let wait = json!({ "Type": "Wait", "Seconds": 3600, "Next": "After" });
    let after = json!({ "Type": "Task", "Resource": resource("after"), "End": true });
    json!({
        "StartAt": "Both",
        "States": { "Both": {
            "Type": "Parallel",
            "Branches": [map, { "StartAt": "Wait", "States": { "Wait": wait, "After": after } }],
            "End": true,
        } },
    })
}

fn nested_stack() -> Stack {
    let mut stack = stack(&nested(), |settings| settings.part_branches = 2);
    stack.step("after", |_| Ok(json!("after")));
    stack
}

#[test]
fn fan_outs_nest() {
    let stack = nested_stack();
    stack.start("run", items(5));
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([doubled(5), "after"])));
}

#[test]
fn repair_finds_what_is_lost_in_any_branch() {
    let stack = nested_stack();
    stack.start("run", items(5));
    // Whatever has come to pass, all messages are lost, and again after each turn.
    for _ in 0..30 {
        stack.host.purge();
        if stack.status("run") == Status::Succeeded {
            break;
        }
        let repaired = stack.host.drive(stack.protocol.repair(&RunId::new("w", "run"))).unwrap();
        assert_eq!(repaired, Repaired::Again { state: "Both".to_owned() });
        stack.host.wait(3_600_000);
        for queue in [QueueName::Timer, step_queue("work"), step_queue("after")] {
            stack.deliver(&queue);
        }
    }
    assert_eq!(stack.ending("run").0, Some(json!([doubled(5), "after"])));
}

#[test]
fn a_look_sends_again_only_what_is_overdue() {
    let stack = nested_stack();
    stack.start("run", items(5));
    for _ in 0..8 {
        stack.deliver(&QueueName::Timer);
        stack.deliver(&step_queue("work"));
    }
    // One branch has ended, and the other waits for an hour.
    stack.host.wait(1_200_000);
    let waits = stack.count(&QueueName::Timer);
    look(&stack);
    assert_eq!((stack.count(&QueueName::Timer), stack.count(&step_queue("after"))), (waits, 0));
    stack.host.purge();
    stack.host.wait(4 * 3_600_000);
    look(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([doubled(5), "after"])));
}

fn look(stack: &Stack) {
    let item = stack.view("run").item;
    let message = Message::new(stack.now_ms().unsigned_abs().into(), item.run(), Ask::Look);
    stack.send(&QueueName::Timer, serde_json::to_string(&message).unwrap());
    stack.deliver(&QueueName::Timer);
}

#[test]
fn a_look_prolongs_the_items_of_all_branches() {
    const DAY_MS: i64 = 86_400_000;
    let mut definition = nested();
    definition["States"]["Both"]["Branches"][1]["States"]["Wait"]["Seconds"] = json!(8_000_000);
    let mut stack = stack(&definition, |settings| settings.part_branches = 2);
    stack.step("after", |_| Ok(json!("after")));
    stack.start("run", items(5));
    for _ in 0..8 {
        stack.deliver(&QueueName::Timer);
        stack.deliver(&step_queue("work"));
    }
    let before = stack.view("run").item.expires_s;
    stack.host.wait(17 * DAY_MS);
    look(&stack);
    let view = stack.view("run");
    assert!(view.item.expires_s >= before + 17 * 86_400);
    assert!(view.branch_records.len() > 5);
    let mut records = view.branch_records.values().flatten();
    assert!(records.all(|record| record.expires_s == view.item.expires_s - 86_400));
}

#[test]
fn a_branch_past_the_runs_deadline_ends_the_run() {
    let mut definition = nested();
    definition["TimeoutSeconds"] = json!(100);
    let mut stack = stack(&definition, |settings| settings.part_branches = 2);
    stack.step("after", |_| Ok(json!("after")));
    stack.start("run", items(3));
    stack.run();
    let (output, error, _) = stack.ending("run");
    assert_eq!(
        (stack.status("run"), output, error),
        (Status::TimedOut, None, Some("States.Timeout".to_owned()))
    );
    assert_eq!(stack.count(&QueueName::Status), 1);
    assert_eq!(stack.ran(), ["work", "work", "work"]);
}

#[test]
fn a_stop_reaches_the_innermost_branches() {
    let stack = nested_stack();
    stack.start("run", items(5));
    stack.deliver(&QueueName::Timer);
    let id = RunId::new("w", "run");
    stack.host.drive(stack.protocol.request_stop(&id, None, None)).unwrap();
    assert!(stack.count(&step_queue("work")) > 0);
    stack.run();
    assert_eq!((stack.status("run"), stack.ran()), (Status::Aborted, vec![]));
}

#[test]
fn a_redrive_of_a_failed_map_runs_it_again() {
    let fails = Arc::new(Mutex::new(true));
    let mut stack = stack(&map(json!({})), |settings| settings.part_branches = 2);
    let fail = fails.clone();
    stack.step("work", move |request: StepRequest| match *fail.lock().unwrap() {
        true => Err(failure("Broken")),
        false => Ok(request.call.input),
    });
    stack.start("run", items(3));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    *fails.lock().unwrap() = false;
    stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 1, 2])));
}

#[test]
fn an_item_that_cannot_be_evaluated_starts_no_branch() {
    let selector = json!({ "ItemSelector": { "n.$": "States.MathAdd($$.Map.Item.Value, 1)" } });
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]);
    let mut definition = map(selector);
    definition["States"]["Each"]["Catch"] = catch;
    definition["States"]["Caught"] = json!({ "Type": "Pass", "Result": "caught", "End": true });
    let stack = stack(&definition, |settings| settings.part_branches = 2);
    stack.start("run", json!({ "items": [1, 2, "three"] }));
    stack.run();
    assert_eq!(stack.ran(), Vec::<String>::new());
    assert!(matches!(stack.outcomes("run")[..], [Outcome::Failed { .. }]));
}

#[test]
fn results_that_are_too_large_together_are_an_error_of_the_map() {
    let mut definition = map(json!({}));
    definition["States"]["Each"]["Catch"] =
        json!([{ "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": null, "Next": "Caught" }]);
    definition["States"]["Caught"] = json!({ "Type": "Pass", "Result": "caught", "End": true });
    let mut stack = stack(&definition, |settings| {
        settings.part_branches = 2;
        settings.payload_bytes_max = 100_000;
    });
    stack.step("work", |_| Ok(json!("x".repeat(30_000))));
    stack.start("run", items(4));
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!("caught")));
}

#[test]
fn a_branchs_message_whose_queue_is_missing_fails_its_branch() {
    let mut definition = map(json!({}));
    definition["States"]["Each"]["ItemProcessor"]["States"]["Work"]["Resource"] = json!(resource("missing"));
    let stack = stack(&definition, |_| {});
    stack.start("run", items(2));
    stack.run();
    assert_eq!(stack.ending("run").1, Some("Lambda.ResourceNotFoundException".to_owned()));
}

#[test]
fn all_items_of_a_fan_out_lie_with_their_part() {
    let stack = stack(&map(json!({ "MaxConcurrency": 1 })), |settings| settings.part_branches = 2);
    let run = stack.start("run", items(5));
    stack.run();
    let fan_out = RecordKey { run: run.clone(), branch: Branch::default(), seq: 0 };
    let found = stack.host.drive(stack.host.store().fan_outs_in(&Partition::Run(run))).unwrap();
    assert_eq!(found, [(fan_out, 5)]);
}
