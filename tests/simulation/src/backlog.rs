//! A look into the queues of the world in memory.

use crate::host::MemoryHost;
use futures::future::BoxFuture;
use stepladder_protocol::{Backlog, Depths, Go, Kept, Letter, LookEnd, Looked, QueueName, WorldResult};

impl Backlog for MemoryHost {
    fn depths<'a>(&'a self, queue: &'a QueueName) -> BoxFuture<'a, WorldResult<Option<Depths>>> {
        Box::pin(self.op("count messages", move |state| {
            let mut depths = Depths::default();
            for (_, queued) in state.queues.messages(queue) {
                match (queued.visible_ms <= state.now_ms, queued.receive_count) {
                    (true, _) => depths.visible += 1,
                    (false, 0) => depths.delayed += 1,
                    (false, _) => depths.in_flight += 1,
                }
            }
            Ok(Some(depths))
        }))
    }

    fn look<'a>(
        &'a self,
        kept: Kept,
        letters_max: usize,
        see: &'a mut (dyn FnMut(Letter) -> Go + Send),
    ) -> BoxFuture<'a, WorldResult<Option<Looked>>> {
        Box::pin(async move {
            self.op("look into a queue", |_| Ok(())).await?;
            let (mut held, mut end) = (Vec::new(), None);
            while end.is_none() {
                let received = self.receive(&kept.queue());
                if received.is_empty() {
                    end = Some(LookEnd::Whole);
                }
                for delivery in received {
                    held.push(delivery.message_id.clone());
                    let letter = Letter {
                        message_id: delivery.message_id,
                        receipt: delivery.receipt,
                        body: delivery.body,
                        sent_ms: delivery.sent_ms,
                        receive_count: delivery.receive_count,
                        gave_up: None,
                    };
                    if end.is_none() && see(letter) == Go::Stop {
                        end = Some(LookEnd::Stopped);
                    }
                }
                if held.len() >= letters_max {
                    end = end.or(Some(LookEnd::Full));
                }
            }
            let mut state = self.state();
            let now_ms = state.now_ms;
            for id in held.iter().filter_map(|id| id.parse().ok()) {
                state.queues.change_visibility(&kept.queue(), id, now_ms);
            }
            Ok(Some(Looked { letters: held.len(), end: end.unwrap_or(LookEnd::Whole) }))
        })
    }
}
