//! A chain of five steps through its programs, unmodified, and what they ask for on the way.

use crate::{
    Result,
    counts::{Counts, Logs, Stored},
    limits::SCENARIO_TIMEOUT,
    process,
    proxy::{Proxy, Seen},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Environment, StackSpec, create_stack};
use stepladder_engine::Status;
use stepladder_local::{EventSourceMapping, FunctionConfig, Server, ServerConfig, sqs::QueueCounts};
use stepladder_protocol::{Clock, Host, Outgoing, Protocol, Queue, QueueName, RunId, StartRequest, Store};

pub(crate) const STEPS: usize = 5;
/// So many as a mapping takes out of a queue at once unless it waits for more.
const BATCH: usize = 10;
/// Messages that waited longer than ten seconds cost a read: this stays well below.
const WINDOW_MS: u64 = 1_000;
const STACK: &str = "cost";
const WORKFLOW: &str = "chain";
const STARTS_AT_ONCE: usize = 8;

/// How the runs come, and how full the batches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Each run is started by a call, as the command line does, and each message is a batch of its own.
    Singly,
    /// The same, but each run is started by a message to the start queue.
    SinglyByMessage,
    /// Runs are started by messages, and batches are full.
    InTens,
    /// Runs of one step are started by messages, and its batches of a hundred are each one call of its code.
    InHundreds,
}

impl Scenario {
    fn steps(self) -> usize {
        if self == Self::InHundreds { 1 } else { STEPS }
    }

    fn batch(self) -> usize {
        match self {
            Self::Singly | Self::SinglyByMessage => 1,
            Self::InTens => BATCH,
            Self::InHundreds => 10 * BATCH,
        }
    }

    fn program(self) -> &'static str {
        if self == Self::InHundreds { "cost-batch" } else { "cost-step" }
    }
}

/// What a chain is counted on.
#[derive(Debug)]
struct Chain {
    server: Server,
    proxy: Proxy,
    /// Past the proxy: what it asks is not counted.
    admin: Protocol<AwsHost>,
    /// Whoever starts the runs.
    client: Protocol<AwsHost>,
    logs: Arc<Mutex<Logs>>,
    scenario: Scenario,
    payload: Value,
}

/// Counts so many runs with payloads of so many bytes. `request_bytes` are what one billed request of SQS holds.
pub(crate) async fn count(
    scenario: Scenario,
    runs: usize,
    payload_bytes: usize,
    request_bytes: u64,
) -> Result<Counts> {
    let chain = Chain::start(scenario, payload_bytes, request_bytes).await?;
    match scenario {
        Scenario::Singly => {
            chain.open_steps()?;
            chain.call_starts(runs).await?;
        }
        Scenario::SinglyByMessage => {
            chain.open_steps()?;
            chain.open(&QueueName::Start)?;
            chain.send_starts(runs, 1).await?;
        }
        Scenario::InTens | Scenario::InHundreds => {
            chain.send_starts(runs, BATCH).await?;
            chain.open_steps()?;
            chain.open(&QueueName::Start)?;
        }
    }
    let counts = chain.end(runs).await;
    chain.server.shutdown().await;
    counts
}

/// What one sweep of a stack without runs asks for: the timer function's hourly look.
pub(crate) async fn count_sweep(request_bytes: u64) -> Result<Seen> {
    let chain = Chain::start(Scenario::Singly, 0, request_bytes).await?;
    chain.register(&QueueName::Timer, "timer")?;
    // The first one also learns what an environment learns once.
    for _ in 0..2 {
        chain.proxy.take();
        let outcome =
            chain.server.lambda().invoke(&full(&QueueName::Timer), r#"{"sweep":true}"#.into()).await?;
        if outcome.failed {
            let told = String::from_utf8_lossy(&outcome.payload).into_owned();
            return Err(format!("the sweep failed: {told}").into());
        }
    }
    let seen = chain.proxy.take();
    chain.server.shutdown().await;
    Ok(seen)
}

impl Chain {
    async fn start(scenario: Scenario, payload_bytes: usize, request_bytes: u64) -> Result<Self> {
        let server = Server::start(ServerConfig::default()).await?;
        let proxy = Proxy::start(&server.endpoint_url(), request_bytes).await?;
        let direct = Environment::local(&server.endpoint_url(), STACK)?;
        let mut counted = direct.clone();
        counted.endpoints.dynamodb = Some(proxy.url().to_owned());
        counted.endpoints.sqs = Some(proxy.url().to_owned());
        let admin = AwsHost::connect(direct).await;
        let steps = (1..=scenario.steps()).map(|step| (short(step), 10)).collect();
        create_stack(&admin, &StackSpec { steps, system_timeout_seconds: 30 }).await?;
        let logs = Arc::new(Mutex::new(Logs::default()));
        let sink = Arc::clone(&logs);
        server
            .lambda()
            .on_log(move |line| sink.lock().unwrap_or_else(PoisonError::into_inner).add(&line.text));
        let admin = Protocol::new(admin);
        admin.publish(WORKFLOW, &definition(scenario.steps())?).await?;
        let client = Protocol::new(AwsHost::connect(counted).await);
        let payload = json!({ "text": text(payload_bytes.saturating_sub(r#"{"text":""}"#.len())) });
        let chain = Self { server, proxy, admin, client, logs, scenario, payload };
        for step in chain.step_queues() {
            chain.register(&step, scenario.program())?;
        }
        chain.register(&QueueName::Start, "start")?;
        Ok(chain)
    }

    /// The programs lie beside this one: one build makes them all.
    fn register(&self, queue: &QueueName, program: &str) -> Result<()> {
        let program: PathBuf = std::env::current_exe()?.with_file_name(program);
        if !program.exists() {
            return Err(format!("{} is missing: `make cost` builds it", program.display()).into());
        }
        let endpoint = self.server.endpoint_url();
        let env = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.proxy.url()),
            ("AWS_ENDPOINT_URL_SQS", self.proxy.url()),
            ("STEPLADDER_STACK", STACK),
            ("STEPLADDER_ACCOUNT_ID", "000000000000"),
            ("STEPLADDER_LOG_SAMPLE", "1"),
            ("STEPLADDER_METRICS", "emf"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        // One environment each: what an environment learns once is then shared by as many runs as it would be in use.
        let config = FunctionConfig {
            env,
            memory_mb: 256,
            environments_max: 1,
            ..FunctionConfig::new(full(queue), program)
        };
        Ok(self.server.lambda().register(config)?)
    }

    fn open(&self, queue: &QueueName) -> Result<()> {
        let batch = match queue {
            QueueName::Start => self.scenario.batch().min(BATCH),
            _ => self.scenario.batch(),
        };
        let mapping = EventSourceMapping {
            batch_size: batch,
            // Waits for a full batch, as if there were always more to come; a full one goes at once.
            batching_window_ms: if batch > 1 { WINDOW_MS } else { 0 },
            ..EventSourceMapping::new(full(queue), full(queue))
        };
        Ok(self.server.lambda().map_queue(mapping)?)
    }

    fn open_steps(&self) -> Result<()> {
        self.step_queues().try_for_each(|step| self.open(&step))
    }

    fn step_queues(&self) -> impl Iterator<Item = QueueName> + use<> {
        (1..=self.scenario.steps()).map(queue)
    }

    fn request(&self, run: usize) -> StartRequest {
        StartRequest { workflow: WORKFLOW.to_owned(), name: name(run), input: self.payload.clone() }
    }

    async fn call_starts(&self, runs: usize) -> Result<()> {
        stream::iter(0..runs)
            .map(|run| async move { self.client.start(self.request(run)).await.map(|_| ()) })
            .buffer_unordered(STARTS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(())
    }

    /// So many messages to a call.
    async fn send_starts(&self, runs: usize, batch: usize) -> Result<()> {
        let runs: Vec<usize> = (0..runs).collect();
        for runs in runs.chunks(batch) {
            let message = |run: &usize| {
                let StartRequest { workflow, name, input } = self.request(*run);
                let body = json!({ "workflow": workflow, "name": name, "input": input }).to_string();
                Outgoing::new(body, 0)
            };
            let messages: Vec<Outgoing> = runs.iter().map(message).collect();
            for sent in self.client.host().queue().send(&QueueName::Start, &messages).await? {
                sent.map_err(|error| format!("a start was not sent: {error:?}"))?;
            }
        }
        Ok(())
    }

    fn counts(&self, queue: &QueueName) -> Result<QueueCounts> {
        Ok(self.server.queues().with(|queues, now_ms| queues.counts(&full(queue), now_ms))?)
    }

    /// Waits for the end of all runs, and adds up.
    async fn end(&self, runs: usize) -> Result<Counts> {
        for run in 0..runs {
            self.until_succeeded(run).await?;
        }
        self.until_idle().await?;
        let seen = self.proxy.take();
        if let Some((operation, calls)) = seen.iter().find(|(_, calls)| calls.failed > 0) {
            let failed = calls.failed;
            return Err(format!(
                "{failed} calls of {operation} failed, and what they cost is not known: run it again"
            )
            .into());
        }
        let lambda = self.server.lambda();
        let step_invocations = self.step_queues().map(|step| lambda.invocations(&full(&step))).sum();
        let sends = seen.get("SendMessageBatch").cloned().unwrap_or_default();
        let logs = *self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Counts {
            runs: runs as u64,
            steps: (runs * self.scenario.steps()) as u64,
            step_invocations,
            start_invocations: lambda.invocations(&full(&QueueName::Start)),
            // Whatever was sent was received once: all queues are empty, and no message came twice.
            messages: sends.messages,
            message_bytes: sends.message_bytes,
            logs,
            stored: self.stored().await?,
            cpu_seconds: process::cpu_seconds_of_children(),
            seen: self.expected(runs, seen)?,
        })
    }

    async fn until_succeeded(&self, run: usize) -> Result<()> {
        let id = RunId::new(WORKFLOW, name(run));
        let until = Instant::now() + SCENARIO_TIMEOUT;
        loop {
            let host = self.admin.host();
            let status = host.store().run(&id, host.clock().now_ms()).await?.map(|item| item.status);
            match status {
                Some(Status::Succeeded) => return Ok(()),
                Some(Status::Running) | None if Instant::now() < until => {}
                other => return Err(format!("{id} ended {other:?}").into()),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The last messages are deleted a moment after their runs have ended.
    async fn until_idle(&self) -> Result<()> {
        let until = Instant::now() + SCENARIO_TIMEOUT;
        let system = [QueueName::Start, QueueName::Timer, QueueName::DeadLetter, QueueName::Parked];
        for queue in self.step_queues().chain(system) {
            loop {
                let QueueCounts { visible, in_flight, delayed } = self.counts(&queue)?;
                if visible + in_flight + delayed == 0 {
                    break;
                }
                if Instant::now() > until {
                    return Err(format!(
                        "{queue:?} is not empty at the end: a message was left, or went astray"
                    )
                    .into());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// Nothing but what a chain is known to need: a count of something else would be a count of a fault.
    fn expected(&self, runs: usize, seen: Seen) -> Result<Seen> {
        let known = [
            "GetItem",
            "PutItem",
            "UpdateItem",
            "BatchGetItem",
            "SendMessageBatch",
            "SendMessage",
            "GetQueueUrl",
        ];
        if let Some(operation) = seen.keys().find(|operation| !known.contains(&operation.as_str())) {
            return Err(format!("{operation} was called, which a chain that goes well doesn't need").into());
        }
        let starts = if self.scenario == Scenario::Singly { 0 } else { runs };
        let messages = seen.get("SendMessageBatch").map_or(0, |calls| calls.messages);
        let wanted = (runs * self.scenario.steps() + starts) as u64;
        if messages != wanted {
            return Err(format!("{messages} messages were sent, and not {wanted}: some came twice").into());
        }
        Ok(seen)
    }

    async fn stored(&self) -> Result<Stored> {
        let mut stored = Stored::default();
        let host = self.admin.host();
        let mut pages =
            host.dynamodb().scan().table_name(&host.environment().table).into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item: HashMap<_, _> = item?;
            stored.add(&item);
        }
        let objects = host.s3().list_objects_v2().bucket(&host.environment().bucket).send().await?;
        match objects.key_count() {
            None | Some(0) => Ok(stored),
            Some(count) => {
                Err(format!("{count} payloads went to the bucket, which isn't counted: take smaller ones")
                    .into())
            }
        }
    }
}

fn short(step: usize) -> String {
    format!("step-{step}")
}

fn queue(step: usize) -> QueueName {
    QueueName::Step(short(step))
}

fn full(queue: &QueueName) -> String {
    format!("{STACK}-{}", queue.short())
}

/// As long as the names of EventBridge's events and of UUIDs.
fn name(run: usize) -> String {
    format!("00000000-0000-4000-8000-{run:012}")
}

fn definition(steps: usize) -> Result<Definition> {
    let states: serde_json::Map<String, Value> = (1..=steps)
        .map(|step| {
            let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", short(step));
            let state = match step {
                last if last == steps => json!({ "Type": "Task", "Resource": arn, "End": true }),
                _ => json!({ "Type": "Task", "Resource": arn, "Next": format!("Step{}", step + 1) }),
            };
            (format!("Step{step}"), state)
        })
        .collect();
    let text = json!({ "StartAt": "Step1", "States": states }).to_string();
    Definition::parse(&text).map_err(|faults| faults.to_string().into())
}

/// Text that compresses about by half, as real payloads do.
fn text(bytes: usize) -> String {
    let mut state = 1_u64;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + (state >> 60) as u8)
        })
        .collect()
}
