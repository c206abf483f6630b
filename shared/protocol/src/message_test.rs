//! Messages of every version so far: a queue may hold one for fourteen days, and a parked one for ever.
//!
//! The fixtures lie in `tests/histories`; its README says how to add some.

use super::*;
use futures::FutureExt;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};
use stepladder_engine::{Awaiting, Branch, Fork, Limit, MapItem, Opening, Phase};

const BYTES_MAX: usize = 1_000_000;

/// Blobs in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Blobs for Memory {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> WorldResult<()> {
        self.0.lock().unwrap().insert(key.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, key: &str, _: usize) -> WorldResult<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/histories")
}

/// Whether `actual` says all that is expected, and nothing else about payloads: a later version may know more members
/// of a message.
fn covers(expected: &Value, actual: &Value, name: &str) -> bool {
    let is_payload = ["data", "input", "output"].contains(&name);
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) if !is_payload => expected
            .iter()
            .all(|(name, value)| actual.get(name).is_some_and(|actual| covers(value, actual, name))),
        (Value::Array(expected), Value::Array(actual)) if !is_payload => {
            expected.len() == actual.len()
                && expected.iter().zip(actual).all(|(expected, actual)| covers(expected, actual, name))
        }
        _ => expected == actual,
    }
}

#[test]
fn every_recorded_message_is_read_as_it_was_meant() {
    if std::env::var_os("UPDATE_HISTORIES").is_some() {
        write_all(&folder().join("v1/messages"));
    }
    let mut count = 0;
    for version in fs::read_dir(folder()).unwrap() {
        let Ok(files) = fs::read_dir(version.unwrap().path().join("messages")) else { continue };
        for body in files.map(|file| file.unwrap().path()) {
            if body.extension().is_none_or(|extension| extension != "txt") {
                continue;
            }
            let fixture = fs::read_to_string(body.with_extension("json")).unwrap();
            let fixture: Value = serde_json::from_str(&fixture).unwrap();
            let blobs = Memory::default();
            for (key, bytes) in fixture["blobs"].as_object().unwrap() {
                let bytes = STANDARD.decode(bytes.as_str().unwrap()).unwrap();
                blobs.0.lock().unwrap().insert(key.clone(), bytes);
            }
            let text = fs::read_to_string(&body).unwrap();
            let mut message =
                Message::decode(&text, BYTES_MAX).unwrap_or_else(|error| panic!("{body:?}: {error}"));
            message.fetch(&blobs, BYTES_MAX).now_or_never().unwrap().unwrap();
            let actual = serde_json::to_value(&message).unwrap();
            assert!(covers(&fixture["message"], &actual, ""), "{body:?}: {actual:#}");
            let run = Message::run_of(&text, BYTES_MAX);
            assert_eq!(run, Some(RunKey::of(&message.run)), "{body:?}");
            count += 1;
        }
    }
    assert!(count >= fixtures().len(), "fixtures are missing");
}

#[test]
fn a_message_is_not_covered_by_another() {
    let message = json!({ "v": 1, "ask": { "step": { "seq": 1, "data": { "a": 1 } } } });
    assert!(covers(&message, &message, ""));
    let mut later = message.clone();
    later["new"] = json!(true);
    later["ask"]["step"]["new"] = json!(true);
    assert!(covers(&message, &later, ""));
    for path in ["/v", "/ask/step/seq", "/ask/step/data/a"] {
        let mut other = message.clone();
        *other.pointer_mut(path).unwrap() = json!(2);
        assert!(!covers(&message, &other, ""), "{path}");
    }
    let mut other = message.clone();
    other["ask"]["step"]["data"]["b"] = json!(2);
    assert!(!covers(&message, &other, ""));
}

fn position(data: Value) -> Position {
    Position {
        branch: Branch::default(),
        seq: 3,
        state: "Charge payment".to_owned(),
        awaiting: Awaiting::Step { due_ms: 1_700_000_000_000 },
        retries: vec![0, 2],
        events: 17,
        entered_event: 9,
        entered_ms: 1_699_999_990_000,
        entered_seq: 1,
        deadline_ms: Some(1_700_000_600_000),
        variables: serde_json::Map::new(),
        map_item: None,
        opening: None,
        indexes: Vec::new(),
        resumes: None,
        reading: None,
        unread: None,
        failed: None,
        skipped: None,
        data,
    }
}

/// Text that hardly compresses.
fn hard(bytes: usize) -> Value {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let text = (0..bytes).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b' ' + (state % 90) as u8)
    });
    json!(text.collect::<String>())
}

/// The messages of today's version: each ask, plain, compressed, and with references to blobs.
fn fixtures() -> Vec<(&'static str, Message)> {
    let run = Run {
        nonce: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
        definition: "9a0b1c2d3e4f5061728394a5b6c7d8e9".to_owned(),
        started_ms: 1_699_999_980_000,
        redrive_count: 2,
        ..Run::for_test("order", "order-17é")
    };
    let with_input = |input: Value| Run { input: Some(input), ..run.clone() };
    let data = json!({ "text": "Grüße \u{0}\u{fffe}\u{ffff}😀", "numbers": [0, -1, 1.5, 1e300, u64::MAX], "null": null });
    let timer =
        |awaiting, data| Position { awaiting, retries: Vec::new(), deadline_ms: None, ..position(data) };
    let branch = Branch(vec![Fork { seq: 2, index: 14 }, Fork { seq: 0, index: 3 }]);
    let failed =
        |phase| Outcome::Failed { error: "Declined".to_owned(), cause: Some("no cover".to_owned()), phase };
    let asks = [
        ("step", with_input(data.clone()), Ask::Step(position(data.clone()))),
        ("step-of-a-branch", run.clone(), Ask::Step(Position { branch, ..position(json!(1)) })),
        ("step-compressed", run.clone(), Ask::Step(position(json!("stepladder ".repeat(10_000))))),
        ("step-with-blob", run.clone(), Ask::Step(position(hard(70_000)))),
        ("step-with-two-blobs", with_input(hard(60_000)), Ask::Step(position(hard(70_000)))),
        (
            "timer",
            run.clone(),
            Ask::Timer(timer(Awaiting::Timer { due_ms: 1_700_003_600_000 }, data.clone())),
        ),
        ("timer-for-a-turn", run.clone(), Ask::Timer(timer(Awaiting::Turn, json!(null)))),
        ("outcome-failed", run.clone(), Ask::Outcome(position(data.clone()), failed(Phase::Schedule))),
        ("outcome-failed-at-start", run.clone(), Ask::Outcome(position(data.clone()), failed(Phase::Start))),
        ("outcome-failed-running", run.clone(), Ask::Outcome(position(data.clone()), failed(Phase::Run))),
        (
            "outcome-succeeded",
            run.clone(),
            Ask::Outcome(position(data.clone()), Outcome::Succeeded { output: data.clone() }),
        ),
        (
            "outcome-timed-out",
            run.clone(),
            Ask::Outcome(position(data), Outcome::TimedOut { limit: Limit::Task }),
        ),
        (
            "stop",
            run.clone(),
            Ask::Stop { error: Some("Enough".to_owned()), cause: Some("by hand".to_owned()) },
        ),
        ("stop-without-reason", run.clone(), Ask::Stop { error: None, cause: None }),
        ("redrive", run.clone(), Ask::Redrive),
        ("look", run, Ask::Look),
    ];
    let messages =
        (1_u128..).zip(asks).map(|(n, (name, run, ask))| (name, Message::new(n << 64 | n, run, ask)));
    let mut messages: Vec<(&str, Message)> = messages.collect();
    messages.extend(fixtures_in_branches());
    messages
}

/// Those that belong to fan-outs.
fn fixtures_in_branches() -> Vec<(&'static str, Message)> {
    let run = Run {
        nonce: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
        started_ms: 1_699_999_980_000,
        ..Run::for_test("order", "order-17")
    };
    let outer = Enclosing {
        fan_out: FanOut {
            count: 70,
            concurrency: 7,
            failures_tolerated: 3,
            failure_items: 100,
            inputs_seq: Some(2),
        },
        events: 12,
    };
    let inner = Enclosing {
        fan_out: FanOut {
            count: 4,
            concurrency: 4,
            failures_tolerated: 0,
            failure_items: 1,
            inputs_seq: None,
        },
        events: 15,
    };
    let branch = Branch::default().child(2, 69).child(0, 3);
    let first = Position {
        branch,
        seq: 0,
        retries: Vec::new(),
        variables: serde_json::Map::from_iter([("total".to_owned(), json!(12))]),
        map_item: Some(MapItem {
            index: 69,
            value: Some(json!({ "sku": "A-17" })),
            line: Some(3),
            child: None,
        }),
        opening: Some(Opening { started_ms: 1_699_999_990_000, events: 15 }),
        ..position(json!({ "sku": "A-17" }))
    };
    let large = Position {
        variables: serde_json::Map::from_iter([("text".to_owned(), hard(60_000))]),
        map_item: Some(MapItem { index: 69, value: Some(hard(50_000)), line: None, child: None }),
        ..first.clone()
    };
    let lock = Lock { branch: Branch::default().child(2, 69), seq: 0 };
    let root = Lock { branch: Branch::default(), seq: 2 };
    let asks = [
        ("step-of-an-inner-branch", vec![outer, inner], Ask::Step(first)),
        ("step-with-large-variables", vec![outer, inner], Ask::Step(large)),
        ("open", vec![outer], Ask::Open { fan_out: lock.clone(), part: 1, is_read: false }),
        ("join", vec![outer], Ask::Join(lock)),
        ("join-of-the-root", Vec::new(), Ask::Join(root)),
        ("time-out", Vec::new(), Ask::TimeOut),
    ];
    (101_u128..)
        .zip(asks)
        .map(|(n, (name, enclosing, ask))| {
            (name, Message { enclosing, ..Message::new(n << 64 | n, run.clone(), ask) })
        })
        .collect()
}

/// Writes what isn't there yet.
fn write_all(folder: &Path) {
    for (name, message) in fixtures() {
        let file = folder.join(format!("{name}.txt"));
        if file.exists() {
            continue;
        }
        let blobs = Memory::default();
        let body = message.encode(&blobs, BYTES_MAX).now_or_never().unwrap().unwrap();
        let blobs = blobs.0.into_inner().unwrap().into_iter();
        let fixture = json!({
            "blobs": blobs.map(|(key, bytes)| (key, json!(STANDARD.encode(bytes)))).collect::<serde_json::Map<_, _>>(),
            "message": message,
        });
        fs::write(&file, body).unwrap();
        fs::write(file.with_extension("json"), serde_json::to_string_pretty(&fixture).unwrap() + "\n")
            .unwrap();
    }
}
