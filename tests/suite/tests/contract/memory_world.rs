//! The simulation's world, without its faults.

use std::collections::BTreeMap;
use stepladder_protocol::{Clock, Host, QueueName};
use stepladder_simulation::MemoryHost;
use stepladder_tests::contract::{Received, World};

pub(crate) struct MemoryWorld(pub(crate) MemoryHost);

impl World for MemoryWorld {
    type Host = MemoryHost;

    fn host(&self) -> &MemoryHost {
        &self.0
    }

    /// Every queue is there, but for the step `missing`'s.
    async fn create_queue(&self, function: &str) -> QueueName {
        QueueName::Step(function.to_owned())
    }

    fn objects_per_page(&self) -> usize {
        3
    }

    /// Every bucket is there, but for those whose names begin with `missing`.
    async fn create_bucket(&self) -> String {
        format!("bucket-{:032x}", self.host().clock().random_u128())
    }

    async fn receive(&self, queue: &QueueName) -> Vec<Received> {
        let groups: BTreeMap<_, _> =
            self.0.in_queue(queue).into_iter().map(|message| (message.id, message.group)).collect();
        let deliveries = self.host().queue().receive(queue).into_iter();
        deliveries
            .map(|delivery| Received {
                group: groups[&delivery.message_id].clone(),
                body: delivery.body,
                receipt: delivery.receipt,
                receive_count: delivery.receive_count,
            })
            .collect()
    }

    async fn wait(&self, duration_ms: i64) {
        self.0.wait(duration_ms);
    }
}
