//! The records in a DynamoDB table of their own. The table's items are described in the crate's documentation.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use tokio::sync::OnceCell;

use super::{Entry, LINE, Records, RecordsError, SUMMARY, import_key, row_key};
use crate::limits::CALL_TIMEOUT_MS;
use crate::rows::{FailedRow, Row, Summary};

/// `IMPORTS_TABLE`, or `<stack>-imports` with the stack of `STEPLADDER_STACK`, `stepladder` unless set.
pub fn table_name() -> String {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    set("IMPORTS_TABLE").unwrap_or_else(|| {
        format!("{}-imports", set("STEPLADDER_STACK").unwrap_or_else(|| "stepladder".to_owned()))
    })
}

/// [`Records`] on DynamoDB.
#[derive(Debug)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

const TAKE: &str = "take rows";
const GIVE: &str = "give what it has";

impl DynamoRecords {
    /// The records of this process: client and table name from the environment, made on the first call.
    pub async fn from_env() -> &'static Self {
        static RECORDS: OnceCell<DynamoRecords> = OnceCell::const_new();
        let make = async || {
            let config = stepladder::aws_config().await;
            let timeouts = config.timeout_config().map(TimeoutConfig::to_builder).unwrap_or_default();
            let timeouts = timeouts.operation_timeout(Duration::from_millis(CALL_TIMEOUT_MS)).build();
            let config = aws_sdk_dynamodb::config::Builder::from(&config).timeout_config(timeouts).build();
            Self::new(Client::from_conf(config), table_name())
        };
        RECORDS.get_or_init(make).await
    }

    /// Records in that table, which must exist with the text keys `pk` and `sk`. It needs no index, no stream and no TTL.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    async fn get(&self, (pk, sk): (String, String)) -> Result<Option<Item>, RecordsError> {
        let get = self.client.get_item().table_name(&self.table).key("pk", text(pk)).key("sk", text(sk));
        let answer = get.consistent_read(true).send().await.map_err(|error| sdk_error(GIVE, error))?;
        Ok(answer.item)
    }
}

impl Records for DynamoRecords {
    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<Entry>, RecordsError> {
        let requests = entries.iter().map(request).collect::<Result<Vec<_>, _>>()?;
        let call = self.client.batch_write_item().request_items(&self.table, requests);
        let answer = call.send().await.map_err(|error| sdk_error(TAKE, error))?;
        let left = answer.unprocessed_items.unwrap_or_default().remove(&self.table).unwrap_or_default();
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let mut entries: HashMap<(String, String), Entry> =
            entries.into_iter().map(|entry| (entry.key(), entry)).collect();
        let left = left.iter().map(|request| {
            let item = request.put_request().map(PutRequest::item);
            let key = item.and_then(|item| Some((string(item, "pk")?, string(item, "sk")?)));
            key.and_then(|key| entries.remove(&key))
                .ok_or_else(|| unreadable(TAKE, "what it left was not sent"))
        });
        left.collect()
    }

    async fn row(&self, id: &str) -> Result<Option<Row>, RecordsError> {
        let item = self.get(row_key(id)).await?;
        let row = |item| read_row(id, &item).ok_or_else(|| unreadable(GIVE, "a row lacks an attribute"));
        item.map(row).transpose()
    }

    async fn failures(&self, import: &str) -> Result<Vec<FailedRow>, RecordsError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :line)")
            .expression_attribute_values(":pk", text(import_key(import)))
            .expression_attribute_values(":line", text(LINE));
        let mut items = query.into_paginator().items().send();
        let mut failed = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| sdk_error(GIVE, error))?;
            let row = number(&item, "line").zip(string(&item, "reason"));
            let (line, reason) = row.ok_or_else(|| unreadable(GIVE, "a failure lacks an attribute"))?;
            failed.push(FailedRow { line, reason });
        }
        Ok(failed)
    }

    async fn summary(&self, import: &str) -> Result<Option<Summary>, RecordsError> {
        let Some(item) = self.get((import_key(import), SUMMARY.to_owned())).await? else { return Ok(None) };
        let count =
            |name| number(&item, name).ok_or_else(|| unreadable(GIVE, "a summary lacks an attribute"));
        let (rows, loaded, failed) = (count("rows")?, count("loaded")?, count("failed")?);
        Ok(Some(Summary { rows, loaded, failed, failed_batches: count("failed_batches")? }))
    }
}

fn request(entry: &Entry) -> Result<WriteRequest, RecordsError> {
    let (pk, sk) = entry.key();
    let put = PutRequest::builder().item("pk", text(pk)).item("sk", text(sk));
    let put = match entry {
        Entry::Row(row) => put
            .item("line", count(row.line))
            .item("customer", text(&row.customer))
            .item("email", text(&row.email))
            .item("amount_cents", AttributeValue::N(row.amount_cents.to_string()))
            .item("currency", text(&row.currency))
            .item("ordered_at", text(&row.ordered_at)),
        Entry::Failed { row, .. } => put.item("line", count(row.line)).item("reason", text(&row.reason)),
        Entry::Summary { summary, .. } => put
            .item("rows", count(summary.rows))
            .item("loaded", count(summary.loaded))
            .item("failed", count(summary.failed))
            .item("failed_batches", count(summary.failed_batches)),
    };
    let put = put.build().map_err(|error| unreadable(TAKE, &error.to_string()))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

fn read_row(id: &str, item: &Item) -> Option<Row> {
    Some(Row {
        line: number(item, "line")?,
        id: id.to_owned(),
        customer: string(item, "customer")?,
        email: string(item, "email")?,
        amount_cents: number(item, "amount_cents")?,
        currency: string(item, "currency")?,
        ordered_at: string(item, "ordered_at")?,
    })
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn count(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn string(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn unreadable(what: &'static str, why: &str) -> RecordsError {
    RecordsError { what, why: why.chars().take(300).collect() }
}

fn sdk_error<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
    error: SdkError<E>,
) -> RecordsError {
    unreadable(what, &DisplayErrorContext(&error).to_string())
}
