//! The items of a fan-out, and what the store does with them.
//!
//! A fan-out is named by the lock of the position that waits for it. Its branches are counted in *parts* of
//! [`limits::PART_BRANCHES`](crate::limits::PART_BRANCHES) each, so that no item grows large and no partition of the
//! table takes the writes of all of them. Many parts are counted in a tree of items ([`TallyKey`]).

mod tree;

use crate::{
    item::{Record, RecordKey, RunKey},
    payload::Payload,
    traits::WorldResult,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
};
use stepladder_engine::{Branch, FanOut, Update};
pub use tree::{Node, TallyKey};
pub(crate) use tree::{Tree, pieces};

/// One part of a fan-out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartKey {
    /// The lock of the position that waits for the fan-out.
    pub fan_out: RecordKey,
    /// The branches from `part` times the size of a part on.
    pub part: u32,
}

impl PartKey {
    /// The part that a branch belongs to; none for the root.
    pub fn of(run: &RunKey, branch: &Branch, part_branches: u32) -> Option<Self> {
        let (parent, fork) = branch.parent()?;
        let fan_out = RecordKey { run: run.clone(), branch: parent, seq: fork.seq };
        Some(Self { fan_out, part: fork.index / part_branches.max(1) })
    }
}

impl fmt::Display for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part {} of the fan-out at {}", self.part, self.fan_out)
    }
}

/// Items of a run that lie together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// What belongs to the root branch.
    Run(RunKey),
    /// What belongs to the branches of one part of a fan-out.
    Part(PartKey),
}

impl Partition {
    /// Where the records of a branch lie, and the items of the fan-outs that it opens.
    pub fn of(run: &RunKey, branch: &Branch, part_branches: u32) -> Self {
        match PartKey::of(run, branch, part_branches) {
            Some(part) => Partition::Part(part),
            None => Partition::Run(run.clone()),
        }
    }

    pub fn run(&self) -> &RunKey {
        match self {
            Partition::Run(run) => run,
            Partition::Part(part) => &part.fan_out.run,
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Run(run) => run.fmt(f),
            Partition::Part(part) => part.fmt(f),
        }
    }
}

/// A branch that has ended, as its part lists it: it is the same for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ended {
    pub index: u32,
    /// The seq of its last record.
    pub seq: u32,
    pub how: EndedHow,
}

/// How a branch has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndedHow {
    Ok,
    Failed,
    /// It failed because its item can't be read.
    Unread,
}

/// The item of one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// The branches that have ended, in the order in which they were listed: the place of one is the same for ever.
    pub ended: Vec<Ended>,
    /// Nothing of it begins any more.
    pub is_stopped: bool,
    /// The fan-out is to be updated: of those that have ended only so many, the first ones, begin another branch.
    pub mark: Option<u32>,
}

impl Part {
    /// Whether the end at a place, from 1 on, begins another branch.
    pub fn begins_at(&self, place: u32) -> bool {
        self.mark.is_none_or(|mark| place <= mark)
    }

    /// The place of a branch among those that have ended, from 1 on.
    pub fn place(&self, index: u32) -> Option<u32> {
        let at = self.ended.iter().position(|ended| ended.index == index)?;
        u32::try_from(at + 1).ok()
    }

    /// How many failures there are, where a failed branch counts for so many.
    pub fn failures(&self, failure_items: u32) -> u32 {
        self.failures_at(usize::MAX, failure_items)
    }

    /// How many there were when so many branches had ended.
    pub(crate) fn failures_at(&self, count: usize, failure_items: u32) -> u32 {
        let counted = self.ended.iter().take(count).map(|ended| match ended.how {
            EndedHow::Ok => 0,
            EndedHow::Failed => failure_items,
            EndedHow::Unread => 1,
        });
        counted.fold(0, u32::saturating_add)
    }
}

/// The root item of a fan-out, or a node of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// The failures of each part or node below it that has some, as far as they have been reported.
    pub failures: BTreeMap<u32, u32>,
    /// The parts or nodes whose branches have all ended.
    pub complete: BTreeSet<u32>,
    /// Nothing of it is opened any more. Only of a root item.
    pub is_stopped: bool,
    /// How often failures have been reported.
    pub reports: u64,
    /// What those go on with that have not begun, once all have ended that have.
    pub update: Option<Update>,
}

impl Tally {
    /// Whether more branches have failed than are tolerated. As long as an update is to come it is not said: how many are
    /// tolerated then is for the fan-out to say that the update opens, or for the join, if there is nothing left to open.
    pub fn has_failed(&self, fan_out: &FanOut) -> bool {
        self.update.is_none() && self.total_failures() > fan_out.failures_tolerated
    }

    pub fn total_failures(&self) -> u32 {
        self.failures.values().fold(0, |sum, failures| sum.saturating_add(*failures))
    }

    /// Whether all of so many have reported that they are complete.
    pub fn has_all(&self, count: u32) -> bool {
        u32::try_from(self.complete.len()).is_ok_and(|complete| complete >= count)
    }
}

/// What one part or node tells the item above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartReport {
    /// How many of its branches have failed; it only ever raises what has been reported.
    pub failures: u32,
    pub progress: Progress,
}

/// Whether all branches of a part or of a node have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Partial,
    Complete,
}

/// Fan-outs in the store. Every write is an upsert that may be repeated and changes nothing then; reads are consistent
/// unless a method says otherwise. `expires_s` is in seconds since the epoch.
pub trait FanOuts: Send + Sync {
    /// Writes what a fan-out was opened with, before any of its branches is started.
    fn put_opened(
        &self,
        fan_out: &RecordKey,
        count: u32,
        opened: &Payload,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    fn opened(&self, fan_out: &RecordKey) -> impl Future<Output = WorldResult<Option<Payload>>> + Send;

    /// Writes what the branches of a part are started with, where somebody else than the opener starts them.
    fn put_inputs(
        &self,
        part: &PartKey,
        inputs: &Payload,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    fn inputs(&self, part: &PartKey) -> impl Future<Output = WorldResult<Option<Payload>>> + Send;

    /// Appends a branch to the list of its part, unless it is there; answers with the part as it is then.
    fn append_ended(
        &self,
        part: &PartKey,
        ended: Ended,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<Part>> + Send;

    /// A part that nothing has been written about is as it is at first.
    fn part(&self, part: &PartKey) -> impl Future<Output = WorldResult<Part>> + Send;

    /// Whether a part's flag is set. May be a moment old.
    fn is_stopped(&self, part: &PartKey) -> impl Future<Output = WorldResult<bool>> + Send;

    /// Tells an item about a part or node below it, all in one update; answers with the item as it is then.
    fn report(
        &self,
        above: &TallyKey,
        below: u32,
        report: PartReport,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<Tally>> + Send;

    /// An item that nothing has been written about is as it is at first.
    fn tally(&self, key: &TallyKey) -> impl Future<Output = WorldResult<Tally>> + Send;

    /// Writes what the branches below a node have come to.
    fn put_gathered(
        &self,
        node: &TallyKey,
        gathered: &Payload,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    fn gathered(&self, node: &TallyKey) -> impl Future<Output = WorldResult<Option<Payload>>> + Send;

    /// Sets the flag of a part, also where there is no item yet.
    fn stop_part(&self, part: &PartKey, expires_s: i64) -> impl Future<Output = WorldResult<()>> + Send;

    /// Sets the flag of the root item, also where there is no item yet.
    fn stop_fan_out(
        &self,
        fan_out: &RecordKey,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    /// Marks a part, unless it is: no branch that is listed from now on begins another one. Answers with the part as it is then.
    fn mark_part(&self, part: &PartKey, expires_s: i64) -> impl Future<Output = WorldResult<Part>> + Send;

    /// Writes what a fan-out is updated with, also where there is no item yet; false, and nothing is written, if a failure or a
    /// part as complete has been reported since `before` was read, or another update has been written.
    fn put_update(
        &self,
        fan_out: &RecordKey,
        update: &Update,
        before: &Tally,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// Many records at once: one answer per key, in order.
    fn records_at(&self, keys: &[RecordKey])
    -> impl Future<Output = WorldResult<Vec<Option<Record>>>> + Send;

    /// The records of all branches of a part that follow `after` in the order of their keys: one page, at least one if
    /// there is one.
    fn part_records(
        &self,
        part: &PartKey,
        after: Option<&RecordKey>,
    ) -> impl Future<Output = WorldResult<Vec<(RecordKey, Record)>>> + Send;

    /// The fan-outs that were opened by the branches of a partition, and how many branches each has.
    fn fan_outs_in(
        &self,
        partition: &Partition,
    ) -> impl Future<Output = WorldResult<Vec<(RecordKey, u32)>>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::RunId;

    fn run() -> RunKey {
        RunKey { id: RunId::new("order", "17"), nonce: "0".repeat(32) }
    }

    #[test]
    fn a_branch_belongs_to_the_part_of_its_own_fan_out() {
        let nested = Branch::default().child(3, 70).child(0, 129);
        let part = PartKey::of(&run(), &nested, 64).unwrap();
        assert_eq!(
            (part.fan_out.branch.clone(), part.fan_out.seq, part.part),
            (Branch::default().child(3, 70), 0, 2)
        );
        assert_eq!(PartKey::of(&run(), &Branch::default(), 64), None);
        assert_eq!(Partition::of(&run(), &Branch::default(), 64), Partition::Run(run()));
        assert_eq!(Partition::of(&run(), &nested, 64), Partition::Part(part));
    }

    #[test]
    fn a_place_counts_from_one() {
        let ended = |index, how| Ended { index, seq: 0, how };
        let part =
            Part { ended: vec![ended(7, EndedHow::Ok), ended(2, EndedHow::Failed)], ..Part::default() };
        assert_eq!((part.place(7), part.place(2), part.place(3)), (Some(1), Some(2), None));
        assert_eq!((part.failures(1), part.failures(100)), (1, 100));
        assert_eq!((part.failures_at(1, 1), part.failures_at(2, 1)), (0, 1));
    }
}
