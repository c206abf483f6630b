//! The history of a run in pages.

use crate::{
    event::HistoryEvent,
    fan_out::{BranchInput, for_each_input},
    merge::{Merged, Place, Strand, merge},
    redrive::Pins,
    replay::{Follower, Records, ReplayError},
    run::Run,
    tour::{Keep, Tour},
    trace::{Link, Trace, Wanted},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, ops::Range, sync::Arc};
use stepladder_asl::Definition;

/// The history of a run, of which only what is asked for is built. It knows the order of the events, in 16 bytes each,
/// and none of their data.
#[derive(Debug)]
pub struct History<'a> {
    definition: &'a Definition,
    run: Run,
    input: Value,
    records: &'a Records,
    order: Arc<HistoryOrder>,
}

/// The order of a run's events: what making a [`History`] takes the time for. Of the same records it is always the same.
#[derive(Debug)]
pub struct HistoryOrder {
    strands: Vec<Strand>,
    merged: Merged,
    /// What the branches of redriven fan-outs go on from: the only data that is kept.
    pins: Pins,
}

impl HistoryOrder {
    /// Names the first `count` events and their order: equal for equal ones, also where more has been recorded since.
    pub fn digest(&self, count: usize) -> [u8; 8] {
        let mut hash = Sha256::new();
        for Place { strand, event } in self.merged.order.iter().take(count) {
            if let Some(strand) = self.strands.get(*strand as usize) {
                for fork in &strand.branch.0 {
                    hash.update(fork.seq.to_be_bytes());
                    hash.update(fork.index.to_be_bytes());
                }
            }
            hash.update(event.to_be_bytes());
        }
        let mut digest = [0; 8];
        digest.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        digest
    }
}

impl<'a> History<'a> {
    /// Follows the run through all of its branches, checks every digest, and brings the events in their order.
    pub fn new(
        definition: &'a Definition,
        run: &Run,
        input: Value,
        records: &'a Records,
    ) -> Result<Self, ReplayError> {
        let mut tour = Tour::new(definition, records, Keep::Index);
        tour.root(Follower::traced(definition, run, input.clone(), tour.wanted()))?;
        let Tour { mut strands, pins, .. } = tour;
        let merged = merge(&strands);
        for strand in &mut strands {
            strand.events = Vec::new();
        }
        let order = Arc::new(HistoryOrder { strands, merged, pins });
        Ok(Self { definition, run: run.clone(), input, records, order })
    }

    /// The same history again, of the same run and records, without following them.
    pub fn in_order(
        definition: &'a Definition,
        run: &Run,
        input: Value,
        records: &'a Records,
        order: Arc<HistoryOrder>,
    ) -> Self {
        Self { definition, run: run.clone(), input, records, order }
    }

    pub fn order(&self) -> &Arc<HistoryOrder> {
        &self.order
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.order.merged.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.merged.order.is_empty()
    }

    /// The events with the ids from `range.start + 1` to `range.end`, in this order; fewer where the history ends before.
    /// Only the branches that they belong to are followed again, and those around them.
    pub fn page(&self, range: Range<usize>) -> Result<Vec<HistoryEvent>, ReplayError> {
        let range = range.start.min(self.len())..range.end.min(self.len());
        let mut wanted: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for Place { strand, event } in self.order.merged.order.get(range.clone()).unwrap_or_default() {
            wanted.entry(*strand as usize).or_default().push(u64::from(*event) + 1);
        }
        // Whatever leads to a branch has to be followed as well.
        let mut ways: Vec<usize> = wanted.keys().copied().collect();
        while let Some(strand) = ways.pop() {
            let parent = self.order.strands.get(strand).and_then(|strand| strand.parent);
            if let Some(parent) = parent.map(|parent| parent.strand)
                && !wanted.contains_key(&parent)
            {
                wanted.insert(parent, Vec::new());
                ways.push(parent);
            }
        }
        let mut built = BTreeMap::new();
        if let Some(numbers) = wanted.get(&0) {
            let root = Follower::traced(
                self.definition,
                &self.run,
                self.input.clone(),
                Wanted::These(numbers.clone()),
            );
            self.retrace(0, root, &wanted, &mut built)?;
        }
        let events = (range.start..range.end).filter_map(|index| {
            let place = self.order.merged.order.get(index)?;
            let traced: &mut Trace = built.get_mut(&(place.strand as usize))?;
            let traced = traced.events.get_mut(place.event as usize)?;
            let previous_id =
                self.order.merged.id_of(&self.order.strands, place.strand as usize, traced.previous);
            let event = traced.event.take()?;
            Some(HistoryEvent { id: index as u64 + 1, previous_id, time_ms: traced.time_ms, event: *event })
        });
        Ok(events.collect())
    }

    /// The last `limit` events but `skip`, the last one first.
    pub fn page_back(&self, skip: usize, limit: usize) -> Result<Vec<HistoryEvent>, ReplayError> {
        let end = self.len().saturating_sub(skip);
        let mut events = self.page(end.saturating_sub(limit)..end)?;
        events.reverse();
        Ok(events)
    }

    /// Follows a strand again, and those below that are wanted; stops where nothing more is.
    fn retrace(
        &self,
        index: usize,
        mut follower: Follower<'_>,
        wanted: &BTreeMap<usize, Vec<u64>>,
        built: &mut BTreeMap<usize, Trace>,
    ) -> Result<(), ReplayError> {
        let Some(strand) = self.order.strands.get(index) else {
            return Ok(());
        };
        let records = self.records.get(&strand.branch).map(Vec::as_slice).unwrap_or_default();
        let last_wanted = wanted.get(&index).and_then(|numbers| numbers.last()).copied().unwrap_or(0);
        let is_wanted = |child: &&usize| wanted.contains_key(*child);
        let mut fan_outs = strand.fan_outs.iter().peekable();
        let mut left = strand.fan_outs.iter().flat_map(|opened| &opened.strands).filter(is_wanted).count();
        let mut records = records.iter().take(strand.in_time);
        loop {
            let at = follower.waits().filter(|position| position.fan_out().is_some());
            if let (Some(position), Some(opened)) = (at, fan_outs.peek())
                && position.seq == opened.seq
            {
                let children: BTreeMap<u32, usize> = opened
                    .strands
                    .iter()
                    .filter(is_wanted)
                    .filter_map(|child| {
                        Some((self.order.strands.get(*child)?.branch.0.last()?.index, *child))
                    })
                    .collect();
                left = left.saturating_sub(children.len());
                let indexes = children.keys().copied().collect();
                let run = follower.run();
                let each = |input: BranchInput| {
                    let child = children.get(&input.index).copied();
                    let opening = child.and_then(|child| self.order.strands.get(child)?.opening);
                    let (Some(child), Some(opening)) = (child, opening) else { return Ok(()) };
                    let numbers = wanted.get(&child).cloned().unwrap_or_default();
                    let trace = Some(Trace::new(Link::Opening, Wanted::These(numbers)));
                    let branch =
                        Follower::branch_traced(self.definition, run, position, input, opening, trace);
                    self.retrace(child, branch, wanted, built)
                };
                let all = match &position.resumes {
                    Some(resumes) => self
                        .order
                        .pins
                        .inputs(self.definition, run, resumes, &indexes)?
                        .map(|inputs| inputs.into_iter().try_for_each(each))
                        .transpose()?,
                    None => for_each_input(self.definition, run, position, &indexes, each)?,
                };
                all.ok_or_else(|| follower.too_slow())?;
                fan_outs.next();
            }
            let is_complete = follower.trace().is_none_or(|trace| trace.count >= last_wanted);
            if is_complete && left == 0 {
                break;
            }
            let Some(record) = records.next() else { break };
            follower.pass(record)?;
        }
        let (trace, aborting) = follower.stop_tracing();
        if let Some(mut trace) = trace {
            if let (Some(cut_ms), Some(aborting)) = (strand.cut_ms, aborting) {
                aborting.trace(self.definition, cut_ms, &mut trace);
            }
            built.insert(index, trace);
        }
        Ok(())
    }
}

/// Events of the merged history with their ids, taken out of their strands.
pub(crate) fn numbered(merged: &Merged, strands: &mut [Strand], range: Range<usize>) -> Vec<HistoryEvent> {
    let mut events = Vec::with_capacity(range.len());
    for index in range {
        let Some(place) = merged.order.get(index) else { break };
        let (strand, event) = (place.strand as usize, place.event as usize);
        let Some(traced) = strands.get(strand).and_then(|strand| strand.events.get(event)) else { continue };
        let previous_id = merged.id_of(strands, strand, traced.previous);
        let time_ms = traced.time_ms;
        let taken = strands.get_mut(strand).and_then(|strand| strand.events.get_mut(event));
        let Some(event) = taken.and_then(|traced| traced.event.take()) else { continue };
        events.push(HistoryEvent { id: index as u64 + 1, previous_id, time_ms, event: *event });
    }
    events
}
