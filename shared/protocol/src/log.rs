//! A line per message that failed, was handed back or was a duplicate, and for a sample of the rest. No payload in it.

use crate::{
    Protocol,
    batch::{Delivery, Invocation},
    item::Record,
    message::{Lock, Message},
    traits::{Clock, Host},
};
use stepladder_engine::{Outcome, Position};

impl<H: Host> Protocol<H> {
    pub(crate) fn log_committed(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        message: &Message,
        position: &Position,
        outcome: &Outcome,
        record: &Record,
    ) {
        let (went_well, error) = match outcome {
            Outcome::Failed { error, .. } => (false, Some(error.as_str())),
            Outcome::BranchFailed { error, .. } => (false, error.as_deref()),
            Outcome::TimedOut { .. } => (false, Some(stepladder_asl::errors::TIMEOUT)),
            _ => (true, None),
        };
        if went_well && !self.is_sampled(&message.run.workflow) {
            return;
        }
        let queue_wait_ms =
            record.received_ms.zip(record.queued_ms).map(|(received, queued)| received - queued);
        let duration_ms = record.started_ms.map(|started_ms| record.finished_ms - started_ms);
        tracing::info!(
            run = message.run.id(),
            state = position.state,
            branch = branch_of(Some(&Lock::of(position))),
            seq = position.seq,
            attempt = position.attempt(),
            receive_count = delivery.receive_count,
            queue = invocation.queue.short(),
            request_id = invocation.request_id,
            queue_wait_ms,
            duration_ms,
            error,
            "recorded"
        );
    }

    /// `position` is absent where a message doesn't carry it.
    pub(crate) fn log_duplicate(&self, delivery: &Delivery, message: &Message, position: Option<&Position>) {
        let lock = message.ask.lock();
        tracing::info!(
            run = message.run.id(),
            state = position.map(|position| position.state.as_str()),
            branch = branch_of(lock.as_ref()),
            seq = lock.as_ref().map(|lock| lock.seq),
            attempt = position.map(Position::attempt),
            receive_count = delivery.receive_count,
            message_id = delivery.message_id,
            "duplicate: another message has recorded this position"
        );
    }

    /// A message that goes back to its queue, for whatever reason; a line of its own tells an error.
    pub(crate) fn log_left(&self, invocation: &Invocation, delivery: &Delivery, back_seconds: u32) {
        let message = Message::decode(&delivery.body, self.host.settings().payload_bytes_max).ok();
        let position = message.as_ref().and_then(|message| message.ask.position());
        let lock = message.as_ref().and_then(|message| message.ask.lock());
        let queue_wait_ms = delivery.sent_ms.map(|sent_ms| self.host.clock().now_ms() - sent_ms);
        tracing::info!(
            run = message.as_ref().map(|message| message.run.id()),
            state = position.map(|position| position.state.as_str()),
            branch = branch_of(lock.as_ref()),
            seq = lock.as_ref().map(|lock| lock.seq),
            attempt = position.map(|position| position.attempt()),
            queue = invocation.queue.short(),
            message_id = delivery.message_id,
            receive_count = delivery.receive_count,
            request_id = invocation.request_id,
            queue_wait_ms,
            back_seconds,
            "left to its queue"
        );
    }

    fn is_sampled(&self, workflow: &str) -> bool {
        let sample = self.host.settings().log_sample_of(workflow);
        sample >= 1.0 || (self.host.clock().random_u128() % 1_000_000) as f64 / 1_000_000.0 < sample
    }
}

/// The branch of a position; nothing for the root.
fn branch_of(lock: Option<&Lock>) -> Option<String> {
    lock.filter(|lock| !lock.branch.is_root()).map(|lock| lock.branch.to_string())
}
