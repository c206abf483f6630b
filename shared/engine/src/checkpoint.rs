//! Places along a run from which its history can be followed on, so that a page costs what it shows.

use crate::{
    limits::{CHECKPOINT_BYTES_MAX, CHECKPOINT_RECORDS},
    position::MapItem,
    redrive::Around,
    replay::Follower,
    size::json_bytes,
    trace::Link,
    transition::{Next, Transition},
};
use std::collections::BTreeMap;

/// Where a branch was before one of its records, and how far its events had come.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    /// The seq of the next record.
    pub(crate) seq: u32,
    pub(crate) redrive_count: u32,
    pub(crate) last: Transition,
    /// How many events the branch had.
    pub(crate) events: u64,
    pub(crate) link: Link,
    pub(crate) before_link: Link,
    /// How many fan-outs it had opened and left.
    pub(crate) fan_outs: usize,
    /// As the follower has them.
    pub(crate) index: u32,
    pub(crate) map_item: Option<MapItem>,
    pub(crate) around: Around,
}

/// The checkpoints of a run, by the number of their strands, each strand's in order.
///
/// All together they hold at most [`CHECKPOINT_BYTES_MAX`] bytes of data: where there would be more, every other one goes,
/// and those that follow are twice as far apart.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    by_strand: BTreeMap<usize, Vec<(Checkpoint, usize)>>,
    /// So many records are between two of them.
    records: u32,
    bytes: usize,
}

impl Checkpoints {
    pub(crate) fn new() -> Self {
        Self { by_strand: BTreeMap::new(), records: CHECKPOINT_RECORDS, bytes: 0 }
    }

    /// Whether one is wanted before the record `seq` of a branch. At its start there is none: that is where it begins.
    pub(crate) fn is_due(&self, seq: u32) -> bool {
        seq > 0 && seq.is_multiple_of(self.records)
    }

    /// Keeps one more of a strand; its seq is larger than those before.
    pub(crate) fn keep(&mut self, strand: usize, follower: &Follower<'_>, fan_outs: usize) {
        self.keep_made(strand, follower.next_seq(), &follower.last().next, || follower.checkpoint(fan_outs));
    }

    fn keep_made(&mut self, strand: usize, seq: u32, next: &Next, make: impl FnOnce() -> Option<Checkpoint>) {
        let bytes = json_bytes(next);
        while self.bytes.saturating_add(bytes) > CHECKPOINT_BYTES_MAX && self.is_due(seq) {
            self.thin_out();
        }
        if self.is_due(seq)
            && let Some(made) = make()
        {
            self.by_strand.entry(strand).or_default().push((made, bytes));
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    fn thin_out(&mut self) {
        self.records = self.records.saturating_mul(2);
        for kept in self.by_strand.values_mut() {
            kept.retain(|(checkpoint, _)| checkpoint.seq.is_multiple_of(self.records));
        }
        self.by_strand.retain(|_, kept| !kept.is_empty());
        self.bytes = self.by_strand.values().flatten().map(|(_, bytes)| bytes).sum();
    }

    /// The last one of a strand that comes before an event with this number and before this fan-out.
    pub(crate) fn before(&self, strand: usize, event: u64, fan_out: usize) -> Option<&Checkpoint> {
        let kept = self.by_strand.get(&strand)?;
        let is_before = |(kept, _): &(Checkpoint, usize)| kept.events < event && kept.fan_outs <= fan_out;
        Some(&kept.get(kept.partition_point(is_before).checked_sub(1)?)?.0)
    }

    /// The first one of a strand that has this many events, and has left this many fan-outs.
    pub(crate) fn after(&self, strand: usize, events: u64, fan_outs: usize) -> Option<&Checkpoint> {
        let kept = self.by_strand.get(&strand)?;
        let is_short = |(kept, _): &(Checkpoint, usize)| kept.events < events || kept.fan_outs < fan_outs;
        Some(&kept.get(kept.partition_point(is_short))?.0)
    }

    /// How many there are, and the size of what they hold as JSON text.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.by_strand.values().map(Vec::len).sum(), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{Awaiting, Branch, Position};
    use serde_json::{Map, Value, json};

    fn waits(seq: u32, data: Value) -> Next {
        Next::Wait(Position {
            branch: Branch::default(),
            seq,
            state: "S".to_owned(),
            awaiting: Awaiting::Turn,
            retries: Vec::new(),
            events: u64::from(seq) * 5,
            entered_event: 0,
            entered_ms: 0,
            entered_seq: seq,
            deadline_ms: None,
            variables: Map::new(),
            map_item: None,
            opening: None,
            indexes: Vec::new(),
            resumes: None,
            reading: None,
            unread: None,
            failed: None,
            skipped: None,
            data,
        })
    }

    /// As a tour keeps them: one for each record, if it is due. A fan-out at every hundredth.
    fn kept(records: u32, bytes: usize) -> Checkpoints {
        let mut checkpoints = Checkpoints::new();
        for seq in (0..records).filter(|seq| seq.is_multiple_of(CHECKPOINT_RECORDS)) {
            if checkpoints.is_due(seq) {
                let next = waits(seq, json!("x".repeat(bytes)));
                let last = Transition { next: next.clone(), now_ms: 0, gave_up: false, stayed: false };
                let made = Checkpoint {
                    seq,
                    redrive_count: 0,
                    last,
                    events: u64::from(seq) * 5,
                    link: Link::Nothing,
                    before_link: Link::Nothing,
                    fan_outs: seq as usize / 100,
                    index: 0,
                    map_item: None,
                    around: Around::Nothing,
                };
                checkpoints.keep_made(0, seq, &next, || Some(made));
            }
        }
        checkpoints
    }

    #[test]
    fn a_page_begins_at_the_last_one_before_it() {
        let checkpoints = kept(1_000, 10);
        let before = |event, fan_out| checkpoints.before(0, event, fan_out).map(|kept| kept.seq);
        assert_eq!(before(64 * 5, usize::MAX), None);
        assert_eq!(before(64 * 5 + 1, usize::MAX), Some(64));
        assert_eq!(before(u64::MAX, usize::MAX), Some(960));
        assert_eq!(before(u64::MAX, 1), Some(192), "the next one has left the fan-out 1");
        assert!(checkpoints.before(1, u64::MAX, usize::MAX).is_none());
        let after = |events, fan_outs| checkpoints.after(0, events, fan_outs).map(|kept| kept.seq);
        assert_eq!(after(1, 0), Some(64));
        assert_eq!(after(64 * 5, 0), Some(64));
        assert_eq!(after(64 * 5 + 1, 0), Some(128));
        assert_eq!(after(1, 2), Some(256));
        assert_eq!(after(u64::MAX, 0), None);
    }

    #[test]
    fn large_ones_are_further_apart_and_fit() {
        for (bytes, most) in
            [(10, 160), (100_000, 42), (CHECKPOINT_BYTES_MAX, 0), (CHECKPOINT_BYTES_MAX * 2, 0)]
        {
            let (count, held) = kept(10_000, bytes).size();
            assert!(count <= most && held <= CHECKPOINT_BYTES_MAX, "{count} of {bytes} bytes: {held}");
            assert!(most == 0 || count * 2 >= most.min(156) / 2, "{count} of {bytes} bytes");
        }
        assert_eq!(kept(10_000, 10).size().0, 156);
    }
}
