//! What a redrive keeps of a fan-out, and where it goes on.
//!
//! A redrive of a failed, aborted or timed-out Parallel or Map state opens a new fan-out over those branches only that
//! have not succeeded. Each of them goes on from where it was; the results of the others are kept where they are. What is
//! left of the old fan-out stands in the `redriven` record: how many of a branch's records count is decided there once,
//! so that what an old branch still records afterwards changes nothing.

use crate::{
    chosen::{Chosen, Definitions},
    fan_out::{BranchInput, Inputs},
    outcome::Outcome,
    position::{Branch, FanOut, MapItem, Position},
    present::present,
    replay::{Records, ReplayError},
    run::Run,
    update::{PastFailure, Updated, Wish},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// What a redriven branch finds in the state that it goes on from, where that is a Parallel or Map state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The fan-out that it waited for.
    FanOut(Plan),
    /// What an earlier redrive had found there: nothing has come of that one.
    Earlier(Resumes),
}

/// What is left of a fan-out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The seq at which it was opened, in its branch.
    pub seq: u32,
    pub fan_out: FanOut,
    /// What it went on from itself; none where it was opened anew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<Box<Resumes>>,
    /// Only of a distributed Map state that went on itself: the fan-out that was opened anew, as its branch and seq.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Box<(Branch, u32)>>,
    /// The branches that have not succeeded, in ascending order. All others are kept.
    pub left: Vec<Left>,
    /// The redrive count of the run when the fan-out was opened, where that is not the one before the redrive.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redrive_count: Option<u32>,
}

/// Branches of a fan-out, one after another, that are left in the same way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Left {
    pub first: u32,
    #[serde(skip_serializing_if = "is_one", default = "one")]
    pub count: u32,
    /// So many of its records count. A branch without any starts anew.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub records: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub inner: Option<Box<Kept>>,
    /// Where somebody has chosen that it goes on; none: where its records lead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chosen: Option<Box<ChosenBranch>>,
}

/// A place that somebody has chosen for a branch, whatever has become of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChosenBranch {
    #[serde(flatten)]
    pub at: Chosen,
    /// The branch's index when its state was opened anew.
    pub index: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub map_item: Option<MapItem>,
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn one() -> u32 {
    1
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The record that holds a plan: a `redriven` one of the root, or an `updated` one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanAt {
    pub branch: Branch,
    pub seq: u32,
}

/// The fan-out that a new one goes on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resumes {
    /// The seq of the record that holds the plan, and its branch: the root, where that is a `redriven` one.
    pub redriven_seq: u32,
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub plan_branch: Branch,
    /// The branch that opened the old fan-out, and the seq.
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub branch: Branch,
    pub seq: u32,
    /// The new fan-out. It may have no branch at all.
    pub left: FanOut,
    /// How many branches the state had when it was opened anew.
    pub total: u32,
    /// Only of a distributed Map state: the fan-out that was opened anew, as its branch and seq, where that is another one
    /// than this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Box<(Branch, u32)>>,
    /// All that updates of the Map Run have asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wish: Option<Box<Wish>>,
    /// Only where an update opens it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub updated: Option<Box<Updated>>,
}

impl Resumes {
    /// The record that holds the plan.
    pub fn plan_at(&self) -> PlanAt {
        PlanAt { branch: self.plan_branch.clone(), seq: self.redriven_seq }
    }

    /// The fan-out that was opened anew.
    pub fn first(&self) -> (&Branch, u32) {
        self.first.as_deref().map_or((&self.branch, self.seq), |(branch, seq)| (branch, *seq))
    }
}

/// Where a branch goes on after a redrive.
#[derive(Debug, Clone, PartialEq)]
pub struct Resumption {
    pub state: String,
    pub data: Value,
    pub variables: Map<String, Value>,
    pub map_item: Option<MapItem>,
    /// The branch's index when its state was opened anew.
    pub index: u32,
    pub around: Around,
    /// What it has failed by.
    pub failed: Option<PastFailure>,
    /// The output of the state that it goes on from, which is skipped: an earlier redrive had asked for that.
    pub given: Option<Value>,
}

/// What a branch waited for, or ended by, in the state that it goes on from.
#[derive(Debug, Clone, PartialEq)]
pub enum Around {
    Nothing,
    /// A fan-out that an earlier redrive was to open.
    Earlier(Resumes),
    /// The fan-out of this position.
    FanOut(Box<Position>),
}

/// How a branch of a redriven fan-out starts. It is stored for the branches that start later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoesOn {
    /// Its index when the state was opened anew.
    pub index: u32,
    /// The state that it goes on from; none: it starts anew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variables: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<Resumes>,
    /// What it fails by at once, because it had before an update.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<PastFailure>,
    /// The output of the state that it goes on from, which is skipped.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub given: Option<Value>,
}

impl Plan {
    /// How many branches the state had when it was opened anew.
    pub fn total(&self) -> u32 {
        self.resumes.as_ref().map_or(self.fan_out.count, |resumes| resumes.total)
    }

    /// The fan-out that goes on from this one; `branch` is the one that opened it, and `at` the record that holds this.
    pub fn resumes(&self, at: &PlanAt, branch: &Branch) -> Resumes {
        let count = self.left.iter().fold(0_u32, |sum, left| sum.saturating_add(left.count));
        let concurrency = self.fan_out.concurrency.min(count);
        Resumes {
            redriven_seq: at.seq,
            plan_branch: at.branch.clone(),
            branch: branch.clone(),
            seq: self.seq,
            // What is left is stored under the new fan-out.
            left: FanOut { count, concurrency, inputs_seq: None, ..self.fan_out },
            total: self.total(),
            first: self.first.clone(),
            wish: self.resumes.as_ref().and_then(|resumes| resumes.wish.clone()),
            updated: None,
        }
    }

    /// Adds a branch that is left, behind all others.
    pub fn push(&mut self, next: Left) {
        match self.left.last_mut() {
            Some(last)
                if last.first.saturating_add(last.count) == next.first
                    && last.records == next.records
                    && last.is_plain()
                    && next.is_plain() =>
            {
                last.count = last.count.saturating_add(next.count);
            }
            _ => self.left.push(next),
        }
    }

    /// Lets a branch go on from a chosen place, whether it is left or not.
    pub fn choose(&mut self, number: u32, chosen: ChosenBranch, inner: Option<Kept>) {
        let chosen = Left {
            first: number,
            count: 1,
            records: 0,
            inner: inner.map(Box::new),
            chosen: Some(Box::new(chosen)),
        };
        let mut left = Vec::with_capacity(self.left.len() + 2);
        let mut chosen = Some(chosen);
        for each in std::mem::take(&mut self.left) {
            let end = each.first.saturating_add(each.count);
            if end <= number {
                left.push(each);
                continue;
            }
            if each.first < number {
                left.push(Left { count: number - each.first, ..each.clone() });
            }
            left.extend(chosen.take());
            let first = each.first.max(number.saturating_add(1));
            if first < end {
                left.push(Left { first, count: end - first, ..each });
            }
        }
        left.extend(chosen);
        self.left = left;
    }

    /// The branches that are left: the number of each in the old fan-out, in the order of the new one.
    pub fn numbers(&self) -> impl Iterator<Item = (u32, &Left)> {
        self.left.iter().flat_map(|left| {
            (left.first..left.first.saturating_add(left.count)).map(move |number| (number, left))
        })
    }

    /// Those of the new fan-out's branches with these indexes: index, number in the old fan-out, and how it is left.
    pub fn within(&self, indexes: Range<u32>) -> Vec<(u32, u32, &Left)> {
        let mut found = Vec::new();
        let mut from = 0_u32;
        for left in &self.left {
            let to = from.saturating_add(left.count);
            for index in indexes.start.max(from)..indexes.end.min(to) {
                found.push((index, left.first.saturating_add(index - from), left));
            }
            from = to;
        }
        found
    }

    /// The plan of a fan-out within this one, or this one itself, which was opened by the branch `opener`.
    pub fn find(&self, opener: &Branch, branch: &Branch, seq: u32) -> Option<&Plan> {
        let mut plan = self;
        for fork in branch.0.strip_prefix(opener.0.as_slice())? {
            if fork.seq != plan.seq {
                return None;
            }
            let at = plan.left.partition_point(|left| left.first <= fork.index).checked_sub(1)?;
            let left = plan.left.get(at).filter(|left| fork.index - left.first < left.count)?;
            plan = match left.inner.as_deref()? {
                Kept::FanOut(inner) => inner,
                Kept::Earlier(_) => return None,
            };
        }
        (plan.seq == seq).then_some(plan)
    }
}

impl Left {
    fn is_plain(&self) -> bool {
        self.inner.is_none() && self.chosen.is_none()
    }
}

impl ChosenBranch {
    /// What the branch of the new fan-out starts with; as [`Resumption::input`].
    pub fn input(self, index: u32, left: &Left, resumes: &Resumes, branch: &Branch) -> BranchInput {
        let at = resumes.plan_at();
        let Chosen { state, data, variables, given } = self.at;
        let goes_on = GoesOn {
            index: self.index,
            state: Some(state),
            variables: Some(variables),
            resumes: left.inner.as_ref().map(|kept| kept.resumes(&at, branch)),
            failed: None,
            given,
        };
        BranchInput { index, data, map_item: self.map_item, goes_on: Some(Box::new(goes_on)), unread: None }
    }
}

impl Kept {
    /// The fan-out that goes on; `branch` is the one that the state belonged to.
    pub fn resumes(&self, at: &PlanAt, branch: &Branch) -> Resumes {
        match self {
            Kept::FanOut(plan) => plan.resumes(at, branch),
            Kept::Earlier(resumes) => resumes.clone().redriven(),
        }
    }
}

impl Resumption {
    /// What the branch of the new fan-out starts with; `branch` is the old one, and `left` says how it is left.
    pub fn input(self, index: u32, left: &Left, resumes: &Resumes, branch: &Branch) -> BranchInput {
        let at = resumes.plan_at();
        let goes_on = GoesOn {
            index: self.index,
            state: Some(self.state),
            variables: Some(self.variables),
            resumes: left.inner.as_ref().map(|kept| kept.resumes(&at, branch)),
            failed: self.failed.filter(|_| resumes.repeats_failures()),
            given: self.given,
        };
        BranchInput {
            index,
            data: self.data,
            map_item: self.map_item,
            goes_on: Some(Box::new(goes_on)),
            unread: None,
        }
    }
}

impl BranchInput {
    /// The same for a branch of a redriven fan-out, which so starts as the old one should have.
    pub fn anew(self, index: u32) -> BranchInput {
        let first = GoesOn {
            index: self.index,
            state: None,
            variables: None,
            resumes: None,
            failed: None,
            given: None,
        };
        let goes_on = Some(self.goes_on.unwrap_or_else(|| Box::new(first)));
        BranchInput { index, goes_on, ..self }
    }
}

/// What redriven fan-outs go on from, as far as a run has been followed.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    /// The plans, by their records, and the redrive count of the run before.
    plans: BTreeMap<PlanAt, (Plan, u32)>,
    /// The branches that others go on from, and how many of their records count: to an update that came too late others than to
    /// a redrive.
    records: BTreeSet<(Branch, u32)>,
    /// The fan-outs with branches that start anew.
    fan_outs: BTreeMap<(Branch, u32), Option<Position>>,
    resumptions: BTreeMap<(Branch, u32), Resumption>,
}

impl Pins {
    pub(crate) fn of(records: &Records) -> Self {
        let mut pins = Self::default();
        for (branch, records) in records {
            for (seq, record) in (0_u32..).zip(records) {
                let (plan, count) = match &record.outcome {
                    Outcome::Redriven { redrive_count, kept: Some(Kept::FanOut(plan)), .. } => {
                        (plan, plan.redrive_count.unwrap_or(redrive_count.saturating_sub(1)))
                    }
                    Outcome::Updated { redrive_count, plan, .. } => (plan.as_ref(), *redrive_count),
                    _ => continue,
                };
                pins.add(plan, branch);
                let at = PlanAt { branch: branch.clone(), seq };
                pins.plans.insert(at, (plan.clone(), count));
            }
        }
        pins
    }

    fn add(&mut self, plan: &Plan, branch: &Branch) {
        self.fan_outs.insert((branch.clone(), plan.seq), None);
        for (number, left) in plan.numbers().filter(|(_, left)| left.records > 0 || left.chosen.is_some()) {
            let child = branch.child(plan.seq, number);
            if let Some(Kept::FanOut(inner)) = left.inner.as_deref() {
                self.add(inner, &child);
            }
            if left.chosen.is_none() {
                self.records.insert((child, left.records));
            }
        }
    }

    /// Whether somebody goes on from where this branch is after so many records.
    pub(crate) fn wants(&self, branch: &Branch, records: u32) -> bool {
        self.records.contains(&(branch.clone(), records))
    }

    pub(crate) fn resumed(&mut self, branch: &Branch, records: u32, resumption: Option<Resumption>) {
        if let Some(resumption) = resumption {
            self.resumptions.insert((branch.clone(), records), resumption);
        }
    }

    /// A fan-out has been opened.
    pub(crate) fn opened(&mut self, position: &Position) {
        if let Some(wanted) = self.fan_outs.get_mut(&(position.branch.clone(), position.seq)) {
            *wanted = Some(position.clone());
        }
    }

    /// What branches of a redriven fan-out start with, in ascending order. `None`: an evaluation took too long.
    pub(crate) fn inputs(
        &self,
        definitions: Definitions<'_>,
        run: &Run,
        resumes: &Resumes,
        indexes: &BTreeSet<u32>,
    ) -> Result<Option<Vec<BranchInput>>, ReplayError> {
        let mut source = Source { pins: self, definitions, run: run.clone(), inputs: BTreeMap::new() };
        let mut found = Vec::with_capacity(indexes.len());
        for index in indexes {
            match source.input(resumes, *index)? {
                Some(input) => found.push(input),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }
}

/// Where the inputs of a redriven fan-out come from.
struct Source<'a> {
    pins: &'a Pins,
    definitions: Definitions<'a>,
    run: Run,
    /// What has been evaluated of the first fan-out, by its position.
    inputs: BTreeMap<(Branch, u32), Vec<BranchInput>>,
}

impl Source<'_> {
    fn input(&mut self, resumes: &Resumes, index: u32) -> Result<Option<BranchInput>, ReplayError> {
        let pins = self.pins;
        let missing = || ReplayError::NoSuchBranch { branch: resumes.branch.child(resumes.seq, index) };
        let (root, count) = pins.plans.get(&resumes.plan_at()).ok_or_else(missing)?;
        let plan = root.find(&resumes.plan_branch, &resumes.branch, resumes.seq).ok_or_else(missing)?;
        let within = plan.within(index..index.saturating_add(1));
        let (_, number, left) = *within.first().ok_or_else(missing)?;
        if let Some(chosen) = &left.chosen {
            let branch = resumes.branch.child(plan.seq, number);
            return Ok(Some(chosen.as_ref().clone().input(index, left, resumes, &branch)));
        }
        if left.records > 0 {
            let pin = (resumes.branch.child(plan.seq, number), left.records);
            let Some(resumption) = pins.resumptions.get(&pin) else {
                return Err(ReplayError::NoSuchBranch { branch: pin.0 });
            };
            return Ok(Some(resumption.clone().input(index, left, resumes, &pin.0)));
        }
        let old = match &plan.resumes {
            Some(resumes) => self.input(resumes, number)?,
            None => self.first(resumes, plan, *count, number)?,
        };
        Ok(old.map(|old| old.anew(index)))
    }

    /// What a branch of a fan-out starts with that was opened anew.
    fn first(
        &mut self,
        resumes: &Resumes,
        plan: &Plan,
        redrive_count: u32,
        number: u32,
    ) -> Result<Option<BranchInput>, ReplayError> {
        let missing = || ReplayError::NoSuchBranch { branch: resumes.branch.child(plan.seq, number) };
        let key = (resumes.branch.clone(), plan.seq);
        if !self.inputs.contains_key(&key) {
            let position = self.pins.fan_outs.get(&key).and_then(Option::as_ref).ok_or_else(missing)?;
            let run = Run { redrive_count, ..self.run.clone() };
            let inputs = Inputs::new(self.definitions.at(redrive_count), &run, position)
                .and_then(|inputs| inputs.range(0..plan.fan_out.count));
            match inputs {
                Ok(inputs) => drop(self.inputs.insert(key.clone(), inputs)),
                Err(error) if error.gave_up => return Ok(None),
                Err(_) => return Err(missing()),
            }
        }
        let inputs = self.inputs.get(&key);
        let input = inputs.and_then(|inputs| inputs.get(usize::try_from(number).unwrap_or(usize::MAX)));
        input.cloned().map(Some).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seq: u32, count: u32, left: Vec<Left>) -> Plan {
        Plan {
            seq,
            fan_out: FanOut {
                count,
                concurrency: 3,
                failures_tolerated: 1,
                failure_items: 1,
                inputs_seq: None,
            },
            resumes: None,
            first: None,
            left,
            redrive_count: None,
        }
    }

    fn left(first: u32, records: u32) -> Left {
        Left { first, count: 1, records, inner: None, chosen: None }
    }

    #[test]
    fn branches_that_are_left_in_the_same_way_take_one_place() {
        let mut plan = plan(4, 10_000, Vec::new());
        for number in 100..10_000 {
            plan.push(left(number, u32::from(number == 120)));
        }
        let ranges: Vec<_> = plan.left.iter().map(|left| (left.first, left.count, left.records)).collect();
        assert_eq!(ranges, [(100, 20, 0), (120, 1, 1), (121, 9879, 0)]);
        let text = serde_json::to_string(&plan).unwrap();
        assert!(text.len() < 200, "{text}");
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }

    #[test]
    fn the_new_fan_out_counts_what_is_left_and_holds_to_its_limits() {
        let plan = plan(4, 6, vec![left(1, 0), Left { count: 3, ..left(3, 2) }]);
        let resumes = plan.resumes(&PlanAt { seq: 9, ..PlanAt::default() }, &Branch::default());
        assert_eq!(
            resumes.left,
            FanOut { count: 4, concurrency: 3, failures_tolerated: 1, failure_items: 1, inputs_seq: None }
        );
        assert_eq!((resumes.redriven_seq, resumes.seq, resumes.total), (9, 4, 6));
        let numbers: Vec<u32> = plan.within(0..9).iter().map(|(_, number, _)| *number).collect();
        assert_eq!(numbers, [1, 3, 4, 5]);
        let some: Vec<_> = plan.within(2..3).iter().map(|(index, number, _)| (*index, *number)).collect();
        assert_eq!(some, [(2, 4)]);
    }

    #[test]
    fn a_plan_is_found_by_the_path_of_its_fan_out() {
        let inner = Some(Box::new(Kept::FanOut(plan(2, 5, vec![left(0, 0)]))));
        let outer = plan(4, 6, vec![left(1, 0), Left { inner, ..left(3, 2) }]);
        let root = Branch::default();
        assert_eq!(outer.find(&root, &root, 4), Some(&outer));
        assert_eq!(outer.find(&root, &root.child(4, 3), 2).map(|plan| plan.fan_out.count), Some(5));
        assert_eq!(outer.find(&root, &root.child(4, 1), 2), None);
        assert_eq!(outer.find(&root, &root.child(4, 2), 2), None);
        assert_eq!(outer.find(&root, &root.child(5, 3), 2), None);
        let child = root.child(7, 1);
        let within = outer.find(&child, &child.child(4, 3), 2);
        assert_eq!(within.map(|plan| plan.fan_out.count), Some(5));
        assert_eq!(outer.find(&child, &root.child(4, 3), 2), None);
    }
}
