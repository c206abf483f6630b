//! What a fan-out comes to.

use super::{BranchEnd, Opened, again::Results, no_fan_out, open::in_time, write::Written};
use crate::{
    Protocol,
    fan_outs::{Ended, EndedHow, FanOuts, Node, Part, PartKey, TallyKey},
    item::{Record, RecordKey, RunKey},
    limits,
    message::Lock,
    payload::{self, Payload},
    traits::{Host, WorldError, WorldResult},
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::ops::Range;
use stepladder_asl::{Definition, errors};
use stepladder_engine::{Outcome, Phase, Run, Writing, writing};

impl<H: Host> Protocol<H> {
    /// The outcome of a fan-out of which all branches have ended, or more have failed than are tolerated. Either is true
    /// for ever once it is true, so every copy of the message that asks agrees.
    pub(crate) async fn gather(
        &self,
        run: &Run,
        definition: &Definition,
        opened: &Opened,
    ) -> WorldResult<Outcome> {
        let fan_out = opened.position.fan_out().ok_or_else(|| no_fan_out(&opened.position))?;
        let key = Lock::of(&opened.position).key(&RunKey::of(run));
        let tree = self.tree(fan_out.count);
        let top = TallyKey { fan_out: key.clone(), node: tree.top() };
        let tally = self.host.store().tally(&top).await?;
        let mut is_decided = self.has_all(&tally, top.node, tree);
        // Where all have ended before an update opened the fan-out anew, its threshold decides here.
        let tolerated = tally.update.map_or(fan_out.failures_tolerated, |update| update.failures_tolerated);
        let mut has_failed = tally.total_failures() > tolerated;
        // An older version had all parts report to the root item.
        let is_of_old = !is_decided && !has_failed && top.node.is_some();
        if is_of_old {
            let tally = self.host.store().tally(&TallyKey::root(&key)).await?;
            is_decided = tally.has_all(self.parts(fan_out.count).end);
            has_failed = tally.total_failures() > fan_out.failures_tolerated;
        }
        let seeded = self.seeded(run);
        let writing = match in_time(&opened.position, writing(definition, &seeded, &opened.position))? {
            Ok(writing) => writing,
            Err(outcome) => return Ok(outcome),
        };
        if has_failed {
            let parts = self.ended_of(&key, self.parts(fan_out.count)).await?;
            let failed = self.branch_failed(&key, &parts).await?;
            // What there is of results is written all the same.
            if let Some(writing) = writing.filter(|writing| writing.place.is_some()) {
                let written = self.write_what_there_is((run, definition), opened, &writing, parts).await?;
                if let Err(outcome) = written {
                    return Ok(outcome);
                }
            }
            return Ok(failed);
        }
        if !is_decided {
            return Err(payload::unreadable(&format!("join the fan-out at {key}"), "it is not complete"));
        }
        if self.is_gathered(&opened.position) && !is_of_old {
            return self.joined_from_nodes(writing.as_ref(), &key, tree).await;
        }
        let parts = self.ended_of(&key, self.parts(fan_out.count)).await?;
        let results = self.ended_results(run, opened, key.clone(), parts).await?;
        let total = opened.position.resumes.as_ref().map_or(fan_out.count, |resumes| resumes.total);
        if u32::try_from(results.ended.len()).ok() != Some(total) {
            return Err(one_end_is_missing(&key));
        }
        match writing {
            Some(writing) => {
                let run = (run, definition);
                let written = self.write_results(run, opened, &writing, &results, None).await?;
                match written {
                    Ok(written) => Ok(responded(self.written(&writing, written).await?)),
                    Err(outcome) => Ok(outcome),
                }
            }
            None => self.joined(&results, self.host.settings().payload_bytes_max).await,
        }
    }

    /// Writes what has ended of a fan-out that has failed.
    async fn write_what_there_is(
        &self,
        (run, definition): (&Run, &Definition),
        opened: &Opened,
        writing: &Writing,
        parts: Vec<Vec<Ended>>,
    ) -> WorldResult<Result<(), Outcome>> {
        let count = opened.position.fan_out().map_or(0, |fan_out| fan_out.count);
        let key = Lock::of(&opened.position).key(&RunKey::of(run));
        let tree = self.tree(count);
        let has_ended = |node: Node| {
            let parts = tree.parts_of(node).filter_map(|part| parts.get(usize::try_from(part).ok()?));
            parts.map(Vec::len).sum::<usize>() > 0
        };
        let begun: Vec<Node> = tree.lowest().filter(|node| has_ended(*node)).collect();
        let results = self.ended_results(run, opened, key.clone(), parts).await?;
        if !self.is_gathered(&opened.position) {
            return match self.write_results((run, definition), opened, writing, &results, None).await? {
                Ok(written) => Ok(self.written(writing, written).await?.map(drop)),
                Err(outcome) => Ok(Err(outcome)),
            };
        }
        // Of the nodes that are complete the results have been written; of those that haven't begun there are none.
        let mut all = Written::default();
        for node in begun {
            match self.gathered(&TallyKey::of(&key, node)).await? {
                Some(gathered) => all.extend(gathered.written),
                None => {
                    let run = (run, definition);
                    match self.write_results(run, opened, writing, &results, Some(node)).await? {
                        Ok(written) => all.extend(written),
                        Err(outcome) => return Ok(Err(outcome)),
                    }
                }
            }
        }
        Ok(self.written(writing, all).await?.map(drop))
    }

    /// Where the results of all branches lie that have ended.
    async fn ended_results(
        &self,
        run: &Run,
        opened: &Opened,
        key: RecordKey,
        parts: Vec<Vec<Ended>>,
    ) -> WorldResult<Results> {
        match opened.position.resumes {
            None => Ok(Results::of(key, parts)),
            Some(_) => self.results_of(run, &opened.position, parts).await,
        }
    }

    /// The branches of some parts that have ended, part by part, each in the order in which they were listed.
    pub(crate) async fn ended_of(
        &self,
        fan_out: &RecordKey,
        parts: Range<u32>,
    ) -> WorldResult<Vec<Vec<Ended>>> {
        Ok(self.some_parts(fan_out, parts).await?.into_iter().map(|part| part.ended).collect())
    }

    /// Some parts of a fan-out.
    pub(crate) async fn some_parts(&self, fan_out: &RecordKey, parts: Range<u32>) -> WorldResult<Vec<Part>> {
        stream::iter(parts.map(|part| async move {
            self.host.store().part(&PartKey { fan_out: fan_out.clone(), part }).await
        }))
        .buffered(limits::FAN_OUT_ITEMS_AT_ONCE)
        .try_collect()
        .await
    }

    /// Of the branches that failed first in their parts the one that failed first.
    async fn branch_failed(&self, fan_out: &RecordKey, parts: &[Vec<Ended>]) -> WorldResult<Outcome> {
        let first_failed = |part: &Vec<Ended>| part.iter().find(|ended| ended.how != EndedHow::Ok).copied();
        let failed: Vec<Ended> = parts.iter().filter_map(first_failed).collect();
        let records = self.last_records(fan_out, &failed).await?;
        let first =
            failed.iter().zip(records).min_by_key(|(ended, record)| (record.finished_ms, ended.index));
        let Some((ended, record)) = first else {
            return Err(payload::unreadable(
                &format!("join the fan-out at {fan_out}"),
                "no branch has failed",
            ));
        };
        let BranchEnd { error, cause, events, .. } = self.branch_end(fan_out, ended, &record).await?;
        Ok(Outcome::BranchFailed { index: ended.index, error, cause, events })
    }

    /// The results in the order of the branches. Those whose sizes say that they are too much together aren't read.
    pub(super) async fn joined(&self, of: &Results, bytes_max: usize) -> WorldResult<Outcome> {
        let newest = of.fan_outs.len().saturating_sub(1);
        let (mut results, mut own_events, mut bytes) = (Vec::new(), 0_u64, 0_usize);
        let chunks: Vec<Vec<(usize, Ended)>> =
            of.ended.chunks(limits::RESULTS_READ_AT_ONCE).map(<[_]>::to_vec).collect();
        let mut parts = stream::iter(chunks)
            .map(|ended| async move {
                let keyed = ended.iter().filter_map(|(level, ended)| Some((of.fan_outs.get(*level)?, ended)));
                let keys: Vec<RecordKey> = keyed.map(|(fan_out, ended)| last_key(fan_out, ended)).collect();
                let records = self.records_of(&keys).await?;
                Ok::<_, WorldError>((ended, keys, records))
            })
            .buffered(limits::PARTS_READ_AT_ONCE);
        while let Some((ended, keys, records)) = parts.try_next().await? {
            if bytes.saturating_add(records.iter().map(blob_bytes).sum()) > bytes_max {
                return Ok(too_much(bytes_max));
            }
            let ends: Vec<_> =
                keys.iter().zip(&records).map(|(key, record)| self.end_of(key, record).boxed()).collect();
            let mut ends = stream::iter(ends).buffered(limits::BLOBS_READ_AT_ONCE);
            let mut levels = ended.iter().map(|(level, _)| *level);
            while let Some(end) = ends.try_next().await? {
                // What was kept has been counted where it was recorded.
                if levels.next() == Some(newest) {
                    own_events = own_events.saturating_add(end.own_events);
                }
                let Some(output) = end.output else { continue };
                let output_bytes = crate::json::size(&output)
                    .map_err(|error| payload::unreadable("measure a payload", &error.to_string()))?;
                bytes = bytes.saturating_add(output_bytes).saturating_add(1);
                if bytes > bytes_max {
                    return Ok(too_much(bytes_max));
                }
                results.push(output);
            }
        }
        Ok(Outcome::Joined { results, events: own_events })
    }

    /// The last records of branches that have ended, in the order given.
    pub(crate) async fn last_records(
        &self,
        fan_out: &RecordKey,
        ended: &[Ended],
    ) -> WorldResult<Vec<Record>> {
        let keys: Vec<RecordKey> = ended.iter().map(|ended| last_key(fan_out, ended)).collect();
        self.records_of(&keys).await
    }

    pub(super) async fn records_of(&self, keys: &[RecordKey]) -> WorldResult<Vec<Record>> {
        let found = self.host.store().records_at(keys).await?;
        keys.iter()
            .zip(found)
            .map(|(key, record)| {
                record.ok_or_else(|| payload::unreadable(&format!("read {key}"), "it is not there"))
            })
            .collect()
    }

    pub(crate) async fn branch_end(
        &self,
        fan_out: &RecordKey,
        ended: &Ended,
        record: &Record,
    ) -> WorldResult<BranchEnd> {
        self.end_of(&last_key(fan_out, ended), record).await
    }

    pub(super) async fn end_of(&self, key: &RecordKey, record: &Record) -> WorldResult<BranchEnd> {
        let Some(end) = &record.end else {
            return Err(payload::unreadable(&format!("read {key}"), "it doesn't say how its branch ended"));
        };
        self.unpacked(&key.run, end, || format!("read {key}")).await
    }
}

impl Results {
    /// Those of a fan-out that was opened anew.
    pub(super) fn of(fan_out: RecordKey, parts: Vec<Vec<Ended>>) -> Self {
        let mut ended: Vec<Ended> = parts.into_iter().flatten().collect();
        ended.sort_by_key(|ended| ended.index);
        let indexes = ended.iter().map(|ended| ended.index).collect();
        Self { fan_outs: vec![fan_out], ended: ended.into_iter().map(|ended| (0, ended)).collect(), indexes }
    }
}

pub(super) fn last_key(fan_out: &RecordKey, ended: &Ended) -> RecordKey {
    RecordKey {
        run: fan_out.run.clone(),
        branch: fan_out.branch.child(fan_out.seq, ended.index),
        seq: ended.seq,
    }
}

pub(super) fn one_end_is_missing(fan_out: &RecordKey) -> WorldError {
    payload::unreadable(&format!("join the fan-out at {fan_out}"), "the end of a branch is not there")
}

/// What a ResultWriter has made of the results.
pub(super) fn responded(written: Result<Value, Outcome>) -> Outcome {
    written.map_or_else(|outcome| outcome, |response| Outcome::Responded { response })
}

/// What of a branch's end lies in the blob store, in bytes.
fn blob_bytes(record: &Record) -> usize {
    match &record.end {
        // Without what the protocol puts around it.
        Some(Payload::Blob(blob)) => usize::try_from(blob.bytes).unwrap_or(usize::MAX).saturating_sub(200),
        _ => 0,
    }
}

/// The results of the branches are larger together than any payload may be.
pub(super) fn too_much(bytes_max: usize) -> Outcome {
    let cause = format!(
        "The results of the branches have more than {bytes_max} bytes, the most (payload_bytes_max)."
    );
    Outcome::Failed { error: errors::DATA_LIMIT_EXCEEDED.to_owned(), cause: Some(cause), phase: Phase::Run }
}
