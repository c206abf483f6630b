//! What wide fan-outs write: how fast each partition of the table, and how much in all.
//!
//! They run in memory, by the protocol and the table's own layout, so that neither can drift from what is computed here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod fits;
mod rates;

use futures::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_asl::Definition;
use stepladder_engine::Status;
use stepladder_protocol::{
    Delivery, Invocation, Protocol, QueueName, RunId, StartRequest, Started, StepFailure, StepFunction,
};
use stepladder_simulation::{MemoryHost, Write};

/// What a run has written and sent.
struct Ran {
    status: Status,
    output: Option<Value>,
    writes: Vec<Write>,
    /// Deliveries of messages: each was sent once, for nothing fails.
    messages: usize,
    /// The most messages that one delivery of the timer function has led to.
    sent_most: usize,
}

/// A step's messages are handled at this rate, oldest first, in ticks of a tenth of a second; those of the timer function
/// whenever there are some.
fn run(definition: &Value, input: Value, step: &StepFunction, messages_per_second: usize) -> Ran {
    const TICK_MS: i64 = 100;
    let host = MemoryHost::new(1);
    let protocol = Protocol::new(host.clone());
    let parsed = Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}"));
    host.drive(protocol.publish("w", &parsed)).unwrap();
    host.writes();
    let request = StartRequest { workflow: "w".to_owned(), name: "run".to_owned(), input };
    assert!(matches!(host.drive(protocol.start(request)).unwrap(), Started::Created(_)));
    let work = QueueName::Step("work".to_owned());
    let (mut messages, mut sent_most) = (0, 0);
    loop {
        let mut idle = true;
        for queue in [&QueueName::Timer, &work] {
            let limit = if *queue == work { messages_per_second * TICK_MS as usize / 1000 } else { 200 };
            let mut batches: Vec<Vec<Delivery>> = Vec::new();
            while batches.iter().map(Vec::len).sum::<usize>() < limit {
                match host.receive(queue) {
                    batch if batch.is_empty() => break,
                    batch => batches.push(batch),
                }
            }
            let count: usize = batches.iter().map(Vec::len).sum();
            if count == 0 {
                continue;
            }
            (idle, messages) = (false, messages + count);
            let now_ms = stepladder_protocol::Clock::now_ms(&host);
            let invocation = Invocation {
                queue: queue.clone(),
                request_id: None,
                deadline_ms: now_ms + 10_000,
                function_timeout_ms: 10_000,
            };
            let step = (*queue == work).then_some(step);
            let waiting = host.in_queue_count(&QueueName::Timer) + host.in_queue_count(&work);
            let left = host
                .drive(join_all(batches.iter().map(|batch| protocol.handle_batch(step, &invocation, batch))));
            assert!(left.iter().all(Vec::is_empty), "{left:?}");
            if *queue == QueueName::Timer && batches.len() == 1 && count == 1 {
                let now = host.in_queue_count(&QueueName::Timer) + host.in_queue_count(&work);
                sent_most = sent_most.max(now.saturating_sub(waiting));
            }
            for delivery in batches.iter().flatten() {
                host.delete(queue, &delivery.message_id);
            }
        }
        if idle && host.in_queue_count(&QueueName::Timer) + host.in_queue_count(&work) == 0 {
            break;
        }
        host.wait(TICK_MS);
    }
    let writes = host.writes();
    let id = RunId::new("w", "run");
    let item = host.drive(stepladder_protocol::Store::run(&host, &id, 0)).unwrap().unwrap();
    let output = host.drive(protocol.ending(&item)).unwrap().and_then(|ending| ending.output);
    Ran { status: item.status, output, writes, messages, sent_most }
}

fn work() -> Value {
    json!({ "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "End": true })
}

/// A Map `Each` over `$.items` with more fields.
fn map(processor: Value, fields: Value) -> Value {
    named("Each", processor, fields)
}

fn named(name: &str, processor: Value, fields: Value) -> Value {
    let mut map = json!({ "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": true });
    for (field, value) in fields.as_object().unwrap() {
        map[field] = value.clone();
    }
    json!({ "StartAt": name, "States": { name: map } })
}

/// So many steps one after another.
fn steps(count: usize) -> Value {
    let states: serde_json::Map<String, Value> = (1..=count)
        .map(|n| {
            let mut state = work();
            if n < count {
                state.as_object_mut().unwrap().remove("End");
                state["Next"] = json!(format!("S{}", n + 1));
            }
            (format!("S{n}"), state)
        })
        .collect();
    json!({ "StartAt": "S1", "States": states })
}

fn items(count: usize) -> Value {
    json!({ "items": (0..count).collect::<Vec<_>>() })
}

/// A step that answers with its input.
fn echo() -> StepFunction {
    Arc::new(|request| Box::pin(async move { Ok(request.call.input) }))
}

/// A step that always fails.
fn broken() -> StepFunction {
    Arc::new(|_| Box::pin(async { Err(StepFailure { error: "Broken".to_owned(), cause: String::new() }) }))
}
