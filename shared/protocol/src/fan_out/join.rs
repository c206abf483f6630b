//! The end of a branch, and the join.

use crate::{
    Protocol,
    batch::Sending,
    effects::finished,
    fan_out::Opened,
    fan_outs::{Ended, EndedHow, FanOuts, Node, PartReport, Progress, Tally, TallyKey, Tree},
    item::RunKey,
    limits,
    line::Line,
    message::{Ask, Lock},
    payload,
    planted::PlantedBug,
    traits::{Clock, Host, PutRecord, QueueName, Store, WorldResult},
};
use futures::{FutureExt, future::BoxFuture};
use stepladder_engine::{End, FanOut, Opening, Status, advance};

/// What follows from what a part or a node has told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// More branches have failed than are tolerated.
    pub(crate) has_failed: bool,
    /// The fan-out is decided.
    pub(crate) joins: bool,
    /// All branches below this node have ended, and what they have come to is to be gathered.
    pub(crate) gathers: Option<u32>,
}

impl<H: Host> Protocol<H> {
    /// A branch has ended, by its record at `seq`: its part lists it. Its place in the list is the same for ever, so
    /// everything that follows from it can be done again.
    pub(crate) async fn join(
        &self,
        line: &Line<'_>,
        end: &End,
        seq: u32,
        ended_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let (Some((branch, fork)), Some((parent, enclosing))) = (end.branch.parent(), line.parent()) else {
            let operation = format!("end branch {} of {}", end.branch, line.run.id());
            return Err(payload::unreadable(&operation, "its message doesn't say what it is a branch of"));
        };
        let fan_out = enclosing.fan_out;
        let lock = Lock { branch, seq: fork.seq };
        let key = lock.key(&RunKey::of(line.run));
        let part_key = self.part_of(&key, fork.index);
        let how = match end.status {
            Status::Succeeded => EndedHow::Ok,
            _ if end.is_unread => EndedHow::Unread,
            _ => EndedHow::Failed,
        };
        let ended = Ended { index: fork.index, seq, how };
        let store = self.host.store();
        let part = store.append_ended(&part_key, ended, self.fan_out_expires_s(&key.run)).await?;
        let place = part.place(fork.index).unwrap_or(0);

        let mut sendings = Vec::new();
        let branches = self.branches_of(part_key.part, fan_out.count);
        let base = match self.planted(PlantedBug::PlaceWithinPart) {
            true => 0,
            false => branches.start,
        };
        let next = base.saturating_add(fan_out.concurrency).saturating_add(place).saturating_sub(1);
        let is_full = place >= branches.end.saturating_sub(branches.start);
        let failures = |count: u32| {
            part.failures_at(usize::try_from(count).unwrap_or(usize::MAX), fan_out.failure_items)
        };
        let mut has_failed = false;
        let tells = is_full || self.is_told(&fan_out, failures(place.saturating_sub(1)), failures(place));
        if !tells && how != EndedHow::Ok && failures(place) > fan_out.failures_tolerated {
            // It was told before that these are too many: unless an update had come first, that is so for good.
            has_failed = store.tally(&TallyKey::root(&key)).await?.update.is_none();
        }
        if tells {
            let progress = if is_full { Progress::Complete } else { Progress::Partial };
            let report = PartReport { failures: part.failures(fan_out.failure_items), progress };
            let told = self.tell(&parent, &lock, part_key.part, report, &fan_out).await?;
            has_failed = told.has_failed;
            sendings.extend(self.asked_for(&parent, &lock, &told).await?);
        }
        let begins = part.begins_at(place) || self.planted(PlantedBug::EndsBehindMarkBegin);
        if !begins && !part.is_stopped {
            sendings.push(self.look_again(&parent, &lock).await?);
        }
        // What has failed has failed for ever: nothing more of it begins.
        if next < fan_out.count && begins && !part.is_stopped && !has_failed {
            let opening = Opening { started_ms: ended_ms, events: end.events };
            sendings.extend(self.begin_next(&parent, (&key, fan_out.read()), next, opening).await?);
        }
        Ok(sendings)
    }

    /// Whether a part tells that it has more failures than before: each of a narrow fan-out; else when their number has
    /// doubled, and when it is too many by itself. Whoever comes later tells all of them.
    fn is_told(&self, fan_out: &FanOut, before: u32, now: u32) -> bool {
        let is_narrow = self.parts(fan_out.count).end <= limits::PARTS_TOLD_EACH_MAX;
        match now > before {
            true if is_narrow => true,
            true => before <= fan_out.failures_tolerated && is_step(fan_out, before, now),
            false => false,
        }
    }

    /// Tells the item above a part that it is complete or has failures.
    pub(crate) async fn tell(
        &self,
        parent: &Line<'_>,
        lock: &Lock,
        part: u32,
        mut report: PartReport,
        fan_out: &FanOut,
    ) -> WorldResult<Told> {
        if report.progress == Progress::Complete && self.planted(PlantedBug::FullPartWithoutFailures) {
            report.failures = 0;
        }
        let part = self.tree(fan_out.count).node(0, part);
        self.tell_above(parent, lock, part, report, fan_out).await
    }

    /// Tells the item above a part or a node, and those above that one as far as they have to know: each is told in one update
    /// that all below it is complete, and how much of it has failed.
    pub(super) async fn tell_above(
        &self,
        parent: &Line<'_>,
        lock: &Lock,
        mut node: Node,
        mut report: PartReport,
        fan_out: &FanOut,
    ) -> WorldResult<Told> {
        let (key, tree) = (lock.key(&RunKey::of(parent.run)), self.tree(fan_out.count));
        let expires_s = self.fan_out_expires_s(&key.run);
        let mut told = Told::default();
        loop {
            let above = tree.above(node);
            let item = TallyKey { fan_out: key.clone(), node: above };
            let tally = self.host.store().report(&item, node.index, report, expires_s).await?;
            let failures = tally.total_failures();
            told.has_failed = tally.has_failed(fan_out)
                || self.planted(PlantedBug::JudgesWhileDraining) && failures > fan_out.failures_tolerated;
            let is_complete = report.progress == Progress::Complete && self.has_all(&tally, above, tree);
            let Some(next) = above.filter(|_| !tree.is_top(above)) else {
                told.joins = told.has_failed || is_complete;
                return Ok(told);
            };
            // One that parts report to tells that it is complete when what they have come to is gathered.
            let gathers = is_complete && next.level == 1;
            if gathers {
                told.gathers = Some(next.index);
            }
            let is_step =
                told.has_failed || is_step(fan_out, failures.saturating_sub(report.failures), failures);
            let progress = if is_complete && !gathers { Progress::Complete } else { Progress::Partial };
            if progress == Progress::Partial && (report.failures == 0 || !is_step) {
                return Ok(told);
            }
            report = PartReport { failures, progress };
            if progress == Progress::Complete && self.planted(PlantedBug::CompleteNodeWithoutFailures) {
                report.failures = 0;
            }
            node = next;
        }
    }

    /// Whether all that is below an item is complete.
    pub(super) fn has_all(&self, tally: &Tally, node: Option<Node>, tree: Tree) -> bool {
        match node {
            Some(_) if self.planted(PlantedBug::EveryNodeIsFull) => tally.has_all(self.node_parts()),
            _ => tally.has_all(tree.below(node)),
        }
    }

    /// The messages that ask for what follows from what has been told.
    pub(crate) async fn asked_for(
        &self,
        parent: &Line<'_>,
        lock: &Lock,
        told: &Told,
    ) -> WorldResult<Vec<Sending>> {
        let mut sendings = Vec::new();
        if let Some(node) = told.gathers {
            let gather = self.next(parent, Ask::Gather { fan_out: lock.clone(), node });
            sendings.push(self.sending(QueueName::Timer, &gather, i64::MIN).await?);
        }
        if !told.joins {
            return Ok(sendings);
        }
        if self.planted(PlantedBug::FlagBeforeParentsRecord) && told.has_failed {
            let opened = self.opened(&RunKey::of(parent.run), lock).await?;
            self.stop_branches(parent.run, &opened.position).await?;
        }
        if self.planted(PlantedBug::BranchWritesJoin) {
            sendings.extend(self.write_join(parent, lock).await?);
            return Ok(sendings);
        }
        // The parent's transition is a message of its own: a message writes at most one record.
        let join = self.next(parent, Ask::Join(lock.clone()));
        sendings.push(self.sending(QueueName::Timer, &join, i64::MIN).await?);
        Ok(sendings)
    }

    /// Only where it is planted: the branch's own message writes the parent's record.
    fn write_join<'a>(
        &'a self,
        parent: &'a Line<'_>,
        lock: &'a Lock,
    ) -> BoxFuture<'a, WorldResult<Vec<Sending>>> {
        self.written_join(parent, lock).boxed()
    }

    async fn written_join(&self, parent: &Line<'_>, lock: &Lock) -> WorldResult<Vec<Sending>> {
        let run = RunKey::of(parent.run);
        let Opened { position, .. } = self.opened(&run, lock).await?;
        let outcome = self
            .gather(parent.run, parent.definition, &Opened { position: position.clone(), opened_ms: 0 })
            .await?;
        let now_ms = self.host.clock().now_ms();
        let run_seeded = self.seeded(parent.run);
        let transition = finished(advance(parent.definition, &run_seeded, &position, &outcome, now_ms))?;
        let record = self.plain_record(parent, &position, &outcome, &transition).await?;
        match self.host.store().put_record(&lock.key(&run), &record).await? {
            PutRecord::Lost(winner) if winner.owner != parent.owner => Ok(Vec::new()),
            _ => self.follow_up(parent, &position, &outcome, &transition).await,
        }
    }
}

/// Whether a count of failures has doubled, or has become too large. Of no doubling the last one is more than half of the next.
fn is_step(fan_out: &FanOut, before: u32, now: u32) -> bool {
    now > fan_out.failures_tolerated || now.checked_ilog2() != before.checked_ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_when_they_have_doubled_or_are_too_many() {
        let tolerating = |failures_tolerated| FanOut {
            count: 1_000,
            concurrency: 10,
            failures_tolerated,
            failure_items: 1,
            inputs_seq: None,
        };
        let steps = |tolerated| -> Vec<u32> {
            let fan_out = tolerating(tolerated);
            (1..=64).filter(|now| now - 1 <= tolerated && is_step(&fan_out, now - 1, *now)).collect()
        };
        assert_eq!(steps(0), [1]);
        assert_eq!(steps(5), [1, 2, 4, 6]);
        assert_eq!(steps(1_000), [1, 2, 4, 8, 16, 32, 64]);
    }
}
