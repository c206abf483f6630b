//! What a fan-out comes to.

use super::{BranchEnd, Opened, no_fan_out};
use crate::{
    Protocol,
    fan_outs::{Ended, EndedHow, FanOuts, PartKey},
    item::{Record, RecordKey, RunKey},
    limits,
    message::Lock,
    payload::{self, Payload},
    traits::{Host, WorldError, WorldResult},
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use stepladder_asl::errors;
use stepladder_engine::{Outcome, Phase};

impl<H: Host> Protocol<H> {
    /// The outcome of a fan-out of which all branches have ended, or more have failed than are tolerated. Either is true
    /// for ever once it is true, so every copy of the message that asks agrees.
    pub(crate) async fn gather(&self, run: &RunKey, opened: &Opened) -> WorldResult<Outcome> {
        let fan_out = opened.position.fan_out().ok_or_else(|| no_fan_out(&opened.position))?;
        let key = Lock::of(&opened.position).key(run);
        let tally = self.host.store().tally(&key).await?;
        let parts = self.ended_of(&key, fan_out.count).await?;
        if tally.total_failures() > fan_out.failures_tolerated {
            return self.branch_failed(&key, &parts).await;
        }
        if !tally.has_all(self.parts(fan_out.count).end) {
            return Err(payload::unreadable(&format!("join the fan-out at {key}"), "it is not complete"));
        }
        self.joined(&key, parts).await
    }

    /// The branches that have ended, part by part, each in the order in which they were listed.
    pub(crate) async fn ended_of(&self, fan_out: &RecordKey, count: u32) -> WorldResult<Vec<Vec<Ended>>> {
        stream::iter(self.parts(count).map(|part| async move {
            let part = PartKey { fan_out: fan_out.clone(), part };
            self.host.store().part(&part).await.map(|part| part.ended)
        }))
        .buffered(limits::FAN_OUT_ITEMS_AT_ONCE)
        .try_collect()
        .await
    }

    /// Of the branches that failed first in their parts the one that failed first.
    async fn branch_failed(&self, fan_out: &RecordKey, parts: &[Vec<Ended>]) -> WorldResult<Outcome> {
        let first_failed =
            |part: &Vec<Ended>| part.iter().find(|ended| ended.how == EndedHow::Failed).copied();
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
    async fn joined(&self, fan_out: &RecordKey, parts: Vec<Vec<Ended>>) -> WorldResult<Outcome> {
        let bytes_max = self.host.settings().payload_bytes_max;
        let (mut results, mut own_events, mut bytes) = (Vec::new(), 0_u64, 0_usize);
        let mut parts = stream::iter(parts)
            .map(|mut ended| async move {
                ended.sort_by_key(|ended| ended.index);
                let records = self.last_records(fan_out, &ended).await?;
                Ok::<_, WorldError>((ended, records))
            })
            .buffered(limits::PARTS_READ_AT_ONCE);
        while let Some((ended, records)) = parts.try_next().await? {
            if bytes.saturating_add(records.iter().map(blob_bytes).sum()) > bytes_max {
                return Ok(too_much(bytes_max));
            }
            let both = ended.iter().zip(&records);
            let ends: Vec<_> =
                both.map(|(ended, record)| self.branch_end(fan_out, ended, record).boxed()).collect();
            let mut ends = stream::iter(ends).buffered(limits::BLOBS_READ_AT_ONCE);
            while let Some(end) = ends.try_next().await? {
                own_events = own_events.saturating_add(end.own_events);
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
        let found = self.host.store().records_at(&keys).await?;
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
        let key = last_key(fan_out, ended);
        let Some(end) = &record.end else {
            return Err(payload::unreadable(&format!("read {key}"), "it doesn't say how its branch ended"));
        };
        self.unpacked(&key.run, end, || format!("read {key}")).await
    }
}

fn last_key(fan_out: &RecordKey, ended: &Ended) -> RecordKey {
    RecordKey {
        run: fan_out.run.clone(),
        branch: fan_out.branch.child(fan_out.seq, ended.index),
        seq: ended.seq,
    }
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
fn too_much(bytes_max: usize) -> Outcome {
    let cause = format!(
        "The results of the branches have more than {bytes_max} bytes, the most (payload_bytes_max)."
    );
    Outcome::Failed { error: errors::DATA_LIMIT_EXCEEDED.to_owned(), cause: Some(cause), phase: Phase::Run }
}
