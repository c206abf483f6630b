//! Running a step's code within all of its limits.

use crate::{
    Protocol,
    batch::{Invocation, StepFailure, StepFunction, StepRequest},
    deliver::Job,
    limits,
    traits::{Clock, Host, QueueName, WorldResult},
};
use futures::{FutureExt, future::Either};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use stepladder_engine::{Callee, Limit, Outcome, Phase, Position, callee, service_call, step_call};

/// How Lambda names that a function ran into its timeout.
pub(crate) const SANDBOX_TIMEDOUT: &str = "Sandbox.Timedout";

/// What a step's code led to.
pub(crate) enum Executed {
    Outcome(Outcome, Option<i64>),
    /// It was cut off, and not by its own fault.
    CutOff,
}

impl<H: Host> Protocol<H> {
    /// Runs a step's code within all of its limits. A panic is an outcome like any other.
    pub(crate) async fn execute(
        &self,
        step: &StepFunction,
        invocation: &Invocation,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Executed> {
        let clock = self.host.clock();
        let now_ms = clock.now_ms();
        if position.is_past_deadline(now_ms) {
            return Ok(Executed::Outcome(Outcome::TimedOut { limit: Limit::Run }, None));
        }
        let run = self.engine_run(&job.message);
        let is_invoke = invocation.queue == QueueName::Invoke;
        let call = match is_invoke {
            true => service_call(&job.definition, &run, position),
            false => step_call(&job.definition, &run, position),
        };
        let call = match call {
            Ok(call) => call,
            // The evaluation took too long, which says nothing about the step.
            Err(error) if error.gave_up => return Ok(Executed::CutOff),
            Err(error) => {
                let (error, cause) = (error.error.to_string(), Some(error.cause));
                return Ok(Executed::Outcome(Outcome::Failed { error, cause, phase: Phase::Schedule }, None));
            }
        };
        let cutoff = Cutoff::new(invocation, position, call.timeout_seconds, now_ms);
        if cutoff.at_ms <= now_ms {
            return Ok(Executed::CutOff);
        }
        if is_invoke
            && let Some(Callee::Service(service)) = callee(&job.definition, &position.state)
            && service.is("states", "startExecution")
        {
            let outcome = match self.start_child(job, position, service, &call).await? {
                Ok(response) => Outcome::Responded { response },
                Err(StepFailure { error, cause }) => failed_run(error, cause),
            };
            return Ok(Executed::Outcome(outcome, Some(now_ms)));
        }
        let wants_payload = call.service.as_ref().map(|service| service.wants_payload);
        let request = StepRequest {
            run: job.message.run.clone(),
            branch: position.branch.clone(),
            indexes: position.indexes(),
            state: position.state.clone(),
            call,
            deadline_ms: cutoff.at_ms,
        };
        let code = AssertUnwindSafe(async { step(request).await }).catch_unwind();
        let answer =
            futures::future::select(Box::pin(code), Box::pin(clock.sleep(cutoff.at_ms - now_ms))).await;
        let outcome = match answer {
            Either::Left((Ok(Ok(mut answer)), _)) => match wants_payload {
                None => Outcome::Succeeded { output: answer },
                Some(false) => Outcome::Responded { response: answer },
                Some(true) => {
                    let output = answer.get_mut("Payload").map(Value::take).unwrap_or_default();
                    Outcome::Succeeded { output }
                }
            },
            Either::Left((Ok(Err(StepFailure { error, cause })), _)) => failed_run(error, cause),
            Either::Left((Err(panic), _)) => failed_run("Panic".to_owned(), panic_cause(panic.as_ref())),
            Either::Right(((), _)) => match cutoff.outcome(invocation) {
                Some(outcome) => outcome,
                None => return Ok(Executed::CutOff),
            },
        };
        Ok(Executed::Outcome(outcome, Some(now_ms)))
    }
}

/// When a step's code is cut off, and what that means.
struct Cutoff {
    at_ms: i64,
    limit: CutoffLimit,
}

enum CutoffLimit {
    Task,
    Run,
    /// The function's own timeout; the step has had all of it.
    Function,
    /// The function's own timeout, part of which went to other messages.
    Shared,
}

impl Cutoff {
    fn new(invocation: &Invocation, position: &Position, timeout_seconds: Option<u64>, now_ms: i64) -> Self {
        let function_ms =
            invocation.deadline_ms - limits::DEADLINE_MARGIN_MS.min(invocation.function_timeout_ms / 4);
        let had_all = function_ms - now_ms >= invocation.function_timeout_ms / 2;
        let limit = match had_all {
            true => CutoffLimit::Function,
            false => CutoffLimit::Shared,
        };
        let mut cutoff = Self { at_ms: function_ms, limit };
        if let Some(seconds) = timeout_seconds {
            let task_ms = now_ms.saturating_add_unsigned(seconds.saturating_mul(1000));
            if task_ms <= cutoff.at_ms {
                cutoff = Self { at_ms: task_ms, limit: CutoffLimit::Task };
            }
        }
        match position.deadline_ms {
            Some(deadline_ms) if deadline_ms <= cutoff.at_ms => {
                Self { at_ms: deadline_ms, limit: CutoffLimit::Run }
            }
            _ => cutoff,
        }
    }

    /// `None`: it says nothing about the step.
    fn outcome(&self, invocation: &Invocation) -> Option<Outcome> {
        match self.limit {
            CutoffLimit::Task => Some(Outcome::TimedOut { limit: Limit::Task }),
            CutoffLimit::Run => Some(Outcome::TimedOut { limit: Limit::Run }),
            CutoffLimit::Function => {
                Some(sandbox_timed_out(invocation.request_id.as_deref(), invocation.function_timeout_ms))
            }
            CutoffLimit::Shared => None,
        }
    }
}

/// A function ran into its own timeout, as Lambda tells Step Functions
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
fn sandbox_timed_out(request_id: Option<&str>, function_timeout_ms: i64) -> Outcome {
    let request_id = request_id.unwrap_or("unknown");
    let seconds = function_timeout_ms / 1000;
    let millis = function_timeout_ms % 1000 / 10;
    let message =
        format!("RequestId: {request_id} Error: Task timed out after {seconds}.{millis:02} seconds");
    let cause = serde_json::json!({ "errorType": SANDBOX_TIMEDOUT, "errorMessage": message });
    failed_run(SANDBOX_TIMEDOUT.to_owned(), cause.to_string())
}

fn failed_run(error: String, cause: String) -> Outcome {
    let error = error.chars().take(limits::ERROR_CHARS_MAX).collect();
    let cause = cause.chars().take(limits::CAUSE_CHARS_MAX).collect();
    Outcome::Failed { error, cause: Some(cause), phase: Phase::Run }
}

/// A panic in Lambda's own JSON text for an error.
pub(crate) fn panic_cause(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the step panicked".to_owned());
    error_cause("Panic", &message)
}

/// Lambda's JSON text for an error: `{"errorMessage","errorType","stackTrace":[]}`.
pub fn error_cause(error_type: &str, message: &str) -> String {
    let message: String = message.chars().take(limits::CAUSE_CHARS_MAX / 2).collect();
    serde_json::json!({ "errorMessage": message, "errorType": error_type, "stackTrace": [] }).to_string()
}
