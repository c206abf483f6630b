//! Waits that are longer than a message's delay.
//!
//! A step sends such a message to the timer queue with the longest delay. The timer function records a hop when it comes
//! back too early, as of any chain of delays, and what follows from that record is a schedule where there are schedules:
//! it is an effect like any other, so doing it twice must change nothing. Its name is the wait's; one that is there is as
//! good as one that is made.

use crate::{
    Protocol, limits,
    metrics::Metric,
    payload::hex,
    planted::PlantedBug,
    traits::{Clock, Host, Retry, Schedule, Schedules},
};
use sha2::{Digest, Sha256};
use stepladder_engine::{Position, Run};

impl<H: Host> Protocol<H> {
    /// Whether a schedule does the waiting of a message for a position. If none can be made, delays do it.
    pub(crate) async fn is_scheduled(&self, run: &Run, position: &Position, due_ms: i64, body: &str) -> bool {
        let Some(schedules) = self.host.schedules() else { return false };
        let left_ms = due_ms.saturating_sub(self.host.clock().now_ms());
        if left_ms <= i64::from(limits::DELAY_SECONDS_MAX) * 1000
            || body.len() > limits::SCHEDULE_BODY_BYTES_MAX
        {
            return false;
        }
        let name = match self.planted(PlantedBug::ScheduleNamedByBranch) {
            true => name(&[&run.nonce, &position.branch.to_string()]),
            false => schedule_name(run, position, due_ms),
        };
        let schedule =
            Schedule { name, at_ms: due_ms.saturating_sub(limits::SCHEDULE_EARLY_MS), body: body.to_owned() };
        match schedules.create(&schedule).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(run = run.id(), %error, "a wait could not be scheduled; it is a chain of delays");
                self.count_throttle(error.retry);
                self.planted(PlantedBug::FailedScheduleIsDone)
            }
        }
    }

    pub(crate) fn count_throttle(&self, retry: Retry) {
        if retry == Retry::Throttled {
            self.metrics.count(Metric::Throttles);
        }
    }
}

/// The wait's name: the same for whoever makes its schedule, and no other wait's.
fn schedule_name(run: &Run, position: &Position, due_ms: i64) -> String {
    name(&[&run.nonce, &position.branch.to_string(), &position.seq.to_string(), &due_ms.to_string()])
}

fn name(parts: &[&str]) -> String {
    hex(&Sha256::digest(parts.join("|"))).chars().take(32).collect()
}
