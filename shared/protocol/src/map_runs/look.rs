//! Looking at a Map Run: where it is, and how many of its children are how far.

use super::{MapRunItem, MapRunKey, MapRuns};
use crate::{
    Protocol,
    fan_outs::{Ended, EndedHow, Part},
    item::{RecordKey, RunId, RunItem},
    traits::{Clock, Host, Store, WorldResult},
};
use stepladder_engine::{Branch, FanOut, Outcome, Plan, Status, limits::CHILDREN_MAX, map_run_digits};

/// A Map Run, and the run that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunFound {
    pub item: MapRunItem,
    pub run: RunItem,
}

impl MapRunFound {
    pub fn arn(&self) -> String {
        self.run.run().map_run_arn(&self.item.label, &self.item.id)
    }
}

/// How far a Map Run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapRunStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
}

impl MapRunStatus {
    /// AWS's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            MapRunStatus::Running => "RUNNING",
            MapRunStatus::Succeeded => "SUCCEEDED",
            MapRunStatus::Failed => "FAILED",
            MapRunStatus::Aborted => "ABORTED",
        }
    }
}

/// Where a Map Run is, and since when it has ended, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapRunEnd {
    pub status: MapRunStatus,
    pub stopped_ms: Option<i64>,
}

impl MapRunEnd {
    const RUNNING: Self = Self { status: MapRunStatus::Running, stopped_ms: None };

    fn at(status: MapRunStatus, stopped_ms: i64) -> Self {
        Self { status, stopped_ms: Some(stopped_ms) }
    }

    pub(super) fn is_over(&self) -> bool {
        self.status != MapRunStatus::Running
    }
}

/// How many children of a Map Run, or items of theirs, are how far. All together are `total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// They have not begun; nor will they where the Map Run is over.
    pub pending: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    /// They ran when the Map Run ended.
    pub aborted: u64,
    /// A redrive is to send them on, and hasn't yet.
    pub pending_redrive: u64,
    pub total: u64,
}

/// The counts of a Map Run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MapRunCounts {
    pub executions: Counts,
    pub items: Counts,
}

/// One of the fan-outs that a Map Run consists of: the first one, and one more for each redrive.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) fan_out: RecordKey,
    pub(super) shape: FanOut,
    /// What of it went on to the next one, and by what; none of the last one.
    pub(super) left: Option<(Plan, GoneOn)>,
}

/// By what a Map Run went on from one of its fan-outs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoneOn {
    /// A redrive: the redrive count since.
    Redriven(u32),
    /// An update: those that had failed have failed for all that comes after it, up to a redrive. The redrive count then.
    Updated(u32),
}

impl GoneOn {
    /// The redrive count before.
    pub(super) fn count_before(self) -> u32 {
        match self {
            GoneOn::Redriven(since) => since.saturating_sub(1),
            GoneOn::Updated(count) => count,
        }
    }
}

/// How far a child was before the last fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    Pending,
    Begun,
    Failed,
}

/// How far a branch of the last fan-out is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pending,
    Begun,
    Ended(EndedHow),
}

impl<H: Host> Protocol<H> {
    /// The Map Run of a workflow with this id; none where there is none any more.
    pub async fn find_map_run(&self, workflow: &str, id: &str) -> WorldResult<Option<MapRunFound>> {
        let found = self.find_map_run_by_digits(workflow, id).await?;
        Ok(found.filter(|found| found.item.id == id))
    }

    /// The Map Run that a child with this name may belong to.
    pub(super) async fn find_map_run_by_digits(
        &self,
        workflow: &str,
        id: &str,
    ) -> WorldResult<Option<MapRunFound>> {
        let store = self.host.store();
        let Some(digits) = map_run_digits(id) else { return Ok(None) };
        let Some(key) = store.map_run_key(workflow, &digits).await? else { return Ok(None) };
        let Some(run) = self.run_of(&key).await? else { return Ok(None) };
        Ok(store.map_run(&key).await?.map(|item| MapRunFound { item, run }))
    }

    async fn run_of(&self, key: &MapRunKey) -> WorldResult<Option<RunItem>> {
        let id: &RunId = &key.run.id;
        let run = self.host.store().run(id, self.host.clock().now_ms()).await?;
        Ok(run.filter(|run| run.nonce == key.run.nonce))
    }

    /// Where a Map Run is: what ended the wait for its children, or for its items.
    pub async fn map_run_end(&self, found: &MapRunFound) -> WorldResult<MapRunEnd> {
        let item = &found.item;
        let (key, branch) = (&item.key.run, &item.now.branch);
        let mut seq = item.now.seq;
        loop {
            let page = match item.now.fan_out {
                // How far reading has come are records of their own.
                None => self.host.store().records(key, branch, seq).await?,
                Some(_) => self.host.store().record(&item.fan_out_key()).await?.into_iter().collect(),
            };
            if page.is_empty() {
                return self.map_run_end_around(found).await;
            }
            for record in page {
                let status = match self.outcome(key, &record).await? {
                    Outcome::ItemsRead { reading, is_all } => match (reading.children, is_all) {
                        (children, _) if children > CHILDREN_MAX => MapRunStatus::Failed,
                        (0, true) => MapRunStatus::Succeeded,
                        _ => {
                            seq = record.seq.saturating_add(1);
                            continue;
                        }
                    },
                    Outcome::Joined { .. } | Outcome::Responded { .. } => MapRunStatus::Succeeded,
                    Outcome::BranchFailed { .. } | Outcome::Failed { .. } => MapRunStatus::Failed,
                    // The next fan-out is being opened.
                    Outcome::Updated { .. } => return self.map_run_end_around(found).await,
                    _ => MapRunStatus::Aborted,
                };
                return Ok(MapRunEnd::at(status, record.finished_ms));
            }
            if item.now.fan_out.is_some() {
                return self.map_run_end_around(found).await;
            }
        }
    }

    /// Its own wait goes on, unless a fan-out around it has ended, or its run has.
    async fn map_run_end_around(&self, found: &MapRunFound) -> WorldResult<MapRunEnd> {
        let MapRunFound { item, run } = found;
        let mut inner: Branch = item.now.branch.clone();
        while let Some((outer, fork)) = inner.parent() {
            let around = RecordKey { run: item.key.run.clone(), branch: outer.clone(), seq: fork.seq };
            if let Some(record) = self.host.store().record(&around).await? {
                return Ok(MapRunEnd::at(MapRunStatus::Aborted, record.finished_ms));
            }
            inner = outer;
        }
        Ok(match (run.status, run.ended_ms) {
            (Status::Running, _) | (_, None) => MapRunEnd::RUNNING,
            (_, Some(ended_ms)) => MapRunEnd::at(MapRunStatus::Aborted, ended_ms),
        })
    }

    /// How many of a Map Run's children are how far. None as long as its items are read.
    ///
    /// Which children have begun comes of which have ended: where the Map Run failed it may be a few less than `aborted` says.
    pub async fn map_run_counts(&self, found: &MapRunFound, end: MapRunEnd) -> WorldResult<MapRunCounts> {
        let item = &found.item;
        let generations = self.generations(found).await?;
        let Some(last) = generations.last() else { return Ok(MapRunCounts::default()) };
        let parts = self.some_parts(&last.fan_out, self.parts(last.shape.count)).await?;
        let stages = self.stages(&last.shape, &parts);
        let total = item.now.children;
        let mut counts = MapRunCounts::default();
        let mut left_items = 0_u64;
        for ((original, past), stage) in originals(&generations).into_iter().zip(stages) {
            let items = match stage {
                // It is a child without a batch.
                Stage::Ended(EndedHow::Unread) => 1,
                _ => item.items_of(original),
            };
            left_items = left_items.saturating_add(items);
            for (counts, many) in [(&mut counts.executions, 1), (&mut counts.items, items)] {
                let count = match stage {
                    Stage::Ended(EndedHow::Ok) => &mut counts.succeeded,
                    Stage::Ended(EndedHow::Failed | EndedHow::Unread) => &mut counts.failed,
                    Stage::Begun | Stage::Pending if past == Past::Failed => &mut counts.failed,
                    Stage::Begun if end.is_over() => &mut counts.aborted,
                    Stage::Begun => &mut counts.running,
                    Stage::Pending if past == Past::Begun && end.is_over() => &mut counts.aborted,
                    Stage::Pending if past == Past::Begun => &mut counts.pending_redrive,
                    Stage::Pending => &mut counts.pending,
                };
                *count = count.saturating_add(many);
            }
        }
        // What redrives have kept.
        let kept = u64::from(total.saturating_sub(last.shape.count));
        counts.executions.succeeded = counts.executions.succeeded.saturating_add(kept);
        counts.executions.total = total.into();
        counts.items.total = item.all_items();
        let kept = counts.items.total.saturating_sub(left_items);
        counts.items.succeeded = counts.items.succeeded.saturating_add(kept);
        Ok(counts)
    }

    fn stages(&self, shape: &FanOut, parts: &[Part]) -> Vec<Stage> {
        let mut stages: Vec<Stage> = (0..shape.count)
            .map(|index| match self.begun_by(shape, index) {
                None => Stage::Begun,
                Some((part, place)) => match beginner(shape, part_at(parts, part), place) {
                    Some(_) => Stage::Begun,
                    None => Stage::Pending,
                },
            })
            .collect();
        for ended in parts.iter().flat_map(|part| &part.ended) {
            let at = usize::try_from(ended.index).ok();
            if let Some(stage) = at.and_then(|at| stages.get_mut(at)) {
                *stage = Stage::Ended(ended.how);
            }
        }
        stages
    }

    /// The end that a branch begins with, as its part and its place there from 0 on; none of those that begin with the fan-out.
    pub(super) fn begun_by(&self, shape: &FanOut, index: u32) -> Option<(u32, usize)> {
        let behind = index.checked_sub(shape.concurrency)?;
        let place = usize::try_from(behind % self.part_branches()).unwrap_or(usize::MAX);
        Some((behind / self.part_branches(), place))
    }

    /// The fan-outs that a Map Run consists of, the oldest first; none as long as its items are read.
    pub(super) async fn generations(&self, found: &MapRunFound) -> WorldResult<Vec<Generation>> {
        let item = &found.item;
        let Some(shape) = item.now.fan_out else { return Ok(Vec::new()) };
        let run = found.run.run();
        let mut generations = vec![Generation { fan_out: item.fan_out_key(), shape, left: None }];
        let mut resumes = item.now.resumes.as_deref().cloned();
        while let Some(next) = resumes.take() {
            let (plan, before) = self.plan_of(&run, &next).await?;
            let gone_on = match next.repeats_failures() {
                true => GoneOn::Updated(before.redrive_count),
                false => GoneOn::Redriven(before.redrive_count.saturating_add(1)),
            };
            resumes = plan.resumes.as_deref().cloned();
            generations.push(Generation {
                fan_out: RecordKey { run: item.key.run.clone(), branch: next.branch, seq: next.seq },
                shape: plan.fan_out,
                left: Some((plan, gone_on)),
            });
        }
        generations.reverse();
        Ok(generations)
    }
}

/// The end at a place of a part, unless nothing begins with it: that of a branch whose failure was one too many.
pub(super) fn beginner(shape: &FanOut, part: &Part, place: usize) -> Option<Ended> {
    let listed = &part.ended;
    let ended = listed.get(place)?;
    if part.mark.is_some() {
        // As long as an update is to come no failure is one too many.
        return u32::try_from(place)
            .is_ok_and(|place| part.begins_at(place.saturating_add(1)))
            .then_some(*ended);
    }
    let failures = listed.iter().take(place.saturating_add(1)).filter(|ended| ended.how == EndedHow::Failed);
    let is_over = u32::try_from(failures.count()).is_ok_and(|failures| failures > shape.failures_tolerated);
    (ended.how == EndedHow::Ok || !is_over).then_some(*ended)
}

fn part_at(parts: &[Part], part: u32) -> &Part {
    const NONE: &Part = &Part { ended: Vec::new(), is_stopped: false, mark: None };
    usize::try_from(part).ok().and_then(|at| parts.get(at)).unwrap_or(NONE)
}

/// The branches of the last fan-out, by their indexes as the state counts them, and how far they were before it.
fn originals(generations: &[Generation]) -> Vec<(u32, Past)> {
    let first = generations.first().map_or(0, |first| first.shape.count);
    let mut originals: Vec<(u32, Past)> = (0..first).map(|index| (index, Past::Pending)).collect();
    for (plan, gone_on) in generations.iter().filter_map(|generation| generation.left.as_ref()) {
        let next = plan.numbers().filter_map(|(number, left)| {
            let (original, past) = *originals.get(usize::try_from(number).ok()?)?;
            Some(match gone_on {
                GoneOn::Updated(_) if left.records > 0 => (original, Past::Failed),
                GoneOn::Redriven(_) if left.records > 0 || past == Past::Failed => (original, Past::Begun),
                GoneOn::Updated(_) | GoneOn::Redriven(_) => (original, past),
            })
        });
        originals = next.collect();
    }
    originals
}

impl MapRunItem {
    /// How many items there are.
    pub fn all_items(&self) -> u64 {
        let children = u64::from(self.now.children);
        self.settings.batch.and(self.settings.items).unwrap_or(children)
    }

    /// How many items a child has. Where a batch isn't full by its number of items alone, so many as the children have on an
    /// average: then only all together are right.
    pub fn items_of(&self, index: u32) -> u64 {
        let (children, items) = (u64::from(self.now.children).max(1), self.all_items());
        match (self.settings.batch, self.are_batches_full()) {
            (None, _) => 1,
            (Some(batch), true) => {
                let before = u64::from(index).saturating_mul(batch.into());
                items.saturating_sub(before).min(batch.into())
            }
            (Some(_), false) => {
                let share = |index: u64| items.saturating_mul(index) / children;
                share(u64::from(index).saturating_add(1)).saturating_sub(share(index.into()))
            }
        }
    }

    /// How many items a child has, where that is known.
    pub(super) fn items_known_of(&self, index: u32) -> Option<u64> {
        (self.settings.batch.is_none() || self.are_batches_full()).then(|| self.items_of(index))
    }

    /// Whether each child but the last has as many items as one may have.
    fn are_batches_full(&self) -> bool {
        let items = self.settings.items;
        self.settings.batch.zip(items).is_some_and(|(batch, items)| {
            batch > 0 && items.div_ceil(batch.into()) == u64::from(self.now.children)
        })
    }
}
