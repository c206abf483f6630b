//! The evaluator: from an outcome to the next stop.

use crate::{
    call::Prepared,
    event::{Event, HistoryEvent, Integration},
    limits::{STATES_WITHOUT_STOP_MAX, TRANSITIONS_MAX},
    outcome::{Limit, Outcome, Phase},
    position::{Awaiting, Position},
    run::Run,
    transition::{End, Next, Status, Transition},
};
use serde_json::{Map, Value, json};
use stepladder_asl::{
    Choice, Definition, Draws, EvalError, Fail, Filter, Kind, Pass, Resource, Scope, Succeed, Task, Then,
    Wait, errors,
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
    let deadline_ms = definition.timeout_seconds.map(|seconds| {
        run.started_ms
            .saturating_add_unsigned(seconds.saturating_mul(1000))
    });
    let mut walk = Walk {
        definition,
        run,
        now_ms,
        draws: run.draws("start", 0),
        origin: Origin {
            branch: Default::default(),
            next_seq: 0,
            deadline_ms,
        },
        events: 0,
        entered: 0,
        trace,
    };
    walk.event(|| Event::ExecutionStarted {
        input: input.clone(),
        role_arn: run.role_arn.clone(),
    });
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
        },
        events: position.events,
        entered: 0,
        trace,
    };
    Transition {
        next: walk.outcome(position, outcome),
        now_ms,
    }
}

/// What every position that a walk leads to has in common.
struct Origin {
    branch: crate::position::Branch,
    next_seq: u32,
    deadline_ms: Option<i64>,
}

/// One walk over states, from an outcome to the next stop.
struct Walk<'a> {
    definition: &'a Definition,
    run: &'a Run,
    now_ms: i64,
    draws: Draws,
    origin: Origin,
    /// The id of the last event on this path.
    events: u64,
    /// How many states this walk has entered.
    entered: u32,
    trace: Option<&'a mut Trace>,
}

/// One step of a walk: on to a state, or a stop.
enum Flow {
    Go(String, Value),
    Stop(Next),
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
                return self.end(
                    position,
                    Status::Failed,
                    Some(errors::RUNTIME.to_owned()),
                    Some(cause),
                );
            }
            _ => {}
        }
        let Some(state) = self.definition.state(&position.state) else {
            let cause = format!("The definition has no state '{}'.", position.state);
            return self.end(
                position,
                Status::Failed,
                Some(errors::RUNTIME.to_owned()),
                Some(cause),
            );
        };
        let flow = match (&state.kind, position.awaiting, outcome) {
            (_, Awaiting::Turn, _) => Flow::Go(position.state.clone(), position.data.clone()),
            (_, Awaiting::Step { .. }, Outcome::TimerFired) => Flow::Stop(self.hop(position)),
            (_, Awaiting::Timer { due_ms }, Outcome::TimerFired) if self.now_ms < due_ms => {
                Flow::Stop(self.hop(position))
            }
            (Kind::Wait(wait), Awaiting::Timer { .. }, Outcome::TimerFired) => self.waited(wait, position),
            (Kind::Task(task), _, outcome) => self.answered(task, position, outcome),
            (kind, _, outcome) => {
                let cause = format!("A {} state can't end by {outcome:?}.", kind.type_name());
                Flow::Stop(self.end(
                    position,
                    Status::Failed,
                    Some(errors::RUNTIME.to_owned()),
                    Some(cause),
                ))
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
        self.event(|| Event::StateEntered {
            state_type,
            name: name.to_owned(),
            input: data.clone(),
        });
        let entered_event = self.events;
        let evaluated = match &state.kind {
            Kind::Pass(pass) => self.pass(name, pass, &data),
            Kind::Choice(choice) => self.choose(name, choice, &data),
            Kind::Succeed(succeed) => self.succeed(name, succeed, &data),
            Kind::Fail(fail) => self.fail(name, fail, &data),
            Kind::Wait(wait) => self.wait(name, wait, &data),
            Kind::Task(task) => match self.call(name, task, &data) {
                // An error before the call: the state's own Catch may take it.
                Err(error) => return self.uncalled(name, task, data, entered_event, error),
                flow => flow,
            },
        };
        evaluated.unwrap_or_else(|error| self.stop_error(name, data, entered_event, error))
    }

    fn pass(&mut self, name: &str, pass: &Pass, data: &Value) -> Result<Flow, EvalError> {
        let output = self.with_scope(name, data, 0, |scope| {
            let input = pass.input_path.apply("InputPath", scope)?;
            let scope = Scope {
                input: &input,
                ..*scope
            };
            let parameters = match &pass.parameters {
                Some(template) => template.evaluate("Parameters", &scope)?,
                None => input.clone(),
            };
            let result = pass.result.clone().unwrap_or(parameters);
            // Pass merges its result into what InputPath selected.
            let merged = pass.result_path.apply(&input, result)?;
            pass.output_path.apply(
                "OutputPath",
                &Scope {
                    input: &merged,
                    ..scope
                },
            )
        })?;
        Ok(self.exit("Pass", name, &pass.then, output))
    }

    fn choose(&mut self, name: &str, choice: &Choice, data: &Value) -> Result<Flow, EvalError> {
        let (next, output) = self.with_scope(name, data, 0, |scope| {
            let input = choice.input_path.apply("InputPath", scope)?;
            let scope = Scope {
                input: &input,
                ..*scope
            };
            let next = choice.choose(&scope)?.map(str::to_owned);
            Ok((next, choice.output_path.apply("OutputPath", &scope)?))
        })?;
        let Some(next) = next else {
            let error = EvalError::named(
                errors::NO_CHOICE_MATCHED,
                format!("No Choice Rule matched in the state '{name}', and it has no Default."),
            );
            return Err(error);
        };
        self.event(|| Event::StateExited {
            state_type: "Choice",
            name: name.to_owned(),
            output: output.clone(),
        });
        Ok(Flow::Go(next, output))
    }

    fn succeed(&mut self, name: &str, succeed: &Succeed, data: &Value) -> Result<Flow, EvalError> {
        let output = self.filtered(name, &succeed.input_path, &succeed.output_path, data)?;
        Ok(self.exit("Succeed", name, &Then::End, output))
    }

    fn fail(&mut self, name: &str, fail: &Fail, data: &Value) -> Result<Flow, EvalError> {
        let (error, cause) = self.with_scope(name, data, 0, |scope| {
            let text = |text: &Option<stepladder_asl::Text>, field| {
                text.as_ref().map(|text| text.evaluate(field, scope)).transpose()
            };
            Ok((text(&fail.error, "ErrorPath")?, text(&fail.cause, "CausePath")?))
        })?;
        Ok(Flow::Stop(self.failed(name, data.clone(), error, cause)))
    }

    fn wait(&mut self, name: &str, wait: &Wait, data: &Value) -> Result<Flow, EvalError> {
        let now_ms = self.now_ms;
        let due_ms = self.with_scope(name, data, 0, |scope| {
            let input = wait.input_path.apply("InputPath", scope)?;
            wait.until.due_ms(
                now_ms,
                &Scope {
                    input: &input,
                    ..*scope
                },
            )
        })?;
        Ok(Flow::Stop(Next::Wait(self.position(
            name,
            data.clone(),
            Awaiting::Timer { due_ms },
        ))))
    }

    fn waited(&mut self, wait: &Wait, position: &Position) -> Flow {
        match self.filtered(
            &position.state,
            &wait.input_path,
            &wait.output_path,
            &position.data,
        ) {
            Ok(output) => self.exit("Wait", &position.state, &wait.then, output),
            Err(error) => self.stop_error(
                &position.state,
                position.data.clone(),
                position.entered_event,
                error,
            ),
        }
    }

    /// InputPath, then OutputPath: all that a state without a result does to its data.
    fn filtered(
        &self,
        name: &str,
        input: &Filter,
        output: &Filter,
        data: &Value,
    ) -> Result<Value, EvalError> {
        self.with_scope(name, data, 0, |scope| {
            let input = input.apply("InputPath", scope)?;
            output.apply(
                "OutputPath",
                &Scope {
                    input: &input,
                    ..*scope
                },
            )
        })
    }

    /// Enters a Task state: evaluates what its resource is called with, and waits for the answer.
    fn call(&mut self, name: &str, task: &Task, data: &Value) -> Result<Flow, EvalError> {
        let prepared = self.with_scope(name, data, 0, |scope| Prepared::new(task, scope))?;
        let mut position = self.position(name, data.clone(), Awaiting::Step { due_ms: self.now_ms });
        self.scheduled(task, prepared, self.now_ms);
        position.events = self.events;
        Ok(Flow::Stop(Next::Wait(position)))
    }

    fn uncalled(
        &mut self,
        name: &str,
        task: &Task,
        data: Value,
        entered_event: u64,
        error: EvalError,
    ) -> Flow {
        if error.error == errors::RUNTIME {
            return self.stop_error(name, data, entered_event, error);
        }
        let cause = error.cause_in(name, entered_event);
        self.caught(name, task, &data, error.error.as_str(), Some(&cause))
            .unwrap_or_else(|| {
                Flow::Stop(self.failed(name, data, Some(error.error.to_string()), Some(cause)))
            })
    }

    fn scheduled(&mut self, task: &Task, prepared: Prepared, time_ms: i64) {
        let region = &self.run.region;
        let Prepared {
            parameters,
            timeout_seconds,
            heartbeat_seconds,
        } = prepared;
        let event = match &task.resource {
            Resource::Lambda { arn, .. } => Event::LambdaFunctionScheduled {
                resource: arn.clone(),
                input: parameters,
                timeout_seconds,
            },
            resource => Event::TaskScheduled {
                resource: Integration::new(resource.arn()),
                region: region.clone(),
                parameters,
                timeout_seconds,
                heartbeat_seconds,
            },
        };
        self.event_at(time_ms, || event);
    }

    /// A Task state's wait is over: the step answered, or a limit passed.
    fn answered(&mut self, task: &Task, position: &Position, outcome: &Outcome) -> Flow {
        self.answer_events(task, outcome);
        match outcome {
            Outcome::Succeeded { output } => match self.result(task, position, output) {
                Ok(output) => self.exit("Task", &position.state, &task.then, output),
                Err(error) if error.error == errors::RUNTIME => self.stop_error(
                    &position.state,
                    position.data.clone(),
                    position.entered_event,
                    error,
                ),
                Err(error) => {
                    let cause = error.cause_in(&position.state, position.entered_event);
                    self.failed_attempt(task, position, error.error.as_str(), Some(&cause))
                }
            },
            Outcome::Failed { error, cause, .. } => {
                self.failed_attempt(task, position, error, cause.as_deref())
            }
            _ => self.failed_attempt(task, position, errors::TIMEOUT, None),
        }
    }

    /// ResultSelector, ResultPath, OutputPath.
    fn result(&self, task: &Task, position: &Position, output: &Value) -> Result<Value, EvalError> {
        let result = match &task.resource {
            Resource::LambdaInvoke { .. } => envelope(output.clone(), &self.draws),
            _ => output.clone(),
        };
        let retries = position.attempt().saturating_sub(1);
        let context = self.run.context(&position.state, position.entered_ms, retries);
        let scope = Scope {
            input: &result,
            context: &context,
            draws: &self.draws,
        };
        let selected = match &task.result_selector {
            Some(template) => template.evaluate("ResultSelector", &scope)?,
            None => result.clone(),
        };
        let merged = task.result_path.apply(&position.data, selected)?;
        task.output_path.apply(
            "OutputPath",
            &Scope {
                input: &merged,
                ..scope
            },
        )
    }

    /// Retry, then Catch, then the end of the run.
    fn failed_attempt(&mut self, task: &Task, position: &Position, error: &str, cause: Option<&str>) -> Flow {
        if let Some(next) = self.retried(task, position, error) {
            return Flow::Stop(Next::Wait(next));
        }
        if let Some(flow) = self.caught(&position.state, task, &position.data, error, cause) {
            return flow;
        }
        let (error, cause) = (Some(error.to_owned()), cause.map(str::to_owned));
        Flow::Stop(self.failed(&position.state, position.data.clone(), error, cause))
    }

    /// The first retrier that names the error decides; once it is used up, none of the others is asked.
    fn retried(&mut self, task: &Task, position: &Position, error: &str) -> Option<Position> {
        let index = task
            .retry
            .iter()
            .position(|retrier| errors::matches(&retrier.error_equals, error))?;
        let retrier = task.retry.get(index)?;
        let mut retries = position.retries.clone();
        retries.resize(task.retry.len(), 0);
        let used = retries.get_mut(index)?;
        if *used >= retrier.max_attempts {
            return None;
        }
        let due_ms = self.now_ms.saturating_add(retrier.delay_ms(*used, &self.draws));
        *used += 1;
        let mut next = Position {
            seq: self.origin.next_seq,
            awaiting: Awaiting::Step { due_ms },
            retries,
            ..position.clone()
        };
        let retries = next.attempt().saturating_sub(1);
        let prepared = self.with_scope_at(&next.state, &next.data, next.entered_ms, retries, |scope| {
            Prepared::new(task, scope)
        });
        // What could be evaluated at the first attempt can be at the next; if not, the call itself will say so.
        if let Ok(prepared) = prepared {
            self.scheduled(task, prepared, due_ms);
        }
        next.events = self.events;
        Some(next)
    }

    fn caught(
        &mut self,
        name: &str,
        task: &Task,
        data: &Value,
        error: &str,
        cause: Option<&str>,
    ) -> Option<Flow> {
        let catcher = task
            .catch
            .iter()
            .find(|catcher| errors::matches(&catcher.error_equals, error))?;
        let mut output = Map::new();
        output.insert("Error".to_owned(), json!(error));
        output.insert("Cause".to_owned(), json!(cause.unwrap_or_default()));
        let output = match catcher.result_path.apply(data, Value::Object(output)) {
            Ok(output) => output,
            Err(error) => return Some(self.stop_error(name, data.clone(), self.events, error)),
        };
        self.event(|| Event::StateExited {
            state_type: "Task",
            name: name.to_owned(),
            output: output.clone(),
        });
        Some(Flow::Go(catcher.next.clone(), output))
    }

    /// The events between a call and its answer.
    fn answer_events(&mut self, task: &Task, outcome: &Outcome) {
        if self.trace.is_none() {
            // Only their number reaches the data.
            self.events += match (&task.resource, outcome) {
                (
                    Resource::Lambda { .. },
                    Outcome::Failed {
                        phase: Phase::Schedule | Phase::Start,
                        ..
                    },
                ) => 1,
                (
                    _,
                    Outcome::Failed {
                        phase: Phase::Start, ..
                    },
                ) => 1,
                _ => 2,
            };
            return;
        }
        let started_ms = self
            .trace
            .as_ref()
            .and_then(|trace| trace.started_ms)
            .unwrap_or(self.now_ms);
        if let Resource::Lambda { .. } = &task.resource {
            let failed =
                |make: fn(String, Option<String>) -> Event, error: &String, cause: &Option<String>| {
                    make(error.clone(), cause.clone())
                };
            let event = match outcome {
                Outcome::Failed {
                    error,
                    cause,
                    phase: Phase::Schedule,
                } => failed(
                    |error, cause| Event::LambdaFunctionScheduleFailed { error, cause },
                    error,
                    cause,
                ),
                Outcome::Failed {
                    error,
                    cause,
                    phase: Phase::Start,
                } => failed(
                    |error, cause| Event::LambdaFunctionStartFailed { error, cause },
                    error,
                    cause,
                ),
                outcome => {
                    self.event_at(started_ms, || Event::LambdaFunctionStarted);
                    match outcome {
                        Outcome::Succeeded { output } => Event::LambdaFunctionSucceeded {
                            output: output.clone(),
                        },
                        Outcome::Failed { error, cause, .. } => failed(
                            |error, cause| Event::LambdaFunctionFailed { error, cause },
                            error,
                            cause,
                        ),
                        _ => Event::LambdaFunctionTimedOut {
                            error: errors::TIMEOUT.to_owned(),
                            cause: None,
                        },
                    }
                }
            };
            self.event(|| event);
            return;
        }
        let resource = Integration::new(task.resource.arn());
        let event = match outcome {
            Outcome::Failed {
                error,
                cause,
                phase: Phase::Start,
            } => Event::TaskStartFailed {
                resource,
                error: error.clone(),
                cause: cause.clone(),
            },
            outcome => {
                self.event_at(started_ms, || Event::TaskStarted {
                    resource: resource.clone(),
                });
                match outcome {
                    Outcome::Succeeded { output } => {
                        let output = match &task.resource {
                            Resource::LambdaInvoke { .. } => envelope(
                                output.clone(),
                                &self.run.draws(
                                    &self.origin.branch.to_string(),
                                    self.origin.next_seq.saturating_sub(1),
                                ),
                            ),
                            _ => output.clone(),
                        };
                        Event::TaskSucceeded { resource, output }
                    }
                    Outcome::Failed { error, cause, .. } => Event::TaskFailed {
                        resource,
                        error: error.clone(),
                        cause: cause.clone(),
                    },
                    _ => Event::TaskTimedOut {
                        resource,
                        error: errors::TIMEOUT.to_owned(),
                        cause: None,
                    },
                }
            }
        };
        self.event(|| event);
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
        Next::Wait(Position {
            seq: self.origin.next_seq,
            ..position.clone()
        })
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
            data,
        }
    }

    fn exit(&mut self, state_type: &'static str, name: &str, then: &Then, output: Value) -> Flow {
        self.event(|| Event::StateExited {
            state_type,
            name: name.to_owned(),
            output: output.clone(),
        });
        match then {
            Then::Next(next) => Flow::Go(next.clone(), output),
            Then::End => {
                self.event(|| Event::ExecutionSucceeded {
                    output: output.clone(),
                });
                Flow::Stop(Next::End(End {
                    status: Status::Succeeded,
                    output: Some(output),
                    error: None,
                    cause: None,
                    state: name.to_owned(),
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
        self.event(|| Event::ExecutionFailed {
            error: error.clone(),
            cause: cause.clone(),
        });
        let (state, events) = (name.to_owned(), self.events);
        Next::End(End {
            status: Status::Failed,
            output: None,
            error,
            cause,
            state,
            data,
            events,
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
            Status::Aborted => Event::ExecutionAborted {
                error: error.clone(),
                cause: cause.clone(),
            },
            Status::TimedOut => Event::ExecutionTimedOut {
                error: error.clone(),
                cause: cause.clone(),
            },
            _ => Event::ExecutionFailed {
                error: error.clone(),
                cause: cause.clone(),
            },
        });
        let (state, data, events) = (position.state.clone(), position.data.clone(), self.events);
        Next::End(End {
            status,
            output: None,
            error,
            cause,
            state,
            data,
            events,
        })
    }

    fn with_scope<T>(
        &self,
        name: &str,
        data: &Value,
        retries: u64,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        self.with_scope_at(name, data, self.now_ms, retries, evaluate)
    }

    fn with_scope_at<T>(
        &self,
        name: &str,
        data: &Value,
        entered_ms: i64,
        retries: u64,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        let context = self.run.context(name, entered_ms, retries);
        evaluate(&Scope {
            input: data,
            context: &context,
            draws: &self.draws,
        })
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
            trace.events.push(HistoryEvent {
                id,
                previous_id,
                time_ms,
                event: event(),
            });
        }
    }
}

/// What `arn:aws:states:::lambda:invoke` puts around a function's result
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html>).
fn envelope(payload: Value, draws: &Draws) -> Value {
    let id = draws.u128();
    let request_id = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        (id >> 96) as u32,
        (id >> 80) as u16,
        (id >> 64) as u16,
        (id >> 48) as u16,
        id & 0xffff_ffff_ffff
    );
    json!({
        "ExecutedVersion": "$LATEST",
        "Payload": payload,
        "SdkHttpMetadata": { "HttpStatusCode": 200 },
        "SdkResponseMetadata": { "RequestId": request_id },
        "StatusCode": 200,
    })
}
