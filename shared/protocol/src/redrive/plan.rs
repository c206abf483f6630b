//! What a redrive keeps of a Parallel or Map state, and what is left of it.
//!
//! A branch that has succeeded is kept. All others go on from where their records lead, also those that failed and were
//! put up with: AWS redrives whatever failed or was aborted. So failures count anew, against what the state tolerates.
//!
//! It costs a read for each part of the fan-out, and a page of records for each part that has unfinished branches.

use super::Old;
use crate::{
    Protocol,
    fan_outs::{Ended, EndedHow, FanOuts, PartKey},
    item::{Record, RunKey},
    limits,
    message::Lock,
    planted::PlantedBug,
    read::Head,
    traits::{Host, WorldResult},
};
use futures::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};
use std::collections::BTreeSet;
use stepladder_asl::{Definition, Kind};
use stepladder_engine::{Around, Branch, Kept, Left, Plan, Position, Resumption, Run};

/// What a redrive finds.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) kept: Option<Kept>,
    /// The branches that have succeeded by their records, and that their parts don't list yet.
    pub(crate) unlisted: Vec<(PartKey, Ended)>,
}

impl<H: Host> Protocol<H> {
    /// What is kept of the state that a run ended in. `run` is as it was then.
    pub(super) async fn planned(
        &self,
        run: &Run,
        definition: &Definition,
        head: &Head,
    ) -> WorldResult<Planned> {
        match &head.resumption {
            Some(Resumption { around, .. }) => {
                self.planned_around(&self.seeded(run), definition, around).await
            }
            None => Ok(Planned::default()),
        }
    }

    fn planned_around<'a>(
        &'a self,
        run: &'a Run,
        definition: &'a Definition,
        around: &'a Around,
    ) -> BoxFuture<'a, WorldResult<Planned>> {
        async move {
            match around {
                Around::Nothing => Ok(Planned::default()),
                Around::Earlier(resumes) => Ok(Planned::earlier(resumes.clone())),
                Around::FanOut(position) => self.plan(run, definition, position).await,
            }
        }
        .boxed()
    }

    /// What is left of the fan-out that a position waits for, of which all branches have ended that have begun.
    pub(crate) async fn left(
        &self,
        run: &Run,
        definition: &Definition,
        position: &Position,
    ) -> WorldResult<Option<Plan>> {
        match self.plan(run, definition, position).await?.kept {
            Some(Kept::FanOut(plan)) => Ok(Some(plan)),
            Some(Kept::Earlier(_)) | None => Ok(None),
        }
    }

    /// What is left of the fan-out that a position waited for.
    pub(super) async fn plan(
        &self,
        run: &Run,
        definition: &Definition,
        position: &Position,
    ) -> WorldResult<Planned> {
        let Some(fan_out) = position.fan_out() else { return Ok(Planned::default()) };
        let key = Lock::of(position).key(&RunKey::of(run));
        // Whoever opens one writes what it was opened with before any branch starts.
        if self.host.store().opened(&key).await?.is_none() {
            let resumes = position.resumes.as_ref().map(|resumes| resumes.as_ref().clone());
            return Ok(resumes.map(Planned::earlier).unwrap_or_default());
        }
        let old = &Old::new(run, definition, position)?;
        let resumes = position.resumes.clone();
        let first = first_of(definition, position);
        let mut plan =
            Plan { seq: position.seq, fan_out, resumes, first, left: Vec::new(), redrive_count: None };
        let mut unlisted = Vec::new();
        let mut parts = stream::iter(self.parts(fan_out.count).map(|part| self.left_of(old, part)))
            .buffered(limits::PARTS_READ_AT_ONCE);
        while let Some((left, ended)) = parts.try_next().await? {
            left.into_iter().for_each(|left| plan.push(left));
            unlisted.extend(ended);
        }
        Ok(Planned { kept: Some(Kept::FanOut(plan)), unlisted })
    }

    /// The branches of one part that have not succeeded, and those that have and aren't listed.
    async fn left_of(&self, old: &Old<'_>, part: u32) -> WorldResult<(Vec<Left>, Vec<(PartKey, Ended)>)> {
        let key = PartKey { fan_out: old.key.clone(), part };
        let branches = self.branches_of(part, old.count);
        let listed = self.host.store().part(&key).await?.ended;
        let succeeded = listed.iter().filter(|ended| ended.how == EndedHow::Ok).map(|ended| ended.index);
        let succeeded: BTreeSet<u32> = succeeded.collect();
        let unfinished: BTreeSet<u32> = branches.clone().filter(|index| !succeeded.contains(index)).collect();
        let mut records = self.old_records(&key, &unfinished).await?;
        let mut inputs = match records.is_empty() {
            true => Vec::new(),
            false => self.old_inputs(old, part).await?,
        };
        inputs.reverse();
        let (mut all_left, mut unlisted) = (Vec::new(), Vec::new());
        for index in branches {
            let anew = Left { first: index, count: 1, records: 0, inner: None, chosen: None };
            while inputs.last().is_some_and(|input| input.index < index) {
                inputs.pop();
            }
            if succeeded.contains(&index) {
                if self.planted(PlantedBug::RedriveRerunsFinishedBranches) {
                    all_left.push(anew);
                }
                continue;
            }
            let Some(records) = records.remove(&index) else {
                all_left.push(anew);
                continue;
            };
            let input = inputs.pop().filter(|input| input.index == index);
            // What can't be read fails as it did before, by a record of its own.
            if input.as_ref().is_some_and(|input| input.unread.is_some()) {
                all_left.push(anew);
                continue;
            }
            let Some(Resumption { around, .. }) = self.follow(old, index, input, &records).await? else {
                unlisted.push((key.clone(), Ended { index, seq: last_seq(&records), how: EndedHow::Ok }));
                continue;
            };
            let inner = self.planned_around(old.run, old.definition, &around).await?;
            unlisted.extend(inner.unlisted);
            let records = u32::try_from(records.len()).unwrap_or(u32::MAX);
            all_left.push(Left { records, inner: inner.kept.map(Box::new), ..anew });
        }
        Ok((all_left, unlisted))
    }
}

impl Planned {
    fn earlier(resumes: stepladder_engine::Resumes) -> Self {
        Self { kept: Some(Kept::Earlier(resumes)), unlisted: Vec::new() }
    }
}

/// The fan-out that a distributed Map state was opened with anew: its Map Run is named by it.
fn first_of(definition: &Definition, position: &Position) -> Option<Box<(Branch, u32)>> {
    let Kind::Map(map) = &definition.state(&position.state)?.kind else { return None };
    map.distributed()?;
    match (&position.resumes, position.fan_out()?.inputs_seq) {
        (Some(resumes), _) => {
            let (branch, seq) = resumes.first();
            Some(Box::new((branch.clone(), seq)))
        }
        // It is named by where it began to read.
        (None, Some(seq)) => Some(Box::new((position.branch.clone(), seq))),
        (None, None) => None,
    }
}

fn last_seq(records: &[Record]) -> u32 {
    records.last().map_or(0, |record| record.seq)
}
