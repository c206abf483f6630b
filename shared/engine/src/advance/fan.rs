//! Parallel and Map: their opening, their branches' starts and ends, and what these come to.

use super::{Flow, Origin, Walk, failure::Failure};
use crate::{
    chosen::Skipped,
    event::Event,
    fan_out::{BranchInput, Seen},
    outcome::Outcome,
    position::{Awaiting, FanOut, Opening, Position},
    redrive::{GoesOn, Resumes},
    run::Run,
    trace::{Link, Trace},
    transition::{Next, Transition},
};
use serde_json::{Map, Value};
use std::borrow::Cow;
use stepladder_asl::{Budget, Definition, Kind, MapMode, State, Template, errors};

/// The first transition of a branch: to its first stop.
///
/// Like [`super::start`] it never ends the branch, for an end is a record, and a start writes none: a branch that has no
/// stop at all waits for a turn. So does one whose first stop is a fan-out: its branches come after a record of its own,
/// so that the opening of the outer fan-out stays small, and a replay knows what the branch was started with. Of `parent`, the position that opened the fan-out, the data is not needed
/// ([`Position::head`]).
pub fn start_branch(
    definition: &Definition,
    run: &Run,
    parent: &Position,
    input: BranchInput,
    opening: Opening,
) -> Transition {
    start_branch_traced(definition, run, parent, input, opening, None)
}

pub(crate) fn start_branch_traced(
    definition: &Definition,
    run: &Run,
    parent: &Position,
    input: BranchInput,
    opening: Opening,
    trace: Option<&mut Trace>,
) -> Transition {
    let BranchInput { index: number, data, mut map_item, goes_on, unread } = input;
    let is_new = goes_on.as_ref().is_none_or(|goes_on| goes_on.state.is_none());
    let index = goes_on.as_ref().map_or(number, |goes_on| goes_on.index);
    let state = definition.state(&parent.state);
    let opened_by = state.map(Opener::of).unwrap_or(Opener::Parallel);
    let is_map = opened_by != Opener::Parallel;
    let machine = state.and_then(|state| state.machines().get(if is_map { 0 } else { index as usize }));
    // A branch that the definition doesn't have fails at its first turn.
    let first = machine.map(|machine| machine.start_at.as_str()).unwrap_or_default();
    let (start_at, variables, resumes, failed, given) = match goes_on.map(|goes_on| *goes_on) {
        Some(GoesOn { state, variables, resumes, failed, given, .. }) => {
            (state.unwrap_or_else(|| first.to_owned()), variables, resumes, failed, given)
        }
        None => (first.to_owned(), None, None, None, None),
    };
    let start_at = start_at.as_str();
    // A child of a distributed Map state is an execution of its own, with a history and variables of its own.
    let (seen, events) = match opened_by {
        Opener::Distributed => (Map::new(), 0),
        Opener::Parallel | Opener::Map => (parent.variables.clone(), opening.events),
    };
    let variables = variables.unwrap_or(seen);
    let mut indexes = Vec::new();
    if number != index || parent.resumes.is_some() || !parent.indexes.is_empty() {
        indexes = parent.indexes();
        indexes.push(index);
    }
    let branch = parent.branch.child(parent.seq, number);
    if let Some(child) = map_item.as_mut().and_then(|item| item.child.as_deref_mut())
        && opened_by == Opener::Distributed
        && is_new
    {
        child.started_ms = opening.started_ms;
    }
    let mut walk = Walk {
        definition,
        run,
        now_ms: opening.started_ms,
        draws: run.draws(&format!("start {branch}"), 0),
        origin: Origin { branch, next_seq: 0, deadline_ms: parent.deadline_ms, map_item, indexes },
        variables: variables.clone(),
        events,
        entered: 0,
        gave_up: false,
        budget: Budget::new(),
        trace,
    };
    match opened_by {
        Opener::Parallel => {}
        Opener::Map => walk.event(|| Event::MapIterationStarted { name: parent.state.clone(), index }),
        Opener::Distributed => {
            walk.passed_by(|| Event::ExecutionStarted {
                input: data.clone(),
                role_arn: run.role_arn.clone(),
            });
        }
    }
    let (events, mark) = (walk.events, walk.trace.as_deref().map(|trace| (trace.count, trace.last)));
    // It goes on from a fan-out of its own, which is opened after a record of its own; or it fails by one.
    let needs_record = resumes.is_some() || unread.is_some() || failed.is_some() || given.is_some();
    let went = match needs_record {
        true => Next::Wait(walk.turn(start_at, data.clone())),
        false => walk.go(start_at, data.clone()),
    };
    let mut position = match went {
        Next::Wait(position) if position.fan_out().is_none() => position,
        Next::Wait(_) | Next::End(_) => {
            // The turn walks the same states again, and that walk is the one that counts.
            walk.events = events;
            walk.variables = variables;
            if let (Some(trace), Some((count, last))) = (walk.trace.as_deref_mut(), mark) {
                trace.truncate(count, last);
            }
            walk.turn(start_at, data)
        }
    };
    position.opening = Some(opening);
    position.resumes = resumes.map(Box::new);
    position.unread = unread;
    position.failed = failed.map(Box::new);
    position.skipped = Skipped::by(given);
    let next = Next::Wait(position);
    Transition { next, now_ms: opening.started_ms, gave_up: walk.gave_up, stayed: false }
}

impl Walk<'_> {
    /// Opens the fan-out of a Parallel or Map state that has been entered; an empty one is over at once.
    pub(super) fn fan_out(&mut self, state: &State, position: Position) -> Flow {
        if let Some(resumes) = &position.resumes {
            let resumes = resumes.as_ref().clone();
            return self.opened_again(state, position, &resumes);
        }
        // As whoever opens it will see it: what an ItemSelector draws depends on the seq.
        let position = Position { seq: self.origin.next_seq, ..position };
        let seen = Seen::new(self.definition, self.run, state, &position);
        if seen.reader().is_some() {
            return self.read_items(state, &position);
        }
        let width = match seen.width(&self.budget, self.probe()) {
            Ok(width) => width,
            Err(error) => return self.failed_evaluation(state, &position, &error),
        };
        let length = width.items;
        self.event(|| match Opener::of(state) {
            Opener::Parallel => Event::ParallelStateStarted,
            Opener::Map | Opener::Distributed => Event::MapStateStarted { length },
        });
        let failures_tolerated = match seen.tolerance(&self.budget, width, self.probe()) {
            Ok(tolerated) => tolerated,
            Err(error) => return self.failed_evaluation(state, &position, &error),
        };
        let fan_out = FanOut { failures_tolerated, ..width.fan_out };
        if let Some(map_run_arn) = self.map_run_arn(state, &position) {
            self.event(|| Event::MapRunStarted { map_run_arn });
        }
        if fan_out.count == 0 {
            return self.joined(state, &position, Vec::new());
        }
        let (seq, events) = (self.origin.next_seq, self.events);
        let awaiting = Awaiting::Branches(fan_out);
        Flow::Stop(Next::Wait(Position { seq, awaiting, events, opening: None, ..position }))
    }

    /// After a redrive the state is entered again, and goes on from the fan-out that it had.
    pub(super) fn resumed(&mut self, state: &State, position: &Position) -> Flow {
        self.entered += 1;
        let (state_type, name, data) = (state.kind.type_name(), &state.name, &position.data);
        self.seen(name, data);
        self.event(|| Event::StateEntered { state_type, name: name.clone(), input: data.clone() });
        let entered = self.position(name, data.clone(), Awaiting::Turn);
        self.fan_out(state, Position { resumes: position.resumes.clone(), ..entered })
    }

    /// Opens a fan-out over those branches only that a redrive found not to have succeeded; another attempt of it too.
    fn opened_again(&mut self, state: &State, position: Position, resumes: &Resumes) -> Flow {
        self.event(|| match Opener::of(state) {
            Opener::Parallel => Event::ParallelStateStarted,
            Opener::Map | Opener::Distributed => Event::MapStateStarted { length: resumes.total },
        });
        if let Some(map_run_arn) = self.map_run_arn(state, &position) {
            let redrive_count = self.run.redrive_count;
            self.event(|| Event::MapRunRedriven { map_run_arn, redrive_count });
        }
        let (seq, events) = (self.origin.next_seq, self.events);
        let awaiting = Awaiting::Branches(resumes.left);
        Flow::Stop(Next::Wait(Position { seq, awaiting, events, opening: None, ..position }))
    }

    /// What ended the wait for the branches, or came between.
    pub(super) fn branches_ended(&mut self, state: &State, position: &Position, outcome: &Outcome) -> Flow {
        match outcome {
            // Nor is that its limits are others now.
            Outcome::Updated { update, plan, .. } if Opener::of(state) == Opener::Distributed => {
                let resumes = plan.updated(position, update);
                let awaiting = Awaiting::Branches(resumes.left);
                let (seq, resumes) = (self.origin.next_seq, Some(Box::new(resumes)));
                Flow::Stop(Next::Wait(Position { seq, awaiting, resumes, opening: None, ..position.clone() }))
            }
            // What its children did is no part of this history.
            Outcome::Joined { results, .. } if Opener::of(state) == Opener::Distributed => {
                self.joined(state, position, flattened(state, results))
            }
            // Whatever one of them failed by: it is an execution of its own.
            Outcome::BranchFailed { .. } if Opener::of(state) == Opener::Distributed => {
                self.map_run_failed(state, position, &exceeded())
            }
            Outcome::Joined { results, events } => {
                self.events = position.events.saturating_add(*events);
                self.follow(Link::Joined { seq: position.seq });
                self.joined(state, position, results.clone())
            }
            Outcome::BranchFailed { index, error, cause, events } => {
                self.events = *events;
                self.follow(Link::Failed { seq: position.seq, index: *index });
                let failure = match position.fan_out() {
                    // Nothing catches it, and AWS doesn't say that the state has failed.
                    _ if error.as_deref() == Some(errors::RUNTIME) => {
                        self.stop_branches(position);
                        Failure::new(error.as_deref(), cause.as_deref())
                    }
                    Some(fan_out) if fan_out.failures_tolerated > 0 => exceeded(),
                    _ => Failure::new(error.as_deref(), cause.as_deref()),
                };
                self.failed_attempt(state, position, &failure)
            }
            Outcome::Failed { error, cause, .. } => {
                self.map_run_failed(state, position, &Failure::new(Some(error), cause.as_deref()))
            }
            // The mock of a Map state that writes its results.
            Outcome::Responded { response } => self.ended_with(state, position, response.clone()),
            outcome => {
                let cause = format!("A fan-out can't end by {outcome:?}.");
                self.failed_attempt(state, position, &Failure::new(Some(errors::RUNTIME), Some(&cause)))
            }
        }
    }
}

impl Walk<'_> {
    /// The Map Run of a distributed Map state: its own, or after a redrive the one that goes on.
    pub(super) fn map_run_arn(&self, state: &State, position: &Position) -> Option<String> {
        let Kind::Map(map) = &state.kind else { return None };
        let label = map.label(&state.name)?;
        let (branch, seq) = match &position.resumes {
            Some(resumes) => resumes.first(),
            None => (&self.origin.branch, self.origin.next_seq),
        };
        Some(self.run.map_run_arn(&label, &self.run.map_run_id(&branch.to_string(), seq)))
    }

    /// The attempt failed, and where it is a distributed Map state's its Map Run with it.
    pub(super) fn map_run_failed(&mut self, state: &State, position: &Position, failure: &Failure) -> Flow {
        if Opener::of(state) == Opener::Distributed {
            let Failure { error, cause, .. } = failure.clone();
            self.event(|| Event::MapRunFailed { error, cause });
        }
        self.failed_attempt(state, position, failure)
    }

    /// The results as the state's own result.
    pub(super) fn joined(&mut self, state: &State, position: &Position, results: Vec<Value>) -> Flow {
        self.ended_with(state, position, Value::Array(results))
    }

    fn ended_with(&mut self, state: &State, position: &Position, result: Value) -> Flow {
        let opener = Opener::of(state);
        if opener == Opener::Distributed {
            self.event(|| Event::MapRunSucceeded);
        }
        self.passed_by(|| match opener {
            Opener::Parallel => Event::ParallelStateSucceeded,
            Opener::Map | Opener::Distributed => Event::MapStateSucceeded,
        });
        let Some(then) = state.then() else {
            let cause = format!("A {} state has no branches.", state.kind.type_name());
            return self.stop_failed(&state.name, position.data.clone(), errors::RUNTIME, Some(cause));
        };
        match self.result(state, position, Cow::Owned(result)) {
            Ok((output, assigned)) => self.exit(state, then, output, assigned),
            Err(error) => self.failed_evaluation(state, position, &error),
        }
    }

    /// AWS says that a Parallel or Map state has failed, unless it is retried, or by what nothing can catch.
    pub(super) fn fan_out_failed(&mut self, state: &State, error: &str) {
        match &state.kind {
            _ if error == errors::RUNTIME => {}
            Kind::Map(_) => self.event(|| Event::MapStateFailed),
            Kind::Parallel(_) => self.event(|| Event::ParallelStateFailed),
            _ => {}
        }
    }

    /// What a position waits for is stopped from outside, or by what nothing can catch.
    pub(super) fn stop_branches(&mut self, position: &Position) {
        let state = self.definition.state(&position.state);
        if let (Some(state), Awaiting::Branches(_) | Awaiting::Items) = (state, position.awaiting) {
            if Opener::of(state) == Opener::Distributed {
                self.passed_by(|| Event::MapRunAborted);
            }
            self.passed_by(|| Event::StateAborted { state_type: state.kind.type_name() });
        }
    }

    /// Whether an end in this state is that of an execution with a history of its own: the run's, or that of a distributed
    /// Map state's child.
    pub(super) fn ends_execution(&self, state: &str) -> bool {
        self.origin.branch.is_root()
            || self.enclosing(state).is_some_and(|(_, opener, _)| opener == Opener::Distributed)
    }

    /// What the history says of the end of a branch that isn't the root; `state` is the one that it ended in.
    pub(super) fn branch_ended(&mut self, state: &str, end: BranchEnd) {
        let Some((name, opener, index)) = self.enclosing(state) else {
            return;
        };
        let (name, is_map) = (name.to_owned(), opener == Opener::Map);
        match end {
            BranchEnd::Succeeded if is_map => self.passed_by(|| Event::MapIterationSucceeded { name, index }),
            BranchEnd::Failed if is_map => self.passed_by(|| Event::MapIterationFailed { name, index }),
            BranchEnd::Succeeded => {}
            // A branch of a Parallel state has no event for its end: AWS aborts the Task that failed.
            BranchEnd::Failed => {
                if self.definition.state(state).is_some_and(|state| matches!(state.kind, Kind::Task(_))) {
                    self.passed_by(|| Event::StateAborted { state_type: "Task" });
                }
            }
            BranchEnd::Aborted => {
                let kind = self.definition.state(state).map(|state| state.kind.type_name());
                if let Some(state_type) = kind.filter(|kind| is_aborted_by_name(kind)) {
                    self.passed_by(|| Event::StateAborted { state_type });
                }
                if is_map {
                    self.passed_by(|| Event::MapIterationAborted { name, index });
                }
            }
        }
    }

    /// The fan-out state around a state: its name, what it opens, and the index of this branch.
    fn enclosing(&self, state: &str) -> Option<(&str, Opener, u32)> {
        let parent = self.definition.state(state)?.parent.as_ref()?;
        let enclosing = self.definition.state(&parent.state)?;
        let index = match self.origin.indexes.last() {
            Some(index) => *index,
            None => self.origin.branch.0.last()?.index,
        };
        Some((&parent.state, Opener::of(enclosing), index))
    }
}

/// What opens a fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    Parallel,
    /// A Map state whose iterations are a part of the execution.
    Map,
    /// A Map state whose children are executions of their own.
    Distributed,
}

impl Opener {
    pub(crate) fn of(state: &State) -> Self {
        match &state.kind {
            Kind::Map(map) if map.mode == MapMode::Inline => Opener::Map,
            Kind::Map(_) => Opener::Distributed,
            _ => Opener::Parallel,
        }
    }
}

/// The results of a distributed Map state as whoever runs it in memory has them; where its ResultWriter says so, of those that are arrays the elements.
fn flattened(state: &State, results: &[Value]) -> Vec<Value> {
    let Kind::Map(map) = &state.kind else { return results.to_vec() };
    let writer = map.distributed().and_then(|distributed| distributed.result_writer.as_ref());
    let config = writer.and_then(|writer| writer.writer_config.as_ref());
    let is_flat = |config: &Template| match config {
        Template::Literal(config) => config.get("Transformation").and_then(Value::as_str) == Some("FLATTEN"),
        _ => false,
    };
    if !config.is_some_and(is_flat) {
        return results.to_vec();
    }
    let elements = |result: &Value| match result {
        Value::Array(elements) => elements.clone(),
        other => vec![other.clone()],
    };
    results.iter().flat_map(elements).collect()
}

fn exceeded() -> Failure {
    Failure::new(
        Some(errors::EXCEED_TOLERATED_FAILURE_THRESHOLD),
        Some("The specified tolerated failure threshold was exceeded"),
    )
}

/// How a branch ended, as far as its history tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BranchEnd {
    Succeeded,
    Failed,
    /// By what nothing can catch, or from outside.
    Aborted,
}

/// The types of states that have an Aborted event
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).
pub(crate) fn is_aborted_by_name(state_type: &str) -> bool {
    matches!(state_type, "Task" | "Wait" | "Map" | "Parallel")
}
