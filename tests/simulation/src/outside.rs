//! What lies outside the stack: schedules that send to the timer queue, and an event bus.

use crate::host::{MemoryHost, State};
use rand::Rng;
use std::collections::BTreeMap;
use stepladder_protocol::{Events, QueueName, Schedule, Scheduled, Schedules, StatusEvent, WorldResult};

/// A schedule comes by so much too early or too late where there are faults, in milliseconds.
const IMPRECISION_MS: i64 = 60_000;

/// One-time schedules that have not fired, by name, and all events of the bus.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    schedules: BTreeMap<String, Pending>,
    pub(crate) events: Vec<StatusEvent>,
}

#[derive(Debug)]
struct Pending {
    schedule: Schedule,
    fires_ms: i64,
}

impl Outside {
    pub(crate) fn next_ms(&self) -> Option<i64> {
        self.schedules.values().map(|pending| pending.fires_ms).min()
    }
}

impl State {
    /// Sends what is due. A schedule is deleted when it has fired; sometimes its message is sent twice.
    pub(crate) fn fire(&mut self) {
        let now_ms = self.now_ms;
        let due = |pending: &Pending| pending.fires_ms <= now_ms;
        let names: Vec<String> = self
            .outside
            .schedules
            .iter()
            .filter(|(_, pending)| due(pending))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let Some(Pending { schedule, .. }) = self.outside.schedules.remove(&name) else { continue };
            let twice = self.faults.is_some_and(|faults| self.rng.random_bool(faults.duplicate));
            for _ in 0..=u8::from(twice) {
                let delay_ms = self.lag_ms;
                self.queues.send(&QueueName::Timer, schedule.body.clone(), now_ms, delay_ms);
            }
        }
    }
}

impl Schedules for MemoryHost {
    async fn create(&self, schedule: &Schedule) -> WorldResult<Scheduled> {
        self.op("schedule", |state| {
            if state.outside.schedules.contains_key(&schedule.name) {
                return Ok(Scheduled::Exists);
            }
            let imprecision_ms = match state.faults {
                Some(_) => state.rng.random_range(-IMPRECISION_MS..=IMPRECISION_MS),
                None => 0,
            };
            let fires_ms = schedule.at_ms + imprecision_ms;
            let pending = Pending { schedule: schedule.clone(), fires_ms };
            state.outside.schedules.insert(schedule.name.clone(), pending);
            Ok(Scheduled::Created)
        })
        .await
    }
}

impl Events for MemoryHost {
    async fn put(&self, event: &StatusEvent) -> WorldResult<()> {
        self.op("put event", |state| {
            state.outside.events.push(event.clone());
            Ok(())
        })
        .await
    }
}

impl MemoryHost {
    /// The same world, as the timer function of a stack with schedules sees it.
    pub fn with_schedules(mut self) -> Self {
        self.has_schedules = true;
        self
    }

    /// The same world, as the timer function and the dead-letter function of a stack with an event bus see it.
    pub fn with_events(mut self) -> Self {
        self.has_events = true;
        self
    }

    /// The schedules that have not fired, in the order of their names.
    pub fn pending_schedules(&self) -> Vec<Schedule> {
        self.state().outside.schedules.values().map(|pending| pending.schedule.clone()).collect()
    }

    /// What the event bus was told, in order.
    pub fn events_told(&self) -> Vec<StatusEvent> {
        self.state().outside.events.clone()
    }
}
