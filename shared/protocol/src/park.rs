//! Messages that nobody can handle: kept, counted, and shown on their run.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::Handled,
    item::RunKey,
    json, limits,
    metrics::Metric,
    traits::{Host, Outgoing, QueueName, Store},
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
                outgoing: Outgoing { body, delay_seconds: 0 },
                step: None,
            }]),
            Err(_) => Handled::leave_for(limits::UNREADABLE_BACK_SECONDS),
        }
    }
}
