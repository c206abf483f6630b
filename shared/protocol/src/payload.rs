//! Payloads and where they lie: in the item, compressed in the item, or in the blob store.

use crate::{
    item::RunKey,
    limits::ITEM_PAYLOAD_BYTES_MAX,
    traits::{Blobs, Retry, WorldError, WorldResult},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// JSON text in one of three forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The text itself.
    Json(Vec<u8>),
    /// The text, compressed with zstd.
    Zstd(Vec<u8>),
    /// In the blob store, compressed with zstd.
    Blob(BlobRef),
}

/// A payload in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// The SHA-256 of the JSON text, as hex digits.
    pub sha256: String,
    /// The JSON text's size.
    pub bytes: u64,
}

impl BlobRef {
    /// `runs/<workflow>/<name>/<nonce>/<sha256>`: a run's data can be deleted with it.
    pub fn key(&self, run: &RunKey) -> String {
        format!("runs/{}/{}/{}/{}", run.id.workflow, run.id.name, run.nonce, self.sha256)
    }
}

impl Payload {
    /// The bytes that it takes in its item.
    pub fn item_bytes(&self) -> usize {
        match self {
            Payload::Json(bytes) | Payload::Zstd(bytes) => bytes.len(),
            Payload::Blob(blob) => blob.sha256.len() + 24,
        }
    }
}

/// Stores JSON text in the cheapest form: as it is up to `plain_bytes_max`, compressed in the item up to
/// [`ITEM_PAYLOAD_BYTES_MAX`], else in the blob store. What goes to the blob store has been put when this returns.
pub(crate) async fn store(
    blobs: &impl Blobs,
    run: &RunKey,
    json: Vec<u8>,
    plain_bytes_max: usize,
) -> WorldResult<Payload> {
    if json.len() <= plain_bytes_max {
        return Ok(Payload::Json(json));
    }
    let compressed = compress(&json)?;
    if compressed.len() <= ITEM_PAYLOAD_BYTES_MAX {
        // Text that doesn't shrink stays readable.
        return Ok(if compressed.len() < json.len() {
            Payload::Zstd(compressed)
        } else {
            Payload::Json(json)
        });
    }
    Ok(Payload::Blob(store_blob(blobs, run, &json, compressed).await?))
}

/// Puts JSON text into the blob store. Always, also if it is there: so its age is renewed.
pub(crate) async fn store_blob(
    blobs: &impl Blobs,
    run: &RunKey,
    json: &[u8],
    compressed: Vec<u8>,
) -> WorldResult<BlobRef> {
    let blob = BlobRef { sha256: hex(&Sha256::digest(json)), bytes: json.len() as u64 };
    blobs.put(&blob.key(run), compressed).await?;
    Ok(blob)
}

/// The JSON text of a payload. `bytes_max` bounds what is read and what is decompressed.
pub(crate) async fn load(
    blobs: &impl Blobs,
    run: &RunKey,
    payload: &Payload,
    bytes_max: usize,
) -> WorldResult<Vec<u8>> {
    match payload {
        Payload::Json(bytes) => Ok(bytes.clone()),
        Payload::Zstd(bytes) => decompress(bytes, bytes_max),
        Payload::Blob(blob) => load_blob(blobs, run, blob, bytes_max).await,
    }
}

pub(crate) async fn load_blob(
    blobs: &impl Blobs,
    run: &RunKey,
    blob: &BlobRef,
    bytes_max: usize,
) -> WorldResult<Vec<u8>> {
    let key = blob.key(run);
    let Some(bytes) = blobs.get(&key, bytes_max).await? else {
        return Err(unreadable(&format!("get blob {key}"), "it is not there: deleted, or expired"));
    };
    decompress(&bytes, bytes_max)
}

pub(crate) fn compress(bytes: &[u8]) -> WorldResult<Vec<u8>> {
    zstd::bulk::compress(bytes, 3).map_err(|error| unreadable("compress a payload", &error.to_string()))
}

pub(crate) fn decompress(bytes: &[u8], bytes_max: usize) -> WorldResult<Vec<u8>> {
    use std::io::Read;
    let broken = |error: std::io::Error| unreadable("decompress a payload", &error.to_string());
    let mut text = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    zstd::stream::read::Decoder::new(bytes)
        .map_err(broken)?
        .take(limit)
        .read_to_end(&mut text)
        .map_err(broken)?;
    if text.len() > bytes_max {
        return Err(unreadable("decompress a payload", &format!("it is larger than {bytes_max} bytes")));
    }
    Ok(text)
}

pub(crate) fn unreadable(operation: &str, message: &str) -> WorldError {
    WorldError { operation: operation.to_owned(), message: message.to_owned(), retry: Retry::Never }
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
