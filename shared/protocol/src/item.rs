//! The items of the table, as the protocol sees them. `shared/aws` says how they lie in DynamoDB.

use crate::{limits, payload::Payload};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use stepladder_asl::WorkflowType;
use stepladder_engine::{Branch, Opening, Run, RunDefinitions, Status, TaskKey};

/// The version that this code writes. Older ones are read for ever; newer ones are handed back.
pub const ITEM_VERSION: u32 = 1;

/// `workflow/name`: what a person types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId {
    pub workflow: String,
    pub name: String,
}

impl RunId {
    pub fn new(workflow: impl Into<String>, name: impl Into<String>) -> Self {
        Self { workflow: workflow.into(), name: name.into() }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.workflow, self.name)
    }
}

/// One run and no other of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunKey {
    pub id: RunId,
    pub nonce: String,
}

impl RunKey {
    pub fn of(run: &Run) -> Self {
        Self { id: RunId::new(&run.workflow, &run.name), nonce: run.nonce.clone() }
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// The lock of a position: one record, written once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    pub run: RunKey,
    pub branch: Branch,
    pub seq: u32,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.branch.is_root() {
            true => write!(f, "record {} of {}", self.seq, self.run),
            false => write!(f, "record {} of branch {} of {}", self.seq, self.branch, self.run),
        }
    }
}

/// One transition, recorded. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub version: u32,
    pub seq: u32,
    /// The id of the message that wrote it.
    pub owner: String,
    /// The outcome, as JSON.
    pub outcome: Payload,
    /// Only in the first record of a branch: what the branch was started with.
    pub opening: Option<Opening>,
    /// Only in the last record of a branch: what the branch ended with, as JSON, so that the join needs no replay.
    pub end: Option<Payload>,
    /// When the message was sent.
    pub queued_ms: Option<i64>,
    /// When its delivery that won was received.
    pub received_ms: Option<i64>,
    /// When the step's code started.
    pub started_ms: Option<i64>,
    /// When it was over: the transition's own time.
    pub finished_ms: i64,
    pub receive_count: u32,
    /// Lambda's request id, to find the log.
    pub request_id: Option<String>,
    /// Where the transition led, as a digest.
    pub digest: String,
    /// The engine's semantics number.
    pub semantics: u32,
    /// Seconds since the epoch.
    pub expires_s: i64,
}

/// One run. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct RunItem {
    pub version: u32,
    pub id: RunId,
    pub nonce: String,
    pub definition: String,
    pub status: Status,
    pub redrive_count: u32,
    pub region: String,
    pub account: String,
    pub role_arn: String,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    /// The input where it is small; else it has an item of its own.
    pub input: Option<Payload>,
    /// The first 32 hex digits of the SHA-256 of the input's JSON: tells whether a repeated start has the same input.
    pub input_digest: String,
    /// Output, error and cause where they are small.
    pub ending: Option<Payload>,
    /// Else the name of the item that holds them: a hash of what they are, for an end that lost against another must not
    /// overwrite what that one wrote.
    pub ending_item: Option<String>,
    /// The error's name, for lists.
    pub error: Option<String>,
    /// The state of the top level in which it failed, timed out or was stopped; none where the item was written before this was
    /// kept.
    pub state: Option<String>,
    /// The message that stopped or redrove it last.
    pub by: Option<String>,
    /// Its last redrives, the newest at the end; fewer than there were where the item was written before this was kept.
    pub redrives: Vec<Redrive>,
    /// The redrives that took another definition than the one before; `definition` is the one that it was started on.
    pub redefined: Vec<Redefined>,
    /// The run that it does again.
    pub rerun_of: Option<RerunOf>,
    /// The state where it begins, if that is not where its definition does: [`DataSlot::Beginning`](crate::DataSlot) holds
    /// what is seen there.
    pub begins_at: Option<String>,
    /// Why a message of it was parked.
    pub parked: Option<String>,
    /// The task that waits for its end.
    pub parent: Option<ParentTask>,
    /// Seconds since the epoch.
    pub expires_s: i64,
    /// The version and the alias of the workflow that it was started with.
    pub workflow_version: Option<u32>,
    pub alias: Option<String>,
    /// Whose it is: the group of its messages.
    pub tenant: Option<String>,
}

/// A task of one run that waits for the end of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentTask {
    pub run: RunKey,
    pub task: TaskKey,
}

/// A run that another one does again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunOf {
    /// It is of the same workflow.
    pub name: String,
    pub nonce: String,
}

/// A redrive that took another definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redefined {
    /// The redrive count since which it is in force.
    pub redrive_count: u32,
    /// The definition's hash.
    pub definition: String,
}

impl RunItem {
    /// The hash of the definition that is in force.
    pub fn definition_now(&self) -> &str {
        self.redefined.last().map_or(&self.definition, |redefined| &redefined.definition)
    }

    pub fn key(&self) -> RunKey {
        RunKey { id: self.id.clone(), nonce: self.nonce.clone() }
    }

    /// Whether what was recorded of it may be gone: its item outlives that by a day.
    pub fn is_expiring(&self, now_ms: i64) -> bool {
        self.expires_s.saturating_sub(limits::RUN_ITEM_EXTRA_S) <= now_ms / 1000
    }

    /// When it was last redriven, in milliseconds since the epoch.
    pub fn redriven_ms(&self) -> Option<i64> {
        self.redrives.last().map(|redrive| redrive.at_ms)
    }

    /// When the redrive was that brought it to this redrive count; none where that isn't kept any more.
    pub(crate) fn redriven_to_ms(&self, redrive_count: u32) -> Option<i64> {
        let since = usize::try_from(self.redrive_count.checked_sub(redrive_count)?).ok()?;
        self.redrives.iter().rev().nth(since).map(|redrive| redrive.at_ms)
    }

    /// The run as the engine sees it, with its input if one of its definitions mentions it.
    pub(crate) fn run_with(&self, definitions: &RunDefinitions, input: &Value) -> Run {
        let is_mentioned = definitions.each().any(|definition| definition.mentions_execution_input);
        Run { input: is_mentioned.then(|| input.clone()), ..self.run() }
    }

    /// The run as the engine sees it, without its input.
    pub fn run(&self) -> Run {
        Run {
            workflow: self.id.workflow.clone(),
            name: self.id.name.clone(),
            nonce: self.nonce.clone(),
            definition: self.definition_now().to_owned(),
            region: self.region.clone(),
            account: self.account.clone(),
            role_arn: self.role_arn.clone(),
            started_ms: self.started_ms,
            redrive_count: self.redrive_count,
            redriven_ms: self.redriven_ms(),
            version: self.workflow_version,
            alias: self.alias.clone(),
            tenant: self.tenant.clone(),
            child: self.parent.is_some(),
            input: None,
            context: None,
        }
    }
}

/// One redrive of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The first 16 hex digits of the id of the message that did it.
    pub by: String,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
}

impl Redrive {
    pub fn new(by: &str, at_ms: i64) -> Self {
        Self { by: by.chars().take(16).collect(), at_ms }
    }

    /// Whether the message with this id did it.
    pub fn is_by(&self, id: &str) -> bool {
        id.starts_with(&self.by)
    }
}

/// What a redrive writes on the run item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveItem {
    /// The message that asks for it.
    pub by: String,
    /// As on the run item, with this one.
    pub redrives: Vec<Redrive>,
    /// As on the run item, with this one; empty where the run has only ever had one.
    pub redefined: Vec<Redefined>,
}

/// One workflow: what its new runs take. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowItem {
    pub name: String,
    pub workflow_type: WorkflowType,
    /// The hash of the definition that new runs take.
    pub definition: String,
    /// None where the item was written before this was kept.
    pub created_ms: Option<i64>,
    pub updated_ms: Option<i64>,
    /// Names this state of it; each update draws another. None before the first one.
    pub revision: Option<String>,
    /// What the Context object of its runs shows as their role; none: the stack's.
    pub role_arn: Option<String>,
    /// How whoever made it wants its runs logged and traced. It is kept for them, and nobody here acts on it.
    pub logging: Option<Value>,
    pub tracing: Option<Value>,
    /// The last number that a version of it got; 0: none did.
    pub last_version: u32,
    /// The version that is just like it, unless that has been deleted.
    pub published: Option<u32>,
}

/// What the end of a run writes on its item.
#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    pub status: Status,
    pub ended_ms: i64,
    /// As on the run item.
    pub ending: Option<Payload>,
    pub ending_item: Option<String>,
    pub error: Option<String>,
    pub state: Option<String>,
    /// The message that asked for it, where it was not a step.
    pub by: Option<String>,
}

/// What a run ended with, as its payload holds it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "stepladder_engine::present"
    )]
    pub output: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
}
