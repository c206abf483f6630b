//! UpdateMapRun: other limits for a Map Run that runs.
//!
//! As a stop does, it first sends what asks for the same, delayed. Then it writes what is wished for beside the fan-out's counts,
//! under the condition that no failure was reported meanwhile: a threshold that has been passed has been passed for good. See
//! `fan_out/drain.rs` for what follows.

use super::{MapRunFound, MapRunItem, MapRunSettings};
use crate::{
    Protocol,
    fan_out::Opened,
    fan_outs::{FanOuts, TallyKey},
    item::{RecordKey, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Enclosing, Lock, Message},
    payload,
    traits::{Clock, Host, QueueName, Store, WorldResult},
};
use stepladder_asl::State;
use stepladder_engine::{Branch, FanOut, Fork, Outcome, Update, Wish};

/// How the update of a Map Run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapRunUpdated {
    Done,
    /// It has ended, or has failed and is about to end.
    Ended,
    /// Its items are being read: nothing of it has begun.
    Reads,
    /// It has more children than are counted by one item: those of a wider one are counted in a tree, which no update reaches.
    TooWide {
        children_max: u32,
    },
    /// It was gone on from too often meanwhile; ask again.
    Busy,
}

/// How often an update is tried where something came between.
const TRIES: u32 = 16;

impl<H: Host> Protocol<H> {
    /// What a Map Run is held to now, or will be once those of its children have ended that have begun.
    pub async fn map_run_settings(&self, found: &MapRunFound) -> WorldResult<MapRunSettings> {
        let item = &found.item;
        let pending = match item.now.fan_out {
            Some(_) => self.host.store().tally(&TallyKey::root(&item.fan_out_key())).await?.update,
            None => None,
        };
        Ok(item.settings.under(pending.map_or_else(|| item.wish(), |update| update.wish)))
    }

    /// Updates a Map Run, which has not ended when it was found.
    pub async fn update_map_run(&self, found: &MapRunFound, wish: Wish) -> WorldResult<MapRunUpdated> {
        let mut found = found.clone();
        for _ in 0..TRIES {
            let item = &found.item;
            let Some(fan_out) = item.now.fan_out else { return Ok(MapRunUpdated::Reads) };
            if !self.tree(fan_out.count).is_flat() {
                let children_max = self.node_parts().saturating_mul(self.part_branches());
                return Ok(MapRunUpdated::TooWide { children_max });
            }
            let key = item.fan_out_key();
            if let Some(updated) = self.update_fan_out(&found, &key, &fan_out, wish).await? {
                return Ok(updated);
            }
            // It has gone on from this fan-out. If the next one doesn't show yet, whoever opens it will find the wish.
            let Some(next) = self.find_map_run(&key.run.id.workflow, &item.id).await? else {
                return Ok(MapRunUpdated::Ended);
            };
            if next.item.fan_out_key() == key {
                return Ok(MapRunUpdated::Done);
            }
            found = next;
        }
        Ok(MapRunUpdated::Busy)
    }

    /// Updates the fan-out that a Map Run consists of; none if it went on from it meanwhile.
    async fn update_fan_out(
        &self,
        found: &MapRunFound,
        key: &RecordKey,
        fan_out: &FanOut,
        wish: Wish,
    ) -> WorldResult<Option<MapRunUpdated>> {
        let (item, store) = (&found.item, self.host.store());
        let lock = Lock { branch: key.branch.clone(), seq: key.seq };
        let mut run = found.run.run();
        let Opened { position, .. } = self.opened(&key.run, &lock).await?;
        let definition = self.definition(&run.workflow, &run.definition).await?;
        let reads = definition.state(&position.state).is_some_and(State::reads_items);
        if definition.mentions_execution_input {
            run.input = Some(self.input(&found.run).await?);
        }
        let message = Message::new(0, run, Ask::Look);
        let enclosing = self.enclosing(&key.run, &key.branch).await?;
        let line = Line { enclosing, ..Line::root(&message, &definition, Before::Perhaps) };
        let later = Ask::Drain { fan_out: lock.clone(), marks: true };
        let due_ms = self.host.clock().now_ms() + i64::from(limits::REQUEST_DELAY_SECONDS) * 1000;
        let later = self.sending(QueueName::Timer, &self.next(&line, later), due_ms).await?;
        self.send_now(vec![later]).await?;
        let expires_s = self.fan_out_expires_s(&key.run);
        for _ in 0..TRIES {
            let tally = store.tally(&TallyKey::root(key)).await?;
            // What all have told is decided: a join may be under way that has seen no wish.
            let is_over = tally.is_stopped || tally.has_failed(fan_out);
            if is_over || tally.has_all(self.parts(fan_out.count).end) {
                return Ok(Some(MapRunUpdated::Ended));
            }
            let earlier = tally.update.map_or_else(|| item.wish(), |update| update.wish);
            let wish = wish.over(earlier);
            let update = item.update(fan_out, wish, reads);
            let is_new = item.settings.under(wish) != item.settings.under(earlier)
                || update.failures_tolerated != item.update(fan_out, earlier, reads).failures_tolerated;
            if is_new && !store.put_update(key, &update, &tally, expires_s).await? {
                continue;
            }
            if let Some(record) = store.record(key).await? {
                return match self.outcome(&key.run, &record).await? {
                    Outcome::Updated { .. } => Ok(None),
                    _ => Ok(Some(MapRunUpdated::Ended)),
                };
            }
            if is_new {
                self.send_now(vec![self.first_look(&line, &lock).await?]).await?;
            }
            return Ok(Some(MapRunUpdated::Done));
        }
        Ok(Some(MapRunUpdated::Busy))
    }

    /// The fan-outs that a branch stands in, as its messages say them.
    async fn enclosing(&self, run: &RunKey, branch: &Branch) -> WorldResult<Vec<Enclosing>> {
        let mut enclosing = Vec::with_capacity(branch.0.len());
        let mut outer = Branch::default();
        for Fork { seq, index } in &branch.0 {
            let lock = Lock { branch: outer.clone(), seq: *seq };
            let Opened { position, .. } = self.opened(run, &lock).await?;
            outer = outer.child(*seq, *index);
            let first = RecordKey { run: run.clone(), branch: outer.clone(), seq: 0 };
            let opening = self.host.store().record(&first).await?.and_then(|record| record.opening);
            // A branch that has opened a fan-out has a record before it.
            let (Some(fan_out), Some(opening)) = (position.fan_out(), opening) else {
                let operation = format!("read branch {outer} of {run}");
                return Err(payload::unreadable(&operation, "nothing says what it was started with"));
            };
            enclosing.push(Enclosing { fan_out, events: opening.events });
        }
        Ok(enclosing)
    }
}

impl MapRunItem {
    /// All that updates have asked for that have been carried out, or carried on by a redrive.
    pub(super) fn wish(&self) -> Wish {
        let resumes = self.now.resumes.as_deref();
        resumes.and_then(|resumes| resumes.wish.as_deref()).copied().unwrap_or_default()
    }

    /// What a wish comes to. Failures are counted as the state does that opened the first fan-out: in items where those were read,
    /// else in children.
    fn update(&self, fan_out: &FanOut, wish: Wish, reads: bool) -> Update {
        let MapRunSettings { failures_tolerated, failures_tolerated_percentage, batch, .. } = self.settings;
        let items = self.all_items();
        let tolerated = wish.tolerated(items, failures_tolerated, failures_tolerated_percentage);
        let batch = if reads { 1 } else { batch.map_or(1, |batch| u64::from(batch).min(items).max(1)) };
        Update {
            wish,
            concurrency: wish.concurrency().unwrap_or(fan_out.concurrency),
            failures_tolerated: match tolerated {
                None => fan_out.failures_tolerated,
                Some(all) if all == items => u32::MAX,
                Some(tolerated) => u32::try_from(tolerated / batch).unwrap_or(u32::MAX),
            },
        }
    }
}

impl MapRunSettings {
    /// The same with what a wish replaces.
    fn under(self, wish: Wish) -> Self {
        Self {
            max_concurrency: wish.max_concurrency.unwrap_or(self.max_concurrency),
            failures_tolerated: wish.failures_tolerated.unwrap_or(self.failures_tolerated),
            failures_tolerated_percentage: wish
                .failures_tolerated_percentage
                .unwrap_or(self.failures_tolerated_percentage),
            ..self
        }
    }
}
