//! Where a branch waits.

use crate::{
    chosen::Skipped, limits::DELAY_MAX_MS, present::present, redrive::Resumes, run::Visit, token::TaskKey,
    update::PastFailure,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use stepladder_asl::{Definition, Kind};

/// Where a branch waits, and what it carries. Its lock is (branch, seq): one record, written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub branch: Branch,
    /// The number of the record that ends this wait; the first is 0.
    pub seq: u32,
    pub state: String,
    pub awaiting: Awaiting,
    /// How often each retrier of the state has been used since the state was entered.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retries: Vec<u64>,
    /// The number of history events on the branch's own path so far: the id of the last one.
    pub events: u64,
    /// The id of the event that says that the state was entered; AWS's causes name it.
    pub entered_event: u64,
    /// When the state was entered, in milliseconds since the epoch.
    pub entered_ms: i64,
    /// The seq at which the state was entered: names the visit, whatever the attempt.
    pub entered_seq: u32,
    /// When the run's own TimeoutSeconds ends, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deadline_ms: Option<i64>,
    /// The variables that are set, by their names without `$`; in a branch with those of the states around it.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub variables: Map<String, Value>,
    /// The iteration of the nearest Map state around it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub map_item: Option<MapItem>,
    /// Only in the first position of a branch: what it was started with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opening: Option<Opening>,
    /// The indexes of its forks as the states around it count them; empty where they are those of its branch. A redrive
    /// opens a fan-out over some of the branches, which are numbered anew.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub indexes: Vec<u32>,
    /// The fan-out that the state goes on from after a redrive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<Box<Resumes>>,
    /// Only of a distributed Map state that reads its items: how far it has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reading: Option<Box<Reading>>,
    /// Only in the first position of a child whose item can't be read: why. It fails at its first turn.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unread: Option<String>,
    /// Only in the first position of a child that had failed before an update of its Map Run: by what. It fails at its first turn.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<Box<PastFailure>>,
    /// Only at a turn: the state is skipped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub skipped: Option<Box<Skipped>>,
    /// The state's raw input.
    pub data: Value,
}

/// How far a distributed Map state has read its items: always between two children.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The seq at which it began: what its children start with is stored under it.
    pub seq: u32,
    /// So many items have been read, those included that can't be one.
    #[serde(skip_serializing_if = "is_none_yet", default)]
    pub items: u64,
    /// They make so many children.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub children: u32,
    /// How many items the largest of them has.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub largest: u32,
    /// The object that is being read as it was at first: S3's ETag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// How the object is compressed as a whole: `gzip` or `zstd`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub packing: Option<String>,
    /// Where the next row begins: so many bytes and so many lines are before it, of what the object holds. Of a file whose rows
    /// lie in groups: so many rows of a group, and so many groups.
    #[serde(skip_serializing_if = "is_none_yet", default)]
    pub offset: u64,
    #[serde(skip_serializing_if = "is_none_yet", default)]
    pub line: u64,
    /// The names that the first row of a CSV gave.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub headers: Option<Vec<String>>,
    /// The last key of a listing so far. Where the rows of its objects are read: the key of the one that is being read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
    /// Where a manifest lists the objects: that manifest as it was at first, by S3's ETag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub manifest: Option<String>,
    /// So many of the objects that it lists have been read.
    #[serde(skip_serializing_if = "is_none_yet", default)]
    pub files: u64,
}

fn is_none_yet(number: &u64) -> bool {
    *number == 0
}

/// `$$.Map.Item` (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapItem {
    pub index: u32,
    /// The item itself, only where the definition can reach it.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub value: Option<Value>,
    /// The line of the object that the item was read from, from 1 on; only where the definition can reach it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u64>,
    /// The child of a distributed Map state that the branch is in, only where the definition can reach it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub child: Option<Box<Child>>,
}

/// A child of a distributed Map state, as `$$.Execution` shows it: on AWS it is an execution of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Child {
    /// The Map state's label.
    pub label: String,
    pub name: String,
    /// Milliseconds since the epoch.
    pub started_ms: i64,
    /// What it was started with, only where the definition can reach it.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub input: Option<Value>,
}

impl MapItem {
    /// What stands under `Map` in the Context object.
    pub(crate) fn context(&self) -> Value {
        let mut item = Map::new();
        item.insert("Index".to_owned(), self.index.into());
        if let Some(value) = &self.value {
            item.insert("Value".to_owned(), value.clone());
        }
        if let Some(line) = self.line {
            item.insert("Line".to_owned(), line.into());
        }
        Value::Object(Map::from_iter([("Item".to_owned(), Value::Object(item))]))
    }
}

/// What a branch's first walk depends on beside its input: whatever started the branch says so, and the branch's first
/// record keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// When the branch was started, in milliseconds since the epoch.
    pub started_ms: i64,
    /// The number of events on the path before it.
    pub events: u64,
}

/// What the wait is for. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Awaiting {
    /// The answer of the state's step, which must not be called before `due_ms`.
    Step { due_ms: i64 },
    /// The time `due_ms`: a Wait state's, or that of another attempt of a state that has to be entered for it.
    Timer { due_ms: i64 },
    /// The end of what was submitted or taken: a job, the answer of whoever has the token, an activity's worker.
    Answer {
        /// When TimeoutSeconds ends, counted from the task's start.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        timeout_ms: Option<i64>,
        /// When HeartbeatSeconds ends, counted from the task's start. A heartbeat moves it: whoever keeps them asks again.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        heartbeat_ms: Option<i64>,
    },
    /// The items of a distributed Map state, which somebody reads for it.
    Items,
    /// The ends of the branches that the state, a Parallel or a Map, has opened.
    Branches(FanOut),
    /// A next turn: the state is entered when the message arrives. After many states without a stop, after a redrive,
    /// and where a run ends before its first stop.
    Turn,
}

/// A fan-out, as far as it was decided when its state was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOut {
    /// How many branches it has; at least one, unless a redrive found nothing left to do.
    pub count: u32,
    /// How many of them may run at once: 1 to `count`.
    pub concurrency: u32,
    /// So many failures are put up with.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub failures_tolerated: u32,
    /// A failed branch counts for so many: as many items as a batch may hold. One whose item can't be read counts once.
    #[serde(skip_serializing_if = "is_one", default = "one")]
    pub failure_items: u32,
    /// Only where the items were read: the seq under which it is stored what the branches start with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inputs_seq: Option<u32>,
}

impl FanOut {
    /// The fan-out, where its items were read.
    pub fn read(self) -> Option<Self> {
        self.inputs_seq.map(|_| self)
    }
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn one() -> u32 {
    1
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A branch's path: the forks that lead to it from the root, outermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Branch(pub Vec<Fork>);

/// One fork of a path: the seq at which the fan-out was opened, and the index of the branch in it. Those of a redriven
/// fan-out are numbered anew: see [`Position::indexes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fork {
    pub seq: u32,
    pub index: u32,
}

impl Branch {
    /// The branch of a fan-out that was opened at `seq` of this one.
    pub fn child(&self, seq: u32, index: u32) -> Branch {
        let mut forks = self.0.clone();
        forks.push(Fork { seq, index });
        Branch(forks)
    }

    /// The branch that opened this one, and the fork that leads here; none for the root.
    pub fn parent(&self) -> Option<(Branch, Fork)> {
        let (last, forks) = self.0.split_last()?;
        Some((Branch(forks.to_vec()), *last))
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Branch {
    /// Empty for the root, else `seq.index` per fork, separated by slashes; zero-padded, so that the first 100,000 branches sort.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, fork) in self.0.iter().enumerate() {
            let slash = if depth > 0 { "/" } else { "" };
            write!(f, "{slash}{:07}.{:05}", fork.seq, fork.index)?;
        }
        Ok(())
    }
}

impl Position {
    /// When the message for this position should be handled: its due time, cut to the run's deadline.
    pub fn due_ms(&self) -> i64 {
        let due_ms = match self.awaiting {
            Awaiting::Step { due_ms } | Awaiting::Timer { due_ms } => due_ms,
            // Looked at when the first of its limits may have passed.
            Awaiting::Answer { timeout_ms, heartbeat_ms } => {
                timeout_ms.unwrap_or(i64::MAX).min(heartbeat_ms.unwrap_or(i64::MAX))
            }
            Awaiting::Branches(_) | Awaiting::Items | Awaiting::Turn => i64::MIN,
        };
        self.deadline_ms.map_or(due_ms, |deadline_ms| due_ms.min(deadline_ms))
    }

    /// The fan-out that it waits for.
    pub fn fan_out(&self) -> Option<FanOut> {
        match self.awaiting {
            Awaiting::Branches(fan_out) => Some(fan_out),
            _ => None,
        }
    }

    /// The position as it was when it began to read its items: always the same, however far that has come.
    pub fn as_begun(&self) -> Position {
        let seq = self.reading.as_ref().map_or(self.seq, |reading| reading.seq);
        Position { seq, ..self.clone() }
    }

    /// The indexes of its forks as the states around it count them, outermost first.
    pub fn indexes(&self) -> Vec<u32> {
        match self.indexes.is_empty() {
            true => self.branch.0.iter().map(|fork| fork.index).collect(),
            false => self.indexes.clone(),
        }
    }

    /// The indexes of the Map iterations that it is in, outermost first.
    pub fn iterations(&self, definition: &Definition) -> Vec<u64> {
        let mut iterations = Vec::new();
        let mut state = definition.state(&self.state);
        for index in self.indexes().into_iter().rev() {
            let around = state.and_then(|state| definition.state(&state.parent.as_ref()?.state));
            if around.is_some_and(|around| matches!(around.kind, Kind::Map(_))) {
                iterations.push(u64::from(index));
            }
            state = around;
        }
        iterations.reverse();
        iterations
    }

    /// The position without its data: all that a branch needs of the one that opened it, beside its input.
    pub fn head(&self) -> Position {
        Position { data: Value::Null, ..self.clone() }
    }

    /// Whether the wait is too long for one message's delay, counted from `now_ms`: then the timer queue takes it.
    pub(crate) fn is_far(&self, now_ms: i64) -> bool {
        self.due_ms().saturating_sub(now_ms) > DELAY_MAX_MS
    }

    /// Whether a limit of the wait for an answer has passed.
    pub fn is_past_limit(&self, now_ms: i64) -> bool {
        match self.awaiting {
            Awaiting::Answer { timeout_ms, heartbeat_ms } => {
                timeout_ms.into_iter().chain(heartbeat_ms).any(|limit_ms| now_ms >= limit_ms)
            }
            _ => false,
        }
    }

    /// Whether the run's deadline has passed.
    pub fn is_past_deadline(&self, now_ms: i64) -> bool {
        self.deadline_ms.is_some_and(|deadline_ms| now_ms >= deadline_ms)
    }

    /// What the Context object says of a state that can be retried.
    pub(crate) fn visit(&self) -> Visit<'_> {
        Visit {
            state: &self.state,
            entered_ms: self.entered_ms,
            retries: Some(self.attempt().saturating_sub(1)),
            token: None,
            map_item: self.map_item.as_ref(),
        }
    }

    /// The task that it waits for, where somebody else answers.
    pub fn task(&self) -> TaskKey {
        TaskKey { branch: self.branch.clone(), entered_seq: self.entered_seq, attempt: self.attempt() }
    }

    /// 1 for the first attempt of the state's step.
    pub fn attempt(&self) -> u64 {
        self.retries.iter().fold(1, |sum, used| sum.saturating_add(*used))
    }
}
