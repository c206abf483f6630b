//! What becomes of an error: Retry, then Catch, then the end.

use super::{Flow, Walk};
use crate::{
    call::Prepared,
    event::Event,
    inspect::{Probe, Reported},
    outcome::Limit,
    position::{Awaiting, Position},
    transition::Next,
};
use serde_json::{Map, Value, json};
use stepladder_asl::{Catcher, EvalError, Kind, QueryLanguage, Scope, State, Then, errors};

/// An error as Retry, Catch and the history see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// None, or empty, where whoever reported it gave none.
    pub(super) error: Option<String>,
    pub(super) cause: Option<String>,
    /// The name that Retry and Catch look for, where it is not the reported one.
    meant: Option<&'static str>,
}

impl Failure {
    pub(super) fn new(error: Option<&str>, cause: Option<&str>) -> Self {
        Self {
            error: error.filter(|error| !error.is_empty()).map(str::to_owned),
            cause: cause.map(str::to_owned),
            meant: None,
        }
    }

    /// AWS reports States.Timeout for both limits; States.HeartbeatTimeout means the heartbeat's only.
    pub(super) fn timed_out(limit: Limit) -> Self {
        let meant = (limit == Limit::Heartbeat).then_some(errors::HEARTBEAT_TIMEOUT);
        Self { meant, ..Self::new(Some(errors::TIMEOUT), None) }
    }

    fn evaluation(error: &EvalError, cause: &str) -> Self {
        Self::new(Some(error.error.as_str()), Some(cause))
    }

    fn name(&self) -> &str {
        self.meant.or(self.error.as_deref()).unwrap_or_default()
    }

    /// The Error Output that a catcher gets.
    fn output(&self) -> Value {
        let cause = match (&self.error, &self.cause) {
            (Some(_), None) => Some(String::new()),
            (_, cause) => cause.clone(),
        };
        json!({ "Error": self.error, "Cause": cause })
    }
}

impl Walk<'_> {
    /// A state's field could not be evaluated.
    pub(super) fn failed_evaluation(
        &mut self,
        state: &State,
        position: &Position,
        error: &EvalError,
    ) -> Flow {
        let cause = self.evaluation_event(state, position, error);
        self.failed_attempt(state, position, &Failure::evaluation(error, &cause))
    }

    /// Says that a JSONata field could not be evaluated; answers with the whole cause.
    fn evaluation_event(&mut self, state: &State, position: &Position, error: &EvalError) -> String {
        self.gave_up |= error.gave_up;
        let cause = match self.run.context {
            // A state that is tested alone has no history that an event could be named of.
            Some(_) => error.cause.clone(),
            None => error.cause_in(&state.name, position.entered_event),
        };
        if error.error == errors::QUERY_EVALUATION_ERROR {
            // As long as nothing else has happened in the state, AWS shows the event before it as the previous one. Only a
            // Wait state's comes after its own.
            let is_first = self.events == position.entered_event && !matches!(state.kind, Kind::Wait(_));
            if is_first {
                self.step_back();
            }
            self.event(|| Event::EvaluationFailed {
                state: state.name.clone(),
                error: error.error.to_string(),
                cause: cause.clone(),
                location: error.location.as_deref().map(str::to_owned),
            });
        }
        cause
    }

    /// An attempt of a state's work failed: Retry, then Catch, then the end.
    pub(super) fn failed_attempt(&mut self, state: &State, position: &Position, failure: &Failure) -> Flow {
        self.probe().watch(|watched| {
            let Failure { error, cause, .. } = failure.clone();
            watched.reported = Some(Reported { error, cause });
        });
        if let Some(next) = self.retried(state, position, failure) {
            return Flow::Stop(Next::Wait(next));
        }
        self.fan_out_failed(state, failure.name());
        if let Some(flow) = self.caught(state, position, failure) {
            return flow;
        }
        let Failure { error, cause, .. } = failure.clone();
        Flow::Stop(self.failed(&state.name, position.data.clone(), error, cause))
    }

    /// The position of the next attempt. The first retrier that names the error decides; once it is used up, none of the
    /// others is asked.
    pub(super) fn retried(
        &mut self,
        state: &State,
        position: &Position,
        failure: &Failure,
    ) -> Option<Position> {
        let index = state.retry.iter().position(|retrier| retrier.matches(failure.name()))?;
        let retrier = state.retry.get(index)?;
        let mut retries = position.retries.clone();
        retries.resize(state.retry.len(), 0);
        let used = retries.get_mut(index)?;
        self.probe().see_error(|details| details.retry_index = Some(index as u64));
        if *used >= retrier.max_attempts {
            return None;
        }
        let delay_ms = retrier.delay_ms(*used, &self.draws);
        self.budget.renew();
        let due_ms = self.now_ms.saturating_add(delay_ms);
        *used += 1;
        let seconds = delay_ms as f64 / 1000.0;
        self.probe().see_error(|details| details.retry_backoff_interval_seconds = Some(seconds));
        let mut next = Position {
            seq: self.origin.next_seq,
            awaiting: Awaiting::Timer { due_ms },
            retries,
            opening: None,
            reading: None,
            resumes: position.resumes.as_ref().and_then(|resumes| resumes.tried_again()).map(Box::new),
            ..position.clone()
        };
        if let Kind::Task(task) = &state.kind {
            next.awaiting = Awaiting::Step { due_ms };
            match Prepared::new(self.definition, state, task, self.run, &next, &self.budget, Probe::NONE) {
                Ok(prepared) => self.scheduled(task, prepared, &next.data, due_ms),
                // It fails again when it is due.
                Err(error) => {
                    self.gave_up |= error.gave_up;
                    next.awaiting = Awaiting::Timer { due_ms };
                }
            }
        }
        next.events = self.events;
        Some(next)
    }

    /// On to the state that the first catcher which names the error leads to.
    pub(super) fn caught(&mut self, state: &State, position: &Position, failure: &Failure) -> Option<Flow> {
        let index = state.catch.iter().position(|catcher| catcher.matches(failure.name()))?;
        let catcher = state.catch.get(index)?;
        self.probe().see_error(|details| details.catch_index = Some(index as u64));
        // What failed may have used up all of it.
        self.budget.renew();
        Some(match self.caught_output(state, index, catcher, position, &failure.output()) {
            Ok((output, assigned)) => self.leave(state, &Then::Next(catcher.next.clone()), output, assigned),
            // What is wrong with a catcher is not for it, or another one, to catch.
            Err(error) => {
                let cause = self.evaluation_event(state, position, &error);
                let error = Some(error.error.into_string());
                Flow::Stop(self.failed(&state.name, position.data.clone(), error, Some(cause)))
            }
        })
    }

    fn caught_output(
        &self,
        state: &State,
        index: usize,
        catcher: &Catcher,
        position: &Position,
        error_output: &Value,
    ) -> Result<(Value, Option<Map<String, Value>>), EvalError> {
        let place = |field| format!("Catch[{index}]/{field}");
        self.with_scope(&position.visit(), &position.data, |scope| match state.query_language {
            QueryLanguage::JsonPath => {
                let output = catcher.result_path.apply(&position.data, error_output.clone())?;
                let scope = Scope { input: error_output, ..*scope };
                Ok((output, self.assigned(catcher.assign.as_ref(), &place("Assign"), &scope)?))
            }
            QueryLanguage::Jsonata => {
                let scope = &Scope { error_output: Some(error_output), ..*scope };
                let assigned = self.assigned(catcher.assign.as_ref(), &place("Assign"), scope)?;
                let output = match &catcher.output {
                    Some(template) => template.evaluate(&place("Output"), scope)?,
                    None => error_output.clone(),
                };
                Ok((output, assigned))
            }
        })
    }
}
