//! Fan-outs in the table.
//!
//! | item | partition | `sk` | holds |
//! |---|---|---|---|
//! | what it was opened with | of the branch that opened it | `I#<branch>#<seq>` | `pj`, `pz`, `pb`: the payload; `c`: how many branches |
//! | what a part's branches start with | of the part | `I#<branch>#<seq>#<part>` | the payload |
//! | root item | of the branch that opened it | `F#<branch>#<seq>` | `f<part>`: its failures; `r`: how often some were reported; `c`: the parts that are complete, of a narrow fan-out; `x`: stopped; `u`: what it is to be updated with, as JSON |
//! | node | of the first part below it | `N#<branch>#<seq>#<level>.<index>` | as a root item, of what is below it |
//! | what is gathered below a node | the same | `G#<branch>#<seq>#<level>.<index>` | the payload |
//! | part | of the part | `F#<branch>#<seq>#<part>` | `d`: those that have ended, as `<index in the part>:<seq>` and an `f` where it failed; `x`; `m`: so many of them begin another branch, once it is to be updated |

use super::{
    DynamoStore,
    item::{self, DATA, EXPIRES, Item, PK, Reader, SK, Writer},
    keys,
    pages::all_pages,
};
use crate::{
    error::{later, world_error},
    limits::{BATCH_GET_KEYS_MAX, BATCH_GETS_MAX},
};
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use std::collections::HashMap;
use stepladder_engine::Update;
use stepladder_protocol::{
    Ended, EndedHow, FanOuts, ITEM_VERSION, Part, PartKey, PartReport, Partition, Payload, Progress, Record,
    RecordKey, Tally, TallyKey, WorldResult,
};

const COUNT: &str = "c";
const ENDED: &str = "d";
const COMPLETE: &str = "c";
const STOPPED: &str = "x";
const MARK: &str = "m";
const REPORTS: &str = "r";
const UPDATE: &str = "u";

/// Marking a part is tried so often at once: as many branches may be listed meanwhile.
const MARKS_MAX: usize = 128;

impl FanOuts for DynamoStore {
    async fn put_opened(
        &self,
        fan_out: &RecordKey,
        count: u32,
        opened: &Payload,
        expires_s: i64,
    ) -> WorldResult<()> {
        let item = opened_item(self.pk_of(fan_out), fan_out, count, opened, expires_s);
        self.put(format!("put the fan-out at {fan_out}"), item).await
    }

    async fn opened(&self, fan_out: &RecordKey) -> WorldResult<Option<Payload>> {
        let operation = format!("read the fan-out at {fan_out}");
        let found = self.get(operation.clone(), self.pk_of(fan_out), keys::opened_sk(fan_out)).await?;
        found.map(|found| payload(operation, found)).transpose()
    }

    async fn put_inputs(&self, part: &PartKey, inputs: &Payload, expires_s: i64) -> WorldResult<()> {
        self.put(format!("put the inputs of {part}"), inputs_item(part, inputs, expires_s)).await
    }

    async fn inputs(&self, part: &PartKey) -> WorldResult<Option<Payload>> {
        let operation = format!("read the inputs of {part}");
        let found = self.get(operation.clone(), keys::part_pk(part), keys::inputs_sk(part)).await?;
        found.map(|found| payload(operation, found)).transpose()
    }

    async fn append_ended(&self, part: &PartKey, ended: Ended, expires_s: i64) -> WorldResult<Part> {
        let entry = AttributeValue::S(self.entry(part, ended));
        let update = self
            .upsert(keys::part_pk(part), keys::part_sk(part), expires_s)
            .update_expression(format!(
                "SET {ENDED} = list_append(if_not_exists({ENDED}, :none), :one), v = :v, {EXPIRES} = :expires"
            ))
            .condition_expression(format!("attribute_not_exists({ENDED}) OR NOT contains({ENDED}, :entry)"))
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":one", AttributeValue::L(vec![entry.clone()]))
            .expression_attribute_values(":entry", entry);
        let operation = format!("list branch {} in {part}", ended.index);
        match self.updated(&operation, update).await? {
            Some(item) => read_part(operation, self.first_index(part), item),
            None => self.part(part).await,
        }
    }

    async fn part(&self, part: &PartKey) -> WorldResult<Part> {
        let operation = format!("read {part}");
        match self.get(operation.clone(), keys::part_pk(part), keys::part_sk(part)).await? {
            Some(item) => read_part(operation, self.first_index(part), item),
            None => Ok(Part::default()),
        }
    }

    async fn is_stopped(&self, part: &PartKey) -> WorldResult<bool> {
        let _turn = self.turn().await;
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(keys::part_pk(part)))
            .key(SK, AttributeValue::S(keys::part_sk(part)))
            .projection_expression(STOPPED)
            .set_return_consumed_capacity(self.capacity.clone())
            .send()
            .await
            .map_err(|error| world_error(format!("read the flag of {part}"), &error))?;
        Ok(answer.item.is_some_and(|item| item.get(STOPPED) == Some(&AttributeValue::Bool(true))))
    }

    async fn report(
        &self,
        above: &TallyKey,
        below: u32,
        report: PartReport,
        expires_s: i64,
    ) -> WorldResult<Tally> {
        let operation = format!("report {below} to {above}");
        let completes = match report.progress {
            Progress::Complete => format!(" ADD {COMPLETE} :below"),
            Progress::Partial => String::new(),
        };
        let told = |expression: String| {
            let update = self
                .upsert(self.tally_pk(above), keys::tally_sk(above), expires_s)
                .update_expression(format!("SET {expression}v = :v, {EXPIRES} = :expires{completes}"));
            match report.progress {
                Progress::Complete => {
                    update.expression_attribute_values(":below", AttributeValue::Ns(vec![below.to_string()]))
                }
                Progress::Partial => update,
            }
        };
        let raised = match report.failures {
            0 => None,
            failures => {
                let raise = told(format!("#f = :f, {REPORTS} = if_not_exists({REPORTS}, :zero) + :one, "))
                    .condition_expression("attribute_not_exists(#f) OR #f <= :f")
                    .expression_attribute_names("#f", format!("f{below}"))
                    .expression_attribute_values(":f", AttributeValue::N(failures.to_string()))
                    .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()))
                    .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
                self.raised(&operation, raise).await?
            }
        };
        // Where more failures have been reported already there is nothing to raise.
        let item = match (raised, report.progress) {
            (None, Progress::Complete) => self.updated(&operation, told(String::new())).await?,
            (raised, _) => raised,
        };
        match item {
            Some(item) => read_tally(operation, item),
            None => self.tally(above).await,
        }
    }

    async fn tally(&self, key: &TallyKey) -> WorldResult<Tally> {
        let operation = format!("read the state of {key}");
        match self.get(operation.clone(), self.tally_pk(key), keys::tally_sk(key)).await? {
            Some(item) => read_tally(operation, item),
            None => Ok(Tally::default()),
        }
    }

    async fn put_gathered(&self, key: &TallyKey, gathered: &Payload, expires_s: i64) -> WorldResult<()> {
        let (pk, sk) = self.gathered_keys(key)?;
        self.put(format!("put what is below {key}"), payload_item(pk, sk, gathered, expires_s)).await
    }

    async fn gathered(&self, key: &TallyKey) -> WorldResult<Option<Payload>> {
        let operation = format!("read what is below {key}");
        let (pk, sk) = self.gathered_keys(key)?;
        let found = self.get(operation.clone(), pk, sk).await?;
        found.map(|found| payload(operation, found)).transpose()
    }

    async fn stop_part(&self, part: &PartKey, expires_s: i64) -> WorldResult<()> {
        let update = self.upsert(keys::part_pk(part), keys::part_sk(part), expires_s);
        self.stop(format!("stop {part}"), update).await
    }

    async fn stop_fan_out(&self, fan_out: &RecordKey, expires_s: i64) -> WorldResult<()> {
        let root = TallyKey::root(fan_out);
        let update = self.upsert(self.tally_pk(&root), keys::tally_sk(&root), expires_s);
        self.stop(format!("stop the fan-out at {fan_out}"), update).await
    }

    async fn mark_part(&self, part: &PartKey, expires_s: i64) -> WorldResult<Part> {
        let operation = format!("mark {part}");
        let mut known = self.part(part).await?;
        for _ in 0..MARKS_MAX {
            if known.mark.is_some() {
                return Ok(known);
            }
            let condition = match known.ended.len() {
                0 => format!("attribute_not_exists({MARK}) AND attribute_not_exists({ENDED})"),
                _ => format!("attribute_not_exists({MARK}) AND size({ENDED}) = :ended"),
            };
            let update = self
                .upsert(keys::part_pk(part), keys::part_sk(part), expires_s)
                .update_expression(format!("SET {MARK} = :ended, v = :v, {EXPIRES} = :expires"))
                .condition_expression(condition)
                .expression_attribute_values(":ended", AttributeValue::N(known.ended.len().to_string()));
            known = match self.updated(&operation, update).await? {
                Some(item) => read_part(operation.clone(), self.first_index(part), item)?,
                None => self.part(part).await?,
            };
        }
        Err(later(operation, "its branches end all the time"))
    }

    async fn put_update(
        &self,
        fan_out: &RecordKey,
        update: &Update,
        before: &Tally,
        expires_s: i64,
    ) -> WorldResult<bool> {
        let operation = format!("update the fan-out at {fan_out}");
        let text = |update: &Update| {
            let text = serde_json::to_string(update);
            text.map_err(|error| crate::error::never(operation.clone(), error.to_string()))
        };
        let root = TallyKey::root(fan_out);
        let mut written = self
            .upsert(self.tally_pk(&root), keys::tally_sk(&root), expires_s)
            .update_expression(format!("SET {UPDATE} = :update, v = :v, {EXPIRES} = :expires"))
            .expression_attribute_values(":update", AttributeValue::S(text(update)?));
        let reports = match before.reports {
            0 => format!("attribute_not_exists({REPORTS})"),
            reports => {
                let reports = AttributeValue::N(reports.to_string());
                written = written.expression_attribute_values(":reports", reports);
                format!("{REPORTS} = :reports")
            }
        };
        let updates = match &before.update {
            None => format!("attribute_not_exists({UPDATE})"),
            Some(before) => {
                written = written.expression_attribute_values(":before", AttributeValue::S(text(before)?));
                format!("{UPDATE} = :before")
            }
        };
        let complete = match before.complete.len() {
            0 => format!("attribute_not_exists({COMPLETE})"),
            complete => {
                written =
                    written.expression_attribute_values(":complete", AttributeValue::N(complete.to_string()));
                format!("size({COMPLETE}) = :complete")
            }
        };
        let written = written.condition_expression(format!("{reports} AND {updates} AND {complete}"));
        Ok(self.raised(&operation, written).await?.is_some())
    }

    async fn records_at(&self, keys: &[RecordKey]) -> WorldResult<Vec<Option<Record>>> {
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(BATCH_GET_KEYS_MAX) {
            self.batch_get(keys, &mut found).await?;
        }
        keys.iter()
            .map(|key| {
                let item = found.remove(&(self.pk_of(key), keys::record_sk(key)));
                item.map(|item| item::read_record(format!("read {key}"), item)).transpose()
            })
            .collect()
    }

    async fn part_records(
        &self,
        part: &PartKey,
        after: Option<&RecordKey>,
    ) -> WorldResult<Vec<(RecordKey, Record)>> {
        let operation = format!("read the records of {part}");
        // All branches' names begin with a digit.
        let first = match after {
            Some(after) => format!("{}#", keys::record_sk(after)),
            None => "T#".to_owned(),
        };
        let page = self
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", AttributeValue::S(keys::part_pk(part)))
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S("T#:".to_owned()))
            .send()
            .await
            .map_err(|error| world_error(operation.clone(), &error))?;
        let read = |item: Item| {
            let sk = string(&item, SK);
            let branch = sk.as_deref().and_then(keys::branch_of_sk);
            let record = item::read_record(operation.clone(), item)?;
            let Some(branch) = branch else {
                return Err(crate::error::never(operation.clone(), "an item's key names no branch"));
            };
            let key = RecordKey { run: part.fan_out.run.clone(), branch, seq: record.seq };
            Ok((key, record))
        };
        page.items.unwrap_or_default().into_iter().map(read).collect()
    }

    async fn fan_outs_in(&self, partition: &Partition) -> WorldResult<Vec<(RecordKey, u32)>> {
        let operation = format!("list the fan-outs of {partition}");
        let query = self
            .query()
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .projection_expression(format!("{SK}, {COUNT}"))
            .expression_attribute_values(":pk", AttributeValue::S(keys::partition_pk(partition)))
            .expression_attribute_values(":prefix", AttributeValue::S("I#".to_owned()));
        let fan_out = |item: &Item| {
            let (branch, seq) = string(item, SK).as_deref().and_then(keys::lock_of_opened_sk)?;
            let count = item.get(COUNT)?.as_n().ok()?.parse().ok()?;
            Some((RecordKey { run: partition.run().clone(), branch, seq }, count))
        };
        Ok(all_pages(&operation, query, usize::MAX).await?.iter().filter_map(fan_out).collect())
    }
}

impl DynamoStore {
    /// The partition of a branch's own items.
    pub(super) fn pk_of(&self, key: &RecordKey) -> String {
        keys::partition_pk(&Partition::of(&key.run, &key.branch, self.part_branches))
    }

    fn tally_pk(&self, key: &TallyKey) -> String {
        keys::partition_pk(&key.partition(self.part_branches))
    }

    fn gathered_keys(&self, key: &TallyKey) -> WorldResult<(String, String)> {
        match key.node {
            Some(node) => Ok((self.tally_pk(key), keys::gathered_sk(&key.fan_out, node))),
            None => Err(crate::error::never(format!("find what is below {key}"), "it is no node")),
        }
    }

    /// An update that makes the item where there is none.
    fn upsert(&self, pk: String, sk: String, expires_s: i64) -> UpdateItemFluentBuilder {
        self.update(pk, sk)
            .expression_attribute_values(":v", AttributeValue::N(ITEM_VERSION.to_string()))
            .expression_attribute_values(":expires", AttributeValue::N(expires_s.to_string()))
    }

    async fn stop(&self, operation: String, update: UpdateItemFluentBuilder) -> WorldResult<()> {
        let update = update
            .update_expression(format!("SET {STOPPED} = :x, v = :v, {EXPIRES} = :expires"))
            .expression_attribute_values(":x", AttributeValue::Bool(true));
        update.send().await.map(|_| ()).map_err(|error| world_error(operation, &error))
    }

    /// The item as it is after an update, whether its condition held or not; nothing where the answer doesn't show it.
    async fn updated(&self, operation: &str, update: UpdateItemFluentBuilder) -> WorldResult<Option<Item>> {
        let update = update
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let _turn = self.turn().await;
        match update.send().await {
            Ok(answer) => Ok(answer.attributes),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
                _ => Err(world_error(operation.to_owned(), &error)),
            },
        }
    }

    /// The item as it is after an update; nothing where its condition didn't hold.
    async fn raised(&self, operation: &str, update: UpdateItemFluentBuilder) -> WorldResult<Option<Item>> {
        match update.return_values(ReturnValue::AllNew).send().await {
            Ok(answer) => Ok(answer.attributes),
            Err(error) => match &error {
                SdkError::ServiceError(failed) if failed.err().is_conditional_check_failed_exception() => {
                    Ok(None)
                }
                _ => Err(world_error(operation.to_owned(), &error)),
            },
        }
    }

    async fn batch_get(
        &self,
        keys: &[RecordKey],
        found: &mut HashMap<(String, String), Item>,
    ) -> WorldResult<()> {
        let Some(first) = keys.first() else { return Ok(()) };
        let operation = format!("read {first} and {} more", keys.len() - 1);
        let malformed = |error: aws_sdk_dynamodb::error::BuildError| {
            crate::error::never(operation.clone(), error.to_string())
        };
        let mut wanted = KeysAndAttributes::builder().consistent_read(true);
        for key in keys {
            wanted = wanted.keys(HashMap::from([
                (PK.to_owned(), AttributeValue::S(self.pk_of(key))),
                (SK.to_owned(), AttributeValue::S(keys::record_sk(key))),
            ]));
        }
        let mut wanted = Some(wanted.build().map_err(malformed)?);
        // What is more than 16 MB, or throttled, is left over.
        for _ in 0..BATCH_GETS_MAX {
            let Some(left) = wanted.take() else { return Ok(()) };
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, left)
                .set_return_consumed_capacity(self.capacity.clone())
                .send()
                .await
                .map_err(|error| world_error(operation.clone(), &error))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                if let (Some(pk), Some(sk)) = (string(&item, PK), string(&item, SK)) {
                    found.insert((pk, sk), item);
                }
            }
            wanted = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
        }
        match wanted {
            None => Ok(()),
            Some(_) => Err(later(operation, "not all of them were read")),
        }
    }

    /// How a branch that has ended stands in its part's list.
    fn entry(&self, part: &PartKey, ended: Ended) -> String {
        let failed = match ended.how {
            EndedHow::Ok => "",
            EndedHow::Failed => "f",
            EndedHow::Unread => "u",
        };
        format!("{}:{}{failed}", ended.index.saturating_sub(self.first_index(part)), ended.seq)
    }

    fn first_index(&self, part: &PartKey) -> u32 {
        part.part.saturating_mul(self.part_branches)
    }
}

/// What a fan-out was opened with; `pk` is the partition of the branch that opened it.
pub(super) fn opened_item(
    pk: String,
    fan_out: &RecordKey,
    count: u32,
    opened: &Payload,
    expires_s: i64,
) -> Item {
    let mut writer = Writer::new(pk, keys::opened_sk(fan_out), ITEM_VERSION);
    writer.payload(DATA, opened);
    writer.number(COUNT, i64::from(count));
    writer.number(EXPIRES, expires_s);
    writer.0
}

pub(super) fn inputs_item(part: &PartKey, inputs: &Payload, expires_s: i64) -> Item {
    payload_item(keys::part_pk(part), keys::inputs_sk(part), inputs, expires_s)
}

fn payload_item(pk: String, sk: String, payload: &Payload, expires_s: i64) -> Item {
    let mut writer = Writer::new(pk, sk, ITEM_VERSION);
    writer.payload(DATA, payload);
    writer.number(EXPIRES, expires_s);
    writer.0
}

/// `first` is the index of the part's first branch.
pub(super) fn read_part(operation: String, first: u32, mut item: Item) -> WorldResult<Part> {
    let ended = |entry: &AttributeValue| {
        let (index, seq) = entry.as_s().ok()?.split_once(':')?;
        let (seq, how) = match (seq.strip_suffix('f'), seq.strip_suffix('u')) {
            (Some(seq), _) => (seq, EndedHow::Failed),
            (None, Some(seq)) => (seq, EndedHow::Unread),
            (None, None) => (seq, EndedHow::Ok),
        };
        let index = first.checked_add(index.parse().ok()?)?;
        Some(Ended { index, seq: seq.parse().ok()?, how })
    };
    let list = match item.remove(ENDED) {
        None => Some(Vec::new()),
        Some(AttributeValue::L(entries)) => entries.iter().map(ended).collect(),
        Some(_) => None,
    };
    let is_stopped = item.remove(STOPPED) == Some(AttributeValue::Bool(true));
    let mut reader = Reader::new(operation, item)?;
    let ended = list.ok_or_else(|| reader.damaged(ENDED, "is no list of branches"))?;
    let mark = reader.optional_number(MARK)?;
    Ok(Part { ended, is_stopped, mark })
}

pub(super) fn read_tally(operation: String, mut item: Item) -> WorldResult<Tally> {
    let mut tally = Tally::default();
    let complete = match item.remove(COMPLETE) {
        None => Some(Vec::new()),
        Some(AttributeValue::Ns(parts)) => parts.iter().map(|part| part.parse().ok()).collect(),
        Some(_) => None,
    };
    for (name, value) in &item {
        let part = name.strip_prefix('f').and_then(|part| part.parse::<u32>().ok());
        if let (Some(part), AttributeValue::N(failures)) = (part, value)
            && let Ok(failures) = failures.parse()
        {
            tally.failures.insert(part, failures);
        }
    }
    tally.is_stopped = item.remove(STOPPED) == Some(AttributeValue::Bool(true));
    let mut reader = Reader::new(operation, item)?;
    tally.reports = reader.optional_number(REPORTS)?.unwrap_or(0);
    if let Some(update) = reader.optional_string(UPDATE)? {
        tally.update = Some(
            serde_json::from_str(&update).map_err(|_| reader.damaged(UPDATE, "says nothing of an update"))?,
        );
    }
    let complete: Vec<u32> = complete.ok_or_else(|| reader.damaged(COMPLETE, "is no set of numbers"))?;
    tally.complete.extend(complete);
    Ok(tally)
}

fn payload(operation: String, item: Item) -> WorldResult<Payload> {
    let mut reader = Reader::new(operation, item)?;
    reader.payload(DATA)?.ok_or_else(|| reader.damaged(DATA.json, "is missing"))
}

fn string(item: &Item, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}
