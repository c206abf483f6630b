//! Queues as SQS has them: at least once, in no order, invisible while somebody works.

use std::collections::BTreeMap;
use stepladder_protocol::QueueName;

#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) body: String,
    pub(crate) group: Option<String>,
    pub(crate) receive_count: u32,
    pub(crate) sent_ms: i64,
    pub(crate) visible_ms: i64,
}

/// All queues of a stack. A message is the same object for all of its deliveries: deleting it by one deletes it for all.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    next_id: u64,
    by_name: BTreeMap<QueueName, BTreeMap<u64, Queued>>,
}

impl Queues {
    pub(crate) fn send(&mut self, queue: &QueueName, body: String, now_ms: i64, delay_ms: i64) {
        self.send_of(None, queue, body, now_ms, delay_ms);
    }

    /// Sends a message of a group.
    pub(crate) fn send_of(
        &mut self,
        group: Option<String>,
        queue: &QueueName,
        body: String,
        now_ms: i64,
        delay_ms: i64,
    ) {
        self.next_id += 1;
        let queued = Queued { body, group, receive_count: 0, sent_ms: now_ms, visible_ms: now_ms + delay_ms };
        self.by_name.entry(queue.clone()).or_default().insert(self.next_id, queued);
    }

    pub(crate) fn visible(&self, now_ms: i64) -> Vec<(QueueName, Vec<u64>)> {
        self.served()
            .map(|(name, queue)| {
                let ids = queue.iter().filter(|(_, queued)| queued.visible_ms <= now_ms).map(|(id, _)| *id);
                (name.clone(), ids.collect::<Vec<_>>())
            })
            .filter(|(_, ids)| !ids.is_empty())
            .collect()
    }

    /// The first of a queue's messages that are visible, at most so many.
    pub(crate) fn first_visible(&self, queue: &QueueName, now_ms: i64, limit: usize) -> Vec<u64> {
        let queue = self.by_name.get(queue).into_iter().flatten();
        queue.filter(|(_, queued)| queued.visible_ms <= now_ms).map(|(id, _)| *id).take(limit).collect()
    }

    pub(crate) fn count(&self, queue: &QueueName) -> usize {
        self.by_name.get(queue).map_or(0, BTreeMap::len)
    }

    pub(crate) fn messages(&self, queue: &QueueName) -> Vec<(u64, Queued)> {
        let queue = self.by_name.get(queue);
        queue.into_iter().flatten().map(|(id, queued)| (*id, queued.clone())).collect()
    }

    /// Receives a message: it is invisible for a while. At its last receive it goes to the dead-letter queue instead.
    pub(crate) fn receive(
        &mut self,
        queue: &QueueName,
        id: u64,
        receives_max: u32,
        visible_ms: i64,
    ) -> Option<Queued> {
        let messages = self.by_name.get_mut(queue)?;
        let queued = messages.get_mut(&id)?;
        if queued.receive_count >= receives_max && *queue != QueueName::DeadLetter {
            let queued = messages.remove(&id)?;
            self.by_name.entry(QueueName::DeadLetter).or_default().insert(id, queued);
            return None;
        }
        queued.receive_count += 1;
        queued.visible_ms = visible_ms;
        Some(queued.clone())
    }

    pub(crate) fn delete(&mut self, queue: &QueueName, id: u64) {
        if let Some(messages) = self.by_name.get_mut(queue) {
            messages.remove(&id);
        }
    }

    pub(crate) fn change_visibility(&mut self, queue: &QueueName, id: u64, visible_ms: i64) {
        if let Some(queued) = self.by_name.get_mut(queue).and_then(|messages| messages.get_mut(&id)) {
            queued.visible_ms = visible_ms;
        }
    }

    pub(crate) fn purge(&mut self) {
        let kept = [QueueName::Parked, QueueName::Status];
        self.by_name.retain(|name, _| kept.contains(name));
    }

    pub(crate) fn clear(&mut self, queue: &QueueName) {
        self.by_name.remove(queue);
    }

    pub(crate) fn next_visible_ms(&self) -> Option<i64> {
        self.served().flat_map(|(_, queue)| queue.values().map(|queued| queued.visible_ms)).min()
    }

    pub(crate) fn bodies(&self, queue: &QueueName) -> Vec<&str> {
        self.by_name
            .get(queue)
            .into_iter()
            .flat_map(|queue| queue.values().map(|queued| queued.body.as_str()))
            .collect()
    }

    /// The queues that have a function behind them.
    fn served(&self) -> impl Iterator<Item = (&QueueName, &BTreeMap<u64, Queued>)> {
        self.by_name.iter().filter(|(name, _)| {
            !matches!(name, QueueName::Parked | QueueName::Status | QueueName::Activity(_))
        })
    }
}
