//! `ResultWriter`: the results of a distributed Map state as files
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html>).
//!
//! What is written comes of records that no longer change, so that a repetition writes the same.

use super::{BranchEnd, Opened, again::Results, gather::last_key, open::in_time};
use crate::{
    Protocol,
    fan_outs::{EndedHow, FanOuts, PartKey},
    item::{Record, RecordKey},
    limits,
    message::Lock,
    objects::{ObjectName, Objects},
    payload,
    traits::{Host, Retry, WorldError, WorldResult},
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_asl::{Definition, errors, timestamp};
use stepladder_engine::{BranchInput, Inputs, Outcome, Phase, Place, Position, Run, Transformation, Writing};

/// How a child has ended, as the files are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
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

/// Files of one kind, one after another.
#[derive(Debug, Default)]
struct Files {
    open: Vec<u8>,
    /// The key and the size of each that has been written.
    written: Vec<(String, usize)>,
}

/// Where results go.
struct Writer<'a, H> {
    protocol: &'a Protocol<H>,
    writing: &'a Writing,
    files: BTreeMap<Kind, Files>,
    /// Only where there is no place for them.
    values: Vec<Value>,
    bytes: usize,
}

impl<H: Host> Protocol<H> {
    /// Writes the results of a fan-out; answers with the state's own result. An error is the outcome that the state gets
    /// instead.
    pub(super) async fn write_results(
        &self,
        (run, definition): (&Run, &Definition),
        opened: &Opened,
        writing: &Writing,
        results: &Results,
    ) -> WorldResult<Result<Value, Outcome>> {
        let run = &self.seeded(run);
        let first = match results.fan_outs.first() {
            Some(key) if opened.position.resumes.is_some() => {
                self.opened(&key.run, &Lock { branch: key.branch.clone(), seq: key.seq }).await?.position
            }
            _ => opened.position.clone(),
        };
        let mut writer =
            Writer { protocol: self, writing, files: BTreeMap::new(), values: Vec::new(), bytes: 0 };
        let total = first.fan_out().map_or(0, |fan_out| fan_out.count);
        let at: BTreeMap<u32, usize> = results.indexes.iter().copied().zip(0..).collect();
        for part in self.parts(total) {
            let indexes: Vec<u32> = self.branches_of(part, total).collect();
            let inputs = match writing.transformation {
                Transformation::None => match self.inputs_of_part(run, definition, &first, part).await? {
                    Ok(inputs) => inputs,
                    Err(outcome) => return Ok(Err(outcome)),
                },
                Transformation::Compact | Transformation::Flatten => BTreeMap::new(),
            };
            let ended: Vec<_> = indexes
                .iter()
                .filter_map(|index| {
                    results.ended.get(*at.get(index)?).map(|(level, ended)| (*index, *level, *ended))
                })
                .collect();
            let keys: Vec<RecordKey> = ended
                .iter()
                .filter_map(|(_, level, ended)| Some(last_key(results.fan_outs.get(*level)?, ended)))
                .collect();
            let records = self.records_of(&keys).await?;
            let begins = self.begins(&keys, &records).await?;
            let known: BTreeSet<u32> = ended.iter().map(|(index, ..)| *index).collect();
            for ((((index, _, ended), key), record), begin_ms) in
                ended.iter().zip(&keys).zip(&records).zip(begins)
            {
                let end = self.end_of(key, record).await?;
                let kind = if ended.how == EndedHow::Ok { Kind::Succeeded } else { Kind::Failed };
                let input = inputs.get(index);
                let took = writer.take(run, *index, kind, input, Some((&end, record, begin_ms))).await?;
                if let Err(outcome) = took {
                    return Ok(Err(outcome));
                }
            }
            for index in indexes.into_iter().filter(|index| !known.contains(index)) {
                let input = inputs.get(&index);
                if let Err(outcome) = writer.take(run, index, Kind::Pending, input, None).await? {
                    return Ok(Err(outcome));
                }
            }
        }
        writer.finish().await
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
        ended: Option<(&BranchEnd, &Record, Option<i64>)>,
    ) -> WorldResult<Result<(), Outcome>> {
        let output = ended.and_then(|(end, ..)| end.output.as_ref());
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
        ended: Option<(&BranchEnd, &Record, Option<i64>)>,
    ) -> Value {
        let (name, arn) = self.writing.child(run, index);
        let mut entry = Map::new();
        let mut tell = |name: &str, value: Value| drop(entry.insert(name.to_owned(), value));
        let included = || json!({ "Included": true });
        if let Some((end, ..)) = ended {
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
        if let Some((end, record, started_ms)) = ended {
            if let Some(output) = &end.output {
                tell("Output", output.to_string().into());
                tell("OutputDetails", included());
            }
            if let Some(started_ms) = started_ms {
                tell("StartDate", timestamp::format(started_ms).into());
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
            self.values.push(value.clone());
            return Ok(Ok(()));
        }
        let files = self.files.entry(kind).or_default();
        if !self.writing.is_lines {
            files.open.push(if files.open.is_empty() { b'[' } else { b',' });
        }
        serde_json::to_writer(&mut files.open, value)
            .map_err(|error| payload::unreadable("encode a result", &error.to_string()))?;
        if self.writing.is_lines {
            files.open.push(b'\n');
        }
        match files.open.len() >= limits::RESULT_FILE_BYTES {
            true => self.close(kind).await,
            false => Ok(Ok(())),
        }
    }

    /// Writes the open file of a kind.
    async fn close(&mut self, kind: Kind) -> WorldResult<Result<(), Outcome>> {
        let (Some(place), Some(files)) = (&self.writing.place, self.files.get_mut(&kind)) else {
            return Ok(Ok(()));
        };
        let mut bytes = std::mem::take(&mut files.open);
        if bytes.is_empty() {
            return Ok(Ok(()));
        }
        let ending = if self.writing.is_lines { "jsonl" } else { "json" };
        if !self.writing.is_lines {
            bytes.push(b']');
        }
        let name = format!("{}_{}.{ending}", kind.name(), files.written.len());
        let key = place.key(&self.writing.map_run.id, &name);
        files.written.push((key.clone(), bytes.len()));
        self.protocol.write_object(place, key, bytes).await
    }

    /// Writes what is open, and the manifest.
    async fn finish(mut self) -> WorldResult<Result<Value, Outcome>> {
        let Some(place) = &self.writing.place else {
            return Ok(Ok(Value::Array(self.values)));
        };
        for kind in [Kind::Failed, Kind::Pending, Kind::Succeeded] {
            if let Err(outcome) = self.close(kind).await? {
                return Ok(Err(outcome));
            }
        }
        let listed = |kind: Kind| -> Value {
            let files = self.files.get(&kind).map(|files| files.written.as_slice()).unwrap_or_default();
            files.iter().map(|(key, bytes)| json!({ "Key": key, "Size": bytes })).collect()
        };
        let manifest = json!({
            "DestinationBucket": place.bucket,
            "MapRunArn": self.writing.map_run_arn,
            "ResultFiles": {
                "FAILED": listed(Kind::Failed),
                "PENDING": listed(Kind::Pending),
                "SUCCEEDED": listed(Kind::Succeeded),
            },
        });
        let key = place.key(&self.writing.map_run.id, "manifest.json");
        let written =
            self.protocol.write_object(place, key.clone(), manifest.to_string().into_bytes()).await?;
        Ok(written.map(|()| {
            json!({
                "MapRunArn": self.writing.map_run_arn,
                "ResultWriterDetails": { "Bucket": place.bucket, "Key": key },
            })
        }))
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
