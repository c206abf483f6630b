//! Operations that write: each is noted with where it writes.

use super::{MemoryHost, State};
use crate::hand::Place;
use stepladder_protocol::{Partition, RecordKey, RunId, WorldResult};

impl MemoryHost {
    /// An operation that writes into a partition.
    pub(crate) async fn write<T>(
        &self,
        operation: &'static str,
        partition: Partition,
        act: impl FnOnce(&mut State) -> WorldResult<T>,
    ) -> WorldResult<T> {
        self.op(operation, |state| {
            let now_ms = state.now_ms;
            state.hand.writes(operation, now_ms, Place::In(partition));
            act(state)
        })
        .await
    }

    /// An operation that writes a run item.
    pub(super) async fn write_run<T>(
        &self,
        operation: &'static str,
        run: &RunId,
        act: impl FnOnce(&mut State) -> WorldResult<T>,
    ) -> WorldResult<T> {
        self.op(operation, |state| {
            let now_ms = state.now_ms;
            state.hand.writes(operation, now_ms, Place::Run(run.clone()));
            act(state)
        })
        .await
    }

    /// Where a branch's own items lie.
    pub(super) fn partition_of(&self, key: &RecordKey) -> Partition {
        Partition::of(&key.run, &key.branch, self.settings.part_branches)
    }
}
