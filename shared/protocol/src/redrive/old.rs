//! The branches of a fan-out that a redrive goes on from.

use crate::{
    Protocol,
    effects::too_slow,
    fan_outs::{FanOuts, PartKey},
    item::{Record, RecordKey, RunKey},
    limits,
    message::Lock,
    payload,
    read::{check_seq, diverged},
    traits::{Host, Store, WorldError, WorldResult},
};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_asl::{Definition, EvalError};
use stepladder_engine::{
    BranchInput, Follower, Inputs, Kept, Opening, Outcome, Plan, PlanAt, Position, Resumes, Resumption, Run,
};

/// A fan-out that was opened before a redrive.
pub(crate) struct Old<'a> {
    /// The run as it was then.
    pub(crate) run: &'a Run,
    pub(crate) definition: &'a Definition,
    /// The position that waited for it.
    position: &'a Position,
    pub(crate) key: RecordKey,
    pub(crate) count: u32,
    /// What its branches started with; none where it went on from another one, or its items were read: then that is stored.
    common: Option<Inputs<'a>>,
}

impl<'a> Old<'a> {
    pub(crate) fn new(run: &'a Run, definition: &'a Definition, position: &'a Position) -> WorldResult<Self> {
        let key = Lock::of(position).key(&RunKey::of(run));
        let read = position.fan_out().and_then(|fan_out| fan_out.read());
        let common = match position.resumes.is_some() || read.is_some() {
            true => None,
            false => Some(Inputs::new(definition, run, position).map_err(|error| unevaluated(&key, &error))?),
        };
        let count = position.fan_out().map_or(0, |fan_out| fan_out.count);
        Ok(Self { run, definition, position, key, count, common })
    }

    /// Whether its branches are not numbered as the state counts them.
    pub(super) fn is_numbered_anew(&self) -> bool {
        self.position.resumes.is_some()
    }

    /// A branch before its first record, for whoever wants to know what one of its states saw.
    pub(super) fn watching(&self, input: BranchInput, opening: Opening, state: &str) -> Follower<'a> {
        Follower::branch_watching(self.definition, self.run, self.position, input, opening, state)
    }
}

impl<H: Host> Protocol<H> {
    /// What the branches of one part of it were started with, in ascending order.
    pub(crate) async fn old_inputs(&self, old: &Old<'_>, part: u32) -> WorldResult<Vec<BranchInput>> {
        let Some(common) = &old.common else {
            let read = old.position.fan_out().and_then(|fan_out| fan_out.read());
            return Ok(self.part_inputs(&PartKey { fan_out: old.key.clone(), part }, read).await?.inputs);
        };
        common.range(self.branches_of(part, old.count)).map_err(|error| unevaluated(&old.key, &error))
    }

    /// Where a branch goes on that has these records; none if it has succeeded.
    pub(crate) async fn follow(
        &self,
        old: &Old<'_>,
        index: u32,
        input: Option<BranchInput>,
        records: &[Record],
    ) -> WorldResult<Option<Resumption>> {
        let run = &old.key.run;
        let opening = records.first().and_then(|record| record.opening);
        let (Some(input), Some(opening)) = (input, opening) else {
            let operation = format!("read branch {index} of the fan-out at {}", old.key);
            return Err(payload::unreadable(&operation, "nothing says what it was started with"));
        };
        let mut follower = Follower::branch_of(old.definition, old.run, old.position, input, opening);
        for record in records {
            check_seq(run, record, follower.next_seq())?;
            let recorded = self.recorded(run, record).await?;
            follower.push(&recorded).map_err(|error| diverged(&run.id, &error))?;
        }
        Ok(follower.resumption())
    }

    /// The records of some branches of a part; those that have none are left out.
    pub(crate) async fn old_records(
        &self,
        part: &PartKey,
        indexes: &BTreeSet<u32>,
    ) -> WorldResult<BTreeMap<u32, Vec<Record>>> {
        let mut found: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
        let store = self.host.store();
        if indexes.len() <= limits::BRANCHES_READ_ALONE_MAX {
            for index in indexes {
                let branch = part.fan_out.branch.child(part.fan_out.seq, *index);
                let mut records: Vec<Record> = Vec::new();
                loop {
                    let from = u32::try_from(records.len()).unwrap_or(u32::MAX);
                    let page = store.records(&part.fan_out.run, &branch, from).await?;
                    if page.is_empty() {
                        break;
                    }
                    records.extend(page);
                }
                if !records.is_empty() {
                    found.insert(*index, records);
                }
            }
            return Ok(found);
        }
        let mut last: Option<RecordKey> = None;
        loop {
            let page = store.part_records(part, last.as_ref()).await?;
            let Some((end, _)) = page.last() else { break };
            last = Some(end.clone());
            for (key, record) in page {
                let index = key.branch.0.last().map(|fork| fork.index);
                if let Some(index) = index.filter(|index| indexes.contains(index)) {
                    found.entry(index).or_default().push(record);
                }
            }
        }
        Ok(found)
    }

    /// What is left of the fan-out that another one goes on from, and the run as it was when that was opened.
    pub(crate) async fn plan_of(&self, run: &Run, resumes: &Resumes) -> WorldResult<(Plan, Run)> {
        let PlanAt { branch, seq } = resumes.plan_at();
        let key = RecordKey { run: RunKey::of(run), branch, seq };
        let lost = || payload::unreadable(&format!("read {key}"), "it doesn't say what is kept");
        let record = self.host.store().record(&key).await?.ok_or_else(lost)?;
        let (plan, redrive_count) = match self.outcome(&key.run, &record).await? {
            Outcome::Redriven { redrive_count, kept: Some(Kept::FanOut(plan)), .. } => {
                let opened_at = plan.redrive_count.unwrap_or(redrive_count.saturating_sub(1));
                (plan, opened_at)
            }
            Outcome::Updated { redrive_count, plan, .. } => (*plan, redrive_count),
            _ => return Err(lost()),
        };
        let plan = plan.find(&key.branch, &resumes.branch, resumes.seq).cloned().ok_or_else(lost)?;
        Ok((plan, Run { redrive_count, ..run.clone() }))
    }
}

fn unevaluated(key: &RecordKey, error: &EvalError) -> WorldError {
    match error.gave_up {
        true => too_slow(),
        false => payload::unreadable(&format!("read the fan-out at {key}"), &error.cause),
    }
}
