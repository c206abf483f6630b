//! Definitions, compressed, under their hash.

use super::{
    DynamoStore,
    item::{Item, Reader, Writer},
    keys,
};
use crate::{error::never, limits::DEFINITION_BYTES_MAX};
use std::io::Read;
use stepladder_protocol::{ITEM_VERSION, WorldResult};

/// The attribute that holds the compressed text.
const TEXT: &str = "z";

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
