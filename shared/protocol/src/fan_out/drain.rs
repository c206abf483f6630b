//! The fan-out of a Map Run that is updated.
//!
//! Its parts are marked, so that no end that is listed from then on begins another branch: how many have begun is then known for
//! good. Each of the ends behind a mark asks for a look, and so does the marking; the last look finds that all have ended that had
//! begun. A message of its own records then what is left, and with what limits that goes on: by the lock of the position, as the
//! join does. Where nothing is left, the join takes its course.

use super::Opened;
use crate::{
    Protocol,
    batch::{Delivery, Invocation, Sending},
    deliver::{Handled, Job},
    fan_outs::{FanOuts, Part, PartKey, TallyKey},
    item::{RecordKey, RunKey},
    limits,
    line::{Before, Line},
    message::{Ask, Lock, Message},
    payload,
    planted::PlantedBug,
    traits::{Clock, Host, QueueName, Store, WorldResult},
};
use futures::{StreamExt, TryStreamExt, stream};
use stepladder_asl::Definition;
use stepladder_engine::{FanOut, Limit, Outcome, Position, Resumes};

/// How many branches of a fan-out have begun, and how many have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drained {
    pub(crate) begun: u32,
    pub(crate) ended: u32,
}

impl Drained {
    /// Whether all have ended that have begun, and there are others.
    fn leaves_some(self, fan_out: &FanOut) -> bool {
        self.ended >= self.begun && self.ended < fan_out.count
    }
}

impl<H: Host> Protocol<H> {
    /// A look at a fan-out that is to be updated. It writes no record: what it finds may not be so yet when another copy of its
    /// message looks.
    pub(crate) async fn look_at_draining(
        &self,
        message: &Message,
        definition: &Definition,
        (lock, marks): (&Lock, bool),
    ) -> WorldResult<Handled> {
        let run = RunKey::of(&message.run);
        let (store, key) = (self.host.store(), lock.key(&run));
        let tally = store.tally(&TallyKey::root(&key)).await?;
        // It may have been opened anew, or joined.
        let is_over = tally.is_stopped || store.record(&key).await?.is_some();
        let Opened { position, .. } = match tally.update.filter(|_| !is_over) {
            Some(_) => self.opened(&run, lock).await?,
            None => return Ok(Handled::done()),
        };
        let Some(fan_out) = position.fan_out() else { return Ok(Handled::done()) };
        let drained = self.drain(&key, &fan_out, marks).await?;
        let is_hasty = self.planted(PlantedBug::ReopensBeforeDrained) && drained.ended < fan_out.count;
        if !drained.leaves_some(&fan_out) && !is_hasty {
            return Ok(Handled::done());
        }
        let line = Line::of(message, definition, Before::Perhaps);
        let update = self.next(&line, Ask::Update(lock.clone()));
        Ok(Handled::sending(vec![self.sending(QueueName::Timer, &update, i64::MIN).await?]))
    }

    /// A fan-out that is to be updated has drained: that is true for ever, so every copy of the message that says so agrees. What
    /// is left of it is recorded, and opened.
    pub(crate) async fn updated_by(
        &self,
        invocation: &Invocation,
        delivery: &Delivery,
        job: &Job,
        lock: &Lock,
    ) -> WorldResult<Handled> {
        let run = self.seeded(&job.message.run);
        let key = lock.key(&RunKey::of(&run));
        let Opened { position, .. } = self.opened(&key.run, lock).await?;
        let outcome = match position.is_past_deadline(self.host.clock().now_ms()) {
            true => Outcome::TimedOut { limit: Limit::Run },
            false => {
                let update = self.host.store().tally(&TallyKey::root(&key)).await?.update;
                let plan = self.left(&run, &job.definition, &position).await?;
                let (Some(update), Some(plan)) = (update, plan) else {
                    let operation = format!("update the fan-out at {key}");
                    return Err(payload::unreadable(&operation, "nothing says with what, or what is left"));
                };
                let (update, plan) = (Box::new(update), Box::new(plan));
                Outcome::Updated { update, redrive_count: run.redrive_count, plan }
            }
        };
        self.commit(invocation, delivery, job, &position, outcome, None).await
    }

    /// Marks the parts that are not marked, and counts. Unless all are to be marked it comes back as soon as it has seen a
    /// branch that goes on.
    async fn drain(&self, key: &RecordKey, fan_out: &FanOut, marks: bool) -> WorldResult<Drained> {
        let width = super::width(fan_out);
        let mut drained = Drained { begun: width, ended: 0 };
        let mut parts = stream::iter(self.parts(fan_out.count).map(|part| self.marked(key, part)))
            .buffered(limits::FAN_OUT_ITEMS_AT_ONCE);
        while let Some((number, part)) = parts.try_next().await? {
            let branches = self.branches_of(number, fan_out.count);
            let ended = u32::try_from(part.ended.len()).unwrap_or(u32::MAX);
            drained.ended = drained.ended.saturating_add(ended);
            drained.begun = drained.begun.saturating_add(begun_by(&part, branches.start, fan_out));
            // Those that begin with the fan-out.
            let at_once = branches.end.min(width).saturating_sub(branches.start);
            if !marks && ended < at_once {
                return Ok(drained);
            }
        }
        Ok(drained)
    }

    async fn marked(&self, key: &RecordKey, part: u32) -> WorldResult<(u32, Part)> {
        let at = PartKey { fan_out: key.clone(), part };
        let there = self.host.store().part(&at).await?;
        match there.mark {
            Some(_) => Ok((part, there)),
            None => {
                let expires_s = self.fan_out_expires_s(&key.run);
                Ok((part, self.host.store().mark_part(&at, expires_s).await?))
            }
        }
    }

    /// The look that follows from the end of a branch of a fan-out that is to be updated.
    pub(super) async fn look_again(&self, parent: &Line<'_>, lock: &Lock) -> WorldResult<Sending> {
        let look = self.next(parent, Ask::Drain { fan_out: lock.clone(), marks: false });
        self.sending(QueueName::Timer, &look, i64::MIN).await
    }

    /// The look that marks. Repair asks for it too, where it finds an update that nobody carries out.
    pub(crate) async fn first_look(&self, line: &Line<'_>, lock: &Lock) -> WorldResult<Sending> {
        let look = self.next(line, Ask::Drain { fan_out: lock.clone(), marks: true });
        self.sending(QueueName::Timer, &look, i64::MIN).await
    }

    /// An update that was asked for when the fan-out before this one was all but left, or that came to nothing because its run
    /// ended: this one is updated. Called when whoever asks for one finds this fan-out.
    pub(super) async fn wished_meanwhile(
        &self,
        line: &Line<'_>,
        position: &Position,
        resumes: &Resumes,
    ) -> WorldResult<Option<Sending>> {
        let run = RunKey::of(line.run);
        let before = Lock { branch: resumes.branch.clone(), seq: resumes.seq };
        let store = self.host.store();
        let Some(update) = store.tally(&TallyKey::root(&before.key(&run))).await?.update else {
            return Ok(None);
        };
        if resumes.wish.as_deref() == Some(&update.wish) {
            return Ok(None);
        }
        let (lock, Some(fan_out)) = (Lock::of(position), position.fan_out()) else { return Ok(None) };
        let (key, expires_s) = (lock.key(&run), self.fan_out_expires_s(&run));
        loop {
            let tally = store.tally(&TallyKey::root(&key)).await?;
            let is_over = tally.is_stopped || tally.has_failed(&fan_out);
            if tally.update.is_some() || is_over || tally.has_all(self.parts(fan_out.count).end) {
                break;
            }
            if store.put_update(&key, &update, &tally, expires_s).await? {
                break;
            }
        }
        self.first_look(line, &lock).await.map(Some)
    }

    /// Whether repair should look at a fan-out that is to be updated: not as long as its branches go on.
    pub(crate) fn is_to_look(&self, parts: &[Part], fan_out: &FanOut) -> bool {
        let mut drained = Drained { begun: super::width(fan_out), ended: 0 };
        for (number, part) in (0_u32..).zip(parts) {
            let first = self.branches_of(number, fan_out.count).start;
            let ended = u32::try_from(part.ended.len()).unwrap_or(u32::MAX);
            drained.ended = drained.ended.saturating_add(ended);
            drained.begun = drained.begun.saturating_add(begun_by(part, first, fan_out));
        }
        parts.iter().any(|part| part.mark.is_none()) || drained.leaves_some(fan_out)
    }
}

/// How many branches the ends in a part have begun; `first` is its first branch.
fn begun_by(part: &Part, first: u32, fan_out: &FanOut) -> u32 {
    let ended = u32::try_from(part.ended.len()).unwrap_or(u32::MAX);
    let next = first.saturating_add(fan_out.concurrency);
    part.mark.unwrap_or(ended).min(ended).min(fan_out.count.saturating_sub(next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fan_outs::{Ended, EndedHow};

    #[test]
    fn an_end_behind_the_mark_begins_nothing_and_neither_does_one_without_a_next() {
        let fan_out =
            FanOut { count: 70, concurrency: 3, failures_tolerated: 0, failure_items: 1, inputs_seq: None };
        let check = |ended: u32, mark, first, expected| {
            let ended = (0..ended).map(|index| Ended { index, seq: 0, how: EndedHow::Ok }).collect();
            let part = Part { ended, mark, ..Part::default() };
            assert_eq!(begun_by(&part, first, &fan_out), expected);
        };
        check(5, None, 0, 5);
        check(5, Some(4), 0, 4);
        check(5, Some(0), 0, 0);
        check(5, Some(5), 64, 3);
        check(2, Some(2), 64, 2);
    }
}
