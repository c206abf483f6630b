//! The items of tasks that somebody else answers, and what the store does with them.
//!
//! A task is open until it is answered or over, and it is only ever one of the two: an answer that was taken decides, and once
//! a failure of the call or a limit has been recorded, none is taken any more.

use crate::{
    fan_outs::Partition,
    item::{Record, RecordKey, RunId, RunKey},
    payload::Payload,
    traits::WorldResult,
};
use serde::{Deserialize, Serialize};
use std::future::Future;
use stepladder_engine::{Outcome, TaskKey};

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskItem {
    /// The message that asked for it: a [`Message`](crate::Message), as JSON. Whoever has the answer goes on from there. None: it
    /// was over before it was opened.
    pub message: Option<Payload>,
    pub state: TaskState,
    /// When whoever has it was last heard of, in milliseconds since the epoch.
    pub beat_ms: Option<i64>,
    /// How often the run had been redriven when it was opened.
    pub redrive_count: u32,
    /// The run that it waits for.
    pub child: Option<RunId>,
}

/// What became of a task.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskState {
    Open,
    /// With a [`TaskAnswer`], as JSON.
    Answered(Payload),
    /// No answer is taken any more.
    Over,
}

/// How the end of a task went.
#[derive(Debug, Clone, PartialEq)]
pub enum EndTask {
    Won,
    /// There is a record already; this is it.
    Lost(Box<Record>),
    /// It has been answered, or heard of.
    Goes,
}

/// What a task was answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskAnswer {
    /// 32 random hex digits: makes it this answer and no other.
    pub id: String,
    pub outcome: Outcome,
}

/// Tasks in the store. Every write may be repeated and changes nothing then; reads are consistent.
pub trait Tasks: Send + Sync {
    /// Writes an open task unless there is one of the key; answers with the one that is there then. `expires_s` is in seconds
    /// since the epoch.
    fn open_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        message: &Payload,
        redrive_count: u32,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<TaskItem>> + Send;

    fn task(
        &self,
        run: &RunKey,
        task: &TaskKey,
    ) -> impl Future<Output = WorldResult<Option<TaskItem>>> + Send;

    /// Keeps an answer if the task is open. False: it isn't there, or isn't open any more.
    fn answer_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        answer: &Payload,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// One transaction: [`Store::put_record`](crate::Store::put_record), and the task is over, unless it has been answered, or
    /// heard of after `beat_ms`.
    fn end_task_with_record(
        &self,
        record: (&RecordKey, &Record),
        task: &TaskKey,
        beat_ms: i64,
    ) -> impl Future<Output = WorldResult<EndTask>> + Send;

    /// Says that whoever has the task was heard of at `at_ms`, if the task is open. False: it isn't there, or isn't open any
    /// more.
    fn beat_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        at_ms: i64,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// Keeps which run a task waits for.
    fn put_child(
        &self,
        run: &RunKey,
        task: &TaskKey,
        child: &RunId,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    /// The runs that open tasks of a partition wait for.
    fn children_in(&self, partition: &Partition) -> impl Future<Output = WorldResult<Vec<RunId>>> + Send;
}
