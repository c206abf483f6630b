//! A run's history, computed again from what was recorded.

use crate::{
    advance::{advance_traced, start_branch_traced, start_traced},
    checkpoint::Checkpoint,
    chosen::{Beginning, Chosen, Definitions},
    event::HistoryEvent,
    fan_out::BranchInput,
    history,
    merge::merge,
    outcome::Outcome,
    position::{Branch, MapItem, Opening, Position},
    redrive::{Around, ChosenBranch, Resumption},
    run::Run,
    tour::{Aborting, Keep, Tour},
    trace::{Awaited, Link, Trace, Wanted, Watch},
    transition::{End, Next, Status, Transition},
    update::PastFailure,
};
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::Definition;

/// What a replay needs of a record. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub outcome: Outcome,
    pub started_ms: Option<i64>,
    pub finished_ms: i64,
    /// The digest of where the transition led when it was recorded.
    pub digest: String,
    /// Of the first record of a branch: what its first position was started with.
    pub opening: Option<Opening>,
}

/// The records of a run, by their branches; each branch's in the order of their seq, from 0 on without a gap.
pub type Records = BTreeMap<Branch, Vec<Recorded>>;

/// A run, as far as its records tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The history of all branches, as GetExecutionHistory shows it.
    pub events: Vec<HistoryEvent>,
    /// The root's last transition: its effect is the one that may have to be done again.
    pub last: Transition,
    /// The position of each of the root's records, in order.
    pub positions: Vec<Position>,
    /// The other branches: those that have records, and those that have started.
    pub branches: BTreeMap<Branch, BranchReplay>,
    /// The redrive count that the records lead to.
    pub redrive_count: u32,
}

/// A branch, as far as its records tell.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchReplay {
    /// The position of each of its records, in order.
    pub positions: Vec<Position>,
    /// Its last transition.
    pub last: Transition,
    /// So many of its last records came after a fan-out around it had been stopped: they are no part of the history.
    pub late: u32,
}

/// Why a replay stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The engine arrives elsewhere than the recorded run did.
    #[error(
        "the replay of record {seq}{} (state '{state}') leads elsewhere than the recorded run did \
         (recorded {recorded}, computed {computed}); the definition or the engine is not the one it ran on",
        of(branch)
    )]
    Diverged {
        branch: Branch,
        seq: u32,
        state: String,
        recorded: String,
        computed: String,
        /// Where the computed transition leads, in words.
        leads_to: Box<str>,
    },
    /// A record follows the end of the run, and doesn't redrive it.
    #[error("record {seq}{} follows the end of the run", of(branch))]
    AfterTheEnd { branch: Branch, seq: u32 },
    /// An evaluation took too long, which says nothing about the run: it may be tried again.
    #[error("an evaluation took too long on this machine, before record {seq}{}; try again", of(branch))]
    TooSlow { branch: Branch, seq: u32 },
    /// The run was redriven on another definition after it was read what it goes by: it may be read again.
    #[error(
        "record {seq} takes another definition, which was not read: the run was redriven meanwhile; try again"
    )]
    UnknownDefinition { seq: u32 },
    /// There are records of a branch that nothing opened.
    #[error("the records lead to no branch '{branch}', and yet it has some")]
    NoSuchBranch { branch: Branch },
}

fn watching(state: &str) -> Trace {
    let mut trace = Trace::new(Link::Nothing, Wanted::These(Vec::new()));
    trace.watched = Some(Watch { state: state.to_owned(), saw: None });
    trace
}

fn of(branch: &Branch) -> String {
    if branch.is_root() { String::new() } else { format!(" of branch {branch}") }
}

/// Replays a run through all of its branches.
///
/// The digest of every record is checked. What a branch recorded after a fan-out around it was stopped is late: it is
/// followed, but no part of the history. The events of the branches are merged by time, then by branch, then in the
/// branch's own order, and never before the event that caused them.
///
/// `run.redrive_count` may be anything: the count that each record was made with comes from the records.
pub fn replay<'a>(
    definitions: impl Into<Definitions<'a>>,
    run: &Run,
    beginning: impl Into<Beginning>,
    records: &'a Records,
) -> Result<Replay, ReplayError> {
    let definitions = definitions.into();
    let mut tour = Tour::new(definitions, records, Keep::Everything);
    let follower = tour.root(Follower::traced(definitions, run, beginning.into(), tour.wanted()))?;
    let Tour { mut strands, mut branches, .. } = tour;
    let merged = merge(&strands);
    let events = history::numbered(&merged, &mut strands, 0..merged.order.len());
    let positions = branches.remove(&Branch::default()).map(|root| root.positions).unwrap_or_default();
    let redrive_count = follower.redrive_count();
    Ok(Replay { events, last: follower.into_last(), positions, branches, redrive_count })
}

/// Follows one branch record by record: the root, or another. It keeps the last transition only, so that a long run takes
/// no more memory than a short one.
#[derive(Debug)]
pub struct Follower<'a> {
    definitions: Definitions<'a>,
    run: Run,
    branch: Branch,
    last: Transition,
    next_seq: u32,
    /// The branch's index as the state around it counts.
    index: u32,
    map_item: Option<MapItem>,
    /// What it ended by in the state that it waited in, where that is a fan-out, or goes on from one.
    around: Around,
    trace: Option<Trace>,
}

impl<'a> Follower<'a> {
    /// A run before its first record. `run.redrive_count` may be anything, as in [`replay`].
    pub fn new(definitions: impl Into<Definitions<'a>>, run: &Run, beginning: impl Into<Beginning>) -> Self {
        Self::root(definitions.into(), run, beginning.into(), None)
    }

    /// The same, for whoever wants to know what a state saw: [`Follower::saw`].
    pub fn watching(
        definitions: impl Into<Definitions<'a>>,
        run: &Run,
        beginning: impl Into<Beginning>,
        state: &str,
    ) -> Self {
        Self::root(definitions.into(), run, beginning.into(), Some(watching(state)))
    }

    /// What the state that is watched saw when it was entered last.
    pub fn saw(&self) -> Option<Chosen> {
        let watch = self.trace.as_ref()?.watched.as_ref()?;
        let (data, variables) = watch.saw.clone()?;
        Some(Chosen { state: watch.state.clone(), data, variables, given: None })
    }

    /// This branch's part in a redrive that lets it go on from a chosen place.
    pub fn chosen(&self, at: Chosen) -> ChosenBranch {
        ChosenBranch { at, index: self.index, map_item: self.map_item.clone() }
    }

    /// A run before its first record, for whoever waits for the output of a state: [`Follower::output`].
    pub fn awaiting(
        definitions: impl Into<Definitions<'a>>,
        run: &Run,
        beginning: impl Into<Beginning>,
        state: &str,
    ) -> Self {
        let mut trace = Trace::new(Link::Nothing, Wanted::These(Vec::new()));
        trace.awaited = Some(Awaited::new(state));
        Self::root(definitions.into(), run, beginning.into(), Some(trace))
    }

    /// What the state that somebody waits for gave when it was left for the first time, as the next state gets it. A state
    /// that failed gave nothing, also where its Catch led on.
    pub fn output(&self) -> Option<&Value> {
        self.trace.as_ref()?.awaited.as_ref()?.output()
    }

    /// A branch before its first record, from the position that opened its fan-out (whose data is not needed), its input
    /// and its opening. `run.redrive_count` is the one that the fan-out was opened with.
    pub fn branch_of(
        definition: &'a Definition,
        run: &Run,
        parent: &Position,
        input: BranchInput,
        opening: Opening,
    ) -> Self {
        Self::branch_traced(definition.into(), run, parent, input, opening, None)
    }

    /// The same, for whoever wants to know what a state of the branch saw.
    pub fn branch_watching(
        definition: &'a Definition,
        run: &Run,
        parent: &Position,
        input: BranchInput,
        opening: Opening,
        state: &str,
    ) -> Self {
        Self::branch_traced(definition.into(), run, parent, input, opening, Some(watching(state)))
    }

    pub(crate) fn traced(
        definitions: Definitions<'a>,
        run: &Run,
        beginning: Beginning,
        wanted: Wanted,
    ) -> Self {
        Self::root(definitions, run, beginning, Some(Trace::new(Link::Nothing, wanted)))
    }

    fn root(definitions: Definitions<'a>, run: &Run, beginning: Beginning, mut trace: Option<Trace>) -> Self {
        let run = Run { redrive_count: 0, ..run.clone() };
        let last = start_traced(definitions.at(0), &run, beginning, run.started_ms, trace.as_mut());
        Self {
            definitions,
            run,
            branch: Branch::default(),
            last,
            next_seq: 0,
            index: 0,
            map_item: None,
            around: Around::Nothing,
            trace,
        }
    }

    pub(crate) fn branch_traced(
        definitions: Definitions<'a>,
        run: &Run,
        parent: &Position,
        input: BranchInput,
        opening: Opening,
        mut trace: Option<Trace>,
    ) -> Self {
        let branch = parent.branch.child(parent.seq, input.index);
        let index = input.goes_on.as_ref().map_or(input.index, |goes_on| goes_on.index);
        let definition = definitions.at(run.redrive_count);
        let last = start_branch_traced(definition, run, parent, input, opening, trace.as_mut());
        let map_item = match &last.next {
            Next::Wait(position) => position.map_item.clone(),
            Next::End(_) => None,
        };
        let (run, around) = (run.clone(), Around::Nothing);
        Self { definitions, run, branch, last, next_seq: 0, index, map_item, around, trace }
    }

    /// The branch again at a checkpoint of it; `run` is the run of any record of it.
    pub(crate) fn resumed(
        definitions: Definitions<'a>,
        run: &Run,
        branch: Branch,
        checkpoint: &Checkpoint,
        wanted: Wanted,
    ) -> Self {
        let Checkpoint { seq, redrive_count, last, index, map_item, around, .. } = checkpoint.clone();
        let run = Run { redrive_count, ..run.clone() };
        let trace = Some(Trace::resumed(checkpoint, wanted));
        Self { definitions, run, branch, last, next_seq: seq, index, map_item, around, trace }
    }

    /// Where the branch is, for [`Follower::resumed`]; none where nobody traces it. `fan_outs` are those that it has left.
    pub(crate) fn checkpoint(&self, fan_outs: usize) -> Option<Checkpoint> {
        let Trace { count, last: link, before_last, .. } = *self.trace.as_ref()?;
        Some(Checkpoint {
            seq: self.next_seq,
            redrive_count: self.run.redrive_count,
            last: self.last.clone(),
            events: count,
            link,
            before_link: before_last,
            fan_outs,
            index: self.index,
            map_item: self.map_item.clone(),
            around: self.around.clone(),
        })
    }

    /// Follows the next record; answers with the position that it ended.
    pub fn push(&mut self, record: &Recorded) -> Result<Position, ReplayError> {
        let position = self.pass(record)?;
        let computed = self.last.digest();
        if computed != record.digest {
            let (branch, recorded) = (self.branch.clone(), record.digest.clone());
            let Position { seq, state, .. } = position;
            let leads_to = self.last.next.to_string().into();
            return Err(ReplayError::Diverged { branch, seq, state, recorded, computed, leads_to });
        }
        Ok(position)
    }

    /// Follows the next record, whose digest has been checked before.
    pub(crate) fn pass(&mut self, record: &Recorded) -> Result<Position, ReplayError> {
        let seq = self.next_seq;
        self.in_time()?;
        if let Outcome::Redriven { redrive_count, definition, .. } = &record.outcome {
            // Whoever has read of it before can't have read which one.
            if definition.is_some() && !self.definitions.changes_at(*redrive_count) {
                return Err(ReplayError::UnknownDefinition { seq });
            }
            self.run.redrive_count = *redrive_count;
        }
        let Some(position) = pending(&self.last, seq, &record.outcome) else {
            return Err(ReplayError::AfterTheEnd { branch: self.branch.clone(), seq });
        };
        if let Some(trace) = &mut self.trace {
            trace.started_ms = record.started_ms;
        }
        let (definition, trace) = (self.definition(), self.trace.as_mut());
        self.last =
            advance_traced(definition, &self.run, &position, &record.outcome, record.finished_ms, trace);
        self.next_seq = seq.saturating_add(1);
        self.around = match (&self.last.next, self.last.stayed) {
            (Next::End(_), true) => around(&position, &record.outcome),
            _ => Around::Nothing,
        };
        self.in_time()?;
        Ok(position)
    }

    /// Where the branch is means something only if all on the way there could be evaluated in time.
    pub(crate) fn in_time(&self) -> Result<(), ReplayError> {
        match self.last.gave_up {
            true => Err(self.too_slow()),
            false => Ok(()),
        }
    }

    pub(crate) fn too_slow(&self) -> ReplayError {
        ReplayError::TooSlow { branch: self.branch.clone(), seq: self.next_seq }
    }

    /// The definition that is in force where it is.
    pub(crate) fn definition(&self) -> &'a Definition {
        self.definitions.at(self.run.redrive_count)
    }

    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Where the branch is now.
    pub fn last(&self) -> &Transition {
        &self.last
    }

    /// Where the branch is now, once there is nothing more to follow.
    pub fn into_last(self) -> Transition {
        self.last
    }

    /// The position that it waits at; none after its end.
    pub fn waits(&self) -> Option<&Position> {
        match &self.last.next {
            Next::Wait(position) => Some(position),
            Next::End(_) => None,
        }
    }

    /// Where the branch goes on after a redrive; none if it has succeeded.
    pub fn resumption(&self) -> Option<Resumption> {
        let (mut failed, mut given) = (None, None);
        let (state, data, variables, around) = match &self.last.next {
            Next::End(End { status: Status::Succeeded, .. }) => return None,
            Next::End(end) => {
                failed = Some(PastFailure { error: end.error.clone(), cause: end.cause.clone() });
                (&end.state, &end.data, &end.variables, self.around.clone())
            }
            Next::Wait(position) => {
                given = position.skipped.as_ref().map(|skipped| skipped.output.clone());
                let around = match (position.fan_out(), &position.resumes) {
                    (Some(_), _) => Around::FanOut(Box::new(position.clone())),
                    (None, Some(resumes)) => Around::Earlier(resumes.as_ref().clone()),
                    (None, None) => Around::Nothing,
                };
                (&position.state, &position.data, &position.variables, around)
            }
        };
        Some(Resumption {
            state: state.clone(),
            data: data.clone(),
            variables: variables.clone(),
            map_item: self.map_item.clone(),
            index: self.index,
            around,
            failed,
            given,
        })
    }

    /// The run as it is now: a redrive counts in it.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The seq of the next record.
    pub fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// The redrive count that the records lead to.
    pub fn redrive_count(&self) -> u32 {
        self.run.redrive_count
    }

    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// The trace so far, and the state that is open. What follows is not traced.
    pub(crate) fn stop_tracing(&mut self) -> (Option<Trace>, Option<Aborting>) {
        (self.trace.take(), self.waits().map(Aborting::of))
    }
}

/// What a redrive finds of the branches that a position waited for when this outcome ended it. Those of a state that
/// failed as a whole run again, as on AWS.
fn around(position: &Position, outcome: &Outcome) -> Around {
    match (position.fan_out(), outcome, &position.resumes) {
        (Some(_), Outcome::Failed { .. }, _) => Around::Nothing,
        (Some(_), _, _) => Around::FanOut(Box::new(position.clone())),
        (None, _, Some(resumes)) => Around::Earlier(resumes.as_ref().clone()),
        (None, _, None) => Around::Nothing,
    }
}

/// The position that the record `seq` ends: the one that the last transition led to, or, for a redrive, the end itself.
fn pending(last: &Transition, seq: u32, outcome: &Outcome) -> Option<Position> {
    match (&last.next, outcome) {
        (Next::Wait(position), _) => Some(position.clone()),
        (Next::End(end), Outcome::Redriven { .. }) => Some(end.redrive_position(seq)),
        (Next::End(_), _) => None,
    }
}
