//! What is paused, and the runs that are held because of it.
//!
//! | item | key | attributes |
//! |---|---|---|
//! | the control item | `C#control`, `CONTROL` | `p` SS: the paused workflows and runs, `<workflow>` or `<workflow>/<name>` |
//! | a held run | `C#paused#<workflow>`, `<name>` | `n` S: its nonce; `sp` S: its stamp |

use super::{
    DynamoStore, Read, apply,
    item::{EXPIRES, Item, PK, Reader, SK, Writer},
    keys,
};
use crate::error::world_error;
use aws_sdk_dynamodb::{
    operation::delete_item::DeleteItemError,
    types::{AttributeValue, ReturnValue},
};
use stepladder_protocol::{
    Controls, HeldRun, ITEM_VERSION, Pausable, PauseWritten, Pauses, RunId, RunKey, WorldResult, limits,
};

const PAUSED: &str = "p";
const NONCE: &str = "n";
const STAMP: &str = "sp";

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

    async fn put_held(&self, held: &HeldRun) -> WorldResult<bool> {
        let id = &held.run.id;
        let mut writer = Writer::new(keys::held_pk(&id.workflow), &id.name, ITEM_VERSION);
        writer.string(NONCE, &held.run.nonce);
        writer.string(STAMP, &held.stamp);
        writer.number(EXPIRES, held.expires_s);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(writer.0))
            .return_values(ReturnValue::AllOld)
            .set_return_consumed_capacity(self.capacity.clone());
        let answer =
            put.send().await.map_err(|error| world_error(format!("put that {} is held", held.run), &error))?;
        Ok(answer.attributes.is_none_or(|old| old.is_empty()))
    }

    async fn held(&self, run: &RunId) -> WorldResult<Option<HeldRun>> {
        let operation = format!("read whether {run} is held");
        let found = self.get(operation.clone(), keys::held_pk(&run.workflow), run.name.clone()).await?;
        found.map(|found| read_held(operation, &run.workflow, found)).transpose()
    }

    async fn held_runs(
        &self,
        workflow: &str,
        after: Option<&str>,
        limit: usize,
    ) -> WorldResult<Vec<HeldRun>> {
        let operation = format!("list the held runs of {workflow}");
        let found = self.partition_after(&operation, &keys::held_pk(workflow), after, limit).await?;
        found.into_iter().map(|found| read_held(operation.clone(), workflow, found)).collect()
    }

    async fn delete_held(&self, held: &HeldRun) -> WorldResult<()> {
        let id = &held.run.id;
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(keys::held_pk(&id.workflow)))
            .key(SK, AttributeValue::S(id.name.clone()))
            .condition_expression(format!("{STAMP} = :stamp"))
            .expression_attribute_values(":stamp", AttributeValue::S(held.stamp.clone()))
            .set_return_consumed_capacity(self.capacity.clone())
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(world_error(format!("let go of {}", held.run), &error)),
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

fn read_held(operation: String, workflow: &str, item: Item) -> WorldResult<HeldRun> {
    let mut reader = Reader::new(operation, item)?;
    let run = RunKey { id: RunId::new(workflow, reader.string(SK)?), nonce: reader.string(NONCE)? };
    let expires_s =
        reader.optional_number(EXPIRES)?.ok_or_else(|| reader.damaged(EXPIRES, "is missing"))?;
    Ok(HeldRun { run, stamp: reader.string(STAMP)?, expires_s })
}
