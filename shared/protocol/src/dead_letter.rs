//! A message that its queue has given up: handed to the step once more, alone.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, StepFunction},
    deliver::{Handled, Job},
    execute::error_cause,
    line::{Before, Line},
    traits::{Clock, Functions, Host, Invoked, QueueName, WorldResult},
};
use serde::{Deserialize, Serialize};

use stepladder_engine::{Callee, Limit, Outcome, Phase, Position, Target, callee, step_call};

/// A function died without saying why
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>).
const LAMBDA_UNKNOWN: &str = "Lambda.Unknown";

/// What a step's function is called with when it is handed one message alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solo {
    pub stepladder_solo: SoloDelivery,
}

/// The message, as its queue delivered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoloDelivery {
    pub message_id: String,
    pub body: String,
    pub receive_count: u32,
    pub sent_ms: Option<i64>,
}

/// What the step's function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoloAnswer {
    /// Whether the message may be acknowledged.
    pub handled: bool,
}

impl<H: Host> Protocol<H> {
    /// The step's side: one message, alone.
    pub async fn handle_solo(
        &self,
        step: &StepFunction,
        invocation: &Invocation,
        solo: SoloDelivery,
    ) -> SoloAnswer {
        let SoloDelivery { message_id, body, receive_count, sent_ms } = solo;
        // There is no receipt: the message stays with whoever handed it over.
        let delivery = Delivery { message_id, receipt: String::new(), body, receive_count, sent_ms };
        SoloAnswer { handled: self.handle_batch(Some(step), invocation, &[delivery]).await.is_empty() }
    }

    /// The dead-letter function's side. Only what dies here becomes an outcome, and Retry and Catch apply to it.
    pub(crate) async fn solo(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        position: &Position,
    ) -> WorldResult<Handled> {
        let failed = |error: &str, cause: String, phase| Outcome::Failed {
            error: error.to_owned(),
            cause: Some(cause),
            phase,
        };
        let not_found = |name: &str| {
            failed("Lambda.ResourceNotFoundException", format!("Function not found: {name}"), Phase::Schedule)
        };
        let started_ms = self.host.clock().now_ms();
        let outcome = if position.is_past_deadline(started_ms) {
            Outcome::TimedOut { limit: Limit::Run }
        } else if let Some(Callee::Activity(_)) = callee(&job.definition, &position.state) {
            // It runs nowhere here: the next worker gets it.
            let line = Line::of(&job.message, &job.definition, Before::Perhaps);
            let to = Target::Step { state: &position.state };
            return Ok(Handled::sending(self.sendings_of(&line, &to, position, i64::MIN).await?));
        } else if let Some(callee) = callee(&job.definition, &position.state) {
            let invoke = QueueName::Invoke;
            let function = match callee {
                Callee::Function(function) => function,
                Callee::Activity(_) | Callee::Service(_) => invoke.short(),
            };
            let solo = Solo {
                stepladder_solo: SoloDelivery {
                    message_id: delivery.message_id.clone(),
                    body: delivery.body.clone(),
                    receive_count: delivery.receive_count,
                    sent_ms: delivery.sent_ms,
                },
            };
            let payload = serde_json::to_string(&solo)
                .map_err(|error| crate::payload::unreadable("encode a message", &error.to_string()))?;
            let mut invoked = self.host.functions().invoke(function, payload.clone()).await?;
            if invoked == Invoked::NoSuchFunction && function != invoke.short() {
                invoked = self.host.functions().invoke(invoke.short(), payload).await?;
            }
            match invoked {
                Invoked::Returned(answer) => match serde_json::from_str::<SoloAnswer>(&answer) {
                    Ok(SoloAnswer { handled: true }) => return Ok(Handled::done()),
                    Ok(SoloAnswer { handled: false }) => {
                        return Ok(Handled::leave_for(crate::limits::LEAVE_SECONDS_MAX));
                    }
                    Err(_) => {
                        let why =
                            format!("The function {function} is not a step: it answered something else.");
                        failed(LAMBDA_UNKNOWN, error_cause(LAMBDA_UNKNOWN, &why), Phase::Run)
                    }
                },
                Invoked::NoSuchFunction => not_found(function),
                Invoked::Died { error_type, message } => {
                    let ran_ms = self.host.clock().now_ms() - started_ms;
                    let call = step_call(&job.definition, &self.engine_run(&job.message), position);
                    let timeout_ms = call
                        .ok()
                        .and_then(|call| call.timeout_seconds)
                        .map(|seconds| seconds.saturating_mul(1000));
                    match timeout_ms {
                        Some(timeout_ms) if ran_ms >= 0 && ran_ms.unsigned_abs() >= timeout_ms => {
                            Outcome::TimedOut { limit: Limit::Task }
                        }
                        _ => {
                            // The count is of all queues: the dead-letter function's own deliveries are among them.
                            let why = format!(
                                "The message was received {} times and never finished; handed to the function alone, the function died: {error_type}: {message}",
                                delivery.receive_count
                            );
                            failed(LAMBDA_UNKNOWN, error_cause(LAMBDA_UNKNOWN, &why), Phase::Run)
                        }
                    }
                }
            }
        } else {
            not_found(&position.state)
        };
        self.commit(invocation, delivery, job, position, outcome, Some(started_ms)).await
    }
}

impl Invocation {
    /// Whether the batch comes from the dead-letter queue: then each message has been received before.
    pub(crate) fn is_dead_letter(&self) -> bool {
        self.queue == QueueName::DeadLetter
    }
}
