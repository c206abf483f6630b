//! Following a run through all of its branches.

use crate::{
    advance::{Opener, is_aborted_by_name},
    checkpoint::Checkpoints,
    chosen::Definitions,
    event::Event,
    fan_out::{BranchInput, for_each_input},
    merge::{Descent, Opened, Strand},
    outcome::Outcome,
    position::{Awaiting, Branch, FanOut, Opening, Position},
    redrive::Pins,
    replay::{BranchReplay, Follower, Recorded, Records, ReplayError},
    run::Run,
    trace::{Course, Link, Trace, Wanted},
    transition::{Next, Status},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stepladder_asl::{Definition, Kind, State};

/// What is kept of a tour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Events with their details, and the positions of all records.
    Everything,
    /// Only when each event was and what it follows.
    Index,
}

/// A tour through all branches of a run. It checks the digest of every record, also of those that came too late.
pub(crate) struct Tour<'a> {
    pub(crate) definitions: Definitions<'a>,
    pub(crate) records: &'a Records,
    pub(crate) keep: Keep,
    pub(crate) strands: Vec<Strand>,
    pub(crate) branches: BTreeMap<Branch, BranchReplay>,
    /// Only of an index.
    pub(crate) checkpoints: Checkpoints,
    /// What redriven fan-outs go on from.
    pub(crate) pins: Pins,
    /// The branches with records that have been visited.
    visited: BTreeSet<&'a Branch>,
}

/// A branch on its way through the tour.
struct Visit<'a> {
    follower: Follower<'a>,
    /// None of a branch whose first record is late already.
    strand: Option<usize>,
    cut_ms: Option<i64>,
}

impl<'a> Tour<'a> {
    pub(crate) fn new(definitions: Definitions<'a>, records: &'a Records, keep: Keep) -> Self {
        Self {
            definitions,
            records,
            keep,
            strands: Vec::new(),
            branches: BTreeMap::new(),
            checkpoints: Checkpoints::new(),
            pins: Pins::of(records),
            visited: BTreeSet::new(),
        }
    }

    /// Follows the run from its root on.
    pub(crate) fn root(&mut self, mut follower: Follower<'a>) -> Result<Follower<'a>, ReplayError> {
        let strand = self.strand(Branch::default(), None, None, None);
        follower = self.follow(Visit { follower, strand: Some(strand), cut_ms: None })?;
        match self.records.keys().find(|branch| !self.visited.contains(*branch)) {
            Some(branch) => Err(ReplayError::NoSuchBranch { branch: branch.clone() }),
            None => Ok(follower),
        }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        match self.keep {
            Keep::Everything => Wanted::All,
            Keep::Index => Wanted::These(Vec::new()),
        }
    }

    fn strand(
        &mut self,
        branch: Branch,
        parent: Option<Descent>,
        opening: Option<Opening>,
        cut_ms: Option<i64>,
    ) -> usize {
        self.strands.push(Strand {
            branch,
            events: Vec::new(),
            last: Link::Nothing,
            parent,
            opening,
            ended: None,
            cut_ms,
            in_time: 0,
            fan_outs: Vec::new(),
        });
        self.strands.len() - 1
    }

    /// Follows one branch, and whatever it opened.
    fn follow(&mut self, visit: Visit<'a>) -> Result<Follower<'a>, ReplayError> {
        let Visit { mut follower, strand, cut_ms } = visit;
        let branch = follower.branch().clone();
        let records = self.records.get_key_value(&branch);
        self.visited.extend(records.map(|(branch, _)| branch));
        let records = records.map(|(_, records)| records.as_slice()).unwrap_or_default();
        let mut positions = Vec::new();
        let mut late = 0;
        let is_late =
            |record: &Recorded| strand.is_none() || cut_ms.is_some_and(|cut| record.finished_ms > cut);
        let mut stopped = None;
        let mut in_time = 0;
        for record in records {
            if late == 0 {
                self.checkpoint(&follower, strand);
            }
            self.fan_out(&follower, strand.filter(|_| late == 0), cut_ms, Some(record))?;
            if is_late(record) && late == 0 {
                // What follows is no part of the history.
                stopped = Some(follower.stop_tracing());
            }
            if stopped.is_some() {
                late += 1;
            } else {
                in_time += 1;
            }
            let position = follower.push(record)?;
            if self.pins.wants(&branch, follower.next_seq()) {
                self.pins.resumed(&branch, follower.next_seq(), follower.resumption());
            }
            if self.keep == Keep::Everything {
                positions.push(position);
            }
        }
        follower.in_time()?;
        self.fan_out(&follower, strand.filter(|_| late == 0), cut_ms, None)?;
        let (trace, aborting) = match stopped {
            Some(stopped) => stopped,
            None => follower.stop_tracing(),
        };
        if let Some(strand) = strand.and_then(|strand| self.strands.get_mut(strand)) {
            strand.in_time = in_time;
            if let Some(mut trace) = trace {
                if let (Some(cut_ms), Some(aborting)) = (cut_ms, aborting) {
                    aborting.trace(follower.definition(), cut_ms, &mut trace);
                }
                strand.last = trace.last;
                strand.events = trace.events;
            }
            if let (Next::End(end), 0, Some(record)) = (&follower.last().next, late, records.last()) {
                strand.ended = Some((record.finished_ms, end.events));
            }
        }
        if self.keep == Keep::Everything {
            let last = follower.last().clone();
            self.branches.insert(branch, BranchReplay { positions, last, late });
        }
        Ok(follower)
    }

    /// Now and then keeps where a branch is.
    fn checkpoint(&mut self, follower: &Follower<'a>, strand: Option<usize>) {
        if self.keep != Keep::Index || !self.checkpoints.is_due(follower.next_seq()) {
            return;
        }
        let opened = strand.and_then(|strand| Some((strand, self.strands.get(strand)?.fan_outs.len())));
        if let Some((strand, fan_outs)) = opened {
            self.checkpoints.keep(strand, follower, fan_outs);
        }
    }

    /// If the branch waits for a fan-out: follows the branches of it. `record` is what ended the wait.
    fn fan_out(
        &mut self,
        follower: &Follower<'a>,
        strand: Option<usize>,
        cut_ms: Option<i64>,
        record: Option<&Recorded>,
    ) -> Result<(), ReplayError> {
        let Some((position, width)) = follower.waits().and_then(|at| Some((at, at.fan_out()?))) else {
            return Ok(());
        };
        self.pins.opened(position);
        let state = follower.definition().state(&position.state);
        let is_apart = state.is_some_and(|state| Opener::of(state) == Opener::Distributed);
        // What its children start with is stored, and no part of the run's own records; their histories are their own. And no page of
        // this history shows any children of another distributed one.
        if state.is_some_and(State::reads_items) || is_apart && self.keep == Keep::Index {
            let records = self.records;
            let below = position.branch.child(position.seq, 0)
                ..position.branch.child(position.seq.saturating_add(1), 0);
            self.visited.extend(records.range(below).map(|(branch, _)| branch));
            return Ok(());
        }
        let at_once = Opening { started_ms: follower.last().now_ms, events: position.events };
        let place = strand.and_then(|strand| {
            let Trace { last: link, count: after, .. } = *follower.trace()?;
            let fan_outs = &mut self.strands.get_mut(strand)?.fan_outs;
            fan_outs.push(Opened { seq: position.seq, after, link, is_apart, strands: Vec::new() });
            Some((strand, fan_outs.len() - 1))
        });
        let (stop, room) = (Stop::of(record), BTreeMap::new());
        let mut opened = FanOutVisit { width, at_once, place, cut_ms, stop, room, failed: Vec::new() };
        let recorded = self.recorded(position);
        let first: BTreeSet<u32> = (0..width.concurrency).chain(recorded).collect();
        self.children(follower, position, &mut opened, &first, &BTreeMap::new())?;
        // Once it is updated, all have ended that had begun.
        let is_updated = record.is_some_and(|record| matches!(record.outcome, Outcome::Updated { .. }));
        if opened.place.is_none() || is_updated {
            return Ok(());
        }
        opened.close_room(width.failures_tolerated);
        // Those that have started, but recorded nothing yet: as many as had room made for them.
        let indexes = (width.concurrency..width.count).filter(|index| !first.contains(index));
        let room = opened.room.iter().flat_map(|((started_ms, events), ends)| {
            ends.iter().map(|_| Opening { started_ms: *started_ms, events: *events })
        });
        let pending: BTreeMap<u32, Opening> = indexes.zip(room).collect();
        let indexes = pending.keys().copied().collect();
        self.children(follower, position, &mut opened, &indexes, &pending)
    }

    /// The indexes of the branches of a fan-out that have records.
    fn recorded(&self, position: &Position) -> Vec<u32> {
        let from = position.branch.child(position.seq, 0);
        let to = position.branch.child(position.seq.saturating_add(1), 0);
        let depth = from.0.len();
        let within = self.records.range(from..to).map(|(branch, _)| branch);
        within
            .filter(|branch| branch.0.len() == depth)
            .filter_map(|branch| Some(branch.0.last()?.index))
            .collect()
    }

    fn children(
        &mut self,
        follower: &Follower<'a>,
        position: &Position,
        opened: &mut FanOutVisit,
        indexes: &BTreeSet<u32>,
        openings: &BTreeMap<u32, Opening>,
    ) -> Result<(), ReplayError> {
        let run = follower.run();
        if let Some(resumes) = &position.resumes {
            let inputs = self.pins.inputs(self.definitions, run, resumes, indexes)?;
            for input in inputs.ok_or_else(|| follower.too_slow())? {
                let opening = self.opening(position, &input, opened, openings);
                self.child(run, position, opened, input, opening)?;
            }
            return Ok(());
        }
        let all = for_each_input(follower.definition(), run, position, indexes, |input| {
            let opening = self.opening(position, &input, opened, openings);
            self.child(run, position, opened, input, opening)
        })?;
        all.ok_or_else(|| follower.too_slow())
    }

    fn opening(
        &self,
        position: &Position,
        input: &BranchInput,
        opened: &FanOutVisit,
        openings: &BTreeMap<u32, Opening>,
    ) -> Opening {
        let branch = position.branch.child(position.seq, input.index);
        let recorded = self.records.get(&branch).and_then(|records| records.first()?.opening);
        recorded.or_else(|| openings.get(&input.index).copied()).unwrap_or(opened.at_once)
    }

    fn child(
        &mut self,
        run: &Run,
        position: &Position,
        opened: &mut FanOutVisit,
        input: BranchInput,
        opening: Opening,
    ) -> Result<(), ReplayError> {
        let cut_ms = match opened.stop {
            Stop { at_ms: Some(at_ms), failed } if failed != Some(input.index) => {
                Some(opened.cut_ms.map_or(at_ms, |cut| cut.min(at_ms)))
            }
            _ => opened.cut_ms,
        };
        // What was started after the stop is no part of the history at all.
        let is_in_time = cut_ms.is_none_or(|cut| opening.started_ms <= cut);
        let (index, branch) = (input.index, position.branch.child(position.seq, input.index));
        let strand = opened.place.filter(|_| is_in_time).map(|(strand, fan_out)| {
            let after = if index < opened.width.concurrency { None } else { opened.made_room(opening) };
            let parent = Descent { strand, fan_out, after };
            let child = self.strand(branch, Some(parent), Some(opening), cut_ms);
            if let Some(strand) = self.strands.get_mut(strand)
                && let Some(fan_out) = strand.fan_outs.get_mut(fan_out)
            {
                fan_out.strands.push(child);
            }
            child
        });
        let trace = strand.map(|_| Trace::new(Link::Opening, self.wanted()));
        let follower = Follower::branch_traced(self.definitions, run, position, input, opening, trace);
        let follower = self.follow(Visit { follower, strand, cut_ms })?;
        let has_failed = matches!(&follower.last().next, Next::End(end) if end.status != Status::Succeeded);
        let ended = strand.and_then(|strand| Some((strand, self.strands.get(strand)?.ended?)));
        if let Some((strand, ended)) = ended.filter(|_| opened.stop.failed != Some(index)) {
            opened.room.entry(ended).or_default().push_back(strand);
            if has_failed {
                opened.failed.push((ended, index, strand));
            }
        }
        Ok(())
    }
}

/// A fan-out that is being visited.
struct FanOutVisit {
    width: FanOut,
    at_once: Opening,
    /// The strand and the number of the fan-out in it; none where it is late.
    place: Option<(usize, usize)>,
    /// What the fan-out's own branch is cut to.
    cut_ms: Option<i64>,
    stop: Stop,
    /// The strands whose ends made room that no branch has taken yet, by the time of the end and the number of events on
    /// the path then.
    room: BTreeMap<(i64, u64), VecDeque<usize>>,
    /// Those of them that failed: the same, and the index of each.
    failed: Vec<((i64, u64), u32, usize)>,
}

impl FanOutVisit {
    /// A failure beyond those that are tolerated lets nothing more begin.
    fn close_room(&mut self, tolerated: u32) {
        self.failed.sort_unstable_by_key(|((ended_ms, _), index, _)| (*ended_ms, *index));
        for (ended, _, strand) in self.failed.iter().skip(usize::try_from(tolerated).unwrap_or(usize::MAX)) {
            if let Some(strands) = self.room.get_mut(ended) {
                strands.retain(|other| other != strand);
            }
        }
    }

    /// The sibling whose end made room for a branch that didn't start at once.
    fn made_room(&mut self, opening: Opening) -> Option<usize> {
        self.room.get_mut(&(opening.started_ms, opening.events))?.pop_front()
    }
}

/// What stopped the branches of a fan-out that were still going.
#[derive(Debug, Clone, Copy)]
struct Stop {
    at_ms: Option<i64>,
    /// The branch that failed: whatever its clock says, it came before.
    failed: Option<u32>,
}

impl Stop {
    fn of(record: Option<&Recorded>) -> Self {
        match record {
            None
            | Some(Recorded {
                outcome: Outcome::Joined { .. } | Outcome::Responded { .. } | Outcome::Updated { .. },
                ..
            }) => Self { at_ms: None, failed: None },
            Some(Recorded { outcome: Outcome::BranchFailed { index, .. }, finished_ms, .. }) => {
                Self { at_ms: Some(*finished_ms), failed: Some(*index) }
            }
            Some(record) => Self { at_ms: Some(record.finished_ms), failed: None },
        }
    }
}

/// The state that a stopped branch waits in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aborting {
    state: String,
    /// Nothing is aborted that has not begun.
    is_entered: bool,
    /// The branch's index as the state around it counts.
    index: Option<u32>,
}

impl Aborting {
    pub(crate) fn of(position: &Position) -> Self {
        Self {
            state: position.state.clone(),
            is_entered: position.awaiting != Awaiting::Turn,
            index: position.indexes().last().copied(),
        }
    }

    /// Says that the open state was aborted, and the iteration with it.
    pub(crate) fn trace(&self, definition: &Definition, time_ms: i64, trace: &mut Trace) {
        let Some(state) = definition.state(&self.state) else {
            return;
        };
        let state_type = state.kind.type_name();
        let last = trace.last;
        if self.is_entered && is_aborted_by_name(state_type) {
            trace.push(last, time_ms, Course::PassedBy, || Event::StateAborted { state_type });
        }
        let around = state.parent.as_ref().and_then(|parent| definition.state(&parent.state));
        if let (Some(around), Some(index)) = (around, self.index)
            && matches!(around.kind, Kind::Map(_))
        {
            let name = around.name.clone();
            trace.push(last, time_ms, Course::PassedBy, || Event::MapIterationAborted { name, index });
        }
    }
}
