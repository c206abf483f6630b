//! The flags of fan-outs whose branches nobody waits for any more.

use crate::{
    Protocol,
    fan_outs::{FanOuts, PartKey},
    item::RunKey,
    limits,
    message::Lock,
    planted::PlantedBug,
    traits::{Host, WorldResult},
};
use futures::{StreamExt, TryStreamExt, future, stream};
use stepladder_engine::{Branch, Position, Run};

impl<H: Host> Protocol<H> {
    /// Whether one of the fan-outs that enclose a branch has been stopped.
    pub(crate) async fn is_stopped(&self, run: &RunKey, branch: &Branch) -> WorldResult<bool> {
        let mut parts = Vec::with_capacity(branch.0.len());
        let mut inner = branch.clone();
        while let Some(part) = PartKey::of(run, &inner, self.part_branches()) {
            inner = part.fan_out.branch.clone();
            parts.push(part);
            if self.planted(PlantedBug::ReadsOnlyNearestFlag) {
                break;
            }
        }
        let flags = parts.iter().map(|part| self.host.store().is_stopped(part));
        Ok(future::try_join_all(flags).await?.contains(&true))
    }

    /// Stops the branches of the fan-out that a position waited for: the root item's flag first, for whoever is about to
    /// open it; then that of each part.
    pub(crate) async fn stop_branches(&self, run: &Run, position: &Position) -> WorldResult<()> {
        let Some(fan_out) = position.fan_out() else {
            return Ok(());
        };
        let key = &Lock::of(position).key(&RunKey::of(run));
        let expires_s = self.fan_out_expires_s(&key.run);
        self.host.store().stop_fan_out(key, expires_s).await?;
        stream::iter(self.parts(fan_out.count).map(|part| async move {
            let part = PartKey { fan_out: key.clone(), part };
            self.host.store().stop_part(&part, expires_s).await
        }))
        .buffer_unordered(limits::FAN_OUT_ITEMS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
    }
}
