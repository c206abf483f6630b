//! Tasks in memory.

use super::MemoryHost;
use std::collections::BTreeMap;
use stepladder_engine::TaskKey;
use stepladder_protocol::{
    EndTask, Partition, Payload, Record, RecordKey, RunId, RunKey, TaskItem, TaskState, Tasks, WorldResult,
};

/// The items of all tasks.
pub(crate) type Items = BTreeMap<(RunKey, TaskKey), TaskItem>;

impl Tasks for MemoryHost {
    async fn open_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        message: &Payload,
        redrive_count: u32,
        _: i64,
    ) -> WorldResult<TaskItem> {
        self.op("open task", |state| {
            let open = || TaskItem {
                message: Some(message.clone()),
                state: TaskState::Open,
                beat_ms: None,
                redrive_count,
                child: None,
            };
            Ok(state.tasks.entry((run.clone(), task.clone())).or_insert_with(open).clone())
        })
        .await
    }

    async fn task(&self, run: &RunKey, task: &TaskKey) -> WorldResult<Option<TaskItem>> {
        self.op("get task", |state| Ok(state.tasks.get(&(run.clone(), task.clone())).cloned())).await
    }

    async fn answer_task(&self, run: &RunKey, task: &TaskKey, answer: &Payload) -> WorldResult<bool> {
        self.op("answer task", |state| {
            let Some(item) = state.tasks.get_mut(&(run.clone(), task.clone())) else { return Ok(false) };
            // The same answer is the same call, made again.
            if item.state == TaskState::Open {
                item.state = TaskState::Answered(answer.clone());
            }
            Ok(item.state == TaskState::Answered(answer.clone()))
        })
        .await
    }

    async fn end_task_with_record(
        &self,
        (key, record): (&RecordKey, &Record),
        task: &TaskKey,
        beat_ms: i64,
    ) -> WorldResult<EndTask> {
        self.op("end task", |state| {
            if let Some(there) = state.records.get(key) {
                return Ok(EndTask::Lost(Box::new(there.clone())));
            }
            let over = TaskItem {
                message: None,
                state: TaskState::Over,
                beat_ms: None,
                redrive_count: 0,
                child: None,
            };
            let item = state.tasks.entry((key.run.clone(), task.clone())).or_insert(over);
            let is_answered = matches!(item.state, TaskState::Answered(_));
            if is_answered || item.beat_ms.is_some_and(|at_ms| at_ms > beat_ms) {
                return Ok(EndTask::Goes);
            }
            item.state = TaskState::Over;
            state.insert_record(key, record);
            Ok(EndTask::Won)
        })
        .await
    }

    async fn beat_task(&self, run: &RunKey, task: &TaskKey, at_ms: i64) -> WorldResult<bool> {
        self.op("beat task", |state| {
            let item = state.tasks.get_mut(&(run.clone(), task.clone()));
            let Some(item) = item.filter(|item| item.state == TaskState::Open) else { return Ok(false) };
            item.beat_ms = item.beat_ms.max(Some(at_ms));
            Ok(true)
        })
        .await
    }

    async fn put_child(&self, run: &RunKey, task: &TaskKey, child: &RunId) -> WorldResult<()> {
        self.op("put child", |state| {
            if let Some(item) = state.tasks.get_mut(&(run.clone(), task.clone())) {
                item.child = Some(child.clone());
            }
            Ok(())
        })
        .await
    }

    async fn children_in(&self, partition: &Partition) -> WorldResult<Vec<RunId>> {
        let part_branches = self.settings.part_branches;
        self.op("list children", |state| {
            let of = |(run, task): &(RunKey, TaskKey)| {
                Partition::of(run, &task.branch, part_branches) == *partition
            };
            let open = state.tasks.iter().filter(|(key, item)| of(key) && item.state == TaskState::Open);
            Ok(open.filter_map(|(_, item)| item.child.clone()).collect())
        })
        .await
    }
}
