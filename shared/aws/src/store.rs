//! Runs, records and definitions in one DynamoDB table.

mod activities;
mod changes;
mod definitions;
mod fan_outs;
mod flow;
#[cfg(test)]
mod histories_test;
mod item;
mod keys;
mod lists;
mod map_runs;
mod pages;
mod pauses;
mod searches;
mod tasks;
#[cfg(test)]
mod tests;
mod token_key;
mod versions;
mod workflows;

use crate::{
    error::{cancelled, later, never, world_error},
    limits::{CALLS_AT_ONCE, PARKED_REASON_CHARS_MAX, RENEWALS_AT_ONCE},
};
use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::SdkError,
    operation::{
        put_item::PutItemError,
        transact_write_items::TransactWriteItemsError,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{
        AttributeValue, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        builders::UpdateBuilder,
    },
};
use changes::RunChange;
use futures::{StreamExt, TryStreamExt, stream};
pub(crate) use item::EXPIRES;
use item::{DATA, Item, PK, Reader, SK, Writer};
pub use keys::{partition_pk, run_pk};
pub(crate) use lists::{ATTENTION_INDEX, RUNS_INDEX};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
};
use stepladder_engine::Branch;
use stepladder_protocol::{
    Close, CreateRun, DataSlot, ITEM_VERSION, ListedRun, ListedWorkflow, Partition, Payload, PutRecord,
    Record, RecordKey, RedriveItem, RunId, RunItem, RunKey, Store, WorkflowItem, WorldResult,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// [`Store`] on DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    client: Client,
    table: String,
    /// As in the protocol's settings: it names partitions.
    part_branches: u32,
    /// Whether the answers shall say what they cost: somebody counts.
    capacity: Option<ReturnConsumedCapacity>,
    /// By step: its next free slot as this process has last seen it, in microseconds since the epoch.
    paces: Arc<Mutex<HashMap<String, i64>>>,
    /// One for each of the calls that each message of a batch makes.
    turns: Arc<Semaphore>,
}

/// Whether the table's answers say what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capacity {
    Told,
    Untold,
}

/// Whether a read has all that was written before, or costs half as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Consistent,
    Eventual,
}

const NOT_THERE: &str = "attribute_not_exists(pk)";

impl Store for DynamoStore {
    async fn put_record(&self, key: &RecordKey, record: &Record) -> WorldResult<PutRecord> {
        let item = self.record_item(key, record);
        match self.put_unless(item, NOT_THERE, None).await {
            Ok(()) => Ok(PutRecord::Won),
            Err(error) => {
                let operation = format!("put {key}");
                match lost_to(&operation, &error)? {
                    Some(winner) => Ok(PutRecord::Lost(Box::new(item::read_record(operation, winner)?))),
                    // The old item is part of the answer on AWS; an emulator may leave it out.
                    None => match self.record(key).await? {
                        Some(winner) => Ok(PutRecord::Lost(Box::new(winner))),
                        None => Err(later(operation, "it was there, and a moment later it wasn't")),
                    },
                }
            }
        }
    }

    async fn record(&self, key: &RecordKey) -> WorldResult<Option<Record>> {
        let operation = format!("read {key}");
        let found = self.get(operation.clone(), self.pk_of(key), keys::record_sk(key)).await?;
        found.map(|found| item::read_record(operation, found)).transpose()
    }

    async fn records(&self, run: &RunKey, branch: &Branch, from_seq: u32) -> WorldResult<Vec<Record>> {
        self.query_records(run, branch, from_seq, keys::last_seq_sk(branch), Read::Consistent).await
    }

    async fn records_within(
        &self,
        run: &RunKey,
        branch: &Branch,
        seqs: Range<u32>,
    ) -> WorldResult<Vec<Record>> {
        self.records_between(run, branch, seqs, Read::Consistent).await
    }

    async fn records_seen(
        &self,
        run: &RunKey,
        branch: &Branch,
        seqs: Range<u32>,
    ) -> WorldResult<Vec<Record>> {
        self.records_between(run, branch, seqs, Read::Eventual).await
    }

    async fn create_run(&self, run: &RunItem, now_ms: i64) -> WorldResult<CreateRun> {
        let condition = format!("{NOT_THERE} OR {EXPIRES} < :now");
        let now = AttributeValue::N((now_ms / 1000).to_string());
        match self.put_unless(item::write_run(run), &condition, Some((":now", now))).await {
            Ok(()) => Ok(CreateRun::Created),
            Err(error) => {
                let operation = format!("create run {}", run.id);
                match lost_to(&operation, &error)? {
                    Some(other) => {
                        Ok(CreateRun::Exists(Box::new(item::read_run(operation, &run.id, other)?)))
                    }
                    None => match self.run(&run.id, now_ms).await? {
                        Some(other) => Ok(CreateRun::Exists(Box::new(other))),
                        None => Err(later(operation, "it was there, and a moment later it wasn't")),
                    },
                }
            }
        }
    }

    async fn run(&self, run: &RunId, now_ms: i64) -> WorldResult<Option<RunItem>> {
        self.read_run_item(run, now_ms, Read::Consistent).await
    }

    async fn run_seen(&self, run: &RunId, now_ms: i64) -> WorldResult<Option<RunItem>> {
        self.read_run_item(run, now_ms, Read::Eventual).await
    }

    async fn close_run(&self, run: &RunKey, redrive_count: u32, close: &Close) -> WorldResult<bool> {
        let change = RunChange::close(run, redrive_count, close);
        let _turn = self.turn().await;
        apply(|| format!("close run {run}"), change.update(self)).await
    }

    async fn close_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        close: &Close,
        (key, record): (&RecordKey, &Record),
    ) -> WorldResult<bool> {
        let change = RunChange::close(run, redrive_count, close);
        let change = change.transact_update(&self.table);
        self.transact(format!("close run {run} with {key}"), change, self.record_item(key, record)).await
    }

    async fn reopen_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        redrive: &RedriveItem,
        (key, record): (&RecordKey, &Record),
    ) -> WorldResult<bool> {
        let change = RunChange::reopen(run, redrive_count, redrive);
        let change = change.transact_update(&self.table);
        self.transact(format!("reopen run {run} with {key}"), change, self.record_item(key, record)).await
    }

    async fn redirect_run_with_record(
        &self,
        run: &RunKey,
        redrive_count: u32,
        redrive: &RedriveItem,
        (key, record): (&RecordKey, &Record),
    ) -> WorldResult<bool> {
        let change = RunChange::redirect(run, redrive_count, redrive);
        let change = change.transact_update(&self.table);
        self.transact(format!("redirect run {run} with {key}"), change, self.record_item(key, record)).await
    }

    async fn note_parked(&self, run: &RunKey, reason: &str) -> WorldResult<()> {
        let reason: String = reason.chars().take(PARKED_REASON_CHARS_MAX).collect();
        let note = self
            .update(keys::run_pk(&run.id), keys::RUN_SK)
            .condition_expression("n = :n")
            .update_expression("SET pr = :pr")
            .expression_attribute_values(":n", AttributeValue::S(run.nonce.clone()))
            .expression_attribute_values(":pr", AttributeValue::S(reason));
        // A run that is gone has no use for the note.
        apply(|| format!("note on run {run} that a message was parked"), note).await.map(|_| ())
    }

    async fn put_data(
        &self,
        run: &RunKey,
        slot: DataSlot,
        payload: &Payload,
        expires_s: i64,
    ) -> WorldResult<()> {
        let item = data_item(run, &slot, payload, expires_s);
        self.put(format!("put the {} of run {run}", slot_name(&slot)), item).await
    }

    async fn data(&self, run: &RunKey, slot: DataSlot) -> WorldResult<Option<Payload>> {
        let operation = format!("read the {} of run {run}", slot_name(&slot));
        let sk = keys::data_sk(&slot);
        let Some(found) = self.get(operation.clone(), keys::items_pk(run), sk).await? else {
            return Ok(None);
        };
        let mut reader = Reader::new(operation, found)?;
        let payload = reader.payload(DATA)?.ok_or_else(|| reader.damaged(DATA.json, "is missing"))?;
        Ok(Some(payload))
    }

    async fn renew(&self, partition: &Partition, expires_s: i64) -> WorldResult<()> {
        let operation = &format!("renew {partition}");
        let expires = &AttributeValue::N(expires_s.to_string());
        let pk = &keys::partition_pk(partition);
        let mut from = None;
        loop {
            // Only what isn't renewed yet: a renewal that was cut short goes on where it stopped.
            let page = self
                .query()
                .key_condition_expression("pk = :pk")
                .filter_expression(format!("{EXPIRES} <> :expires"))
                .projection_expression(map_runs::RENEWED.join(", "))
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .expression_attribute_values(":expires", expires.clone())
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| world_error(operation.clone(), &error))?;
            stream::iter(page.items.unwrap_or_default().into_iter().map(|mut item| async move {
                // First what leads there: what is renewed is not looked at again.
                self.renew_map_run_key(partition.run(), &item, expires_s).await?;
                let Some(AttributeValue::S(sk)) = item.remove(SK) else { return Ok(true) };
                let renewal = self
                    .update(pk.clone(), sk)
                    .condition_expression("attribute_exists(pk)")
                    .update_expression(format!("SET {EXPIRES} = :expires"))
                    .expression_attribute_values(":expires", expires.clone());
                apply(|| operation.clone(), renewal).await
            }))
            .buffer_unordered(RENEWALS_AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    async fn renew_run(&self, run: &RunKey, expires_s: i64) -> WorldResult<()> {
        let renewal = self
            .update(keys::run_pk(&run.id), keys::RUN_SK)
            .condition_expression("n = :n")
            .update_expression(format!("SET {EXPIRES} = :expires"))
            .expression_attribute_values(":n", AttributeValue::S(run.nonce.clone()))
            .expression_attribute_values(":expires", AttributeValue::N(expires_s.to_string()));
        apply(|| format!("renew run {run}"), renewal).await.map(|_| ())
    }

    async fn put_definition(&self, workflow: &str, hash: &str, text: &str) -> WorldResult<()> {
        self.write_definition(workflow, hash, text).await
    }

    async fn definition(&self, workflow: &str, hash: &str) -> WorldResult<Option<String>> {
        self.read_definition(workflow, hash).await
    }

    async fn workflow(&self, name: &str) -> WorldResult<Option<WorkflowItem>> {
        self.read_workflow(name).await
    }

    async fn workflows(&self) -> WorldResult<Vec<String>> {
        let all = self.list_workflows(None, usize::MAX).await?;
        Ok(all.into_iter().map(|workflow| workflow.name).collect())
    }

    async fn workflows_after(&self, after: Option<&str>, limit: usize) -> WorldResult<Vec<ListedWorkflow>> {
        self.list_workflows(after, limit).await
    }

    async fn runs_started(
        &self,
        workflow: &str,
        from_ms: i64,
        until_ms: i64,
        limit: usize,
    ) -> WorldResult<Vec<ListedRun>> {
        self.list_runs(workflow, from_ms, until_ms, limit).await
    }
}

impl DynamoStore {
    pub(crate) fn new(client: Client, table: String, part_branches: u32, capacity: Capacity) -> Self {
        let capacity = match capacity {
            Capacity::Told => Some(ReturnConsumedCapacity::Total),
            Capacity::Untold => None,
        };
        let turns = Arc::new(Semaphore::new(CALLS_AT_ONCE));
        Self { client, table, part_branches: part_branches.max(1), capacity, paces: Arc::default(), turns }
    }

    fn record_item(&self, key: &RecordKey, record: &Record) -> Item {
        item::write_record(self.pk_of(key), key, record)
    }

    async fn get(&self, operation: String, pk: String, sk: String) -> WorldResult<Option<Item>> {
        self.get_by(operation, pk, sk, Read::Consistent).await
    }

    async fn read_run_item(&self, run: &RunId, now_ms: i64, read: Read) -> WorldResult<Option<RunItem>> {
        let operation = format!("read run {run}");
        let found = self.get_by(operation.clone(), keys::run_pk(run), keys::RUN_SK.to_owned(), read).await?;
        let found = found.map(|found| item::read_run(operation, run, found)).transpose()?;
        Ok(found.filter(|found| found.expires_s >= now_ms / 1000))
    }

    async fn get_by(
        &self,
        operation: String,
        pk: String,
        sk: String,
        read: Read,
    ) -> WorldResult<Option<Item>> {
        let _turn = self.turn().await;
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(read == Read::Consistent)
            .key(PK, AttributeValue::S(pk))
            .key(SK, AttributeValue::S(sk))
            .set_return_consumed_capacity(self.capacity.clone())
            .send()
            .await;
        answer.map(|answer| answer.item).map_err(|error| world_error(operation, &error))
    }

    async fn put(&self, operation: String, item: Item) -> WorldResult<()> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .set_return_consumed_capacity(self.capacity.clone());
        put.send().await.map(|_| ()).map_err(|error| world_error(operation, &error))
    }

    async fn records_between(
        &self,
        run: &RunKey,
        branch: &Branch,
        seqs: Range<u32>,
        read: Read,
    ) -> WorldResult<Vec<Record>> {
        let Some(last) = seqs.clone().next_back() else { return Ok(Vec::new()) };
        let last = RecordKey { run: run.clone(), branch: branch.clone(), seq: last };
        self.query_records(run, branch, seqs.start, keys::record_sk(&last), read).await
    }

    /// The records of a branch from one on up to this key: one page.
    async fn query_records(
        &self,
        run: &RunKey,
        branch: &Branch,
        from_seq: u32,
        last: String,
        read: Read,
    ) -> WorldResult<Vec<Record>> {
        let first = RecordKey { run: run.clone(), branch: branch.clone(), seq: from_seq };
        let operation = format!("read the records from {first} on");
        let page = self
            .query()
            .consistent_read(read == Read::Consistent)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", AttributeValue::S(self.pk_of(&first)))
            .expression_attribute_values(":first", AttributeValue::S(keys::record_sk(&first)))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .send()
            .await
            .map_err(|error| world_error(operation.clone(), &error))?;
        page.items
            .unwrap_or_default()
            .into_iter()
            .map(|found| item::read_record(operation.clone(), found))
            .collect()
    }

    async fn put_unless(
        &self,
        item: Item,
        condition: &str,
        value: Option<(&str, AttributeValue)>,
    ) -> Result<(), SdkError<PutItemError, HttpResponse>> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .set_return_consumed_capacity(self.capacity.clone());
        if let Some((name, value)) = value {
            put = put.expression_attribute_values(name, value);
        }
        let _turn = self.turn().await;
        put.send().await.map(|_| ())
    }

    /// Waits until few enough of a batch's calls are under way. Before the call, whose own time is for its answer.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    fn update(&self, pk: String, sk: impl Into<String>) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(PK, AttributeValue::S(pk))
            .key(SK, AttributeValue::S(sk.into()))
            .set_return_consumed_capacity(self.capacity.clone())
    }

    /// An update and the put of a record, both or none. False: one of their conditions didn't hold.
    async fn transact(&self, operation: String, update: UpdateBuilder, record: Item) -> WorldResult<bool> {
        let malformed =
            |error: aws_sdk_dynamodb::error::BuildError| never(operation.clone(), error.to_string());
        let update = update.build().map_err(malformed)?;
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(record))
            .condition_expression(NOT_THERE)
            .build()
            .map_err(malformed)?;
        let answer = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(update).build())
            .transact_items(TransactWriteItem::builder().put(put).build())
            .set_return_consumed_capacity(self.capacity.clone())
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) => match cancellation(&error) {
                Some(Cancellation::Condition) => Ok(false),
                Some(Cancellation::Transient(reasons)) => Err(cancelled(operation, &reasons)),
                None => Err(world_error(operation, &error)),
            },
        }
    }
}

/// How a run's input or ending lies in the table by itself.
fn data_item(run: &RunKey, slot: &DataSlot, payload: &Payload, expires_s: i64) -> Item {
    let mut writer = Writer::new(keys::items_pk(run), keys::data_sk(slot), ITEM_VERSION);
    writer.payload(DATA, payload);
    writer.number(EXPIRES, expires_s);
    writer.0
}

fn slot_name(slot: &DataSlot) -> &'static str {
    match slot {
        DataSlot::Input => "input",
        DataSlot::Beginning => "beginning",
        DataSlot::Ending(_) => "ending",
    }
}

/// The item that a conditional put found in its place, where the answer shows it; any other failure stays one.
fn lost_to(operation: &str, error: &SdkError<PutItemError, HttpResponse>) -> WorldResult<Option<Item>> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(failed.item.clone()),
        _ => Err(world_error(operation.to_owned(), error)),
    }
}

/// Sends an update. False: its condition didn't hold.
async fn apply(operation: impl FnOnce() -> String, update: UpdateItemFluentBuilder) -> WorldResult<bool> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(world_error(operation(), &error)),
        },
    }
}

/// Why a transaction was cancelled.
enum Cancellation {
    /// One of its conditions didn't hold, and nothing else stood in the way.
    Condition,
    /// Another transaction, or a throttle: it says nothing about the conditions.
    Transient(String),
}

/// None: it wasn't cancelled, or for a reason that another attempt doesn't cure
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
fn cancellation(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Option<Cancellation> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return None;
    };
    let codes: Vec<&str> = cancelled
        .cancellation_reasons()
        .iter()
        .filter_map(|reason| reason.code())
        .filter(|code| *code != "None")
        .collect();
    let transient = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
        .iter()
        .any(|code| codes.contains(code));
    if transient {
        return Some(Cancellation::Transient(codes.join(", ")));
    }
    (!codes.is_empty() && codes.iter().all(|code| *code == "ConditionalCheckFailed"))
        .then_some(Cancellation::Condition)
}
