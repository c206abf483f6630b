//! What a message holds, and how it lies in a queue.

use crate::{
    item::{RunId, RunKey},
    json,
    limits::MESSAGE_BYTES_MAX,
    payload::{self, BlobRef},
    traits::{Blobs, WorldResult},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use stepladder_engine::{Outcome, Position, Run};

/// The version that this code writes. Older ones are read for ever; newer ones are handed back.
pub const MESSAGE_VERSION: u32 = 1;

/// A message of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    #[serde(rename = "v")]
    pub version: u32,
    /// 32 random hex digits, in the body: a redrive of the queue or a repeated send keeps it.
    pub id: String,
    /// The run, with its redrive count.
    pub run: Run,
    pub ask: Ask,
    /// Where the position's data lies, if it is too large for the message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<BlobRef>,
    /// Where the run's input lies, if the definition mentions it and it is too large for the message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<BlobRef>,
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Run the position's step.
    Step(Position),
    /// The position's time has come.
    Timer(Position),
    /// Record this outcome of the position.
    Outcome(Position, Outcome),
    /// Stop the run.
    Stop {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
    },
    /// Send the run on from where it ended.
    Redrive,
    /// Look whether the run waits for a message that is lost.
    Look,
}

impl Ask {
    pub fn position(&self) -> Option<&Position> {
        match self {
            Ask::Step(position) | Ask::Timer(position) | Ask::Outcome(position, _) => Some(position),
            Ask::Stop { .. } | Ask::Redrive | Ask::Look => None,
        }
    }

    fn position_mut(&mut self) -> Option<&mut Position> {
        match self {
            Ask::Step(position) | Ask::Timer(position) | Ask::Outcome(position, _) => Some(position),
            Ask::Stop { .. } | Ask::Redrive | Ask::Look => None,
        }
    }
}

/// Why a body isn't a message that this code can handle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the message can't be read: {0}")]
    Broken(String),
    #[error(
        "the message has version {version}, and this function knows up to {MESSAGE_VERSION}: deploy the newer one"
    )]
    Newer { version: u32 },
}

/// What stands before a body that is not plain JSON: base64 of zstd of JSON.
const COMPRESSED_PREFIX: &str = "zstd:";

impl Message {
    pub fn new(id: u128, run: Run, ask: Ask) -> Self {
        Self { version: MESSAGE_VERSION, id: format!("{id:032x}"), run, ask, data: None, input: None }
    }

    /// The body. Data that is too large for it is put into the blob store first. `bytes_max` is what a receiver unpacks.
    pub(crate) async fn encode(&self, blobs: &impl Blobs, bytes_max: usize) -> WorldResult<String> {
        let body = ascii(self)?;
        if body.len() <= MESSAGE_BYTES_MAX {
            return Ok(body);
        }
        if body.len() <= bytes_max {
            let compressed =
                format!("{COMPRESSED_PREFIX}{}", STANDARD.encode(payload::compress(body.as_bytes())?));
            if compressed.len() <= MESSAGE_BYTES_MAX {
                return Ok(compressed);
            }
        }
        let key = RunKey::of(&self.run);
        let mut slim = self.clone();
        if let Some(position) = slim.ask.position_mut() {
            slim.data = Some(put_value(blobs, &key, &std::mem::take(&mut position.data)).await?);
        }
        if let Some(input) = slim.run.input.take() {
            slim.input = Some(put_value(blobs, &key, &input).await?);
        }
        ascii(&slim)
    }

    /// Reads a body. What lies in the blob store stays there until [`Message::fetch`].
    pub(crate) fn decode(body: &str, bytes_max: usize) -> Result<Self, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let broken = |error: serde_json::Error| Unreadable::Broken(json::fault(&error));
        let text = unpacked(body, bytes_max)?;
        let Version { v: version } = serde_json::from_slice(&text).map_err(broken)?;
        if version > MESSAGE_VERSION {
            return Err(Unreadable::Newer { version });
        }
        serde_json::from_slice(&text).map_err(broken)
    }

    /// The run that a body speaks of, also if its version is unknown.
    pub(crate) fn run_of(body: &str, bytes_max: usize) -> Option<RunKey> {
        let body: Value = serde_json::from_slice(&unpacked(body, bytes_max).ok()?).ok()?;
        let run = body.get("run")?;
        let text = |name: &str| run.get(name)?.as_str().map(str::to_owned);
        Some(RunKey { id: RunId::new(text("workflow")?, text("name")?), nonce: text("nonce")? })
    }

    /// Gets what lies in the blob store.
    pub(crate) async fn fetch(&mut self, blobs: &impl Blobs, bytes_max: usize) -> WorldResult<()> {
        let key = RunKey::of(&self.run);
        if let Some(blob) = self.data.take() {
            let data = get_value(blobs, &key, &blob, bytes_max).await?;
            if let Some(position) = self.ask.position_mut() {
                position.data = data;
            }
        }
        if let Some(blob) = self.input.take() {
            self.run.input = Some(get_value(blobs, &key, &blob, bytes_max).await?);
        }
        Ok(())
    }
}

/// A body's JSON text.
fn unpacked(body: &str, bytes_max: usize) -> Result<Cow<'_, [u8]>, Unreadable> {
    let Some(base64) = body.strip_prefix(COMPRESSED_PREFIX) else {
        return Ok(Cow::Borrowed(body.as_bytes()));
    };
    let bytes = STANDARD
        .decode(base64)
        .map_err(|_| Unreadable::Broken(format!("what follows {COMPRESSED_PREFIX} is not base64")))?;
    payload::decompress(&bytes, bytes_max)
        .map(Cow::Owned)
        .map_err(|error| Unreadable::Broken(error.to_string()))
}

fn ascii(message: &Message) -> WorldResult<String> {
    json::to_ascii(message).map_err(|error| payload::unreadable("encode a message", &error.to_string()))
}

async fn put_value(blobs: &impl Blobs, run: &RunKey, value: &Value) -> WorldResult<BlobRef> {
    let json = serde_json::to_vec(value)
        .map_err(|error| payload::unreadable("encode a payload", &error.to_string()))?;
    let compressed = payload::compress(&json)?;
    payload::store_blob(blobs, run, &json, compressed).await
}

async fn get_value(blobs: &impl Blobs, run: &RunKey, blob: &BlobRef, bytes_max: usize) -> WorldResult<Value> {
    let json = payload::load_blob(blobs, run, blob, bytes_max).await?;
    serde_json::from_slice(&json).map_err(|error| payload::unreadable("read a payload", &json::fault(&error)))
}

#[cfg(test)]
#[path = "message_test.rs"]
mod tests;

#[cfg(test)]
#[path = "message_fuzz_test.rs"]
mod fuzz;
