//! The items of Map Runs: what is kept of a distributed Map state's run over its items, beside the fan-outs that it consists of.
//!
//! A Map Run has an item where it is listed, in the partition of the execution that started it, and one that leads there from
//! the digits of its id. None is written per child: a child's name leads to its Map Run, and says its index.

mod look;
mod pages;
mod update;

pub use look::{Counts, MapRunCounts, MapRunEnd, MapRunFound, MapRunStatus};
pub use pages::{ChildPage, ChildStatus, ChildrenAsked, MapRunChild, MapRunChildData};
pub use update::MapRunUpdated;

use crate::{
    Protocol,
    fan_out::in_time,
    fan_outs::Partition,
    item::{ITEM_VERSION, RecordKey, RunKey},
    traits::{Clock, Host, Store, WorldResult},
};

use serde::{Deserialize, Serialize};
use std::future::Future;
use stepladder_asl::Definition;
use stepladder_engine::{
    Branch, FanOut, MapRun, MapRunLimits, Outcome, Position, Resumes, Run, map_run, map_run_digits,
    map_run_limits,
};

/// Where the item of a Map Run lies: by what began it, whatever redrives have made of it since.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MapRunKey {
    pub run: RunKey,
    /// The root, or the child of a distributed Map state that the Map Run was started in.
    pub execution: Branch,
    /// The branch that opened its first fan-out, and the seq: as in [`MapRun`].
    pub branch: Branch,
    pub seq: u32,
}

impl MapRunKey {
    /// The partition of the item. `part_branches` is as in the settings.
    pub fn partition(&self, part_branches: u32) -> Partition {
        Partition::of(&self.run, &self.execution, part_branches)
    }
}

/// One Map Run. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunItem {
    pub version: u32,
    pub key: MapRunKey,
    /// A UUID, which its ARN ends in.
    pub id: String,
    /// The Map state's label.
    pub label: String,
    pub started_ms: i64,
    /// The redrive count of the run by which this was written.
    pub redrive_count: u32,
    pub settings: MapRunSettings,
    pub now: MapRunNow,
}

/// What a Map Run was started with; a redrive leaves it as it is, and so does an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MapRunSettings {
    /// 0: no limit was set.
    pub max_concurrency: u64,
    pub failures_tolerated: u64,
    /// 0 to 100.
    pub failures_tolerated_percentage: f64,
    /// Only where a child gets more than one item: so many at most, and how many there are; none as long as they are read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batch: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub items: Option<u64>,
}

/// Where a Map Run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRunNow {
    /// The position that waits for its children: branch and seq. As long as items are read: the one that began to.
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub branch: Branch,
    pub seq: u32,
    /// The fan-out that it waits for; none as long as items are read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fan_out: Option<FanOut>,
    /// How many children there are, those included that a redrive keeps.
    pub children: u32,
    pub opened_ms: i64,
    /// What the fan-out goes on from, and when it was redriven so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<Box<Resumes>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redriven_ms: Option<i64>,
}

impl MapRunItem {
    /// What becomes of this item where there is another one; none: that one stays, for it is newer.
    pub fn over(&self, there: Option<&MapRunItem>) -> Option<MapRunItem> {
        let Some(there) = there else { return Some(self.clone()) };
        if (there.redrive_count, there.now.seq) > (self.redrive_count, self.now.seq) {
            return None;
        }
        let settings = match self.now.resumes {
            Some(_) => there.settings,
            None => self.settings,
        };
        Some(MapRunItem { started_ms: there.started_ms, settings, ..self.clone() })
    }

    /// How often it was redriven, as its run's history counts.
    pub fn redrives(&self) -> u32 {
        self.now.redriven_ms.map_or(0, |_| self.redrive_count)
    }

    /// The fan-out that it consists of now.
    pub(crate) fn fan_out_key(&self) -> RecordKey {
        RecordKey { run: self.key.run.clone(), branch: self.now.branch.clone(), seq: self.now.seq }
    }
}

/// Map Runs in the store. Every write may be repeated and changes nothing then; reads are consistent. `expires_s` is in seconds
/// since the epoch. What lies in a partition that is renewed is renewed with what leads to it.
pub trait MapRuns: Send + Sync {
    /// Writes a Map Run as [`MapRunItem::over`] says.
    fn put_map_run(&self, item: &MapRunItem, expires_s: i64) -> impl Future<Output = WorldResult<()>> + Send;

    fn map_run(&self, key: &MapRunKey) -> impl Future<Output = WorldResult<Option<MapRunItem>>> + Send;

    /// The Map Runs that an execution has started, by branch and seq, backwards, before the one that began at this branch and
    /// seq; at most `limit`, and fewer only where there are no more.
    fn map_runs(
        &self,
        run: &RunKey,
        execution: &Branch,
        before: Option<(&Branch, u32)>,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<MapRunItem>>> + Send;

    /// Writes what leads to a Map Run from its digits ([`map_run_digits`]).
    fn put_map_run_key(
        &self,
        digits: &str,
        key: &MapRunKey,
        expires_s: i64,
    ) -> impl Future<Output = WorldResult<()>> + Send;

    /// The Map Run of a workflow that has these digits.
    fn map_run_key(
        &self,
        workflow: &str,
        digits: &str,
    ) -> impl Future<Output = WorldResult<Option<MapRunKey>>> + Send;
}

impl<H: Host> Protocol<H> {
    /// Writes the Map Run of a position that waits for its children, or for its items. Any other position has none, and costs
    /// nothing.
    pub(crate) async fn put_map_run(
        &self,
        run: &Run,
        definition: &Definition,
        position: &Position,
        opened_ms: i64,
    ) -> WorldResult<()> {
        let run = self.seeded(run);
        let Some(MapRun { label, id, branch, seq, execution }) = map_run(definition, &run, position) else {
            return Ok(());
        };
        let key = MapRunKey { run: RunKey::of(&run), execution, branch, seq };
        let limits = match position.resumes {
            Some(_) => MapRunLimits::default(),
            // What can't be evaluated ends the state, and is told there.
            None => in_time(position, map_run_limits(definition, &run, position))?.unwrap_or_default(),
        };
        let fan_out = position.fan_out();
        let is_read = fan_out.is_some_and(|fan_out| fan_out.read().is_some());
        let items = match (limits.batch, is_read) {
            (Some(_), true) => self.items_read_by(&key, position).await?,
            _ => limits.items,
        };
        let resumes = position.resumes.clone();
        let count = fan_out.map_or(0, |fan_out| fan_out.count);
        let item = MapRunItem {
            version: ITEM_VERSION,
            id,
            label,
            started_ms: opened_ms,
            redrive_count: run.redrive_count,
            settings: MapRunSettings {
                max_concurrency: limits.max_concurrency,
                failures_tolerated: limits.failures_tolerated,
                failures_tolerated_percentage: limits.failures_tolerated_percentage,
                batch: limits.batch,
                items,
            },
            now: MapRunNow {
                branch: position.branch.clone(),
                seq: position.seq,
                fan_out,
                children: resumes.as_ref().map_or(count, |resumes| resumes.total),
                opened_ms,
                redriven_ms: resumes
                    .as_ref()
                    .filter(|resumes| resumes.is_redriven())
                    .map(|_| run.redriven_ms.unwrap_or(opened_ms)),
                resumes,
            },
            key,
        };
        let (store, expires_s) = (self.host.store(), self.fan_out_expires_s(&item.key.run));
        // What leads there first, so that each Map Run that is listed can be found. Where items are read it does since that began.
        if let (false, Some(digits)) = (is_read, map_run_digits(&item.id)) {
            store.put_map_run_key(&digits, &item.key, expires_s).await?;
        }
        store.put_map_run(&item, expires_s).await
    }

    /// How many items were read for the position behind the record that says so.
    async fn items_read_by(&self, key: &MapRunKey, position: &Position) -> WorldResult<Option<u64>> {
        let Some(seq) = position.seq.checked_sub(1) else { return Ok(None) };
        let at = RecordKey { run: key.run.clone(), branch: position.branch.clone(), seq };
        let Some(record) = self.host.store().record(&at).await? else { return Ok(None) };
        match self.outcome(&key.run, &record).await? {
            Outcome::ItemsRead { reading, .. } => Ok(Some(reading.items)),
            _ => Ok(None),
        }
    }

    /// The Map Run of a position that begins to read its items.
    pub(crate) async fn put_reading_map_run(
        &self,
        run: &Run,
        definition: &Definition,
        position: &Position,
    ) -> WorldResult<()> {
        // A state that was tried before has begun again since it was entered.
        let began_ms = match position.attempt() {
            1 => position.entered_ms,
            _ => self.host.clock().now_ms(),
        };
        self.put_map_run(run, definition, position, began_ms).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::RunId;

    fn item(redrive_count: u32, seq: u32) -> MapRunItem {
        let run = RunKey { id: RunId::new("order", "17"), nonce: "0".repeat(32) };
        let now = MapRunNow {
            branch: Branch::default(),
            seq,
            fan_out: None,
            children: 3,
            opened_ms: 50,
            resumes: None,
            redriven_ms: None,
        };
        MapRunItem {
            version: ITEM_VERSION,
            key: MapRunKey { run, execution: Branch::default(), branch: Branch::default(), seq: 3 },
            id: "0f8fad5b-d9cb-469f-a165-70867728950e".to_owned(),
            label: "Map".to_owned(),
            started_ms: i64::from(seq),
            redrive_count,
            settings: MapRunSettings { max_concurrency: u64::from(seq), ..MapRunSettings::default() },
            now,
        }
    }

    #[test]
    fn what_is_newer_stays_and_what_began_it_is_kept() {
        assert_eq!(item(0, 3).over(None), Some(item(0, 3)));
        assert_eq!(item(0, 3).over(Some(&item(0, 3))), Some(item(0, 3)));
        assert_eq!(item(0, 3).over(Some(&item(0, 5))), None);
        assert_eq!(item(0, 9).over(Some(&item(1, 5))), None);
        let opened = item(0, 5).over(Some(&item(0, 3))).unwrap();
        assert_eq!((opened.started_ms, opened.settings.max_concurrency, opened.now.seq), (3, 5, 5));
        let mut redriven = item(1, 9);
        let left =
            FanOut { count: 1, concurrency: 1, failures_tolerated: 0, failure_items: 1, inputs_seq: None };
        let resumes = Resumes {
            redriven_seq: 6,
            plan_branch: Branch::default(),
            branch: Branch::default(),
            seq: 5,
            left,
            total: 3,
            first: None,
            wish: None,
            updated: None,
        };
        redriven.now.resumes = Some(Box::new(resumes));
        let redriven = redriven.over(Some(&opened)).unwrap();
        assert_eq!((redriven.started_ms, redriven.settings.max_concurrency, redriven.now.seq), (3, 5, 9));
    }
}
