//! What ended or moved a wait.

use crate::{
    chosen::Chosen,
    position::Reading,
    redrive::{Kept, Plan},
    update::Update,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What ended or moved a wait: all that a record has to hold, with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The step returned, or whoever has the task's token or the activity's task did. `lambda:invoke` gets AWS's response
    /// of Invoke around it.
    Succeeded { output: Value },
    /// The integration answered, and this is its whole response: of `lambda:invoke`, with the answer in `Payload`.
    Responded { response: Value },
    /// The call of a `.sync` or `.waitForTaskToken` integration was answered; the branch goes on waiting for the end of
    /// what the call began.
    Submitted {
        response: Value,
        /// When the call was started, in milliseconds since the epoch: the state's limits count from then.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        started_ms: Option<i64>,
    },
    /// A worker took the activity's task; the branch goes on waiting for its answer.
    Started {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        worker: Option<String>,
    },
    /// Whoever has the task said that it is still at work: HeartbeatSeconds ends at this time, in milliseconds since the epoch.
    Heartbeat { heartbeat_ms: i64 },
    /// The step failed, or could not be called.
    Failed {
        /// Empty where there is none: SendTaskFailure may leave it out.
        error: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
        phase: Phase,
    },
    /// A limit of the definition passed.
    TimedOut { limit: Limit },
    /// The timer's message arrived: the wait is over, or has come one hop nearer to its end.
    TimerFired,
    /// So far the items of a distributed Map state have been read, and what its children start with is stored.
    ItemsRead {
        reading: Box<Reading>,
        /// There are no more.
        is_all: bool,
    },
    /// All branches of a fan-out have ended, and no more of them failed than are tolerated.
    Joined {
        /// The outputs of the branches, in their order; those that failed are left out.
        results: Vec<Value>,
        /// How many events the branches have on their own paths together.
        events: u64,
    },
    /// More branches of a fan-out failed than are tolerated.
    BranchFailed {
        /// One that failed, and what it failed with.
        index: u32,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
        /// How many events are on the path up to its end.
        events: u64,
    },
    /// All children of a Map Run have ended that had begun; those that are left go on under other limits.
    Updated {
        update: Box<Update>,
        /// That of the run then.
        redrive_count: u32,
        plan: Box<Plan>,
    },
    /// Somebody stopped the run.
    Stopped {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
    },
    /// Somebody sent the run on from where it had ended. The position is the one that it goes on from.
    Redriven {
        redrive_count: u32,
        /// What is kept of the Parallel or Map state that it goes on from; none: that state begins anew.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        kept: Option<Kept>,
        /// Where somebody chose another place than the end, or other data: the place, and all that is seen there.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        chosen: Option<Box<Chosen>>,
        /// The hash of the definition that the run goes on by, where that is another one than before.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        definition: Option<String>,
    },
}

impl Outcome {
    /// A redrive from where the run ended, on the definition that it has.
    pub fn redriven(redrive_count: u32, kept: Option<Kept>) -> Self {
        Outcome::Redriven { redrive_count, kept, chosen: None, definition: None }
    }
}

/// How far a call had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its message could not be sent.
    Schedule,
    /// It could not be started.
    Start,
    /// It was started, and what it began (`.sync`, `.waitForTaskToken`) could not be.
    Submit,
    /// It ran.
    Run,
}

/// The limit that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The state's TimeoutSeconds.
    Task,
    /// The state's HeartbeatSeconds.
    Heartbeat,
    /// The definition's TimeoutSeconds.
    Run,
}
