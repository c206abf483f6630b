//! Task states: the call, its answer, and what lies between.

use super::{Flow, Walk, failure::Failure};
use crate::{
    call::Prepared,
    event::{Event, Integration},
    inspect::Probe,
    outcome::{Limit, Outcome, Phase},
    position::{Awaiting, Position},
    transition::Next,
};
use serde_json::{Value, json};
use std::borrow::Cow;
use stepladder_asl::{Draws, Resource, State, Task, errors};

impl Walk<'_> {
    /// Evaluates what the resource is called with, and waits for the answer. An error before the call is one that the
    /// state's own Retry and Catch may take.
    pub(super) fn call(&mut self, state: &State, task: &Task, mut position: Position) -> Flow {
        match Prepared::new(self.definition, state, task, self.run, &position, &self.budget, self.probe()) {
            Ok(prepared) => {
                self.scheduled(task, prepared, &position.data, self.now_ms);
                position.events = self.events;
                Flow::Stop(Next::Wait(position))
            }
            Err(error) => self.failed_evaluation(state, &position, &error),
        }
    }

    /// The next attempt of a call that could not be evaluated.
    pub(super) fn call_again(&mut self, state: &State, task: &Task, position: &Position) -> Flow {
        let awaiting = Awaiting::Step { due_ms: self.now_ms };
        let position = Position { seq: self.origin.next_seq, awaiting, opening: None, ..position.clone() };
        self.call(state, task, position)
    }

    pub(super) fn scheduled(&mut self, task: &Task, prepared: Prepared, data: &Value, time_ms: i64) {
        let region = &self.run.region;
        let Prepared { parameters, timeout_seconds, heartbeat_seconds, credentials } = prepared;
        let parameters = || parameters.into_or(|| data.clone());
        self.event_at(time_ms, || match &task.resource {
            Resource::Lambda { arn, .. } => Event::LambdaFunctionScheduled {
                resource: arn.clone(),
                input: parameters(),
                timeout_seconds,
                credentials,
            },
            Resource::Activity { arn } => Event::ActivityScheduled {
                resource: arn.clone(),
                input: parameters(),
                timeout_seconds,
                heartbeat_seconds,
            },
            resource => Event::TaskScheduled {
                resource: Integration::new(resource),
                region: region.clone(),
                parameters: parameters(),
                timeout_seconds,
                heartbeat_seconds,
                credentials,
            },
        });
    }

    /// A Task state's wait is over, or has come further: the step answered, what it began goes on, or a limit passed.
    pub(super) fn answered(
        &mut self,
        state: &State,
        task: &Task,
        position: &Position,
        outcome: &Outcome,
    ) -> Flow {
        match (outcome, position.awaiting) {
            (Outcome::Succeeded { output }, _) => {
                let result = match task.resource.is_lambda_invoke() {
                    true => Cow::Owned(envelope(output.clone(), &self.draws)),
                    false => Cow::Borrowed(output),
                };
                self.succeeded(state, task, position, result)
            }
            (Outcome::Responded { response }, _) => {
                self.succeeded(state, task, position, Cow::Borrowed(response))
            }
            (Outcome::Failed { error, cause, phase }, _) => {
                let failure = Failure::new(Some(error), cause.as_deref());
                self.failed_events(task, position, error, cause, *phase);
                self.failed_attempt(state, position, &failure)
            }
            (Outcome::TimedOut { limit }, _) => self.timed_out(state, task, position, *limit),
            (Outcome::Submitted { response, started_ms }, Awaiting::Step { .. }) => {
                self.started_event(task, position, None);
                let resource = || Integration::new(&task.resource);
                self.event(|| Event::TaskSubmitted { resource: resource(), output: response.clone() });
                self.goes_on(state, task, position, started_ms.unwrap_or(self.now_ms))
            }
            (Outcome::Started { worker }, Awaiting::Step { .. }) => {
                self.started_event(task, position, worker.as_ref());
                self.goes_on(state, task, position, self.now_ms)
            }
            (Outcome::Heartbeat { heartbeat_ms }, Awaiting::Answer { timeout_ms, .. }) => {
                let awaiting = Awaiting::Answer { timeout_ms, heartbeat_ms: Some(*heartbeat_ms) };
                Flow::Stop(self.hop(&Position { awaiting, ..position.clone() }))
            }
            (Outcome::TimerFired, Awaiting::Answer { timeout_ms, heartbeat_ms }) => {
                let has_passed = |due_ms: Option<i64>| due_ms.is_some_and(|due_ms| due_ms <= self.now_ms);
                match (has_passed(timeout_ms), has_passed(heartbeat_ms)) {
                    (true, _) => self.timed_out(state, task, position, Limit::Task),
                    (false, true) => self.timed_out(state, task, position, Limit::Heartbeat),
                    (false, false) => Flow::Stop(self.hop(position)),
                }
            }
            // It was said before, or says nothing about a task.
            _ => Flow::Stop(self.hop(position)),
        }
    }

    fn succeeded(&mut self, state: &State, task: &Task, position: &Position, result: Cow<'_, Value>) -> Flow {
        self.started_event(task, position, None);
        self.event(|| {
            let output = (*result).clone();
            match &task.resource {
                Resource::Lambda { .. } => Event::LambdaFunctionSucceeded { output },
                Resource::Activity { .. } => Event::ActivitySucceeded { output },
                resource => Event::TaskSucceeded { resource: Integration::new(resource), output },
            }
        });
        self.probe().see(|inspection| inspection.result = Some((*result).clone()));
        match self.result(state, position, result) {
            Ok((output, assigned)) => self.exit(state, &task.then, output, assigned),
            Err(error) => self.failed_evaluation(state, position, &error),
        }
    }

    /// The branch goes on waiting for what was submitted, or for the worker. Both limits count from `started_ms`.
    fn goes_on(&mut self, state: &State, task: &Task, position: &Position, started_ms: i64) -> Flow {
        // What could be evaluated for the call can be evaluated again, unless it takes too long this time.
        let prepared =
            Prepared::new(self.definition, state, task, self.run, position, &self.budget, Probe::NONE);
        let prepared = prepared.inspect_err(|error| self.gave_up |= error.gave_up).ok();
        let after = |seconds: Option<u64>| {
            seconds.map(|seconds| started_ms.saturating_add_unsigned(seconds.saturating_mul(1000)))
        };
        let awaiting = Awaiting::Answer {
            timeout_ms: after(prepared.as_ref().and_then(|prepared| prepared.timeout_seconds)),
            heartbeat_ms: after(prepared.as_ref().and_then(|prepared| prepared.heartbeat_seconds)),
        };
        Flow::Stop(Next::Wait(Position {
            seq: self.origin.next_seq,
            awaiting,
            events: self.events,
            opening: None,
            ..position.clone()
        }))
    }

    fn timed_out(&mut self, state: &State, task: &Task, position: &Position, limit: Limit) -> Flow {
        self.started_event(task, position, None);
        self.event(|| {
            let error = errors::TIMEOUT.to_owned();
            match &task.resource {
                Resource::Lambda { .. } => Event::LambdaFunctionTimedOut { error, cause: None },
                Resource::Activity { .. } => Event::ActivityTimedOut { error, cause: None },
                resource => Event::TaskTimedOut { resource: Integration::new(resource), error, cause: None },
            }
        });
        self.failed_attempt(state, position, &Failure::timed_out(limit))
    }

    /// That the call was started, unless it was said before.
    fn started_event(&mut self, task: &Task, position: &Position, worker: Option<&String>) {
        if let Awaiting::Answer { .. } = position.awaiting {
            return;
        }
        let started_ms = self.trace.as_ref().and_then(|trace| trace.started_ms).unwrap_or(self.now_ms);
        self.event_at(started_ms, || match &task.resource {
            Resource::Lambda { .. } => Event::LambdaFunctionStarted,
            Resource::Activity { .. } => Event::ActivityStarted { worker: worker.cloned() },
            resource => Event::TaskStarted { resource: Integration::new(resource) },
        });
    }

    fn failed_events(
        &mut self,
        task: &Task,
        position: &Position,
        error: &str,
        cause: &Option<String>,
        phase: Phase,
    ) {
        let (name, cause) = (|| error.to_owned(), || cause.clone());
        match (&task.resource, phase) {
            (Resource::Lambda { .. }, Phase::Schedule) => {
                self.event(|| Event::LambdaFunctionScheduleFailed { error: name(), cause: cause() });
            }
            (Resource::Lambda { .. }, Phase::Start) => {
                self.event(|| Event::LambdaFunctionStartFailed { error: name(), cause: cause() });
            }
            (Resource::Activity { .. }, Phase::Schedule) => {
                self.event(|| Event::ActivityScheduleFailed { error: name(), cause: cause() });
            }
            (Resource::Service(_) | Resource::Other { .. }, Phase::Start) => {
                let resource = || Integration::new(&task.resource);
                self.event(|| Event::TaskStartFailed { resource: resource(), error: name(), cause: cause() });
            }
            (resource, phase) => {
                self.started_event(task, position, None);
                self.event(|| {
                    let given = (!error.is_empty()).then(name);
                    match resource {
                        Resource::Lambda { .. } => {
                            Event::LambdaFunctionFailed { error: given, cause: cause() }
                        }
                        Resource::Activity { .. } => Event::ActivityFailed { error: given, cause: cause() },
                        resource => {
                            let resource = Integration::new(resource);
                            match phase {
                                Phase::Submit => {
                                    Event::TaskSubmitFailed { resource, error: name(), cause: cause() }
                                }
                                _ => Event::TaskFailed { resource, error: given, cause: cause() },
                            }
                        }
                    }
                });
            }
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
