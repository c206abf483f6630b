//! The list of a workflow's runs: the index `runs`, eight partitions merged.

use super::{
    DynamoStore,
    item::{Item, PK},
    keys,
    pages::all_pages,
};
use crate::limits::LIST_SHARDS;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;
use stepladder_protocol::{ListedRun, RunId, WorldResult};

/// The index of all runs by start time, keys only.
pub(crate) const RUNS_INDEX: &str = "runs";
/// The index of the runs that ended badly, by end time.
pub(crate) const ATTENTION_INDEX: &str = "attention";

impl DynamoStore {
    pub(super) async fn list_runs(
        &self,
        workflow: &str,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<ListedRun>> {
        // BETWEEN refuses an empty range, and a page of no runs.
        if from_ms >= until_ms || limit == 0 {
            return Ok(Vec::new());
        }
        let shards =
            (0..LIST_SHARDS).map(|shard| self.list_shard(workflow, shard, (from_ms, until_ms - 1), limit));
        let mut runs: Vec<(i64, RunId)> = try_join_all(shards).await?.into_iter().flatten().collect();
        runs.sort_by(|a, b| b.cmp(a));
        runs.truncate(limit);
        Ok(runs.into_iter().map(|(started_ms, id)| ListedRun { id, started_ms }).collect())
    }

    /// The newest `limit` runs of one partition, with their start times.
    async fn list_shard(
        &self,
        workflow: &str,
        shard: u64,
        (first_ms, last_ms): (i64, i64),
        limit: usize,
    ) -> WorldResult<Vec<(i64, RunId)>> {
        // An index has no consistent reads.
        let query = self
            .query()
            .consistent_read(false)
            .index_name(RUNS_INDEX)
            .scan_index_forward(false)
            .key_condition_expression("lp = :lp AND t0 BETWEEN :first AND :last")
            .expression_attribute_values(":lp", AttributeValue::S(keys::list_shard_pk(workflow, shard)))
            .expression_attribute_values(":first", AttributeValue::N(first_ms.to_string()))
            .expression_attribute_values(":last", AttributeValue::N(last_ms.to_string()));
        let found = all_pages(&format!("list the runs of {workflow}"), query, limit).await?;
        let run = |item: &Item| {
            let started_ms = item.get("t0")?.as_n().ok()?.parse().ok()?;
            Some((started_ms, keys::run_of_pk(item.get(PK)?.as_s().ok()?)?))
        };
        Ok(found.iter().filter_map(run).collect())
    }
}
