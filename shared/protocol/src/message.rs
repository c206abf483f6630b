//! What a message holds, and how it lies in a queue.

use crate::{
    item::{RecordKey, RunId, RunKey},
    json,
    limits::MESSAGE_BYTES_MAX,
    pace::Pace,
    payload::{self, BlobRef},
    redrive::Choice,
    tasks::TaskAnswer,
    traits::{Blobs, WorldResult},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use stepladder_engine::{Branch, FanOut, MapItem, Outcome, Position, Run, Status};

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
    /// The fan-outs that its branch stands in, outermost first: one for each fork of the branch.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub enclosing: Vec<Enclosing>,
    /// How it waits for a slot, if its step has a rate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pace: Option<Pace>,
    /// Where the position's data lies, if it is too large for the message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<BlobRef>,
    /// Where the position's variables and Map item lie, if they are too large for the message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub around: Option<BlobRef>,
    /// Where the run's input lies, if the definition mentions it and it is too large for the message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input: Option<BlobRef>,
}

/// What the end of a branch needs to know of the fan-out that the branch belongs to: so it needn't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosing {
    #[serde(flatten)]
    pub fan_out: FanOut,
    /// The number of events on the branch's path before it.
    pub events: u64,
}

/// The lock of a position: what a message has that doesn't carry the position itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    #[serde(skip_serializing_if = "Branch::is_root", default)]
    pub branch: Branch,
    pub seq: u32,
}

impl Lock {
    pub fn of(position: &Position) -> Self {
        Self { branch: position.branch.clone(), seq: position.seq }
    }

    pub fn key(&self, run: &RunKey) -> RecordKey {
        RecordKey { run: run.clone(), branch: self.branch.clone(), seq: self.seq }
    }
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
    /// The task of the position has an answer, or gets this one: record what it comes to where the branch is now.
    Answered(Position, #[serde(default)] Option<Given>),
    /// The time has passed in which a worker was to take the activity's task of the position.
    Untaken(Position),
    /// Look whether the run that the position waits for has ended; if it hasn't, look again after so many seconds.
    Child(Position, u32),
    /// Start those branches of one part with which the fan-out begins. The position that waits for it lies in the table.
    Open {
        fan_out: Lock,
        part: u32,
        /// It is the fan-out of items that were read.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        is_read: bool,
    },
    /// Start those of so many parts, from `first` on: by a message for each of them, or by several of these.
    OpenParts {
        fan_out: Lock,
        first: u32,
        parts: u32,
        /// As in [`Ask::Open`].
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        is_read: bool,
    },
    /// All branches below this node of a fan-out have ended: gather what they have come to, and tell the node above. The node
    /// is one of those that parts report to.
    Gather { fan_out: Lock, node: u32 },
    /// Nobody waits for the branches of these parts any more, so many from `first` on. The record that says so is there.
    StopParts { fan_out: Lock, first: u32, parts: u32 },
    /// All branches of this fan-out have ended, or more than are tolerated have failed: record it.
    Join(Lock),
    /// This fan-out is to be updated: look whether all of its branches have ended that have begun. `marks`: it is the first look,
    /// after which none begins any more.
    Drain {
        fan_out: Lock,
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        marks: bool,
    },
    /// All branches of this fan-out have ended that had begun, and it is to be updated: record what is left.
    Update(Lock),
    /// The run's TimeoutSeconds passed in one of its branches: end the run.
    TimeOut,
    /// Stop the run.
    Stop {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cause: Option<String>,
    },
    /// Stop what the run is at, and go on to a state of its definition that undoes.
    Compensate { state: String },
    /// Send the run on from where it ended.
    Redrive,
    /// Send the run on as somebody has chosen.
    RedriveFrom(Box<Choice>),
    /// Look whether the run waits for a message that is lost.
    Look,
    /// The run has ended: tell the task of another run that waits for it.
    Parent,
    /// Tell those who want to know that the run has ended.
    Status(StatusChange),
}

impl Ask {
    /// The position that it carries.
    pub fn position(&self) -> Option<&Position> {
        match self {
            Ask::Step(position)
            | Ask::Timer(position)
            | Ask::Outcome(position, _)
            | Ask::Answered(position, _)
            | Ask::Untaken(position)
            | Ask::Child(position, _) => Some(position),
            Ask::Open { .. }
            | Ask::OpenParts { .. }
            | Ask::Gather { .. }
            | Ask::StopParts { .. }
            | Ask::Join(_)
            | Ask::Drain { .. }
            | Ask::Update(_)
            | Ask::TimeOut
            | Ask::Stop { .. }
            | Ask::Compensate { .. }
            | Ask::Redrive
            | Ask::RedriveFrom(_)
            | Ask::Look
            | Ask::Parent
            | Ask::Status(_) => None,
        }
    }

    /// The lock of the position that it is about, carried or not.
    pub fn lock(&self) -> Option<Lock> {
        match self {
            Ask::Open { fan_out, .. }
            | Ask::OpenParts { fan_out, .. }
            | Ask::Gather { fan_out, .. }
            | Ask::Join(fan_out)
            | Ask::Drain { fan_out, .. }
            | Ask::Update(fan_out) => Some(fan_out.clone()),
            _ => self.position().map(Lock::of),
        }
    }

    fn position_mut(&mut self) -> Option<&mut Position> {
        match self {
            Ask::Step(position)
            | Ask::Timer(position)
            | Ask::Outcome(position, _)
            | Ask::Answered(position, _)
            | Ask::Untaken(position)
            | Ask::Child(position, _) => Some(position),
            Ask::Open { .. }
            | Ask::OpenParts { .. }
            | Ask::Gather { .. }
            | Ask::StopParts { .. }
            | Ask::Join(_)
            | Ask::Drain { .. }
            | Ask::Update(_)
            | Ask::TimeOut
            | Ask::Stop { .. }
            | Ask::Compensate { .. }
            | Ask::Redrive
            | Ask::RedriveFrom(_)
            | Ask::Look
            | Ask::Parent
            | Ask::Status(_) => None,
        }
    }
}

/// An answer on its way to its task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    Here(TaskAnswer),
    /// As JSON.
    Blob(BlobRef),
}

/// How a run has ended, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusChange {
    pub status: Status,
    /// Milliseconds since the epoch.
    pub stopped_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
}

/// What a position has around its data, where it lies in the blob store.
#[derive(Serialize, Deserialize)]
struct Around {
    variables: Map<String, Value>,
    map_item: Option<MapItem>,
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
    /// A message of the root branch.
    pub fn new(id: u128, run: Run, ask: Ask) -> Self {
        Self {
            version: MESSAGE_VERSION,
            id: format!("{id:032x}"),
            run,
            ask,
            enclosing: Vec::new(),
            pace: None,
            data: None,
            around: None,
            input: None,
        }
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
        let body = ascii(&slim)?;
        if body.len() <= MESSAGE_BYTES_MAX {
            return Ok(body);
        }
        if let Some(position) = slim.ask.position_mut() {
            let around = Around {
                variables: std::mem::take(&mut position.variables),
                map_item: position.map_item.take(),
            };
            let around = serde_json::to_value(around)
                .map_err(|error| payload::unreadable("encode a payload", &error.to_string()))?;
            slim.around = Some(put_value(blobs, &key, &around).await?);
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
        if let Some(blob) = self.around.take() {
            let around = get_value(blobs, &key, &blob, bytes_max).await?;
            let Around { variables, map_item } = serde_json::from_value(around)
                .map_err(|error| payload::unreadable("read a payload", &json::fault(&error)))?;
            if let Some(position) = self.ask.position_mut() {
                (position.variables, position.map_item) = (variables, map_item);
            }
        }
        if let Some(blob) = self.input.take() {
            self.run.input = Some(get_value(blobs, &key, &blob, bytes_max).await?);
        }
        Ok(())
    }
}

/// A body's JSON text.
pub(crate) fn unpacked(body: &str, bytes_max: usize) -> Result<Cow<'_, [u8]>, Unreadable> {
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
