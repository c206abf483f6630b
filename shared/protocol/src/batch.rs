//! A batch of messages: all of them at once, their effects sent together, and those that may kill the process last.

use crate::{
    Protocol,
    deliver::{First, Handled, Job},
    limits,
    message::Message,
    metrics::Metric,
    planted::PlantedBug,
    traits::{Clock, Host, Outgoing, Queue, QueueName, SendError},
};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Either},
    stream::{self, FuturesUnordered},
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};
use stepladder_engine::{Branch, Run, StepCall};

/// One message, received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The queue's own id of it.
    pub message_id: String,
    pub receipt: String,
    pub body: String,
    /// 1 for the first delivery.
    pub receive_count: u32,
    /// When it was sent, in milliseconds since the epoch.
    pub sent_ms: Option<i64>,
}

/// The call of the function that received a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The queue that the batch came from.
    pub queue: QueueName,
    pub request_id: Option<String>,
    /// When the function will be killed, in milliseconds since the epoch.
    pub deadline_ms: i64,
    pub function_timeout_ms: i64,
}

/// A step's code, as the protocol calls it.
pub type StepFunction =
    Arc<dyn Fn(StepRequest) -> BoxFuture<'static, Result<Value, StepFailure>> + Send + Sync>;

/// What a step's code gets.
#[derive(Debug, Clone)]
pub struct StepRequest {
    pub run: Run,
    /// The branch that the state is run in.
    pub branch: Branch,
    /// The branch's indexes as the states around it count them, outermost first.
    pub indexes: Vec<u32>,
    pub state: String,
    pub call: StepCall,
    /// When it will be cut off, in milliseconds since the epoch.
    pub deadline_ms: i64,
}

/// How a step's code failed: the ASL error's name, and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFailure {
    pub error: String,
    pub cause: String,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Acknowledge it.
    Done,
    /// Leave it to its queue, which delivers it again after a back-off, and not before so many seconds.
    Leave { back_seconds: u32 },
}

impl Disposition {
    pub(crate) const LEAVE: Self = Self::Leave { back_seconds: 0 };
}

/// One message to send, because of a message that was handled.
#[derive(Debug, Clone)]
pub(crate) struct Sending {
    pub(crate) queue: QueueName,
    pub(crate) outgoing: Outgoing,
    /// The message itself, where its queue may not be there: then its position has an outcome of its own.
    pub(crate) step: Option<Box<Message>>,
}

impl<H: Host> Protocol<H> {
    /// Handles a batch of step messages or system messages; answers with the message ids that are left to the queue.
    pub async fn handle_batch(
        &self,
        step: Option<&StepFunction>,
        invocation: &Invocation,
        deliveries: &[Delivery],
    ) -> Vec<String> {
        self.handle_noting(step, invocation, deliveries, &|| {}).await
    }

    /// [`Protocol::handle_batch`]; calls `note` once for each message that is through with its turn beside the others.
    pub(crate) async fn handle_noting(
        &self,
        step: Option<&StepFunction>,
        invocation: &Invocation,
        deliveries: &[Delivery],
        note: &(dyn Fn() + Send + Sync),
    ) -> Vec<String> {
        self.shorten_visibility(invocation, deliveries).await;
        let ((), slots) =
            futures::join!(self.look_at_controls_for(invocation).boxed(), self.slots(invocation, deliveries));
        let firsts = deliveries.iter().zip(slots).enumerate().map(|(index, (delivery, slot))| {
            self.first(step, invocation, delivery, slot)
                .map(move |first| {
                    note();
                    Turn::First(index, first)
                })
                .boxed()
        });
        let (mut dispositions, jobs) = self.drive(firsts.collect()).await;
        // One of these may be the one that kills the process; by now the others are committed and sent.
        for (index, job) in self.shuffled(jobs) {
            let Some(delivery) = deliveries.get(index) else {
                continue;
            };
            let handled = self.run_job(step, invocation, delivery, *job).await;
            let turn = futures::future::ready(Turn::First(index, First::Handled(handled))).boxed();
            let (settled, _) = self.drive(std::iter::once(turn).collect()).await;
            dispositions.extend(settled);
        }
        self.finish(invocation, deliveries, &dispositions).await
    }

    /// Handles each message of a batch by `handle`, all at once; answers with the ids that are left.
    pub(crate) async fn handle_with<'a, F>(
        &'a self,
        invocation: &Invocation,
        deliveries: &'a [Delivery],
        handle: impl Fn(&'a Delivery) -> F,
    ) -> Vec<String>
    where
        F: Future<Output = Handled> + Send + 'a,
    {
        let turns = deliveries.iter().enumerate().map(|(index, delivery)| {
            handle(delivery).map(move |handled| Turn::First(index, First::Handled(handled))).boxed()
        });
        let (dispositions, _) = self.drive(turns.collect()).await;
        self.finish(invocation, deliveries, &dispositions).await
    }

    /// Hands back what is left.
    async fn finish(
        &self,
        invocation: &Invocation,
        deliveries: &[Delivery],
        dispositions: &BTreeMap<usize, Disposition>,
    ) -> Vec<String> {
        let left: Vec<(&Delivery, u32)> = deliveries
            .iter()
            .enumerate()
            .filter_map(|(index, delivery)| match dispositions.get(&index) {
                Some(Disposition::Done) => None,
                Some(Disposition::Leave { back_seconds }) => Some((delivery, *back_seconds)),
                None => Some((delivery, 0)),
            })
            .map(|(delivery, at_least)| (delivery, at_least.max(self.backoff_seconds(delivery))))
            .collect();
        self.metrics.add(Metric::LeftToQueue, left.len() as u64);
        self.hand_back(invocation, &left).await;
        for (delivery, back_seconds) in &left {
            self.log_left(invocation, delivery, *back_seconds);
        }
        left.into_iter().map(|(delivery, _)| delivery.message_id.clone()).collect()
    }

    /// 1, 2, 4 … 30 s with jitter: whatever a message is left for may take a while.
    fn backoff_seconds(&self, delivery: &Delivery) -> u32 {
        let full = 1_u32 << delivery.receive_count.saturating_sub(1).min(5);
        let full = full.min(limits::LEAVE_SECONDS_MAX);
        let half = full.div_ceil(2);
        let jitter = u32::try_from(self.host.clock().random_u128() % u128::from(half + 1)).unwrap_or(0);
        (half + jitter).min(limits::LEAVE_SECONDS_MAX)
    }

    /// Runs all futures at once. Messages that finish within moments of each other are sent together.
    async fn drive<'a>(
        &'a self,
        mut running: FuturesUnordered<BoxFuture<'a, Turn>>,
    ) -> (BTreeMap<usize, Disposition>, Vec<(usize, Box<Job>)>) {
        let mut dispositions = BTreeMap::new();
        let mut jobs = Vec::new();
        let mut undecided = running.len();
        let mut handled = Vec::new();
        while !running.is_empty() || !handled.is_empty() {
            let mut turn = match handled.is_empty() {
                true => running.next().await,
                false => self.next_within_linger(&mut running).await,
            };
            let has_lingered = turn.is_none();
            while let Some(one) = turn {
                match one {
                    Turn::First(index, first) => {
                        undecided = undecided.saturating_sub(1);
                        match first {
                            First::Handled(one) => handled.push((index, one)),
                            First::Retry(job) => jobs.push((index, job)),
                        }
                    }
                    Turn::Sent(sent) => dispositions.extend(sent),
                }
                turn = running.next().now_or_never().flatten();
            }
            let is_full = handled.len() >= limits::SEND_MESSAGES_MAX;
            if !handled.is_empty() && (has_lingered || is_full || undecided == 0) {
                running.push(self.send_all(std::mem::take(&mut handled)).map(Turn::Sent).boxed());
            }
        }
        (dispositions, jobs)
    }

    /// The next future to finish; `None` if none does for a moment.
    async fn next_within_linger<'a>(
        &self,
        running: &mut FuturesUnordered<BoxFuture<'a, Turn>>,
    ) -> Option<Turn> {
        let linger = Box::pin(self.host.clock().sleep(limits::LINGER_MS));
        match futures::future::select(running.next(), linger).await {
            Either::Left((turn, _)) => turn,
            Either::Right(((), _)) => None,
        }
    }

    /// Sends what the messages ask for, grouped by queue. A message of which one effect could not be sent is left.
    pub(crate) async fn send_all(&self, handled: Vec<(usize, Handled)>) -> Vec<(usize, Disposition)> {
        let mut dispositions: BTreeMap<usize, Disposition> =
            handled.iter().map(|(index, one)| (*index, one.disposition)).collect();
        let mut by_queue: BTreeMap<QueueName, Vec<(usize, Sending)>> = BTreeMap::new();
        for (index, one) in handled {
            for sending in one.sendings {
                by_queue.entry(sending.queue.clone()).or_default().push((index, sending));
            }
        }
        let calls = by_queue.into_iter().flat_map(|(queue, sendings)| {
            chunks(sendings).into_iter().map(move |chunk| (queue.clone(), chunk))
        });
        let mut failed = stream::iter(calls)
            .map(|(queue, chunk)| async move { self.send_chunk(&queue, chunk).await })
            .buffer_unordered(limits::SENDS_AT_ONCE);
        while let Some(failed) = failed.next().await {
            for index in failed {
                if !self.planted(PlantedBug::AcknowledgeBeforeSending) {
                    dispositions.insert(index, Disposition::LEAVE);
                }
            }
        }
        drop(failed);
        dispositions.into_iter().collect()
    }

    /// Sends one call's worth; answers with those that failed.
    async fn send_chunk(&self, queue: &QueueName, chunk: Vec<(usize, Sending)>) -> Vec<usize> {
        let (sources, messages): (Vec<_>, Vec<_>) =
            chunk.into_iter().map(|(index, sending)| ((index, sending.step), sending.outgoing)).unzip();
        let answers = match self.host.queue().send(queue, &messages).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(queue = queue.short(), %error, "messages could not be sent");
                self.count_throttle(error.retry);
                return sources.into_iter().map(|(index, _)| index).collect();
            }
        };
        let mut failed = Vec::new();
        let mut answers = answers.into_iter();
        for (index, step) in sources {
            match (answers.next(), step) {
                (Some(Ok(())), _) => {}
                (Some(Err(SendError::NoSuchQueue)), Some(message)) => {
                    if self.send_unscheduled(*message, queue).await.is_err() {
                        failed.push(index);
                    }
                }
                (answer, _) => {
                    tracing::warn!(queue = queue.short(), ?answer, "a message could not be sent");
                    if let Some(Err(SendError::Failed(error))) = &answer {
                        self.count_throttle(error.retry);
                    }
                    failed.push(index);
                }
            }
        }
        failed
    }

    /// Best effort: a message that was received before comes back sooner if this delivery dies too.
    async fn shorten_visibility(&self, invocation: &Invocation, deliveries: &[Delivery]) {
        let seconds = shortened_visibility_seconds(invocation.function_timeout_ms);
        let again: Vec<(String, u32)> = deliveries
            .iter()
            .filter(|delivery| delivery.receive_count > 1 && !delivery.receipt.is_empty())
            .map(|delivery| (delivery.receipt.clone(), seconds))
            .collect();
        self.change_visibility(&invocation.queue, &again).await;
    }

    async fn hand_back(&self, invocation: &Invocation, left: &[(&Delivery, u32)]) {
        let receipts: Vec<(String, u32)> = left
            .iter()
            .filter(|(delivery, _)| !delivery.receipt.is_empty())
            .map(|(delivery, seconds)| (delivery.receipt.clone(), *seconds))
            .collect();
        self.change_visibility(&invocation.queue, &receipts).await;
    }

    async fn change_visibility(&self, queue: &QueueName, receipts: &[(String, u32)]) {
        for chunk in receipts.chunks(limits::SEND_MESSAGES_MAX) {
            if let Err(error) = self.host.queue().change_visibility(queue, chunk).await {
                tracing::debug!(queue = queue.short(), %error, "the visibility could not be changed");
            }
        }
    }

    pub(crate) fn shuffled<T>(&self, mut items: Vec<T>) -> Vec<T> {
        for at in (1..items.len()).rev() {
            let with = usize::try_from(self.host.clock().random_u128() % (at as u128 + 1)).unwrap_or(0);
            items.swap(at, with);
        }
        items
    }
}

enum Turn {
    First(usize, First),
    Sent(Vec<(usize, Disposition)>),
}

/// The function's timeout and half a minute, but no longer than its queue hides a message anyway: six timeouts.
fn shortened_visibility_seconds(function_timeout_ms: i64) -> u32 {
    let timeout_ms = u64::try_from(function_timeout_ms).unwrap_or(0);
    let timeout_seconds = u32::try_from(timeout_ms.div_ceil(1000)).unwrap_or(u32::MAX);
    timeout_seconds.saturating_add(30).min(timeout_seconds.saturating_mul(6))
}

/// Splits into calls of at most ten messages and one MiB.
fn chunks(sendings: Vec<(usize, Sending)>) -> Vec<Vec<(usize, Sending)>> {
    let mut chunks: Vec<Vec<(usize, Sending)>> = Vec::new();
    let mut bytes = 0;
    for sending in sendings {
        let size = sending.1.outgoing.body.len();
        let fits = |chunk: &Vec<_>| {
            chunk.len() < limits::SEND_MESSAGES_MAX && bytes + size <= limits::SEND_BYTES_MAX
        };
        match chunks.last_mut() {
            Some(chunk) if fits(chunk) => {
                chunk.push(sending);
                bytes += size;
            }
            _ => {
                chunks.push(vec![sending]);
                bytes = size;
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_delivery_comes_back_sooner_and_never_later_than_its_queue_has_it() {
        assert_eq!(shortened_visibility_seconds(9_999), 40);
        assert_eq!(shortened_visibility_seconds(900_000), 930);
        assert_eq!(shortened_visibility_seconds(998), 6);
        assert_eq!(shortened_visibility_seconds(0), 0);
    }
}
