//! The end of a branch, and the join.

use crate::{
    Protocol,
    batch::Sending,
    effects::finished,
    fan_out::Opened,
    fan_outs::{Ended, EndedHow, FanOuts, PartKey, PartReport, Progress},
    item::RunKey,
    line::Line,
    message::{Ask, Lock},
    payload,
    planted::PlantedBug,
    traits::{Clock, Host, PutRecord, QueueName, Store, WorldResult},
};
use futures::{FutureExt, future::BoxFuture};
use stepladder_engine::{End, FanOut, Opening, Status, advance};

/// What follows from what a part has told.
pub(crate) struct Told {
    pub(crate) sendings: Vec<Sending>,
    /// More branches have failed than are tolerated.
    pub(crate) has_failed: bool,
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
        let mut has_failed = false;
        if is_full || how != EndedHow::Ok {
            let progress = if is_full { Progress::Complete } else { Progress::Partial };
            let report = PartReport { failures: part.failures(fan_out.failure_items), progress };
            let told = self.tell(&parent, &lock, &part_key, report, &fan_out).await?;
            has_failed = told.has_failed;
            sendings.extend(told.sendings);
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

    /// Tells the root item about a part that is complete or has failures; asks for the join where that decides it.
    pub(crate) async fn tell(
        &self,
        parent: &Line<'_>,
        lock: &Lock,
        part: &PartKey,
        mut report: PartReport,
        fan_out: &FanOut,
    ) -> WorldResult<Told> {
        let is_full = report.progress == Progress::Complete;
        if is_full && self.planted(PlantedBug::FullPartWithoutFailures) {
            report.failures = 0;
        }
        let expires_s = self.fan_out_expires_s(&part.fan_out.run);
        let tally = self.host.store().report_part(part, report, expires_s).await?;
        let has_failed = tally.has_failed(fan_out)
            || self.planted(PlantedBug::JudgesWhileDraining)
                && tally.total_failures() > fan_out.failures_tolerated;
        let is_complete = is_full && tally.has_all(self.parts(fan_out.count).end);
        if !has_failed && !is_complete {
            return Ok(Told { sendings: Vec::new(), has_failed });
        }
        if self.planted(PlantedBug::FlagBeforeParentsRecord) && has_failed {
            let opened = self.opened(&RunKey::of(parent.run), lock).await?;
            self.stop_branches(parent.run, &opened.position).await?;
        }
        if self.planted(PlantedBug::BranchWritesJoin) {
            return Ok(Told { sendings: self.write_join(parent, lock).await?, has_failed });
        }
        // The parent's transition is a message of its own: a message writes at most one record.
        let join = self.next(parent, Ask::Join(lock.clone()));
        let join = self.sending(QueueName::Timer, &join, i64::MIN).await?;
        Ok(Told { sendings: vec![join], has_failed })
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
