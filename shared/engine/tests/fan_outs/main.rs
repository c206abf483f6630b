//! Parallel and Map: what a fan-out opens, how it ends, and how its history reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Branch, Effect, End, FanOut, Follower, History, HistoryEvent, Inputs, Limit, Next, Opening,
    Outcome, Phase, Position, Records, Rehearsal, ReplayError, Run, Status, Transition, advance,
    branch_inputs, limits, replay, start, start_branch,
};

mod distributed;
mod failures;
mod updates;

const RESOURCE: &str = "arn:aws:lambda:us-east-1:000000000000:function:work";

fn parsed(definition: &Value) -> Definition {
    Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn task(members: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": RESOURCE, "End": true });
    task.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    task
}

/// One Map state `Each` with these members over the input, whose iterations call `Work`.
fn map(members: Value) -> Value {
    let mut each = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": task(json!({})) } },
    });
    each.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "StartAt": "Each", "States": { "Each": each } })
}

fn succeeded(output: Value) -> Outcome {
    Outcome::Succeeded { output }
}

fn failed(error: &str) -> Outcome {
    Outcome::Failed { error: error.to_owned(), cause: Some("why".to_owned()), phase: Phase::Run }
}

/// A run that is driven by hand, branch by branch.
struct Driven<'a> {
    definition: &'a Definition,
    run: Run,
    input: Value,
    now_ms: i64,
    rehearsal: Rehearsal<'a>,
}

impl<'a> Driven<'a> {
    fn new(definition: &'a Definition, input: Value) -> Self {
        let run = Run::for_test("flow", "run-1");
        let rehearsal = Rehearsal::start(definition, &run, input.clone());
        Self { definition, run, input, now_ms: 0, rehearsal }
    }

    /// The indexes of the branches that wait, with the states that they wait in.
    fn waiting(&self) -> Vec<(Vec<u32>, String)> {
        let path = |branch: &Branch| branch.0.iter().map(|fork| fork.index).collect();
        let mut waiting: Vec<_> = self
            .rehearsal
            .waiting()
            .map(|waiting| (path(waiting.branch), waiting.position.state.clone()))
            .collect();
        waiting.sort();
        waiting
    }

    /// Ends the wait of the branch with these indexes, one millisecond later or when it is due.
    #[track_caller]
    fn settle(&mut self, path: &[u32], outcome: Outcome) {
        let found = self
            .rehearsal
            .waiting()
            .find(|waiting| waiting.branch.0.iter().map(|fork| fork.index).collect::<Vec<_>>() == path);
        let waiting = found.unwrap_or_else(|| panic!("{path:?} doesn't wait: {:?}", self.waiting()));
        self.now_ms = (self.now_ms + 1).max(waiting.due_ms);
        let branch = waiting.branch.clone();
        self.rehearsal.settle(&branch, outcome, Some(self.now_ms), self.now_ms).unwrap();
        // Whatever the run has come to, its records lead there.
        let replayed = self.replay();
        if let Some(end) = self.rehearsal.end() {
            assert_eq!(replayed.last.next, Next::End(end.clone()));
        }
        for waiting in self.rehearsal.waiting().filter(|waiting| !waiting.branch.is_root()) {
            assert_eq!(replayed.branches[waiting.branch].last.next, Next::Wait(waiting.position.clone()));
        }
    }

    #[track_caller]
    fn end(&self) -> &End {
        self.rehearsal.end().unwrap_or_else(|| panic!("it waits: {:?}", self.waiting()))
    }

    #[track_caller]
    fn replay(&self) -> stepladder_engine::Replay {
        replay(self.definition, &self.run, self.input.clone(), self.rehearsal.records()).unwrap()
    }

    fn events(&self) -> Vec<HistoryEvent> {
        self.replay().events
    }

    /// `id <- previous type`, from this event on.
    fn history(&self, from: usize) -> Vec<String> {
        shown(&self.events()[from - 1..])
    }
}

fn shown(events: &[HistoryEvent]) -> Vec<String> {
    let index = |event: &HistoryEvent| {
        event.event.details().get("index").map(|index| format!(" {index}")).unwrap_or_default()
    };
    events
        .iter()
        .map(|event| {
            format!("{} <- {} {}{}", event.previous_id, event.id, event.event.type_name(), index(event))
        })
        .collect()
}

#[track_caller]
fn waits(transition: &Transition) -> &Position {
    match &transition.next {
        Next::Wait(position) => position,
        Next::End(end) => panic!("it has ended: {end:?}"),
    }
}

#[test]
fn a_map_waits_for_its_branches_and_says_what_each_starts_with() {
    let definition = parsed(&map(json!({
        "InputPath": "$.order", "ItemsPath": "$.lines", "MaxConcurrency": 2,
        "ItemSelector": { "id.$": "$.id", "n.$": "$$.Map.Item.Index", "line.$": "$$.Map.Item.Value" },
    })));
    let run = Run::for_test("flow", "run-1");
    let input = json!({ "order": { "id": 7, "lines": ["a", "b", "c"] } });
    let opened = start(&definition, &run, input, 5);
    let parent = waits(&opened);
    let fan_out =
        FanOut { count: 3, concurrency: 2, failures_tolerated: 0, failure_items: 1, inputs_seq: None };
    assert_eq!((parent.awaiting, parent.events), (Awaiting::Branches(fan_out), 3));
    assert_eq!(opened.effect(), Effect::Open(parent));

    let inputs = branch_inputs(&definition, &run, parent, 1..9).unwrap();
    let data: Vec<&Value> = inputs.iter().map(|input| &input.data).collect();
    assert_eq!(data, [&json!({ "id": 7, "n": 1, "line": "b" }), &json!({ "id": 7, "n": 2, "line": "c" })]);
    assert_eq!(inputs[0].map_item.as_ref().unwrap().index, 1);

    let opening = Opening { started_ms: 9, events: 12 };
    let begun = start_branch(&definition, &run, &parent.head(), inputs[0].clone(), opening);
    assert_eq!(start_branch(&definition, &run, parent, inputs[0].clone(), opening), begun);
    let position = waits(&begun);
    assert_eq!((position.branch.to_string().as_str(), position.seq), ("0000000.00001", 0));
    // The iteration's start, the state's, and the call's.
    assert_eq!((position.opening, position.events, position.entered_event), (Some(opening), 15, 14));
    assert_eq!((begun.now_ms, position.entered_ms), (9, 9));

    let ended = advance(&definition, &run, position, &succeeded(json!("done")), 20);
    let Next::End(end) = &ended.next else { panic!("it goes on") };
    assert_eq!((end.status, &end.output, end.events), (Status::Succeeded, &Some(json!("done")), 19));
    assert_eq!(ended.effect(), Effect::Join(end));
}

#[test]
fn the_results_stand_in_the_order_of_the_items() {
    let definition = parsed(&map(json!({ "ResultPath": "$.results", "ItemsPath": "$.items" })));
    let mut run = Driven::new(&definition, json!({ "items": [1, 2, 3] }));
    for index in [2, 0, 1] {
        run.settle(&[index], succeeded(json!(index * 10)));
    }
    assert_eq!(run.end().output, Some(json!({ "items": [1, 2, 3], "results": [0, 10, 20] })));
}

#[test]
fn no_more_branches_run_at_once_than_may() {
    let definition = parsed(&map(json!({ "MaxConcurrency": 2 })));
    let mut run = Driven::new(&definition, json!([0, 1, 2, 3, 4]));
    let waits =
        |paths: &[u32]| paths.iter().map(|index| (vec![*index], "Work".to_owned())).collect::<Vec<_>>();
    assert_eq!(run.waiting(), waits(&[0, 1]));
    run.settle(&[1], succeeded(json!("b")));
    assert_eq!(run.waiting(), waits(&[0, 2]));
    run.settle(&[2], succeeded(json!("c")));
    assert_eq!(run.waiting(), waits(&[0, 3]));
    for index in [0, 3, 4] {
        run.settle(&[index], succeeded(json!(index)));
    }
    assert_eq!(run.end().output, Some(json!([0, "b", "c", 3, 4])));
}

#[test]
fn one_branch_after_another_reads_as_on_aws() {
    let definition = parsed(&map(json!({ "MaxConcurrency": 1 })));
    let mut run = Driven::new(&definition, json!(["a", "b"]));
    run.settle(&[0], succeeded(json!(1)));
    run.settle(&[1], succeeded(json!(2)));
    assert_eq!(
        run.history(3),
        [
            "2 <- 3 MapStateStarted",
            "3 <- 4 MapIterationStarted 0",
            "4 <- 5 TaskStateEntered",
            "5 <- 6 LambdaFunctionScheduled",
            "6 <- 7 LambdaFunctionStarted",
            "7 <- 8 LambdaFunctionSucceeded",
            "8 <- 9 TaskStateExited",
            "9 <- 10 MapIterationSucceeded 0",
            "9 <- 11 MapIterationStarted 1",
            "11 <- 12 TaskStateEntered",
            "12 <- 13 LambdaFunctionScheduled",
            "13 <- 14 LambdaFunctionStarted",
            "14 <- 15 LambdaFunctionSucceeded",
            "15 <- 16 TaskStateExited",
            "16 <- 17 MapIterationSucceeded 1",
            "17 <- 18 MapStateSucceeded",
            "17 <- 19 MapStateExited",
            "19 <- 20 ExecutionSucceeded",
        ]
    );
    // So the ids that reach data are those of the history.
    assert_eq!(run.end().events, 20);
}

#[test]
fn a_cause_names_the_event_of_the_history_where_branches_run_one_by_one() {
    let definition = parsed(&map(json!({
        "MaxConcurrency": 1,
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": task(json!({ "OutputPath": "$.there" })) } },
    })));
    let mut run = Driven::new(&definition, json!([1, 2]));
    run.settle(&[0], succeeded(json!({ "there": 1 })));
    run.settle(&[1], succeeded(json!({})));
    let (error, cause) = (run.end().error.clone().unwrap(), run.end().cause.clone().unwrap());
    assert_eq!(error, "States.Runtime");
    let entered = run.events().into_iter().rfind(|event| event.event.type_name() == "TaskStateEntered");
    let entered = entered.unwrap().id;
    assert!(cause.contains(&format!("'Work' (entered at the event id #{entered})")), "{cause}");
}

#[test]
fn an_empty_map_is_over_where_it_begins() {
    let definition = parsed(&json!({ "StartAt": "Each", "States": {
        "Each": {
            "Type": "Map", "Next": "Work", "ResultPath": "$.none", "ItemsPath": "$.items",
            "ItemProcessor": { "StartAt": "Inner", "States": { "Inner": { "Type": "Pass", "End": true } } }
        },
        "Work": task(json!({})),
    } }));
    let transition = start(&definition, &Run::for_test("flow", "run-1"), json!({ "items": [] }), 0);
    let position = waits(&transition);
    assert_eq!((position.state.as_str(), &position.data), ("Work", &json!({ "items": [], "none": [] })));
}

#[test]
fn an_item_that_cannot_be_evaluated_is_an_error_of_the_state() {
    let definition = parsed(&map(json!({
        "MaxConcurrency": 1, "ItemSelector": { "n.$": "$$.Map.Item.Value.n" },
    })));
    // The first one is tried where the state is entered, the others where they are needed.
    let run = Driven::new(&definition, json!([{}, { "n": 2 }]));
    let end = {
        let mut run = run;
        run.settle(&[], Outcome::TimerFired);
        run.end().clone()
    };
    assert_eq!(end.error.as_deref(), Some("States.Runtime"));
    let run = Driven::new(&definition, json!([{ "n": 1 }, {}]));
    assert_eq!(run.end().error.as_deref(), Some("States.Runtime"));
    assert_eq!(run.replay().last.next, Next::End(run.end().clone()));
}

#[test]
fn the_number_of_branches_is_bounded() {
    let definition = parsed(&map(json!({})));
    let run = Run::for_test("flow", "run-1");
    let items = |count: u32| Value::Array(vec![Value::Null; count as usize]);
    let most = start(&definition, &run, items(limits::BRANCHES_MAX), 0);
    assert_eq!(waits(&most).fan_out().unwrap().count, limits::BRANCHES_MAX);
    let more = start(&definition, &run, items(limits::BRANCHES_MAX + 1), 0);
    let Next::End(end) = advance(&definition, &run, waits(&more), &Outcome::TimerFired, 0).next else {
        panic!("it goes on")
    };
    assert!(end.cause.unwrap().contains("100000 branches"), "{:?}", end.error);
}

#[test]
fn a_page_of_the_history_is_a_part_of_the_whole() {
    let definition = parsed(&json!({ "StartAt": "Outer", "States": { "Outer": {
        "Type": "Map", "End": true, "MaxConcurrency": 2, "ItemProcessor": { "StartAt": "Each", "States": {
            "Each": {
                "Type": "Map", "Next": "Sum", "ItemProcessor": { "StartAt": "Work", "States": { "Work": task(json!({})) } }
            },
            "Sum": task(json!({})),
        } }
    } } }));
    let mut run = Driven::new(&definition, json!([[1, 2], [3], [4, 5, 6], []]));
    while let Some(waiting) = run.rehearsal.waiting().last() {
        let branch = waiting.branch.clone();
        run.now_ms += 1;
        run.rehearsal.settle(&branch, succeeded(json!(run.now_ms)), Some(run.now_ms), run.now_ms).unwrap();
    }
    let whole = run.events();
    let history = History::new(&definition, &run.run, run.input.clone(), run.rehearsal.records()).unwrap();
    assert_eq!(history.len(), whole.len());
    for (from, to) in
        [(0, 1), (0, whole.len()), (7, 20), (30, 31), (whole.len() - 3, whole.len() + 9), (900, 901)]
    {
        let expected = &whole[from.min(whole.len())..to.min(whole.len())];
        assert_eq!(history.page(from..to).unwrap(), expected, "{from}..{to}");
    }
    let back: Vec<u64> = history.page_back(2, 3).unwrap().iter().map(|event| event.id).collect();
    let last = whole.len() as u64;
    assert_eq!(back, [last - 2, last - 3, last - 4]);
}

#[test]
fn one_branch_can_be_followed_alone() {
    let definition = parsed(&map(json!({ "MaxConcurrency": 1 })));
    let mut run = Driven::new(&definition, json!(["a", "b"]));
    run.settle(&[0], succeeded(json!(1)));
    run.settle(&[1], succeeded(json!(2)));
    let opened = start(&definition, &run.run, run.input.clone(), 0);
    let parent = waits(&opened);
    let branch = parent.branch.child(0, 1);
    let records = &run.rehearsal.records()[&branch];
    let input = branch_inputs(&definition, &run.run, parent, 1..2).unwrap().remove(0);
    let mut follower =
        Follower::branch_of(&definition, &run.run, &parent.head(), input, records[0].opening.unwrap());
    for record in records {
        follower.push(record).unwrap();
    }
    assert!(
        matches!(&follower.last().next, Next::End(end) if end.output == Some(json!(2)) && end.branch == branch)
    );
}

#[test]
fn null_is_an_item_and_a_result_like_any_other() {
    let definition = parsed(&map(json!({
        "MaxConcurrency": 1, "ItemSelector": { "item.$": "$$.Map.Item.Value" },
    })));
    assert!(definition.mentions_map_item);
    let mut run = Driven::new(&definition, json!([null, 1, null]));
    for (index, item) in [json!(null), json!(1), json!(null)].iter().enumerate() {
        let waiting = run.rehearsal.next().unwrap();
        let position = waiting.position;
        assert_eq!(position.map_item.as_ref().unwrap().value.as_ref(), Some(item));
        assert_eq!(&position.data["item"], item);
        // It is the same after it has crossed a queue, and so leads to the same.
        let read: Position = serde_json::from_str(&serde_json::to_string(position).unwrap()).unwrap();
        assert_eq!(&read, position);
        run.settle(&[index as u32], succeeded(Value::Null));
    }
    assert_eq!(run.end().output, Some(json!([null, null, null])));
    run.replay();
}

#[test]
fn a_run_with_the_input_null_has_one() {
    let run = Run { input: Some(Value::Null), ..Run::for_test("flow", "run-1") };
    let read: Run = serde_json::from_str(&serde_json::to_string(&run).unwrap()).unwrap();
    assert_eq!(read, run);
    let without = Run::for_test("flow", "run-1");
    let read: Run = serde_json::from_str(&serde_json::to_string(&without).unwrap()).unwrap();
    assert_eq!(read.input, None);
}

#[test]
fn a_map_over_an_object_is_refused_in_jsonata() {
    for items in [json!({ "a": 1 }), json!({ "a": "{% 1 %}" }), json!("{% {'a': 1} %}")] {
        let definition = parsed(&map(json!({ "QueryLanguage": "JSONata", "Items": items })));
        let run = Run::for_test("flow", "run-1");
        let first = start(&definition, &run, json!({}), 0);
        let Next::End(end) = advance(&definition, &run, waits(&first), &Outcome::TimerFired, 0).next else {
            panic!("it goes on with {items}")
        };
        assert_eq!(end.error.as_deref(), Some("States.QueryEvaluationError"), "{items}");
    }
}

#[test]
fn the_items_of_a_map_are_evaluated_once_for_all_of_its_branches() {
    let definition = parsed(&map(json!({
        "QueryLanguage": "JSONata", "Items": "{% $map([1..300], function($n) { {'id': $uuid(), 'n': $n} }) %}",
    })));
    let run = Run::for_test("flow", "run-1");
    let opened = start(&definition, &run, json!({}), 0);
    let parent = waits(&opened);
    let inputs = Inputs::new(&definition, &run, parent).unwrap();
    let all = inputs.range(0..u32::MAX).unwrap();
    assert_eq!(all.len(), 300);
    // Whoever asks for a part of them gets the same.
    assert_eq!(inputs.range(64..128).unwrap(), all[64..128]);
    assert_eq!(branch_inputs(&definition, &run, parent, 290..400).unwrap(), all[290..]);
}
