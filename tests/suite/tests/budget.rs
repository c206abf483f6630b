//! What a run costs: the calls that a chain of five steps makes through the AWS adapters, and the write units they take.
//!
//! A change that adds a call to a step fails here. The bill of a stack is these numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use aws_sdk_sqs::types::MessageSystemAttributeName;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Call, Environment, StackSpec, create_stack};
use stepladder_engine::Status;
use stepladder_local::{Server, ServerConfig};
use stepladder_protocol::{
    Answer, Asked, Awaited, Clock, Delivery, Flow, Host, Invocation, Protocol, Query, QueueName, Rate, RunId,
    SearchPaths, Settings, StartRequest, Started, StepFunction, Store, Walk, WorkflowSettings,
};

const STEPS: usize = 5;
const FUNCTION_TIMEOUT_SECONDS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(20);

/// A stack of five steps that pass their input on, and the calls that the protocol has made.
struct Chain {
    protocol: Protocol<AwsHost>,
    /// For what a Lambda's trigger does: its calls are not the protocol's.
    trigger: AwsHost,
    calls: Arc<Mutex<Vec<Call>>>,
    _server: Server,
}

/// How often each operation was called, and the units that it took.
type Bill = BTreeMap<String, (usize, f64)>;

fn bill(lines: &[(&str, usize, f64)]) -> Bill {
    lines.iter().map(|(operation, calls, units)| ((*operation).to_owned(), (*calls, *units))).collect()
}

impl Chain {
    async fn start() -> Self {
        Self::with_flow(Flow::default()).await
    }

    /// All of its steps run so.
    async fn with_flow(flow: Flow) -> Self {
        Self::with(|settings| settings.flow = flow).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let mut environment = Environment::local(&server.endpoint_url(), "budget").unwrap();
        change(&mut environment.settings);
        let trigger = AwsHost::connect(environment.clone()).await;
        let steps = (1..=STEPS).map(|n| (format!("step-{n}"), FUNCTION_TIMEOUT_SECONDS)).collect();
        create_stack(&trigger, &StackSpec { steps, system_timeout_seconds: FUNCTION_TIMEOUT_SECONDS })
            .await
            .unwrap();

        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        let observer = Arc::new(move |call: &Call| seen.lock().unwrap().push(call.clone()));
        let protocol = Protocol::new(AwsHost::connect_observed(environment, observer).await);
        protocol.publish("chain", &Definition::parse(&definition()).unwrap()).await.unwrap();
        Self { protocol, trigger, calls, _server: server }
    }

    /// What was called since the last look.
    fn take(&self) -> Bill {
        let mut bill = Bill::new();
        for call in std::mem::take(&mut *self.calls.lock().unwrap()) {
            assert!(call.succeeded, "{call:?}");
            let line = bill.entry(call.operation).or_default();
            line.0 += 1;
            line.1 += call.capacity_units.unwrap_or(0.0);
        }
        bill
    }

    async fn start_run(&self, name: &str) {
        self.start_run_with(name, 250).await;
    }

    async fn start_run_with(&self, name: &str, bytes: usize) {
        self.start_run_of("chain", name, json!({ "text": "x".repeat(bytes) })).await;
    }

    async fn start_run_of(&self, workflow: &str, name: &str, input: Value) {
        let request = StartRequest { workflow: workflow.to_owned(), name: name.to_owned(), input };
        let started = self.protocol.start(request).await.unwrap();
        assert!(matches!(started, Started::Created(_)));
    }

    /// Does what Lambda does: receives a batch, calls the function, deletes what it is done with.
    async fn deliver(&self, n: usize, expected: usize) {
        self.deliver_from(QueueName::Step(format!("step-{n}")), expected).await;
    }

    async fn deliver_from(&self, queue: QueueName, expected: usize) {
        let url = self.trigger.queue().url(&queue).await.unwrap().unwrap();
        let mut deliveries = Vec::new();
        let until = Instant::now() + PATIENCE;
        while deliveries.len() < expected {
            assert!(Instant::now() < until, "only {} of {expected} messages arrived", deliveries.len());
            let answer = self
                .trigger
                .sqs()
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(10)
                .wait_time_seconds(1)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await
                .unwrap();
            deliveries.extend(answer.messages.unwrap_or_default().into_iter().map(delivery));
        }
        assert_eq!(deliveries.len(), expected);
        let invocation = Invocation {
            queue,
            request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
            deadline_ms: self.trigger.clock().now_ms() + 10_000,
            function_timeout_ms: i64::from(FUNCTION_TIMEOUT_SECONDS) * 1000,
        };
        self.look_at_controls().await;
        let left = self.protocol.handle_batch(Some(&step()), &invocation, &deliveries).await;
        assert_eq!(left, Vec::<String>::new());
        for delivery in deliveries {
            self.trigger
                .sqs()
                .delete_message()
                .queue_url(&url)
                .receipt_handle(delivery.receipt)
                .send()
                .await
                .unwrap();
        }
    }

    /// A process asks what is paused once in five seconds, however many messages it gets: that is on no message's bill.
    async fn look_at_controls(&self) {
        let before = self.calls.lock().unwrap().len();
        self.protocol.look_at_controls().await.unwrap();
        self.calls.lock().unwrap().truncate(before);
    }

    async fn status(&self, name: &str) -> Status {
        let now_ms = self.trigger.clock().now_ms();
        self.trigger.store().run(&RunId::new("chain", name), now_ms).await.unwrap().unwrap().status
    }
}

fn definition() -> String {
    let states: serde_json::Map<String, Value> = (1..=STEPS)
        .map(|n| {
            let mut state = json!({
                "Type": "Task",
                "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:step-{n}"),
            });
            match n {
                STEPS => state["End"] = json!(true),
                _ => state["Next"] = json!(format!("Step{}", n + 1)),
            }
            (format!("Step{n}"), state)
        })
        .collect();
    json!({ "StartAt": "Step1", "States": states }).to_string()
}

/// A step that hands its input on.
fn step() -> StepFunction {
    Arc::new(|request| Box::pin(async move { Ok(request.call.input) }))
}

fn delivery(message: aws_sdk_sqs::types::Message) -> Delivery {
    let attributes = message.attributes.unwrap();
    Delivery {
        message_id: message.message_id.unwrap(),
        receipt: message.receipt_handle.unwrap(),
        body: message.body.unwrap(),
        receive_count: attributes[&MessageSystemAttributeName::ApproximateReceiveCount].parse().unwrap(),
        sent_ms: Some(attributes[&MessageSystemAttributeName::SentTimestamp].parse().unwrap()),
    }
}

#[tokio::test]
async fn a_chain_of_five_steps_keeps_to_its_budget() {
    let chain = Chain::start().await;
    // What a Lambda environment learns once: the definition, and the queues' URLs.
    chain.start_run("first").await;
    for n in 1..=STEPS {
        chain.deliver(n, 1).await;
    }
    assert_eq!(chain.status("first").await, Status::Succeeded);
    chain.take();

    // The run item and its key in the list: two write units more than its steps.
    chain.start_run("second").await;
    let mut start = chain.take();
    // Which definition is the current one is asked every few seconds, whatever the number of starts.
    start.remove("GetItem");
    assert_eq!(start, bill(&[("PutItem", 1, 2.0), ("SendMessageBatch", 1, 0.0)]));
    for n in 1..STEPS {
        chain.deliver(n, 1).await;
        assert_eq!(chain.take(), bill(&[("PutItem", 1, 1.0), ("SendMessageBatch", 1, 0.0)]), "step {n}");
    }
    // The end: one write unit more, and nobody to send to.
    chain.deliver(STEPS, 1).await;
    assert_eq!(chain.take(), bill(&[("PutItem", 1, 1.0), ("UpdateItem", 1, 1.0)]));
    assert_eq!(chain.status("second").await, Status::Succeeded);
}

#[tokio::test]
async fn an_input_and_an_output_that_are_large_cost_an_item_each() {
    let chain = Chain::start().await;
    chain.start_run("first").await;
    for n in 1..=STEPS {
        chain.deliver(n, 1).await;
    }
    chain.take();
    chain.start_run_with("large", 600).await;
    let mut start = chain.take();
    start.remove("GetItem");
    assert_eq!(start, bill(&[("PutItem", 2, 3.0), ("SendMessageBatch", 1, 0.0)]));
    for n in 1..STEPS {
        chain.deliver(n, 1).await;
    }
    chain.take();
    chain.deliver(STEPS, 1).await;
    let mut end = chain.take();
    end.remove("GetItem");
    assert_eq!(end, bill(&[("PutItem", 2, 2.0), ("UpdateItem", 1, 1.0)]));
}

#[tokio::test]
async fn ten_messages_of_one_batch_cost_no_more_than_ten_of_one() {
    let chain = Chain::start().await;
    chain.start_run("first").await;
    chain.deliver(1, 1).await;
    chain.deliver(2, 1).await;
    for n in 0..10 {
        chain.start_run(&format!("run-{n}")).await;
    }
    chain.take();
    chain.deliver(1, 10).await;
    let batch = chain.take();
    // What is ready at the same time is sent together, so that the number of sends depends on the moment.
    let sends = batch["SendMessageBatch"].0;
    assert!((1..=10).contains(&sends), "{sends}");
    assert_eq!(batch, bill(&[("PutItem", 10, 10.0), ("SendMessageBatch", sends, 0.0)]));
}

#[tokio::test]
async fn a_rate_costs_a_batch_one_write_and_a_send_for_those_that_wait() {
    let flow = |per_second| Flow { rate: Rate::per_second(per_second), is_exclusive: false };
    let chain = Chain::with_flow(flow(100.0)).await;
    chain.start_run("first").await;
    chain.deliver(1, 1).await;
    chain.deliver(2, 1).await;
    for n in 0..10 {
        chain.start_run(&format!("run-{n}")).await;
    }
    chain.take();
    chain.deliver(1, 10).await;
    let mut batch = chain.take();
    assert!(batch.remove("SendMessageBatch").is_some());
    assert_eq!(batch, bill(&[("PutItem", 10, 10.0), ("UpdateItem", 1, 1.0)]));

    // One begins, and nine are sent again: in one call, for nothing else of theirs is done.
    let chain = Chain::with_flow(flow(0.01)).await;
    for n in 0..10 {
        chain.start_run(&format!("run-{n}")).await;
    }
    chain.take();
    chain.deliver(1, 10).await;
    let mut batch = chain.take();
    let sends = batch.remove("SendMessageBatch").unwrap().0;
    assert!((2..=3).contains(&sends), "{sends}");
    // The definition and the queue's address, which a process reads once.
    batch.remove("GetItem");
    batch.remove("GetQueueUrl");
    assert_eq!(batch, bill(&[("PutItem", 1, 1.0), ("UpdateItem", 1, 1.0)]));
}

#[tokio::test]
async fn an_exclusive_step_costs_one_write_more_and_no_read() {
    let chain = Chain::with_flow(Flow { rate: None, is_exclusive: true }).await;
    chain.start_run("first").await;
    for n in 1..=STEPS {
        chain.deliver(n, 1).await;
    }
    chain.start_run("second").await;
    chain.take();
    for n in 1..STEPS {
        chain.deliver(n, 1).await;
        assert_eq!(chain.take(), bill(&[("PutItem", 2, 2.0), ("SendMessageBatch", 1, 0.0)]), "step {n}");
    }
    chain.deliver(STEPS, 1).await;
    assert_eq!(chain.take(), bill(&[("PutItem", 2, 2.0), ("UpdateItem", 1, 1.0)]));
}

/// A Map whose branches are one step each.
fn map_definition() -> String {
    let work = json!({
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:step-1",
        "End": true,
    });
    let map = json!({
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": work } },
        "End": true,
    });
    json!({ "StartAt": "Each", "States": { "Each": map } }).to_string()
}

#[tokio::test]
async fn a_map_of_ten_keeps_to_its_budget() {
    let chain = Chain::start().await;
    chain.protocol.publish("map", &Definition::parse(&map_definition()).unwrap()).await.unwrap();
    let input = || json!({ "items": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
    chain.start_run_of("map", "first", input()).await;
    chain.deliver(1, 10).await;
    chain.deliver_from(QueueName::Timer, 1).await;
    chain.take();

    // What the fan-out was opened with, beside the run item; ten messages in one call. The flag of the root item is read,
    // and every few seconds which definition is the current one.
    chain.start_run_of("map", "second", input()).await;
    let mut start = chain.take();
    let reads = start.remove("GetItem").unwrap().0;
    assert!((1..=2).contains(&reads), "{reads}");
    assert_eq!(start, bill(&[("PutItem", 2, 3.0), ("SendMessageBatch", 1, 0.0)]));

    // Each branch: its flag, which may be a moment old; its record; its place in the list. The last one reports, and asks
    // for the join.
    chain.deliver(1, 10).await;
    let expected =
        [("GetItem", 10, 5.0), ("PutItem", 10, 10.0), ("UpdateItem", 11, 11.0), ("SendMessageBatch", 1, 0.0)];
    assert_eq!(chain.take(), bill(&expected));

    // The join: the run, what was opened, the root item and the part; a record of each branch. And the run's end.
    chain.deliver_from(QueueName::Timer, 1).await;
    let expected =
        [("GetItem", 4, 4.0), ("BatchGetItem", 1, 10.0), ("PutItem", 1, 1.0), ("UpdateItem", 1, 1.0)];
    assert_eq!(chain.take(), bill(&expected));
}

/// Who waits reads at most so much, in read units, whatever it waits for and however long.
const ANSWER_UNITS_MAX: f64 = 10.0;

/// Letters and digits that can't be compressed to less than three quarters.
fn noise(bytes: usize) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters[(seed >> 58) as usize] as char
    };
    (0..bytes).map(|_| next()).collect()
}

impl Chain {
    async fn ask(&self, name: &str, input: &Value, awaited: Awaited, wait_ms: i64) -> Answer {
        let request =
            StartRequest { workflow: "chain".to_owned(), name: name.to_owned(), input: input.clone() };
        let Asked { answer, .. } = self.protocol.ask(request, Some(&awaited), wait_ms).await.unwrap();
        answer
    }

    /// How often an operation was called since the last look at any, and the units that it took. A start that is repeated
    /// fails at its put.
    fn reads(&self, operation: &str) -> (usize, f64) {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let units = calls.iter().filter(|call| call.operation == operation);
        let units: Vec<f64> = units.map(|call| call.capacity_units.unwrap_or(0.0)).collect();
        (units.len(), units.iter().sum())
    }
}

#[tokio::test]
async fn an_answer_takes_at_most_ten_read_units() {
    let chain = Chain::start().await;
    chain.start_run("first").await;
    for n in 1..=STEPS {
        chain.deliver(n, 1).await;
    }
    chain.take();
    let state = |n: usize| Awaited::State(format!("Step{n}"));

    // It comes while the waiter looks, each time by a half unit.
    let small = json!({ "text": "x" });
    let (answer, ()) = tokio::join!(chain.ask("small", &small, state(1), 10_000), chain.deliver(1, 1));
    assert_eq!(answer, Answer::Output(small.clone()));
    let (looks, units) = chain.reads("Query");
    assert!(looks >= 1 && units <= ANSWER_UNITS_MAX && units == 0.5 * looks as f64, "{looks}: {units}");

    // It doesn't come.
    assert_eq!(chain.ask("small", &small, state(5), 1_000).await, Answer::Pending);
    let (looks, units) = chain.reads("Query");
    assert!((10..=19).contains(&looks) && units <= ANSWER_UNITS_MAX, "{looks}: {units}");
    assert_eq!(chain.ask("small", &small, Awaited::End, 1_000).await, Answer::Pending);
    // The start that was repeated reads the first record, and perhaps what is current.
    let (reads, units) = chain.reads("GetItem");
    assert!((10..=17).contains(&reads) && units <= ANSWER_UNITS_MAX, "{reads}: {units}");

    // Its messages are out of the way of the next one's.
    for n in 2..=STEPS {
        chain.deliver(n, 1).await;
    }

    // What is there is read at once, and the largest records are no more than it may be.
    let large = json!({ "text": noise(9_000) });
    chain.ask("large", &large, state(5), 0).await;
    for n in 1..=STEPS {
        chain.deliver(n, 1).await;
    }
    chain.reads("");
    assert_eq!(chain.ask("large", &large, state(4), 10_000).await, Answer::Output(large.clone()));
    let (looks, units) = chain.reads("Query");
    assert!((1..=3).contains(&looks) && (3.0..=ANSWER_UNITS_MAX).contains(&units), "{looks}: {units}");
    let Answer::Ended { status, ending } = chain.ask("large", &large, Awaited::End, 10_000).await else {
        panic!("it has ended");
    };
    assert_eq!((status, ending.output), (Status::Succeeded, Some(large)));
    let (reads, units) = chain.reads("GetItem");
    assert!(units <= ANSWER_UNITS_MAX, "{reads}: {units}");
}

#[tokio::test]
async fn a_search_attribute_costs_a_start_one_write_unit_and_its_look_up_reads_no_other_run() {
    let chain = Chain::with(|settings| {
        let search = SearchPaths::parse(&["$.customer", "$.order.id", "$.none"]).unwrap();
        settings
            .workflows
            .insert("chain".to_owned(), WorkflowSettings { search, ..WorkflowSettings::default() });
    })
    .await;
    let input = |n: usize| json!({ "customer": format!("c-{}", n % 4), "order": { "id": n } });
    for n in 0..20 {
        chain.start_run_of("chain", &format!("run-{n}"), input(n)).await;
    }
    chain.take();
    chain.start_run_of("chain", "run-20", input(20)).await;
    let mut start = chain.take();
    start.remove("GetItem");
    // The run item with its key in the list, and two of three attributes.
    assert_eq!(start, bill(&[("PutItem", 3, 4.0), ("SendMessageBatch", 1, 0.0)]));

    let host = chain.protocol.host();
    let query = Query::parse("customer=c-0", host.clock().now_ms(), host.settings()).unwrap();
    let plan = query.plan(&["chain".to_owned()], host.settings()).unwrap();
    let found =
        Walk::new(host.store(), &query, &plan, None, 100).next(host.clock().now_ms(), 100).await.unwrap();
    assert_eq!(found.len(), 6);
    // Eight partitions, of half a unit at least; and each run's item, as it is now.
    assert_eq!(chain.take(), bill(&[("GetItem", 6, 6.0), ("Query", 8, 4.0)]));
}
