//! The items of many runs, read together.

use crate::{
    item::{RunId, RunItem},
    limits::RUNS_READ_AT_ONCE,
    traits::{Retry, Store, WorldError, WorldResult},
};
use futures::{StreamExt, stream};

/// Run items, read; and those that are there and can't be read.
#[derive(Debug, Default)]
pub struct Items {
    /// In the order in which they were asked for.
    pub items: Vec<RunItem>,
    /// Damaged, or written by a newer program.
    pub unreadable: Vec<(RunId, WorldError)>,
}

impl Items {
    /// The items of these runs; one that is gone by now is left out. What is wrong with one of them keeps none of the others
    /// back; what is wrong with the table is an error.
    pub async fn read(store: &impl Store, now_ms: i64, ids: Vec<RunId>) -> WorldResult<Self> {
        let mut reads = stream::iter(ids)
            .map(|id| async move {
                let item = store.run(&id, now_ms).await;
                (id, item)
            })
            .buffered(RUNS_READ_AT_ONCE);
        let mut read = Self::default();
        while let Some((id, item)) = reads.next().await {
            match item {
                Ok(item) => read.items.extend(item),
                Err(error) if error.retry == Retry::Never => read.unreadable.push((id, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}
