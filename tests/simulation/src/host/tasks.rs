//! Tasks in memory.

use super::MemoryHost;
use std::collections::BTreeMap;
use stepladder_engine::TaskKey;
use stepladder_protocol::{
    AnswerTask, Partition, Payload, RunId, RunKey, TaskItem, TaskState, Tasks, WorldResult,
};

/// The items of all tasks.
pub(crate) type Items = BTreeMap<(RunKey, TaskKey), TaskItem>;

impl Tasks for MemoryHost {
    async fn open_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        message: &Payload,
        _: i64,
    ) -> WorldResult<TaskItem> {
        self.op("open task", |state| {
            let open =
                || TaskItem { message: message.clone(), state: TaskState::Open, beat_ms: None, child: None };
            Ok(state.tasks.entry((run.clone(), task.clone())).or_insert_with(open).clone())
        })
        .await
    }

    async fn task(&self, run: &RunKey, task: &TaskKey) -> WorldResult<Option<TaskItem>> {
        self.op("get task", |state| Ok(state.tasks.get(&(run.clone(), task.clone())).cloned())).await
    }

    async fn answer_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        answer: &Payload,
        beat_ms: i64,
    ) -> WorldResult<AnswerTask> {
        self.op("answer task", |state| {
            let Some(item) = state.tasks.get_mut(&(run.clone(), task.clone())) else {
                return Ok(AnswerTask::Not(None));
            };
            let is_open = item.state == TaskState::Open && item.beat_ms.is_none_or(|at_ms| at_ms <= beat_ms);
            // The same answer is the same call, made again.
            if item.state == TaskState::Answered(answer.clone()) {
                return Ok(AnswerTask::Kept);
            }
            if !is_open {
                return Ok(AnswerTask::Not(Some(Box::new(item.clone()))));
            }
            item.state = TaskState::Answered(answer.clone());
            Ok(AnswerTask::Kept)
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
