//! Messages that nobody can handle: kept, counted, and shown on their run.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::Handled,
    item::RunKey,
    json, limits,
    message::{Message, Unreadable},
    metrics::Metric,
    traits::{Host, Outgoing, QueueName, Retry, Store, WorldError},
};
use serde::{Deserialize, Serialize};

/// A message of the parked queue: the body as it was, and why it could not be handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    #[serde(rename = "v")]
    pub version: u32,
    pub reason: String,
    /// The queue that it was in, without the stack's name.
    pub queue: String,
    pub message_id: String,
    pub receive_count: u32,
    /// `workflow/name`, where the body tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub run: Option<String>,
    /// The body, cut where it would not fit.
    pub body: String,
}

impl Parked {
    /// A body longer than this is cut, in bytes: escaped, it still fits in a message.
    pub const BODY_BYTES_MAX: usize = limits::SEND_BYTES_MAX / 8;

    /// Whether the body is cut, or may be: it was cut at a character, which takes up to four bytes.
    pub fn is_cut(&self) -> bool {
        self.body.len() + 3 >= Self::BODY_BYTES_MAX
    }
}

impl<H: Host> Protocol<H> {
    /// A message that could not be handled: left to its queue, and parked once it has been left too often for a reason
    /// that won't pass.
    pub(crate) async fn failed(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        message: Option<&Message>,
        error: WorldError,
    ) -> Handled {
        let run = message.map(|message| RunKey::of(&message.run)).or_else(|| {
            Message::decode(&delivery.body, self.host.settings().payload_bytes_max)
                .ok()
                .map(|message| RunKey::of(&message.run))
        });
        tracing::warn!(
            run = run.as_ref().map(tracing::field::display),
            message_id = delivery.message_id,
            receive_count = delivery.receive_count,
            %error,
            "a message was handed back"
        );
        self.count_throttle(error.retry);
        let is_last = delivery.receive_count >= limits::RECEIVES_MAX || invocation.is_dead_letter();
        if error.retry == Retry::Never && is_last {
            return self.park(invocation, delivery, run.as_ref(), &error.to_string()).await;
        }
        Handled::leave()
    }

    pub(crate) async fn unreadable(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        unreadable: &Unreadable,
    ) -> Handled {
        tracing::warn!(
            queue = invocation.queue.short(),
            message_id = delivery.message_id,
            receive_count = delivery.receive_count,
            %unreadable,
            "a message can't be read"
        );
        if delivery.receive_count < limits::RECEIVES_MAX && !invocation.is_dead_letter() {
            return Handled::leave_for(limits::UNREADABLE_BACK_SECONDS);
        }
        let run = Message::run_of(&delivery.body, self.host.settings().payload_bytes_max);
        self.park(invocation, delivery, run.as_ref(), &unreadable.to_string()).await
    }

    /// Puts a message into the parked queue, says so on its run, and acknowledges it. The reason may quote the body, so
    /// that it stands there and not in the log.
    pub(crate) async fn park(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        run: Option<&RunKey>,
        reason: &str,
    ) -> Handled {
        let mut end = delivery.body.len().min(Parked::BODY_BYTES_MAX);
        while !delivery.body.is_char_boundary(end) {
            end -= 1;
        }
        let parked = Parked {
            version: 1,
            reason: reason.to_owned(),
            queue: invocation.queue.short().to_owned(),
            message_id: delivery.message_id.clone(),
            receive_count: delivery.receive_count,
            run: run.map(|run| run.id.to_string()),
            body: delivery.body.get(..end).unwrap_or_default().to_owned(),
        };
        self.metrics.count(Metric::Parked);
        tracing::error!(
            run = parked.run,
            queue = parked.queue,
            message_id = parked.message_id,
            "a message was parked"
        );
        if let Some(run) = run
            && let Err(error) = self.host.store().note_parked(run, reason).await
        {
            tracing::warn!(%error, "the run does not show that its message was parked");
        }
        match json::to_ascii(&parked) {
            Ok(body) => Handled::sending(vec![Sending {
                queue: QueueName::Parked,
                outgoing: Outgoing::new(body, 0),
                step: None,
            }]),
            Err(_) => Handled::leave_for(limits::UNREADABLE_BACK_SECONDS),
        }
    }
}
