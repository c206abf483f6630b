//! Map Runs in the table.
//!
//! | item | partition | `sk` | holds |
//! |---|---|---|---|
//! | Map Run | of what belongs to the execution that started it | `M#<execution>#<branch>#<seq>` | `i`: its id; `lb`: the label; `t0`: when it began, in ms; `r`, `q`: the redrive count and the seq by which it was written; `k`, `w`: what it was started with, and where it is, as JSON |
//! | what leads to it | `R#<workflow>/#<digits>` | `MAPRUN` | `k`: its key, as JSON |
//!
//! No run has an empty name, so the second kind stands beside the workflow's runs: who may write these may write it.

use super::{
    DynamoStore, apply,
    item::{EXPIRES, Item, Reader, SK, Writer},
    keys,
    pages::all_pages,
    versions::text,
};
use crate::error::never;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use stepladder_engine::{Branch, map_run_digits};
use stepladder_protocol::{
    ITEM_VERSION, MapRunItem, MapRunKey, MapRuns, Partition, RunKey, WorldError, WorldResult,
};

const ID: &str = "i";
const LABEL: &str = "lb";
const KEPT: &str = "k";
const NOW: &str = "w";

impl MapRuns for DynamoStore {
    async fn put_map_run(&self, item: &MapRunItem, expires_s: i64) -> WorldResult<()> {
        let operation = format!("put the Map Run {}", item.id);
        let number = |number: i64| AttributeValue::N(number.to_string());
        // What a redrive goes on with began as it did.
        let kept = match item.now.resumes {
            Some(_) => format!("if_not_exists({KEPT}, :kept)"),
            None => ":kept".to_owned(),
        };
        let update = self
            .update(self.map_run_pk(&item.key), keys::map_run_sk(&item.key))
            .update_expression(format!(
                "SET v = :v, {EXPIRES} = :expires, {ID} = :id, {LABEL} = :label, r = :r, q = :q, {NOW} = :now, \
                 {KEPT} = {kept}, t0 = if_not_exists(t0, :t0)"
            ))
            .condition_expression("attribute_not_exists(pk) OR r < :r OR (r = :r AND q <= :q)")
            .expression_attribute_values(":v", number(item.version.into()))
            .expression_attribute_values(":expires", number(expires_s))
            .expression_attribute_values(":id", text(&item.id))
            .expression_attribute_values(":label", text(&item.label))
            .expression_attribute_values(":r", number(item.redrive_count.into()))
            .expression_attribute_values(":q", number(item.now.seq.into()))
            .expression_attribute_values(":t0", number(item.started_ms))
            .expression_attribute_values(":kept", text(&json(&operation, &item.settings)?))
            .expression_attribute_values(":now", text(&json(&operation, &item.now)?));
        // What is newer stays.
        apply(|| operation, update).await.map(|_| ())
    }

    async fn map_run(&self, key: &MapRunKey) -> WorldResult<Option<MapRunItem>> {
        let operation = format!("read a Map Run of {}", key.run);
        let found = self.get(operation.clone(), self.map_run_pk(key), keys::map_run_sk(key)).await?;
        found.map(|found| read_map_run(operation, &key.run, found)).transpose()
    }

    async fn map_runs(
        &self,
        run: &RunKey,
        execution: &Branch,
        before: Option<(&Branch, u32)>,
        limit: usize,
    ) -> WorldResult<Vec<MapRunItem>> {
        let operation = format!("list the Map Runs of {run}");
        let partition = Partition::of(run, execution, self.part_branches);
        let query = self
            .query()
            .expression_attribute_values(":pk", text(keys::partition_pk(&partition)))
            .scan_index_forward(false);
        let first = keys::map_runs_of(execution);
        let query = match before {
            None => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :first)")
                .expression_attribute_values(":first", text(&first)),
            // One more than is wanted may come: the bounds are inclusive.
            Some((branch, seq)) => query
                .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                .expression_attribute_values(":first", text(&first))
                .expression_attribute_values(":last", text(keys::map_run_sk_of(execution, branch, seq))),
        };
        let mut found = all_pages(&operation, query, limit.saturating_add(1)).await?;
        if let Some((branch, seq)) = before {
            let last = text(keys::map_run_sk_of(execution, branch, seq));
            found.retain(|item| item.get(SK) != Some(&last));
        }
        found.truncate(limit);
        found.into_iter().map(|found| read_map_run(operation.clone(), run, found)).collect()
    }

    async fn put_map_run_key(&self, digits: &str, key: &MapRunKey, expires_s: i64) -> WorldResult<()> {
        let operation = format!("put what leads to a Map Run of {}", key.run);
        let pk = keys::map_run_key_pk(&key.run.id.workflow, digits);
        let mut writer = Writer::new(pk, keys::MAP_RUN_KEY_SK, ITEM_VERSION);
        writer.string(KEPT, json(&operation, key)?);
        writer.number(EXPIRES, expires_s);
        self.put(operation, writer.0).await
    }

    async fn map_run_key(&self, workflow: &str, digits: &str) -> WorldResult<Option<MapRunKey>> {
        let operation = format!("read which Map Run of {workflow} has the digits {digits}");
        let pk = keys::map_run_key_pk(workflow, digits);
        let Some(found) = self.get(operation.clone(), pk, keys::MAP_RUN_KEY_SK.to_owned()).await? else {
            return Ok(None);
        };
        let mut reader = Reader::new(operation, found)?;
        let key = reader.string(KEPT)?;
        serde_json::from_str(&key).map(Some).map_err(|_| reader.damaged(KEPT, "is no key of a Map Run"))
    }
}

impl DynamoStore {
    fn map_run_pk(&self, key: &MapRunKey) -> String {
        keys::partition_pk(&key.partition(self.part_branches))
    }

    /// Renews what leads to the Map Run whose item this is, if it is one; of the item its sort key and id are enough.
    pub(super) async fn renew_map_run_key(
        &self,
        run: &RunKey,
        item: &Item,
        expires_s: i64,
    ) -> WorldResult<()> {
        let is_map_run = item
            .get(SK)
            .and_then(|sk| sk.as_s().ok())
            .is_some_and(|sk| sk.starts_with(keys::MAP_RUNS_PREFIX));
        let id = item.get(ID).and_then(|id| id.as_s().ok()).filter(|_| is_map_run);
        let Some(digits) = id.and_then(|id| map_run_digits(id)) else { return Ok(()) };
        let renewal = self
            .update(keys::map_run_key_pk(&run.id.workflow, &digits), keys::MAP_RUN_KEY_SK)
            .condition_expression("attribute_exists(pk)")
            .update_expression(format!("SET {EXPIRES} = :expires"))
            .expression_attribute_values(":expires", AttributeValue::N(expires_s.to_string()));
        apply(|| format!("renew what leads to a Map Run of {run}"), renewal).await.map(|_| ())
    }
}

/// The attributes that a renewal needs of an item.
pub(super) const RENEWED: [&str; 2] = [SK, ID];

fn read_map_run(operation: String, run: &RunKey, item: Item) -> WorldResult<MapRunItem> {
    let version =
        item.get("v").and_then(|version| version.as_n().ok()).and_then(|digits| digits.parse().ok());
    let mut reader = Reader::new(operation, item)?;
    let sk = reader.string(SK)?;
    let (execution, branch, seq) =
        keys::map_run_of_sk(&sk).ok_or_else(|| reader.damaged(SK, "names no Map Run"))?;
    let (settings, now) = (reader.string(KEPT)?, reader.string(NOW)?);
    Ok(MapRunItem {
        version: version.unwrap_or(ITEM_VERSION),
        key: MapRunKey { run: run.clone(), execution, branch, seq },
        id: reader.string(ID)?,
        label: reader.string(LABEL)?,
        started_ms: reader.optional_number("t0")?.ok_or_else(|| reader.damaged("t0", "is missing"))?,
        redrive_count: reader.optional_number("r")?.ok_or_else(|| reader.damaged("r", "is missing"))?,
        settings: serde_json::from_str(&settings)
            .map_err(|_| reader.damaged(KEPT, "says not what it was started with"))?,
        now: serde_json::from_str(&now).map_err(|_| reader.damaged(NOW, "says not where it is"))?,
    })
}

fn json(operation: &str, value: &impl Serialize) -> Result<String, WorldError> {
    serde_json::to_string(value).map_err(|error| never(operation.to_owned(), error.to_string()))
}
