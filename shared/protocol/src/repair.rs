//! Recovery from the table alone: what no message will do any more is done again.

use crate::{
    Protocol,
    deliver::Handled,
    fan_outs::Partition,
    item::{RunId, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Message},
    metrics::Metric,
    planted::PlantedBug,
    read::Head,
    traits::{Clock, Host, Store, WorldResult},
    walk::Urgency,
};
use futures::FutureExt;
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
        self.finish_search_items(&head).await?;
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
        self.finish_search_items(&head).await?;
        self.renew(&head, now_ms).await?;
        // What is held needs no second message.
        if self.look_at_controls().boxed().await?.paused_by(&key.id).any() {
            return Ok(Handled::done());
        }
        let sent = self.do_again(&head, Urgency::Overdue { now_ms }).await?;
        if sent > 0 {
            self.metrics.count(Metric::Repairs);
            tracing::warn!(run = %key, metric = "repairs_made", sent, "a run had no visible reason to wait; effects are done again");
        }
        Ok(Handled::done())
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

    /// A run that goes on keeps its items, however long it takes: those of all partitions, and the run item last and
    /// longest, for while there are records there is a run.
    pub(crate) async fn renew(&self, head: &Head, now_ms: i64) -> WorldResult<()> {
        let settings = self.host.settings();
        let workflow = &head.item.id.workflow;
        let half_s = i64::from(settings.retention_days_of(workflow)) * 86_400 / 2;
        let left_s = head.item.expires_s - now_ms / 1000;
        if left_s > half_s {
            return Ok(());
        }
        let (store, key) = (self.host.store(), head.item.key());
        let expires_s = settings.expires_s(workflow, now_ms, crate::deliver::due_ms(&head.last));
        let mut partitions = vec![Partition::Run(key.clone())];
        while let Some(partition) = partitions.pop() {
            store.renew(&partition, expires_s).await?;
            partitions.extend(self.parts_in(&partition).await?.into_iter().map(Partition::Part));
        }
        let expires_s = expires_s + limits::RUN_ITEM_EXTRA_S;
        self.renew_search_items(&head.item, expires_s).await?;
        store.renew_run(&key, expires_s).await
    }
}
