//! How a record and a run item lie in DynamoDB.
//!
//! | attribute | type | record | run item |
//! |---|---|---|---|
//! | `pk`, `sk` | S | `R#<workflow>/<name>#<nonce>`, `T#<branch>#<seq>` | `R#<workflow>/<name>`, `RUN` |
//! | `v` | N | the item's version | the same |
//! | `expires` | N | seconds since the epoch; the table's TTL | the same |
//! | `w` | S | the id of the message that wrote it | – |
//! | `oj`, `oz`, `ob` | B, B, S | the outcome: as JSON, as zstd, in a blob | – |
//! | `xj`, `xz`, `xb` | B, B, S | of the last record of a branch: what the branch ended with | – |
//! | `os`, `oe` | N | of the first record of a branch: when it was started, and the number of events before it | – |
//! | `q`, `g`, `s`, `f` | N | queued, received, started, finished, in ms | – |
//! | `c` | N | how often its message had been received | – |
//! | `rq` | S | Lambda's request id | – |
//! | `h` | S | the digest of the position that it led to | – |
//! | `m` | N | the engine's semantics number | – |
//! | `n`, `d`, `st`, `r` | S, S, S, N | – | nonce, definition, status, redrive count |
//! | `rg`, `ac`, `ro` | S | – | region, account, role |
//! | `t0`, `t1` | N | – | started, ended, in ms |
//! | `ij`, `iz`, `ib`; `ih` | B, B, S; S | – | the input where it is small; its digest |
//! | `ej`, `ez`, `eb`; `er` | B, B, S; S | – | the ending where it is small; the error's name |
//! | `es` | S | – | the state in which it ended badly |
//! | `by`, `pr` | S | – | the message that stopped or redrove it; why a message of it was parked |
//! | `pa` | S | – | the task of another run that waits for its end, as JSON |
//! | `vn`, `al` | N, S | – | the version and the alias of the workflow that it was started with |
//! | `tn` | S | – | whose it is: the group of its messages |
//! | `rs` | S | – | its last redrives: of each the beginning of its message's id, and when it was, in ms |
//! | `lp`, `ap` | S | – | its partition in the indexes `runs` and `attention` |
//!
//! Names are short because every item carries them and is billed for them.

use super::keys;
use crate::error::never;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use std::{collections::HashMap, str::FromStr};
use stepladder_engine::{Opening, Status};
use stepladder_protocol::{
    BlobRef, ITEM_VERSION, Payload, Record, RecordKey, Redefined, Redrive, RunId, RunItem, WorldResult,
};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";
pub(crate) const EXPIRES: &str = "expires";

/// The attribute names of a payload, one for each form.
#[derive(Debug, Clone, Copy)]
pub(super) struct PayloadNames {
    pub(super) json: &'static str,
    pub(super) zstd: &'static str,
    pub(super) blob: &'static str,
}

pub(super) const OUTCOME: PayloadNames = PayloadNames { json: "oj", zstd: "oz", blob: "ob" };
pub(super) const END: PayloadNames = PayloadNames { json: "xj", zstd: "xz", blob: "xb" };
pub(super) const INPUT: PayloadNames = PayloadNames { json: "ij", zstd: "iz", blob: "ib" };
pub(super) const ENDING: PayloadNames = PayloadNames { json: "ej", zstd: "ez", blob: "eb" };
/// The attribute that names the item of an ending that is too large for the run item.
pub(super) const ENDING_ITEM: &str = "en";
/// The attribute with the state in which a run ended badly.
pub(super) const ENDED_IN: &str = "es";
/// The attribute with the run's last redrives.
pub(super) const REDRIVES: &str = "rs";
/// Of a run item: the redrives that took another definition.
pub(super) const REDEFINED: &str = "ds";
pub(super) const DATA: PayloadNames = PayloadNames { json: "pj", zstd: "pz", blob: "pb" };

/// A payload's attribute: its name says the form.
pub(super) fn payload_attribute(names: PayloadNames, payload: &Payload) -> (&'static str, AttributeValue) {
    match payload {
        Payload::Json(bytes) => (names.json, AttributeValue::B(Blob::new(bytes.clone()))),
        Payload::Zstd(bytes) => (names.zstd, AttributeValue::B(Blob::new(bytes.clone()))),
        Payload::Blob(blob) => (names.blob, AttributeValue::S(format!("{}/{}", blob.sha256, blob.bytes))),
    }
}

/// An item in the making.
pub(super) struct Writer(pub(super) Item);

impl Writer {
    pub(super) fn new(pk: String, sk: impl Into<String>, version: u32) -> Self {
        let mut writer = Self(HashMap::with_capacity(24));
        writer.string(PK, pk);
        writer.string(SK, sk);
        writer.number("v", i64::from(version));
        writer
    }

    pub(super) fn string(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), AttributeValue::S(value.into()));
    }

    pub(super) fn number(&mut self, name: &str, value: i64) {
        self.0.insert(name.to_owned(), AttributeValue::N(value.to_string()));
    }

    pub(super) fn payload(&mut self, names: PayloadNames, payload: &Payload) {
        let (name, value) = payload_attribute(names, payload);
        self.0.insert(name.to_owned(), value);
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.0.insert(name.to_owned(), AttributeValue::B(Blob::new(bytes)));
    }

    pub(super) fn optional_string(&mut self, name: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    pub(super) fn optional_number(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }
}

/// An item that came from the table. Its version has been looked at: a newer one than this code writes is refused,
/// because a field that this code doesn't know may change what the others mean.
pub(super) struct Reader {
    operation: String,
    item: Item,
    version: u32,
}

impl Reader {
    pub(super) fn new(operation: String, item: Item) -> WorldResult<Self> {
        let mut reader = Self { operation, item, version: 0 };
        reader.version = reader.number("v")?;
        if reader.version > ITEM_VERSION {
            let message = format!(
                "the item is of version {}, and this program reads versions up to {ITEM_VERSION}: it was written by a \
                 newer one",
                reader.version
            );
            return Err(never(reader.operation, message));
        }
        Ok(reader)
    }

    pub(super) fn string(&mut self, name: &str) -> WorldResult<String> {
        self.optional_string(name)?.ok_or_else(|| self.damaged(name, "is missing"))
    }

    pub(super) fn optional_string(&mut self, name: &str) -> WorldResult<Option<String>> {
        match self.item.remove(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.damaged(name, "is not a string")),
        }
    }

    fn number<T: FromStr>(&mut self, name: &str) -> WorldResult<T> {
        self.optional_number(name)?.ok_or_else(|| self.damaged(name, "is missing"))
    }

    pub(super) fn optional_number<T: FromStr>(&mut self, name: &str) -> WorldResult<Option<T>> {
        match self.item.remove(name) {
            None => Ok(None),
            Some(AttributeValue::N(digits)) => match digits.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.damaged(name, "is out of range")),
            },
            Some(_) => Err(self.damaged(name, "is not a number")),
        }
    }

    pub(super) fn optional_bytes(&mut self, name: &str) -> WorldResult<Option<Vec<u8>>> {
        match self.item.remove(name) {
            None => Ok(None),
            Some(AttributeValue::B(blob)) => Ok(Some(blob.into_inner())),
            Some(_) => Err(self.damaged(name, "is not binary")),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.item.remove(name) == Some(AttributeValue::Bool(true))
    }

    pub(super) fn payload(&mut self, names: PayloadNames) -> WorldResult<Option<Payload>> {
        if let Some(bytes) = self.optional_bytes(names.json)? {
            return Ok(Some(Payload::Json(bytes)));
        }
        if let Some(bytes) = self.optional_bytes(names.zstd)? {
            return Ok(Some(Payload::Zstd(bytes)));
        }
        let Some(reference) = self.optional_string(names.blob)? else {
            return Ok(None);
        };
        let (sha256, bytes) = reference
            .split_once('/')
            .and_then(|(sha256, bytes)| Some((sha256.to_owned(), bytes.parse().ok()?)))
            .ok_or_else(|| self.damaged(names.blob, "is no reference to a blob"))?;
        Ok(Some(Payload::Blob(BlobRef { sha256, bytes })))
    }

    pub(super) fn damaged(&self, name: &str, fault: &str) -> stepladder_protocol::WorldError {
        never(self.operation.clone(), format!("the item is damaged: its attribute {name:?} {fault}"))
    }
}

/// `pk` is the partition of its branch.
pub(super) fn write_record(pk: String, key: &RecordKey, record: &Record) -> Item {
    let mut writer = Writer::new(pk, keys::record_sk(key), record.version);
    writer.string("w", &record.owner);
    writer.payload(OUTCOME, &record.outcome);
    if let Some(end) = &record.end {
        writer.payload(END, end);
    }
    if let Some(Opening { started_ms, events }) = record.opening {
        writer.number("os", started_ms);
        writer.number("oe", i64::try_from(events).unwrap_or(i64::MAX));
    }
    writer.optional_number("q", record.queued_ms);
    writer.optional_number("g", record.received_ms);
    writer.optional_number("s", record.started_ms);
    writer.number("f", record.finished_ms);
    writer.number("c", i64::from(record.receive_count));
    writer.optional_string("rq", record.request_id.as_ref());
    writer.string("h", &record.digest);
    writer.number("m", i64::from(record.semantics));
    writer.number(EXPIRES, record.expires_s);
    writer.0
}

pub(super) fn read_record(operation: String, item: Item) -> WorldResult<Record> {
    let mut reader = Reader::new(operation, item)?;
    let sk = reader.string(SK)?;
    let seq = keys::seq_of_sk(&sk).ok_or_else(|| reader.damaged(SK, "has no number at its end"))?;
    let opening = match (reader.optional_number("os")?, reader.optional_number("oe")?) {
        (Some(started_ms), Some(events)) => Some(Opening { started_ms, events }),
        _ => None,
    };
    Ok(Record {
        version: reader.version,
        opening,
        end: reader.payload(END)?,
        seq,
        owner: reader.string("w")?,
        outcome: reader.payload(OUTCOME)?.ok_or_else(|| reader.damaged(OUTCOME.json, "is missing"))?,
        queued_ms: reader.optional_number("q")?,
        received_ms: reader.optional_number("g")?,
        started_ms: reader.optional_number("s")?,
        finished_ms: reader.number("f")?,
        receive_count: reader.number("c")?,
        request_id: reader.optional_string("rq")?,
        digest: reader.string("h")?,
        semantics: reader.number("m")?,
        expires_s: reader.number(EXPIRES)?,
    })
}

pub(super) fn write_run(run: &RunItem) -> Item {
    let mut writer = Writer::new(keys::run_pk(&run.id), keys::RUN_SK, run.version);
    writer.string("n", &run.nonce);
    writer.string("d", &run.definition);
    writer.string("st", run.status.as_str());
    writer.number("r", i64::from(run.redrive_count));
    writer.string("rg", &run.region);
    writer.string("ac", &run.account);
    writer.string("ro", &run.role_arn);
    writer.number("t0", run.started_ms);
    writer.optional_number("t1", run.ended_ms);
    if let Some(input) = &run.input {
        writer.payload(INPUT, input);
    }
    writer.string("ih", &run.input_digest);
    if let Some(ending) = &run.ending {
        writer.payload(ENDING, ending);
    }
    writer.optional_string(ENDING_ITEM, run.ending_item.as_ref());
    writer.optional_string("er", run.error.as_ref());
    writer.optional_string(ENDED_IN, run.state.as_ref());
    writer.optional_string("by", run.by.as_ref());
    writer
        .optional_string(REDRIVES, (!run.redrives.is_empty()).then(|| redrives_text(&run.redrives)).as_ref());
    writer.optional_string(
        REDEFINED,
        (!run.redefined.is_empty()).then(|| redefined_text(&run.redefined)).as_ref(),
    );
    if let Some(rerun_of) = run.rerun_of.as_ref().and_then(|run| serde_json::to_string(run).ok()) {
        writer.string("ru", rerun_of);
    }
    writer.optional_string("ba", run.begins_at.as_ref());
    writer.optional_string("pr", run.parked.as_ref());
    if let Some(parent) = run.parent.as_ref().and_then(|parent| serde_json::to_string(parent).ok()) {
        writer.string("pa", parent);
    }
    writer.optional_number("vn", run.workflow_version.map(i64::from));
    writer.optional_string("al", run.alias.as_ref());
    writer.optional_string("tn", run.tenant.as_ref());
    writer.string("lp", keys::list_pk(&run.id));
    writer.optional_string("ap", keys::attention_pk(&run.id, run.status).as_ref());
    writer.number(EXPIRES, run.expires_s);
    writer.0
}

/// `<beginning of an id>.<ms>`, separated by spaces.
pub(super) fn redrives_text(redrives: &[Redrive]) -> String {
    let each = redrives.iter().map(|redrive| format!("{}.{}", redrive.by, redrive.at_ms));
    each.collect::<Vec<String>>().join(" ")
}

fn redrives_of(text: &str) -> Option<Vec<Redrive>> {
    let one = |one: &str| {
        let (by, at_ms) = one.split_once('.')?;
        Some(Redrive { by: by.to_owned(), at_ms: at_ms.parse().ok()? })
    };
    text.split(' ').map(one).collect()
}

/// `<redrive count>.<hash>`, separated by spaces.
pub(super) fn redefined_text(redefined: &[Redefined]) -> String {
    let each = redefined.iter().map(|each| format!("{}.{}", each.redrive_count, each.definition));
    each.collect::<Vec<String>>().join(" ")
}

fn redefined_of(text: &str) -> Option<Vec<Redefined>> {
    let one = |one: &str| {
        let (redrive_count, definition) = one.split_once('.')?;
        Some(Redefined { redrive_count: redrive_count.parse().ok()?, definition: definition.to_owned() })
    };
    text.split(' ').map(one).collect()
}

pub(super) fn read_run(operation: String, id: &RunId, item: Item) -> WorldResult<RunItem> {
    let mut reader = Reader::new(operation, item)?;
    let status = reader.string("st")?;
    let status = Status::ALL
        .into_iter()
        .find(|known| known.as_str() == status)
        .ok_or_else(|| reader.damaged("st", "is no status"))?;
    Ok(RunItem {
        version: reader.version,
        id: id.clone(),
        nonce: reader.string("n")?,
        definition: reader.string("d")?,
        status,
        redrive_count: reader.number("r")?,
        region: reader.string("rg")?,
        account: reader.string("ac")?,
        role_arn: reader.string("ro")?,
        started_ms: reader.number("t0")?,
        ended_ms: reader.optional_number("t1")?,
        input: reader.payload(INPUT)?,
        input_digest: reader.string("ih")?,
        ending: reader.payload(ENDING)?,
        ending_item: reader.optional_string(ENDING_ITEM)?,
        error: reader.optional_string("er")?,
        state: reader.optional_string(ENDED_IN)?,
        by: reader.optional_string("by")?,
        redrives: match reader.optional_string(REDRIVES)? {
            Some(text) => {
                redrives_of(&text).ok_or_else(|| reader.damaged(REDRIVES, "is no list of redrives"))?
            }
            None => Vec::new(),
        },
        redefined: match reader.optional_string(REDEFINED)? {
            Some(text) => {
                redefined_of(&text).ok_or_else(|| reader.damaged(REDEFINED, "is no list of definitions"))?
            }
            None => Vec::new(),
        },
        rerun_of: match reader.optional_string("ru")? {
            Some(run) => Some(serde_json::from_str(&run).map_err(|_| reader.damaged("ru", "names no run"))?),
            None => None,
        },
        begins_at: reader.optional_string("ba")?,
        parked: reader.optional_string("pr")?,
        parent: match reader.optional_string("pa")? {
            Some(parent) => {
                Some(serde_json::from_str(&parent).map_err(|_| reader.damaged("pa", "names no task"))?)
            }
            None => None,
        },
        expires_s: reader.number(EXPIRES)?,
        workflow_version: reader.optional_number("vn")?,
        alias: reader.optional_string("al")?,
        tenant: reader.optional_string("tn")?,
    })
}
