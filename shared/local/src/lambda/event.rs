//! The event that Lambda makes of a queue's batch, and what it reads from the answer.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::sqs::{AttributeValue, MessageAttribute, Received, md5_of_attributes};

/// The event for a batch.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
pub(crate) fn event(batch: &[Received], queue_arn: &str, region: &str, account_id: &str) -> Bytes {
    let records = batch
        .iter()
        .map(|received| {
            let content = &received.content;
            Record {
                message_id: &content.message_id,
                receipt_handle: &received.receipt_handle,
                body: &content.body,
                attributes: received.system_attributes(account_id),
                message_attributes: content
                    .attributes
                    .iter()
                    .map(|(name, attribute)| (name.as_str(), EventAttribute::of(attribute)))
                    .collect(),
                md5_of_message_attributes: md5_of_attributes(
                    content.attributes.iter().map(|(name, attribute)| (name.as_str(), attribute)),
                ),
                md5_of_body: &content.md5_of_body,
                event_source: "aws:sqs",
                event_source_arn: queue_arn,
                aws_region: region,
            }
        })
        .collect();
    // Strings and maps with text keys are all there is in it, which always have a JSON.
    serde_json::to_vec(&Event { records }).unwrap_or_default().into()
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: BTreeMap<&'static str, String>,
    message_attributes: BTreeMap<&'a str, EventAttribute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventAttribute {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    string_list_values: [String; 0],
    binary_list_values: [String; 0],
    data_type: String,
}

impl EventAttribute {
    fn of(attribute: &MessageAttribute) -> Self {
        let text = attribute.value.to_json_text();
        let (string_value, binary_value) = match attribute.value {
            AttributeValue::Text(_) => (Some(text), None),
            AttributeValue::Binary(_) => (None, Some(text)),
        };
        Self {
            string_value,
            binary_value,
            string_list_values: [],
            binary_list_values: [],
            data_type: attribute.data_type.clone(),
        }
    }
}

/// Which messages of a batch failed, by the function's answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    /// These ids; none of them is the whole batch's success.
    Some(HashSet<String>),
    /// The answer can't be read, so Lambda takes the whole batch for failed.
    All { reason: String },
}

/// Reads `{"batchItemFailures": [{"itemIdentifier": "…"}]}`.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting-conditions>
pub(crate) fn failures(answer: &[u8], batch: &[Received]) -> Failures {
    let all = |reason: &str| Failures::All { reason: reason.to_owned() };
    if answer.is_empty() {
        return Failures::Some(HashSet::new());
    }
    let answer: Value = match serde_json::from_slice(answer) {
        Ok(answer) => answer,
        Err(failed) => return all(&format!("the answer is not JSON: {failed}")),
    };
    let items = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Failures::Some(HashSet::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return all("batchItemFailures is not an array"),
    };
    let mut failed = HashSet::new();
    for item in items {
        match item.get("itemIdentifier").and_then(Value::as_str) {
            None | Some("") => return all("an item of batchItemFailures has no itemIdentifier"),
            Some(id) if !batch.iter().any(|received| received.content.message_id == id) => {
                return all(&format!("itemIdentifier {id:?} is no message of the batch"));
            }
            Some(id) => failed.insert(id.to_owned()),
        };
    }
    Failures::Some(failed)
}
