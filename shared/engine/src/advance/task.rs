//! Task states: the call, its answer, Retry and Catch.

use super::{Flow, Walk};
use crate::{
    call::{Passed, Prepared},
    event::{Event, Integration},
    outcome::{Outcome, Phase},
    position::{Awaiting, Position},
    transition::Next,
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use stepladder_asl::{Draws, EvalError, Resource, ResultPath, Scope, State, Task, errors};

impl Walk<'_> {
    /// Enters a Task state: evaluates what its resource is called with, and waits for the answer. An error before the
    /// call is one that the state's own Catch may take.
    pub(super) fn call(&mut self, state: &State, task: &Task, data: Value) -> Flow {
        let mut position = self.position(&state.name, data, Awaiting::Step { due_ms: self.now_ms });
        match Prepared::new(self.definition, state, task, self.run, &position) {
            Ok(prepared) => {
                self.scheduled(task, prepared, &position.data, self.now_ms);
                position.events = self.events;
                Flow::Stop(Next::Wait(position))
            }
            Err(error) => self.uncalled(state, position, error),
        }
    }

    fn uncalled(&mut self, state: &State, position: Position, error: EvalError) -> Flow {
        let Position { state: name, data, entered_event, .. } = position;
        if error.error == errors::RUNTIME {
            return self.stop_error(&name, data, entered_event, error);
        }
        let cause = error.cause_in(&name, entered_event);
        self.caught(state, &data, entered_event, error.error.as_str(), Some(&cause)).unwrap_or_else(|| {
            Flow::Stop(self.failed(&name, data, Some(error.error.to_string()), Some(cause)))
        })
    }

    fn scheduled(&mut self, task: &Task, prepared: Prepared, data: &Value, time_ms: i64) {
        let region = &self.run.region;
        let Prepared { parameters, timeout_seconds, heartbeat_seconds } = prepared;
        let parameters = || parameters.into_or(|| data.clone());
        self.event_at(time_ms, || match &task.resource {
            Resource::Lambda { arn, .. } => {
                Event::LambdaFunctionScheduled { resource: arn.clone(), input: parameters(), timeout_seconds }
            }
            resource => Event::TaskScheduled {
                resource: Integration::new(resource.arn()),
                region: region.clone(),
                parameters: parameters(),
                timeout_seconds,
                heartbeat_seconds,
            },
        });
    }

    /// A Task state's wait is over: the step answered, or a limit passed.
    pub(super) fn answered(
        &mut self,
        state: &State,
        task: &Task,
        position: &Position,
        outcome: &Outcome,
    ) -> Flow {
        self.answer_events(task, outcome);
        match outcome {
            Outcome::Succeeded { output } => match self.result(state, task, position, output) {
                Ok(output) => self.exit("Task", &position.state, &task.then, output),
                Err(error) if error.error == errors::RUNTIME => {
                    self.stop_error(&position.state, position.data.clone(), position.entered_event, error)
                }
                Err(error) => {
                    let cause = error.cause_in(&position.state, position.entered_event);
                    self.failed_attempt(state, task, position, error.error.as_str(), Some(&cause))
                }
            },
            Outcome::Failed { error, cause, .. } => {
                self.failed_attempt(state, task, position, error, cause.as_deref())
            }
            _ => self.failed_attempt(state, task, position, errors::TIMEOUT, None),
        }
    }

    /// ResultSelector, ResultPath, OutputPath.
    fn result(
        &self,
        state: &State,
        task: &Task,
        position: &Position,
        output: &Value,
    ) -> Result<Value, EvalError> {
        let result = match &task.resource {
            Resource::LambdaInvoke { .. } => Cow::Owned(envelope(output.clone(), &self.draws)),
            _ => Cow::Borrowed(output),
        };
        let retries = Some(position.attempt().saturating_sub(1));
        let context = self.context(&position.state, position.entered_ms, retries);
        let scope = Scope::new(&result, &context, &self.draws);
        let selected = match &state.data.result_selector {
            Some(template) => Cow::Owned(template.evaluate("ResultSelector", &scope)?),
            None => Cow::Borrowed(&*result),
        };
        let merged = match &state.data.result_path {
            ResultPath::Discard => Cow::Borrowed(&position.data),
            path => Cow::Owned(path.apply(&position.data, selected.into_owned())?),
        };
        let output = state.data.output_path.select("OutputPath", &Scope { input: &merged, ..scope })?;
        Ok(match Passed::of(output, &merged) {
            Passed::Same => merged.into_owned(),
            Passed::Other(output) => output,
        })
    }

    /// Retry, then Catch, then the end of the run.
    fn failed_attempt(
        &mut self,
        state: &State,
        task: &Task,
        position: &Position,
        error: &str,
        cause: Option<&str>,
    ) -> Flow {
        if let Some(next) = self.retried(state, task, position, error) {
            return Flow::Stop(Next::Wait(next));
        }
        if let Some(flow) = self.caught(state, &position.data, position.entered_event, error, cause) {
            return flow;
        }
        let (error, cause) = (Some(error.to_owned()), cause.map(str::to_owned));
        Flow::Stop(self.failed(&position.state, position.data.clone(), error, cause))
    }

    /// The first retrier that names the error decides; once it is used up, none of the others is asked.
    fn retried(&mut self, state: &State, task: &Task, position: &Position, error: &str) -> Option<Position> {
        let index = state.retry.iter().position(|retrier| errors::matches(&retrier.error_equals, error))?;
        let retrier = state.retry.get(index)?;
        let mut retries = position.retries.clone();
        retries.resize(state.retry.len(), 0);
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
        // What could be evaluated at the first attempt can be at the next; if not, the call itself will say so.
        if let Ok(prepared) = Prepared::new(self.definition, state, task, self.run, &next) {
            self.scheduled(task, prepared, &next.data, due_ms);
        }
        next.events = self.events;
        Some(next)
    }

    fn caught(
        &mut self,
        state: &State,
        data: &Value,
        entered_event: u64,
        error: &str,
        cause: Option<&str>,
    ) -> Option<Flow> {
        let name = &state.name;
        let catcher = state.catch.iter().find(|catcher| errors::matches(&catcher.error_equals, error))?;
        let mut output = Map::new();
        output.insert("Error".to_owned(), json!(error));
        output.insert("Cause".to_owned(), json!(cause.unwrap_or_default()));
        let output = match catcher.result_path.apply(data, Value::Object(output)) {
            Ok(output) => output,
            Err(error) => return Some(self.stop_error(name, data.clone(), entered_event, error)),
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
                (Resource::Lambda { .. }, Outcome::Failed { phase: Phase::Schedule | Phase::Start, .. }) => 1,
                (_, Outcome::Failed { phase: Phase::Start, .. }) => 1,
                _ => 2,
            };
            return;
        }
        let started_ms = self.trace.as_ref().and_then(|trace| trace.started_ms).unwrap_or(self.now_ms);
        if let Resource::Lambda { .. } = &task.resource {
            let failed =
                |make: fn(String, Option<String>) -> Event, error: &String, cause: &Option<String>| {
                    make(error.clone(), cause.clone())
                };
            let event = match outcome {
                Outcome::Failed { error, cause, phase: Phase::Schedule } => {
                    failed(|error, cause| Event::LambdaFunctionScheduleFailed { error, cause }, error, cause)
                }
                Outcome::Failed { error, cause, phase: Phase::Start } => {
                    failed(|error, cause| Event::LambdaFunctionStartFailed { error, cause }, error, cause)
                }
                outcome => {
                    self.event_at(started_ms, || Event::LambdaFunctionStarted);
                    match outcome {
                        Outcome::Succeeded { output } => {
                            Event::LambdaFunctionSucceeded { output: output.clone() }
                        }
                        Outcome::Failed { error, cause, .. } => {
                            failed(|error, cause| Event::LambdaFunctionFailed { error, cause }, error, cause)
                        }
                        _ => Event::LambdaFunctionTimedOut { error: errors::TIMEOUT.to_owned(), cause: None },
                    }
                }
            };
            self.event(|| event);
            return;
        }
        let resource = Integration::new(task.resource.arn());
        let event = match outcome {
            Outcome::Failed { error, cause, phase: Phase::Start } => {
                Event::TaskStartFailed { resource, error: error.clone(), cause: cause.clone() }
            }
            outcome => {
                self.event_at(started_ms, || Event::TaskStarted { resource: resource.clone() });
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
                    Outcome::Failed { error, cause, .. } => {
                        Event::TaskFailed { resource, error: error.clone(), cause: cause.clone() }
                    }
                    _ => Event::TaskTimedOut { resource, error: errors::TIMEOUT.to_owned(), cause: None },
                }
            }
        };
        self.event(|| event);
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
