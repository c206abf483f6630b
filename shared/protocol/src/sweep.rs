//! The hourly look for runs that nothing moves any more.

use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::Handled,
    item::RunId,
    json, limits,
    message::Ask,
    payload,
    traits::{Clock, Host, Outgoing, QueueName, Retry, Store, WorldError, WorldResult},
};
use futures::future::{self, Either};
use serde::{Deserialize, Serialize};
use stepladder_engine::Status;

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Runs whose item was read.
    pub looked_at: usize,
    /// Runs that are still going, and are now being looked at.
    pub running: usize,
}

/// A year: the longest that a run lasts on Step Functions
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
const SWEEP_DAYS: i64 = 366;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Sweeps overlap by this much, so that a late one misses nothing, in milliseconds.
const OVERLAP_MS: i64 = 600_000;
/// The runs of one page of a window.
const SWEEP_PAGE_RUNS: usize = 500;
/// So many run items are read at once.
const SWEEP_LOOKS_AT_ONCE: usize = 16;

/// The message of the timer queue that asks for it: `{"sweep": true}`, or the rest of one: `{"sweep": {"workflow": …}}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SweepMessage {
    sweep: Asked,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Asked {
    Whole(bool),
    Rest(Place),
}

/// How far a sweep has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Those before it have been looked at; empty: none has.
    workflow: String,
    /// So many days before the newest of its windows.
    day: i64,
    /// What of the window is still to be looked at started before this, in milliseconds since the epoch.
    until_ms: i64,
    /// When the sweep began, in milliseconds since the epoch: its windows are counted from there.
    began_ms: i64,
}

impl Place {
    fn of(workflow: &str, began_ms: i64) -> Self {
        Self { workflow: workflow.to_owned(), day: 0, until_ms: i64::MAX, began_ms }
    }

    /// The message that goes on from here.
    fn sending(&self) -> WorldResult<Sending> {
        let body = json::to_ascii(&SweepMessage { sweep: Asked::Rest(self.clone()) })
            .map_err(|error| payload::unreadable("encode the rest of a sweep", &error.to_string()))?;
        Ok(Sending { queue: QueueName::Timer, outgoing: Outgoing::new(body, 0), step: None })
    }
}

/// Where the sweep begins that a body asks for, if it asks for one: how the timer function tells it from a run's message.
pub(crate) fn asked(body: &str, now_ms: i64) -> Option<Place> {
    match serde_json::from_str::<SweepMessage>(body).ok()?.sweep {
        Asked::Whole(true) => Some(Place::of("", now_ms)),
        Asked::Whole(false) => None,
        Asked::Rest(place) => Some(Place {
            day: place.day.clamp(0, SWEEP_DAYS),
            // Clocks differ, and there is no later sweep than this.
            began_ms: place.began_ms.min(now_ms).max(0),
            ..place
        }),
    }
}

impl<H: Host> Protocol<H> {
    /// A message that asks for a sweep. It stays in its queue if the sweep fails; where the time doesn't suffice, another
    /// message goes on from where this one came to.
    pub(crate) async fn sweep_delivery(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        mut place: Place,
    ) -> Handled {
        if invocation.is_dead_letter() {
            // It failed five times, and hourly there is another.
            tracing::error!(
                message_id = delivery.message_id,
                "a sweep was given up; the timer function's log says why it failed"
            );
            return Handled::done();
        }
        let margin_ms = limits::SWEEP_MARGIN_MS.min(invocation.function_timeout_ms / 4);
        let clock = self.host.clock();
        let left_ms = (invocation.deadline_ms - margin_ms - clock.now_ms()).max(0);
        let (from, mut swept) = (place.clone(), Swept::default());
        let (sweep, timeout) =
            (Box::pin(self.sweep_from(&mut place, &mut swept)), Box::pin(clock.sleep(left_ms)));
        let ended = match future::select(sweep, timeout).await {
            Either::Left((ended, _)) => Some(ended),
            Either::Right(_) => None,
        };
        let Swept { looked_at, running } = swept;
        let handled = match ended {
            Some(Ok(())) => {
                tracing::info!(looked_at, running, "swept");
                Ok(Handled::done())
            }
            Some(Err(error)) => Err(error),
            // A message that sends its like must come to an end: only what has come further is sent on.
            None if place != from => {
                tracing::info!(
                    looked_at,
                    running,
                    "a sweep ran out of time; another message goes on with it"
                );
                place.sending().map(|sending| Handled::sending(vec![sending]))
            }
            None => Err(WorldError {
                operation: "look for runs to repair".to_owned(),
                message:
                    "the function's time doesn't suffice for any; hint: raise the timer function's timeout"
                        .to_owned(),
                retry: Retry::Later,
            }),
        };
        match handled {
            Ok(handled) => handled,
            Err(error) => self.failed(invocation, delivery, None, error).await,
        }
    }

    /// Looks at the runs that started an hour ago, and at those that started whole days and an hour ago. Called hourly.
    pub async fn sweep(&self) -> WorldResult<Swept> {
        let began_ms = self.host.clock().now_ms();
        let mut swept = Swept::default();
        // In random order: if whoever calls this runs out of time, it isn't always the same workflows that wait.
        for workflow in self.shuffled(self.host.store().workflows().await?) {
            self.sweep_workflow(&mut Place::of(&workflow, began_ms), &mut swept).await?;
        }
        Ok(swept)
    }

    /// Sweeps what lies at and behind a place, workflow by workflow in the order of their names.
    async fn sweep_from(&self, place: &mut Place, swept: &mut Swept) -> WorldResult<()> {
        let mut workflows = self.host.store().workflows().await?;
        workflows.retain(|workflow| *workflow >= place.workflow);
        workflows.sort_unstable();
        for workflow in workflows {
            if workflow != place.workflow {
                *place = Place::of(&workflow, place.began_ms);
            }
            self.sweep_workflow(place, swept).await?;
        }
        Ok(())
    }

    async fn sweep_workflow(&self, place: &mut Place, swept: &mut Swept) -> WorldResult<()> {
        if place.day == 0 && place.until_ms == i64::MAX {
            Box::pin(self.resume_left(&place.workflow)).await?;
        }
        while place.day <= SWEEP_DAYS {
            let window_ms = place.began_ms - HOUR_MS - place.day * DAY_MS;
            let from_ms = window_ms - HOUR_MS - OVERLAP_MS;
            self.sweep_window(place, from_ms, window_ms, swept).await?;
            // Days on which nothing started are passed over.
            let older = self.host.store().runs_started(&place.workflow, 0, from_ms, 1).await?;
            let Some(next) = older.first() else { break };
            let next_day = (place.began_ms - HOUR_MS - next.started_ms) / DAY_MS;
            (place.day, place.until_ms) = ((place.day + 1).max(next_day), i64::MAX);
        }
        Ok(())
    }

    /// Looks at all runs of a window that are still to be looked at, page by page, newest first.
    async fn sweep_window(
        &self,
        place: &mut Place,
        from_ms: i64,
        window_ms: i64,
        swept: &mut Swept,
    ) -> WorldResult<()> {
        let now_ms = self.host.clock().now_ms();
        let mut page_max = SWEEP_PAGE_RUNS;
        loop {
            let until_ms = place.until_ms.min(window_ms);
            let page = self.host.store().runs_started(&place.workflow, from_ms, until_ms, page_max).await?;
            for runs in page.chunks(SWEEP_LOOKS_AT_ONCE) {
                let asked = runs.iter().map(|run| self.ask_for_look(&run.id, now_ms));
                for is_running in futures::future::join_all(asked).await {
                    swept.looked_at += 1;
                    swept.running += usize::from(is_running?);
                }
                // Runs of the same millisecond may stand on either side of this, so it is read again.
                if let Some(oldest) = runs.last() {
                    place.until_ms = oldest.started_ms + 1;
                }
            }
            if page.len() < page_max {
                return Ok(());
            }
            // A page that is full of runs of the same millisecond needs a larger one.
            if place.until_ms >= until_ms {
                page_max *= 2;
            }
        }
    }

    /// Asks the timer function to look at a run, if it is still going.
    async fn ask_for_look(&self, id: &RunId, now_ms: i64) -> WorldResult<bool> {
        match self.host.store().run(id, now_ms).await? {
            Some(item) if item.status == Status::Running => {
                let message = self.message(&item.run(), Ask::Look);
                self.send_now(vec![self.sending(QueueName::Timer, &message, i64::MIN).await?]).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
