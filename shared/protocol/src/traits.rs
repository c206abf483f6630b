//! What the protocol needs from the world: a store, queues, blobs, a clock, and a way to call one function directly.
//!
//! Every method may fail, may be interrupted before or after it took effect, and may be called twice.

use crate::{
    activities::Activities,
    batch::Delivery,
    fan_outs::{FanOuts, Partition},
    item::{Close, Record, RecordKey, RedriveItem, RunId, RunItem, RunKey, WorkflowItem},
    lease::Leases,
    map_runs::MapRuns,
    objects::{Chunk, Formats, ListPage, Listing, ObjectError, ObjectName, Objects},
    pace::Paces,
    pause::Pauses,
    payload::Payload,
    search::Searches,
    tasks::Tasks,
    versions::{Beside, Versions},
};
use std::{fmt, future::Future, ops::Range};
use stepladder_asl::WorkflowType;
use stepladder_engine::Branch;

/// The world that the protocol runs in.
pub trait Host: Send + Sync {
    type Store: Store;
    type Queue: Queue;
    type Blobs: Blobs;
    type Clock: Clock;
    type Functions: Functions;
    type Schedules: Schedules;
    type Events: Events;
    type Objects: Objects;

    /// Whether messages come for steps alone, as to a step's own function. Whatever the other kinds ask for is then in no binary
    /// of it: a smaller one starts sooner.
    const STEPS_ALONE: bool = false;

    fn store(&self) -> &Self::Store;
    fn queue(&self) -> &Self::Queue;
    fn blobs(&self) -> &Self::Blobs;
    fn clock(&self) -> &Self::Clock;
    fn functions(&self) -> &Self::Functions;

    /// What waits longer than a queue can. Only the timer function has it, and only where the stack does; everyone else
    /// leaves long waits to the timer queue.
    fn schedules(&self) -> Option<&Self::Schedules>;

    /// Who is told of the ends of runs. Only the timer function has it, and only where the stack does.
    fn events(&self) -> Option<&Self::Events>;

    /// The buckets of the stack's users. Only the timer function has them.
    fn objects(&self) -> Option<&Self::Objects>;

    fn settings(&self) -> &crate::Settings;

    /// A look into the queues. Only whoever shows them has it.
    fn backlog(&self) -> Option<&dyn crate::Backlog> {
        None
    }

    /// A wrong rule, planted to prove that the simulation finds it. Never overridden outside the simulation.
    #[doc(hidden)]
    fn planted(&self) -> Option<crate::PlantedBug> {
        None
    }
}

/// An operation on the world failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError {
    /// What was tried, as a person would say it: "put record 3 of order/17".
    pub operation: String,
    pub message: String,
    pub retry: Retry,
}

/// Whether it helps to try the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// A network fault, a conflict of transactions: yes. It may or may not have taken effect.
    Later,
    /// There was too much of it: yes, after a while.
    Throttled,
    /// The request or the data itself is wrong: no. A missing permission or table is not: somebody may mend it.
    Never,
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)
    }
}

impl std::error::Error for WorldError {}

/// The answer of an operation on the world.
pub type WorldResult<T> = Result<T, WorldError>;

/// Runs, records and definitions. Reads are consistent unless a method says otherwise.
pub trait Store:
    Activities + FanOuts + Leases + MapRuns + Paces + Pauses + Searches + Tasks + Versions
{
    /// Writes a record unless there is one: the lock, the log and the state at once.
    fn put_record(
        &self,
        key: &RecordKey,
        record: &Record,
    ) -> impl Future<Output = WorldResult<PutRecord>> + Send;

    fn record(&self, key: &RecordKey) -> impl Future<Output = WorldResult<Option<Record>>> + Send;

    /// The records of one branch from `from_seq` on, in order: one page, at least one if there is one.
    fn records(
        &self,
        run: &RunKey,
        branch: &Branch,
        from_seq: u32,
    ) -> impl Future<Output = WorldResult<Vec<Record>>> + Send;

    /// The records of one branch with these seqs, in order: one page, at least one if there is one.
    fn records_within(
        &self,
        run: &RunKey,
        branch: &Branch,
        seqs: Range<u32>,
    ) -> impl Future<Output = WorldResult<Vec<Record>>> + Send {
        async move {
            let mut page = self.records(run, branch, seqs.start).await?;
            page.retain(|record| record.seq < seqs.end);
            Ok(page)
        }
    }

    /// The same at half the price: the newest may be missing, for a moment.
    fn records_seen(
        &self,
        run: &RunKey,
        branch: &Branch,
        seqs: Range<u32>,
    ) -> impl Future<Output = WorldResult<Vec<Record>>> + Send {
        self.records_within(run, branch, seqs)
    }

    /// Writes the run item unless there is one that has not expired at `now_ms`.
    fn create_run(&self, run: &RunItem, now_ms: i64) -> impl Future<Output = WorldResult<CreateRun>> + Send;

    /// The run item; one that has expired at `now_ms` counts as absent.
    fn run(&self, run: &RunId, now_ms: i64) -> impl Future<Output = WorldResult<Option<RunItem>>> + Send;

    /// [`Store::run`] at half the price: it may be as it was a moment before.
    fn run_seen(
        &self,
        run: &RunId,
        now_ms: i64,
    ) -> impl Future<Output = WorldResult<Option<RunItem>>> + Send {
        self.run(run, now_ms)
    }

    /// Closes the run if it is RUNNING with this nonce and redrive count. False: it isn't (any more).
    fn close_run(
        &self,
        run: &RunKey,
        redrive_count: u32,
        close: &Close,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// One transaction: [`Store::close_run`] and [`Store::put_record`]. False: one of the two conditions failed.
    fn close_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        close: &Close,
        record: (&RecordKey, &Record),
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// One transaction: the run goes back to RUNNING with `redrive_count + 1` and what `redrive` says, if it has ended (not SUCCEEDED)
    /// with `redrive_count`; and the record is put. False: one of the two conditions failed.
    fn reopen_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        redrive: &RedriveItem,
        record: (&RecordKey, &Record),
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// One transaction: the run that is RUNNING with `redrive_count` gets `redrive_count + 1` and what `redrive` says, and goes on; and
    /// the record is put. False: one of the two conditions failed.
    fn redirect_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        redrive: &RedriveItem,
        record: (&RecordKey, &Record),
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// Says on the run item that a message of it was parked, and why.
    fn note_parked(&self, run: &RunKey, reason: &str) -> impl Future<Output = WorldResult<()>> + Send;

    /// Writes a run's input or ending that is too large for the run item. Repeating it changes nothing.
    fn put_data(
        &self,
        run: &RunKey,
        slot: DataSlot,
        payload: &Payload,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    fn data(&self, run: &RunKey, slot: DataSlot)
    -> impl Future<Output = WorldResult<Option<Payload>>> + Send;

    /// Moves the expiry of all items of a partition to `expires_s` (seconds since the epoch).
    fn renew(&self, partition: &Partition, expires_s: i64) -> impl Future<Output = WorldResult<()>> + Send;

    /// Moves the expiry of the run item to `expires_s` (seconds since the epoch).
    fn renew_run(&self, run: &RunKey, expires_s: i64) -> impl Future<Output = WorldResult<()>> + Send;

    /// Stores a definition under its hash. It never changes, so repeating it changes nothing.
    fn put_definition(
        &self,
        workflow: &str,
        hash: &str,
        text: &str,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    fn definition(
        &self,
        workflow: &str,
        hash: &str,
    ) -> impl Future<Output = WorldResult<Option<String>>> + Send;

    /// Writes a workflow's item, if what is there is what `before` says: from then on it is in the lists, and new runs take
    /// its definition. False: it isn't.
    fn put_workflow(
        &self,
        workflow: &WorkflowItem,
        before: WorkflowBefore<'_>,
    ) -> impl Future<Output = WorldResult<bool>> + Send {
        self.put_workflow_with(workflow, before, Beside::default())
    }

    fn workflow(&self, name: &str) -> impl Future<Output = WorldResult<Option<WorkflowItem>>> + Send;

    /// The hash of the definition that new runs of the workflow take.
    fn current(&self, workflow: &str) -> impl Future<Output = WorldResult<Option<String>>> + Send {
        let found = self.workflow(workflow);
        async move { Ok(found.await?.map(|item| item.definition)) }
    }

    /// The names of all workflows that have a current definition, sorted.
    fn workflows(&self) -> impl Future<Output = WorldResult<Vec<String>>> + Send;

    /// The workflows whose names sort behind `after`, by the bytes of their names, at most `limit`: fewer only where there
    /// are no more.
    fn workflows_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<ListedWorkflow>>> + Send;

    /// The runs of a workflow that started in `from_ms..until_ms`, newest first, at most `limit`. From the list's index,
    /// so a run of the last moment may be missing.
    fn runs_started(
        &self,
        workflow: &str,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<ListedRun>>> + Send;
}

/// What a workflow's item has to be for another one to take its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WorkflowBefore<'a> {
    /// There is none.
    Absent,
    /// This one: it is as old, and has the same revision and versions.
    Is(&'a WorkflowItem),
}

/// A workflow, as the list of all of them knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedWorkflow {
    pub name: String,
    pub workflow_type: WorkflowType,
    /// Milliseconds since the epoch; as on the item.
    pub created_ms: Option<i64>,
}

/// A run, as the list's index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    pub id: RunId,
    /// Milliseconds since the epoch.
    pub started_ms: i64,
}

/// How a conditional put of a record went.
#[derive(Debug, Clone, PartialEq)]
pub enum PutRecord {
    Won,
    /// There was one already; this is it.
    Lost(Box<Record>),
}

/// How a conditional put of a run item went.
#[derive(Debug, Clone, PartialEq)]
pub enum CreateRun {
    Created,
    /// There was one already; this is it.
    Exists(Box<RunItem>),
}

/// The payloads of a run that have an item of their own where they are large.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataSlot {
    Input,
    /// What a rerun begins with: a place in its definition, and what is seen there.
    Beginning,
    /// An ending, by its name: 16 hex digits.
    Ending(String),
}

/// The queues of a stack.
pub trait Queue: Send + Sync {
    /// Sends up to ten messages, one MiB in all. One answer per message, in order.
    fn send(
        &self,
        queue: &QueueName,
        messages: &[Outgoing],
    ) -> impl Future<Output = WorldResult<Vec<Result<(), SendError>>>> + Send;

    /// Waits up to `wait_seconds` (at most 20) for one message of a queue, which nobody else gets for `hidden_seconds`. An
    /// error of [`Retry::Never`] may mean that there is no such queue.
    fn receive_one(
        &self,
        queue: &QueueName,
        wait_seconds: u32,
        hidden_seconds: u32,
    ) -> impl Future<Output = WorldResult<Option<Delivery>>> + Send;

    /// Makes an activity's queue, unless it is there: its messages are kept for 14 days, and encrypted as the stack's own are.
    fn create(&self, queue: &QueueName) -> impl Future<Output = WorldResult<()>> + Send;

    /// Deletes an activity's queue with all that is in it, if it is there.
    fn remove(&self, queue: &QueueName) -> impl Future<Output = WorldResult<()>> + Send;

    /// Acknowledges a received message.
    fn delete(&self, queue: &QueueName, receipt: &str) -> impl Future<Output = WorldResult<()>> + Send;

    /// Makes received messages visible again after so many seconds. Best effort: a failure changes nothing.
    fn change_visibility(
        &self,
        queue: &QueueName,
        receipts: &[(String, u32)],
    ) -> impl Future<Output = WorldResult<()>> + Send;
}

/// One message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub body: String,
    /// At most 900.
    pub delay_seconds: u32,
    /// Whose message it is: a queue that is fair lets no group starve the others. 1 to 128 letters, digits and punctuation, all
    /// ASCII; none: it is nobody's but its own.
    pub group: Option<String>,
}

impl Outgoing {
    /// A message of no group.
    pub fn new(body: impl Into<String>, delay_seconds: u32) -> Self {
        Self { body: body.into(), delay_seconds, group: None }
    }

    /// The same message as one of this group.
    #[must_use]
    pub fn of_group(self, group: Option<String>) -> Self {
        Self { group, ..self }
    }
}

/// Why one message could not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// There is no such queue: the step isn't in the stack.
    NoSuchQueue,
    /// Anything else; whether it helps to try again stands in it.
    Failed(WorldError),
}

/// A queue of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueName {
    /// The queue of a step's function, by the function's short name.
    Step(String),
    /// What calls everything that is no step of the stack.
    Invoke,
    /// The tasks of an activity, by the queue's own name without the stack's: [`QueueName::activity`].
    Activity(String),
    Start,
    Timer,
    DeadLetter,
    Parked,
    /// Gets a message per ended run, where the stack has it.
    Status,
}

impl QueueName {
    /// The queue of the activity of this name.
    pub fn activity(name: &str) -> Self {
        QueueName::Activity(format!("activity-{name}"))
    }

    /// The queues that no step has.
    pub const SYSTEM: [QueueName; 6] = [
        QueueName::Start,
        QueueName::Timer,
        QueueName::DeadLetter,
        QueueName::Parked,
        QueueName::Status,
        QueueName::Invoke,
    ];

    /// The queue's name without the stack's: a step's function, or the system queue's own name.
    pub fn short(&self) -> &str {
        match self {
            QueueName::Step(function) => function,
            QueueName::Invoke => "invoke",
            QueueName::Activity(queue) => queue,
            QueueName::Start => "start",
            QueueName::Timer => "timer",
            QueueName::DeadLetter => "dead-letter",
            QueueName::Parked => "parked",
            QueueName::Status => "status",
        }
    }
}

/// Large payloads, by key. Writing the same key twice writes the same bytes.
pub trait Blobs: Send + Sync {
    fn put(&self, key: &str, bytes: Vec<u8>) -> impl Future<Output = WorldResult<()>> + Send;

    /// Refuses to read more than `bytes_max`.
    fn get(&self, key: &str, bytes_max: usize) -> impl Future<Output = WorldResult<Option<Vec<u8>>>> + Send;
}

/// Time and chance: what the protocol can't compute.
pub trait Clock: Send + Sync {
    /// Milliseconds since the epoch.
    fn now_ms(&self) -> i64;

    fn sleep(&self, duration_ms: i64) -> impl Future<Output = ()> + Send;

    /// From a source that nobody can guess.
    fn random_u128(&self) -> u128;
}

/// A direct call of one function, past its queue.
pub trait Functions: Send + Sync {
    /// Hands one message to a step's function, alone, and waits for its answer.
    fn invoke(&self, function: &str, payload: String) -> impl Future<Output = WorldResult<Invoked>> + Send;
}

/// One-time schedules, for waits that are longer than a message's delay.
pub trait Schedules: Send + Sync {
    /// Has a message sent to the timer queue at some time. It may arrive a minute late, and twice.
    fn create(&self, schedule: &Schedule) -> impl Future<Output = WorldResult<Scheduled>> + Send;
}

/// A message, and when it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Equal names stand for the same wait. 32 hex digits.
    pub name: String,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    pub body: String,
}

/// What became of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduled {
    Created,
    /// There is one of the name: the wait is scheduled already.
    Exists,
}

/// Those who want to know how runs end.
pub trait Events: Send + Sync {
    fn put(&self, event: &StatusEvent) -> impl Future<Output = WorldResult<()>> + Send;
}

/// That a run has ended.
///
/// Rules find it by [`StatusEvent::SOURCE`] and [`StatusEvent::DETAIL_TYPE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEvent {
    /// When it ended, in milliseconds since the epoch.
    pub time_ms: i64,
    /// What it is about: the run's ARN and its state machine's.
    pub resources: Vec<String>,
    /// JSON in AWS's shape.
    pub detail: String,
}

impl StatusEvent {
    pub const SOURCE: &str = "stepladder";
    /// The event's name, as AWS calls it.
    pub const DETAIL_TYPE: &str = "Step Functions Execution Status Change";
}

/// What a host has where it has no schedules, no events or no objects.
#[derive(Debug, Clone, Copy)]
pub enum Absent {}

impl Schedules for Absent {
    async fn create(&self, _: &Schedule) -> WorldResult<Scheduled> {
        match *self {}
    }
}

impl Objects for Absent {
    fn formats(&self) -> Formats {
        match *self {}
    }

    async fn read(
        &self,
        _: &ObjectName,
        _: Option<&str>,
        _: u64,
        _: usize,
    ) -> WorldResult<Result<Chunk, ObjectError>> {
        match *self {}
    }

    async fn list(&self, _: &Listing, _: Option<&str>) -> WorldResult<Result<ListPage, ObjectError>> {
        match *self {}
    }

    async fn write(&self, _: &ObjectName, _: Vec<u8>, _: &str) -> WorldResult<Result<(), ObjectError>> {
        match *self {}
    }
}

impl Events for Absent {
    async fn put(&self, _: &StatusEvent) -> WorldResult<()> {
        match *self {}
    }
}

/// How a direct call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invoked {
    Returned(String),
    /// The function died or ran into its timeout: Lambda's error type and message.
    Died {
        error_type: String,
        message: String,
    },
    NoSuchFunction,
}
