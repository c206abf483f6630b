//! Recovery from the table alone: what no message will do any more is done again.

use crate::{
    Protocol,
    deliver::Handled,
    fan_outs::Partition,
    item::{RunId, RunKey},
    line::{Before, Line},
    message::{Ask, Message},
    planted::PlantedBug,
    read::Head,
    traits::{Clock, Host, QueueName, Store, WorldResult},
    walk::Urgency,
};
use stepladder_engine::{Next, Status};

/// What a repair found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// The effect of the last record was done again.
    Again {
        state: String,
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
/// The runs of one page of a window.
const SWEEP_PAGE_RUNS: usize = 500;
/// So many run items are read at once.
const SWEEP_LOOKS_AT_ONCE: usize = 16;

impl<H: Host> Protocol<H> {
    /// Does the effect of the run's last record again, whatever it waits for. Writes no record.
    pub async fn repair(&self, id: &RunId) -> WorldResult<Repaired> {
        let Some(item) = self.host.store().run(id, self.host.clock().now_ms()).await? else {
            return Ok(Repaired::NotFound);
        };
        let Some(head) = self.head(&item.key(), "").await? else {
            return Ok(Repaired::NotFound);
        };
        if head.item.status != Status::Running {
            return Ok(Repaired::Ended(head.item.status));
        }
        let state = match &head.last.next {
            Next::Wait(position) => position.state.clone(),
            Next::End(end) => end.state.clone(),
        };
        self.do_again(&head, Urgency::All).await?;
        Ok(Repaired::Again { state })
    }

    /// The look that the timer function takes by itself: what has no visible reason to wait is sent again.
    pub(crate) async fn look(&self, message: &Message) -> WorldResult<Handled> {
        let key = RunKey::of(&message.run);
        let Some(head) = self.head(&key, "").await? else {
            return Ok(Handled::done());
        };
        if head.item.status != Status::Running {
            return Ok(Handled::done());
        }
        let now_ms = self.host.clock().now_ms();
        self.renew(&head, now_ms).await?;
        let sent = self.do_again(&head, Urgency::Overdue { now_ms }).await?;
        if sent > 0 {
            tracing::warn!(run = %key, metric = "repairs_made", sent, "a run had no visible reason to wait; effects are done again");
        }
        Ok(Handled::done())
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
                self.send_one(self.sending(QueueName::Timer, &message, i64::MIN).await?).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Does the effects of each branch's last record again, those of the innermost branches first; answers with the
    /// number of messages that were sent.
    async fn do_again(&self, head: &Head, urgency: Urgency) -> WorldResult<usize> {
        // The redrive count comes from the records walked: the run item may be redriven meanwhile.
        let mut run = head.run.clone();
        run.redrive_count = match self.planted(PlantedBug::RepairReadsRedriveCount) {
            true => self
                .host
                .store()
                .run(&head.item.id, self.host.clock().now_ms())
                .await?
                .map_or(0, |item| item.redrive_count),
            false => head.redrive_count,
        };
        let message = Message::new(0, run, Ask::Look);
        let line = Line::root(&message, &head.definition, Before::Perhaps);
        self.walk_on(&line, head.next_seq.saturating_sub(1), &head.last, urgency).await
    }

    /// A run that still goes keeps its items, however long it takes: those of all partitions, and the run item last and
    /// longest, for while there are records there is a run.
    async fn renew(&self, head: &Head, now_ms: i64) -> WorldResult<()> {
        let half_s = i64::from(self.host.settings().retention_days) * 86_400 / 2;
        let left_s = head.item.expires_s - now_ms / 1000;
        if left_s > half_s {
            return Ok(());
        }
        let (store, key) = (self.host.store(), head.item.key());
        let expires_s = self.host.settings().expires_s(now_ms, crate::deliver::due_ms(&head.last));
        let mut partitions = vec![Partition::Run(key.clone())];
        while let Some(partition) = partitions.pop() {
            store.renew(&partition, expires_s).await?;
            partitions.extend(self.parts_in(&partition).await?.into_iter().map(Partition::Part));
        }
        store.renew_run(&key, expires_s + 86_400).await
    }
}
