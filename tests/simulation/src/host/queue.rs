//! Queues in memory.

use super::MemoryHost;
use stepladder_protocol::{Clock, Delivery, Outgoing, Queue, QueueName, SendError, WorldResult, limits};

impl Queue for MemoryHost {
    async fn send(
        &self,
        queue: &QueueName,
        messages: &[Outgoing],
    ) -> WorldResult<Vec<Result<(), SendError>>> {
        assert!(messages.len() <= 10, "more than ten messages in one call");
        self.op("send", |state| {
            let mut answers = Vec::with_capacity(messages.len());
            for message in messages {
                let is_missing = match queue {
                    QueueName::Step(function) => function == "missing",
                    QueueName::Invoke => !state.has_invoke,
                    _ => false,
                };
                if is_missing {
                    answers.push(Err(SendError::NoSuchQueue));
                    continue;
                }
                if state.watches {
                    state.watch.sent(queue, message);
                }
                let delay_ms = i64::from(message.delay_seconds) * 1000 + state.lag_ms;
                let now_ms = state.now_ms;
                let Outgoing { body, group, .. } = message.clone();
                state.hand.sent(queue, group.as_deref());
                state.queues.send_of(group, queue, body, now_ms, delay_ms);
                answers.push(Ok(()));
            }
            Ok(answers)
        })
        .await
    }

    async fn receive_one(
        &self,
        queue: &QueueName,
        wait_seconds: u32,
        hidden_seconds: u32,
    ) -> WorldResult<Option<Delivery>> {
        let until_ms = self.state().now_ms + i64::from(wait_seconds) * 1000;
        loop {
            let received = self.op("receive", |state| {
                let now_ms = state.now_ms;
                let visible = state.queues.messages(queue).into_iter();
                let first =
                    visible.filter(|(_, queued)| queued.visible_ms <= now_ms).map(|(id, _)| id).next();
                let hidden_ms = now_ms + i64::from(hidden_seconds) * 1000;
                let received = first.and_then(|id| {
                    Some((id, state.queues.receive(queue, id, limits::RECEIVES_MAX, hidden_ms)?))
                });
                Ok(received.map(|(id, queued)| Delivery {
                    message_id: id.to_string(),
                    receipt: id.to_string(),
                    body: queued.body,
                    receive_count: queued.receive_count,
                    sent_ms: Some(queued.sent_ms),
                }))
            });
            match received.await? {
                None if self.state().now_ms < until_ms => self.sleep(1_000).await,
                received => return Ok(received),
            }
        }
    }

    async fn create(&self, _: &QueueName) -> WorldResult<()> {
        self.op("create queue", |_| Ok(())).await
    }

    async fn remove(&self, queue: &QueueName) -> WorldResult<()> {
        self.op("delete queue", |state| {
            state.queues.clear(queue);
            Ok(())
        })
        .await
    }

    async fn delete(&self, queue: &QueueName, receipt: &str) -> WorldResult<()> {
        self.op("delete", |state| {
            if let Ok(id) = receipt.parse() {
                state.queues.delete(queue, id);
            }
            Ok(())
        })
        .await
    }

    async fn change_visibility(&self, queue: &QueueName, receipts: &[(String, u32)]) -> WorldResult<()> {
        if receipts.is_empty() {
            return Ok(());
        }
        self.op("change visibility", |state| {
            for (receipt, seconds) in receipts {
                let visible_ms = state.now_ms + i64::from(*seconds) * 1000;
                if let Ok(id) = receipt.parse() {
                    state.queues.change_visibility(queue, id, visible_ms);
                }
            }
            Ok(())
        })
        .await
    }
}
