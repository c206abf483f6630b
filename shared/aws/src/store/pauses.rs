//! What is paused, and the messages that are held because of it.
//!
//! | item | key | attributes |
//! |---|---|---|
//! | the control item | `C#control`, `CONTROL` | `p` SS: the paused workflows and runs, `<workflow>` or `<workflow>/<name>` |
//! | a held message | `C#paused#<workflow>`, `<name>#<id>` | `n` S: its run's nonce; `q` S: its queue; `b` S: its body; `tn` S: its group; `sp` S: its stamp |

use super::{
    DynamoStore, Read, apply,
    item::{EXPIRES, Item, PK, Reader, SK, Writer},
    keys,
};
use crate::error::{never, world_error};
use aws_sdk_dynamodb::{operation::delete_item::DeleteItemError, types::AttributeValue};
use stepladder_protocol::{
    Controls, HeldMessage, ITEM_VERSION, Pausable, PauseWritten, Pauses, QueueName, RunId, RunKey,
    WorldResult, limits,
};

const PAUSED: &str = "p";
const NONCE: &str = "n";
const STAMP: &str = "sp";
const QUEUE: &str = "q";
const BODY: &str = "b";
const GROUP: &str = "tn";

impl Pauses for DynamoStore {
    async fn controls(&self) -> WorldResult<Controls> {
        self.read_controls(Read::Consistent).await
    }

    async fn controls_seen(&self) -> WorldResult<Controls> {
        self.read_controls(Read::Eventual).await
    }

    async fn pause(&self, what: &Pausable) -> WorldResult<PauseWritten> {
        let update = self
            .update(keys::CONTROL_PK.to_owned(), keys::CONTROL_SK)
            .condition_expression(format!(
                "attribute_not_exists({PAUSED}) OR contains({PAUSED}, :name) OR size({PAUSED}) < :max"
            ))
            .update_expression(format!("SET v = :v ADD {PAUSED} :one"))
            .expression_attribute_values(":v", AttributeValue::N(ITEM_VERSION.to_string()))
            .expression_attribute_values(":name", AttributeValue::S(what.to_string()))
            .expression_attribute_values(":one", AttributeValue::Ss(vec![what.to_string()]))
            .expression_attribute_values(":max", AttributeValue::N(limits::PAUSED_MAX.to_string()));
        Ok(match apply(|| format!("pause {what}"), update).await? {
            true => PauseWritten::Done,
            false => PauseWritten::TooMany,
        })
    }

    async fn unpause(&self, what: &Pausable) -> WorldResult<()> {
        let update = self
            .update(keys::CONTROL_PK.to_owned(), keys::CONTROL_SK)
            .condition_expression(format!("contains({PAUSED}, :name)"))
            .update_expression(format!("DELETE {PAUSED} :one"))
            .expression_attribute_values(":name", AttributeValue::S(what.to_string()))
            .expression_attribute_values(":one", AttributeValue::Ss(vec![what.to_string()]));
        apply(|| format!("resume {what}"), update).await.map(drop)
    }

    async fn put_held(&self, held: &HeldMessage) -> WorldResult<()> {
        let operation = format!("hold a message of {}", held.run);
        let mut writer = Writer::new(keys::held_pk(&held.run.id.workflow), held.place(), ITEM_VERSION);
        writer.string(NONCE, &held.run.nonce);
        writer.string(QUEUE, queue_text(&operation, &held.queue)?);
        writer.string(BODY, &held.body);
        writer.optional_string(GROUP, held.group.as_ref());
        writer.string(STAMP, &held.stamp);
        writer.number(EXPIRES, held.expires_s);
        self.put(operation, writer.0).await
    }

    async fn held(&self, workflow: &str, after: Option<&str>, limit: usize) -> WorldResult<Vec<HeldMessage>> {
        let operation = format!("list what is held of {workflow}");
        let found = self.partition_after(&operation, &keys::held_pk(workflow), after, limit).await?;
        found.into_iter().map(|found| read_held(operation.clone(), workflow, found)).collect()
    }

    async fn delete_held(&self, held: &HeldMessage) -> WorldResult<()> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(keys::held_pk(&held.run.id.workflow)))
            .key(SK, AttributeValue::S(held.place()))
            .condition_expression(format!("{STAMP} = :stamp"))
            .expression_attribute_values(":stamp", AttributeValue::S(held.stamp.clone()))
            .set_return_consumed_capacity(self.capacity.clone())
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(world_error(format!("let go of a message of {}", held.run), &error)),
            },
        }
    }
}

impl DynamoStore {
    async fn read_controls(&self, read: Read) -> WorldResult<Controls> {
        let operation = "read the control item".to_owned();
        let (pk, sk) = (keys::CONTROL_PK.to_owned(), keys::CONTROL_SK.to_owned());
        let Some(mut found) = self.get_by(operation.clone(), pk, sk, read).await? else {
            return Ok(Controls::default());
        };
        let paused = found.remove(PAUSED);
        let reader = Reader::new(operation, found)?;
        match paused {
            None => Ok(Controls::default()),
            Some(AttributeValue::Ss(paused)) => Ok(Controls { paused: paused.into_iter().collect() }),
            Some(_) => Err(reader.damaged(PAUSED, "is no set of strings")),
        }
    }
}

fn read_held(operation: String, workflow: &str, item: Item) -> WorldResult<HeldMessage> {
    let mut reader = Reader::new(operation, item)?;
    let (place, queue) = (reader.string(SK)?, reader.string(QUEUE)?);
    let Some((name, id)) = place.split_once('#') else { return Err(reader.damaged(SK, "is no place")) };
    let queue = queue_of(&queue).ok_or_else(|| reader.damaged(QUEUE, "is no queue"))?;
    let expires_s = reader.optional_number(EXPIRES)?.ok_or_else(|| reader.damaged(EXPIRES, "is missing"))?;
    Ok(HeldMessage {
        run: RunKey { id: RunId::new(workflow, name), nonce: reader.string(NONCE)? },
        id: id.to_owned(),
        queue,
        body: reader.string(BODY)?,
        group: reader.optional_string(GROUP)?,
        stamp: reader.string(STAMP)?,
        expires_s,
    })
}

/// The queues that a step's message can be in.
fn queue_text(operation: &str, queue: &QueueName) -> WorldResult<String> {
    match queue {
        QueueName::Step(function) => Ok(format!("step {function}")),
        QueueName::Activity(activity) => Ok(format!("activity {activity}")),
        QueueName::Invoke | QueueName::DeadLetter => Ok(queue.short().to_owned()),
        _ => Err(never(operation.to_owned(), format!("no step's message is in the queue {}", queue.short()))),
    }
}

fn queue_of(text: &str) -> Option<QueueName> {
    match text.split_once(' ') {
        Some(("step", function)) => Some(QueueName::Step(function.to_owned())),
        Some(("activity", activity)) => Some(QueueName::Activity(activity.to_owned())),
        Some(_) => None,
        None => [QueueName::Invoke, QueueName::DeadLetter].into_iter().find(|queue| queue.short() == text),
    }
}
