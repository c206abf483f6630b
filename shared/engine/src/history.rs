//! The history of a run in pages.

use crate::{
    checkpoint::{Checkpoint, Checkpoints},
    chosen::{Beginning, Definitions},
    event::HistoryEvent,
    fan_out::{BranchInput, for_each_input},
    limits::DIGEST_EVENTS,
    merge::{Merged, Place, Strand, merge},
    position::Branch,
    redrive::Pins,
    replay::{Follower, Recorded, Records, ReplayError},
    run::Run,
    tour::{Keep, Tour},
    trace::{Link, Trace, Wanted},
    transition::{Next, Status},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The history of a run, of which only what is asked for is built. It knows the order of the events, in 16 bytes each,
/// and none of their data.
#[derive(Debug)]
pub struct History<'a> {
    definitions: Definitions<'a>,
    run: Run,
    beginning: Beginning,
    records: Source<'a>,
    order: Arc<HistoryOrder>,
}

/// Where the records of a page come from.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    All(&'a Records),
    Part(&'a RecordsPart),
}

/// Some of a run's records, by their branches: of each those from a seq on.
pub type RecordsPart = BTreeMap<Branch, (u32, Vec<Recorded>)>;

/// Records that a page is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    pub branch: Branch,
    pub seqs: Range<u32>,
}

impl<'a> Source<'a> {
    /// Those of a branch from a seq on.
    fn from(self, branch: &Branch, seq: u32) -> &'a [Recorded] {
        let (first, records) = match self {
            Source::All(all) => (0, all.get(branch).map(Vec::as_slice)),
            Source::Part(part) => match part.get(branch) {
                Some((first, records)) => (*first, Some(records.as_slice())),
                None => (0, None),
            },
        };
        let skipped = seq.checked_sub(first).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| records?.get(skipped..)).unwrap_or_default()
    }
}

/// The order of a run's events: what making a [`History`] takes the time for. Of the same records it is always the same.
///
/// It holds places along the way from which the run can be followed on, so that a page costs the records that it shows and at
/// most [`CHECKPOINT_RECORDS`](crate::limits::CHECKPOINT_RECORDS) more of each branch in it, wherever it stands.
#[derive(Debug)]
pub struct HistoryOrder {
    strands: Vec<Strand>,
    merged: Merged,
    checkpoints: Checkpoints,
    /// What names the first events, after each [`DIGEST_EVENTS`] of them.
    digests: Vec<Sha256>,
    status: Status,
    followed: AtomicU64,
    /// What the branches of redriven fan-outs go on from.
    pins: Pins,
}

impl HistoryOrder {
    fn new(tour: Tour<'_>, status: Status) -> Self {
        let Tour { mut strands, checkpoints, pins, .. } = tour;
        let merged = merge(&strands);
        for strand in &mut strands {
            strand.events = Vec::new();
        }
        let mut order = Self {
            strands,
            merged,
            checkpoints,
            digests: Vec::new(),
            status,
            followed: AtomicU64::new(0),
            pins,
        };
        let mut hash = Sha256::new();
        for portion in order.merged.order.chunks(DIGEST_EVENTS) {
            order.digests.push(hash.clone());
            order.hash(portion, &mut hash);
        }
        order
    }

    /// Names the first `count` events and their order: equal for equal ones, also where more has been recorded since.
    pub fn digest(&self, count: usize) -> [u8; 8] {
        let count = count.min(self.merged.order.len());
        let portion = (count / DIGEST_EVENTS).min(self.digests.len().saturating_sub(1));
        let mut hash = self.digests.get(portion).cloned().unwrap_or_default();
        self.hash(self.merged.order.get(portion * DIGEST_EVENTS..count).unwrap_or_default(), &mut hash);
        let mut digest = [0; 8];
        digest.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
        digest
    }

    fn hash(&self, places: &[Place], hash: &mut Sha256) {
        for Place { strand, event } in places {
            if let Some(strand) = self.strands.get(*strand as usize) {
                for fork in &strand.branch.0 {
                    hash.update(fork.seq.to_be_bytes());
                    hash.update(fork.index.to_be_bytes());
                }
            }
            hash.update(event.to_be_bytes());
        }
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.merged.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.merged.order.is_empty()
    }

    /// Where the records have led the run.
    pub fn status(&self) -> Status {
        self.status
    }

    /// About how many bytes it takes in memory: three times the data of its checkpoints, as JSON text, and what counts the
    /// events, branches and checkpoints.
    pub fn bytes(&self) -> usize {
        let (checkpoints, data) = self.checkpoints.size();
        let counted = checkpoints.saturating_mul(512) + self.strands.len().saturating_mul(256);
        counted.saturating_add(data.saturating_mul(3)).saturating_add(self.len().saturating_mul(16))
    }

    /// How many records have been followed for pages so far: what those cost.
    pub fn followed(&self) -> u64 {
        self.followed.load(Ordering::Relaxed)
    }

    /// The records that the page with these events is made of; see [`History::page`].
    pub fn needs(&self, range: Range<usize>) -> Vec<Needed> {
        let errands = self.errands(&range);
        let needed = errands.iter().filter_map(|(index, errand)| {
            let strand = self.strands.get(*index)?;
            let events = errand.numbers.last().copied().unwrap_or(0);
            let fan_outs = errand.children.keys().next_back().map_or(0, |fan_out| fan_out + 1);
            let end = match self.checkpoints.after(*index, events, fan_outs) {
                Some(checkpoint) => checkpoint.seq,
                None => u32::try_from(strand.in_time).unwrap_or(u32::MAX),
            };
            let seqs = errand.from.map_or(0, |checkpoint| checkpoint.seq)..end;
            (!seqs.is_empty()).then(|| Needed { branch: strand.branch.clone(), seqs })
        });
        needed.collect()
    }

    /// What has to be followed for these events, by the numbers of the strands.
    fn errands(&self, range: &Range<usize>) -> BTreeMap<usize, Errand<'_>> {
        let mut errands: BTreeMap<usize, Errand<'_>> = BTreeMap::new();
        let range = range.start.min(self.len())..range.end.min(self.len());
        for Place { strand, event } in self.merged.order.get(range).unwrap_or_default() {
            errands.entry(*strand as usize).or_default().numbers.push(u64::from(*event) + 1);
        }
        // Strands have larger numbers than those that they hang from: whatever asks for a strand has asked before its turn.
        let mut below = usize::MAX;
        while let Some((index, errand)) = errands.range_mut(..below).next_back() {
            below = *index;
            let event = errand.numbers.first().copied().unwrap_or(u64::MAX);
            let fan_out = errand.children.keys().next().copied().unwrap_or(usize::MAX);
            errand.from = self.checkpoints.before(below, event, fan_out);
            let strand = self.strands.get(below);
            let opened = strand.and_then(|strand| Some((strand.parent?, strand.branch.0.last()?.index)));
            if let (None, Some((parent, index))) = (errand.from, opened) {
                let parent_errand = errands.entry(parent.strand).or_default();
                parent_errand.children.entry(parent.fan_out).or_default().insert(index, below);
            }
        }
        errands
    }
}

/// What has to be followed of a strand.
#[derive(Debug, Default)]
struct Errand<'a> {
    /// The numbers of the events that are wanted, in ascending order.
    numbers: Vec<u64>,
    /// The strands that are followed from their openings, by the number of their fan-out and their index in it.
    children: BTreeMap<usize, BTreeMap<u32, usize>>,
    /// Where it begins; none: where the strand does.
    from: Option<&'a Checkpoint>,
}

/// What was traced of a strand: the events from a number on.
struct Traces {
    from: u64,
    trace: Trace,
}

impl<'a> History<'a> {
    /// Follows the run through all of its branches, checks every digest, and brings the events in their order.
    pub fn new(
        definitions: impl Into<Definitions<'a>>,
        run: &Run,
        beginning: impl Into<Beginning>,
        records: &'a Records,
    ) -> Result<Self, ReplayError> {
        let (definitions, beginning) = (definitions.into(), beginning.into());
        let mut tour = Tour::new(definitions, records, Keep::Index);
        let follower = tour.root(Follower::traced(definitions, run, beginning.clone(), tour.wanted()))?;
        let status = match &follower.last().next {
            Next::End(end) => end.status,
            Next::Wait(_) => Status::Running,
        };
        let order = Arc::new(HistoryOrder::new(tour, status));
        Ok(Self { definitions, run: run.clone(), beginning, records: Source::All(records), order })
    }

    /// The same history again, of the same run and records, without following them.
    pub fn in_order(
        definitions: impl Into<Definitions<'a>>,
        run: &Run,
        beginning: impl Into<Beginning>,
        records: &'a Records,
        order: Arc<HistoryOrder>,
    ) -> Self {
        let (definitions, beginning) = (definitions.into(), beginning.into());
        Self { definitions, run: run.clone(), beginning, records: Source::All(records), order }
    }

    /// The same history again, with no more of the records than [`HistoryOrder::needs`] of a page: good for this page.
    pub fn of_part(
        definitions: impl Into<Definitions<'a>>,
        run: &Run,
        beginning: impl Into<Beginning>,
        part: &'a RecordsPart,
        order: Arc<HistoryOrder>,
    ) -> Self {
        let (definitions, beginning) = (definitions.into(), beginning.into());
        Self { definitions, run: run.clone(), beginning, records: Source::Part(part), order }
    }

    pub fn order(&self) -> &Arc<HistoryOrder> {
        &self.order
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The events with the ids from `range.start + 1` to `range.end`, in this order; fewer where the history ends before.
    /// Only the branches that they belong to are followed again, and those around them, each from the nearest checkpoint.
    pub fn page(&self, range: Range<usize>) -> Result<Vec<HistoryEvent>, ReplayError> {
        let range = range.start.min(self.len())..range.end.min(self.len());
        let errands = self.order.errands(&range);
        let mut built = BTreeMap::new();
        for (index, errand) in &errands {
            let wanted = Wanted::These(errand.numbers.clone());
            let follower = match (errand.from, self.order.strands.get(*index)) {
                (Some(checkpoint), Some(strand)) => {
                    let branch = strand.branch.clone();
                    Follower::resumed(self.definitions, &self.run, branch, checkpoint, wanted)
                }
                (None, Some(strand)) if strand.parent.is_none() => {
                    Follower::traced(self.definitions, &self.run, self.beginning.clone(), wanted)
                }
                // The strand that it hangs from leads to it.
                _ => continue,
            };
            self.retrace(*index, follower, &errands, &mut built)?;
        }
        let merged = &self.order.merged;
        let events = range.filter_map(|index| {
            let Place { strand, event } = *merged.order.get(index)?;
            let Traces { from, trace } = built.get_mut(&(strand as usize))?;
            let at = usize::try_from(u64::from(event).checked_sub(*from)?).ok()?;
            let traced = trace.events.get_mut(at)?;
            let previous_id = merged.id_of(&self.order.strands, strand as usize, traced.previous);
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

    /// Follows a strand again, and those below that hang from it; stops where nothing more is wanted.
    fn retrace(
        &self,
        index: usize,
        mut follower: Follower<'_>,
        errands: &BTreeMap<usize, Errand<'_>>,
        built: &mut BTreeMap<usize, Traces>,
    ) -> Result<(), ReplayError> {
        let (Some(strand), Some(errand)) = (self.order.strands.get(index), errands.get(&index)) else {
            return Ok(());
        };
        let begun = follower.next_seq();
        let last_wanted = errand.numbers.last().copied().unwrap_or(0);
        let left_before = errand.from.map_or(0, |checkpoint| checkpoint.fan_outs);
        let mut fan_outs = strand.fan_outs.iter().enumerate().skip(left_before).peekable();
        let mut left = errand.children.len();
        let in_time = strand.in_time.saturating_sub(usize::try_from(begun).unwrap_or(usize::MAX));
        let mut records = self.records.from(&strand.branch, begun).iter().take(in_time);
        loop {
            let at = follower.waits().filter(|position| position.fan_out().is_some());
            if let Some(position) = at
                && let Some((fan_out, _)) = fan_outs.next_if(|(_, opened)| opened.seq == position.seq)
                && let Some(children) = errand.children.get(&fan_out)
            {
                left = left.saturating_sub(1);
                let indexes = children.keys().copied().collect();
                let run = follower.run();
                let each = |input: BranchInput| {
                    let child = children.get(&input.index).copied();
                    let opening = child.and_then(|child| self.order.strands.get(child)?.opening);
                    let (Some(child), Some(opening)) = (child, opening) else { return Ok(()) };
                    let numbers =
                        errands.get(&child).map(|errand| errand.numbers.clone()).unwrap_or_default();
                    let trace = Some(Trace::new(Link::Opening, Wanted::These(numbers)));
                    let branch =
                        Follower::branch_traced(self.definitions, run, position, input, opening, trace);
                    self.retrace(child, branch, errands, built)
                };
                let all = match &position.resumes {
                    Some(resumes) => self
                        .order
                        .pins
                        .inputs(self.definitions, run, resumes, &indexes)?
                        .map(|inputs| inputs.into_iter().try_for_each(each))
                        .transpose()?,
                    None => for_each_input(follower.definition(), run, position, &indexes, each)?,
                };
                all.ok_or_else(|| follower.too_slow())?;
            }
            let is_complete = follower.trace().is_none_or(|trace| trace.count >= last_wanted);
            if is_complete && left == 0 {
                break;
            }
            let Some(record) = records.next() else { break };
            follower.pass(record)?;
        }
        let followed = u64::from(follower.next_seq().saturating_sub(begun)) + 1;
        self.order.followed.fetch_add(followed, Ordering::Relaxed);
        let definition = follower.definition();
        let (trace, aborting) = follower.stop_tracing();
        if let Some(mut trace) = trace {
            if let (Some(cut_ms), Some(aborting)) = (strand.cut_ms, aborting) {
                aborting.trace(definition, cut_ms, &mut trace);
            }
            built
                .insert(index, Traces { from: errand.from.map_or(0, |checkpoint| checkpoint.events), trace });
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
