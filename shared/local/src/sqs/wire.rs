//! The JSON of SQS's requests and responses.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::error::{ErrorKind, SqsError, error};
use super::message::{AttributeValue, MessageAttribute, NewMessage, md5_of_attributes};
use super::moves::MoveTask;
use super::queue::Received;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    pub(super) queue_name: String,
    #[serde(default)]
    pub(super) attributes: Option<BTreeMap<String, String>>,
    // The model calls it "tags", unlike everything else.
    #[serde(default, alias = "tags")]
    pub(super) tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrl {
    pub(super) queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    pub(super) queue_name_prefix: Option<String>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
}

/// The requests that name a queue and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfQueue<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueAttributes<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    #[serde(default)]
    pub(super) attribute_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetQueueAttributes<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagQueue<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagQueue<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListDeadLetterSourceQueues<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartMessageMoveTask {
    pub(super) source_arn: String,
    pub(super) destination_arn: Option<String>,
    pub(super) max_number_of_messages_per_second: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMessageMoveTasks {
    pub(super) source_arn: String,
    pub(super) max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancelMessageMoveTask {
    pub(super) task_handle: String,
}

/// A move task that has ended, as ListMessageMoveTasks shows it: only one that goes on has a handle.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireMoveTask<'a> {
    status: &'static str,
    source_arn: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<u32>,
    approximate_number_of_messages_moved: u64,
    approximate_number_of_messages_to_move: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    started_timestamp: u64,
}

impl<'a> WireMoveTask<'a> {
    pub(super) fn of(task: &'a MoveTask) -> Self {
        Self {
            status: if task.failure.is_some() { "FAILED" } else { "COMPLETED" },
            source_arn: &task.source_arn,
            destination_arn: task.destination_arn.as_deref(),
            max_number_of_messages_per_second: task.messages_per_second,
            approximate_number_of_messages_moved: task.moved,
            approximate_number_of_messages_to_move: task.to_move,
            failure_reason: task.failure,
            started_timestamp: task.started_at_ms,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<'a, Entry> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEntry {
    pub(super) id: String,
    pub(super) message_body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    pub(super) message_attributes: Option<BTreeMap<String, WireAttribute>>,
    pub(super) message_system_attributes: Option<BTreeMap<String, WireAttribute>>,
    pub(super) message_group_id: Option<String>,
    pub(super) message_deduplication_id: Option<String>,
}

/// SendMessage, and an entry of SendMessageBatch after its id. SendMessage's queue is read by [`OfQueue`] from the same
/// text, since serde's `flatten` would copy the body once more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireMessage {
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    message_attributes: Option<BTreeMap<String, WireAttribute>>,
    message_system_attributes: Option<BTreeMap<String, WireAttribute>>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

impl SendEntry {
    pub(super) fn split(self) -> (String, WireMessage) {
        let message = WireMessage {
            message_body: self.message_body,
            delay_seconds: self.delay_seconds,
            message_attributes: self.message_attributes,
            message_system_attributes: self.message_system_attributes,
            message_group_id: self.message_group_id,
            message_deduplication_id: self.message_deduplication_id,
        };
        (self.id, message)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireAttribute {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl WireMessage {
    pub(super) fn into_message(self) -> Result<NewMessage, SqsError> {
        if self.message_deduplication_id.is_some() {
            let message = "The request contains a parameter that is not valid for this queue type: MessageDeduplicationId";
            return Err(error(ErrorKind::InvalidParameterValue, message));
        }
        let delay_s = match self.delay_seconds {
            None => None,
            Some(delay) => Some(u32::try_from(delay).map_err(|_| {
                let message = format!("Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.");
                error(ErrorKind::InvalidParameterValue, message)
            })?),
        };
        let mut attributes = BTreeMap::new();
        for (name, attribute) in self.message_attributes.unwrap_or_default() {
            let attribute = attribute.into_attribute(&name)?;
            attributes.insert(name, attribute);
        }
        let mut trace_header = None;
        for (name, attribute) in self.message_system_attributes.unwrap_or_default() {
            match (name.as_str(), attribute.string_value) {
                ("AWSTraceHeader", Some(value)) => trace_header = Some(value),
                _ => {
                    let message = format!(
                        "Message system attribute name '{name}' is invalid, or it has no StringValue."
                    );
                    return Err(error(ErrorKind::InvalidParameterValue, message));
                }
            }
        }
        Ok(NewMessage {
            body: self.message_body.unwrap_or_default(),
            attributes,
            trace_header,
            delay_s,
            group: self.message_group_id,
        })
    }
}

impl WireAttribute {
    fn into_attribute(self, name: &str) -> Result<MessageAttribute, SqsError> {
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(bytes)) => AttributeValue::Binary(BASE64.decode(bytes).map_err(|_| {
                error(
                    ErrorKind::Serialization,
                    format!("BinaryValue of the message attribute '{name}' is not base64."),
                )
            })?),
            _ => {
                let message = format!(
                    "The message attribute '{name}' must contain exactly one of StringValue and BinaryValue."
                );
                return Err(error(ErrorKind::InvalidParameterValue, message));
            }
        };
        Ok(MessageAttribute { data_type: self.data_type, value })
    }

    fn of(attribute: &MessageAttribute) -> Self {
        let text = attribute.value.to_json_text();
        let (string_value, binary_value) = match attribute.value {
            AttributeValue::Text(_) => (Some(text), None),
            AttributeValue::Binary(_) => (None, Some(text)),
        };
        Self { data_type: attribute.data_type.clone(), string_value, binary_value }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) max_number_of_messages: Option<i64>,
    pub(super) visibility_timeout: Option<i64>,
    pub(super) wait_time_seconds: Option<i64>,
    #[serde(default)]
    pub(super) attribute_names: Option<Vec<String>>,
    #[serde(default)]
    pub(super) message_system_attribute_names: Option<Vec<String>>,
    #[serde(default)]
    pub(super) message_attribute_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessage<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) receipt_handle: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteEntry {
    pub(super) id: String,
    pub(super) receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeMessageVisibility<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) receipt_handle: Cow<'a, str>,
    pub(super) visibility_timeout: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeEntry {
    pub(super) id: String,
    pub(super) receipt_handle: String,
    pub(super) visibility_timeout: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    pub(super) queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SentResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    pub(super) md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub(super) md5_of_attributes: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub(super) md5_of_system_attributes: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchResponse<Success> {
    pub(super) successful: Vec<Success>,
    pub(super) failed: Vec<FailedEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntryId {
    pub(super) id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FailedEntry {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

impl FailedEntry {
    pub(super) fn new(id: String, error: SqsError) -> Self {
        Self { id, sender_fault: true, code: error.kind.query_code(), message: error.message }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceivedResponse<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) messages: Vec<WireReceived<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct WireReceived<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: &'a str,
    body: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<&'a str, WireAttribute>,
}

impl<'a> WireReceived<'a> {
    /// The message with those of its attributes that `system` and `named` ask for.
    pub(super) fn new(received: &'a Received, sender_id: &str, system: &[String], named: &[String]) -> Self {
        let content = &received.content;
        let chosen = || content.attributes.iter().filter(|(name, _)| is_wanted(name, named));
        let mut attributes = received.system_attributes(sender_id);
        attributes.retain(|name, _| system.iter().any(|wanted| wanted == "All" || wanted == name));
        Self {
            message_id: &content.message_id,
            receipt_handle: &received.receipt_handle,
            md5_of_body: &content.md5_of_body,
            body: &content.body,
            attributes,
            md5_of_attributes: md5_of_attributes(
                chosen().map(|(name, attribute)| (name.as_str(), attribute)),
            ),
            message_attributes: chosen().map(|(name, a)| (name.as_str(), WireAttribute::of(a))).collect(),
        }
    }
}

/// `All`, `.*`, `prefix.*` or a name, as MessageAttributeNames has them.
fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| match wanted.strip_suffix(".*") {
        Some(prefix) => name.starts_with(prefix),
        None => wanted == "All" || wanted == name,
    })
}

impl Received {
    /// The attributes that SQS adds to a message, by name.
    pub(crate) fn system_attributes(&self, sender_id: &str) -> BTreeMap<&'static str, String> {
        let mut attributes = BTreeMap::from([
            ("ApproximateFirstReceiveTimestamp", self.first_received_at_ms.to_string()),
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("SenderId", sender_id.to_owned()),
            ("SentTimestamp", self.content.sent_at_ms.to_string()),
        ]);
        if let Some(trace_header) = &self.content.trace_header {
            attributes.insert("AWSTraceHeader", trace_header.clone());
        }
        if let Some(group) = &self.content.group {
            attributes.insert("MessageGroupId", group.to_string());
        }
        if let Some(arn) = &self.dead_letter_source_arn {
            attributes.insert("DeadLetterQueueSourceArn", arn.to_string());
        }
        attributes
    }
}
