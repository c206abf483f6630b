//! The shapes of the answers. Names are snake_case, times RFC 3339 in UTC, durations in milliseconds; what is unknown is null,
//! and no member is ever left out. A member is added without a new version of the path; renamed or removed only with one.

use serde::Serialize;
use serde_json::{Map, Value};
use stepladder_asl::timestamp;
use stepladder_codes::Page;
use stepladder_engine::Status;
use stepladder_graph::Graph;
use stepladder_protocol::{Depths, KeptMessage, RunId, RunItem, Wait};
use utoipa::ToSchema;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RunStatus {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl From<Status> for RunStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Running => RunStatus::Running,
            Status::Succeeded => RunStatus::Succeeded,
            Status::Failed => RunStatus::Failed,
            Status::TimedOut => RunStatus::TimedOut,
            Status::Aborted => RunStatus::Aborted,
        }
    }
}

/// A run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Run {
    /// `workflow/name`
    pub(super) id: String,
    pub(super) workflow: String,
    pub(super) name: String,
    pub(super) status: RunStatus,
    /// The name of the error that it ended with.
    pub(super) error: Option<String>,
    pub(super) started_at: String,
    /// Null while it runs.
    pub(super) ended_at: Option<String>,
    pub(super) duration_ms: Option<i64>,
    /// The hash of its definition; after a redrive on another one that one's.
    pub(super) definition: String,
    /// How often it was sent on from its end.
    pub(super) redrive_count: u32,
    /// `workflow/name` of the run that it does again.
    pub(super) rerun_of: Option<String>,
    /// Why a message of it was parked.
    pub(super) parked: Option<String>,
}

impl Run {
    pub(super) fn new(item: &RunItem) -> Self {
        Self {
            id: item.id.to_string(),
            workflow: item.id.workflow.clone(),
            name: item.id.name.clone(),
            status: item.status.into(),
            error: item.error.clone(),
            started_at: timestamp::format(item.started_ms),
            ended_at: item.ended_ms.map(timestamp::format),
            duration_ms: item.ended_ms.map(|ended_ms| ended_ms.saturating_sub(item.started_ms)),
            definition: item.definition_now().to_owned(),
            redrive_count: item.redrive_count,
            rerun_of: item.rerun_of.as_ref().map(|run| format!("{}/{}", item.id.workflow, run.name)),
            parked: item.parked.clone(),
        }
    }
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Runs {
    pub(super) runs: Vec<Run>,
    /// Runs among them whose item can't be read: damaged, or written by a newer version.
    pub(super) unreadable: Vec<Unreadable>,
    /// So many runs were read for this page.
    pub(super) looked_at: usize,
    /// The cursor of the next page; null: there is none.
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Unreadable {
    /// `workflow/name`
    pub(super) id: String,
    pub(super) problem: String,
}

/// One run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunDetails {
    #[serde(flatten)]
    pub(super) run: Run,
    /// What the error is about.
    pub(super) cause: Option<String>,
    /// Whether it goes on and is paused, by itself or by its workflow: then none of its steps' code begins.
    pub(super) paused: bool,
    /// What its branches wait for, the root first; empty once it has ended.
    pub(super) waits: Vec<Waiting>,
    /// So many more branches wait for something.
    pub(super) waits_left_out: usize,
    /// Why something above can't be told: a part of the run is missing, or can't be read.
    pub(super) problem: Option<String>,
    /// Null unless it is asked for.
    pub(super) data: Option<RunData>,
}

/// What a branch of a run waits for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Waiting {
    /// The branch's path; empty for the root.
    pub(super) branch: String,
    pub(super) state: String,
    /// `step`: the answer of its step; `timer`: a time; `answer`: that of whoever was asked; `branches`: their ends; `turn`: its
    /// message.
    pub(super) awaiting: &'static str,
    /// 1 for the first attempt.
    pub(super) attempt: u64,
    pub(super) entered_at: String,
    /// When it is over, or its message is due, where a time was set for it.
    pub(super) due_at: Option<String>,
}

impl From<Wait> for Waiting {
    fn from(wait: Wait) -> Self {
        Self {
            branch: wait.branch.to_string(),
            state: wait.state,
            awaiting: wait.awaiting,
            attempt: wait.attempt,
            entered_at: timestamp::format(wait.entered_ms),
            due_at: wait.due_ms.map(timestamp::format),
        }
    }
}

/// A page of timers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timers {
    /// The earliest first, within the page.
    pub(super) timers: Vec<Timer>,
    /// Of a run that has more than 100 the earliest are shown; so many others are not.
    pub(super) left_out: usize,
    /// Runs that can't be read: damaged, written by a newer version, or with more than 10,000 records.
    pub(super) unreadable: Vec<Unreadable>,
    /// So many runs were looked at for this page.
    pub(super) looked_at: usize,
    /// So many of them were going on, and were read with all of their records.
    pub(super) runs_read: usize,
    /// The cursor of the next page; null: there is none.
    pub(super) next: Option<String>,
}

/// What happens to a run at a time, unless something else comes first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Timer {
    /// `workflow/name`
    pub(super) run: String,
    pub(super) workflow: String,
    /// The branch's path; empty for the root.
    pub(super) branch: String,
    /// Null where it is the limit of the whole run.
    pub(super) state: Option<String>,
    pub(super) kind: TimerKind,
    /// 1 for the first attempt.
    pub(super) attempt: u64,
    /// One that has passed is being handled, or is late.
    pub(super) due_at: String,
}

impl Timer {
    pub(super) fn new(run: &RunId, timer: stepladder_protocol::Timer) -> Self {
        Self {
            run: run.to_string(),
            workflow: run.workflow.clone(),
            branch: timer.branch.to_string(),
            state: timer.state,
            kind: timer.kind.into(),
            attempt: timer.attempt,
            due_at: timestamp::format(timer.due_ms),
        }
    }
}

/// `wait`: a Wait state ends; `retry`: a state that failed is tried again; `timeout`, `heartbeat`: the TimeoutSeconds or
/// HeartbeatSeconds of a task that somebody else answers are over; `run_timeout`: the run's own TimeoutSeconds are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimerKind {
    Wait,
    Retry,
    Timeout,
    Heartbeat,
    RunTimeout,
}

impl TimerKind {
    pub(super) const NAMES: [&str; 5] = ["wait", "retry", "timeout", "heartbeat", "run_timeout"];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            TimerKind::Wait => "wait",
            TimerKind::Retry => "retry",
            TimerKind::Timeout => "timeout",
            TimerKind::Heartbeat => "heartbeat",
            TimerKind::RunTimeout => "run_timeout",
        }
    }
}

impl From<stepladder_protocol::TimerKind> for TimerKind {
    fn from(kind: stepladder_protocol::TimerKind) -> Self {
        use stepladder_protocol::TimerKind as Kind;
        match kind {
            Kind::Wait => TimerKind::Wait,
            Kind::Retry => TimerKind::Retry,
            Kind::Timeout => TimerKind::Timeout,
            Kind::Heartbeat => TimerKind::Heartbeat,
            Kind::RunTimeout => TimerKind::RunTimeout,
        }
    }
}

/// A run's data.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunData {
    pub(super) input: Option<Payload>,
    /// Null unless it has succeeded.
    pub(super) output: Option<Payload>,
}

/// A JSON value, or its size where it is too large for an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Payload {
    /// As JSON text.
    pub(super) bytes: usize,
    /// Whether it stands here: what has more than 2 MiB doesn't.
    pub(super) is_included: bool,
    pub(super) value: Value,
}

/// What a stop may say.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct Stop {
    /// The error that the run ends with, of at most 256 characters.
    pub(super) error: Option<String>,
    /// What it is about, in at most 32,768 characters.
    pub(super) cause: Option<String>,
    /// A state of the definition's top level that undoes what was done: the run goes on to it, instead of just ending.
    pub(super) compensate: Option<String>,
}

/// Nothing is to be told: an object without members, or no body at all.
#[derive(Debug, ToSchema)]
pub(super) struct Nothing {}

/// A run to be started.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct NewRun {
    /// With the same name and input it is the same run; unless given, each start is a run of its own. 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80)]
    pub(super) name: Option<String>,
    /// An empty object, unless given.
    pub(super) input: Option<Value>,
}

/// A run that was started, and what it gave so far.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answered {
    /// `workflow/name`
    pub(super) id: String,
    /// Where it can be looked at.
    pub(super) href: String,
    /// `state`: the output is that of the state; `end`: that of the run, because it was asked for, or because the run never came
    /// to the state; null: nothing yet, or nothing was asked for.
    pub(super) answered_by: Option<AnsweredBy>,
    /// Null until there is one.
    pub(super) output: Option<Payload>,
}

/// What an output is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AnsweredBy {
    State,
    End,
}

/// How a stop went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stopped {
    /// `workflow/name`
    pub(super) id: String,
    /// False: the run was busy, and the stop will be tried again by itself within minutes.
    pub(super) is_done: bool,
}

/// Whether a workflow or a run is paused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Paused {
    /// The workflow's name, or `workflow/name` of the run.
    pub(super) id: String,
    pub(super) paused: bool,
}

/// A page of a run's history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    pub(super) events: Vec<Event>,
    /// How many there are by now.
    pub(super) count: usize,
    /// The cursor of the next page; null: there is none.
    pub(super) next: Option<String>,
}

/// An event of a history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Event {
    /// From 1 on.
    pub(super) id: u64,
    /// The event that led to it; 0: none.
    pub(super) previous_id: u64,
    pub(super) timestamp: String,
    /// As AWS spells it: `LambdaFunctionSucceeded`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Members named as in AWS's HistoryEvent, their values as JSON.
    pub(super) details: Map<String, Value>,
    /// Members of the details that are too large for an answer.
    pub(super) left_out: Vec<&'static str>,
}

/// A page of workflows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workflows {
    pub(super) workflows: Vec<Workflow>,
    /// The cursor of the next page; null: there is none.
    pub(super) next: Option<String>,
}

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workflow {
    pub(super) name: String,
    /// `STANDARD` or `EXPRESS`
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// Null where that was not kept yet when it was made.
    pub(super) created_at: Option<String>,
}

/// One workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkflowDetails {
    #[serde(flatten)]
    pub(super) workflow: Workflow,
    pub(super) updated_at: Option<String>,
    /// Names its present state; each update draws another. Null before the first one.
    pub(super) revision: Option<String>,
    /// Whether none of its runs' steps begins.
    pub(super) paused: bool,
    pub(super) definition: DefinitionDetails,
}

/// A definition.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DefinitionDetails {
    pub(super) hash: String,
    /// Whether new runs take it.
    pub(super) is_current: bool,
    /// Amazon States Language.
    pub(super) states_language: Value,
}

/// A definition as nodes and edges.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WorkflowGraph {
    pub(super) workflow: String,
    /// The definition's hash.
    pub(super) definition: String,
    pub(super) graph: Graph,
}

/// A page of queues.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queues {
    pub(super) queues: Vec<Queue>,
    /// The cursor of the next page; null: there is none.
    pub(super) next: Option<String>,
}

/// A queue, and about how many messages it holds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queue {
    /// Without the stack's name: a function, or the system queue's own name.
    pub(super) name: String,
    /// Whether it belongs to the system, and to no step.
    pub(super) is_system: bool,
    /// They wait for somebody.
    pub(super) visible: u64,
    /// Somebody holds them.
    pub(super) in_flight: u64,
    /// They are not due yet.
    pub(super) delayed: u64,
}

impl Queue {
    pub(super) fn new(name: String, is_system: bool, depths: Depths) -> Self {
        let Depths { visible, in_flight, delayed } = depths;
        Self { name, is_system, visible, in_flight, delayed }
    }
}

/// Messages that nobody could handle.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadLetters {
    /// `parked` or `dead-letter`
    pub(super) queue: &'static str,
    pub(super) messages: Vec<DeadLetter>,
    /// Whether there was no further one that nobody else held.
    pub(super) is_all: bool,
    /// How many the queue holds, about, after the look.
    pub(super) held: u64,
}

/// A message, as far as it can be read. What can't be told is null.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadLetter {
    /// The message's id in the queue that it is in now.
    pub(super) id: String,
    /// The queue that it was in before, without the stack's name.
    pub(super) from: Option<String>,
    /// `workflow/name`
    pub(super) run: Option<String>,
    /// What it asks for: step, timer, start …
    pub(super) ask: Option<&'static str>,
    pub(super) state: Option<String>,
    /// Why it was parked.
    pub(super) reason: Option<String>,
    /// When it came into the queue; of a dead letter, when it was first sent.
    pub(super) sent_at: Option<String>,
    /// How often it was received before it was parked; of a dead letter, by now.
    pub(super) receive_count: u32,
    /// Its version, where it is newer than this program.
    pub(super) newer_version: Option<u64>,
    /// It was too large to be kept whole.
    pub(super) is_cut: bool,
    /// Null unless it is asked for.
    pub(super) payload: Option<Payload>,
}

impl DeadLetter {
    pub(super) fn new(message: KeptMessage, payload: Option<Payload>) -> Self {
        Self {
            id: message.id,
            from: message.from,
            run: message.run,
            ask: message.ask,
            state: message.state,
            reason: message.reason,
            sent_at: message.sent_ms.map(timestamp::format),
            receive_count: message.receive_count,
            newer_version: message.newer_version,
            is_cut: message.is_cut,
            payload,
        }
    }
}

/// Why a request is refused: problem details, RFC 9457.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct ProblemDetails {
    /// Where the code's page is.
    #[schema(rename = "type")]
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) status: u16,
    /// What is wrong with this request.
    pub(super) detail: String,
    /// What `stepladder explain` knows.
    pub(super) code: String,
    /// The run that did not succeed, where that is the answer.
    pub(super) run: Option<FailedRun>,
}

/// A run that did not succeed.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct FailedRun {
    /// `workflow/name`
    pub(super) id: String,
    /// Where it can be looked at.
    pub(super) href: String,
    pub(super) status: RunStatus,
    /// The name of the error that it ended with.
    pub(super) error: Option<String>,
    /// What the error is about.
    pub(super) cause: Option<String>,
}

/// The page of a code.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemPage {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    /// What happened, and what it comes from.
    pub(super) explanation: &'static str,
    pub(super) next_step: &'static str,
}

impl From<Page> for ProblemPage {
    fn from(page: Page) -> Self {
        let Page { code, title, explanation, next_step } = page;
        Self { code, title, explanation, next_step }
    }
}

/// OpenAPI 3.1.
#[derive(Debug, ToSchema)]
#[allow(dead_code)]
pub(super) struct Document {
    pub(super) openapi: String,
    pub(super) info: Map<String, Value>,
    pub(super) paths: Map<String, Value>,
    pub(super) components: Map<String, Value>,
}
