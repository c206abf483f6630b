//! Hostile bodies: whatever stands in a queue, decoding gives a message or a reason, and takes bounded memory.

use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use stepladder_engine::{Limit, Phase, Run, Status};

const BYTES_MAX: usize = 100_000;

/// Reads a body in every way in which a function does.
fn read(body: &str) {
    if let Ok(message) = Message::decode(body, BYTES_MAX) {
        // What was read can be written again, and is read as the same.
        let again = ascii(&message).unwrap();
        assert_eq!(Message::decode(&again, usize::MAX).as_ref(), Ok(&message));
    }
    let _ = Message::run_of(body, BYTES_MAX);
}

/// A message of each kind: what stands in a queue is one of them, or began as one.
fn bodies() -> Vec<String> {
    let run = Run { input: Some(json!({"n": [1, 2.5, null]})), ..Run::for_test("order", "17") };
    let position = json!({
        "branch": [{"seq": 2, "index": 1}], "seq": 3, "state": "Charge", "awaiting": {"for": "step", "due_ms": 5},
        "retries": [1], "events": 9, "entered_event": 4, "entered_ms": 77, "entered_seq": 1, "deadline_ms": 99,
        "data": {"a": "ä\u{fffe}"},
    });
    let position: Position = serde_json::from_value(position).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let lock = Lock::of(&position);
    let failed = Outcome::Failed { error: "E".to_owned(), cause: text("why"), phase: Phase::Run };
    let outcome = Outcome::Succeeded { output: json!(1) };
    let answer = TaskAnswer { id: "0".repeat(32), outcome };
    let asks = vec![
        Ask::Outcome(position.clone(), Outcome::Succeeded { output: json!([1]) }),
        Ask::Outcome(position.clone(), failed),
        Ask::Outcome(position.clone(), Outcome::TimedOut { limit: Limit::Task }),
        Ask::Outcome(position.clone(), Outcome::Joined { results: vec![json!(null), json!({})], events: 4 }),
        Ask::Step(position.clone()),
        Ask::Timer(position.clone()),
        Ask::Answered(position.clone(), None),
        Ask::Answered(position.clone(), Some(Given::Here(answer))),
        Ask::Untaken(position.clone()),
        Ask::Child(position, 120),
        Ask::Open { fan_out: lock.clone(), part: 2, is_read: true },
        Ask::OpenParts { fan_out: lock.clone(), first: 128, parts: 128, is_read: true },
        Ask::Gather { fan_out: lock.clone(), node: 7 },
        Ask::StopParts { fan_out: lock.clone(), first: 0, parts: 128 },
        Ask::Join(lock.clone()),
        Ask::Drain { fan_out: lock.clone(), marks: true },
        Ask::Update(lock),
        Ask::TimeOut,
        Ask::Stop { error: text("Stopped"), cause: None },
        Ask::Compensate { state: "Undo".to_owned() },
        Ask::Redrive,
        Ask::RedriveFrom(Box::new(crate::Choice {
            from: text("Map[3].Charge"),
            given: None,
            input: Some(serde_json::json!({ "n": null })),
            set: vec![("$.a.b".to_owned(), serde_json::json!([1]))],
            definition: text("abc"),
        })),
        Ask::Look,
        Ask::Parent,
        Ask::Status(StatusChange {
            status: Status::TimedOut,
            stopped_ms: 1_700_000_000_000,
            error: text("E"),
            cause: None,
        }),
    ];
    let kinds: BTreeSet<&str> = asks.iter().map(kind).collect();
    assert_eq!(kinds.len(), KINDS, "{kinds:?}");
    asks.into_iter().map(|ask| ascii(&Message::new(7, run.clone(), ask)).unwrap()).collect()
}

/// How many kinds of asks there are.
const KINDS: usize = 21;

/// Another kind doesn't compile until it is here, and [`bodies`] has one.
fn kind(ask: &Ask) -> &'static str {
    match ask {
        Ask::Step(_) => "step",
        Ask::Timer(_) => "timer",
        Ask::Outcome(..) => "outcome",
        Ask::Answered(..) => "answered",
        Ask::Untaken(_) => "untaken",
        Ask::Child(..) => "child",
        Ask::Open { .. } => "open",
        Ask::OpenParts { .. } => "open parts",
        Ask::Gather { .. } => "gather",
        Ask::StopParts { .. } => "stop parts",
        Ask::Join(_) => "join",
        Ask::Drain { .. } => "drain",
        Ask::Update(_) => "update",
        Ask::TimeOut => "time out",
        Ask::Stop { .. } => "stop",
        Ask::Compensate { .. } => "compensate",
        Ask::Redrive => "redrive",
        Ask::RedriveFrom(_) => "redrive from",
        Ask::Look => "look",
        Ask::Parent => "parent",
        Ask::Status(_) => "status",
    }
}

fn body() -> String {
    bodies().swap_remove(0)
}

#[test]
fn a_message_of_each_kind_is_read_as_it_was_written() {
    for body in bodies() {
        let message = Message::decode(&body, BYTES_MAX).unwrap();
        assert_eq!(ascii(&message).unwrap(), body);
        read(&packed(body.as_bytes()));
    }
}

fn packed(bytes: &[u8]) -> String {
    format!("{COMPRESSED_PREFIX}{}", STANDARD.encode(payload::compress(bytes).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(body in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&body);
        read(&format!("{COMPRESSED_PREFIX}{body}"));
        read(&format!("{COMPRESSED_PREFIX}{}", STANDARD.encode(&bytes)));
        read(&packed(&bytes));
    }

    /// A piece cut out of a message, and something else in its place; also beneath the compression.
    #[test]
    fn a_mutated_message_is_read_or_refused(which in any::<prop::sample::Index>(), from in 0usize..700, length in 0usize..60, inserted in "[-{}\\[\\]\",:0-9a-z]{0,20}") {
        let mut text = which.get(&bodies()).clone();
        let from = from.min(text.len());
        text.replace_range(from..(from + length).min(text.len()), &inserted);
        read(&text);
        read(&packed(text.as_bytes()));
    }

    /// Bytes of a compressed message, changed.
    #[test]
    fn a_damaged_compressed_message_is_read_or_refused(which in any::<prop::sample::Index>(), at in 0usize..400, byte in any::<u8>()) {
        let mut bytes = payload::compress(which.get(&bodies()).as_bytes()).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        read(&format!("{COMPRESSED_PREFIX}{}", STANDARD.encode(&bytes)));
    }
}

#[test]
fn deep_and_swelling_bodies_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Message::decode(&deep, usize::MAX).is_err());
    let nested =
        body().replace("\"a\":", &format!("\"a\":{}1{},\"b\":", "[".repeat(5_000), "]".repeat(5_000)));
    assert!(Message::decode(&nested, usize::MAX).is_err());
    let swelling = packed(&vec![b' '; 50_000_000]);
    assert!(swelling.len() < 10_000);
    let refused = Message::decode(&swelling, BYTES_MAX).unwrap_err();
    assert!(refused.to_string().contains("larger than 100000 bytes"), "{refused}");
}
