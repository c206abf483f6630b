//! Tasks in the table: in the partition of the branch that waits, `K#<branch>#<entered seq>.<attempt>`.
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | `pj`, `pz`, `pb` | B, B, S | the message that asked for it |
//! | `aj`, `az`, `ab` | B, B, S | the answer; none: it is open |
//! | `hb` | N | when it was last heard of, in ms |
//! | `ch` | S | the run that it waits for |
//! | `r` | N | the run's redrive count when it was opened |
//! | `x` | BOOL | it is over |

use super::{
    DynamoStore, apply,
    item::{DATA, EXPIRES, Item, PK, PayloadNames, Reader, SK, Writer, payload_attribute},
    keys, lost_to,
    pages::all_pages,
};
use crate::error::later;
use aws_sdk_dynamodb::types::{AttributeValue, Update};
use stepladder_engine::TaskKey;
use stepladder_protocol::{
    EndTask, ITEM_VERSION, Partition, Payload, Record, RecordKey, RunId, RunKey, Store, TaskItem, TaskState,
    Tasks, WorldResult,
};

const ANSWER: PayloadNames = PayloadNames { json: "aj", zstd: "az", blob: "ab" };
const BEAT: &str = "hb";
const CHILD: &str = "ch";
const OVER: &str = "x";
const NO_ANSWER: &str = "attribute_not_exists(aj) AND attribute_not_exists(az) AND attribute_not_exists(ab)";

fn is_open() -> String {
    format!("attribute_exists(pk) AND attribute_not_exists({OVER}) AND {NO_ANSWER}")
}

impl Tasks for DynamoStore {
    async fn open_task(
        &self,
        run: &RunKey,
        task: &TaskKey,
        message: &Payload,
        redrive_count: u32,
        expires_s: i64,
    ) -> WorldResult<TaskItem> {
        let mut writer = Writer::new(self.task_pk(run, task), keys::task_sk(task), ITEM_VERSION);
        writer.payload(DATA, message);
        writer.number("r", i64::from(redrive_count));
        writer.number(EXPIRES, expires_s);
        let Err(error) = self.put_unless(writer.0, super::NOT_THERE, None).await else {
            let message = Some(message.clone());
            return Ok(TaskItem {
                message,
                state: TaskState::Open,
                beat_ms: None,
                redrive_count,
                child: None,
            });
        };
        let operation = format!("open {task} of {run}");
        match lost_to(&operation, &error)? {
            Some(there) => read_task(operation, there),
            None => match self.task(run, task).await? {
                Some(there) => Ok(there),
                None => Err(later(operation, "it was there, and a moment later it wasn't")),
            },
        }
    }

    async fn task(&self, run: &RunKey, task: &TaskKey) -> WorldResult<Option<TaskItem>> {
        let operation = format!("read {task} of {run}");
        let found = self.get(operation.clone(), self.task_pk(run, task), keys::task_sk(task)).await?;
        found.map(|found| read_task(operation, found)).transpose()
    }

    async fn answer_task(&self, run: &RunKey, task: &TaskKey, answer: &Payload) -> WorldResult<bool> {
        let (name, value) = payload_attribute(ANSWER, answer);
        let update = self
            .update(self.task_pk(run, task), keys::task_sk(task))
            .condition_expression(is_open())
            .update_expression(format!("SET {name} = :answer"))
            .expression_attribute_values(":answer", value);
        if apply(|| format!("answer {task} of {run}"), update).await? {
            return Ok(true);
        }
        // An answer is like no other: this is the same call, made again.
        let there = self.task(run, task).await?;
        Ok(there.is_some_and(|item| item.state == TaskState::Answered(answer.clone())))
    }

    async fn end_task_with_record(
        &self,
        (key, record): (&RecordKey, &Record),
        task: &TaskKey,
        beat_ms: i64,
    ) -> WorldResult<EndTask> {
        let operation = format!("put {key}, and end {task}");
        let number = |number: i64| AttributeValue::N(number.to_string());
        let update = Update::builder()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(self.task_pk(&key.run, task)))
            .key(SK, AttributeValue::S(keys::task_sk(task)))
            .condition_expression(format!(
                "{NO_ANSWER} AND (attribute_not_exists({BEAT}) OR {BEAT} <= :beat)"
            ))
            .update_expression(format!("SET {OVER} = :x, v = :v, {EXPIRES} = :expires"))
            .expression_attribute_values(":beat", number(beat_ms))
            .expression_attribute_values(":x", AttributeValue::Bool(true))
            .expression_attribute_values(":v", number(i64::from(ITEM_VERSION)))
            .expression_attribute_values(":expires", number(record.expires_s));
        if self.transact(operation.clone(), update, self.record_item(key, record)).await? {
            return Ok(EndTask::Won);
        }
        Ok(match self.record(key).await? {
            Some(there) => EndTask::Lost(Box::new(there)),
            None => EndTask::Goes,
        })
    }

    async fn beat_task(&self, run: &RunKey, task: &TaskKey, at_ms: i64) -> WorldResult<bool> {
        let update = self
            .update(self.task_pk(run, task), keys::task_sk(task))
            .condition_expression(is_open())
            .update_expression(format!("SET {BEAT} = :beat"))
            .expression_attribute_values(":beat", AttributeValue::N(at_ms.to_string()));
        apply(|| format!("note that {task} of {run} was heard of"), update).await
    }

    async fn put_child(&self, run: &RunKey, task: &TaskKey, child: &RunId) -> WorldResult<()> {
        let update = self
            .update(self.task_pk(run, task), keys::task_sk(task))
            .condition_expression("attribute_exists(pk)")
            .update_expression(format!("SET {CHILD} = :child"))
            .expression_attribute_values(":child", AttributeValue::S(child.to_string()));
        apply(|| format!("note what {task} of {run} waits for"), update).await.map(drop)
    }

    async fn children_in(&self, partition: &Partition) -> WorldResult<Vec<RunId>> {
        let operation = format!("list the runs that {partition} waits for");
        let query = self
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .filter_expression(format!("attribute_exists({CHILD}) AND {}", is_open()))
            .projection_expression(CHILD)
            .expression_attribute_values(":pk", AttributeValue::S(keys::partition_pk(partition)))
            .expression_attribute_values(":prefix", AttributeValue::S(keys::TASKS_PREFIX.to_owned()));
        let named = |item: &Item| child_of(item.get(CHILD)?.as_s().ok()?);
        Ok(all_pages(&operation, query, usize::MAX).await?.iter().filter_map(named).collect())
    }
}

impl DynamoStore {
    fn task_pk(&self, run: &RunKey, task: &TaskKey) -> String {
        keys::partition_pk(&Partition::of(run, &task.branch, self.part_branches))
    }
}

fn read_task(operation: String, item: Item) -> WorldResult<TaskItem> {
    let mut reader = Reader::new(operation, item)?;
    let message = reader.payload(DATA)?;
    let state = match reader.payload(ANSWER)? {
        Some(answer) => TaskState::Answered(answer),
        None if reader.flag(OVER) => TaskState::Over,
        None => TaskState::Open,
    };
    let child = match reader.optional_string(CHILD)? {
        Some(child) => Some(child_of(&child).ok_or_else(|| reader.damaged(CHILD, "names no run"))?),
        None => None,
    };
    let redrive_count = reader.optional_number("r")?.unwrap_or(0);
    Ok(TaskItem { message, state, beat_ms: reader.optional_number(BEAT)?, redrive_count, child })
}

/// Neither a workflow's nor a run's name has a slash.
fn child_of(text: &str) -> Option<RunId> {
    text.split_once('/').map(|(workflow, name)| RunId::new(workflow, name))
}
