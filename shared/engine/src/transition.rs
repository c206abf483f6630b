//! What a transition is: where the branch waits next, and what has to be done about it.

use crate::position::{Awaiting, Branch, Position};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;

/// Position and outcome, computed: where the branch is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    pub next: Next,
    /// The time it was computed for; every delay counts from it.
    pub now_ms: i64,
    /// An evaluation took longer than the process is given for it. Then this is no transition: it must not be recorded,
    /// and the message is given back. A later try may be faster.
    pub gave_up: bool,
    /// No state was entered: whatever it leads to belongs to the visit that waited.
    pub stayed: bool,
}

/// Where a transition leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    Wait(Position),
    End(End),
}

impl fmt::Display for Next {
    /// Where it is, without any data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Next::End(end) => {
                let what = if end.branch.is_root() { "the run" } else { "the branch" };
                write!(f, "the end of {what} in '{}', {}", end.state, end.status.as_str())?;
                end.error.as_ref().map_or(Ok(()), |error| write!(f, " by {error}"))
            }
            Next::Wait(position) => {
                let what = match position.awaiting {
                    Awaiting::Step { .. } => "its step",
                    Awaiting::Timer { .. } => "a time",
                    Awaiting::Answer { .. } => "an answer",
                    Awaiting::Branches(_) => "its branches",
                    Awaiting::Items => "its items",
                    Awaiting::Turn => "its turn",
                };
                write!(f, "the state '{}', which waits for {what}", position.state)
            }
        }
    }
}

/// The end of the run, or of one of its branches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// The branch that ended; the root's end is the run's.
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub branch: Branch,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// The state that it ended in, with its variables and its raw input: where a redrive goes on.
    pub state: String,
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub variables: Map<String, Value>,
    pub data: Value,
    pub events: u64,
    /// It is the end of a child whose item can't be read.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_unread: bool,
}

/// The status of a run, as Step Functions names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Status {
    /// As AWS's API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
        }
    }

    /// All of them, in the order of AWS's documentation.
    pub const ALL: [Status; 5] =
        [Status::Running, Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted];
}

/// Something to do because of a transition. Doing it twice must change nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<'a> {
    /// Send a message that waits for this position, to be handled at `due_ms` (milliseconds since the epoch).
    Send { to: Target<'a>, position: &'a Position, due_ms: i64 },
    /// Somebody else answers for this position: a message that looks whether that has happened, or a limit has passed, is to
    /// be handled at `due_ms` (milliseconds since the epoch; `i64::MAX`: there is no limit).
    Await { position: &'a Position, due_ms: i64 },
    /// Open the fan-out that this position waits for: start its first branches.
    Open(&'a Position),
    /// Tell the fan-out that this branch belongs to that it has ended.
    Join(&'a End),
    /// Close the run.
    Close(&'a End),
}

/// Who handles a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// The step of the position's state.
    Step { state: &'a str },
    /// The timer function.
    Timer,
}

impl Transition {
    /// What has to be done. Computed again after a crash, it is the same: it depends on the transition's own time only.
    pub fn effect(&self) -> Effect<'_> {
        match &self.next {
            Next::End(end) if end.branch.is_root() => Effect::Close(end),
            Next::End(end) => Effect::Join(end),
            Next::Wait(position) if position.fan_out().is_some() => Effect::Open(position),
            Next::Wait(position) if matches!(position.awaiting, Awaiting::Answer { .. }) => {
                Effect::Await { position, due_ms: position.due_ms() }
            }
            Next::Wait(position) => {
                let to = match position.awaiting {
                    Awaiting::Step { .. } if !position.is_far(self.now_ms) => {
                        Target::Step { state: &position.state }
                    }
                    _ => Target::Timer,
                };
                Effect::Send { to, position, due_ms: position.due_ms() }
            }
        }
    }

    /// The first 16 hex digits of the SHA-256 of where it leads: a replay that arrives elsewhere must stop.
    pub fn digest(&self) -> String {
        // Serialising a `Next` can't fail: its maps have string keys.
        let bytes = serde_json::to_vec(&self.next).unwrap_or_default();
        Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl End {
    /// The position of the record that redrives this end: `seq` is the first free one.
    pub fn redrive_position(&self, seq: u32) -> Position {
        Position {
            branch: self.branch.clone(),
            seq,
            state: self.state.clone(),
            awaiting: Awaiting::Turn,
            retries: Vec::new(),
            events: self.events,
            entered_event: self.events,
            entered_ms: 0,
            entered_seq: seq,
            deadline_ms: None,
            variables: self.variables.clone(),
            map_item: None,
            opening: None,
            indexes: Vec::new(),
            resumes: None,
            reading: None,
            unread: None,
            failed: None,
            skipped: None,
            data: self.data.clone(),
        }
    }
}
