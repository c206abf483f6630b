//! What a function is called with.

use lambda_runtime::Diagnostic;
use serde_json::{Map, Value};
use std::fmt;
use stepladder_protocol::{Delivery, SoloDelivery};

/// An event, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A batch of a queue
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>).
    Batch(Vec<Delivery>),
    /// One message, handed over by the dead-letter function.
    Solo(SoloDelivery),
    /// Time to look for runs that nothing will move any more: `{"sweep": true}`, or an EventBridge schedule's own event.
    Sweep,
}

/// An invocation that could not be handled. Lambda delivers its messages again.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EventError {
    error_type: &'static str,
    message: String,
}

impl EventError {
    /// The event is right, but what it asks for could not be done.
    pub(crate) fn undone(message: impl Into<String>) -> Self {
        Self { error_type: "Undone", message: message.into() }
    }

    /// The event is not one that this function takes.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { error_type: "InvalidEvent", message: message.into() }
    }
}

/// As [`fmt::Display`]: it is what the Lambda runtime logs.
impl fmt::Debug for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<EventError> for Diagnostic {
    fn from(error: EventError) -> Self {
        Diagnostic { error_type: "InvalidEvent".to_owned(), error_message: error.message }
    }
}

impl Event {
    pub(crate) fn read(event: Value) -> Result<Self, EventError> {
        let Value::Object(mut event) = event else {
            return Err(EventError::new(format!("the event is {}; {EXPECTED}", kind(&event))));
        };
        if let Some(records) = event.swap_remove("Records") {
            return read_records(records).map(Event::Batch);
        }
        if let Some(solo) = event.swap_remove("stepladder_solo") {
            return serde_json::from_value(solo)
                .map(Event::Solo)
                .map_err(|error| EventError::new(format!("stepladder_solo can't be read: {error}")));
        }
        let is_scheduled = event.get("detail-type").and_then(Value::as_str) == Some("Scheduled Event");
        match event.get("sweep") {
            Some(Value::Bool(true)) => Ok(Event::Sweep),
            None if is_scheduled => Ok(Event::Sweep),
            _ => Err(EventError::new(format!("the event is of an unknown shape; {EXPECTED}"))),
        }
    }
}

const EXPECTED: &str =
    "a batch of an SQS queue is expected: {\"Records\": [{\"messageId\", \"receiptHandle\", \"body\", …}]}";

fn read_records(records: Value) -> Result<Vec<Delivery>, EventError> {
    let Value::Array(records) = records else {
        return Err(EventError::new(format!("Records is {}, not an array; {EXPECTED}", kind(&records))));
    };
    records
        .into_iter()
        .enumerate()
        .map(|(index, record)| {
            read_record(record).map_err(|error| EventError::new(format!("Records[{index}]{error}")))
        })
        .collect()
}

/// The error begins with the place in the record.
fn read_record(record: Value) -> Result<Delivery, String> {
    let Value::Object(mut record) = record else {
        return Err(format!(" is {}, not an object", kind(&record)));
    };
    let source = text(&mut record, "eventSource")?;
    if source != "aws:sqs" {
        return Err(format!(
            ".eventSource is {source:?}; a step takes messages of an SQS queue, \"aws:sqs\""
        ));
    }
    let message_id = text(&mut record, "messageId")?;
    if message_id.is_empty() {
        return Err(".messageId is empty".to_owned());
    }
    let receipt = text(&mut record, "receiptHandle")?;
    let body = text(&mut record, "body")?;
    let Some(Value::Object(mut attributes)) = record.swap_remove("attributes") else {
        return Err(".attributes is missing".to_owned());
    };
    let receive_count = number(&mut attributes, "ApproximateReceiveCount")?;
    let receive_count = receive_count.ok_or(".attributes.ApproximateReceiveCount is missing")?;
    let sent_ms = number(&mut attributes, "SentTimestamp")?;
    Ok(Delivery { message_id, receipt, body, receive_count, sent_ms })
}

fn text(record: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    match record.swap_remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!(".{name} is {}, not a string", kind(&other))),
        None => Err(format!(".{name} is missing")),
    }
}

/// SQS writes numbers as strings.
fn number<T: std::str::FromStr>(
    attributes: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<T>, String> {
    match attributes.swap_remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(digits)) => match digits.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!(".attributes.{name} is {digits:?}, not a number that fits")),
        },
        Some(other) => Err(format!(".attributes.{name} is {}, not a string of digits", kind(&other))),
    }
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "messageId": "m-1",
            "receiptHandle": "r-1",
            "body": "{}",
            "attributes": {
                "ApproximateReceiveCount": "2",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDA",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {},
            "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:stepladder-charge",
            "awsRegion": "us-east-1"
        })
    }

    fn with(path: &str, value: Value) -> Value {
        let mut record = record();
        *record.pointer_mut(path).unwrap() = value;
        json!({ "Records": [self::record(), record] })
    }

    fn without(name: &str) -> Value {
        let mut record = record();
        let members = record.as_object_mut().unwrap();
        if members.remove(name).is_none() {
            members["attributes"].as_object_mut().unwrap().remove(name).unwrap();
        }
        json!({ "Records": [record] })
    }

    #[track_caller]
    fn check_refused(event: Value, expected: &str) {
        let message = Event::read(event).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn a_batch_is_read_as_lambda_sends_it() {
        let delivery = Delivery {
            message_id: "m-1".to_owned(),
            receipt: "r-1".to_owned(),
            body: "{}".to_owned(),
            receive_count: 2,
            sent_ms: Some(1_545_082_649_183),
        };
        assert_eq!(Event::read(json!({ "Records": [record()] })), Ok(Event::Batch(vec![delivery.clone()])));
        assert_eq!(Event::read(json!({ "Records": [] })), Ok(Event::Batch(vec![])));
        let unsent = Delivery { sent_ms: None, ..delivery };
        assert_eq!(Event::read(without("SentTimestamp")), Ok(Event::Batch(vec![unsent])));
    }

    #[test]
    fn a_single_message_and_a_sweep_are_read() {
        let solo = json!({ "message_id": "m", "body": "b", "receive_count": 5, "sent_ms": null });
        let delivery = SoloDelivery {
            message_id: "m".to_owned(),
            body: "b".to_owned(),
            receive_count: 5,
            sent_ms: None,
        };
        assert_eq!(Event::read(json!({ "stepladder_solo": solo })), Ok(Event::Solo(delivery)));
        assert_eq!(Event::read(json!({ "sweep": true })), Ok(Event::Sweep));
        let scheduled = json!({
            "version": "0", "id": "89d1a02d", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:123456789012:rule/hourly"], "detail": {}
        });
        assert_eq!(Event::read(scheduled), Ok(Event::Sweep));
    }

    #[test]
    fn an_event_of_another_shape_says_what_is_expected() {
        check_refused(
            json!("hello"),
            "the event is a string; a batch of an SQS queue is expected: {\"Records\"",
        );
        check_refused(json!([]), "the event is an array; a batch");
        check_refused(Value::Null, "the event is null; a batch");
        check_refused(json!({}), "the event is of an unknown shape; a batch");
        check_refused(json!({ "sweep": false }), "the event is of an unknown shape; a batch");
        check_refused(json!({ "order_id": 17 }), "the event is of an unknown shape; a batch");
        check_refused(json!({ "Records": {} }), "Records is an object, not an array; a batch");
        check_refused(json!({ "Records": [7] }), "Records[0] is a number, not an object");
        check_refused(
            json!({ "stepladder_solo": {} }),
            "stepladder_solo can't be read: missing field `message_id`",
        );
    }

    #[test]
    fn a_record_that_lambda_did_not_write_says_what_is_wrong_with_it() {
        for name in ["messageId", "receiptHandle", "body", "eventSource", "attributes"] {
            check_refused(without(name), &format!("Records[0].{name} is missing"));
        }
        check_refused(
            without("ApproximateReceiveCount"),
            "Records[0].attributes.ApproximateReceiveCount is missing",
        );
        check_refused(with("/body", json!({})), "Records[1].body is an object, not a string");
        check_refused(with("/messageId", json!("")), "Records[1].messageId is empty");
        check_refused(
            with("/eventSource", json!("aws:s3")),
            "Records[1].eventSource is \"aws:s3\"; a step takes",
        );
        for digits in ["-1", "", "two", "4294967296", "1.0"] {
            check_refused(
                with("/attributes/ApproximateReceiveCount", json!(digits)),
                &format!(
                    "Records[1].attributes.ApproximateReceiveCount is {digits:?}, not a number that fits"
                ),
            );
        }
        check_refused(
            with("/attributes/SentTimestamp", json!(1_545_082_649_183_i64)),
            "Records[1].attributes.SentTimestamp is a number, not a string of digits",
        );
        check_refused(
            with("/attributes/SentTimestamp", json!("99999999999999999999")),
            "Records[1].attributes.SentTimestamp is \"99999999999999999999\", not a number that fits",
        );
    }
}
