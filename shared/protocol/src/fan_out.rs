//! Fan-outs: opening them, the ends of their branches, and the join.
//!
//! A fan-out is the effect of a transition like any other, and so is the end of a branch: what is done for either can be
//! done again after a crash. The join is a message of its own, for a message writes at most one record.

mod again;
mod drain;
mod gather;
mod join;
mod nodes;
mod open;
mod part;
mod read;
mod stopped;
mod write;

use crate::{
    Protocol,
    fan_outs::{FanOuts, PartKey, Tree},
    item::{RecordKey, RunKey},
    json,
    message::Lock,
    payload::{self, Payload},
    traits::{Host, WorldResult},
};
pub(crate) use join::Told;
pub(crate) use open::in_time;
pub(crate) use part::PartInputs;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::ops::Range;
use stepladder_engine::{FanOut, Position, present};

/// What a fan-out was opened with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// The position that waits for the fan-out.
    pub(crate) position: Position,
    /// The time of the transition that opened it, in milliseconds since the epoch.
    pub(crate) opened_ms: i64,
}

/// What a branch ended with, as its last record holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BranchEnd {
    /// Absent where it failed.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub(crate) output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) cause: Option<String>,
    /// The number of events on its path, with those before it.
    pub(crate) events: u64,
    /// The number of its own events.
    pub(crate) own_events: u64,
}

impl<H: Host> Protocol<H> {
    /// What a fan-out was opened with.
    pub(crate) async fn opened(&self, run: &RunKey, lock: &Lock) -> WorldResult<Opened> {
        let key = lock.key(run);
        let Some(payload) = self.host.store().opened(&key).await? else {
            return Err(payload::unreadable(&format!("read the fan-out at {key}"), "it is not there"));
        };
        self.unpacked(run, &payload, || format!("read the fan-out at {key}")).await
    }

    pub(crate) async fn unpacked<T: DeserializeOwned>(
        &self,
        run: &RunKey,
        payload: &Payload,
        operation: impl FnOnce() -> String,
    ) -> WorldResult<T> {
        // What the protocol puts around a payload is not what `payload_bytes_max` is about.
        let bytes_max = self.host.settings().payload_bytes_max.saturating_mul(2);
        let json = payload::load(self.host.blobs(), run, payload, bytes_max).await?;
        serde_json::from_slice(&json).map_err(|error| payload::unreadable(&operation(), &json::fault(&error)))
    }

    pub(crate) async fn packed(
        &self,
        run: &RunKey,
        value: &impl Serialize,
        plain_bytes_max: usize,
    ) -> WorldResult<Payload> {
        let json = serde_json::to_vec(value)
            .map_err(|error| payload::unreadable("encode a payload", &error.to_string()))?;
        payload::store(self.host.blobs(), run, json, plain_bytes_max).await
    }

    pub(crate) fn part_branches(&self) -> u32 {
        self.host.settings().part_branches.max(1)
    }

    pub(crate) fn node_parts(&self) -> u32 {
        self.host.settings().node_parts.max(2)
    }

    /// What the parts of a fan-out of so many branches report to.
    pub(crate) fn tree(&self, count: u32) -> Tree {
        Tree::new(self.parts(count).end, self.node_parts())
    }

    /// The parts of a fan-out of so many branches.
    pub(crate) fn parts(&self, count: u32) -> Range<u32> {
        0..count.div_ceil(self.part_branches())
    }

    /// The indexes of a part's branches.
    pub(crate) fn branches_of(&self, part: u32, count: u32) -> Range<u32> {
        let first = part.saturating_mul(self.part_branches());
        first..first.saturating_add(self.part_branches()).min(count)
    }

    pub(crate) fn part_of(&self, fan_out: &RecordKey, index: u32) -> PartKey {
        PartKey { fan_out: fan_out.clone(), part: index / self.part_branches() }
    }
}

/// How many branches a fan-out begins with.
pub(crate) fn width(fan_out: &FanOut) -> u32 {
    fan_out.concurrency.min(fan_out.count)
}

/// A position that should wait for a fan-out, and doesn't.
pub(crate) fn no_fan_out(position: &Position) -> crate::traits::WorldError {
    payload::unreadable(&format!("go on from state '{}'", position.state), "it waits for no fan-out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_branch_that_ended_with_null_has_an_output() {
        let end = BranchEnd { output: Some(Value::Null), error: None, cause: None, events: 7, own_events: 2 };
        let text = serde_json::to_string(&end).unwrap();
        assert_eq!(serde_json::from_str::<BranchEnd>(&text).unwrap(), end);
        let failed: BranchEnd = serde_json::from_value(json!({ "events": 1, "own_events": 1 })).unwrap();
        assert_eq!(failed.output, None);
    }
}
