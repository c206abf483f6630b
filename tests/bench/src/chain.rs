//! A chain of five steps under load.

use crate::{Result, process};
use futures::{StreamExt, stream::FuturesUnordered};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use stepladder_asl::Definition;
use stepladder_aws::{AwsHost, Environment, StackSpec, create_stack};
use stepladder_engine::{Outcome, Status};
use stepladder_local::{EventSourceMapping, FunctionConfig, Server, ServerConfig};
use stepladder_protocol::{
    Host, ITEM_VERSION, Payload, Protocol, QueueName, Record, RecordKey, RunId, RunKey, StartRequest, Store,
};
use tokio::{net::UdpSocket, sync::oneshot};

const STEPS: [&str; 5] = ["First", "Second", "Third", "Fourth", "Last"];
const WORKFLOW: &str = "chain";
/// A run that takes longer than this has lost its way.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// A stack with the chain in it.
pub(crate) struct Chain {
    server: Server,
    protocol: Arc<Protocol<AwsHost>>,
    ends: Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>,
    payload: Value,
    started: AtomicUsize,
}

/// What one load showed.
pub(crate) struct Load {
    pub(crate) at_once: usize,
    pub(crate) runs: usize,
    pub(crate) steps_per_second: f64,
    pub(crate) hop_p50_ms: f64,
    pub(crate) hop_p99_ms: f64,
    pub(crate) cpu_s_per_1000_steps: f64,
    pub(crate) step_mb: f64,
}

impl Load {
    pub(crate) fn json(&self) -> Value {
        let rounded = |number: f64| (number * 100.0).round() / 100.0;
        json!({
            "runs_at_once": self.at_once,
            "runs": self.runs,
            "steps_per_second": self.steps_per_second.round(),
            "hop_p50_ms": rounded(self.hop_p50_ms),
            "hop_p99_ms": rounded(self.hop_p99_ms),
            "cpu_s_per_1000_steps": rounded(self.cpu_s_per_1000_steps),
            "step_resident_mb": rounded(self.step_mb),
        })
    }
}

impl Chain {
    pub(crate) async fn start(data_dir: Option<PathBuf>, payload_bytes: usize) -> Result<Self> {
        let server = Server::start(ServerConfig { data_dir, ..ServerConfig::default() }).await?;
        let endpoint = server.endpoint_url();
        let host = AwsHost::connect(Environment::local(&endpoint, "bench")?).await;
        let steps = STEPS.iter().map(|step| (step.to_lowercase(), 10)).collect();
        create_stack(&host, &StackSpec { steps, system_timeout_seconds: 30 }).await?;

        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let functions = Functions { endpoint, tell: socket.local_addr()?.to_string() };
        for step in STEPS {
            functions.serve(
                &server,
                &step.to_lowercase(),
                "bench-step",
                &QueueName::Step(step.to_lowercase()),
            )?;
        }
        functions.serve(&server, "timer", "timer", &QueueName::Timer)?;
        functions.serve(&server, "dead-letter", "dead-letter", &QueueName::DeadLetter)?;

        let protocol = Arc::new(Protocol::new(host));
        protocol.publish(WORKFLOW, &definition()?).await?;
        let ends = Arc::default();
        tokio::spawn(hear(socket, Arc::clone(&ends)));
        let payload = json!({ "text": text(payload_bytes.saturating_sub(12)) });
        Ok(Self { server, protocol, ends, payload, started: AtomicUsize::new(0) })
    }

    /// Runs so many runs, so many of them at once; the next starts when one has ended.
    pub(crate) async fn run(&self, runs: usize, at_once: usize) -> Result<Load> {
        // Environments are warm before anything is measured.
        self.drive(at_once.min(runs), at_once).await?;
        let (cpu, started) = (process::cpu_seconds(), Instant::now());
        let ids = self.drive(runs, at_once).await?;
        let (elapsed, cpu) = (started.elapsed().as_secs_f64(), process::cpu_seconds() - cpu);
        let step_mb = process::largest_child_mb();
        let hops = self.hops(&ids).await?;
        let steps = (runs * STEPS.len()) as f64;
        Ok(Load {
            at_once,
            runs,
            steps_per_second: steps / elapsed,
            hop_p50_ms: quantile(&hops, 0.5),
            hop_p99_ms: quantile(&hops, 0.99),
            cpu_s_per_1000_steps: cpu / steps * 1000.0,
            step_mb,
        })
    }

    async fn drive(&self, runs: usize, at_once: usize) -> Result<Vec<RunId>> {
        let mut ids = Vec::with_capacity(runs);
        let mut going = FuturesUnordered::new();
        for _ in 0..runs {
            if going.len() >= at_once
                && let Some(id) = going.next().await
            {
                ids.push(id?);
            }
            going.push(self.one());
        }
        while let Some(id) = going.next().await {
            ids.push(id?);
        }
        Ok(ids)
    }

    async fn one(&self) -> Result<RunId> {
        let name = format!("run-{}", self.started.fetch_add(1, Ordering::Relaxed));
        let (end, ended) = oneshot::channel();
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), end);
        let request =
            StartRequest { workflow: WORKFLOW.to_owned(), name: name.clone(), input: self.payload.clone() };
        self.protocol.start(request).await?;
        tokio::time::timeout(RUN_TIMEOUT, ended).await.map_err(|_| format!("{name} did not end"))??;
        Ok(RunId::new(WORKFLOW, name))
    }

    /// The hops of all runs, in milliseconds, sorted: from one step's record to the next one's, averaged within a run,
    /// for a record's time has whole milliseconds.
    async fn hops(&self, ids: &[RunId]) -> Result<Vec<f64>> {
        let mut hops = Vec::with_capacity(ids.len());
        for id in ids {
            let view = self.ended(id).await?;
            if view.item.status != Status::Succeeded || view.records.len() != STEPS.len() {
                return Err(format!(
                    "{id} ended {:?} after {} records",
                    view.item.status,
                    view.records.len()
                )
                .into());
            }
            let first = view.records.first().map_or(0, |record| record.finished_ms);
            let last = view.records.last().map_or(0, |record| record.finished_ms);
            hops.push((last - first) as f64 / (STEPS.len() - 1) as f64);
        }
        hops.sort_by(f64::total_cmp);
        Ok(hops)
    }

    /// The last step tells of itself before its result is recorded.
    async fn ended(&self, id: &RunId) -> Result<stepladder_protocol::RunView> {
        let until = Instant::now() + RUN_TIMEOUT;
        loop {
            let view = self.protocol.view(id).await?.ok_or_else(|| format!("{id} is not there"))?;
            if view.item.status != Status::Running || Instant::now() > until {
                return Ok(view);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the store does by itself: conditional puts of small records, sixteen at once.
    pub(crate) async fn store_puts_per_second(&self, duration: Duration) -> Result<f64> {
        let (started, count) = (Instant::now(), AtomicUsize::new(0));
        let put = async |lane: usize| -> Result<()> {
            let run = RunKey { id: RunId::new("puts", format!("lane-{lane}")), nonce: "0".repeat(32) };
            let outcome = serde_json::to_vec(&Outcome::Succeeded { output: self.payload.clone() })?;
            for seq in 0.. {
                if started.elapsed() > duration {
                    break;
                }
                let key = RecordKey { run: run.clone(), branch: Default::default(), seq };
                self.protocol.host().store().put_record(&key, &record(seq, outcome.clone())).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        for lane in futures::future::join_all((0..16).map(put)).await {
            lane?;
        }
        Ok(count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
    }

    pub(crate) async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

/// What the functions of the stack have in common.
struct Functions {
    endpoint: String,
    tell: String,
}

impl Functions {
    /// The programs lie beside this one: one build makes them all.
    fn serve(&self, server: &Server, function: &str, program: &str, queue: &QueueName) -> Result<()> {
        let program = std::env::current_exe()?.with_file_name(program);
        if !program.exists() {
            return Err(format!("{} is missing: build the whole workspace first", program.display()).into());
        }
        let name = format!("bench-{function}");
        let env = [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("STEPLADDER_STACK", "bench"),
            ("STEPLADDER_ACCOUNT_ID", "000000000000"),
            ("STEPLADDER_LOG", "warn"),
            ("BENCH_TELL", self.tell.as_str()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        server.lambda().register(FunctionConfig {
            env,
            memory_mb: 256,
            ..FunctionConfig::new(&name, program)
        })?;
        server.lambda().map_queue(EventSourceMapping::new(format!("bench-{}", queue.short()), name))?;
        Ok(())
    }
}

/// Passes on what the last steps tell.
async fn hear(socket: UdpSocket, ends: Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>) {
    let mut datagram = [0; 256];
    while let Ok((length, _)) = socket.recv_from(&mut datagram).await {
        let name = String::from_utf8_lossy(datagram.get(..length).unwrap_or_default()).into_owned();
        if let Some(end) = ends.lock().unwrap_or_else(PoisonError::into_inner).remove(&name) {
            let _ = end.send(());
        }
    }
}

fn definition() -> Result<Definition> {
    let mut states = serde_json::Map::new();
    for (index, step) in STEPS.iter().enumerate() {
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", step.to_lowercase());
        let state = match STEPS.get(index + 1) {
            Some(next) => json!({ "Type": "Task", "Resource": arn, "Next": next }),
            None => json!({ "Type": "Task", "Resource": arn, "End": true }),
        };
        states.insert((*step).to_owned(), state);
    }
    let text = json!({ "StartAt": "First", "States": states }).to_string();
    Definition::parse(&text).map_err(|faults| faults.to_string().into())
}

/// Text that doesn't compress to nothing: as real payloads, about by half.
fn text(bytes: usize) -> String {
    let mut state = 1_u64;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'a' + (state >> 60) as u8)
        })
        .collect()
}

fn record(seq: u32, outcome: Vec<u8>) -> Record {
    Record {
        version: ITEM_VERSION,
        seq,
        owner: "0".repeat(32),
        outcome: Payload::Json(outcome),
        opening: None,
        end: None,
        queued_ms: Some(1),
        received_ms: Some(2),
        started_ms: Some(3),
        finished_ms: 4,
        receive_count: 1,
        request_id: None,
        digest: "0".repeat(16),
        semantics: 1,
        expires_s: i64::from(u32::MAX),
    }
}

/// Of sorted numbers.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * q).round() as usize;
    sorted.get(at).copied().unwrap_or_default()
}
