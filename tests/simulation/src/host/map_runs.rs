//! Map Runs in memory.

use super::MemoryHost;
use std::collections::BTreeMap;
use stepladder_engine::Branch;
use stepladder_protocol::{MapRunItem, MapRunKey, MapRuns, RunKey, WorldResult};

/// The items of all Map Runs, and what leads to them by workflow and digits.
#[derive(Debug, Default)]
pub(crate) struct Items {
    map_runs: BTreeMap<MapRunKey, MapRunItem>,
    keys: BTreeMap<(String, String), MapRunKey>,
}

impl Items {
    /// The Map Runs of a run.
    pub(crate) fn of(&self, run: &RunKey) -> Vec<MapRunItem> {
        self.map_runs.values().filter(|item| item.key.run == *run).cloned().collect()
    }
}

impl MapRuns for MemoryHost {
    async fn put_map_run(&self, item: &MapRunItem, _: i64) -> WorldResult<()> {
        self.op("put map run", |state| {
            if let Some(next) = item.over(state.map_runs.map_runs.get(&item.key)) {
                state.map_runs.map_runs.insert(item.key.clone(), next);
            }
            Ok(())
        })
        .await
    }

    async fn map_run(&self, key: &MapRunKey) -> WorldResult<Option<MapRunItem>> {
        self.op("get map run", |state| Ok(state.map_runs.map_runs.get(key).cloned())).await
    }

    async fn map_runs(
        &self,
        run: &RunKey,
        execution: &Branch,
        before: Option<(&Branch, u32)>,
        limit: usize,
    ) -> WorldResult<Vec<MapRunItem>> {
        self.op("list map runs", |state| {
            let is_of = |key: &MapRunKey| key.run == *run && key.execution == *execution;
            let is_before = |key: &MapRunKey| before.is_none_or(|before| (&key.branch, key.seq) < before);
            let found = state.map_runs.map_runs.iter().rev();
            let found = found.filter(|(key, _)| is_of(key) && is_before(key));
            Ok(found.take(limit).map(|(_, item)| item.clone()).collect())
        })
        .await
    }

    async fn put_map_run_key(&self, digits: &str, key: &MapRunKey, _: i64) -> WorldResult<()> {
        self.op("put map run key", |state| {
            let at = (key.run.id.workflow.clone(), digits.to_owned());
            state.map_runs.keys.insert(at, key.clone());
            Ok(())
        })
        .await
    }

    async fn map_run_key(&self, workflow: &str, digits: &str) -> WorldResult<Option<MapRunKey>> {
        let at = (workflow.to_owned(), digits.to_owned());
        self.op("get map run key", |state| Ok(state.map_runs.keys.get(&at).cloned())).await
    }
}
