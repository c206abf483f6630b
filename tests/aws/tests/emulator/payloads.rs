//! What is carried in messages, in items and in the bucket comes back byte by byte, by five steps.

use crate::{PROBE, chain};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;
use stepladder_aws_tests::{Function, Stack, trail};
use stepladder_protocol::{StartRequest, Started};

const STATES: [&str; 5] = ["A", "B", "C", "D", "E"];

/// A binary without optimisation takes a while for 20 MB.
const TIMEOUT_SECONDS: u32 = 90;
const PATIENCE: Duration = Duration::from_secs(400);

/// The sizes at which something changes: a record of one write unit, a payload in its item, a message that carries its data.
const SIZES: [(&str, usize); 9] = [
    ("600-b", 600),
    ("1-kb", 1024),
    ("7-kb", 7 * 1024),
    ("9-kb", 9 * 1024),
    ("47-kb", 47 * 1024),
    ("49-kb", 49 * 1024),
    ("200-kb", 200 * 1024),
    ("2-mb", 2 * 1024 * 1024),
    ("20-mb", 20 * 1024 * 1024),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn payloads_of_every_size_come_back_byte_by_byte() {
    let steps = STATES.map(|state| Function::step(&state.to_lowercase(), PROBE, TIMEOUT_SECONDS));
    let stack = Stack::create("payloads", &steps).await;
    stack.publish("chain", &chain(&STATES)).await;
    let inputs = SIZES.map(|(name, bytes)| (name, input(bytes)));
    for (name, input) in &inputs {
        assert_eq!(input.to_string().len(), SIZES.iter().find(|size| size.0 == *name).unwrap().1);
        let (workflow, name) = ("chain".to_owned(), (*name).to_owned());
        let request = StartRequest { workflow, name, input: input.clone() };
        assert!(matches!(stack.protocol.start(request).await.unwrap(), Started::Created(_)));
    }
    for (name, input) in &inputs {
        let ended = stack.ended("chain", name, PATIENCE).await;
        assert_eq!(ended.end(), "SUCCEEDED", "{name}: {:?}", ended.cause);
        // As text: byte by byte, and too much to be shown.
        let (output, input) = (ended.output.unwrap().to_string(), input.to_string());
        assert!(output == input, "{name}: the output is another one");
    }
    // And each step has seen just this.
    let calls = trail::calls(&stack).await;
    for (name, input) in &inputs {
        let digest = format!("{:x}", Sha256::digest(input.to_string()));
        for state in STATES {
            let seen: Vec<_> = calls[*name].iter().filter(|call| call.state == state).collect();
            assert!(!seen.is_empty(), "{name}: {state} was called");
            assert!(
                seen.iter().all(|call| call.seen == [digest.clone()]),
                "{name}: {state} saw something else"
            );
        }
    }
}

/// JSON text of just so many bytes that hardly compresses, and that needs every kind of escape.
fn input(bytes: usize) -> Value {
    let mut state = bytes as u64;
    let mut text = "\"\\\u{0}\u{1f}\u{7f}\u{FFFE}ä\u{1F600}\n".to_owned();
    let length = |text: &str| json!({ "text": text }).to_string().len();
    let missing = bytes - length(&text);
    text.extend((0..missing).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // 64 characters from '?' on, and '[' for the one that JSON would escape.
        match char::from(b'?' + (state >> 58) as u8) {
            '\\' => '[',
            '\u{7f}' => '>',
            character => character,
        }
    }));
    json!({ "text": text })
}
