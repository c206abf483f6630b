//! One invocation: the event, the protocol, the answer that Lambda reads.

use crate::{
    event::{Event, EventError},
    metrics::Reporter,
};
use serde_json::{Value, json};
use stepladder_protocol::{
    BatchFunction, Clock, Delivery, Host, Invocation, Protocol, QueueName, SoloDelivery, StepFunction,
};

/// What a function is there for.
pub(crate) enum Role {
    Step(StepFunction),
    /// What calls services, as a step is called.
    Invoke(StepFunction),
    /// A step that takes a batch in one call.
    Batch(BatchFunction),
    Timer,
    DeadLetter,
    Start,
}

/// A Lambda function over a world.
pub(crate) struct Handler<H> {
    protocol: Protocol<H>,
    role: Role,
    queue: QueueName,
    reporter: Reporter,
}

impl<H: Host> Handler<H> {
    /// `function` is the function's full name, `<stack>-<step>`.
    pub(crate) fn new(host: H, role: Role, function: &str, reporter: Reporter) -> Self {
        let queue = match role {
            Role::Step(_) | Role::Batch(_) => {
                QueueName::Step(short_name(&host.settings().stack, function).to_owned())
            }
            Role::Invoke(_) => QueueName::Invoke,
            Role::Timer => QueueName::Timer,
            Role::DeadLetter => QueueName::DeadLetter,
            Role::Start => QueueName::Start,
        };
        Self { protocol: Protocol::new(host), role, queue, reporter }
    }

    pub(crate) fn protocol(&self) -> &Protocol<H> {
        &self.protocol
    }

    pub(crate) fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Handles an event; `deadline_ms` is when Lambda kills the function, in milliseconds since the epoch.
    pub(crate) async fn handle(
        &self,
        event: Value,
        request_id: String,
        deadline_ms: i64,
    ) -> Result<Value, EventError> {
        let now_ms = self.protocol.host().clock().now_ms();
        let invocation = Invocation {
            queue: self.queue.clone(),
            request_id: Some(request_id),
            deadline_ms,
            function_timeout_ms: deadline_ms.saturating_sub(now_ms).max(0),
        };
        let answer = match Event::read(event)? {
            Event::Batch(deliveries) => Ok(batch_answer(self.batch(&invocation, &deliveries).await)),
            Event::Solo(solo) => self.solo(&invocation, solo).await,
            Event::Sweep => self.sweep().await,
        };
        self.reporter.report(&self.protocol);
        answer
    }

    async fn batch(&self, invocation: &Invocation, deliveries: &[Delivery]) -> Vec<String> {
        match &self.role {
            Role::Step(step) | Role::Invoke(step) => {
                self.protocol.handle_batch(Some(step), invocation, deliveries).await
            }
            Role::Batch(code) => self.protocol.handle_batch_together(code, invocation, deliveries).await,
            // No such function has another part: see `run_step`.
            _ if H::STEPS_ALONE => deliveries.iter().map(|delivery| delivery.message_id.clone()).collect(),
            Role::Timer | Role::DeadLetter => self.protocol.handle_batch(None, invocation, deliveries).await,
            Role::Start => self.protocol.handle_starts(invocation, deliveries).await,
        }
    }

    async fn solo(&self, invocation: &Invocation, solo: SoloDelivery) -> Result<Value, EventError> {
        let answer = match &self.role {
            Role::Step(step) | Role::Invoke(step) => self.protocol.handle_solo(step, invocation, solo).await,
            Role::Batch(code) => self.protocol.handle_solo_together(code, invocation, solo).await,
            Role::Timer | Role::DeadLetter | Role::Start => {
                return Err(EventError::new(
                    "this function runs no step: a single message must go to a step's function",
                ));
            }
        };
        serde_json::to_value(answer).map_err(|error| EventError::undone(error.to_string()))
    }

    async fn sweep(&self) -> Result<Value, EventError> {
        if H::STEPS_ALONE || !matches!(self.role, Role::Timer) {
            return Err(EventError::new("only the timer function looks for runs to repair"));
        }
        // An error fails the invocation, and the schedule calls again.
        let swept = self.protocol.sweep().await.map_err(|error| EventError::new(error.to_string()))?;
        tracing::info!(looked_at = swept.looked_at, running = swept.running, "swept");
        Ok(json!({ "looked_at": swept.looked_at, "running": swept.running }))
    }
}

/// A partial batch response: the messages that stay in the queue
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>).
fn batch_answer(left: Vec<String>) -> Value {
    let failures: Vec<Value> = left.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

/// The name that a definition uses: without the stack's.
fn short_name<'a>(stack: &str, function: &'a str) -> &'a str {
    let short = function.strip_prefix(stack).and_then(|rest| rest.strip_prefix('-'));
    short.filter(|short| !short.is_empty()).unwrap_or(function)
}

#[cfg(test)]
mod tests;
