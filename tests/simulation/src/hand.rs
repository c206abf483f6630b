//! What a test does to the world by hand, where no scheduler drives it.

use crate::host::MemoryHost;
use futures::task::noop_waker;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use stepladder_protocol::{
    Delivery, Invoked, Partition, QueueName, Record, RecordKey, RunId, Settings, limits,
};

/// A message that lies in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InQueue {
    pub id: String,
    pub body: String,
    /// Whose it is.
    pub group: Option<String>,
    pub receive_count: u32,
    /// When it was sent, in milliseconds since the epoch.
    pub sent_ms: i64,
    /// When it can be received (again), in milliseconds since the epoch.
    pub visible_ms: i64,
}

/// What the world notes and does for whoever drives it by hand.
#[derive(Debug, Default)]
pub(crate) struct Hand {
    /// How often somebody has come to an await other than a sleep.
    pub(crate) points: u64,
    /// The next time that somebody sleeps until, in milliseconds since the epoch.
    next_wake_ms: Option<i64>,
    calls: Option<Vec<&'static str>>,
    writes: Option<Vec<Write>>,
    /// The queue and the group of each message that was sent.
    sent: Option<Vec<(QueueName, Option<String>)>>,
    /// How long each operation takes, in milliseconds.
    pub(crate) operation_ms: i64,
    failing: BTreeMap<&'static str, u32>,
}

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The run item.
    Run(RunId),
    In(Partition),
}

/// Something that was written, or whose condition didn't hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub operation: &'static str,
    /// In milliseconds since the epoch.
    pub at_ms: i64,
    pub place: Place,
}

impl Hand {
    pub(crate) fn writes(&mut self, operation: &'static str, at_ms: i64, place: Place) {
        if let Some(writes) = &mut self.writes {
            writes.push(Write { operation, at_ms, place });
        }
    }

    /// Notes an operation; true if it shall fail.
    pub(crate) fn notes(&mut self, operation: &'static str) -> bool {
        if let Some(calls) = &mut self.calls {
            calls.push(operation);
        }
        match self.failing.get_mut(operation) {
            Some(times) if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }

    /// Notes a message that is sent.
    pub(crate) fn sent(&mut self, queue: &QueueName, group: Option<&str>) {
        if let Some(sent) = &mut self.sent {
            sent.push((queue.clone(), group.map(str::to_owned)));
        }
    }

    pub(crate) fn sleeps_until(&mut self, until_ms: i64) {
        self.next_wake_ms = Some(self.next_wake_ms.map_or(until_ms, |next_ms| next_ms.min(until_ms)));
    }
}

/// As a queue with the usual function timeout has it, in milliseconds.
const VISIBILITY_MS: i64 = 60_000;
/// So many turns without an await other than a sleep, and nobody but sleepers is left: a batch is polled in portions.
const IDLE_TURNS: u32 = 64;

impl MemoryHost {
    /// The same world under other settings.
    pub fn with_settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Runs to the end. Operations take no time, unless [`MemoryHost::take_time`] says so; when all sleep, the time goes on to whoever wakes first.
    ///
    /// # Panics
    /// If nothing will happen any more.
    pub fn drive<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let waker = noop_waker();
        let mut idle = 0;
        loop {
            let points = self.state().hand.points;
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            let mut state = self.state();
            if state.hand.points != points {
                idle = 0;
                state.hand.next_wake_ms = None;
                continue;
            }
            idle += 1;
            if idle >= IDLE_TURNS {
                idle = 0;
                let wake_ms = state.hand.next_wake_ms.take().expect("nothing will happen any more");
                state.now_ms = state.now_ms.max(wake_ms);
            }
        }
    }

    /// Lets time pass, in milliseconds. Schedules that are due by then fire.
    pub fn wait(&self, duration_ms: i64) {
        let mut state = self.state();
        state.now_ms += duration_ms;
        state.fire();
    }

    /// Up to ten messages that are visible now; they stay invisible for 60 s. One that was received five times goes to
    /// the dead-letter queue instead.
    pub fn receive(&self, queue: &QueueName) -> Vec<Delivery> {
        let mut state = self.state();
        let now_ms = state.now_ms;
        let ids = state.queues.first_visible(queue, now_ms, 10);
        ids.into_iter()
            .filter_map(|id| {
                let queued = state.queues.receive(queue, id, limits::RECEIVES_MAX, now_ms + VISIBILITY_MS)?;
                Some(Delivery {
                    message_id: id.to_string(),
                    receipt: id.to_string(),
                    body: queued.body,
                    receive_count: queued.receive_count,
                    sent_ms: Some(queued.sent_ms),
                })
            })
            .collect()
    }

    /// Deletes a message that was received.
    pub fn delete(&self, queue: &QueueName, message_id: &str) {
        if let Ok(id) = message_id.parse() {
            self.state().queues.delete(queue, id);
        }
    }

    /// All messages of a queue, visible or not.
    pub fn in_queue(&self, queue: &QueueName) -> Vec<InQueue> {
        let messages = self.state().queues.messages(queue).into_iter();
        messages
            .map(|(id, queued)| InQueue {
                id: id.to_string(),
                body: queued.body,
                group: queued.group,
                receive_count: queued.receive_count,
                sent_ms: queued.sent_ms,
                visible_ms: queued.visible_ms,
            })
            .collect()
    }

    /// How many messages a queue has, visible or not.
    pub fn in_queue_count(&self, queue: &QueueName) -> usize {
        self.state().queues.count(queue)
    }

    /// Loses all messages but those of the parked and the status queue.
    pub fn purge(&self) {
        self.state().queues.purge();
    }

    /// The next so many calls of this operation are throttled: they have no effect.
    pub fn throttle(&self, operation: &'static str, times: u32) {
        self.state().hand.failing.insert(operation, times);
    }

    /// From now on each operation takes so long, in milliseconds.
    pub fn take_time(&self, operation_ms: i64) {
        self.state().hand.operation_ms = operation_ms;
    }

    /// The operations since the last call of this, which begins to note them.
    pub fn calls(&self) -> Vec<&'static str> {
        self.state().hand.calls.replace(Vec::new()).unwrap_or_default()
    }

    /// What was written since the last call of this, which begins to note it.
    pub fn writes(&self) -> Vec<Write> {
        self.state().hand.writes.replace(Vec::new()).unwrap_or_default()
    }

    /// The queue and the group of each message that was sent since the last call of this, which begins to note them.
    pub fn sent(&self) -> Vec<(QueueName, Option<String>)> {
        self.state().hand.sent.replace(Vec::new()).unwrap_or_default()
    }

    /// How a direct call of a function goes, by its name and what it is called with.
    pub fn on_invoke<F>(&self, invoke: impl Fn(String, String) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Invoked> + Send + 'static,
    {
        self.state().invoke = Some(Arc::new(move |function, payload| {
            Box::pin(invoke(function, payload)) as Pin<Box<dyn Future<Output = Invoked> + Send>>
        }));
    }

    /// Changes a record that is there, as nothing but a fault would.
    pub fn damage(&self, key: &RecordKey, damage: impl FnOnce(&mut Record)) {
        damage(self.state().records.get_mut(key).expect("the record is there"));
    }

    /// Loses a record, as nothing but a fault would.
    pub fn lose(&self, key: &RecordKey) {
        self.state().records.remove(key).expect("the record is there");
    }

    /// The keys of all blobs, and their sizes in bytes.
    pub fn blob_sizes(&self) -> BTreeMap<String, usize> {
        self.state().blobs.iter().map(|(key, bytes)| (key.clone(), bytes.len())).collect()
    }
}
