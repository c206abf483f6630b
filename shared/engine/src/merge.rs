//! One history out of the events of all branches.
//!
//! The rule: by time, then by branch, then in the branch's own order; and never before the event that caused it. Within
//! a branch time never goes back: an event counts from the latest time so far. A branch begins after the event that
//! opened it, or, where its fan-out had no room at first, after the end that made room. What follows a fan-out in its
//! parent comes after all that its branches did.

use crate::{
    position::{Branch, Opening},
    trace::{Link, Traced},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

/// The events of one branch, and how it hangs together with the others.
#[derive(Debug)]
pub(crate) struct Strand {
    pub(crate) branch: Branch,
    pub(crate) events: Vec<Traced>,
    /// What an event would follow that came next.
    pub(crate) last: Link,
    /// Where it was opened from; none for the root.
    pub(crate) parent: Option<Descent>,
    /// What the branch was started with; none for the root.
    pub(crate) opening: Option<Opening>,
    /// When it ended, and the number of events on its path then.
    pub(crate) ended: Option<(i64, u64)>,
    /// The time from which on its records are late: those of its fan-out's stop, or of one around it.
    pub(crate) cut_ms: Option<i64>,
    /// How many of its records are not late.
    pub(crate) in_time: usize,
    /// The fan-outs that it opened, in order.
    pub(crate) fan_outs: Vec<Opened>,
}

/// How a strand hangs from its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descent {
    /// The number of the parent's strand.
    pub(crate) strand: usize,
    /// Which of the parent's fan-outs.
    pub(crate) fan_out: usize,
    /// The strand of the sibling whose end made room; none where it started at once.
    pub(crate) after: Option<usize>,
}

/// A fan-out in its parent's strand.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) seq: u32,
    /// The number of the parent's last event before the branches.
    pub(crate) after: u64,
    /// What the branches' first events follow, where they started at once.
    pub(crate) link: Link,
    /// Its branches are executions of their own, and no part of this history: a distributed Map state's.
    pub(crate) is_apart: bool,
    pub(crate) strands: Vec<usize>,
}

/// The order of all events: which strand each belongs to, and its number there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// In the order of the history.
    pub(crate) order: Vec<Place>,
    /// By strand: the id of its first event and so on.
    pub(crate) ids: Vec<Vec<u64>>,
    /// By strand and fan-out: the strand that was the last to end.
    last: BTreeMap<(usize, usize), usize>,
}

/// One event of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) strand: u32,
    /// The number of the event in its strand, from 0 on.
    pub(crate) event: u32,
}

/// How far the merge of one strand has come.
struct Progress {
    event: usize,
    /// The next fan-out to be opened.
    fan_out: usize,
    /// How many strands of the open fan-out are not done.
    open: usize,
    /// The latest time so far.
    time_ms: i64,
}

pub(crate) fn merge(strands: &[Strand]) -> Merged {
    let mut by_branch: Vec<usize> = (0..strands.len()).collect();
    by_branch.sort_by_key(|index| strands.get(*index).map(|strand| &strand.branch));
    let mut ranks = vec![0; strands.len()];
    for (rank, index) in by_branch.iter().enumerate() {
        if let Some(slot) = ranks.get_mut(*index) {
            *slot = rank;
        }
    }
    let mut merging = Merging {
        strands,
        ranks,
        progress: strands
            .iter()
            .map(|_| Progress { event: 0, fan_out: 0, open: 0, time_ms: i64::MIN })
            .collect(),
        waiting: BTreeMap::new(),
        heap: BinaryHeap::new(),
        merged: Merged { ids: strands.iter().map(|_| Vec::new()).collect(), ..Merged::default() },
    };
    for (index, strand) in strands.iter().enumerate() {
        if let Some(Descent { after: Some(after), .. }) = strand.parent {
            merging.waiting.entry(after).or_default().push(index);
        }
    }
    merging.queue(0);
    while let Some(Reverse((_, rank))) = merging.heap.pop() {
        let Some(strand) = by_branch.get(rank) else { break };
        merging.take(*strand);
        merging.queue(*strand);
    }
    merging.merged
}

struct Merging<'a> {
    strands: &'a [Strand],
    /// By strand: its place in the order of the branches.
    ranks: Vec<usize>,
    progress: Vec<Progress>,
    /// The strands that begin after the end of this one.
    waiting: BTreeMap<usize, Vec<usize>>,
    /// The next event of each strand that may go on: its time, and the rank of its strand.
    heap: BinaryHeap<Reverse<(i64, usize)>>,
    merged: Merged,
}

impl Merging<'_> {
    /// The strand's next event is the next of the history.
    fn take(&mut self, index: usize) {
        let (Some(progress), Some(ids)) = (self.progress.get_mut(index), self.merged.ids.get_mut(index))
        else {
            return;
        };
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        self.merged.order.push(Place { strand: number(index), event: number(progress.event) });
        ids.push(self.merged.order.len() as u64);
        progress.event += 1;
    }

    /// Lets a strand go on as far as it can: to its next event, into its fan-out, or to its end.
    fn queue(&mut self, index: usize) {
        let mut strands = vec![index];
        while let Some(index) = strands.pop() {
            let (Some(strand), Some(progress)) = (self.strands.get(index), self.progress.get_mut(index))
            else {
                continue;
            };
            if progress.open > 0 {
                continue;
            }
            let opens = strand.fan_outs.get(progress.fan_out);
            if let Some(fan_out) = opens.filter(|opened| opened.after as usize == progress.event) {
                progress.fan_out += 1;
                if fan_out.is_apart {
                    strands.push(index);
                    continue;
                }
                progress.open = fan_out.strands.len();
                let at_once = |child: &&usize| {
                    let parent = self.strands.get(**child).and_then(|strand| strand.parent);
                    parent.is_some_and(|parent| parent.after.is_none())
                };
                let children: Vec<usize> = fan_out.strands.iter().filter(at_once).copied().collect();
                if fan_out.strands.is_empty() {
                    strands.push(index);
                }
                strands.extend(children);
                continue;
            }
            match strand.events.get(progress.event) {
                Some(event) => {
                    progress.time_ms = progress.time_ms.max(event.time_ms);
                    let rank = self.ranks.get(index).copied().unwrap_or(index);
                    self.heap.push(Reverse((progress.time_ms, rank)));
                }
                None => strands.extend(self.done(index, strand)),
            }
        }
    }

    /// A strand has come to its end; answers with those that may go on now.
    fn done(&mut self, index: usize, strand: &Strand) -> Vec<usize> {
        let mut free = self.waiting.remove(&index).unwrap_or_default();
        if let Some(parent) = strand.parent {
            self.merged.last.insert((parent.strand, parent.fan_out), index);
            if let Some(progress) = self.progress.get_mut(parent.strand) {
                progress.open = progress.open.saturating_sub(1);
                if progress.open == 0 {
                    free.push(parent.strand);
                }
            }
        }
        free
    }
}

impl Merged {
    /// The id of the event that this link means; 0 for none.
    pub(crate) fn id_of(&self, strands: &[Strand], strand: usize, link: Link) -> u64 {
        let (mut strand, mut link) = (strand, link);
        // Each turn leads to another strand, or earlier in the same one.
        for _ in 0..=strands.len() {
            let Some(at) = strands.get(strand) else { return 0 };
            match link {
                Link::Nothing => return 0,
                Link::Event(number) => {
                    let index = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
                    return self.ids.get(strand).and_then(|ids| ids.get(index)).copied().unwrap_or(0);
                }
                Link::Opening => {
                    let Some(parent) = at.parent else { return 0 };
                    (strand, link) =
                        match parent.after.and_then(|after| Some((after, strands.get(after)?.last))) {
                            Some(sibling) => sibling,
                            None => match opened(strands, parent) {
                                Some(fan_out) => (parent.strand, fan_out.link),
                                None => return 0,
                            },
                        };
                }
                Link::Joined { seq } => {
                    let Ok(index) = at.fan_outs.binary_search_by_key(&seq, |opened| opened.seq) else {
                        return 0;
                    };
                    let last = self.last.get(&(strand, index));
                    match last.and_then(|last| self.ids.get(*last)).and_then(|ids| ids.last()) {
                        Some(id) => return *id,
                        // A redrive found nothing left to do.
                        None => match at.fan_outs.get(index) {
                            Some(opened) if opened.strands.is_empty() => link = opened.link,
                            _ => return 0,
                        },
                    }
                }
                Link::Failed { seq, index } => {
                    let branch = at.branch.child(seq, index);
                    let opened = at.fan_outs.binary_search_by_key(&seq, |opened| opened.seq).ok();
                    let child = opened.and_then(|opened| at.fan_outs.get(opened)).and_then(|opened| {
                        let named = |child: &&usize| {
                            strands.get(**child).is_some_and(|strand| strand.branch == branch)
                        };
                        opened.strands.iter().find(named)
                    });
                    let Some((child, at)) = child.and_then(|child| Some((*child, strands.get(*child)?)))
                    else {
                        return 0;
                    };
                    (strand, link) = (child, at.last);
                }
            }
        }
        0
    }
}

fn opened(strands: &[Strand], parent: Descent) -> Option<&Opened> {
    strands.get(parent.strand)?.fan_outs.get(parent.fan_out)
}
