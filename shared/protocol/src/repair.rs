//! Recovery from the table alone: what no message will do any more is done again.

use crate::{
    Protocol,
    deliver::Handled,
    item::{RunId, RunKey},
    limits,
    message::{Ask, Message},
    planted::PlantedBug,
    read::RunView,
    traits::{Clock, Host, QueueName, Store, WorldResult},
};
use stepladder_engine::{Effect, Next, Status};

/// What a repair found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// The effect of the last record was done again.
    Again {
        state: String,
    },
    /// It waits for a time that hasn't come.
    Waits {
        state: String,
        due_ms: i64,
    },
    /// It has ended.
    Ended(Status),
    NotFound,
}

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
/// So many runs of one window are looked at; the next sweep finds the rest by the day's overlap.
const SWEEP_RUNS_MAX: usize = 10_000;

impl<H: Host> Protocol<H> {
    /// Does the effect of the run's last record again, whatever it waits for. Writes no record.
    pub async fn repair(&self, id: &RunId) -> WorldResult<Repaired> {
        let Some(view) = self.view(id).await? else {
            return Ok(Repaired::NotFound);
        };
        if view.item.status != Status::Running {
            return Ok(Repaired::Ended(view.item.status));
        }
        let state = match &view.replay.last.next {
            Next::Wait(position) => position.state.clone(),
            Next::End(end) => end.state.clone(),
        };
        for sending in self.do_again(&view).await?.sendings {
            self.send_one(sending).await?;
        }
        Ok(Repaired::Again { state })
    }

    /// The look that the timer function takes by itself: what has no visible reason to wait is sent again.
    pub(crate) async fn look(&self, message: &Message) -> WorldResult<Handled> {
        let key = RunKey::of(&message.run);
        let Some(view) = self.view(&key.id).await? else {
            return Ok(Handled::done());
        };
        if view.item.status != Status::Running || view.item.nonce != key.nonce {
            return Ok(Handled::done());
        }
        let now_ms = self.host.clock().now_ms();
        self.renew(&view, now_ms).await?;
        if let Effect::Send { due_ms, .. } = view.replay.last.effect()
            && due_ms.max(view.replay.last.now_ms).saturating_add(limits::OVERDUE_MS) > now_ms
        {
            return Ok(Handled::done());
        }
        tracing::warn!(run = %key, metric = "repairs_made", "a run had no visible reason to wait; its last effect is done again");
        self.do_again(&view).await
    }

    /// Looks at the runs that started an hour ago, and at those that started whole days and an hour ago. Called hourly.
    pub async fn sweep(&self) -> WorldResult<Swept> {
        let now_ms = self.host.clock().now_ms();
        let store = self.host.store();
        let mut swept = Swept::default();
        for workflow in store.workflows().await? {
            let mut day = 0;
            while day <= SWEEP_DAYS {
                let until_ms = now_ms - HOUR_MS - day * DAY_MS;
                let from_ms = until_ms - HOUR_MS - OVERLAP_MS;
                for run in store.runs_started(&workflow, from_ms, until_ms, SWEEP_RUNS_MAX).await? {
                    self.ask_for_look(&run.id, now_ms, &mut swept).await?;
                }
                // Days on which nothing started are passed over.
                let older = store.runs_started(&workflow, 0, from_ms, 1).await?;
                let Some(next) = older.first() else { break };
                day = (day + 1).max((now_ms - HOUR_MS - next.started_ms) / DAY_MS);
            }
        }
        Ok(swept)
    }

    async fn ask_for_look(&self, id: &RunId, now_ms: i64, swept: &mut Swept) -> WorldResult<()> {
        swept.looked_at += 1;
        let Some(item) = self.host.store().run(id, now_ms).await? else {
            return Ok(());
        };
        if item.status != Status::Running {
            return Ok(());
        }
        swept.running += 1;
        let message = self.message(&item.run(), Ask::Look);
        self.send_one(self.sending(QueueName::Timer, &message, i64::MIN).await?).await
    }

    async fn do_again(&self, view: &RunView) -> WorldResult<Handled> {
        // The redrive count comes from the records walked: the run item may be redriven meanwhile.
        let mut run = view.run.clone();
        run.redrive_count = match self.planted(PlantedBug::RepairReadsRedriveCount) {
            true => self
                .host
                .store()
                .run(&view.item.id, self.host.clock().now_ms())
                .await?
                .map_or(0, |item| item.redrive_count),
            false => view.replay.redrive_count,
        };
        let message = Message::new(0, run, Ask::Look);
        Ok(Handled::sending(self.effects(&message, &view.definition, &view.replay.last).await?))
    }

    /// A run that still goes keeps its items, however long it takes.
    async fn renew(&self, view: &RunView, now_ms: i64) -> WorldResult<()> {
        let half_s = i64::from(self.host.settings().retention_days) * 86_400 / 2;
        let left_s = view.item.expires_s - now_ms / 1000;
        if left_s > half_s {
            return Ok(());
        }
        let due_ms = crate::deliver::due_ms(&view.replay.last);
        self.host.store().renew(&view.item.key(), self.host.settings().expires_s(now_ms, due_ms)).await
    }
}
