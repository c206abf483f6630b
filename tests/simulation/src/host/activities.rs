//! Activities in memory.

use super::MemoryHost;
use std::ops::Bound;
use stepladder_protocol::{Activities, ActivityItem, TagsItem, WorldResult};

impl Activities for MemoryHost {
    async fn put_activity(
        &self,
        activity: &ActivityItem,
        tags: Option<&TagsItem>,
    ) -> WorldResult<ActivityItem> {
        self.op("put activity", |state| {
            let there = state.activities.entry(activity.name.clone());
            Ok(there.or_insert_with(|| (activity.clone(), tags.cloned())).0.clone())
        })
        .await
    }

    async fn activity(&self, name: &str) -> WorldResult<Option<ActivityItem>> {
        self.op("get activity", |state| Ok(state.activities.get(name).map(|(activity, _)| activity.clone())))
            .await
    }

    async fn activities_after(&self, after: Option<&str>, limit: usize) -> WorldResult<Vec<ActivityItem>> {
        self.op("list activities", |state| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let behind = state.activities.range::<str, _>((from, Bound::Unbounded));
            Ok(behind.take(limit).map(|(_, (activity, _))| activity.clone()).collect())
        })
        .await
    }

    async fn delete_activity(&self, name: &str) -> WorldResult<()> {
        self.op("delete activity", |state| {
            state.activities.remove(name);
            Ok(())
        })
        .await
    }
}
