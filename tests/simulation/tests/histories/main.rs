//! Runs that were recorded by every version so far: today's engine must lead each of them where it was led then.
//!
//! The fixtures lie in `tests/histories`; its README says how to add some.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod script;
#[path = "../protocol/support.rs"]
#[allow(dead_code)]
mod support;

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Branch, Effect, HistoryEvent, Outcome, Position, Recorded, Records, Replay, Run, Target,
    replay, step_call,
};

/// A recorded run, as its file holds it.
struct History {
    definition: Definition,
    run: Run,
    input: Value,
    records: Vec<Recorded>,
    expected: Value,
}

impl History {
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let record = |record: &Value| Recorded {
            outcome: serde_json::from_value(record["outcome"].clone()).unwrap(),
            started_ms: record["started_ms"].as_i64(),
            finished_ms: record["finished_ms"].as_i64().unwrap(),
            digest: record["digest"].as_str().unwrap().to_owned(),
            opening: None,
        };
        Self {
            definition: Definition::parse(&file["definition"].to_string()).unwrap(),
            run: serde_json::from_value(file["run"].take()).unwrap(),
            input: file["input"].take(),
            records: file["records"].as_array().unwrap().iter().map(record).collect(),
            expected: file["expected"].take(),
        }
    }

    fn by_branch(&self) -> Records {
        Records::from([(Branch::default(), self.records.clone())])
    }

    fn replay(&self) -> Replay {
        replay(&self.definition, &self.run, self.input.clone(), &self.by_branch()).unwrap()
    }
}

/// All that a replay tells: the history, the calls of its steps, where it is, and what has to be done.
fn told(definition: &Definition, run: &Run, replay: &Replay) -> Value {
    let event = |event: &HistoryEvent| {
        json!({
            "id": event.id,
            "previous_id": event.previous_id,
            "time_ms": event.time_ms,
            "type": event.event.type_name(),
            "details": event.event.details(),
        })
    };
    let is_call = |position: &&Position| matches!(position.awaiting, Awaiting::Step { .. });
    let call = |position: &Position| {
        let call = step_call(definition, run, position).unwrap();
        json!({
            "seq": position.seq,
            "function": call.function,
            "input": call.input,
            "timeout_seconds": call.timeout_seconds,
            "attempt": call.attempt,
            "idempotency_key": call.idempotency_key,
            "operation_key": call.operation_key,
        })
    };
    let effect = match replay.last.effect() {
        Effect::Send { to: Target::Step { state }, due_ms, .. } => json!({ "step": state, "due_ms": due_ms }),
        Effect::Await { due_ms, .. } => json!({ "await": null, "due_ms": due_ms }),
        Effect::Send { to: Target::Timer, due_ms, .. } => json!({ "timer": null, "due_ms": due_ms }),
        Effect::Close(end) => json!({ "close": end.status }),
        Effect::Open(position) => json!({ "open": position.state }),
        Effect::Join(end) => json!({ "join": end.branch }),
    };
    json!({
        "redrive_count": replay.redrive_count,
        "effect": effect,
        "next": replay.last.next,
        "calls": replay.positions.iter().filter(is_call).map(call).collect::<Vec<_>>(),
        "events": replay.events.iter().map(event).collect::<Vec<_>>(),
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../histories")
}

/// The recorded runs of all versions.
fn files() -> Vec<PathBuf> {
    let versions = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path().join("runs"));
    let files = versions.filter(|runs| runs.is_dir()).flat_map(|runs| fs::read_dir(runs).unwrap());
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_recorded_run_leads_where_it_was_led() {
    if std::env::var_os("UPDATE_HISTORIES").is_some() {
        script::write_all(&folder().join("v1/runs"));
    }
    let files = files();
    assert!(files.len() >= script::ALL.len(), "fixtures are missing: {files:?}");
    for file in files {
        let history = History::read(&file);
        assert_eq!(history.definition.hash, history.run.definition, "{file:?}: the definition's hash");
        let told = told(&history.definition, &history.run, &history.replay());
        for (name, expected) in history.expected.as_object().unwrap() {
            // As text: the order of members is part of what a digest covers.
            assert_eq!(told[name].to_string(), expected.to_string(), "{file:?}: {name}");
        }
    }
}

#[test]
fn a_recorded_run_may_be_cut_off_anywhere() {
    for file in files() {
        let mut history = History::read(&file);
        let whole = history.replay();
        while let Some(record) = history.records.pop() {
            let part = history.replay();
            assert_eq!(part.events[..], whole.events[..part.events.len()], "{file:?}");
            // What it waits for then is what the record ended.
            let seq = history.records.len();
            if !matches!(record.outcome, Outcome::Redriven { .. }) {
                let stepladder_engine::Next::Wait(position) = &part.last.next else { panic!("{file:?}") };
                assert_eq!(*position, whole.positions[seq], "{file:?}");
            }
        }
    }
}

#[test]
fn a_changed_record_is_noticed() {
    for file in files() {
        let mut history = History::read(&file);
        let Some(first) = history.records.first_mut() else { continue };
        first.finished_ms += 1;
        let Outcome::Succeeded { output } = &mut first.outcome else { continue };
        *output = json!({ "changed": true });
        let replayed = replay(&history.definition, &history.run, history.input.clone(), &history.by_branch());
        assert!(replayed.is_err(), "{file:?}");
    }
}
