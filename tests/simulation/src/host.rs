//! A world in memory.

mod activities;
mod fan_outs;
mod flow;
mod map_runs;
mod objects;
mod pauses;
mod queue;
mod redrives;
mod searches;
mod services;
mod tasks;
mod versions;
mod writes;

use crate::{
    hand::Hand, holders::Holders, outside::Outside, queues::Queues, scenario::Faults, verdict::Watch,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use stepladder_engine::{Branch, Outcome, Status};
use stepladder_protocol::{
    ActivityItem, Backlog, Close, CreateRun, DataSlot, EndedHow, Host, Invoked, ListedRun, ListedWorkflow,
    Partition, Payload, PlantedBug, PutRecord, Record, RecordKey, RedriveItem, Retry, RunId, RunItem, RunKey,
    Settings, StatusEvents, Store, TagsItem, WorkflowItem, WorldError, WorldResult,
};

/// A world in memory, as one process sees it. Clones share the world.
#[derive(Debug, Clone)]
pub struct MemoryHost {
    shared: Arc<Mutex<State>>,
    pub(crate) settings: Settings,
    planted: Option<PlantedBug>,
    skew_ms: i64,
    pub(crate) has_schedules: bool,
    pub(crate) has_events: bool,
    has_backlog: bool,
    reads_parquet: bool,
}

/// How a direct call of a function is carried out: by the scheduler.
pub(crate) type Invoke =
    Arc<dyn Fn(String, String) -> Pin<Box<dyn Future<Output = Invoked> + Send>> + Send + Sync>;

pub(crate) struct State {
    pub(crate) now_ms: i64,
    pub(crate) rng: StdRng,
    pub(crate) faults: Option<Faults>,
    pub(crate) runs: BTreeMap<RunId, RunItem>,
    pub(crate) records: BTreeMap<RecordKey, Record>,
    pub(crate) fan_outs: fan_outs::Items,
    flow: flow::Items,
    pub(crate) map_runs: map_runs::Items,
    pub(crate) pauses: pauses::Items,
    pub(crate) searches: searches::Items,
    pub(crate) tasks: tasks::Items,
    pub(crate) holders: Holders,
    activities: BTreeMap<String, (ActivityItem, Option<TagsItem>)>,
    /// Whether the stack has the function that calls what is no step.
    pub(crate) has_invoke: bool,
    data: BTreeMap<(RunKey, DataSlot), Payload>,
    definitions: BTreeMap<(String, String), String>,
    workflows: BTreeMap<String, WorkflowItem>,
    versions: versions::Items,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    /// By bucket and key: the users' own objects.
    pub(crate) objects: BTreeMap<(String, String), Vec<u8>>,
    pub(crate) queues: Queues,
    pub(crate) outside: Outside,
    /// Every message takes so much longer to arrive, in milliseconds.
    pub(crate) lag_ms: i64,
    pub(crate) watch: Watch,
    /// Whether what is written is watched: only the simulation writes what makes sense.
    pub(crate) watches: bool,
    pub(crate) invoke: Option<Invoke>,
    pub(crate) hand: Hand,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("now_ms", &self.now_ms)
            .field("runs", &self.runs)
            .finish_non_exhaustive()
    }
}

impl MemoryHost {
    /// A world without faults.
    pub fn new(seed: u64) -> Self {
        let state = State {
            now_ms: 1_700_000_000_000,
            rng: StdRng::seed_from_u64(seed),
            faults: None,
            runs: BTreeMap::new(),
            records: BTreeMap::new(),
            fan_outs: fan_outs::Items::default(),
            flow: flow::Items::default(),
            map_runs: map_runs::Items::default(),
            pauses: pauses::Items::default(),
            searches: searches::Items::default(),
            tasks: tasks::Items::default(),
            holders: Holders::default(),
            activities: BTreeMap::new(),
            has_invoke: false,
            data: BTreeMap::new(),
            definitions: BTreeMap::new(),
            workflows: BTreeMap::new(),
            versions: versions::Items::default(),
            blobs: BTreeMap::new(),
            objects: BTreeMap::new(),
            queues: Queues::default(),
            outside: Outside::default(),
            lag_ms: 0,
            watch: Watch::default(),
            watches: false,
            invoke: None,
            hand: Hand::default(),
        };
        let mut settings = Settings::new("sim", "us-east-1", "000000000000");
        settings.status_events = StatusEvents::All;
        settings.log_sample = 0.0;
        Self {
            shared: Arc::new(Mutex::new(state)),
            settings,
            planted: None,
            skew_ms: 0,
            has_schedules: false,
            has_events: false,
            has_backlog: true,
            reads_parquet: true,
        }
    }

    /// The same world, for somebody who may not look into its queues.
    pub fn without_backlog(&self) -> Self {
        Self { has_backlog: false, ..self.clone() }
    }

    /// The same world, for functions that are built without Parquet.
    pub fn without_parquet(&self) -> Self {
        Self { reads_parquet: false, ..self.clone() }
    }

    /// Gives the stack the function that calls services.
    pub fn add_invoke(&self) {
        self.state().has_invoke = true;
    }

    /// The same world, as another process with another clock sees it.
    pub(crate) fn process(&self, skew_ms: i64, planted: Option<PlantedBug>) -> Self {
        Self { skew_ms, planted, ..self.clone() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An await: whoever is here may be crashed or stalled before it goes on.
    async fn point(&self) {
        self.state().hand.points += 1;
        Yield(false).await;
    }

    /// An operation: interrupted before it, or after it when the answer is lost; throttled, or answered by an error
    /// although it took effect.
    pub(crate) async fn op<T>(
        &self,
        operation: &'static str,
        act: impl FnOnce(&mut State) -> WorldResult<T>,
    ) -> WorldResult<T> {
        self.point().await;
        let answer = {
            let mut state = self.state();
            state.now_ms += state.hand.operation_ms;
            if state.hand.notes(operation) {
                return Err(throttled(operation));
            }
            let chance = |state: &mut State, of: fn(&Faults) -> f64| {
                state.faults.is_some_and(|faults| state.rng.random_bool(of(&faults)))
            };
            if chance(&mut state, |faults| faults.throttle) {
                return Err(throttled(operation));
            }
            let answer = act(&mut state);
            match chance(&mut state, |faults| faults.lost_answer) {
                true => Err(later(operation, "the answer was lost")),
                false => answer,
            }
        };
        self.point().await;
        answer
    }
}

fn throttled(operation: &str) -> WorldError {
    WorldError { retry: Retry::Throttled, ..later(operation, "throttled") }
}

fn later(operation: &str, message: &str) -> WorldError {
    WorldError { operation: operation.to_owned(), message: message.to_owned(), retry: Retry::Later }
}

/// Pending once.
pub(crate) struct Yield(pub(crate) bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Host for MemoryHost {
    type Store = Self;
    type Queue = Self;
    type Blobs = Self;
    type Clock = Self;
    type Functions = Self;
    type Schedules = Self;
    type Events = Self;
    type Objects = Self;

    fn store(&self) -> &Self {
        self
    }
    fn queue(&self) -> &Self {
        self
    }
    fn blobs(&self) -> &Self {
        self
    }
    fn clock(&self) -> &Self {
        self
    }
    fn functions(&self) -> &Self {
        self
    }
    fn schedules(&self) -> Option<&Self> {
        self.has_schedules.then_some(self)
    }
    fn events(&self) -> Option<&Self> {
        self.has_events.then_some(self)
    }
    fn objects(&self) -> Option<&Self> {
        Some(self)
    }
    fn settings(&self) -> &Settings {
        &self.settings
    }
    fn backlog(&self) -> Option<&dyn Backlog> {
        self.has_backlog.then_some(self)
    }
    fn planted(&self) -> Option<PlantedBug> {
        self.planted
    }
}

impl State {
    fn put_record(&mut self, key: &RecordKey, record: &Record) -> PutRecord {
        if let Some(there) = self.records.get(key) {
            return PutRecord::Lost(Box::new(there.clone()));
        }
        self.insert_record(key, record);
        PutRecord::Won
    }

    fn insert_record(&mut self, key: &RecordKey, record: &Record) {
        let status = self
            .runs
            .get(&key.run.id)
            .filter(|run| run.nonce == key.run.nonce)
            .map(|run| (run.status, run.redrive_count));
        let has_previous = key.seq == 0
            || self.records.contains_key(&RecordKey { seq: key.seq.saturating_sub(1), ..key.clone() });
        if self.watches {
            let outcome = self.read(&key.run, &record.outcome);
            self.watch.recorded(key, record, &outcome, status, has_previous);
            if matches!(outcome, Outcome::Joined { .. } | Outcome::BranchFailed { .. }) {
                let ends = self.ends_below(key);
                let kept = self.kept_by(key);
                let tolerated = self.fan_outs.tolerated_then(key);
                self.watch.joined(key, &outcome, &ends, (kept, tolerated));
            }
        }
        self.records.insert(key.clone(), record.clone());
    }

    /// How the branches of a fan-out that have ended did: true for those that failed, which have no output, not even null.
    fn ends_below(&self, fan_out: &RecordKey) -> Vec<EndedHow> {
        let first = RecordKey { branch: fan_out.branch.child(fan_out.seq, 0), seq: 0, ..fan_out.clone() };
        let depth = first.branch.0.len();
        let is_below = |key: &RecordKey| {
            key.run == fan_out.run
                && key.branch.0.starts_with(&fan_out.branch.0)
                && key.branch.0.get(depth - 1).is_some_and(|fork| fork.seq == fan_out.seq)
        };
        let below = self.records.range(first..).take_while(|(key, _)| is_below(key));
        let own = below.filter(|(key, _)| key.branch.0.len() == depth);
        let ends = own.filter_map(|(key, record)| Some((key, record.end.as_ref()?)));
        let how = |key: &RecordKey, end: &Payload| {
            let end: Value = self.read(&key.run, end);
            match end.get("output") {
                Some(_) => EndedHow::Ok,
                None if end["error"] == "States.ItemReaderFailed" && key.seq == 0 => EndedHow::Unread,
                None => EndedHow::Failed,
            }
        };
        ends.map(|(key, end)| how(key, end)).collect()
    }

    /// How many results of others a redriven fan-out has.
    fn kept_by(&self, fan_out: &RecordKey) -> usize {
        let Some((_, opened)) = self.fan_outs.opened.get(fan_out) else { return 0 };
        let opened: Value = self.read(&fan_out.run, opened);
        let number = |pointer: &str| opened.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let kept = number("/position/resumes/total") - number("/position/resumes/left/count");
        usize::try_from(kept).unwrap()
    }

    /// What a payload holds, wherever it lies.
    pub(crate) fn read<T: DeserializeOwned>(&self, run: &RunKey, payload: &Payload) -> T {
        let unpacked = |bytes: &[u8]| zstd::stream::decode_all(bytes).unwrap();
        let json = match payload {
            Payload::Json(json) => json.clone(),
            Payload::Zstd(bytes) => unpacked(bytes),
            Payload::Blob(blob) => unpacked(&self.blobs[&blob.key(run)]),
        };
        serde_json::from_slice(&json).unwrap()
    }

    /// What a record says.
    pub(crate) fn outcome(&self, key: &RecordKey) -> Option<Outcome> {
        self.records.get(key).map(|record| self.read(&key.run, &record.outcome))
    }

    fn running(&mut self, run: &RunKey, redrive_count: u32) -> Option<&mut RunItem> {
        self.runs.get_mut(&run.id).filter(|item| {
            item.nonce == run.nonce && item.status == Status::Running && item.redrive_count == redrive_count
        })
    }

    fn expired(&self, expires_s: i64, now_ms: i64) -> bool {
        expires_s < now_ms / 1000
    }
}

fn close(item: &mut RunItem, close: &Close) {
    item.status = close.status;
    item.ended_ms = Some(close.ended_ms);
    item.ending = close.ending.clone();
    item.ending_item = close.ending_item.clone();
    item.error = close.error.clone();
    item.state = close.state.clone();
    if close.by.is_some() {
        item.by = close.by.clone();
    }
}

impl Store for MemoryHost {
    async fn put_record(&self, key: &RecordKey, record: &Record) -> WorldResult<PutRecord> {
        let unconditional = self.planted == Some(PlantedBug::UnconditionalPut);
        self.write("put record", self.partition_of(key), |state| {
            if unconditional {
                state.insert_record(key, record);
                return Ok(PutRecord::Won);
            }
            Ok(state.put_record(key, record))
        })
        .await
    }

    async fn record(&self, key: &RecordKey) -> WorldResult<Option<Record>> {
        self.op("get record", |state| Ok(state.records.get(key).cloned())).await
    }

    async fn records(&self, run: &RunKey, branch: &Branch, from_seq: u32) -> WorldResult<Vec<Record>> {
        self.op("query records", |state| {
            let from = RecordKey { run: run.clone(), branch: branch.clone(), seq: from_seq };
            let is_of_branch = |key: &RecordKey| key.run == *run && key.branch == *branch;
            let page = state.records.range(from..).take_while(|(key, _)| is_of_branch(key)).take(50);
            Ok(page.map(|(_, record)| record.clone()).collect())
        })
        .await
    }

    async fn create_run(&self, run: &RunItem, now_ms: i64) -> WorldResult<CreateRun> {
        self.write_run("put run", &run.id, |state| {
            if let Some(there) = state.runs.get(&run.id)
                && !state.expired(there.expires_s, now_ms)
            {
                return Ok(CreateRun::Exists(Box::new(there.clone())));
            }
            state.runs.insert(run.id.clone(), run.clone());
            Ok(CreateRun::Created)
        })
        .await
    }

    async fn run(&self, run: &RunId, now_ms: i64) -> WorldResult<Option<RunItem>> {
        self.op("get run", |state| {
            Ok(state.runs.get(run).filter(|item| !state.expired(item.expires_s, now_ms)).cloned())
        })
        .await
    }

    async fn close_run(&self, run: &RunKey, redrive_count: u32, with: &Close) -> WorldResult<bool> {
        self.write_run("close run", &run.id, |state| {
            let is_closed = state.running(run, redrive_count).map(|item| close(item, with)).is_some();
            if is_closed {
                state.watch.kept.closed(&run.nonce, redrive_count);
            }
            Ok(is_closed)
        })
        .await
    }

    async fn close_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        with: &Close,
        (key, record): (&RecordKey, &Record),
    ) -> WorldResult<bool> {
        self.write_run("stop run", &run.id, |state| {
            if state.records.contains_key(key) || state.running(run, redrive_count).is_none() {
                return Ok(false);
            }
            state.insert_record(key, record);
            if let Some(item) = state.running(run, redrive_count) {
                close(item, with);
            }
            state.watch.kept.closed(&run.nonce, redrive_count);
            Ok(true)
        })
        .await
    }

    async fn reopen_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        redrive: &RedriveItem,
        (key, record): (&RecordKey, &Record),
    ) -> WorldResult<bool> {
        let is_it = |item: &RunItem| !matches!(item.status, Status::Running | Status::Succeeded);
        self.redriven("redrive run", (run, redrive_count, redrive), (key, record), is_it).await
    }

    async fn redirect_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        redrive: &RedriveItem,
        (key, record): (&RecordKey, &Record),
    ) -> WorldResult<bool> {
        let is_it = |item: &RunItem| item.status == Status::Running;
        self.redriven("redirect run", (run, redrive_count, redrive), (key, record), is_it).await
    }

    async fn note_parked(&self, run: &RunKey, reason: &str) -> WorldResult<()> {
        self.op("note parked", |state| {
            if let Some(item) = state.runs.get_mut(&run.id).filter(|item| item.nonce == run.nonce) {
                item.parked = Some(reason.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn put_data(&self, run: &RunKey, slot: DataSlot, payload: &Payload, _: i64) -> WorldResult<()> {
        self.write("put data", Partition::Run(run.clone()), |state| {
            state.data.insert((run.clone(), slot), payload.clone());
            Ok(())
        })
        .await
    }

    async fn data(&self, run: &RunKey, slot: DataSlot) -> WorldResult<Option<Payload>> {
        self.op("get data", |state| Ok(state.data.get(&(run.clone(), slot)).cloned())).await
    }

    async fn renew(&self, partition: &Partition, expires_s: i64) -> WorldResult<()> {
        let part_branches = self.settings.part_branches;
        self.op("renew", |state| {
            for (key, record) in &mut state.records {
                if Partition::of(&key.run, &key.branch, part_branches) == *partition {
                    record.expires_s = expires_s;
                }
            }
            Ok(())
        })
        .await
    }

    async fn renew_run(&self, run: &RunKey, expires_s: i64) -> WorldResult<()> {
        self.op("renew run", |state| {
            if let Some(item) = state.runs.get_mut(&run.id).filter(|item| item.nonce == run.nonce) {
                item.expires_s = expires_s;
            }
            Ok(())
        })
        .await
    }

    async fn put_definition(&self, workflow: &str, hash: &str, text: &str) -> WorldResult<()> {
        self.op("put definition", |state| {
            state.definitions.insert((workflow.to_owned(), hash.to_owned()), text.to_owned());
            Ok(())
        })
        .await
    }

    async fn definition(&self, workflow: &str, hash: &str) -> WorldResult<Option<String>> {
        self.op("get definition", |state| {
            Ok(state.definitions.get(&(workflow.to_owned(), hash.to_owned())).cloned())
        })
        .await
    }

    async fn workflow(&self, name: &str) -> WorldResult<Option<WorkflowItem>> {
        self.op("get workflow", |state| Ok(state.workflows.get(name).cloned())).await
    }

    async fn workflows(&self) -> WorldResult<Vec<String>> {
        self.op("list workflows", |state| Ok(state.workflows.keys().cloned().collect())).await
    }

    async fn workflows_after(&self, after: Option<&str>, limit: usize) -> WorldResult<Vec<ListedWorkflow>> {
        self.op("list workflows", |state| {
            let behind = state.workflows.values().filter(|item| Some(item.name.as_str()) > after);
            let listed = |item: &WorkflowItem| ListedWorkflow {
                name: item.name.clone(),
                workflow_type: item.workflow_type,
                created_ms: item.created_ms,
            };
            Ok(behind.take(limit).map(listed).collect())
        })
        .await
    }

    async fn runs_started(
        &self,
        workflow: &str,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<ListedRun>> {
        self.op("list runs", |state| {
            let mut runs: Vec<&RunItem> = state
                .runs
                .values()
                .filter(|item| item.id.workflow == workflow && (from_ms..until_ms).contains(&item.started_ms))
                .collect();
            runs.sort_by_key(|item| std::cmp::Reverse((item.started_ms, item.id.clone())));
            let listed = |item: &RunItem| ListedRun { id: item.id.clone(), started_ms: item.started_ms };
            Ok(runs.into_iter().take(limit).map(listed).collect())
        })
        .await
    }
}
