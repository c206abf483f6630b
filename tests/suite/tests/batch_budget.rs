//! What runs of one step cost that are taken in batches of a hundred, and what an iteration of a Map state costs: the writes that
//! are made through the AWS adapters, and the units that the table says they take.
//!
//! Requests to the queues, and calls of the step's code, are counted in tests/simulation, where no clock of a busy machine has a
//! say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use futures::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Call, Environment, StackSpec, create_stack};
use stepladder_engine::Status;
use stepladder_local::{Server, ServerConfig};
use stepladder_protocol::{
    BatchCall, BatchFunction, Clock, Delivery, Host, Invocation, Protocol, Queue, QueueName, RunId,
    StartRequest, Store,
};

const RUNS: usize = 200;
const BATCH: usize = 100;
const ITEMS: usize = 640;
const FUNCTION_TIMEOUT_SECONDS: u32 = 60;

/// A stack with one step that takes its batches whole.
struct Stack {
    protocol: Protocol<AwsHost>,
    calls: Arc<Mutex<Vec<Call>>>,
    /// What the step's queue has, and who hands it out.
    trigger: AwsHost,
    _server: Server,
}

impl Stack {
    async fn of(definition: Value) -> Self {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let environment = Environment::local(&server.endpoint_url(), "batches").unwrap();
        let trigger = AwsHost::connect(environment.clone()).await;
        let steps = vec![("load".to_owned(), FUNCTION_TIMEOUT_SECONDS)];
        let spec = StackSpec { steps, system_timeout_seconds: FUNCTION_TIMEOUT_SECONDS };
        create_stack(&trigger, &spec).await.unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let observer = Arc::new(move |call: &Call| seen.lock().unwrap().push(call.clone()));
        let protocol = Protocol::new(AwsHost::connect_observed(environment, observer).await);
        protocol.publish("w", &Definition::parse(&definition.to_string()).unwrap()).await.unwrap();
        Self { protocol, calls, trigger, _server: server }
    }

    async fn start(&self, name: String, input: Value) {
        let request = StartRequest { workflow: "w".to_owned(), name, input };
        self.protocol.start(request).await.unwrap();
    }

    /// Hands out what is in a queue, so many to a batch, until as many messages as are expected have gone.
    async fn deliver(&self, queue: QueueName, mut expected: usize, batch: usize) {
        while expected > 0 {
            let mut deliveries = Vec::new();
            while deliveries.len() < batch.min(expected) {
                let received = self.trigger.queue().receive_one(&queue, 10, 60).await.unwrap();
                deliveries.push(received.expect("a message arrives within ten seconds"));
            }
            expected -= deliveries.len();
            let left = self.handle(&queue, &deliveries).await;
            assert_eq!(left, Vec::<String>::new());
            for delivery in deliveries {
                self.trigger.queue().delete(&queue, &delivery.receipt).await.unwrap();
            }
        }
    }

    async fn handle(&self, queue: &QueueName, deliveries: &[Delivery]) -> Vec<String> {
        let invocation = Invocation {
            queue: queue.clone(),
            request_id: None,
            deadline_ms: self.trigger.clock().now_ms() + 60_000,
            function_timeout_ms: 60_000,
        };
        // A process asks what is paused once in five seconds, however many messages it gets: that is on no item's bill.
        let before = self.calls.lock().unwrap().len();
        self.protocol.look_at_controls().await.unwrap();
        self.calls.lock().unwrap().truncate(before);
        match queue {
            QueueName::Step(_) => self.protocol.handle_batch_together(&code(), &invocation, deliveries).await,
            _ => self.protocol.handle_batch(None, &invocation, deliveries).await,
        }
    }

    /// How often each operation was called since the last look, and the units that it took.
    fn take(&self) -> BTreeMap<String, (usize, f64)> {
        let mut bill = BTreeMap::<String, (usize, f64)>::new();
        for call in std::mem::take(&mut *self.calls.lock().unwrap()) {
            assert!(call.succeeded, "{call:?}");
            let line = bill.entry(call.operation).or_default();
            line.0 += 1;
            line.1 += call.capacity_units.unwrap_or(0.0);
        }
        bill
    }

    async fn status(&self, name: &str) -> Status {
        let now_ms = self.trigger.clock().now_ms();
        self.trigger.store().run(&RunId::new("w", name), now_ms).await.unwrap().unwrap().status
    }
}

fn code() -> BatchFunction {
    Arc::new(move |requests| {
        let answers: Vec<_> = requests.into_iter().map(|request| Ok(request.call.input)).collect();
        vec![BatchCall { places: (0..answers.len()).collect(), results: async { answers }.boxed() }]
    })
}

fn task() -> Value {
    json!({
        "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:load", "End": true,
    })
}

/// The goal was 2 writes and 3 units per run. A run item that is in the list of runs takes two units by itself, the step's record
/// one, and the run's end another: see decision 0031.
#[tokio::test]
async fn a_run_of_one_step_in_a_batch_is_three_writes_and_four_units() {
    let stack = Stack::of(json!({ "StartAt": "Load", "States": { "Load": task() } })).await;
    stack.start("first".to_owned(), json!({})).await;
    stack.deliver(QueueName::Step("load".to_owned()), 1, 1).await;
    stack.take();

    stream::iter(0..RUNS)
        .for_each_concurrent(10, |n| stack.start(format!("run-{n}"), json!({ "row": "x".repeat(250) })))
        .await;
    let starts = stack.take();
    assert_eq!(starts["PutItem"], (RUNS, 2.0 * RUNS as f64));
    stack.deliver(QueueName::Step("load".to_owned()), RUNS, BATCH).await;
    let steps = stack.take();
    println!("{RUNS} runs: {starts:?}, then {steps:?}");
    // From the step's queue on: two writes, two units, and no message.
    assert_eq!(steps["PutItem"], (RUNS, RUNS as f64));
    assert_eq!(steps["UpdateItem"], (RUNS, RUNS as f64));
    // A message that has waited for ten seconds costs a read, which a busy machine may bring about.
    assert!(steps.keys().all(|operation| ["PutItem", "UpdateItem", "GetItem"].contains(&operation.as_str())));
    assert_eq!(stack.status("run-0").await, Status::Succeeded);
}

#[tokio::test]
async fn an_iteration_of_one_step_takes_at_most_two_and_a_tenth_units() {
    let map = json!({
        "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "Load", "States": { "Load": task() } },
    });
    let stack = Stack::of(json!({ "StartAt": "Each", "States": { "Each": map } })).await;
    let input = json!({ "items": (0..ITEMS).map(|n| json!({ "id": n, "row": "x".repeat(100) })).collect::<Vec<_>>() });
    stack.take();
    stack.start("run".to_owned(), input).await;
    // Wider than a part: its parts are opened by messages of their own.
    let parts = ITEMS / 64;
    stack.deliver(QueueName::Timer, parts, 10).await;
    stack.deliver(QueueName::Step("load".to_owned()), ITEMS, BATCH).await;
    stack.deliver(QueueName::Timer, 1, 1).await;
    assert_eq!(stack.status("run").await, Status::Succeeded);

    let bill = stack.take();
    let units = |operations: [&str; 2]| {
        operations.iter().filter_map(|operation| bill.get(*operation)).map(|(_, units)| units).sum::<f64>()
    };
    let per_item = |units: f64| units / ITEMS as f64;
    let (writes, reads) =
        (per_item(units(["PutItem", "UpdateItem"])), per_item(units(["GetItem", "BatchGetItem"])));
    println!("{ITEMS} iterations: {writes:.3} write units and {reads:.3} read units each: {bill:?}");
    assert!(writes <= 2.1, "{writes}");
}
