//! `ResultWriter`: the results of a distributed Map state as files
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>).
//!
//! What is written comes of records that no longer change, so that a repetition writes the same.

use super::{BranchEnd, Opened, again::Results, gather::last_key, open::in_time};
use crate::{
    Protocol,
    fan_outs::{Ended, EndedHow, FanOuts, Node, PartKey},
    item::{Record, RecordKey},
    limits,
    message::Lock,
    objects::{ObjectName, Objects},
    payload,
    traits::{Host, Retry, WorldError, WorldResult},
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use stepladder_asl::{Definition, errors, timestamp};
use stepladder_engine::{BranchInput, Inputs, Outcome, Phase, Place, Position, Run, Transformation, Writing};

/// How a child has ended, as the files are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Kind {
    Failed,
    Pending,
    Succeeded,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Failed => "FAILED",
            Kind::Pending => "PENDING",
            Kind::Succeeded => "SUCCEEDED",
        }
    }
}

/// What has been written of the results of a fan-out, or of some of its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Written {
    /// The key and the size of each file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    files: BTreeMap<Kind, Vec<(String, usize)>>,
    /// Only where there is no place for them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) values: Vec<Value>,
}

impl Written {
    /// Adds those of the parts behind.
    pub(super) fn extend(&mut self, next: Self) {
        for (kind, files) in next.files {
            self.files.entry(kind).or_default().extend(files);
        }
        self.values.extend(next.values);
    }
}

/// Where results go.
struct Writer<'a, H> {
    protocol: &'a Protocol<H>,
    writing: &'a Writing,
    /// Only where each node writes files of its own.
    node: Option<Node>,
    /// The file of each kind that is being made.
    open: BTreeMap<Kind, Vec<u8>>,
    written: Written,
    bytes: usize,
}

/// What is known of the children of one part.
struct PartResults {
    indexes: Range<u32>,
    /// What they started with, where that is to be written.
    inputs: BTreeMap<u32, Value>,
    /// Those that have ended.
    ended: Vec<ChildEnd>,
}

struct ChildEnd {
    index: u32,
    kind: Kind,
    end: BranchEnd,
    record: Record,
    started_ms: Option<i64>,
}

impl<H: Host> Protocol<H> {
    /// Writes the results of a fan-out, or of the branches below one of its nodes. An error is the outcome that the state gets
    /// instead.
    pub(super) async fn write_results(
        &self,
        (run, definition): (&Run, &Definition),
        opened: &Opened,
        writing: &Writing,
        results: &Results,
        node: Option<Node>,
    ) -> WorldResult<Result<Written, Outcome>> {
        let run = &self.seeded(run);
        let first = match results.fan_outs.first() {
            Some(key) if opened.position.resumes.is_some() => {
                self.opened(&key.run, &Lock { branch: key.branch.clone(), seq: key.seq }).await?.position
            }
            _ => opened.position.clone(),
        };
        let mut writer = Writer {
            protocol: self,
            writing,
            node,
            open: BTreeMap::new(),
            written: Written::default(),
            bytes: 0,
        };
        let total = first.fan_out().map_or(0, |fan_out| fan_out.count);
        let at: BTreeMap<u32, usize> = results.indexes.iter().copied().zip(0..).collect();
        let parts = match node {
            Some(node) => self.tree(total).parts_of(node),
            None => self.parts(total),
        };
        let (first, at) = (&first, &at);
        let reads: Vec<_> = parts
            .map(|part| {
                let indexes = self.branches_of(part, total);
                let ended = indexes.clone().filter_map(|index| {
                    results.ended.get(*at.get(&index)?).map(|(level, ended)| (index, *level, *ended))
                });
                let ended: Vec<(u32, usize, Ended)> = ended.collect();
                self.part_results((run, definition), first, (writing, results), part, (indexes, ended))
                    .boxed()
            })
            .collect();
        let mut reads = stream::iter(reads).buffered(limits::PARTS_READ_AT_ONCE);
        while let Some(part) = reads.try_next().await? {
            let PartResults { indexes, inputs, ended } = match part {
                Ok(part) => part,
                Err(outcome) => return Ok(Err(outcome)),
            };
            for child in &ended {
                let took = writer.take(run, child.index, child.kind, inputs.get(&child.index), Some(child));
                if let Err(outcome) = took.await? {
                    return Ok(Err(outcome));
                }
            }
            let known: BTreeSet<u32> = ended.iter().map(|child| child.index).collect();
            for index in indexes.filter(|index| !known.contains(index)) {
                let took = writer.take(run, index, Kind::Pending, inputs.get(&index), None);
                if let Err(outcome) = took.await? {
                    return Ok(Err(outcome));
                }
            }
        }
        writer.finish().await
    }

    /// What is known of the children of one part. An error is as in [`Self::write_results`].
    async fn part_results(
        &self,
        (run, definition): (&Run, &Definition),
        first: &Position,
        (writing, results): (&Writing, &Results),
        part: u32,
        (indexes, ended): (Range<u32>, Vec<(u32, usize, Ended)>),
    ) -> WorldResult<Result<PartResults, Outcome>> {
        let inputs = match writing.transformation {
            Transformation::None => match self.inputs_of_part(run, definition, first, part).await? {
                Ok(inputs) => inputs,
                Err(outcome) => return Ok(Err(outcome)),
            },
            Transformation::Compact | Transformation::Flatten => BTreeMap::new(),
        };
        let keys: Vec<RecordKey> = ended
            .iter()
            .filter_map(|(_, level, ended)| Some(last_key(results.fan_outs.get(*level)?, ended)))
            .collect();
        let records = self.records_of(&keys).await?;
        let begins = self.begins(&keys, &records).await?;
        let mut children = Vec::with_capacity(ended.len());
        for ((((index, _, ended), key), record), started_ms) in
            ended.into_iter().zip(&keys).zip(records).zip(begins)
        {
            let end = self.end_of(key, &record).await?;
            let kind = if ended.how == EndedHow::Ok { Kind::Succeeded } else { Kind::Failed };
            children.push(ChildEnd { index, kind, end, record, started_ms });
        }
        Ok(Ok(PartResults { indexes, inputs, ended: children }))
    }

    /// The state's own result once all has been written: a manifest of the files where there are some. An error is as in
    /// [`Self::write_results`].
    pub(super) async fn written(
        &self,
        writing: &Writing,
        written: Written,
    ) -> WorldResult<Result<Value, Outcome>> {
        let Some(place) = &writing.place else {
            return Ok(Ok(Value::Array(written.values)));
        };
        let listed = |kind: Kind| -> Value {
            let files = written.files.get(&kind).map(Vec::as_slice).unwrap_or_default();
            files.iter().map(|(key, bytes)| json!({ "Key": key, "Size": bytes })).collect()
        };
        let manifest = json!({
            "DestinationBucket": place.bucket,
            "MapRunArn": writing.map_run_arn,
            "ResultFiles": {
                "FAILED": listed(Kind::Failed),
                "PENDING": listed(Kind::Pending),
                "SUCCEEDED": listed(Kind::Succeeded),
            },
        });
        let key = place.key(&writing.map_run.id, "manifest.json");
        let put = self.write_object(place, key.clone(), manifest.to_string().into_bytes()).await?;
        Ok(put.map(|()| {
            json!({
                "MapRunArn": writing.map_run_arn,
                "ResultWriterDetails": { "Bucket": place.bucket, "Key": key },
            })
        }))
    }

    /// What the children of one part started with when the state was opened anew.
    async fn inputs_of_part(
        &self,
        run: &Run,
        definition: &Definition,
        first: &Position,
        part: u32,
    ) -> WorldResult<Result<BTreeMap<u32, Value>, Outcome>> {
        let Some(fan_out) = first.fan_out() else {
            return Ok(Ok(BTreeMap::new()));
        };
        let inputs: Vec<BranchInput> = match fan_out.read() {
            Some(read) => {
                let key = Lock::of(first).key(&crate::item::RunKey::of(run));
                self.part_inputs(&PartKey { fan_out: key, part }, Some(read)).await?.inputs
            }
            None => {
                let range = self.branches_of(part, fan_out.count);
                let inputs = Inputs::new(definition, run, first).and_then(|inputs| inputs.range(range));
                match in_time(first, inputs)? {
                    Ok(inputs) => inputs,
                    Err(outcome) => return Ok(Err(outcome)),
                }
            }
        };
        Ok(Ok(inputs.into_iter().map(|input| (input.index, input.data)).collect()))
    }

    /// When each of these children started.
    async fn begins(&self, last: &[RecordKey], records: &[Record]) -> WorldResult<Vec<Option<i64>>> {
        let firsts: Vec<RecordKey> = last.iter().map(|key| RecordKey { seq: 0, ..key.clone() }).collect();
        let found = match records.iter().all(|record| record.seq == 0) {
            true => records.iter().cloned().map(Some).collect(),
            false => self.host.store().records_at(&firsts).await?,
        };
        let started = |record: Option<Record>| Some(record?.opening?.started_ms);
        Ok(found.into_iter().map(started).collect())
    }
}

impl<H: Host> Writer<'_, H> {
    async fn take(
        &mut self,
        run: &Run,
        index: u32,
        kind: Kind,
        input: Option<&Value>,
        ended: Option<&ChildEnd>,
    ) -> WorldResult<Result<(), Outcome>> {
        let output = ended.and_then(|child| child.end.output.as_ref());
        match (self.writing.transformation, output) {
            (Transformation::Compact, Some(output)) => self.put(kind, output).await,
            (Transformation::Flatten, Some(Value::Array(outputs))) => {
                for output in outputs {
                    if let Err(outcome) = self.put(kind, output).await? {
                        return Ok(Err(outcome));
                    }
                }
                Ok(Ok(()))
            }
            (Transformation::Flatten, Some(output)) => self.put(kind, output).await,
            _ => {
                let entry = self.entry(run, index, kind, input, ended);
                self.put(kind, &entry).await
            }
        }
    }

    /// All that is known of a child, as AWS writes it.
    fn entry(
        &self,
        run: &Run,
        index: u32,
        kind: Kind,
        input: Option<&Value>,
        ended: Option<&ChildEnd>,
    ) -> Value {
        let (name, arn) = self.writing.child(run, index);
        let mut entry = Map::new();
        let mut tell = |name: &str, value: Value| drop(entry.insert(name.to_owned(), value));
        let included = || json!({ "Included": true });
        if let Some(ChildEnd { end, .. }) = ended {
            if let Some(cause) = &end.cause {
                tell("Cause", cause.as_str().into());
            }
            if let Some(error) = &end.error {
                tell("Error", error.as_str().into());
            }
        }
        tell("ExecutionArn", arn.into());
        if let Some(input) = input {
            tell("Input", input.to_string().into());
            tell("InputDetails", included());
        }
        tell("Name", name.into());
        if let Some(ChildEnd { end, record, started_ms, .. }) = ended {
            if let Some(output) = &end.output {
                tell("Output", output.to_string().into());
                tell("OutputDetails", included());
            }
            if let Some(started_ms) = started_ms {
                tell("StartDate", timestamp::format(*started_ms).into());
            }
            tell("StopDate", timestamp::format(record.finished_ms).into());
        }
        tell("StateMachineArn", run.state_machine_arn().into());
        tell("Status", kind.name().into());
        Value::Object(entry)
    }

    async fn put(&mut self, kind: Kind, value: &Value) -> WorldResult<Result<(), Outcome>> {
        if self.writing.place.is_none() {
            let bytes = crate::json::size(value)
                .map_err(|error| payload::unreadable("measure a payload", &error.to_string()))?;
            self.bytes = self.bytes.saturating_add(bytes).saturating_add(1);
            if let Some(cause) = self.protocol.size_excess("The results of the children", self.bytes) {
                let error = errors::DATA_LIMIT_EXCEEDED.to_owned();
                return Ok(Err(Outcome::Failed { error, cause: Some(cause), phase: Phase::Run }));
            }
            self.written.values.push(value.clone());
            return Ok(Ok(()));
        }
        let open = self.open.entry(kind).or_default();
        if !self.writing.is_lines {
            open.push(if open.is_empty() { b'[' } else { b',' });
        }
        serde_json::to_writer(&mut *open, value)
            .map_err(|error| payload::unreadable("encode a result", &error.to_string()))?;
        if self.writing.is_lines {
            open.push(b'\n');
        }
        match open.len() >= limits::RESULT_FILE_BYTES {
            true => self.close(kind).await,
            false => Ok(Ok(())),
        }
    }

    /// Writes the open file of a kind.
    async fn close(&mut self, kind: Kind) -> WorldResult<Result<(), Outcome>> {
        let (Some(place), Some(mut bytes)) = (&self.writing.place, self.open.remove(&kind)) else {
            return Ok(Ok(()));
        };
        let ending = if self.writing.is_lines { "jsonl" } else { "json" };
        if !self.writing.is_lines {
            bytes.push(b']');
        }
        let files = self.written.files.entry(kind).or_default();
        let number = match self.node {
            Some(node) => format!("{}_{}", node.index, files.len()),
            None => files.len().to_string(),
        };
        let key = place.key(&self.writing.map_run.id, &format!("{}_{number}.{ending}", kind.name()));
        files.push((key.clone(), bytes.len()));
        self.protocol.write_object(place, key, bytes).await
    }

    /// Writes what is open.
    async fn finish(mut self) -> WorldResult<Result<Written, Outcome>> {
        for kind in [Kind::Failed, Kind::Pending, Kind::Succeeded] {
            if let Err(outcome) = self.close(kind).await? {
                return Ok(Err(outcome));
            }
        }
        Ok(Ok(self.written))
    }
}

impl<H: Host> Protocol<H> {
    async fn write_object(
        &self,
        place: &Place,
        key: String,
        bytes: Vec<u8>,
    ) -> WorldResult<Result<(), Outcome>> {
        let Some(objects) = self.host.objects() else {
            return Err(WorldError {
                operation: format!("write s3://{}/{key}", place.bucket),
                message: "this function writes no objects; deploy the stack again".to_owned(),
                retry: Retry::Later,
            });
        };
        let object = ObjectName {
            bucket: place.bucket.clone(),
            key,
            version: None,
            expected_owner: place.expected_owner.clone(),
        };
        let written = objects.write(&object, bytes, "application/json").await?;
        Ok(written.map_err(|error| {
            let cause = Some(format!("The object {object} can't be written: {error}"));
            Outcome::Failed { error: errors::RESULT_WRITER_FAILED.to_owned(), cause, phase: Phase::Run }
        }))
    }
}
