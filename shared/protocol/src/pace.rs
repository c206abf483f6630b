//! A step that begins no more often than so many times a second.
//!
//! An item per step holds the time of its next free slot. A batch takes a slot for each of its messages, by one write. What
//! has a slot in the future is sent again to the same queue, as the same message: with its slot, delayed until then, so that no
//! receive is spent on waiting. The id stays, so that by rule 4 all copies are one message: whichever is acknowledged, none
//! takes another's effects along.
//!
//! Slots reach as far ahead as a message can be delayed. A message for which there is none is sent again too, and asks anew
//! when it comes back: each after another time, so that not all come at once.

use crate::{
    Protocol,
    batch::{Delivery, Invocation},
    deliver::Handled,
    limits,
    message::{self, Ask, Message},
    planted::PlantedBug,
    traits::{Clock, Host, QueueName, WorldError, WorldResult},
};
use serde::{Deserialize, Serialize};

/// How often a step may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// From one slot to the next, in microseconds.
    interval_us: i64,
    /// So many may begin at once after a pause.
    burst: u32,
}

impl Rate {
    /// So many times a second; after a pause as many at once as a second has, and at least one. `None`: it isn't within
    /// [`limits::RATE_PER_SECOND_MIN`] and [`limits::RATE_PER_SECOND_MAX`].
    pub fn per_second(rate: f64) -> Option<Self> {
        if !(limits::RATE_PER_SECOND_MIN..=limits::RATE_PER_SECOND_MAX).contains(&rate) {
            return None;
        }
        // Within the limits both fit.
        let (interval_us, burst) = ((1e6 / rate).round() as i64, rate.floor().max(1.0) as u32);
        Some(Self { interval_us, burst })
    }

    /// So many slots, from `now_ms` on.
    fn ask(self, count: u32, now_ms: i64) -> SlotsAsked {
        let Self { interval_us, burst } = self;
        let now_us = now_ms.saturating_mul(1000);
        SlotsAsked {
            count,
            interval_us,
            from_us: now_us - interval_us * (i64::from(burst) - 1),
            until_us: now_us + limits::PACE_AHEAD_MS * 1000,
        }
    }
}

/// What is asked of a step's pace. Times are microseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotsAsked {
    /// At least one.
    pub count: u32,
    /// From one slot to the next; at least one.
    pub interval_us: i64,
    /// The first slot may be no earlier.
    pub from_us: i64,
    /// No slot may be later.
    pub until_us: i64,
}

impl SlotsAsked {
    /// How many of the slots there are, if the first is at `first_us`.
    pub fn within(&self, first_us: i64) -> u32 {
        if first_us > self.until_us {
            return 0;
        }
        let fits = (self.until_us - first_us) / self.interval_us.max(1) + 1;
        u32::try_from(fits).unwrap_or(u32::MAX).min(self.count)
    }
}

/// Slots that were taken, as far apart as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Microseconds since the epoch.
    pub first_us: i64,
    /// None: the next free one is too late.
    pub count: u32,
}

/// The paces of steps in the store: of each the time of its next free slot, which never goes back.
pub trait Paces: Send + Sync {
    /// Takes the next slots of a step, as many of those asked for as there are. The first is no earlier than the last one that
    /// anybody has taken, and an interval. Repeating it takes others.
    fn take_slots(&self, step: &str, asked: &SlotsAsked) -> impl Future<Output = WorldResult<Slots>> + Send;
}

/// What a message carries that was sent again to wait for its slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Its slot, in milliseconds since the epoch; none was left within reach.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at_ms: Option<i64>,
    /// How often it had been received in vain: its queue counts anew.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub receives: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// When a message may begin.
#[derive(Debug)]
pub(crate) enum Slot {
    /// Whenever it comes.
    Free,
    /// Milliseconds since the epoch.
    At(i64),
    /// Later than slots reach.
    Beyond,
    /// It could not be asked for.
    Unknown(WorldError),
}

impl<H: Host> Protocol<H> {
    /// The slots of a batch, in its order. What has a slot, and isn't much too late for it, keeps it.
    pub(crate) async fn slots(&self, invocation: &Invocation, deliveries: &[Delivery]) -> Vec<Slot> {
        let (Some(rate), QueueName::Step(step)) = (self.host.settings().flow.rate, &invocation.queue) else {
            return deliveries.iter().map(|_| Slot::Free).collect();
        };
        let now_ms = self.host.clock().now_ms();
        let own: Vec<Option<Slot>> =
            deliveries.iter().map(|delivery| self.slot_of(delivery, now_ms)).collect();
        let missing = own.iter().filter(|slot| slot.is_none()).count();
        let Some(count) = u32::try_from(missing).ok().filter(|count| *count > 0) else {
            return own.into_iter().flatten().collect();
        };
        let asked = match self.planted(PlantedBug::OneSlotForTheBatch) {
            true => rate.ask(1, now_ms),
            false => rate.ask(count, now_ms),
        };
        let taken = self.host.store().take_slots(step, &asked).await;
        let nth = |nth: u32| match &taken {
            Err(error) => Slot::Unknown(error.clone()),
            Ok(slots) if nth < slots.count => {
                let at_us = slots.first_us.saturating_add(rate.interval_us.saturating_mul(i64::from(nth)));
                Slot::At(at_us.saturating_add(999).div_euclid(1000))
            }
            Ok(slots) if self.planted(PlantedBug::OneSlotForTheBatch) && slots.count > 0 => {
                Slot::At(slots.first_us.div_euclid(1000))
            }
            Ok(_) => Slot::Beyond,
        };
        let mut next = 0..;
        own.into_iter().map(|slot| slot.unwrap_or_else(|| nth(next.next().unwrap_or(u32::MAX)))).collect()
    }

    /// The slot that a message needn't ask for.
    fn slot_of(&self, delivery: &Delivery, now_ms: i64) -> Option<Slot> {
        #[derive(Deserialize)]
        struct Paced {
            #[serde(default)]
            pace: Option<Pace>,
        }
        let text = message::unpacked(&delivery.body, self.host.settings().payload_bytes_max);
        // What can't be read is parked and needs no slot.
        let Some(Paced { pace }) = text.ok().and_then(|text| serde_json::from_slice(&text).ok()) else {
            return Some(Slot::Free);
        };
        let Pace { at_ms, receives } = pace.unwrap_or_default();
        // The step's queue gives it up by itself only if it is sent again no more.
        if receives.saturating_add(delivery.receive_count) >= limits::RECEIVES_MAX {
            return Some(Slot::Free);
        }
        at_ms.filter(|at_ms| now_ms.saturating_sub(*at_ms) <= limits::PACE_LATE_MS).map(Slot::At)
    }

    /// Waits for a message's slot: here if that takes a moment, else in its queue. Then it has been handled.
    pub(crate) async fn wait_for_slot(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        message: &mut Message,
        slot: Slot,
    ) -> WorldResult<Option<Handled>> {
        let clock = self.host.clock();
        let now_ms = clock.now_ms();
        let deadline_ms = match &message.ask {
            Ask::Step(position) => position.deadline_ms.unwrap_or(i64::MAX),
            _ => return Ok(None),
        };
        let at_ms = match slot {
            Slot::Free => return Ok(None),
            Slot::At(at_ms) => Some(at_ms),
            Slot::Beyond => None,
            Slot::Unknown(error) => return Err(error),
        };
        let due_ms = at_ms.unwrap_or_else(|| now_ms.saturating_add(self.ask_again_ms())).min(deadline_ms);
        let left_ms = due_ms.saturating_sub(now_ms);
        if left_ms <= 0 {
            return Ok(None);
        }
        if at_ms.is_some() && left_ms <= limits::PACE_WAIT_MS.min(invocation.function_timeout_ms / 4) {
            clock.sleep(left_ms).await;
            return Ok(None);
        }
        let receives = message.pace.unwrap_or_default().receives;
        let receives = receives.saturating_add(delivery.receive_count.saturating_sub(1));
        message.pace = Some(Pace { at_ms, receives });
        if self.planted(PlantedBug::WaitsUnderAnotherId) {
            message.id = format!("{:032x}", clock.random_u128());
        }
        let sending = self.sending(invocation.queue.clone(), message, due_ms).await?;
        Ok(Some(Handled::sending(vec![sending])))
    }

    /// After how long a message asks for a slot again, in milliseconds: from half of how far slots reach to all of it.
    fn ask_again_ms(&self) -> i64 {
        let half_ms = limits::PACE_AHEAD_MS / 2;
        let jitter = self.host.clock().random_u128() % u128::from(half_ms.unsigned_abs());
        half_ms.saturating_add(i64::try_from(jitter).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rate(rate: f64, expected: Option<(i64, u32)>) {
        assert_eq!(Rate::per_second(rate).map(|rate| (rate.interval_us, rate.burst)), expected);
    }

    #[test]
    fn a_rate_is_a_distance_and_a_second_at_once() {
        check_rate(10.0, Some((100_000, 10)));
        check_rate(1.0, Some((1_000_000, 1)));
        check_rate(0.5, Some((2_000_000, 1)));
        check_rate(2.5, Some((400_000, 2)));
        check_rate(1_000.0, Some((1_000, 1_000)));
        check_rate(0.001, Some((1_000_000_000, 1)));
        for refused in [0.0, -1.0, 0.0009, 1_001.0, f64::NAN, f64::INFINITY] {
            check_rate(refused, None);
        }
    }

    #[test]
    fn slots_reach_as_far_as_asked() {
        let asked = SlotsAsked { count: 5, interval_us: 10, from_us: 0, until_us: 100 };
        assert_eq!(asked.within(60), 5);
        assert_eq!(asked.within(61), 4);
        assert_eq!(asked.within(100), 1);
        assert_eq!(asked.within(101), 0);
    }
}
