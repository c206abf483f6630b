//! Pages of long histories: each is what the replay tells, and costs what it shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use stepladder_asl::Definition;
use stepladder_engine::{
    Branch, History, HistoryEvent, Needed, Outcome, Phase, Records, RecordsPart, Rehearsal, Run, Status,
    limits::CHECKPOINT_RECORDS, replay,
};

/// A task that is called until its result is so large. No other state of a definition may have these names.
fn turns_named([work, more, done]: [&str; 3], until: u64) -> Value {
    json!({ "StartAt": work, "States": {
        work: {
            "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work",
            "ResultPath": "$.n", "Next": more,
        },
        more: {
            "Type": "Choice", "Default": work,
            "Choices": [{ "Variable": "$.n", "NumericGreaterThanEquals": until, "Next": done }],
        },
        done: { "Type": "Succeed" },
    } })
}

fn turns(until: u64) -> Value {
    turns_named(["Work", "More?", "Done"], until)
}

/// Turns, then a Map whose iterations take turns, then turns again; an iteration that fails is caught.
fn nested(turns_of_root: u64, turns_of_item: u64) -> Value {
    let mut definition = turns_named(["Before", "Enough?", "Each"], turns_of_root);
    let after = turns_named(["After", "Still more?", "End"], 2 * turns_of_root);
    let states = definition["States"].as_object_mut().unwrap();
    states.extend(after["States"].as_object().unwrap().clone());
    states["Each"] = json!({
        "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 3, "ItemProcessor": turns(turns_of_item),
        "ResultPath": "$.items", "Next": "After",
        "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "After" }],
    });
    definition
}

/// A whole run. Each call of the step gives back how often its branch has called it; the branch `failing` fails instead
/// after so many.
struct Long {
    definition: Definition,
    run: Run,
    input: Value,
    records: Records,
}

impl Long {
    fn new(definition: &Value, input: Value, failing: Option<(u32, u64)>) -> Self {
        let definition =
            Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"));
        let run = Run::for_test("flow", "run-1");
        let mut rehearsal = Rehearsal::start(&definition, &run, input.clone());
        let mut calls: BTreeMap<Branch, u64> = BTreeMap::new();
        while let Some(waiting) = rehearsal.next() {
            let (branch, due_ms) = (waiting.branch.clone(), waiting.due_ms);
            let count = calls.entry(branch.clone()).or_default();
            *count += 1;
            let fails = |fork: &stepladder_engine::Fork| failing == Some((fork.index, *count));
            let outcome = match branch.0.last().is_some_and(fails) {
                true => Outcome::Failed { error: "Bad".to_owned(), cause: None, phase: Phase::Run },
                false => Outcome::Succeeded { output: json!(*count) },
            };
            rehearsal.settle(&branch, outcome, Some(due_ms), due_ms + 3).unwrap();
        }
        assert_eq!(rehearsal.end().unwrap().status, Status::Succeeded);
        let records = rehearsal.records().clone();
        Self { definition, run, input, records }
    }

    fn history(&self) -> History<'_> {
        History::new(&self.definition, &self.run, self.input.clone(), &self.records).unwrap()
    }

    fn all(&self) -> Vec<HistoryEvent> {
        replay(&self.definition, &self.run, self.input.clone(), &self.records).unwrap().events
    }

    /// What a store gives that is asked for no more.
    fn part(&self, needed: &[Needed]) -> RecordsPart {
        let of = |Needed { branch, seqs }: &Needed| {
            let records = &self.records[branch][seqs.start as usize..seqs.end as usize];
            (branch.clone(), (seqs.start, records.to_vec()))
        };
        needed.iter().map(of).collect()
    }
}

#[track_caller]
fn check_pages(long: &Long, size: usize) {
    let (history, all) = (long.history(), long.all());
    assert_eq!((history.len(), history.order().status()), (all.len(), Status::Succeeded));
    for (number, expected) in all.chunks(size).enumerate() {
        let range = number * size..(number + 1) * size;
        assert_eq!(history.page(range.clone()).unwrap(), expected, "{range:?}");
        let part = long.part(&history.order().needs(range.clone()));
        let order = Arc::clone(history.order());
        let of_part = History::of_part(&long.definition, &long.run, long.input.clone(), &part, order);
        assert_eq!(of_part.page(range.clone()).unwrap(), expected, "{range:?} of {part:?}");
    }
    let mut back = Vec::new();
    while back.len() < all.len() {
        back.extend(history.page_back(back.len(), size).unwrap());
    }
    back.reverse();
    assert_eq!(back, all);
}

#[test]
fn each_page_of_a_long_run_is_what_the_replay_tells() {
    let long = Long::new(&turns(300), json!({ "n": 0 }), None);
    for size in [3, 64, 1_000] {
        check_pages(&long, size);
    }
}

#[test]
fn each_page_of_long_branches_is_what_the_replay_tells() {
    let items = json!({ "n": 0, "items": [{ "n": 0 }, { "n": 0 }, { "n": 0 }, { "n": 0 }, { "n": 0 }] });
    for failing in [None, Some((4, 100)), Some((1, 3))] {
        let long = Long::new(&nested(150, 130), items.clone(), failing);
        for size in [5, 100, 999] {
            check_pages(&long, size);
        }
    }
}

#[test]
fn a_redriven_run_is_followed_on_from_its_checkpoints() {
    let mut definition = turns(300);
    definition["States"]["Done"] = json!({ "Type": "Fail", "Error": "Enough" });
    let parsed = Definition::parse(&definition.to_string()).unwrap();
    let run = Run::for_test("flow", "run-1");
    let mut rehearsal = Rehearsal::start(&parsed, &run, json!({ "n": 0 }));
    let root = Branch::default();
    for count in 1..=300 {
        rehearsal.settle(&root, Outcome::Succeeded { output: json!(count) }, None, count).unwrap();
    }
    rehearsal.settle(&root, Outcome::redriven(1, None), None, 400).unwrap();
    rehearsal.settle(&root, Outcome::TimerFired, None, 401).unwrap();
    let records = rehearsal.records().clone();
    let long = Long { definition: parsed, run, input: json!({ "n": 0 }), records };
    let (history, all) = (long.history(), long.all());
    assert_eq!(history.order().status(), Status::Failed);
    for size in [3, 64] {
        let pages = (0..all.len()).step_by(size).map(|at| history.page(at..at + size).unwrap());
        assert_eq!(pages.collect::<Vec<_>>().concat(), all);
    }
}

#[test]
fn a_digest_names_the_first_events() {
    let (long, other) =
        (Long::new(&turns(500), json!({ "n": 0 }), None), Long::new(&turns(700), json!({ "n": 0 }), None));
    let (history, other) = (long.history(), other.history());
    let mut seen = std::collections::BTreeSet::new();
    for count in [0, 1, 2, 1_023, 1_024, 1_025, 2_048, 3_000] {
        assert_eq!(history.order().digest(count), other.order().digest(count), "{count}");
        assert!(seen.insert(history.order().digest(count)), "{count}");
    }
    assert_eq!(history.order().digest(usize::MAX), history.order().digest(history.len()));
}

/// The issue's own measure: beyond the 25,000 events at which Step Functions gives up.
const TRANSITIONS: u64 = 30_000;

#[test]
fn a_page_of_thirty_thousand_transitions_costs_what_it_shows() {
    let long = Long::new(&turns(TRANSITIONS), json!({ "n": 0 }), None);
    let history = long.history();
    assert_eq!(history.len() as u64, 7 * TRANSITIONS + 4);
    let order = Arc::clone(history.order());
    assert_eq!(order.followed(), 0);
    let beside = u64::from(CHECKPOINT_RECORDS) + 3;
    for size in [100, 1_000] {
        let shown = (size as u64).div_ceil(7);
        for at in (0..history.len()).step_by(size) {
            let before = order.followed();
            assert!(!history.page(at..at + size).unwrap().is_empty());
            let followed = order.followed() - before;
            assert!(followed <= shown + beside, "{followed} records for {size} events from {at} on");
            let needed: usize = order.needs(at..at + size).iter().map(|needed| needed.seqs.len()).sum();
            assert!(needed as u64 <= shown + 2 * beside, "{needed} records are needed from {at} on");
        }
    }
    assert!(order.bytes() < 8 << 20, "{} bytes", order.bytes());
}

#[test]
fn large_data_are_carried_along_without_being_kept_hundreds_of_times() {
    let input = json!({ "n": 0, "text": "x".repeat(300_000) });
    let long = Long::new(&turns(1_500), input, None);
    let history = long.history();
    assert!(history.order().bytes() < 16 << 20, "{} bytes", history.order().bytes());
    let last = history.page_back(0, 3).unwrap();
    assert_eq!(last[0].id, history.len() as u64);
}
