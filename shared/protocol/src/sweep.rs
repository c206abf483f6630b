//! The hourly look for runs that nothing moves any more.

use crate::{
    Protocol,
    batch::{Delivery, Invocation},
    deliver::Handled,
    item::RunId,
    limits,
    message::Ask,
    traits::{Clock, Host, QueueName, Retry, Store, WorldError, WorldResult},
};
use futures::future::{self, Either};
use serde::Deserialize;
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

/// The message of the timer queue that asks for it: `{"sweep": true}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SweepMessage {
    sweep: bool,
}

/// Whether a body asks for a sweep: how the timer function tells it from a run's message.
pub(crate) fn is_sweep(body: &str) -> bool {
    serde_json::from_str::<SweepMessage>(body).is_ok_and(|message| message.sweep)
}

impl<H: Host> Protocol<H> {
    /// A message that asks for a sweep. It stays in its queue if the sweep fails or takes too long; the next begins with
    /// other workflows.
    pub(crate) async fn sweep_delivery(&self, invocation: &Invocation, delivery: &Delivery) -> Handled {
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
        let (sweep, timeout) = (Box::pin(self.sweep()), Box::pin(clock.sleep(left_ms)));
        let swept = match future::select(sweep, timeout).await {
            Either::Left((swept, _)) => swept,
            Either::Right(_) => Err(WorldError {
                operation: "look for runs to repair".to_owned(),
                message:
                    "there are more than the function has time for; hint: raise the timer function's timeout"
                        .to_owned(),
                retry: Retry::Later,
            }),
        };
        match swept {
            Ok(Swept { looked_at, running }) => {
                tracing::info!(looked_at, running, "swept");
                Handled::done()
            }
            Err(error) => self.failed(invocation, delivery, None, error).await,
        }
    }

    /// Looks at the runs that started an hour ago, and at those that started whole days and an hour ago. Called hourly.
    pub async fn sweep(&self) -> WorldResult<Swept> {
        let now_ms = self.host.clock().now_ms();
        let store = self.host.store();
        let mut swept = Swept::default();
        // In random order: if a sweep runs out of time, it isn't always the same workflows that wait for the next.
        for workflow in self.shuffled(store.workflows().await?) {
            let mut day = 0;
            while day <= SWEEP_DAYS {
                let until_ms = now_ms - HOUR_MS - day * DAY_MS;
                let from_ms = until_ms - HOUR_MS - OVERLAP_MS;
                self.sweep_window(&workflow, from_ms, until_ms, &mut swept).await?;
                // Days on which nothing started are passed over.
                let older = store.runs_started(&workflow, 0, from_ms, 1).await?;
                let Some(next) = older.first() else { break };
                day = (day + 1).max((now_ms - HOUR_MS - next.started_ms) / DAY_MS);
            }
        }
        Ok(swept)
    }

    /// Looks at all runs of a window, page by page, newest first.
    async fn sweep_window(
        &self,
        workflow: &str,
        from_ms: i64,
        mut until_ms: i64,
        swept: &mut Swept,
    ) -> WorldResult<()> {
        let now_ms = self.host.clock().now_ms();
        let mut page_max = SWEEP_PAGE_RUNS;
        loop {
            let page = self.host.store().runs_started(workflow, from_ms, until_ms, page_max).await?;
            for runs in page.chunks(SWEEP_LOOKS_AT_ONCE) {
                let asked = runs.iter().map(|run| self.ask_for_look(&run.id, now_ms));
                for is_running in futures::future::join_all(asked).await {
                    swept.looked_at += 1;
                    swept.running += usize::from(is_running?);
                }
            }
            let (Some(oldest), true) = (page.last(), page.len() >= page_max) else { return Ok(()) };
            // Runs of the same millisecond may stand on either side of the page's end, so it is read again; a page that
            // is full of them needs a larger one.
            match oldest.started_ms + 1 < until_ms {
                true => until_ms = oldest.started_ms + 1,
                false => page_max *= 2,
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
