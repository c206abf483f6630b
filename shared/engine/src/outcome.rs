//! What ended or moved a wait.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What ended or moved a wait: all that a record has to hold, with its times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The step returned.
    Succeeded { output: Value },
    /// The step failed, or could not be called.
    Failed {
        error: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
        phase: Phase,
    },
    /// A limit of the definition passed.
    TimedOut { limit: Limit },
    /// The timer's message arrived: the wait is over, or has come one hop nearer to its end.
    TimerFired,
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
    /// Somebody stopped the run.
    Stopped {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
    },
    /// Somebody sent the run on from where it had ended. The position is the one that it goes on from.
    Redriven { redrive_count: u32 },
}

/// How far a call had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its message could not be sent.
    Schedule,
    /// It could not be started.
    Start,
    /// It ran.
    Run,
}

/// The limit that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The state's TimeoutSeconds.
    Task,
    /// The definition's TimeoutSeconds.
    Run,
}
