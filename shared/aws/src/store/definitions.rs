//! Definitions, compressed, under their hash; what new runs take; and the names of all workflows.

use super::{
    DynamoStore,
    item::{Item, PK, Reader, SK, Writer},
    keys,
};
use crate::{
    error::{never, world_error},
    limits::DEFINITION_BYTES_MAX,
};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use std::io::Read;
use stepladder_protocol::{ITEM_VERSION, WorldResult};

/// The attribute that holds the compressed text.
const TEXT: &str = "z";
/// The attribute that holds the hash of the current definition.
const HASH: &str = "d";

impl DynamoStore {
    pub(super) async fn write_definition(&self, workflow: &str, hash: &str, text: &str) -> WorldResult<()> {
        let item = item_of(workflow, hash, text)?;
        self.put(format!("put definition {hash} of {workflow}"), item).await
    }

    pub(super) async fn read_definition(&self, workflow: &str, hash: &str) -> WorldResult<Option<String>> {
        let operation = format!("read definition {hash} of {workflow}");
        let found =
            self.get(operation.clone(), keys::workflow_pk(workflow), keys::definition_sk(hash)).await?;
        found.map(|found| text_of(operation, found)).transpose()
    }

    /// Both items in one transaction: a workflow that has a current definition is in the list.
    pub(super) async fn write_current(&self, workflow: &str, hash: &str) -> WorldResult<()> {
        let operation = format!("make definition {hash} the current one of {workflow}");
        let mut current = Writer::new(keys::workflow_pk(workflow), keys::CURRENT_SK, ITEM_VERSION);
        current.string(HASH, hash);
        let listed = Writer::new(keys::WORKFLOWS_PK.to_owned(), workflow, ITEM_VERSION);
        let mut transaction =
            self.client.transact_write_items().set_return_consumed_capacity(self.capacity.clone());
        for item in [current.0, listed.0] {
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item))
                .build()
                .map_err(|error| never(operation.clone(), error.to_string()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        transaction.send().await.map(|_| ()).map_err(|error| match super::cancellation(&error) {
            Some(super::Cancellation::Transient(reasons)) => crate::error::cancelled(operation, &reasons),
            _ => world_error(operation, &error),
        })
    }

    pub(super) async fn read_current(&self, workflow: &str) -> WorldResult<Option<String>> {
        let operation = format!("read the current definition of {workflow}");
        let sk = keys::CURRENT_SK.to_owned();
        let Some(found) = self.get(operation.clone(), keys::workflow_pk(workflow), sk).await? else {
            return Ok(None);
        };
        Reader::new(operation, found)?.string(HASH).map(Some)
    }

    pub(super) async fn list_workflows(&self) -> WorldResult<Vec<String>> {
        let operation = "list the workflows".to_owned();
        let mut names = Vec::new();
        let mut from = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression(format!("{PK} = :pk"))
                .expression_attribute_values(":pk", AttributeValue::S(keys::WORKFLOWS_PK.to_owned()))
                .set_exclusive_start_key(from)
                .set_return_consumed_capacity(self.capacity.clone())
                .send()
                .await
                .map_err(|error| world_error(operation.clone(), &error))?;
            for item in page.items.unwrap_or_default() {
                names.push(Reader::new(operation.clone(), item)?.string(SK)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(names);
            }
        }
    }
}

/// How a definition lies in the table.
pub(super) fn item_of(workflow: &str, hash: &str, text: &str) -> WorldResult<Item> {
    let operation = || format!("put definition {hash} of {workflow}");
    if text.len() > DEFINITION_BYTES_MAX {
        return Err(never(operation(), format!("it is larger than {DEFINITION_BYTES_MAX} bytes")));
    }
    let compressed = zstd::bulk::compress(text.as_bytes(), COMPRESSION_LEVEL)
        .map_err(|error| never(operation(), error.to_string()))?;
    let mut writer = Writer::new(keys::workflow_pk(workflow), keys::definition_sk(hash), ITEM_VERSION);
    writer.bytes(TEXT, compressed);
    Ok(writer.0)
}

/// The definition that an item holds.
pub(super) fn text_of(operation: String, item: Item) -> WorldResult<String> {
    let mut reader = Reader::new(operation, item)?;
    let bytes = reader.optional_bytes(TEXT)?.ok_or_else(|| reader.damaged(TEXT, "is missing"))?;
    decompress(&bytes).ok_or_else(|| reader.damaged(TEXT, "is no compressed definition"))
}

/// A definition is written once and read for ever.
const COMPRESSION_LEVEL: i32 = 19;

fn decompress(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let limit = u64::try_from(DEFINITION_BYTES_MAX).ok()?;
    let mut bounded = zstd::stream::read::Decoder::new(bytes).ok()?.take(limit + 1);
    bounded.read_to_string(&mut text).ok()?;
    (text.len() <= DEFINITION_BYTES_MAX).then_some(text)
}
