//! A fan-out that goes on from another one, after a redrive.
//!
//! Its branches are those that had not succeeded, numbered anew; each starts where it was. What they start with is written
//! for all of them, whoever starts them. The results of the others stay with the fan-outs that they were branches of.

use super::no_fan_out;
use crate::{
    Protocol,
    batch::Sending,
    fan_outs::{Ended, EndedHow, PartKey},
    item::{RecordKey, RunKey},
    limits,
    line::Line,
    message::{Ask, Lock},
    payload,
    planted::PlantedBug,
    redrive::Old,
    traits::{Host, QueueName, WorldResult},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};
use stepladder_asl::Definition;
use stepladder_engine::{BranchInput, Left, Opening, Outcome, Plan, Position, Resumes, Run};

/// Where the results of a fan-out lie: its own, and those that were kept by redrives.
pub(crate) struct Results {
    /// The fan-outs, the oldest first; the last one is the one that is asked about.
    pub(crate) fan_outs: Vec<RecordKey>,
    /// In their order: which of the fan-outs, and how the branch ended.
    pub(crate) ended: Vec<(usize, Ended)>,
    /// The indexes of the same branches, as the state counted them when it was opened anew.
    pub(crate) indexes: Vec<u32>,
}

impl<H: Host> Protocol<H> {
    /// Opens the fan-out of a position that goes on from another one.
    pub(super) async fn open_again(
        &self,
        line: &Line<'_>,
        position: &Position,
        resumes: &Resumes,
        opened_ms: i64,
    ) -> WorldResult<Vec<Sending>> {
        let fan_out = position.fan_out().ok_or_else(|| no_fan_out(position))?;
        if fan_out.count == 0 {
            self.put_opened(line, position, opened_ms).await?;
            let join = self.next(line, Ask::Join(Lock::of(position)));
            return Ok(vec![self.sending(QueueName::Timer, &join, i64::MIN).await?]);
        }
        let (plan, run) = self.plan_of(line.run, resumes).await?;
        let run = self.seeded(&run);
        let lock = Lock { branch: resumes.branch.clone(), seq: resumes.seq };
        let before = self.opened(&RunKey::of(line.run), &lock).await?.position;
        let definition = self.definition_at(line, run.redrive_count).await?;
        let old = &Old::new(&run, definition.as_ref().map_or(line.definition, |old| old), &before)?;
        let width = self.begun(&fan_out);
        let is_delegated = width > self.part_branches();
        let plan = &plan;
        let mut parts = stream::iter(self.parts(fan_out.count).map(|part| async move {
            let inputs = self.going_on(old, plan, resumes, self.branches_of(part, fan_out.count)).await?;
            let begun = inputs.iter().filter(|input| !is_delegated && input.index < width).cloned().collect();
            let written = self.put_part_inputs(line, position, opened_ms, part, inputs).await?;
            Ok::<Result<Vec<BranchInput>, Outcome>, crate::traits::WorldError>(written.map(|()| begun))
        }))
        .buffered(limits::PARTS_READ_AT_ONCE);
        let mut begun = Vec::new();
        while let Some(written) = parts.try_next().await? {
            match written {
                Ok(some) => begun.extend(some),
                Err(outcome) => return self.unopened(line, position, outcome).await,
            }
        }
        self.put_opened(line, position, opened_ms).await?;
        let wished = self.wished_meanwhile(line, position, resumes).await?;
        let mut sendings = match is_delegated {
            true => self.ask_to_open(line, position).await?,
            false => {
                let opening = Opening { started_ms: opened_ms, events: position.events };
                self.begin_all(line, position, begun, opening).await?
            }
        };
        sendings.extend(wished);
        Ok(sendings)
    }

    /// The definition that the run went by at this redrive count, where that is not the line's.
    async fn definition_at(
        &self,
        line: &Line<'_>,
        redrive_count: u32,
    ) -> WorldResult<Option<Arc<Definition>>> {
        let key = RunKey::of(line.run);
        if redrive_count == line.run.redrive_count || self.planted(PlantedBug::OldBranchesByNewDefinition) {
            return Ok(None);
        }
        let Some(item) = self.item_of(&key).await? else { return Ok(None) };
        let definitions = self.definitions_of(&item).await?;
        Ok(Some(Arc::clone(definitions.at(redrive_count))))
    }

    /// What branches with these indexes start with.
    async fn going_on(
        &self,
        old: &Old<'_>,
        plan: &Plan,
        resumes: &Resumes,
        indexes: Range<u32>,
    ) -> WorldResult<Vec<BranchInput>> {
        let mut by_part: BTreeMap<u32, Vec<(u32, u32, &Left)>> = BTreeMap::new();
        for (index, number, left) in plan.within(indexes) {
            by_part.entry(number / self.part_branches()).or_default().push((index, number, left));
        }
        let mut all = Vec::new();
        for (part, branches) in by_part {
            let recorded = branches.iter().filter(|(_, _, left)| left.records > 0 && left.chosen.is_none());
            let recorded: BTreeSet<u32> = recorded.map(|(_, number, _)| *number).collect();
            let key = PartKey { fan_out: old.key.clone(), part };
            let mut records = self.old_records(&key, &recorded).await?;
            let inputs = self.old_inputs(old, part).await?;
            let mut inputs: BTreeMap<u32, BranchInput> =
                inputs.into_iter().map(|input| (input.index, input)).collect();
            for (index, number, left) in branches {
                let input = inputs.remove(&number);
                if let Some(chosen) = &left.chosen {
                    let branch = resumes.branch.child(resumes.seq, number);
                    all.push(chosen.as_ref().clone().input(index, left, resumes, &branch));
                    continue;
                }
                let lost = || {
                    let operation = format!("go on from branch {number} of the fan-out at {}", old.key);
                    payload::unreadable(&operation, "not all of its records are there")
                };
                if left.records == 0 {
                    all.push(input.ok_or_else(lost)?.anew(index));
                    continue;
                }
                let count = usize::try_from(left.records).unwrap_or(usize::MAX);
                let records = records.remove(&number).unwrap_or_default();
                let records = records.get(..count).ok_or_else(lost)?;
                let resumption = self.follow(old, number, input, records).await?.ok_or_else(lost)?;
                let branch = resumes.branch.child(resumes.seq, number);
                all.push(resumption.input(index, left, resumes, &branch));
            }
        }
        Ok(all)
    }

    /// Where the results of a fan-out lie, in the order in which the state counts its branches. `parts` are its own
    /// branches that have ended.
    pub(super) async fn results_of(
        &self,
        run: &Run,
        position: &Position,
        parts: Vec<Vec<Ended>>,
    ) -> WorldResult<Results> {
        let key = RunKey::of(run);
        let own: BTreeMap<u32, Ended> =
            parts.into_iter().flatten().map(|ended| (ended.index, ended)).collect();
        // From the newest on: each plan, and the fan-out that it is about.
        let (mut plans, mut resumes) = (Vec::new(), position.resumes.as_deref().cloned());
        while let Some(next) = resumes.take() {
            let (plan, _) = self.plan_of(run, &next).await?;
            resumes = plan.resumes.as_deref().cloned();
            plans.push((RecordKey { run: key.clone(), branch: next.branch, seq: next.seq }, plan));
        }
        let total =
            plans.last().map_or_else(|| position.fan_out().map_or(0, |f| f.count), |(_, plan)| plan.total());
        let mut slots: Vec<(usize, u32)> = (0..total).map(|number| (0, number)).collect();
        let mut fan_outs = Vec::with_capacity(plans.len() + 1);
        let mut counts = Vec::with_capacity(plans.len());
        for (level, (fan_out, plan)) in plans.into_iter().rev().enumerate() {
            let mut left = (0_u32..).zip(plan.numbers().map(|(number, _)| number)).peekable();
            for slot in &mut slots {
                if let Some((index, _)) = left.next_if(|(_, number)| *slot == (level, *number)) {
                    *slot = (level + 1, index);
                }
            }
            fan_outs.push(fan_out);
            counts.push(plan.fan_out.count);
        }
        let mut listed: Vec<BTreeMap<u32, Ended>> = Vec::with_capacity(fan_outs.len() + 1);
        for (fan_out, count) in fan_outs.iter().zip(counts) {
            let parts = self.ended_of(fan_out, self.parts(count)).await?;
            let ok = parts.into_iter().flatten().filter(|ended| ended.how == EndedHow::Ok);
            listed.push(ok.map(|ended| (ended.index, ended)).collect());
        }
        fan_outs.push(Lock::of(position).key(&key));
        listed.push(own);
        // One that has failed beyond what is tolerated hasn't the ends of all of them.
        let (mut ended, mut indexes) = (Vec::with_capacity(slots.len()), Vec::with_capacity(slots.len()));
        for (index, (level, number)) in (0_u32..).zip(slots) {
            if let Some(found) = listed.get(level).and_then(|listed| listed.get(&number)).copied() {
                ended.push((level, found));
                indexes.push(index);
            }
        }
        Ok(Results { ended, indexes, fan_outs })
    }
}
