//! The nodes of a wide fan-out: what the branches below one have come to is gathered when the last of them has ended.
//!
//! So no delivery reads the ends of more branches than a node has, and whoever joins the fan-out reads a payload for each node.
//! What is gathered comes of records that no longer change: a repetition gathers the same.

use super::{
    Opened, Told,
    again::Results,
    gather::{one_end_is_missing, responded, too_much},
    no_fan_out,
    open::in_time,
    write::Written,
};
use crate::{
    Protocol,
    deliver::{Handled, plain_bytes_max},
    fan_outs::{FanOuts, Node, PartReport, Progress, TallyKey, Tree},
    item::{RecordKey, RunKey},
    limits,
    line::{Before, Line},
    message::{Lock, Message},
    payload::{self, Payload},
    planted::PlantedBug,
    traits::{Host, WorldResult},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepladder_asl::Definition;
use stepladder_engine::{Outcome, Position, Run, Writing, writing};

/// What the branches below a node have come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Gathered {
    /// Without a ResultWriter: the outputs of those that have succeeded, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    results: Vec<Value>,
    /// The number of their own events.
    #[serde(default)]
    events: u64,
    /// Only with a ResultWriter.
    #[serde(default)]
    pub(super) written: Written,
    /// The state can't have these results, and gets this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    instead: Option<Outcome>,
}

impl<H: Host> Protocol<H> {
    /// Whether what the branches of a fan-out have come to is gathered by nodes. Of one that goes on from another the results
    /// lie with both.
    pub(super) fn is_gathered(&self, position: &Position) -> bool {
        let is_wide = position.fan_out().is_some_and(|fan_out| !self.tree(fan_out.count).is_flat());
        is_wide && position.resumes.is_none()
    }

    /// Gathers what the branches below a node have come to, and tells the node above that it is complete.
    pub(crate) async fn gather_node(
        &self,
        message: &Message,
        definition: &Definition,
        (lock, index): (&Lock, u32),
        before: Before,
    ) -> WorldResult<Handled> {
        let key = lock.key(&RunKey::of(&message.run));
        let opened = self.opened(&key.run, lock).await?;
        let fan_out = opened.position.fan_out().ok_or_else(|| no_fan_out(&opened.position))?;
        let tree = self.tree(fan_out.count);
        let node = tree.node(1, index);
        let item = TallyKey::of(&key, node);
        let tally = self.host.store().tally(&item).await?;
        if !self.has_all(&tally, item.node, tree) {
            return Err(payload::unreadable(&format!("gather what is below {item}"), "it is not complete"));
        }
        let line = Line::of(message, definition, before);
        let report = PartReport { failures: tally.total_failures(), progress: Progress::Complete };
        let report = match self.planted(PlantedBug::CompleteNodeWithoutFailures) {
            true => PartReport { failures: 0, ..report },
            false => report,
        };
        if self.planted(PlantedBug::NodeToldBeforeGathered) {
            self.tell_above(&line, lock, node, report, &fan_out).await?;
        }
        if self.is_gathered(&opened.position) {
            let gathered = self.gather_below((&message.run, definition), &opened, tree, node).await?;
            let plain = plain_bytes_max(&key.run, &lock.branch);
            let gathered = self.packed(&key.run, &gathered, plain).await?;
            self.host.store().put_gathered(&item, &gathered, self.fan_out_expires_s(&key.run)).await?;
        }
        let told = self.tell_above(&line, lock, node, report, &fan_out).await?;
        Ok(Handled::sending(self.asked_for(&line, lock, &told).await?))
    }

    /// What follows from a node that is complete: where it is gathered already it only tells so again.
    pub(crate) async fn gathered_again(
        &self,
        line: &Line<'_>,
        position: &Position,
        lock: &Lock,
        index: u32,
    ) -> WorldResult<Told> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        let node = self.tree(fan_out.count).node(1, index);
        let item = TallyKey::of(&lock.key(&RunKey::of(line.run)), node);
        if self.is_gathered(position) && self.host.store().gathered(&item).await?.is_none() {
            return Ok(Told { gathers: Some(index), ..Told::default() });
        }
        let failures = self.host.store().tally(&item).await?.total_failures();
        let report = PartReport { failures, progress: Progress::Complete };
        self.tell_above(line, lock, node, report, &fan_out).await
    }

    async fn gather_below(
        &self,
        (run, definition): (&Run, &Definition),
        opened: &Opened,
        tree: Tree,
        node: Node,
    ) -> WorldResult<Gathered> {
        let key = Lock::of(&opened.position).key(&RunKey::of(run));
        let parts = tree.parts_of(node);
        let ended = self.ended_of(&key, parts.clone()).await?;
        let count = opened.position.fan_out().map_or(0, |fan_out| fan_out.count);
        let expected = parts.map(|part| self.branches_of(part, count).len()).sum::<usize>();
        let results = Results::of(key.clone(), ended);
        if results.ended.len() != expected {
            return Err(one_end_is_missing(&key));
        }
        let seeded = self.seeded(run);
        let instead = |outcome| Gathered { instead: Some(outcome), ..Gathered::default() };
        let writing = match in_time(&opened.position, writing(definition, &seeded, &opened.position))? {
            Ok(writing) => writing,
            Err(outcome) => return Ok(instead(outcome)),
        };
        if let Some(writing) = writing {
            let written = self.write_results((run, definition), opened, &writing, &results, Some(node));
            return Ok(match written.await? {
                Ok(written) => Gathered { written, ..Gathered::default() },
                Err(outcome) => instead(outcome),
            });
        }
        Ok(match self.joined(&results, self.host.settings().payload_bytes_max).await? {
            Outcome::Joined { results, events } => Gathered { results, events, ..Gathered::default() },
            outcome => instead(outcome),
        })
    }

    /// What was gathered below a node; none where not all of its branches have ended.
    pub(super) async fn gathered(&self, node: &TallyKey) -> WorldResult<Option<Gathered>> {
        match self.host.store().gathered(node).await? {
            Some(payload) => self.unpacked_gathered(node, &payload).await.map(Some),
            None => Ok(None),
        }
    }

    async fn unpacked_gathered(&self, node: &TallyKey, payload: &Payload) -> WorldResult<Gathered> {
        self.unpacked(&node.fan_out.run, payload, || format!("read what is below {node}")).await
    }

    /// The outcome of a fan-out whose nodes are all complete. Results whose sizes say that they are too much together aren't read.
    pub(super) async fn joined_from_nodes(
        &self,
        writing: Option<&Writing>,
        fan_out: &RecordKey,
        tree: Tree,
    ) -> WorldResult<Outcome> {
        let items: Vec<(TallyKey, Payload)> = stream::iter(tree.lowest().map(|node| async move {
            let item = TallyKey::of(fan_out, node);
            match self.host.store().gathered(&item).await? {
                Some(payload) => Ok((item, payload)),
                None => Err(payload::unreadable(&format!("read what is below {item}"), "it is not there")),
            }
        }))
        .buffered(limits::FAN_OUT_ITEMS_AT_ONCE)
        .try_collect()
        .await?;
        let bytes_max = self.host.settings().payload_bytes_max;
        let stored = items.iter().map(|(_, payload)| gathered_bytes(payload)).fold(0, usize::saturating_add);
        if stored > bytes_max {
            return Ok(too_much(bytes_max));
        }
        let (mut results, mut events, mut bytes) = (Vec::new(), 0_u64, 0_usize);
        let mut written = Written::default();
        for (item, payload) in &items {
            let gathered = self.unpacked_gathered(item, payload).await?;
            if let Some(outcome) = gathered.instead {
                return Ok(outcome);
            }
            for value in gathered.results.iter().chain(&gathered.written.values) {
                let of_value = crate::json::size(value)
                    .map_err(|error| payload::unreadable("measure a payload", &error.to_string()))?;
                bytes = bytes.saturating_add(of_value).saturating_add(1);
            }
            if bytes > bytes_max {
                return Ok(too_much(bytes_max));
            }
            results.extend(gathered.results);
            events = events.saturating_add(gathered.events);
            written.extend(gathered.written);
        }
        match writing {
            Some(writing) => Ok(responded(self.written(writing, written).await?)),
            None => Ok(Outcome::Joined { results, events }),
        }
    }
}

/// What of a node's results lies in the blob store, in bytes, without what the protocol puts around them.
fn gathered_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Blob(blob) => usize::try_from(blob.bytes).unwrap_or(usize::MAX).saturating_sub(200),
        Payload::Json(_) | Payload::Zstd(_) => 0,
    }
}
