//! The SQS trigger: from a queue to invocations, as Lambda's pollers do it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::config::EventSourceMapping;
use super::event::{Failures, event, failures};
use super::function::{Function, Reservation, StartFailure};
use super::logs::LogStream;
use crate::limits;
use crate::sqs::{ReceiveOptions, Received, SharedQueues, SqsError};

/// How long to wait before looking again for a queue that has been deleted.
const QUEUE_GONE_PAUSE: Duration = Duration::from_secs(1);

/// Polls the queue for ever.
///
/// A message is received only when an environment is free to take it. So messages gather in the queue while all are
/// busy and the next batch is a fuller one, and no message's visibility timeout runs while it only waits for its turn.
pub(crate) async fn run(mapping: EventSourceMapping, function: Arc<Function>, queues: SharedQueues) {
    let concurrency = mapping.maximum_concurrency.unwrap_or(function.config.environments_max);
    let permits = Arc::new(Semaphore::new(concurrency as usize));
    let trigger = Arc::new(Trigger { mapping, function, queues });
    let mut queue_seen = true;
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match trigger.next().await {
            Ok(None) => return,
            Ok(Some((_, batch))) if batch.is_empty() => {}
            Ok(Some((reservation, batch))) => {
                queue_seen = true;
                let trigger = Arc::clone(&trigger);
                tokio::spawn(async move {
                    trigger.process(reservation, batch).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Said once, until the queue is back.
                if std::mem::take(&mut queue_seen) {
                    trigger.log(format!("queue {}: {}", trigger.mapping.queue, error.message));
                }
                tokio::time::sleep(QUEUE_GONE_PAUSE).await;
            }
        }
    }
}

struct Trigger {
    mapping: EventSourceMapping,
    function: Arc<Function>,
    queues: SharedQueues,
}

type Reserved = Result<Reservation, StartFailure>;

impl Trigger {
    /// The next batch, and the environment for it. A function that can't start takes its batch as well: the receives
    /// count, as on Lambda, and lead to the dead-letter queue. `None` when the host ends.
    async fn next(&self) -> Result<Option<(Reserved, Vec<Received>)>, SqsError> {
        self.queues.wait_until_visible(&self.mapping.queue).await?;
        if self.mapping.batching_window_ms > 0 {
            let batch = self.gather().await?;
            let reserved = self.function.reserve_when_free().await;
            return Ok(reserved.ok().map(|reserved| (reserved, batch)));
        }
        match self.function.reserve_when_free().await {
            Err(_) => Ok(None),
            Ok(reserved) => {
                let batch = self.receive(self.mapping.batch_size, limits::INVOKE_BYTES_MAX)?;
                Ok(Some((reserved, batch)))
            }
        }
    }

    /// Receives until the batch is full or the window, which opens with the first message, is over.
    async fn gather(&self) -> Result<Vec<Received>, SqsError> {
        let mut batch = self.receive(self.mapping.batch_size, limits::INVOKE_BYTES_MAX)?;
        let window_end = Instant::now() + Duration::from_millis(self.mapping.batching_window_ms);
        while !batch.is_empty() && batch.len() < self.mapping.batch_size {
            let visible = self.queues.wait_until_visible(&self.mapping.queue);
            match tokio::time::timeout_at(window_end, visible).await {
                Err(_) => break,
                Ok(visible) => visible?,
            }
            let bytes: usize = batch.iter().map(|received| received.content.event_size).sum();
            let room = limits::INVOKE_BYTES_MAX.saturating_sub(bytes);
            // One message is taken even if it is larger than the room, so don't ask when it might be.
            if room < 3 * limits::MESSAGE_BYTES_MAX {
                break;
            }
            batch.extend(self.receive(self.mapping.batch_size - batch.len(), room)?);
        }
        Ok(batch)
    }

    fn receive(&self, messages_max: usize, event_bytes_max: usize) -> Result<Vec<Received>, SqsError> {
        let options = ReceiveOptions { messages_max, visibility_timeout_s: None, event_bytes_max };
        self.queues.with(|queues, now_ms| queues.receive(&self.mapping.queue, options, now_ms))
    }

    /// Invokes the function, and deletes what it has done. What failed comes again after its visibility timeout.
    async fn process(&self, mut reserved: Reserved, batch: Vec<Received>) {
        let host = &self.function.host;
        let Ok(queue_arn) = self.queues.with(|queues, _| queues.arn(&self.mapping.queue)) else {
            return;
        };
        let payload = event(&batch, &queue_arn, &host.region, &host.account_id);
        let outcome = loop {
            let reservation = match reserved {
                Ok(reservation) => reservation,
                Err(failure) => {
                    let count = batch.len();
                    self.log(format!(
                        "{count} messages are left to their visibility timeout: {}",
                        failure.message
                    ));
                    return;
                }
            };
            match self.function.run(reservation, payload.clone()).await {
                Some(outcome) => break outcome,
                // That environment ended before it took the batch.
                None => match self.function.reserve_when_free().await {
                    Ok(again) => reserved = again,
                    Err(_) => return,
                },
            }
        };
        if outcome.failed {
            return;
        }
        let failed = if self.mapping.report_batch_item_failures {
            match failures(&outcome.payload, &batch) {
                Failures::Some(failed) => failed,
                Failures::All { reason } => {
                    let text = format!("the whole batch counts as failed: {reason}");
                    self.function.log(Some(&outcome.request_id), LogStream::Platform, text);
                    return;
                }
            }
        } else {
            Default::default()
        };
        self.queues.with(|queues, _| {
            for received in batch.iter().filter(|received| !failed.contains(&received.content.message_id)) {
                // The queue may have been deleted meanwhile, and its messages with it.
                let _ = queues.delete(&self.mapping.queue, &received.receipt_handle);
            }
        });
    }

    fn log(&self, text: String) {
        self.function.log(None, LogStream::Platform, text);
    }
}
