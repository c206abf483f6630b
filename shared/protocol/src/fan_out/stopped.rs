//! The flags of fan-outs whose branches nobody waits for any more.

use crate::{
    Protocol,
    deliver::Handled,
    fan_outs::{FanOuts, PartKey},
    item::{RecordKey, RunKey},
    limits,
    message::{Ask, Lock, Message},
    planted::PlantedBug,
    traits::{Host, QueueName, WorldResult},
};
use futures::{StreamExt, TryStreamExt, future, stream};
use std::ops::Range;
use stepladder_asl::Definition;
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
    /// open it; then that of each part, those of a wide one by messages.
    pub(crate) async fn stop_branches(&self, run: &Run, position: &Position) -> WorldResult<()> {
        let Some(fan_out) = position.fan_out() else {
            return Ok(());
        };
        let lock = Lock::of(position);
        let (key, tree) = (lock.key(&RunKey::of(run)), self.tree(fan_out.count));
        self.host.store().stop_fan_out(&key, self.fan_out_expires_s(&key.run)).await?;
        if tree.is_flat() {
            return self.stop_parts(&key, self.parts(fan_out.count)).await;
        }
        let mut sendings = Vec::new();
        for parts in tree.lowest().map(|node| tree.parts_of(node)) {
            let ask = Ask::StopParts {
                fan_out: lock.clone(),
                first: parts.start,
                parts: parts.end.saturating_sub(parts.start),
            };
            sendings.push(self.sending(QueueName::Timer, &self.message(run, ask), i64::MIN).await?);
        }
        self.send_now(sendings).await.map(drop)
    }

    async fn stop_parts(&self, fan_out: &RecordKey, parts: Range<u32>) -> WorldResult<()> {
        let expires_s = self.fan_out_expires_s(&fan_out.run);
        stream::iter(parts.map(|part| async move {
            let part = PartKey { fan_out: fan_out.clone(), part };
            self.host.store().stop_part(&part, expires_s).await
        }))
        .buffer_unordered(limits::FAN_OUT_ITEMS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
    }

    /// Stops some parts of a wide fan-out, and the runs that their branches wait for.
    pub(crate) async fn stop_some(
        &self,
        message: &Message,
        definition: &Definition,
        (fan_out, parts): (&Lock, Range<u32>),
    ) -> WorldResult<Handled> {
        let key = fan_out.key(&RunKey::of(&message.run));
        self.stop_parts(&key, parts.clone()).await?;
        self.stop_children_in(definition, &key, parts).await?;
        Ok(Handled::done())
    }
}
