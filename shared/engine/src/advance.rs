//! The evaluator: from an outcome to the next stop.

mod task;

use crate::{
    call::Passed,
    event::{Event, HistoryEvent},
    limits::{STATES_WITHOUT_STOP_MAX, TRANSITIONS_MAX},
    outcome::{Limit, Outcome},
    position::{Awaiting, Branch, MapItem, Position},
    run::Run,
    transition::{End, Next, Status, Transition},
};
use serde_json::{Map, Value};
use std::borrow::Cow;
use stepladder_asl::{
    Choice, Definition, Draws, EvalError, Fail, Kind, Pass, ResultPath, Scope, State, Then, Wait, errors,
};

/// The first transition of a run: from its input to its first stop.
///
/// It never ends the run: an end is a record, and a start writes none. A run that has no stop at all waits for a turn.
pub fn start(definition: &Definition, run: &Run, input: Value, now_ms: i64) -> Transition {
    start_traced(definition, run, input, now_ms, None)
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

/// Collects the events of a transition on their way to the history.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) events: Vec<HistoryEvent>,
    /// When the step of this transition started, where one did.
    pub(crate) started_ms: Option<i64>,
}

pub(crate) fn start_traced(
    definition: &Definition,
    run: &Run,
    input: Value,
    now_ms: i64,
    trace: Option<&mut Trace>,
) -> Transition {
    let deadline_ms = definition
        .timeout_seconds
        .map(|seconds| run.started_ms.saturating_add_unsigned(seconds.saturating_mul(1000)));
    let mut walk = Walk {
        definition,
        run,
        now_ms,
        draws: run.draws("start", 0),
        origin: Origin { branch: Branch::default(), next_seq: 0, deadline_ms, map_item: None },
        variables: Map::new(),
        events: 0,
        entered: 0,
        trace,
    };
    walk.event(|| Event::ExecutionStarted { input: input.clone(), role_arn: run.role_arn.clone() });
    let next = match walk.go(&definition.machine.start_at, input.clone()) {
        Next::Wait(position) => Next::Wait(position),
        Next::End(_) => {
            // The turn walks the same states again, and that walk is the one that counts.
            walk.events = 1;
            if let Some(trace) = walk.trace.as_deref_mut() {
                trace.events.truncate(1);
            }
            Next::Wait(walk.turn(&definition.machine.start_at, input))
        }
    };
    Transition { next, now_ms }
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
        },
        variables: position.variables.clone(),
        events: position.events,
        entered: 0,
        trace,
    };
    Transition { next: walk.outcome(position, outcome), now_ms }
}

/// What every position that a walk leads to has in common.
struct Origin {
    branch: Branch,
    next_seq: u32,
    deadline_ms: Option<i64>,
    map_item: Option<MapItem>,
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
    trace: Option<&'a mut Trace>,
}

/// One step of a walk: on to a state, or a stop. It lives for a moment, so its size is no matter.
#[allow(clippy::large_enum_variant)]
enum Flow {
    Go(String, Value),
    Stop(Next),
}

/// What entering a state comes to.
enum Step {
    Leave(Then, Passed),
    Wait { due_ms: i64 },
    Fail { error: Option<String>, cause: Option<String> },
}

impl Walk<'_> {
    fn outcome(&mut self, position: &Position, outcome: &Outcome) -> Next {
        match outcome {
            Outcome::Stopped { error, cause } => {
                return self.end(position, Status::Aborted, error.clone(), cause.clone());
            }
            Outcome::TimedOut { limit: Limit::Run } => {
                return self.end(position, Status::TimedOut, Some(errors::TIMEOUT.to_owned()), None);
            }
            Outcome::Redriven { redrive_count } => return self.redriven(position, *redrive_count),
            _ if self.origin.next_seq >= TRANSITIONS_MAX => {
                let cause = format!(
                    "The run has recorded {TRANSITIONS_MAX} transitions, the most that a run may have."
                );
                return self.end(position, Status::Failed, Some(errors::RUNTIME.to_owned()), Some(cause));
            }
            _ => {}
        }
        let Some(state) = self.definition.state(&position.state) else {
            let cause = format!("The definition has no state '{}'.", position.state);
            return self.end(position, Status::Failed, Some(errors::RUNTIME.to_owned()), Some(cause));
        };
        let flow = match (&state.kind, position.awaiting, outcome) {
            // What it waited for can't be carried on: too large, for one. No Retry or Catch is asked outside a Task.
            (kind, awaiting, Outcome::Failed { error, cause, .. })
                if awaiting == Awaiting::Turn || !matches!(kind, Kind::Task(_)) =>
            {
                let data = position.data.clone();
                Flow::Stop(self.failed(&position.state, data, Some(error.clone()), cause.clone()))
            }
            (_, Awaiting::Turn, _) => Flow::Go(position.state.clone(), position.data.clone()),
            (_, Awaiting::Step { .. }, Outcome::TimerFired) => Flow::Stop(self.hop(position)),
            (_, Awaiting::Timer { due_ms }, Outcome::TimerFired) if self.now_ms < due_ms => {
                Flow::Stop(self.hop(position))
            }
            (Kind::Wait(wait), Awaiting::Timer { .. }, Outcome::TimerFired) => {
                self.waited(state, wait, position)
            }
            (Kind::Task(task), _, outcome) => self.answered(state, task, position, outcome),
            (kind, _, outcome) => {
                let cause = format!("A {} state can't end by {outcome:?}.", kind.type_name());
                Flow::Stop(self.end(position, Status::Failed, Some(errors::RUNTIME.to_owned()), Some(cause)))
            }
        };
        match flow {
            Flow::Go(state, data) => self.go(&state, data),
            Flow::Stop(next) => next,
        }
    }

    /// Enters one state after another until one stops.
    fn go(&mut self, state: &str, data: Value) -> Next {
        let (mut state, mut data) = (state.to_owned(), data);
        loop {
            if self.entered >= STATES_WITHOUT_STOP_MAX {
                return Next::Wait(self.turn(&state, data));
            }
            self.entered += 1;
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
        self.event(|| Event::StateEntered { state_type, name: name.to_owned(), input: data.clone() });
        let entered_event = self.events;
        let evaluated = match &state.kind {
            Kind::Pass(pass) => self.pass(state, pass, &data),
            Kind::Choice(choice) => self.choose(state, choice, &data),
            Kind::Succeed => {
                self.filtered(state, self.now_ms, &data).map(|passed| Step::Leave(Then::End, passed))
            }
            Kind::Fail(fail) => self.fail(name, fail, &data),
            Kind::Wait(wait) => self.wait(state, wait, &data),
            Kind::Task(task) => return self.call(state, task, data),
            Kind::Parallel(_) | Kind::Map(_) => {
                let cause = format!("The state type {state_type} is not run yet.");
                return self.stop_failed(name, data, errors::RUNTIME, Some(cause));
            }
        };
        match evaluated {
            Ok(Step::Leave(then, passed)) => self.exit(state_type, name, &then, passed.into_or(|| data)),
            Ok(Step::Wait { due_ms }) => {
                Flow::Stop(Next::Wait(self.position(name, data, Awaiting::Timer { due_ms })))
            }
            Ok(Step::Fail { error, cause }) => Flow::Stop(self.failed(name, data, error, cause)),
            Err(error) => self.stop_error(name, data, entered_event, error),
        }
    }

    fn pass(&self, state: &State, pass: &Pass, data: &Value) -> Result<Step, EvalError> {
        let passed = self.with_scope(&state.name, data, |scope| {
            let flow = &state.data;
            let input = flow.input_path.select("InputPath", scope)?;
            let scope = Scope { input: &input, ..*scope };
            let result = match (&pass.result, &flow.arguments) {
                (Some(result), parameters) => {
                    // The parameters are evaluated all the same: what is wrong with them is an error on AWS too.
                    parameters
                        .as_ref()
                        .map(|template| template.evaluate("Parameters", &scope))
                        .transpose()?;
                    Cow::Borrowed(result)
                }
                (None, Some(template)) => Cow::Owned(template.evaluate("Parameters", &scope)?),
                (None, None) => Cow::Borrowed(&*input),
            };
            // Pass merges its result into what InputPath selected.
            let merged = match &flow.result_path {
                ResultPath::Whole => result,
                ResultPath::Discard => Cow::Borrowed(&*input),
                path => Cow::Owned(path.apply(&input, result.into_owned())?),
            };
            let output = flow.output_path.select("OutputPath", &Scope { input: &merged, ..scope })?;
            Ok(Passed::of(output, data))
        })?;
        Ok(Step::Leave(pass.then.clone(), passed))
    }

    fn choose(&self, state: &State, choice: &Choice, data: &Value) -> Result<Step, EvalError> {
        let name = &state.name;
        let (next, passed) = self.with_scope(name, data, |scope| {
            let input = state.data.input_path.select("InputPath", scope)?;
            let scope = Scope { input: &input, ..*scope };
            let rule = choice.choose(&scope)?;
            let next = rule.map(|rule| rule.next.clone()).or_else(|| choice.default.clone());
            Ok((next, Passed::of(state.data.output_path.select("OutputPath", &scope)?, data)))
        })?;
        match next {
            Some(next) => Ok(Step::Leave(Then::Next(next), passed)),
            None => Err(EvalError::named(
                errors::NO_CHOICE_MATCHED,
                format!("No Choice Rule matched in the state '{name}', and it has no Default."),
            )),
        }
    }

    fn fail(&self, name: &str, fail: &Fail, data: &Value) -> Result<Step, EvalError> {
        self.with_scope(name, data, |scope| {
            let text = |text: &Option<stepladder_asl::Text>, field| {
                text.as_ref().map(|text| text.evaluate(field, scope)).transpose()
            };
            Ok(Step::Fail { error: text(&fail.error, "ErrorPath")?, cause: text(&fail.cause, "CausePath")? })
        })
    }

    fn wait(&self, state: &State, wait: &Wait, data: &Value) -> Result<Step, EvalError> {
        self.with_scope(&state.name, data, |scope| {
            let input = state.data.input_path.select("InputPath", scope)?;
            let due_ms = wait.until.due_ms(self.now_ms, &Scope { input: &input, ..*scope })?;
            Ok(Step::Wait { due_ms })
        })
    }

    fn waited(&mut self, state: &State, wait: &Wait, position: &Position) -> Flow {
        match self.filtered(state, position.entered_ms, &position.data) {
            Ok(passed) => {
                let output = passed.into_or(|| position.data.clone());
                self.exit("Wait", &position.state, &wait.then, output)
            }
            Err(error) => {
                self.stop_error(&position.state, position.data.clone(), position.entered_event, error)
            }
        }
    }

    /// InputPath, then OutputPath: all that a state without a result does to its data.
    fn filtered(&self, state: &State, entered_ms: i64, data: &Value) -> Result<Passed, EvalError> {
        self.with_scope_at(&state.name, data, entered_ms, |scope| {
            let input = state.data.input_path.select("InputPath", scope)?;
            Ok(Passed::of(
                state.data.output_path.select("OutputPath", &Scope { input: &input, ..*scope })?,
                data,
            ))
        })
    }

    fn redriven(&mut self, position: &Position, redrive_count: u32) -> Next {
        self.event(|| Event::ExecutionRedriven { redrive_count });
        // The deadline starts anew, as on AWS.
        self.origin.deadline_ms = self
            .definition
            .timeout_seconds
            .map(|seconds| self.now_ms.saturating_add_unsigned(seconds.saturating_mul(1000)));
        Next::Wait(self.turn(&position.state, position.data.clone()))
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
            data,
        }
    }

    fn exit(&mut self, state_type: &'static str, name: &str, then: &Then, output: Value) -> Flow {
        self.event(|| Event::StateExited { state_type, name: name.to_owned(), output: output.clone() });
        match then {
            Then::Next(next) => Flow::Go(next.clone(), output),
            Then::End => {
                self.event(|| Event::ExecutionSucceeded { output: output.clone() });
                Flow::Stop(Next::End(End {
                    branch: self.origin.branch.clone(),
                    status: Status::Succeeded,
                    output: Some(output),
                    error: None,
                    cause: None,
                    state: name.to_owned(),
                    variables: Map::new(),
                    data: Value::Null,
                    events: self.events,
                }))
            }
        }
    }

    fn stop_failed(&mut self, name: &str, data: Value, error: &str, cause: Option<String>) -> Flow {
        Flow::Stop(self.failed(name, data, Some(error.to_owned()), cause))
    }

    fn stop_error(&mut self, name: &str, data: Value, entered_event: u64, error: EvalError) -> Flow {
        let cause = error.cause_in(name, entered_event);
        self.stop_failed(name, data, error.error.as_str(), Some(cause))
    }

    fn failed(&mut self, name: &str, data: Value, error: Option<String>, cause: Option<String>) -> Next {
        self.event(|| Event::ExecutionFailed { error: error.clone(), cause: cause.clone() });
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
        self.event(|| match status {
            Status::Aborted => Event::ExecutionAborted { error: error.clone(), cause: cause.clone() },
            Status::TimedOut => Event::ExecutionTimedOut { error: error.clone(), cause: cause.clone() },
            _ => Event::ExecutionFailed { error: error.clone(), cause: cause.clone() },
        });
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
        })
    }

    fn with_scope<T>(
        &self,
        name: &str,
        data: &Value,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        self.with_scope_at(name, data, self.now_ms, evaluate)
    }

    fn with_scope_at<T>(
        &self,
        name: &str,
        data: &Value,
        entered_ms: i64,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let context = self.context(name, entered_ms, None);
        evaluate(&Scope::new(data, &context, &self.draws))
    }

    /// The Context object; nothing, where nobody reads it.
    fn context(&self, state: &str, entered_ms: i64, retries: Option<u64>) -> Value {
        match self.definition.mentions_context {
            true => self.run.context(state, entered_ms, retries),
            false => Value::Null,
        }
    }

    fn event(&mut self, event: impl FnOnce() -> Event) {
        self.event_at(self.now_ms, event);
    }

    /// Counts an event; builds it only where somebody collects them.
    fn event_at(&mut self, time_ms: i64, event: impl FnOnce() -> Event) {
        self.events += 1;
        let id = self.events;
        if let Some(trace) = self.trace.as_deref_mut() {
            // AWS shows the first state as entered after event 0.
            let previous_id = if id == 2 { 0 } else { id - 1 };
            trace.events.push(HistoryEvent { id, previous_id, time_ms, event: event() });
        }
    }
}
