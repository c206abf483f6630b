//! What runs are found by, in memory.

use super::{MemoryHost, State};
use crate::hand::Place;
use std::collections::BTreeMap;
use stepladder_engine::Status;
use stepladder_protocol::{FoundRun, RunId, RunKey, SearchItem, SearchKey, Searches, WorldResult};

/// What leads to runs: their nonces and expiries, by value, start and name.
#[derive(Debug, Default)]
pub(crate) struct Items {
    found: BTreeMap<(SearchKey, i64, String), (String, i64)>,
}

impl Items {
    /// Whether the value leads to this run, and for how long, in seconds since the epoch.
    pub(crate) fn expiry(&self, by: &SearchKey, run: &RunKey, started_ms: i64) -> Option<i64> {
        let found = self.found.get(&(by.clone(), started_ms, run.id.name.clone()));
        found.filter(|(nonce, _)| *nonce == run.nonce).map(|(_, expires_s)| *expires_s)
    }
}

impl MemoryHost {
    /// Until when this leads to its run, in seconds since the epoch; none: it doesn't.
    pub fn found_until_s(&self, item: &SearchItem) -> Option<i64> {
        self.state().searches.expiry(&item.by, &item.run, item.started_ms)
    }
}

fn key(item: &SearchItem) -> (SearchKey, i64, String) {
    (item.by.clone(), item.started_ms, item.run.id.name.clone())
}

fn newest(mut runs: Vec<FoundRun>, limit: usize) -> Vec<FoundRun> {
    runs.sort_by(|a, b| (b.at_ms, &b.id).cmp(&(a.at_ms, &a.id)));
    runs.truncate(limit);
    runs
}

impl Searches for MemoryHost {
    async fn put_search(&self, item: &SearchItem) -> WorldResult<()> {
        self.op("put search", |state| {
            let now_ms = state.now_ms;
            state.hand.writes("put search", now_ms, Place::Run(item.run.id.clone()));
            state.searches.found.insert(key(item), (item.run.nonce.clone(), item.expires_s));
            Ok(())
        })
        .await
    }

    async fn remove_search(&self, item: &SearchItem) -> WorldResult<()> {
        self.op("remove search", |state| {
            if state.searches.expiry(&item.by, &item.run, item.started_ms).is_some() {
                state.searches.found.remove(&key(item));
            }
            Ok(())
        })
        .await
    }

    async fn has_search(&self, by: &SearchKey, run: &RunKey, started_ms: i64) -> WorldResult<bool> {
        self.op("get search", |state| Ok(state.searches.expiry(by, run, started_ms).is_some())).await
    }

    async fn runs_with(
        &self,
        by: &SearchKey,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<FoundRun>> {
        self.op("query searches", |state| {
            let all = state
                .searches
                .found
                .iter()
                .filter(|((key, at_ms, _), _)| key == by && (from_ms..until_ms).contains(at_ms));
            let run = |((_, at_ms, name), (nonce, _)): (&(SearchKey, i64, String), &(String, i64))| {
                FoundRun { id: RunId::new(&by.workflow, name), at_ms: *at_ms, nonce: Some(nonce.clone()) }
            };
            Ok(newest(all.map(run).collect(), limit))
        })
        .await
    }

    async fn runs_ended(
        &self,
        workflow: &str,
        status: Status,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<FoundRun>> {
        self.op("list ended runs", |state: &mut State| {
            let is_listed = !matches!(status, Status::Running | Status::Succeeded);
            let all = state
                .runs
                .values()
                .filter(|item| is_listed && item.id.workflow == workflow && item.status == status);
            let ended = all.filter_map(|item| Some((item, item.ended_ms?)));
            let within = ended.filter(|(_, at_ms)| (from_ms..until_ms).contains(at_ms));
            let run = |(item, at_ms): (&stepladder_protocol::RunItem, i64)| FoundRun {
                id: item.id.clone(),
                at_ms,
                nonce: None,
            };
            Ok(newest(within.map(run).collect(), limit))
        })
        .await
    }
}
