//! Activities: names that workers take tasks by.

use crate::{traits::WorldResult, versions::TagsItem};
use std::future::Future;

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityItem {
    pub name: String,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
}

/// Activities in the store. Every write may be repeated and changes nothing then; reads are consistent.
pub trait Activities: Send + Sync {
    /// Writes an activity and its tags unless there is one of the name; answers with the one that is there then.
    fn put_activity(
        &self,
        activity: &ActivityItem,
        tags: Option<&TagsItem>,
    ) -> impl Future<Output = WorldResult<ActivityItem>> + Send;

    fn activity(&self, name: &str) -> impl Future<Output = WorldResult<Option<ActivityItem>>> + Send;

    /// Those whose names sort behind `after`, by the bytes of their names, at most `limit`: fewer only where there are no more.
    fn activities_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<ActivityItem>>> + Send;

    /// Its tags go with it.
    fn delete_activity(&self, name: &str) -> impl Future<Output = WorldResult<()>> + Send;
}
