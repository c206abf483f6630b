//! Paces and leases in memory.

use super::MemoryHost;
use std::collections::BTreeMap;
use stepladder_protocol::{Lease, LeaseTaken, Leases, Paces, RecordKey, Slots, SlotsAsked, WorldResult};

/// The items of steps that have a rate or are exclusive.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// The next free slot of each step, in microseconds since the epoch.
    paces: BTreeMap<String, i64>,
    leases: BTreeMap<RecordKey, Lease>,
}

impl Paces for MemoryHost {
    async fn take_slots(&self, step: &str, asked: &SlotsAsked) -> WorldResult<Slots> {
        self.op("take slots", |state| {
            let next_us = state.flow.paces.entry(step.to_owned()).or_insert(asked.from_us);
            let first_us = asked.from_us.max(*next_us);
            let count = asked.within(first_us);
            if count > 0 {
                *next_us = first_us + i64::from(count) * asked.interval_us;
            }
            Ok(Slots { first_us, count })
        })
        .await
    }
}

impl Leases for MemoryHost {
    async fn take_lease(&self, position: &RecordKey, lease: &Lease, now_ms: i64) -> WorldResult<LeaseTaken> {
        self.op("take lease", |state| {
            if let Some(there) = state.flow.leases.get(position)
                && there.until_ms > now_ms
                && there.holder != lease.holder
            {
                return Ok(LeaseTaken::Held { until_ms: there.until_ms });
            }
            match state.flow.leases.insert(position.clone(), lease.clone()) {
                None => Ok(LeaseTaken::First),
                Some(_) => Ok(LeaseTaken::Again),
            }
        })
        .await
    }

    async fn release_lease(&self, position: &RecordKey, holder: &str) -> WorldResult<()> {
        self.op("release lease", |state| {
            if let Some(lease) = state.flow.leases.get_mut(position)
                && lease.holder == holder
            {
                lease.until_ms = 0;
            }
            Ok(())
        })
        .await
    }
}
