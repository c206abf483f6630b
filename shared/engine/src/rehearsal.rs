//! A whole run in memory: every branch, with the logic that decides in production, and neither clock nor queue.

use crate::{
    advance::{advance, start, start_branch},
    fan_out::{BranchInput, Children, Inputs, ItemRow},
    outcome::{Limit, Outcome, Phase},
    position::{Awaiting, Branch, FanOut, Fork, Opening, Position},
    replay::{Recorded, Records},
    run::Run,
    transition::{End, Next, Status, Transition},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stepladder_asl::{Definition, EvalError, errors};

/// A run in memory. Whoever drives it asks what waits ([`Rehearsal::next`]) and says what became of it
/// ([`Rehearsal::settle`]); fan-outs open, join and stop their branches by themselves.
///
/// Beside the records it holds what is live: the positions of the branches that have started and not ended, and the
/// results of the fan-outs that they belong to.
#[derive(Debug)]
pub struct Rehearsal<'a> {
    definition: &'a Definition,
    run: Run,
    live: BTreeMap<Branch, Live>,
    /// What waits for something else than its branches, by its due time.
    due: BTreeSet<(i64, Branch)>,
    records: Records,
    /// What the children of items start with that have been read, by the branch and the seq that they belong to.
    read: BTreeMap<(Branch, u32), Vec<BranchInput>>,
    end: Option<End>,
    /// The branch whose evaluation took too long.
    gave_up: Option<Branch>,
    /// The events of all branches so far, those that have ended included.
    events: u64,
    events_max: u64,
    /// Whether something was left undone, for there were more events than there may be.
    is_cut: bool,
}

/// A branch that waits for an outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waiting<'a> {
    pub branch: &'a Branch,
    pub position: &'a Position,
    /// When the outcome may come by itself, in milliseconds since the epoch: never before the transition that led here;
    /// `i64::MAX` where only an answer ends the wait.
    pub due_ms: i64,
}

/// Why a run in memory can't go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// The branch has not started, has ended, or was stopped.
    #[error("the branch '{branch}' waits for no outcome")]
    NothingWaits { branch: Branch },
    /// That says nothing about the run, but what it would have led to isn't known: it can't be settled any more.
    #[error("an evaluation took too long on this machine, on the branch '{branch}'")]
    TooSlow { branch: Branch },
    /// There is no end after as many events as there may be: it can't be settled any more.
    #[error("the run has more than {events_max} events and no end")]
    TooManyEvents { events_max: u64 },
}

#[derive(Debug)]
struct Live {
    position: Position,
    due_ms: i64,
    /// The number of events on the path before the branch.
    events_before: u64,
    fan: Option<Fan>,
}

/// An open fan-out.
#[derive(Debug)]
struct Fan {
    width: FanOut,
    ended: u32,
    failures: u32,
    /// The events of the branches that have ended.
    events: u64,
    outputs: Vec<Option<Value>>,
    /// The inputs of the branches that have not started.
    inputs: VecDeque<BranchInput>,
}

/// Why a fan-out has no branches.
enum Unopened {
    Failed(Outcome),
    GaveUp,
}

/// What is still to do before the run waits again.
enum Task {
    /// A branch has come to this transition.
    Arrive(Branch, Box<Transition>),
    /// A branch has ended; tell its parent. With the number of events on the path before the branch.
    Join(End, u64),
    /// A branch's wait has ended.
    Settle(Branch, Outcome),
}

impl<'a> Rehearsal<'a> {
    /// A run at its first stop. Its start time is the run's own.
    pub fn start(definition: &'a Definition, run: &Run, input: Value) -> Self {
        Self::start_within(definition, run, input, u64::MAX)
    }

    /// The same, and it goes no further once it has more events than `events_max`. A loop of fan-outs that can't be opened
    /// waits for nothing from outside: whoever drives it would wait for it until it has a million records.
    pub fn start_within(definition: &'a Definition, run: &Run, input: Value, events_max: u64) -> Self {
        let run = run.clone();
        let first = start(definition, &run, input, run.started_ms);
        let mut rehearsal = Self {
            definition,
            run,
            live: BTreeMap::new(),
            due: BTreeSet::new(),
            records: Records::new(),
            read: BTreeMap::new(),
            end: None,
            gave_up: None,
            events: 0,
            events_max,
            is_cut: false,
        };
        let now_ms = first.now_ms;
        rehearsal.count(0, &first);
        rehearsal.work(vec![Task::Arrive(Branch::default(), Box::new(first))], None, now_ms);
        rehearsal
    }

    /// The branch that is due first, in the order of the branches where several are.
    pub fn next(&self) -> Option<Waiting<'_>> {
        self.waiting().next()
    }

    /// All branches that wait for an outcome from outside, those that are due first first.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting<'_>> {
        self.due.iter().filter_map(|(due_ms, branch)| {
            let live = self.live.get(branch)?;
            Some(Waiting { branch, position: &live.position, due_ms: *due_ms })
        })
    }

    /// Ends the wait of a branch at `now_ms`, and does all that follows from it. `started_ms` is when its step started.
    ///
    /// Past the run's deadline the outcome has to be [`Limit::Run`], as in production. After the end of a run only a
    /// [`Outcome::Redriven`] of the root has an effect.
    ///
    /// # Errors
    ///
    /// See [`RehearsalError`].
    pub fn settle(
        &mut self,
        branch: &Branch,
        outcome: Outcome,
        started_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<(), RehearsalError> {
        self.is_sound()?;
        if let (Outcome::Redriven { redrive_count, .. }, true, Some(end)) =
            (&outcome, branch.is_root(), self.end.take_if(|_| branch.is_root()))
        {
            self.run.redrive_count = *redrive_count;
            let seq = self.records.get(branch).map_or(0, Vec::len);
            let position = end.redrive_position(u32::try_from(seq).unwrap_or(u32::MAX));
            let live = Live { position, due_ms: now_ms, events_before: 0, fan: None };
            self.live.insert(branch.clone(), live);
        }
        if !self.live.contains_key(branch) {
            return Err(RehearsalError::NothingWaits { branch: branch.clone() });
        }
        self.work(vec![Task::Settle(branch.clone(), outcome)], started_ms, now_ms);
        self.is_sound()
    }

    /// Gives a branch the items that it waits for, all of them, and does all that follows from it at `now_ms`. An error is why
    /// they can't be read.
    ///
    /// # Errors
    ///
    /// See [`RehearsalError`].
    pub fn read(
        &mut self,
        branch: &Branch,
        rows: Result<Vec<ItemRow>, String>,
        now_ms: i64,
    ) -> Result<(), RehearsalError> {
        let waits = self.live.get(branch).filter(|live| live.position.awaiting == Awaiting::Items);
        let Some(position) = waits.map(|live| live.position.as_begun()) else {
            return Err(RehearsalError::NothingWaits { branch: branch.clone() });
        };
        let outcome = match rows {
            Ok(rows) => self.children_of(&position, rows),
            Err(cause) => Err(Unopened::Failed(Outcome::Failed {
                error: errors::ITEM_READER_FAILED.to_owned(),
                cause: Some(cause),
                phase: Phase::Schedule,
            })),
        };
        match outcome {
            Ok(outcome) | Err(Unopened::Failed(outcome)) => self.settle(branch, outcome, None, now_ms),
            Err(Unopened::GaveUp) => {
                self.gave_up = Some(branch.clone());
                self.is_sound()
            }
        }
    }

    /// Makes children of items, and keeps what they start with.
    fn children_of(&mut self, position: &Position, rows: Vec<ItemRow>) -> Result<Outcome, Unopened> {
        let unopened = |error: EvalError| unopened(position, error);
        let mut reading = position.reading.as_deref().cloned().unwrap_or_default();
        let mut children = Children::new(self.definition, &self.run, position).map_err(unopened)?;
        let mut inputs = Vec::new();
        for row in rows {
            let made = children.push(row).map_err(unopened)?;
            inputs.extend(made.before.into_iter().chain(made.after));
        }
        inputs.extend(children.finish());
        (reading.items, reading.children, reading.largest) =
            (children.items(), children.children(), children.largest());
        self.read.insert((position.branch.clone(), reading.seq), inputs);
        Ok(Outcome::ItemsRead { reading: Box::new(reading), is_all: true })
    }

    /// Whether all that it came through could be evaluated in time, and nothing was left undone.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::TooSlow`], [`RehearsalError::TooManyEvents`].
    pub fn is_sound(&self) -> Result<(), RehearsalError> {
        match &self.gave_up {
            Some(branch) => Err(RehearsalError::TooSlow { branch: branch.clone() }),
            None if self.is_cut => Err(RehearsalError::TooManyEvents { events_max: self.events_max }),
            None => Ok(()),
        }
    }

    /// About as many events as the history has so far, of all branches.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The run's end, once it has ended.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The records so far, of all branches.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The run as it is now: a redrive counts in it.
    pub fn run(&self) -> &Run {
        &self.run
    }

    fn work(&mut self, mut tasks: Vec<Task>, mut started_ms: Option<i64>, now_ms: i64) {
        while let Some(task) = tasks.pop().filter(|_| self.gave_up.is_none()) {
            if self.events > self.events_max {
                self.is_cut = true;
                return;
            }
            match task {
                // Only what came from outside has been started.
                Task::Settle(branch, outcome) => {
                    self.settled(branch, outcome, started_ms.take(), now_ms, &mut tasks);
                }
                Task::Arrive(branch, transition) => self.arrived(branch, *transition, 0, &mut tasks),
                Task::Join(end, events_before) => self.joined(end, events_before, now_ms, &mut tasks),
            }
        }
    }

    fn settled(
        &mut self,
        branch: Branch,
        outcome: Outcome,
        started_ms: Option<i64>,
        now_ms: i64,
        tasks: &mut Vec<Task>,
    ) {
        let Some(live) = self.live.remove(&branch) else {
            return;
        };
        self.due.remove(&(live.due_ms, branch.clone()));
        if live.fan.is_some() {
            self.stop_below(&branch);
        }
        let transition = advance(self.definition, &self.run, &live.position, &outcome, now_ms);
        // Those of its branches have been counted.
        let before = match &outcome {
            Outcome::Joined { events, .. } => live.position.events.saturating_add(*events),
            Outcome::BranchFailed { events, .. } => *events,
            _ => live.position.events,
        };
        self.count(before, &transition);
        self.records.entry(branch.clone()).or_default().push(Recorded {
            outcome,
            started_ms,
            finished_ms: now_ms,
            digest: transition.digest(),
            opening: live.position.opening,
        });
        self.arrived(branch, transition, live.events_before, tasks);
    }

    /// Counts what a transition adds to a path that had so many events.
    fn count(&mut self, before: u64, transition: &Transition) {
        let after = match &transition.next {
            Next::Wait(position) => position.events,
            Next::End(end) => end.events,
        };
        self.events = self.events.saturating_add(after.saturating_sub(before));
    }

    /// A branch waits, has opened a fan-out, or has ended.
    fn arrived(&mut self, branch: Branch, transition: Transition, events_before: u64, tasks: &mut Vec<Task>) {
        if branch.parent().is_some_and(|(parent, fork)| !self.is_open(&parent, fork)) {
            // Its fan-out was stopped while it was about to start.
            return;
        }
        let Transition { next, now_ms, gave_up, .. } = transition;
        if gave_up {
            self.gave_up = Some(branch);
            return;
        }
        let position = match next {
            Next::Wait(position) => position,
            Next::End(end) if branch.is_root() => {
                self.end = Some(end);
                return;
            }
            Next::End(end) => {
                tasks.push(Task::Join(end, events_before));
                return;
            }
        };
        let events_before = position.opening.map_or(events_before, |opening| opening.events);
        let opening = Opening { started_ms: now_ms, events: position.events };
        let due_ms = position.due_ms().max(now_ms);
        let Some(width) = position.fan_out() else {
            self.due.insert((due_ms, branch.clone()));
            self.live.insert(branch, Live { position, due_ms, events_before, fan: None });
            return;
        };
        // As in production, no branch starts unless all of them could.
        let inputs = self.inputs(&position);
        let mut fan = Fan::new(width);
        let unopened = match inputs {
            Ok(inputs) => {
                fan.inputs = inputs.into();
                None
            }
            Err(unopened) => Some(unopened),
        };
        self.live.insert(branch.clone(), Live { position, due_ms, events_before, fan: Some(fan) });
        match unopened {
            None => {}
            Some(Unopened::GaveUp) => {
                self.gave_up = Some(branch);
                return;
            }
            Some(Unopened::Failed(outcome)) => {
                tasks.push(Task::Settle(branch, outcome));
                return;
            }
        }
        let mut starts = Vec::new();
        for _ in 0..width.concurrency {
            starts.extend(self.start_next(&branch, opening));
        }
        // The last task is the next one.
        tasks.extend(starts.into_iter().rev());
    }

    /// Whether the fan-out that a fork belongs to still takes ends.
    fn is_open(&self, parent: &Branch, fork: Fork) -> bool {
        self.live.get(parent).is_some_and(|live| live.fan.is_some() && live.position.seq == fork.seq)
    }

    /// What the branches of the fan-out that a position waits for start with.
    fn inputs(&mut self, position: &Position) -> Result<Vec<BranchInput>, Unopened> {
        if let Some(seq) = position.fan_out().and_then(|fan_out| fan_out.inputs_seq) {
            return Ok(self.read.remove(&(position.branch.clone(), seq)).unwrap_or_default());
        }
        let inputs =
            Inputs::new(self.definition, &self.run, position).and_then(|inputs| inputs.range(0..u32::MAX));
        inputs.map_err(|error| unopened(position, error))
    }

    /// Starts the next branch of a fan-out, if there is one.
    fn start_next(&mut self, parent: &Branch, opening: Opening) -> Option<Task> {
        let Some(Live { position, fan: Some(fan), .. }) = self.live.get_mut(parent) else {
            return None;
        };
        let input = fan.inputs.pop_front()?;
        let transition = start_branch(self.definition, &self.run, position, input, opening);
        self.count(opening.events, &transition);
        let branch = match &transition.next {
            Next::Wait(position) => position.branch.clone(),
            Next::End(end) => end.branch.clone(),
        };
        Some(Task::Arrive(branch, Box::new(transition)))
    }

    /// The end of a branch, as its fan-out takes it: it may complete it, fail it, or make room for the next branch.
    fn joined(&mut self, end: End, events_before: u64, now_ms: i64, tasks: &mut Vec<Task>) {
        let Some((parent, fork)) = end.branch.parent() else {
            return;
        };
        let Some(Live { position, fan: Some(fan), .. }) = self.live.get_mut(&parent) else {
            return;
        };
        if position.seq != fork.seq {
            return;
        }
        let is_late = position.is_past_deadline(now_ms);
        let opening = Opening { started_ms: now_ms, events: end.events };
        let outcome = match fan.take(fork.index, end, events_before) {
            Some(_) if is_late => Outcome::TimedOut { limit: Limit::Run },
            Some(outcome) => outcome,
            None => {
                tasks.extend(self.start_next(&parent, opening));
                return;
            }
        };
        tasks.push(Task::Settle(parent, outcome));
    }

    /// Whatever a branch has opened goes no further.
    fn stop_below(&mut self, branch: &Branch) {
        let below: Vec<Branch> = self
            .live
            .range((std::ops::Bound::Excluded(branch.clone()), std::ops::Bound::Unbounded))
            .map(|(below, _)| below)
            .take_while(|below| below.0.starts_with(&branch.0))
            .cloned()
            .collect();
        for below in below {
            if let Some(live) = self.live.remove(&below) {
                self.due.remove(&(live.due_ms, below));
            }
        }
    }
}

/// Why a position has no branches.
fn unopened(position: &Position, error: EvalError) -> Unopened {
    if error.gave_up {
        return Unopened::GaveUp;
    }
    let cause = Some(error.cause_in(&position.state, position.entered_event));
    Unopened::Failed(Outcome::Failed { error: error.error.to_string(), cause, phase: Phase::Schedule })
}

impl Fan {
    fn new(width: FanOut) -> Self {
        Self { width, ended: 0, failures: 0, events: 0, outputs: Vec::new(), inputs: VecDeque::new() }
    }

    /// Takes the end of a branch; answers with the outcome of the fan-out once it has one.
    fn take(&mut self, index: u32, end: End, events_before: u64) -> Option<Outcome> {
        let End { status, output, error, cause, events, is_unread, .. } = end;
        self.ended += 1;
        self.events = self.events.saturating_add(events.saturating_sub(events_before));
        if status == Status::Succeeded {
            let place = index as usize;
            if self.outputs.len() <= place {
                self.outputs.resize(place + 1, None);
            }
            if let Some(slot) = self.outputs.get_mut(place) {
                *slot = output;
            }
        } else {
            let more = if is_unread { 1 } else { self.width.failure_items };
            self.failures = self.failures.saturating_add(more);
        }
        if self.failures > self.width.failures_tolerated {
            return Some(Outcome::BranchFailed { index, error, cause, events });
        }
        (self.ended == self.width.count).then(|| Outcome::Joined {
            results: std::mem::take(&mut self.outputs).into_iter().flatten().collect(),
            events: self.events,
        })
    }
}
