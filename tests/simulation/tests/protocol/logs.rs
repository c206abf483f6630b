//! Log lines: one for each message that failed, was handed back or was a duplicate, and no payload in any.

use crate::support::{Stack, chain, failure, step_queue};
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Mutex},
};
use stepladder_protocol::{QueueName, RunId};
use tracing_subscriber::{fmt::MakeWriter, util::SubscriberInitExt};

const SECRET: &str = "4111111111111111";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The lines that are logged meanwhile, at every level.
fn logged(act: impl FnOnce()) -> Vec<Value> {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(lines.clone())
        .finish();
    {
        let _guard = subscriber.set_default();
        act();
    }
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A stack that logs every message; its step answers with a secret, or fails with one.
fn stack() -> Stack {
    let mut stack = Stack::with_settings(|settings| settings.log_sample = 1.0);
    stack.publish("w", &chain(&["work", "two"]));
    stack.step("work", |request| match request.run.name.as_str() {
        "bad" => {
            let mut failure = failure("Declined");
            failure.cause = SECRET.to_owned();
            Err(failure)
        }
        _ => Ok(json!({ "card": SECRET })),
    });
    stack.step("two", |_| Ok(json!(SECRET)));
    stack
}

#[test]
fn a_line_says_run_state_attempt_queue_wait_duration_and_error() {
    let lines = logged(|| {
        let stack = stack();
        stack.start("good", json!({ "card": SECRET }));
        stack.start("bad", json!({ "card": SECRET }));
        stack.host.wait(40);
        stack.run();
    });
    let recorded: Vec<&Value> = lines.iter().filter(|line| line["message"] == "recorded").collect();
    assert_eq!(recorded.len(), 3);
    let bad = recorded.iter().find(|line| line["run"] == "w/bad").unwrap();
    for (name, value) in [
        ("state", json!("work")),
        ("seq", json!(0)),
        ("attempt", json!(1)),
        ("receive_count", json!(1)),
        ("queue", json!("work")),
        ("queue_wait_ms", json!(40)),
        ("duration_ms", json!(0)),
        ("error", json!("Declined")),
        ("request_id", json!("8476a536")),
    ] {
        assert_eq!(bad[name], value, "{name}");
    }
    assert!(recorded.iter().filter(|line| line["run"] == "w/good").all(|line| line["error"].is_null()));
}

#[test]
fn without_a_sample_only_what_went_wrong_is_logged() {
    let lines = logged(|| {
        let mut stack = stack();
        stack.host = stack.host.clone().with_settings(|settings| settings.log_sample = 0.0);
        stack.protocol = stack.environment();
        stack.start("good", json!({}));
        stack.start("bad", json!({}));
        stack.run();
    });
    let runs: Vec<&Value> = lines.iter().map(|line| &line["run"]).collect();
    assert_eq!(runs, [&json!("w/bad")]);
}

#[test]
fn no_line_holds_a_payload() {
    let mut messages = std::collections::BTreeSet::new();
    let lines = logged(|| {
        let stack = stack();
        let input = json!({ "card": SECRET });
        // What goes well, fails, is a duplicate, can't be sent, is stopped, is repaired.
        for name in ["good", "bad", "twice", "stopped"] {
            stack.start(name, input.clone());
        }
        let twice = stack.host.receive(&step_queue("work"));
        stack.handle(&step_queue("work"), &twice);
        stack.handle(&step_queue("work"), &twice);
        let mut other = twice[0].clone();
        other.body = other.body.replacen("\"id\":\"", "\"id\":\"f", 1);
        stack.handle(&step_queue("work"), &[other]);
        let id = RunId::new("w", "stopped");
        let stop = stack.protocol.request_stop(&id, Some("E".to_owned()), Some(SECRET.to_owned()));
        stack.host.drive(stop).unwrap();
        stack.host.throttle("send", 1);
        stack.run();
        stack.host.drive(stack.protocol.repair(&RunId::new("w", "good"))).unwrap();
        // What can't be read, in many ways.
        let bodies = [
            SECRET.to_owned(),
            json!(SECRET).to_string(),
            json!({ "v": SECRET }).to_string(),
            json!({ "v": 1, "id": 4_111_111_111_111_111_u64 }).to_string(),
            json!({ "v": 1, "id": "a", (SECRET): 1 }).to_string(),
            json!({ "v": 9, "secret": SECRET }).to_string(),
            json!({ "workflow": "w", "inputs": SECRET }).to_string(),
            json!({ "workflow": "w", (SECRET): 1 }).to_string(),
            json!({ "workflow": { "a": SECRET } }).to_string(),
            json!({ "workflow": "w", "name": 4_111_111_111_111_111_u64 }).to_string(),
            format!(r#"{{"workflow":"w","input":{SECRET}{SECRET}}}"#),
            format!("zstd:{SECRET}"),
        ];
        for queue in [QueueName::Start, QueueName::DeadLetter, QueueName::Timer] {
            for body in &bodies {
                stack.send(&queue, body.clone());
            }
            for _ in 0..6 {
                stack.deliver(&queue);
                stack.deliver(&queue);
                stack.host.wait(60_000);
            }
        }
        assert!(stack.parked().len() >= 30, "{}", stack.parked().len());
    });
    for line in &lines {
        messages.insert(line["message"].as_str().unwrap().to_owned());
        assert!(!line.to_string().contains(SECRET), "{line}");
        assert!(!line.to_string().contains("411111"), "{line}");
    }
    // All kinds of lines have been seen.
    for message in [
        "recorded",
        "duplicate: another message has recorded this position",
        "a message can't be read",
        "a message is no start",
        "a message was parked",
        "messages could not be sent",
    ] {
        assert!(messages.contains(message), "{message}: {messages:?}");
    }
}
