//! Messages about objects that were put, for the queues that a bucket's notification configuration names.
//!
//! As S3 sends them (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>), to SQS queues of
//! this server, for ObjectCreated alone. Configurations are held in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::dto::{NotificationConfiguration, QueueConfiguration, Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};
use serde_json::{Value, json};

use crate::sqs::{NewMessage, SharedQueues};

/// What happened to an object, in S3's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Created {
    Put,
    Copy,
    CompleteMultipartUpload,
}

impl Created {
    fn as_str(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// Whether the queues of a new configuration are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validation {
    Done,
    Skipped,
}

/// An object as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) bytes: u64,
    /// Without quotation marks.
    pub(super) etag: String,
}

/// The configurations of all buckets.
#[derive(Debug)]
pub(super) struct Notifications {
    queues: SharedQueues,
    region: String,
    by_bucket: Mutex<BTreeMap<String, NotificationConfiguration>>,
    last_sequencer: AtomicU64,
}

impl Notifications {
    pub(super) fn new(queues: SharedQueues, region: &str) -> Self {
        let region = region.to_owned();
        Self { queues, region, by_bucket: Mutex::default(), last_sequencer: AtomicU64::new(0) }
    }

    pub(super) fn of(&self, bucket: &str) -> NotificationConfiguration {
        self.lock().get(bucket).cloned().unwrap_or_default()
    }

    /// Puts a bucket's configuration in place of the one it has. Where it is validated each queue gets a test message, as on AWS.
    pub(super) fn set(
        &self,
        bucket: &str,
        configuration: NotificationConfiguration,
        validation: Validation,
    ) -> S3Result<()> {
        if configuration.topic_configurations.as_ref().is_some_and(|all| !all.is_empty())
            || configuration.lambda_function_configurations.as_ref().is_some_and(|all| !all.is_empty())
            || configuration.event_bridge_configuration.is_some()
        {
            return Err(s3_error!(NotImplemented, "The local S3 tells SQS queues alone"));
        }
        let queues = configuration.queue_configurations.iter().flatten();
        for queue in queues.clone() {
            if let Some(event) =
                queue.events.iter().find(|event| !event.as_ref().starts_with("s3:ObjectCreated:"))
            {
                return Err(s3_error!(
                    NotImplemented,
                    "The local S3 tells of s3:ObjectCreated:* alone, not of {}",
                    event.as_ref()
                ));
            }
        }
        for queue in queues {
            let test = json!({
                "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": timestamp(), "Bucket": bucket,
                "RequestId": "local", "HostId": "local",
            });
            if validation == Validation::Done && !self.send(queue, &test) {
                return Err(s3_error!(
                    InvalidArgument,
                    "Unable to validate the following destination configurations: {}",
                    queue.queue_arn
                ));
            }
        }
        self.lock().insert(bucket.to_owned(), configuration);
        Ok(())
    }

    /// Tells of an object, where a configuration asks for it. A queue that has gone meanwhile is told nothing.
    pub(super) fn tell(&self, created: Created, object: &Stored) {
        let configuration = self.of(&object.bucket);
        let queues = configuration.queue_configurations.iter().flatten();
        for queue in queues.filter(|queue| takes(queue, created, &object.key)) {
            if !self.send(queue, &self.message(created, object, queue)) {
                tracing::warn!(
                    bucket = object.bucket,
                    queue = queue.queue_arn,
                    "an object could not be told of"
                );
            }
        }
    }

    fn message(&self, created: Created, object: &Stored, queue: &QueueConfiguration) -> Value {
        let Stored { bucket, key, bytes, etag } = object;
        json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": self.region, "eventTime": timestamp(),
            "eventName": created.as_str(),
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": queue.id.as_deref().unwrap_or_default(),
                "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
                "object": { "key": encoded(key), "size": bytes, "eTag": etag, "sequencer": self.sequencer() },
            },
        }] })
    }

    /// Larger than all before, also than those of an earlier server over the same folder.
    fn sequencer(&self) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let last = self
            .last_sequencer
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last.saturating_add(1))));
        format!("{:016X}", now.max(last.unwrap_or_default().saturating_add(1)))
    }

    fn send(&self, queue: &QueueConfiguration, body: &Value) -> bool {
        let name = queue.queue_arn.rsplit(':').next().unwrap_or_default();
        let message = NewMessage::new(body.to_string());
        self.queues.with(|queues, now_ms| queues.send(name, message, now_ms)).is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, NotificationConfiguration>> {
        self.by_bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A configuration takes all kinds (`s3:ObjectCreated:*`) or some, of keys that begin and end as its filter says.
fn takes(queue: &QueueConfiguration, created: Created, key: &str) -> bool {
    let is_kind = queue.events.iter().any(|event| {
        let event = event.as_ref().trim_start_matches("s3:");
        event == "ObjectCreated:*" || event == created.as_str()
    });
    let filter = queue.filter.as_ref().and_then(|filter| filter.key.as_ref());
    let rules = filter.and_then(|filter| filter.filter_rules.as_ref());
    is_kind
        && rules.into_iter().flatten().all(|rule| {
            let value = rule.value.as_deref().unwrap_or_default();
            match rule.name.as_ref().map(|name| name.as_str().to_ascii_lowercase()).as_deref() {
                Some("prefix") => key.starts_with(value),
                Some("suffix") => key.ends_with(value),
                _ => false,
            }
        })
}

/// A key as S3 writes it there: blanks as `+`, slashes as they are.
fn encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b' ' => text.push('+'),
            b'/' | b'-' | b'_' | b'.' | b'*' => text.push(char::from(byte)),
            plain if plain.is_ascii_alphanumeric() => text.push(char::from(plain)),
            other => text.push_str(&format!("%{other:02X}")),
        }
        text
    })
}

fn timestamp() -> String {
    let mut text = Vec::new();
    let written = Timestamp::from(SystemTime::now()).format(TimestampFormat::DateTime, &mut text);
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default()
}
