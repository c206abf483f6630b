//! Fan-outs in memory.

use super::{MemoryHost, State};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_engine::Update;
use stepladder_protocol::{
    Ended, FanOuts, Part, PartKey, PartReport, Partition, Payload, PlantedBug, Progress, Record, RecordKey,
    Tally, TallyKey, WorldResult,
};

/// The items of all fan-outs.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(super) opened: BTreeMap<RecordKey, (u32, Payload)>,
    inputs: BTreeMap<PartKey, Payload>,
    pub(crate) parts: BTreeMap<PartKey, Part>,
    tallies: BTreeMap<TallyKey, Tally>,
    gathered: BTreeMap<TallyKey, Payload>,
}

/// So many records of a part come in one page: few, so that pages matter.
const PAGE_RECORDS: usize = 20;

impl FanOuts for MemoryHost {
    async fn put_opened(&self, fan_out: &RecordKey, count: u32, opened: &Payload, _: i64) -> WorldResult<()> {
        self.write("put fan-out", self.partition_of(fan_out), |state| {
            state.fan_outs.opened.insert(fan_out.clone(), (count, opened.clone()));
            Ok(())
        })
        .await
    }

    async fn opened(&self, fan_out: &RecordKey) -> WorldResult<Option<Payload>> {
        self.op("get fan-out", |state| {
            Ok(state.fan_outs.opened.get(fan_out).map(|(_, opened)| opened.clone()))
        })
        .await
    }

    async fn put_inputs(&self, part: &PartKey, inputs: &Payload, _: i64) -> WorldResult<()> {
        self.write("put inputs", Partition::Part(part.clone()), |state| {
            state.fan_outs.inputs.insert(part.clone(), inputs.clone());
            Ok(())
        })
        .await
    }

    async fn inputs(&self, part: &PartKey) -> WorldResult<Option<Payload>> {
        self.op("get inputs", |state| Ok(state.fan_outs.inputs.get(part).cloned())).await
    }

    async fn append_ended(&self, key: &PartKey, ended: Ended, _: i64) -> WorldResult<Part> {
        self.write("append ended", Partition::Part(key.clone()), |state| {
            let part = state.fan_outs.parts.entry(key.clone()).or_default();
            if !part.ended.contains(&ended) {
                part.ended.push(ended);
            }
            Ok(part.clone())
        })
        .await
    }

    async fn part(&self, part: &PartKey) -> WorldResult<Part> {
        self.op("get part", |state| Ok(state.fan_outs.parts.get(part).cloned().unwrap_or_default())).await
    }

    async fn is_stopped(&self, part: &PartKey) -> WorldResult<bool> {
        self.op("get flag", |state| Ok(state.fan_outs.parts.get(part).is_some_and(|part| part.is_stopped)))
            .await
    }

    async fn report(&self, above: &TallyKey, below: u32, report: PartReport, _: i64) -> WorldResult<Tally> {
        let adds = self.planted == Some(PlantedBug::FailuresCountedByAdd);
        self.write("report", above.partition(self.settings.part_branches), |state| {
            let tally = state.fan_outs.tallies.entry(above.clone()).or_default();
            // As in a table, where what is nothing is no attribute.
            if report.failures > 0 {
                let failures = tally.failures.entry(below).or_default();
                *failures = match adds {
                    true => *failures + 1,
                    false => report.failures.max(*failures),
                };
                tally.reports += 1;
            }
            if report.progress == Progress::Complete {
                tally.complete.insert(below);
            }
            Ok(tally.clone())
        })
        .await
    }

    async fn tally(&self, key: &TallyKey) -> WorldResult<Tally> {
        self.op("get tally", |state| Ok(state.fan_outs.tallies.get(key).cloned().unwrap_or_default())).await
    }

    async fn put_gathered(&self, node: &TallyKey, gathered: &Payload, _: i64) -> WorldResult<()> {
        self.write("put gathered", node.partition(self.settings.part_branches), |state| {
            state.fan_outs.gathered.insert(node.clone(), gathered.clone());
            Ok(())
        })
        .await
    }

    async fn gathered(&self, node: &TallyKey) -> WorldResult<Option<Payload>> {
        self.op("get gathered", |state| Ok(state.fan_outs.gathered.get(node).cloned())).await
    }

    async fn stop_part(&self, key: &PartKey, _: i64) -> WorldResult<()> {
        let is_upsert = self.planted != Some(PlantedBug::FlagIsNoUpsert);
        let part_branches = self.settings.part_branches;
        self.write("stop part", Partition::Part(key.clone()), |state| {
            if is_upsert || state.fan_outs.parts.contains_key(key) {
                state.fan_outs.parts.entry(key.clone()).or_default().is_stopped = true;
            }
            let now_ms = state.now_ms;
            state.watch.flagged(key, part_branches, now_ms);
            Ok(())
        })
        .await
    }

    async fn stop_fan_out(&self, fan_out: &RecordKey, _: i64) -> WorldResult<()> {
        let is_upsert = self.planted != Some(PlantedBug::FlagIsNoUpsert);
        let root = TallyKey::root(fan_out);
        self.write("stop fan-out", root.partition(self.settings.part_branches), |state| {
            if is_upsert || state.fan_outs.tallies.contains_key(&root) {
                state.fan_outs.tallies.entry(root).or_default().is_stopped = true;
            }
            Ok(())
        })
        .await
    }

    async fn mark_part(&self, key: &PartKey, _: i64) -> WorldResult<Part> {
        self.op("mark part", |state| {
            let part = state.fan_outs.parts.entry(key.clone()).or_default();
            let ended = u32::try_from(part.ended.len()).unwrap();
            part.mark.get_or_insert(ended);
            Ok(part.clone())
        })
        .await
    }

    async fn put_update(
        &self,
        fan_out: &RecordKey,
        update: &Update,
        before: &Tally,
        _: i64,
    ) -> WorldResult<bool> {
        self.op("put update", |state| {
            let tally = state.fan_outs.tallies.entry(TallyKey::root(fan_out)).or_default();
            let of = |tally: &Tally| (tally.reports, tally.update, tally.complete.len());
            let is_same = of(tally) == of(before);
            if is_same {
                tally.update = Some(*update);
            }
            Ok(is_same)
        })
        .await
    }

    async fn records_at(&self, keys: &[RecordKey]) -> WorldResult<Vec<Option<Record>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.op("get records", |state| Ok(keys.iter().map(|key| state.records.get(key).cloned()).collect()))
            .await
    }

    async fn part_records(
        &self,
        part: &PartKey,
        after: Option<&RecordKey>,
    ) -> WorldResult<Vec<(RecordKey, Record)>> {
        let part_branches = self.settings.part_branches;
        self.op("query part", |state| {
            let of_part =
                |key: &RecordKey| PartKey::of(&key.run, &key.branch, part_branches).as_ref() == Some(part);
            let records = state.records_of(part).filter(|(key, _)| of_part(key));
            let left = records.filter(|(key, _)| after.is_none_or(|after| *key > after));
            Ok(left.take(PAGE_RECORDS).map(|(key, record)| (key.clone(), record.clone())).collect())
        })
        .await
    }

    async fn fan_outs_in(&self, partition: &Partition) -> WorldResult<Vec<(RecordKey, u32)>> {
        let part_branches = self.settings.part_branches;
        self.op("list fan-outs", |state| {
            let lies_in = |key: &RecordKey| Partition::of(&key.run, &key.branch, part_branches) == *partition;
            let opened = state.fan_outs.opened.iter().filter(|(key, _)| lies_in(key));
            Ok(opened.map(|(key, (count, _))| (key.clone(), *count)).collect())
        })
        .await
    }
}

impl Items {
    /// The threshold that an update is to set.
    pub(super) fn tolerated_then(&self, fan_out: &RecordKey) -> Option<u32> {
        Some(self.tallies.get(&TallyKey::root(fan_out))?.update?.failures_tolerated)
    }

    /// Whether a part lists one of its branches twice.
    pub(crate) fn counted_twice(&self) -> bool {
        self.parts.values().any(|part| {
            let indexes: BTreeSet<u32> = part.ended.iter().map(|ended| ended.index).collect();
            indexes.len() != part.ended.len()
        })
    }
}

impl State {
    /// The records of all branches below a fan-out, from the first of a part on.
    fn records_of<'a>(&'a self, part: &'a PartKey) -> impl Iterator<Item = (&'a RecordKey, &'a Record)> {
        let fan_out = &part.fan_out;
        let first = RecordKey { branch: fan_out.branch.child(fan_out.seq, 0), seq: 0, ..fan_out.clone() };
        self.records
            .range(first..)
            .take_while(move |(key, _)| key.run == fan_out.run && key.branch.0.starts_with(&fan_out.branch.0))
    }
}
