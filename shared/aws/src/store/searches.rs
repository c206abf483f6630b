//! What leads to runs by what their inputs hold; and the index `attention`, of those that ended badly.
//!
//! | attribute | type | of a search item |
//! |---|---|---|
//! | `pk`, `sk` | S | `R#<workflow>/#S<s>#<path>=<value>`, `<start in ms>#<name>` |
//! | `n` | S | the run's nonce |
//! | `expires` | N | as the run item |
//!
//! Both lists are spread over as many partitions as the index `runs`, so that no value and no mass failure is slower than the starts are.

use super::{
    ATTENTION_INDEX, DynamoStore, Read,
    item::{EXPIRES, Item, PK, SK, Writer},
    keys,
    pages::all_pages,
};
use crate::{error::world_error, limits::LIST_SHARDS};
use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use futures::future::try_join_all;
use stepladder_engine::Status;
use stepladder_protocol::{
    FoundRun, ITEM_VERSION, RunId, RunKey, SearchItem, SearchKey, Searches, WorldResult,
};

const NONCE: &str = "n";

impl Searches for DynamoStore {
    async fn put_search(&self, item: &SearchItem) -> WorldResult<()> {
        let _turn = self.turn().await;
        self.put(format!("write what leads to {} by {}", item.run, item.by.attribute), search_item(item))
            .await
    }

    async fn remove_search(&self, item: &SearchItem) -> WorldResult<()> {
        let deletion = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(keys::search_pk(&item.by, keys::shard(&item.run.id.name))))
            .key(SK, AttributeValue::S(keys::search_sk(item.started_ms, &item.run.id.name)))
            // A later run of the name that started in the same millisecond keeps its own.
            .condition_expression(format!("attribute_not_exists({PK}) OR {NONCE} = :n"))
            .expression_attribute_values(":n", AttributeValue::S(item.run.nonce.clone()))
            .set_return_consumed_capacity(self.capacity.clone());
        match deletion.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(world_error(format!("remove what leads to {}", item.run), &error)),
        }
    }

    async fn has_search(&self, by: &SearchKey, run: &RunKey, started_ms: i64) -> WorldResult<bool> {
        let pk = keys::search_pk(by, keys::shard(&run.id.name));
        let sk = keys::search_sk(started_ms, &run.id.name);
        let found = self.get_by(format!("look whether {by} lead to {run}"), pk, sk, Read::Eventual).await?;
        Ok(found.as_ref().and_then(nonce_of) == Some(run.nonce.clone()))
    }

    async fn runs_with(
        &self,
        by: &SearchKey,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<FoundRun>> {
        if from_ms >= until_ms || limit == 0 {
            return Ok(Vec::new());
        }
        let operation = format!("list {by}");
        let shards = (0..LIST_SHARDS).map(|shard| {
            self.newest()
                .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                .expression_attribute_values(":pk", AttributeValue::S(keys::search_pk(by, shard)))
                .expression_attribute_values(":first", AttributeValue::S(keys::search_sk(from_ms, "")))
                .expression_attribute_values(":last", AttributeValue::S(keys::last_search_sk(until_ms - 1)))
        });
        let run = |item: &Item| {
            let (at_ms, name) = keys::run_of_search_sk(item.get(SK)?.as_s().ok()?)?;
            Some(FoundRun { id: RunId::new(&by.workflow, name), at_ms, nonce: nonce_of(item) })
        };
        merged(&operation, shards, limit, run).await
    }

    async fn runs_ended(
        &self,
        workflow: &str,
        status: Status,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<FoundRun>> {
        if from_ms >= until_ms || limit == 0 {
            return Ok(Vec::new());
        }
        let operation = format!("list the runs of {workflow} that ended {}", status.as_str());
        let shards = (0..LIST_SHARDS).filter_map(|shard| {
            let pk = keys::attention_shard_pk(workflow, status, shard)?;
            let query = self
                .newest()
                .index_name(ATTENTION_INDEX)
                .key_condition_expression("ap = :ap AND t1 BETWEEN :first AND :last")
                .expression_attribute_values(":ap", AttributeValue::S(pk))
                .expression_attribute_values(":first", AttributeValue::N(from_ms.to_string()))
                .expression_attribute_values(":last", AttributeValue::N((until_ms - 1).to_string()));
            Some(query)
        });
        let run = |item: &Item| {
            let at_ms = item.get("t1")?.as_n().ok()?.parse().ok()?;
            Some(FoundRun { id: keys::run_of_pk(item.get(PK)?.as_s().ok()?)?, at_ms, nonce: None })
        };
        merged(&operation, shards, limit, run).await
    }
}

impl DynamoStore {
    /// A list, read backwards and eventually, as an index is.
    fn newest(&self) -> QueryFluentBuilder {
        self.query().consistent_read(false).scan_index_forward(false)
    }
}

/// The newest `limit` runs of several partitions together.
async fn merged(
    operation: &str,
    shards: impl Iterator<Item = QueryFluentBuilder>,
    limit: usize,
    run: impl Fn(&Item) -> Option<FoundRun>,
) -> WorldResult<Vec<FoundRun>> {
    let pages = try_join_all(shards.map(|query| all_pages(operation, query, limit))).await?;
    let mut runs: Vec<FoundRun> = pages.iter().flatten().filter_map(run).collect();
    runs.sort_by(|a, b| (b.at_ms, &b.id).cmp(&(a.at_ms, &a.id)));
    runs.truncate(limit);
    Ok(runs)
}

pub(super) fn search_item(item: &SearchItem) -> Item {
    let SearchItem { by, run, started_ms, expires_s } = item;
    let pk = keys::search_pk(by, keys::shard(&run.id.name));
    let mut writer = Writer::new(pk, keys::search_sk(*started_ms, &run.id.name), ITEM_VERSION);
    writer.string(NONCE, &run.nonce);
    writer.number(EXPIRES, *expires_s);
    writer.0
}

fn nonce_of(item: &Item) -> Option<String> {
    item.get(NONCE)?.as_s().ok().cloned()
}
