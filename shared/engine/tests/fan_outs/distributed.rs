//! Distributed Map states: their children are executions of their own.

use crate::{Driven, failed, map, parsed, succeeded, task};
use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Branch, FanOut, Follower, Inputs, Kept, Left, Next, Opening, Outcome, Plan, PlanAt, Position, Rehearsal,
    Resumes, Run, Status, start, step_call,
};

/// One distributed Map state `Each` with these members, whose children call `Work` with these fields.
fn distributed(members: Value, work: Value) -> Definition {
    let mut definition = map(members);
    definition["States"]["Each"]["ItemProcessor"] = json!({
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "Work", "States": { "Work": task(work) },
    });
    parsed(&definition)
}

/// What the children of the fan-out are started with that the run waits for after its start.
fn children(definition: &Definition, input: Value) -> Vec<Value> {
    let run = Run::for_test("flow", "run-1");
    let opened = start(definition, &run, input, 0);
    let Next::Wait(position) = &opened.next else { panic!("it has ended") };
    let inputs = Inputs::new(definition, &run, position).unwrap().range(0..u32::MAX).unwrap();
    assert_eq!(position.fan_out().unwrap().count as usize, inputs.len());
    inputs.into_iter().map(|input| input.data).collect()
}

fn tolerated(definition: &Definition, input: Value) -> u32 {
    let opened = start(definition, &Run::for_test("flow", "run-1"), input, 0);
    let Next::Wait(position) = &opened.next else { panic!("it has ended") };
    position.fan_out().unwrap().failures_tolerated
}

#[test]
fn what_its_children_do_is_no_part_of_its_history() {
    let definition = distributed(json!({ "MaxConcurrency": 1 }), json!({}));
    let mut run = Driven::new(&definition, json!(["a", "b"]));
    run.settle(&[0], succeeded(json!(1)));
    run.settle(&[1], succeeded(json!(2)));
    assert_eq!(run.end().output, Some(json!([1, 2])));
    assert_eq!(
        run.history(1),
        [
            "0 <- 1 ExecutionStarted",
            "0 <- 2 MapStateEntered",
            "2 <- 3 MapStateStarted",
            "3 <- 4 MapRunStarted",
            "4 <- 5 MapRunSucceeded",
            "5 <- 6 MapStateSucceeded",
            "5 <- 7 MapStateExited",
            "7 <- 8 ExecutionSucceeded",
        ]
    );
    let events = run.events();
    let arn = events[3].event.details()["mapRunArn"].as_str().unwrap().to_owned();
    let id = arn.strip_prefix("arn:aws:states:us-east-1:000000000000:mapRun:flow/Each:").unwrap();
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
}

#[test]
fn a_child_has_a_history_and_a_name_of_its_own() {
    let work = json!({ "Parameters": {
        "id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "at.$": "$$.Execution.StartTime",
        "given.$": "$$.Execution.Input",
    } });
    let definition = distributed(json!({ "Label": "Rows" }), work);
    let run = Run::for_test("flow", "run-1");
    let opened = start(&definition, &run, json!(["a", "b"]), 5);
    let Next::Wait(parent) = &opened.next else { panic!("it has ended") };
    let inputs = Inputs::new(&definition, &run, parent).unwrap().range(0..2).unwrap();
    let called: Vec<Value> = inputs
        .into_iter()
        .map(|input| {
            let opening = Opening { started_ms: 1_000, events: parent.events };
            let child = Follower::branch_of(&definition, &run, &parent.head(), input, opening);
            let position = child.waits().unwrap();
            // ExecutionStarted, TaskStateEntered and the call, whatever its parent has come through.
            assert_eq!((position.events, position.entered_event), (3, 2));
            step_call(&definition, &run, position).unwrap().input
        })
        .collect();
    let name = called[0]["name"].as_str().unwrap();
    let arn = format!("arn:aws:states:us-east-1:000000000000:execution:flow/Rows:{name}");
    assert_eq!(called[0], json!({ "id": arn, "name": name, "at": "1970-01-01T00:00:01.000Z", "given": "a" }));
    assert_eq!(called[1]["given"], "b");
    assert_ne!(called[1]["name"], called[0]["name"]);
}

#[test]
fn a_child_sees_no_variables_of_the_run() {
    let mut definition = map(json!({}));
    definition["StartAt"] = json!("Set");
    definition["States"]["Set"] = json!({ "Type": "Pass", "Assign": { "seen": 1 }, "Next": "Each" });
    definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"] =
        json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    let definition = parsed(&definition);
    let run = Driven::new(&definition, json!([1]));
    let position: &Position = run.rehearsal.waiting().next().unwrap().position;
    assert!(position.variables.is_empty(), "{:?}", position.variables);
}

#[test]
fn items_are_put_together_by_number_and_by_size() {
    let items = json!([1, 22, 333, 4444, 55555]);
    let by = |batcher: Value| distributed(json!({ "ItemBatcher": batcher }), json!({}));
    let batches = |batches: &[&[u32]]| -> Vec<Value> {
        batches.iter().map(|items| json!({ "Items": items })).collect()
    };
    let two = by(json!({ "MaxItemsPerBatch": 2 }));
    assert_eq!(children(&two, items.clone()), batches(&[&[1, 22], &[333, 4444], &[55555]]));
    // `{"Items":[]}`, and each item with a comma: 12 + 2 + 3 + 4 = 21.
    let small = by(json!({ "MaxInputBytesPerBatch": 21 }));
    assert_eq!(children(&small, items.clone()), batches(&[&[1, 22, 333], &[4444], &[55555]]));
    // No item is lost for being too large.
    let smaller = by(json!({ "MaxInputBytesPerBatch": 13 }));
    assert_eq!(children(&smaller, items.clone()), batches(&[&[1], &[22], &[333], &[4444], &[55555]]));
    let both = by(json!({ "MaxItemsPerBatch": 2, "MaxInputBytesPerBatch": 21 }));
    assert_eq!(children(&both, items.clone()), batches(&[&[1, 22], &[333, 4444], &[55555]]));

    let selected = distributed(
        json!({
            "ItemSelector": { "n.$": "$$.Map.Item.Value" },
            "ItemBatcher": { "MaxItemsPerBatch": 4, "BatchInput": { "of.$": "$$.Execution.Name" } },
        }),
        json!({}),
    );
    let given = children(&selected, items);
    assert_eq!(given[1], json!({ "BatchInput": { "of": "run-1" }, "Items": [{ "n": 55555 }] }));
}

#[test]
fn batches_are_as_many_as_their_path_says() {
    let batcher = json!({ "ItemBatcher": { "MaxItemsPerBatchPath": "$.size" }, "ItemsPath": "$.items" });
    let definition = distributed(batcher, json!({}));
    let given = |size: u32| json!({ "items": [1, 2, 3], "size": size });
    assert_eq!(children(&definition, given(2)), [json!({ "Items": [1, 2] }), json!({ "Items": [3] })]);
    let mut run = Driven::new(&definition, given(0));
    run.settle(&[], Outcome::TimerFired);
    assert_eq!(run.end().error.as_deref(), Some("States.Runtime"));
    assert!(run.end().cause.as_deref().unwrap().contains("MaxItemsPerBatch must be positive"));
}

#[test]
fn failures_are_tolerated_by_items() {
    let definition = |members: Value| distributed(members, json!({}));
    let items = |count: u32| Value::Array((0..count).map(Value::from).collect());
    assert_eq!(tolerated(&definition(json!({ "ToleratedFailurePercentage": 25 })), items(10)), 2);
    let batched = |members: Value| {
        let mut members = members;
        members["ItemBatcher"] = json!({ "MaxItemsPerBatch": 5 });
        definition(members)
    };
    // Four batches: two of them fail ten items, a third one fifteen.
    assert_eq!(tolerated(&batched(json!({ "ToleratedFailureCount": 14 })), items(20)), 2);
    assert_eq!(tolerated(&batched(json!({ "ToleratedFailurePercentage": 100 })), items(18)), 4);
    assert_eq!(tolerated(&batched(json!({})), items(20)), 0);
    // Of five and one: the one that may fail may be the larger one.
    assert_eq!(tolerated(&batched(json!({ "ToleratedFailureCount": 3 })), items(6)), 0);
    assert_eq!(tolerated(&batched(json!({ "ToleratedFailureCount": 14 })), items(18)), 2);
}

#[test]
fn whatever_a_child_fails_by_the_threshold_is_what_is_caught() {
    let catch = json!([{ "ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Told" }]);
    let mut definition = map(json!({ "Catch": catch, "End": null, "Next": "Told" }));
    definition["States"]["Each"].as_object_mut().unwrap().shift_remove("End");
    definition["States"]["Told"] = json!({ "Type": "Pass", "End": true });
    definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"] =
        json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
    let definition = parsed(&definition);
    for error in ["Bad", "States.Runtime"] {
        let mut run = Driven::new(&definition, json!([1, 2]));
        run.settle(&[1], failed(error));
        assert_eq!(run.end().status, Status::Succeeded, "{error}");
        let caught = run.end().output.clone().unwrap();
        assert_eq!(caught["Error"], "States.ExceedToleratedFailureThreshold");
        assert_eq!(
            run.history(5)[..4],
            [
                "4 <- 5 MapRunFailed",
                "5 <- 6 MapStateFailed",
                "6 <- 7 MapStateExited",
                "7 <- 8 PassStateEntered"
            ]
        );
    }
}

#[test]
fn a_stop_aborts_the_map_run() {
    let definition = distributed(json!({}), json!({}));
    let mut run = Driven::new(&definition, json!([1, 2]));
    let stopped = Outcome::Stopped { error: None, cause: None };
    run.rehearsal.settle(&Branch::default(), stopped, None, 7).unwrap();
    let history = run.history(5);
    assert_eq!(history, ["4 <- 5 MapRunAborted", "4 <- 6 MapStateAborted", "4 <- 7 ExecutionAborted"]);
}

#[test]
fn a_redrive_goes_on_with_the_same_map_run_and_runs_only_what_failed() {
    let definition = distributed(json!({ "ToleratedFailureCount": 1, "MaxConcurrency": 3 }), json!({}));
    let run = Run::for_test("flow", "run-1");
    let mut rehearsal = Rehearsal::start(&definition, &run, json!([1, 2, 3]));
    let root = rehearsal.waiting().next().unwrap().branch.parent().unwrap().0;
    let seq = 0;
    let fail = |rehearsal: &mut Rehearsal<'_>, seq: u32, index: u32, outcome: Outcome| {
        rehearsal.settle(&root.child(seq, index), outcome, Some(1), 1).unwrap();
    };
    fail(&mut rehearsal, seq, 0, succeeded(json!("a")));
    fail(&mut rehearsal, seq, 1, failed("Bad"));
    fail(&mut rehearsal, seq, 2, failed("Bad"));
    assert_eq!(rehearsal.end().unwrap().status, Status::Failed);
    let fan_out = match &start(&definition, &run, json!([1, 2, 3]), 0).next {
        Next::Wait(position) => position.fan_out().unwrap(),
        Next::End(_) => panic!("it has ended"),
    };
    let left = vec![Left { first: 1, count: 2, records: 1, inner: None, chosen: None }];
    let plan = Plan { seq, fan_out, resumes: None, first: None, left, redrive_count: None };
    let outcome = Outcome::redriven(1, Some(Kept::FanOut(plan)));
    let mut records = rehearsal.records().clone();
    let mut follower = Follower::new(&definition, &run, json!([1, 2, 3]));
    for record in &records[&root] {
        follower.push(record).unwrap();
    }
    let Next::End(end) = &follower.last().next else { panic!("it goes on") };
    let position = end.redrive_position(1);
    let redriven = stepladder_engine::advance(&definition, &run, &position, &outcome, 2);
    let recorded = stepladder_engine::Recorded {
        outcome,
        started_ms: None,
        finished_ms: 2,
        digest: redriven.digest(),
        opening: None,
    };
    records.get_mut(&root).unwrap().push(recorded);
    let Next::Wait(turn) = &redriven.next else { panic!("it has ended") };
    let run_again = Run { redrive_count: 1, ..run.clone() };
    let again = stepladder_engine::advance(&definition, &run_again, turn, &Outcome::TimerFired, 3);
    records.get_mut(&root).unwrap().push(stepladder_engine::Recorded {
        outcome: Outcome::TimerFired,
        started_ms: None,
        finished_ms: 3,
        digest: again.digest(),
        opening: None,
    });
    let Next::Wait(open) = &again.next else { panic!("it has ended") };
    assert_eq!(open.fan_out().unwrap().count, 2);
    let replayed = stepladder_engine::replay(&definition, &run, json!([1, 2, 3]), &records).unwrap();
    let named = |kind: &str| {
        let event = replayed.events.iter().find(|event| event.event.type_name() == kind).unwrap();
        event.event.details()["mapRunArn"].clone()
    };
    assert_eq!(named("MapRunRedriven"), named("MapRunStarted"));
}

#[test]
fn a_retry_opens_as_many_batches_as_it_counts() {
    let retry =
        json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 20, "BackoffRate": 1 }]);
    let definition = distributed(
        json!({
            "ItemSelector": { "drawn.$": "States.MathRandom(1, 20)" },
            "ItemBatcher": { "MaxInputBytesPerBatch": 100 },
            "Retry": retry,
        }),
        json!({}),
    );
    let run = Run::for_test("flow", "run-1");
    let mut transition = start(&definition, &run, Value::Array(vec![Value::Null; 40]), 0);
    let mut counts = std::collections::BTreeSet::new();
    for now_ms in (1_000..20_000).step_by(2_000) {
        let Next::Wait(position) = &transition.next else { panic!("it has ended") };
        let inputs = Inputs::new(&definition, &run, position).unwrap().range(0..u32::MAX).unwrap();
        assert_eq!(position.fan_out().unwrap().count as usize, inputs.len());
        let items = |input: &Value| input["Items"].as_array().unwrap().len();
        assert_eq!(inputs.iter().map(|input| items(&input.data)).sum::<usize>(), 40);
        counts.insert(inputs.len());
        let outcome = Outcome::BranchFailed { index: 0, error: None, cause: None, events: 0 };
        let waits = stepladder_engine::advance(&definition, &run, position, &outcome, now_ms);
        let Next::Wait(timer) = &waits.next else { panic!("it has ended") };
        transition =
            stepladder_engine::advance(&definition, &run, timer, &Outcome::TimerFired, now_ms + 1_000);
    }
    assert!(counts.len() > 1, "other draws make other batches: {counts:?}");
}

#[test]
fn only_a_map_run_has_a_redrive_name_where_it_was_opened_first() {
    let root = Branch::default();
    let left = FanOut { count: 2, concurrency: 2, failures_tolerated: 0, failure_items: 1, inputs_seq: None };
    let earlier = Resumes {
        redriven_seq: 3,
        plan_branch: root.clone(),
        branch: root.clone(),
        seq: 0,
        left,
        total: 5,
        first: None,
        wish: None,
        updated: None,
    };
    let plan = |first| Plan {
        seq: 5,
        fan_out: left,
        resumes: Some(Box::new(earlier.clone())),
        first,
        left: Vec::new(),
        redrive_count: None,
    };
    // What runs without a Map Run have recorded leads where it led.
    let resumes = plan(None).resumes(&PlanAt { branch: root.clone(), seq: 7 }, &root);
    assert!(!serde_json::to_string(&resumes).unwrap().contains("first"));
    assert_eq!(resumes.first(), (&root, 5));
    let resumes =
        plan(Some(Box::new((root.clone(), 0)))).resumes(&PlanAt { branch: root.clone(), seq: 7 }, &root);
    assert_eq!(resumes.first(), (&root, 0));
}
