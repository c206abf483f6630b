//! Objects that were uploaded, as S3 tells of them in a message: each starts a run of every workflow that takes it.
//!
//! Both shapes are read: S3's own notifications
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>), and its events of
//! EventBridge (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>).

use crate::{limits, payload::hex, start::StartRequest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Whose uploads start runs of a workflow: objects of a bucket whose keys begin and end so. Empty texts are any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadRule {
    pub workflow: String,
    pub bucket: String,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub suffix: String,
}

impl UploadRule {
    fn takes(&self, object: &Uploaded) -> bool {
        let Uploaded { bucket, key, .. } = object;
        *bucket == self.bucket && key.starts_with(&self.prefix) && key.ends_with(&self.suffix)
    }
}

/// What a message of S3's asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Uploads {
    /// A start per object and workflow that takes it.
    pub(crate) starts: Vec<StartRequest>,
    /// Why one of its objects starts none: the first such.
    pub(crate) refused: Option<String>,
}

/// One object as it was uploaded.
#[derive(Debug, PartialEq)]
struct Uploaded {
    bucket: String,
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version: Option<String>,
    sequencer: Option<String>,
}

/// Whether a body is one of S3's messages.
pub(crate) fn is_notice(body: &Value) -> bool {
    let first = body.get("Records").and_then(|records| records.get(0));
    let is_record = first.and_then(|record| record.get("eventSource")).is_some_and(|of| of == "aws:s3");
    is_record || is_test(body) || is_event(body)
}

/// What S3 sends when a notification is set up, to see whether it may
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-enable-disable-notification-intro.html>).
fn is_test(body: &Value) -> bool {
    body.get("Event").is_some_and(|event| event == "s3:TestEvent")
}

fn is_event(body: &Value) -> bool {
    body.get("source").is_some_and(|source| source == "aws.s3") && body.get("detail").is_some()
}

/// What one of S3's messages asks for, by these rules. The test of a new notification asks for nothing.
pub(crate) fn read(body: &Value, rules: &[UploadRule]) -> Uploads {
    let mut uploads = Uploads::default();
    if is_test(body) {
        return uploads;
    }
    let records = match body.get("Records").and_then(Value::as_array) {
        Some(records) => records.iter().map(of_record).collect(),
        None => vec![of_event(body)],
    };
    for (at, record) in records.into_iter().enumerate() {
        let object = record.map_err(|why| format!("record {at} of S3's message can't be read: {why}"));
        match object.and_then(|object| object.starts(rules)) {
            Ok(starts) => uploads.starts.extend(starts),
            Err(why) => uploads.refused = uploads.refused.or(Some(why)),
        }
    }
    uploads
}

impl Uploaded {
    fn starts(&self, rules: &[UploadRule]) -> Result<Vec<StartRequest>, String> {
        let name = self.run_name();
        let start = |rule: &UploadRule| StartRequest {
            workflow: rule.workflow.clone(),
            name: name.clone(),
            input: self.input(),
        };
        let starts: Vec<StartRequest> = rules.iter().filter(|rule| rule.takes(self)).map(start).collect();
        if starts.is_empty() {
            return Err(format!("no workflow takes uploads like s3://{}/{}", self.bucket, self.key));
        }
        Ok(starts)
    }

    /// Nothing in it differs between two messages about the same upload.
    fn input(&self) -> Value {
        let optional = [
            ("size", self.size.map(Value::from)),
            ("etag", self.etag.clone().map(Value::from)),
            ("version_id", self.version.clone().map(Value::from)),
        ];
        let mut input = Map::new();
        input.insert("bucket".to_owned(), json!(self.bucket));
        input.insert("key".to_owned(), json!(self.key));
        input.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Value::Object(input)
    }

    /// The file's name, as far as a run can have it, and what makes this upload itself and no other: its version; without
    /// versions its content, and its place among the uploads of its key.
    fn run_name(&self) -> String {
        let itself = match &self.version {
            Some(version) => json!([self.bucket, self.key, version]),
            None => json!([self.bucket, self.key, self.etag, self.sequencer]),
        };
        let digest: String = hex(&Sha256::digest(itself.to_string())).chars().take(32).collect();
        let file = self.key.rsplit('/').next().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
        let file: String = file.chars().take(limits::UPLOAD_NAME_CHARS_MAX).map(plain).collect();
        if file.is_empty() { digest } else { format!("{file}-{digest}") }
    }
}

fn of_record(record: &Value) -> Result<Uploaded, String> {
    let event = text(record, "/eventName")?.ok_or("eventName is missing")?;
    if text(record, "/eventSource")?.as_deref() != Some("aws:s3") {
        return Err("its eventSource is not aws:s3".to_owned());
    }
    if !event.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Err(format!("{event} is no upload: the notification should have s3:ObjectCreated:* alone"));
    }
    let key = text(record, "/s3/object/key")?.ok_or("s3.object.key is missing")?;
    Uploaded {
        bucket: text(record, "/s3/bucket/name")?.ok_or("s3.bucket.name is missing")?,
        key: decoded(&key).ok_or("s3.object.key isn't URL-encoded UTF-8")?,
        size: record.pointer("/s3/object/size").and_then(Value::as_u64),
        etag: text(record, "/s3/object/eTag")?,
        version: text(record, "/s3/object/versionId")?,
        sequencer: text(record, "/s3/object/sequencer")?,
    }
    .checked()
}

fn of_event(event: &Value) -> Result<Uploaded, String> {
    let kind = text(event, "/detail-type")?.unwrap_or_default();
    if kind != "Object Created" {
        return Err(format!(
            "{kind:?} is no upload: the rule should have the detail-type \"Object Created\" alone"
        ));
    }
    Uploaded {
        bucket: text(event, "/detail/bucket/name")?.ok_or("detail.bucket.name is missing")?,
        // As it is: these keys are not encoded.
        key: text(event, "/detail/object/key")?.ok_or("detail.object.key is missing")?,
        size: event.pointer("/detail/object/size").and_then(Value::as_u64),
        etag: text(event, "/detail/object/etag")?,
        version: text(event, "/detail/object/version-id")?,
        sequencer: text(event, "/detail/object/sequencer")?,
    }
    .checked()
}

impl Uploaded {
    fn checked(mut self) -> Result<Self, String> {
        // Objects of a bucket whose versions are suspended all have this one.
        self.version = self.version.filter(|version| version != "null");
        if self.version.is_none() && self.etag.is_none() && self.sequencer.is_none() {
            return Err(
                "it has no version, ETag or sequencer: one upload can't be told from another".to_owned()
            );
        }
        Ok(self)
    }
}

/// A text that is not empty, where there is one.
fn text(value: &Value, pointer: &str) -> Result<Option<String>, String> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("{} is no text", pointer.trim_start_matches('/').replace('/', "."))),
    }
}

/// A key as S3's notifications have it: bytes as `%41`, blanks as `+`.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "uploads_test.rs"]
mod tests;
