//! A walk over all branches of a run that are still going, from the table alone.

use crate::{
    Protocol,
    deliver::check_digest,
    effects::{finished, too_slow},
    fan_out::{BranchEnd, Told, width},
    fan_outs::{Ended, FanOuts, Part, PartKey, PartReport, Progress, TallyKey},
    item::{RecordKey, RunKey},
    limits,
    line::Line,
    message::Lock,
    payload,
    read::check_seq,
    traits::{Host, Store, WorldResult},
};
use futures::{FutureExt, future::BoxFuture};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_asl::EvalError;
use stepladder_engine::{
    BranchInput, Callee, Effect, FanOut, Inputs, Next, Opening, Position, Run, Target, Transition, advance,
    callee, start_branch,
};

/// What a walk does again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// All that may be lost, whatever it waits for.
    All,
    /// What has no visible reason to wait at this time, in milliseconds since the epoch.
    Overdue { now_ms: i64 },
}

impl Urgency {
    fn is_reached(self, due_ms: i64, sent_ms: i64) -> bool {
        match self {
            Urgency::All => true,
            Urgency::Overdue { now_ms } => due_ms.max(sent_ms).saturating_add(limits::OVERDUE_MS) <= now_ms,
        }
    }
}

/// A fan-out that is still open.
struct Open<'a> {
    line: &'a Line<'a>,
    position: &'a Position,
    fan_out: FanOut,
    key: RecordKey,
    opened_ms: i64,
    parts: Vec<Part>,
    urgency: Urgency,
}

impl<H: Host> Protocol<H> {
    /// Does the effects of a branch's last transition again, recorded at `seq`; of a fan-out that is open those of all of
    /// its branches. Answers with the number of messages that were sent.
    pub(crate) fn walk_on<'a>(
        &'a self,
        line: &'a Line<'_>,
        seq: u32,
        transition: &'a Transition,
        urgency: Urgency,
    ) -> BoxFuture<'a, WorldResult<usize>> {
        self.walk_here(line, seq, transition, urgency).boxed()
    }

    async fn walk_here(
        &self,
        line: &Line<'_>,
        seq: u32,
        transition: &Transition,
        urgency: Urgency,
    ) -> WorldResult<usize> {
        match transition.effect() {
            Effect::Open(position) => self.walk_fan_out(line, position, transition.now_ms, urgency).await,
            Effect::Send { to: Target::Step { state }, position, due_ms }
                if matches!(callee(line.definition, state), Some(Callee::Activity(_))) =>
            {
                // Nobody may want the task for long. It is sent again before its queue forgets it, and when its time is over.
                let again_ms = due_ms.saturating_add(limits::UNTAKEN_AGAIN_MS);
                let again_ms =
                    self.untaken_ms(line, position).map_or(again_ms, |over_ms| again_ms.min(over_ms));
                match urgency.is_reached(again_ms, transition.now_ms) {
                    true => self.send_now(self.effects(line, seq, transition).await?).await,
                    false => Ok(0),
                }
            }
            Effect::Send { due_ms, .. } if !urgency.is_reached(due_ms, transition.now_ms) => Ok(0),
            // It may wait for long, and for somebody whose answer's message was lost.
            Effect::Await { position, due_ms }
                if !urgency.is_reached(due_ms, transition.now_ms)
                    && !self.is_answered(line, position).await? =>
            {
                self.look_again_at_child(line, position).await
            }
            _ => {
                let sendings = self.effects(line, seq, transition).await?;
                self.send_now(sendings).await
            }
        }
    }

    async fn walk_fan_out(
        &self,
        line: &Line<'_>,
        position: &Position,
        opened_ms: i64,
        urgency: Urgency,
    ) -> WorldResult<usize> {
        let Some(fan_out) = position.fan_out() else { return Ok(0) };
        let key = Lock::of(position).key(&RunKey::of(line.run));
        if fan_out.count == 0 || self.host.store().opened(&key).await?.is_none() {
            let sendings = self.open_fan_out(line, position, opened_ms).await?;
            return self.send_now(sendings).await;
        }
        let parts = self.some_parts(&key, self.parts(fan_out.count)).await?;
        let is_updated = self.host.store().tally(&TallyKey::root(&key)).await?.update.is_some();
        let looks = is_updated && self.is_to_look(&parts, &fan_out);
        let open = Open { line, position, fan_out, key, opened_ms, parts, urgency };
        let starters = open.starters(self.part_branches());
        let run = self.seeded(line.run);
        let (mut sent, mut common) = (0, None);
        let (mut joins, mut gathers) = (Told::default(), BTreeSet::new());
        for part in self.parts(fan_out.count) {
            let (of_part, told) = self.walk_part(&open, &run, &starters, &mut common, part).await?;
            sent += of_part;
            joins.joins |= told.joins;
            joins.has_failed |= told.has_failed;
            gathers.extend(told.gathers);
        }
        let lock = Lock::of(position);
        // Once, however many parts have told it.
        for node in gathers {
            let told = self.gathered_again(line, position, &lock, node).await?;
            joins.joins |= told.joins;
            sent += self.send_now(self.asked_for(line, &lock, &Told { joins: false, ..told }).await?).await?;
        }
        sent += self.send_now(self.asked_for(line, &lock, &joins).await?).await?;
        if looks {
            sent += self.send_now(vec![self.first_look(line, &lock).await?]).await?;
        }
        Ok(sent)
    }

    /// The branches of one part that have been started and have not been listed as ended; then what the part tells.
    async fn walk_part<'a>(
        &self,
        open: &Open<'a>,
        run: &'a Run,
        starters: &BTreeMap<u32, Ended>,
        common: &mut Option<Inputs<'a>>,
        part: u32,
    ) -> WorldResult<(usize, Told)> {
        let Open { line, position, fan_out, key, .. } = open;
        let branches = self.branches_of(part, fan_out.count);
        let none = Part::default();
        let known = usize::try_from(part).ok().and_then(|part| open.parts.get(part)).unwrap_or(&none);
        let ended = &known.ended;
        let is_ended = |index: u32| ended.iter().any(|ended| ended.index == index);
        let is_started = |index: u32| index < width(fan_out) || starters.contains_key(&index);
        let is_going = |index: u32| is_started(index) && !is_ended(index);
        let failed = |error: EvalError| match error.gave_up {
            true => too_slow(),
            false => payload::unreadable(&format!("read the fan-out at {key}"), &error.cause),
        };
        let inputs = match (branches.clone().any(is_going), &*common) {
            (false, _) => Vec::new(),
            // After a redrive, and where the items were read, that is stored for all branches.
            (true, _) if position.resumes.is_some() || fan_out.inputs_seq.is_some() => {
                self.part_inputs(&PartKey { fan_out: key.clone(), part }, fan_out.read()).await?.inputs
            }
            (true, Some(common)) => common.range(branches.clone()).map_err(failed)?,
            (true, None) => {
                let inputs = Inputs::new(line.definition, run, position).map_err(failed)?;
                common.insert(inputs).range(branches.clone()).map_err(failed)?
            }
        };
        let mut sent = 0;
        for input in inputs.into_iter().filter(|input| is_going(input.index)) {
            let opening = match starters.get(&input.index) {
                _ if input.index < width(fan_out) => {
                    Opening { started_ms: open.opened_ms, events: position.events }
                }
                Some(starter) => self.opening_after(key, starter).await?,
                None => continue,
            };
            sent += self.walk_branch(open, input, opening).await?;
        }
        // What has been listed meanwhile is told by whoever listed it.
        let is_full = ended.len() >= branches.len();
        let failures = known.failures(fan_out.failure_items);
        if !is_full && failures == 0 {
            return Ok((sent, Told::default()));
        }
        let progress = if is_full { Progress::Complete } else { Progress::Partial };
        let report = PartReport { failures, progress };
        Ok((sent, self.tell(line, &Lock::of(position), part, report, fan_out).await?))
    }

    /// What a branch was started with that took the place of one that had ended.
    async fn opening_after(&self, fan_out: &RecordKey, starter: &Ended) -> WorldResult<Opening> {
        let records = self.last_records(fan_out, std::slice::from_ref(starter)).await?;
        let Some(record) = records.first() else {
            return Err(payload::unreadable(
                &format!("read the fan-out at {fan_out}"),
                "a record is missing",
            ));
        };
        let BranchEnd { events, .. } = self.branch_end(fan_out, starter, record).await?;
        Ok(Opening { started_ms: record.finished_ms, events })
    }

    /// Follows one branch to where it is.
    async fn walk_branch(&self, open: &Open<'_>, input: BranchInput, opening: Opening) -> WorldResult<usize> {
        let Open { line, position: parent, fan_out, key, urgency, .. } = open;
        let branch = parent.branch.child(parent.seq, input.index);
        let child = line.child(*fan_out, opening.events);
        let run = self.seeded(line.run);
        let mut transition = finished(start_branch(line.definition, &run, parent, input, opening))?;
        let mut next_seq = 0;
        loop {
            let page = self.host.store().records(&key.run, &branch, next_seq).await?;
            if page.is_empty() {
                break;
            }
            for record in page {
                check_seq(&key.run, &record, next_seq)?;
                let Next::Wait(position) = &transition.next else {
                    let operation = format!("read branch {branch} of {}", key.run);
                    return Err(payload::unreadable(&operation, "a record follows its end"));
                };
                let outcome = self.outcome(&key.run, &record).await?;
                transition =
                    finished(advance(line.definition, &run, position, &outcome, record.finished_ms))?;
                check_digest(&key.run, &record, &transition)?;
                next_seq = next_seq.saturating_add(1);
            }
        }
        self.walk_on(&child, next_seq.saturating_sub(1), &transition, *urgency).await
    }
}

impl Open<'_> {
    /// Those that have ended, by the branch that took their place.
    fn starters(&self, part_branches: u32) -> BTreeMap<u32, Ended> {
        let mut starters = BTreeMap::new();
        for (number, part) in (0_u32..).zip(&self.parts) {
            let first = number.saturating_mul(part_branches).saturating_add(self.fan_out.concurrency);
            let begin = (1_u32..).zip(&part.ended).filter(|(place, _)| part.begins_at(*place));
            starters.extend((first..).zip(begin.map(|(_, ended)| *ended)));
        }
        starters
    }
}
