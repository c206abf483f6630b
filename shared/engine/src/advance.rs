//! The evaluator: from an outcome to the next stop.

mod alone;
mod data;
mod failure;
mod fan;
mod items;
mod plain;
mod task;

pub(crate) use alone::{Came, enter_alone, settle_alone};
use failure::Failure;
use fan::BranchEnd;
pub(crate) use fan::Opener;
pub use fan::start_branch;
pub(crate) use fan::{is_aborted_by_name, start_branch_traced};

use crate::{
    call::Passed,
    chosen::{Beginning, Chosen, Skipped},
    event::Event,
    inspect::Probe,
    limits::{STATES_WITHOUT_STOP_MAX, TRANSITIONS_MAX},
    outcome::{Limit, Outcome},
    position::{Awaiting, Branch, MapItem, Position},
    redrive::{Kept, PlanAt},
    run::Run,
    trace::{Course, Link, Trace},
    transition::{End, Next, Status, Transition},
    update::PastFailure,
};
use serde_json::{Map, Value};
use stepladder_asl::{Budget, Definition, Draws, Kind, State, Then, errors};

/// The first transition of a run: from its input to its first stop.
///
/// It never ends the run: an end is a record, and a start writes none. A run that has no stop at all waits for a turn.
/// `beginning` is the run's input, or of a rerun that and the place where it begins.
pub fn start(definition: &Definition, run: &Run, beginning: impl Into<Beginning>, now_ms: i64) -> Transition {
    start_traced(definition, run, beginning.into(), now_ms, None)
}

/// From a position and what ended its wait to the next stop, or to the end of the run.
///
/// `now_ms` is the record's own time, in milliseconds since the epoch. Equal arguments give an equal transition.
pub fn advance(
    definition: &Definition,
    run: &Run,
    position: &Position,
    outcome: &Outcome,
    now_ms: i64,
) -> Transition {
    advance_traced(definition, run, position, outcome, now_ms, None)
}

pub(crate) fn start_traced(
    definition: &Definition,
    run: &Run,
    beginning: Beginning,
    now_ms: i64,
    trace: Option<&mut Trace>,
) -> Transition {
    let Beginning { input, chosen } = beginning;
    let Chosen { state, data, variables, given } = match chosen {
        Some(chosen) => *chosen,
        None => Chosen {
            state: definition.machine.start_at.clone(),
            data: input.clone(),
            variables: Map::new(),
            given: None,
        },
    };
    let deadline_ms = definition
        .timeout_seconds
        .map(|seconds| run.started_ms.saturating_add_unsigned(seconds.saturating_mul(1000)));
    let mut walk = Walk {
        definition,
        run,
        now_ms,
        draws: run.draws("start", 0),
        origin: Origin { next_seq: 0, deadline_ms, ..Origin::default() },
        variables: variables.clone(),
        events: 0,
        entered: 0,
        gave_up: false,
        budget: Budget::new(),
        trace,
    };
    // AWS shows the first state as entered after event 0.
    walk.passed_by(|| Event::ExecutionStarted { input, role_arn: run.role_arn.clone() });
    let went = match given.is_some() {
        true => Next::Wait(Position { skipped: Skipped::by(given), ..walk.turn(&state, data.clone()) }),
        false => walk.go(&state, data.clone()),
    };
    let next = match went {
        Next::Wait(position) => Next::Wait(position),
        Next::End(_) => {
            // The turn walks the same states again, and that walk is the one that counts.
            walk.events = 1;
            walk.variables = variables;
            if let Some(trace) = walk.trace.as_deref_mut() {
                trace.truncate(1, Link::Nothing);
            }
            Next::Wait(walk.turn(&state, data))
        }
    };
    Transition { next, now_ms, gave_up: walk.gave_up, stayed: false }
}

pub(crate) fn advance_traced(
    definition: &Definition,
    run: &Run,
    position: &Position,
    outcome: &Outcome,
    now_ms: i64,
    trace: Option<&mut Trace>,
) -> Transition {
    let deadline_ms = position.deadline_ms;
    let mut walk = Walk {
        definition,
        run,
        now_ms,
        draws: run.draws(&position.branch.to_string(), position.seq),
        origin: Origin {
            branch: position.branch.clone(),
            next_seq: position.seq.saturating_add(1),
            deadline_ms,
            map_item: position.map_item.clone(),
            indexes: position.indexes.clone(),
        },
        variables: position.variables.clone(),
        events: position.events,
        entered: 0,
        gave_up: false,
        budget: Budget::new(),
        trace,
    };
    let next = walk.outcome(position, outcome);
    Transition { next, now_ms, gave_up: walk.gave_up, stayed: walk.entered == 0 }
}

/// What every position that a walk leads to has in common.
#[derive(Default)]
struct Origin {
    branch: Branch,
    next_seq: u32,
    deadline_ms: Option<i64>,
    map_item: Option<MapItem>,
    indexes: Vec<u32>,
}

/// One walk over states, from an outcome to the next stop.
struct Walk<'a> {
    definition: &'a Definition,
    run: &'a Run,
    now_ms: i64,
    draws: Draws,
    origin: Origin,
    /// The workflow's variables as they are now.
    variables: Map<String, Value>,
    /// The id of the last event on this path.
    events: u64,
    /// How many states this walk has entered.
    entered: u32,
    /// Whether an evaluation took too long, so that what the walk leads to means nothing.
    gave_up: bool,
    /// What the evaluations of this walk may still do.
    budget: Budget,
    trace: Option<&'a mut Trace>,
}

/// One step of a walk: on to a state, or a stop. It lives for a moment, so its size is no matter.
#[allow(clippy::large_enum_variant)]
enum Flow {
    Go(String, Value),
    Stop(Next),
}

/// What a state leaves behind.
struct Leaving {
    output: Passed,
    /// The variables that it sets.
    assigned: Option<Map<String, Value>>,
}

/// What entering a state comes to.
enum Step {
    Leave(Then, Leaving),
    Wait { due_ms: i64 },
    Fail { error: Option<String>, cause: Option<String> },
}

impl Walk<'_> {
    fn outcome(&mut self, position: &Position, outcome: &Outcome) -> Next {
        match self.flow(position, outcome) {
            Flow::Go(state, data) => self.go(&state, data),
            Flow::Stop(next) => next,
        }
    }

    /// What an outcome comes to in the state that waited for it.
    fn flow(&mut self, position: &Position, outcome: &Outcome) -> Flow {
        match outcome {
            Outcome::Stopped { error, cause } => {
                return Flow::Stop(self.end(position, Status::Aborted, error.clone(), cause.clone()));
            }
            Outcome::TimedOut { limit: Limit::Run } => {
                let error = Some(errors::TIMEOUT.to_owned());
                return Flow::Stop(self.end(position, Status::TimedOut, error, None));
            }
            Outcome::Redriven { redrive_count, kept, chosen, .. } => {
                return Flow::Stop(self.redriven(position, *redrive_count, kept.as_ref(), chosen.as_deref()));
            }
            _ if self.origin.next_seq >= TRANSITIONS_MAX => {
                let cause = format!(
                    "The run has recorded {TRANSITIONS_MAX} transitions, the most that a run may have."
                );
                let error = Some(errors::RUNTIME.to_owned());
                return Flow::Stop(self.end(position, Status::Failed, error, Some(cause)));
            }
            _ => {}
        }
        let Some(state) = self.definition.state(&position.state) else {
            let cause = format!("The definition has no state '{}'.", position.state);
            let error = Some(errors::RUNTIME.to_owned());
            return Flow::Stop(self.end(position, Status::Failed, error, Some(cause)));
        };
        if let Some(unread) = &position.unread {
            let (error, cause) = (errors::ITEM_READER_FAILED.to_owned(), unread.clone());
            let mut next = self.failed(&position.state, position.data.clone(), Some(error), Some(cause));
            if let Next::End(end) = &mut next {
                end.is_unread = true;
            }
            return Flow::Stop(next);
        }
        if let Some(failed) = &position.failed {
            let PastFailure { error, cause } = failed.as_ref().clone();
            return Flow::Stop(self.failed(&position.state, position.data.clone(), error, cause));
        }
        if let (Some(skipped), Awaiting::Turn, Outcome::TimerFired) =
            (&position.skipped, position.awaiting, outcome)
        {
            return self.skipped(state, position, &skipped.output);
        }
        match (&state.kind, position.awaiting, outcome) {
            (Kind::Map(_), Awaiting::Items, Outcome::ItemsRead { reading, is_all }) => {
                self.items_read(state, position, reading, *is_all)
            }
            (Kind::Map(_), Awaiting::Items, Outcome::Failed { error, cause, .. }) => {
                self.map_run_failed(state, position, &Failure::new(Some(error), cause.as_deref()))
            }
            (Kind::Parallel(_) | Kind::Map(_), Awaiting::Branches(_), outcome) => {
                self.branches_ended(state, position, outcome)
            }
            // The delay before a retry is over.
            (Kind::Parallel(_) | Kind::Map(_), Awaiting::Timer { due_ms }, Outcome::TimerFired)
                if self.now_ms >= due_ms =>
            {
                self.fan_out(state, position.clone())
            }
            // What it waited for can't be carried on: too large, for one. No Retry or Catch is asked outside a Task.
            (kind, awaiting, Outcome::Failed { error, cause, .. })
                if awaiting == Awaiting::Turn || !matches!(kind, Kind::Task(_)) =>
            {
                let data = position.data.clone();
                Flow::Stop(self.failed(&position.state, data, Some(error.clone()), cause.clone()))
            }
            (_, Awaiting::Turn, _) if position.resumes.is_some() => self.resumed(state, position),
            (_, Awaiting::Turn, _) => Flow::Go(position.state.clone(), position.data.clone()),
            (_, Awaiting::Step { .. }, Outcome::TimerFired) => Flow::Stop(self.hop(position)),
            (_, Awaiting::Timer { due_ms }, Outcome::TimerFired) if self.now_ms < due_ms => {
                Flow::Stop(self.hop(position))
            }
            (Kind::Wait(wait), Awaiting::Timer { .. }, Outcome::TimerFired) => {
                self.waited(state, wait, position)
            }
            (Kind::Task(task), Awaiting::Timer { .. }, Outcome::TimerFired) => {
                self.call_again(state, task, position)
            }
            (Kind::Task(task), _, outcome) => self.answered(state, task, position, outcome),
            (kind, _, outcome) => {
                let cause = format!("A {} state can't end by {outcome:?}.", kind.type_name());
                Flow::Stop(self.end(position, Status::Failed, Some(errors::RUNTIME.to_owned()), Some(cause)))
            }
        }
    }

    /// Enters one state after another until one stops, or until there were many of them, or they did much.
    fn go(&mut self, state: &str, data: Value) -> Next {
        let (mut state, mut data) = (state.to_owned(), data);
        loop {
            if self.entered >= STATES_WITHOUT_STOP_MAX || self.budget.is_spent() {
                return Next::Wait(self.turn(&state, data));
            }
            self.entered += 1;
            self.budget.renew();
            match self.enter(&state, data) {
                Flow::Go(next, output) => (state, data) = (next, output),
                Flow::Stop(next) => return next,
            }
        }
    }

    fn enter(&mut self, name: &str, data: Value) -> Flow {
        let Some(state) = self.definition.state(name) else {
            let cause = format!("The definition has no state '{name}'.");
            return self.stop_failed(name, data, errors::RUNTIME, Some(cause));
        };
        let state_type = state.kind.type_name();
        self.seen(name, &data);
        self.event(|| Event::StateEntered { state_type, name: name.to_owned(), input: data.clone() });
        self.probe().see(|inspection| inspection.input = Some(data.clone()));
        let evaluated = match &state.kind {
            Kind::Pass(pass) => self.pass(state, pass, &data),
            Kind::Choice(choice) => self.choose(state, choice, &data),
            Kind::Succeed => {
                self.through(state, self.now_ms, &data).map(|leaving| Step::Leave(Then::End, leaving))
            }
            Kind::Fail(fail) => self.fail(state, fail, &data),
            Kind::Wait(wait) => self.wait(state, wait, &data),
            Kind::Task(task) => {
                let position = self.position(name, data, Awaiting::Step { due_ms: self.now_ms });
                return self.call(state, task, position);
            }
            Kind::Parallel(_) | Kind::Map(_) => {
                let position = self.position(name, data, Awaiting::Turn);
                return self.fan_out(state, position);
            }
        };
        match evaluated {
            Ok(Step::Leave(then, Leaving { output, assigned })) => {
                self.exit(state, &then, output.into_or(|| data), assigned)
            }
            Ok(Step::Wait { due_ms }) => {
                Flow::Stop(Next::Wait(self.position(name, data, Awaiting::Timer { due_ms })))
            }
            Ok(Step::Fail { error, cause }) => Flow::Stop(self.failed(name, data, error, cause)),
            Err(error) => {
                let position = self.position(name, data, Awaiting::Turn);
                self.failed_evaluation(state, &position, &error)
            }
        }
    }

    /// A state is entered; somebody may want to know what it sees.
    fn seen(&mut self, state: &str, data: &Value) {
        let Self { trace, variables, .. } = self;
        if let Some(trace) = trace.as_deref_mut() {
            trace.entered(state, data, variables);
        }
    }

    /// The state is over before it began: somebody gave its output.
    fn skipped(&mut self, state: &State, position: &Position, given: &Value) -> Flow {
        let (state_type, name, data) = (state.kind.type_name(), &state.name, &position.data);
        let Some(then) = state.then() else {
            let cause =
                format!("The state '{name}' has no one state that follows it, so it can't be skipped.");
            return self.stop_failed(name, data.clone(), errors::RUNTIME, Some(cause));
        };
        self.entered += 1;
        self.seen(name, data);
        self.event(|| Event::StateEntered { state_type, name: name.clone(), input: data.clone() });
        self.exit(state, then, given.clone(), None)
    }

    fn redriven(
        &mut self,
        position: &Position,
        redrive_count: u32,
        kept: Option<&Kept>,
        chosen: Option<&Chosen>,
    ) -> Next {
        // It was going on: somebody sent it elsewhere.
        if position.awaiting != Awaiting::Turn {
            self.stop_branches(position);
        }
        self.event(|| Event::ExecutionRedriven { redrive_count });
        // The deadline starts anew, as on AWS.
        self.origin.deadline_ms = self
            .definition
            .timeout_seconds
            .map(|seconds| self.now_ms.saturating_add_unsigned(seconds.saturating_mul(1000)));
        let at = PlanAt { branch: position.branch.clone(), seq: position.seq };
        let resumes = kept.map(|kept| Box::new(kept.resumes(&at, &position.branch)));
        let turn = match chosen {
            Some(Chosen { state, data, variables, given }) => {
                self.variables.clone_from(variables);
                Position { skipped: Skipped::by(given.clone()), ..self.turn(state, data.clone()) }
            }
            None => self.turn(&position.state, position.data.clone()),
        };
        Next::Wait(Position { resumes, ..turn })
    }

    /// The same wait, one record later: a wait of more than 15 minutes is a chain of them.
    fn hop(&self, position: &Position) -> Next {
        Next::Wait(Position { seq: self.origin.next_seq, opening: None, ..position.clone() })
    }

    fn turn(&self, state: &str, data: Value) -> Position {
        self.position(state, data, Awaiting::Turn)
    }

    fn position(&self, state: &str, data: Value, awaiting: Awaiting) -> Position {
        Position {
            branch: self.origin.branch.clone(),
            seq: self.origin.next_seq,
            state: state.to_owned(),
            awaiting,
            retries: Vec::new(),
            events: self.events,
            entered_event: self.events,
            entered_ms: self.now_ms,
            entered_seq: self.origin.next_seq,
            deadline_ms: self.origin.deadline_ms,
            variables: self.variables.clone(),
            map_item: self.origin.map_item.clone(),
            opening: None,
            indexes: self.origin.indexes.clone(),
            resumes: None,
            reading: None,
            unread: None,
            failed: None,
            skipped: None,
            data,
        }
    }

    /// Leaves a state that has done its work.
    fn exit(
        &mut self,
        state: &State,
        then: &Then,
        output: Value,
        assigned: Option<Map<String, Value>>,
    ) -> Flow {
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.gave(&state.name, &output);
        }
        self.leave(state, then, output, assigned)
    }

    /// Leaves a state, also by a catcher. Its variables are set only now: all of its expressions saw the values before.
    fn leave(
        &mut self,
        state: &State,
        then: &Then,
        output: Value,
        assigned: Option<Map<String, Value>>,
    ) -> Flow {
        let name = &state.name;
        self.event(|| Event::StateExited {
            state_type: state.kind.type_name(),
            name: name.clone(),
            output: output.clone(),
            assigned: assigned.clone(),
        });
        self.variables.extend(assigned.into_iter().flatten());
        match then {
            Then::Next(next) => Flow::Go(next.clone(), output),
            Then::End => {
                if self.ends_execution(name) {
                    self.event(|| Event::ExecutionSucceeded { output: output.clone() });
                } else {
                    self.branch_ended(name, BranchEnd::Succeeded);
                }
                Flow::Stop(Next::End(End {
                    branch: self.origin.branch.clone(),
                    status: Status::Succeeded,
                    output: Some(output),
                    error: None,
                    cause: None,
                    state: name.clone(),
                    variables: Map::new(),
                    data: Value::Null,
                    events: self.events,
                    is_unread: false,
                }))
            }
        }
    }

    fn stop_failed(&mut self, name: &str, data: Value, error: &str, cause: Option<String>) -> Flow {
        Flow::Stop(self.failed(name, data, Some(error.to_owned()), cause))
    }

    fn failed(&mut self, name: &str, data: Value, error: Option<String>, cause: Option<String>) -> Next {
        if self.ends_execution(name) {
            self.event(|| Event::ExecutionFailed { error: error.clone(), cause: cause.clone() });
        } else if error.as_deref() == Some(errors::RUNTIME) {
            self.branch_ended(name, BranchEnd::Aborted);
        } else {
            self.branch_ended(name, BranchEnd::Failed);
        }
        Next::End(End {
            branch: self.origin.branch.clone(),
            status: Status::Failed,
            output: None,
            error,
            cause,
            state: name.to_owned(),
            variables: self.variables.clone(),
            data,
            events: self.events,
            is_unread: false,
        })
    }

    /// An end that comes from outside the states.
    fn end(
        &mut self,
        position: &Position,
        status: Status,
        error: Option<String>,
        cause: Option<String>,
    ) -> Next {
        if self.ends_execution(&position.state) {
            self.stop_branches(position);
            self.event(|| match status {
                Status::Aborted => Event::ExecutionAborted { error: error.clone(), cause: cause.clone() },
                Status::TimedOut => Event::ExecutionTimedOut { error: error.clone(), cause: cause.clone() },
                _ => Event::ExecutionFailed { error: error.clone(), cause: cause.clone() },
            });
        } else {
            self.branch_ended(&position.state, BranchEnd::Aborted);
        }
        Next::End(End {
            branch: self.origin.branch.clone(),
            status,
            output: None,
            error,
            cause,
            state: position.state.clone(),
            variables: position.variables.clone(),
            data: position.data.clone(),
            events: self.events,
            is_unread: false,
        })
    }

    fn event(&mut self, event: impl FnOnce() -> Event) {
        self.push(self.now_ms, Course::On, event);
    }

    fn event_at(&mut self, time_ms: i64, event: impl FnOnce() -> Event) {
        self.push(time_ms, Course::On, event);
    }

    /// An event that those after it don't follow.
    fn passed_by(&mut self, event: impl FnOnce() -> Event) {
        self.push(self.now_ms, Course::PassedBy, event);
    }

    /// Counts an event; builds it only where somebody collects them.
    fn push(&mut self, time_ms: i64, course: Course, event: impl FnOnce() -> Event) {
        self.events += 1;
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.push(trace.last, time_ms, course, event);
        }
    }

    /// The next event follows what the last one followed.
    fn step_back(&mut self) {
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.last = trace.before_last;
        }
    }

    /// The next event follows this one.
    fn follow(&mut self, link: Link) {
        if let Some(trace) = self.trace.as_deref_mut() {
            trace.last = link;
        }
    }

    fn probe(&self) -> Probe<'_> {
        Probe(self.trace.as_deref().and_then(|trace| trace.inspection.as_ref()))
    }
}
