//! Parallel and Map: their opening, their branches' starts and ends, and what these come to.

use super::{Flow, Origin, Walk, failure::Failure};
use crate::{
    event::Event,
    fan_out::{BranchInput, Seen},
    outcome::Outcome,
    position::{Awaiting, Opening, Position},
    redrive::{GoesOn, Resumes},
    run::Run,
    trace::{Link, Trace},
    transition::{Next, Transition},
};
use serde_json::Value;
use std::borrow::Cow;
use stepladder_asl::{Budget, Definition, Kind, State, errors};

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
    let BranchInput { index: number, data, map_item, goes_on } = input;
    let index = goes_on.as_ref().map_or(number, |goes_on| goes_on.index);
    let state = definition.state(&parent.state);
    let is_map = state.is_some_and(|state| matches!(state.kind, Kind::Map(_)));
    let machine = state.and_then(|state| state.machines().get(if is_map { 0 } else { index as usize }));
    // A branch that the definition doesn't have fails at its first turn.
    let first = machine.map(|machine| machine.start_at.as_str()).unwrap_or_default();
    let (start_at, variables, resumes) = match goes_on.map(|goes_on| *goes_on) {
        Some(GoesOn { state, variables, resumes, .. }) => {
            (state.unwrap_or_else(|| first.to_owned()), variables, resumes)
        }
        None => (first.to_owned(), None, None),
    };
    let start_at = start_at.as_str();
    let variables = variables.unwrap_or_else(|| parent.variables.clone());
    let mut indexes = Vec::new();
    if number != index || parent.resumes.is_some() || !parent.indexes.is_empty() {
        indexes = parent.indexes();
        indexes.push(index);
    }
    let branch = parent.branch.child(parent.seq, number);
    let mut walk = Walk {
        definition,
        run,
        now_ms: opening.started_ms,
        draws: run.draws(&format!("start {branch}"), 0),
        origin: Origin { branch, next_seq: 0, deadline_ms: parent.deadline_ms, map_item, indexes },
        variables: variables.clone(),
        events: opening.events,
        entered: 0,
        gave_up: false,
        budget: Budget::new(),
        trace,
    };
    if is_map {
        walk.event(|| Event::MapIterationStarted { name: parent.state.clone(), index });
    }
    let (events, mark) = (walk.events, walk.trace.as_deref().map(|trace| (trace.count, trace.last)));
    let went = match &resumes {
        // It goes on from a fan-out of its own, which is opened after a record of its own.
        Some(_) => Next::Wait(walk.turn(start_at, data.clone())),
        None => walk.go(start_at, data.clone()),
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
        let seen = Seen::new(self.definition, self.run, state, &position);
        let mut fan_out = match seen.width(&self.budget, self.probe()) {
            Ok(fan_out) => fan_out,
            Err(error) => return self.failed_evaluation(state, &position, &error),
        };
        let is_map = matches!(state.kind, Kind::Map(_));
        self.event(|| match is_map {
            true => Event::MapStateStarted { length: fan_out.count },
            false => Event::ParallelStateStarted,
        });
        match seen.tolerance(&self.budget, fan_out.count, self.probe()) {
            Ok(tolerated) => fan_out.failures_tolerated = tolerated,
            Err(error) => return self.failed_evaluation(state, &position, &error),
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
        self.event(|| Event::StateEntered { state_type, name: name.clone(), input: data.clone() });
        let entered = self.position(name, data.clone(), Awaiting::Turn);
        self.fan_out(state, Position { resumes: position.resumes.clone(), ..entered })
    }

    /// Opens a fan-out over those branches only that a redrive found not to have succeeded; another attempt of it too.
    fn opened_again(&mut self, state: &State, position: Position, resumes: &Resumes) -> Flow {
        let is_map = matches!(state.kind, Kind::Map(_));
        self.event(|| match is_map {
            true => Event::MapStateStarted { length: resumes.total },
            false => Event::ParallelStateStarted,
        });
        let (seq, events) = (self.origin.next_seq, self.events);
        let awaiting = Awaiting::Branches(resumes.left);
        Flow::Stop(Next::Wait(Position { seq, awaiting, events, opening: None, ..position }))
    }

    /// What ended the wait for the branches, or came between.
    pub(super) fn branches_ended(&mut self, state: &State, position: &Position, outcome: &Outcome) -> Flow {
        match outcome {
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
                    Some(fan_out) if fan_out.failures_tolerated > 0 => Failure::new(
                        Some(errors::EXCEED_TOLERATED_FAILURE_THRESHOLD),
                        Some("The specified tolerated failure threshold was exceeded"),
                    ),
                    _ => Failure::new(error.as_deref(), cause.as_deref()),
                };
                self.failed_attempt(state, position, &failure)
            }
            Outcome::Failed { error, cause, .. } => {
                self.failed_attempt(state, position, &Failure::new(Some(error), cause.as_deref()))
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
    /// The results as the state's own result.
    fn joined(&mut self, state: &State, position: &Position, results: Vec<Value>) -> Flow {
        self.ended_with(state, position, Value::Array(results))
    }

    fn ended_with(&mut self, state: &State, position: &Position, result: Value) -> Flow {
        let is_map = matches!(state.kind, Kind::Map(_));
        self.passed_by(|| if is_map { Event::MapStateSucceeded } else { Event::ParallelStateSucceeded });
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
        let kind = self.definition.state(&position.state).map(|state| state.kind.type_name());
        if let (Some(state_type), Awaiting::Branches(_)) = (kind, position.awaiting) {
            self.passed_by(|| Event::StateAborted { state_type });
        }
    }

    /// What the history says of the end of a branch that isn't the root; `state` is the one that it ended in.
    pub(super) fn branch_ended(&mut self, state: &str, end: BranchEnd) {
        let Some((name, is_map, index)) = self.enclosing(state) else {
            return;
        };
        let name = name.to_owned();
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

    /// The fan-out state around a state: its name, whether it is a Map, and the index of this branch.
    fn enclosing(&self, state: &str) -> Option<(&str, bool, u32)> {
        let parent = self.definition.state(state)?.parent.as_ref()?;
        let enclosing = self.definition.state(&parent.state)?;
        let index = match self.origin.indexes.last() {
            Some(index) => *index,
            None => self.origin.branch.0.last()?.index,
        };
        Some((&parent.state, matches!(enclosing.kind, Kind::Map(_)), index))
    }
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
