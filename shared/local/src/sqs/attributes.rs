//! A queue's settings: which there are, which values they take, how they are shown.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{ErrorKind, SqsError, error};
use crate::limits;

/// The settings of one queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueAttributes {
    pub(crate) visibility_timeout_s: u32,
    pub(crate) delay_s: u32,
    pub(crate) retention_s: u32,
    pub(crate) wait_time_s: u32,
    pub(crate) message_bytes_max: usize,
    pub(crate) redrive: Option<Redrive>,
    /// What is stored and shown but changes nothing here: policies and encryption.
    other: BTreeMap<String, String>,
}

/// Where messages go that were received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redrive {
    /// The name of the dead-letter queue.
    pub(crate) target: String,
    pub(crate) receives_max: u32,
    target_arn: String,
}

impl Default for QueueAttributes {
    fn default() -> Self {
        Self {
            visibility_timeout_s: 30,
            delay_s: 0,
            retention_s: 345_600,
            wait_time_s: 0,
            message_bytes_max: limits::MESSAGE_BYTES_MAX,
            redrive: None,
            other: BTreeMap::from([("SqsManagedSseEnabled".to_owned(), "true".to_owned())]),
        }
    }
}

impl QueueAttributes {
    /// Takes new values; nothing has changed if one of them is refused.
    pub(crate) fn set(&mut self, values: &BTreeMap<String, String>) -> Result<(), SqsError> {
        let mut changed = self.clone();
        for (name, value) in values {
            changed.set_one(name, value)?;
        }
        *self = changed;
        Ok(())
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "VisibilityTimeout" => {
                self.visibility_timeout_s = number(name, value, 0, limits::VISIBILITY_TIMEOUT_S_MAX)?;
            }
            "DelaySeconds" => self.delay_s = number(name, value, 0, limits::DELAY_S_MAX)?,
            "MessageRetentionPeriod" => {
                self.retention_s = number(name, value, limits::RETENTION_S_MIN, limits::RETENTION_S_MAX)?;
            }
            "ReceiveMessageWaitTimeSeconds" => {
                self.wait_time_s = number(name, value, 0, limits::WAIT_TIME_S_MAX)?
            }
            "MaximumMessageSize" => {
                let bytes: u64 = value.trim().parse().map_err(|_| invalid(name, value))?;
                let range = limits::MESSAGE_BYTES_SETTING_MIN..=limits::MESSAGE_BYTES_MAX as u64;
                if !range.contains(&bytes) {
                    return Err(invalid(name, value));
                }
                self.message_bytes_max = usize::try_from(bytes).map_err(|_| invalid(name, value))?;
            }
            "RedrivePolicy" => self.redrive = redrive(value)?,
            "Policy"
            | "KmsMasterKeyId"
            | "KmsDataKeyReusePeriodSeconds"
            | "SqsManagedSseEnabled"
            | "RedriveAllowPolicy" => {
                if value.is_empty() {
                    self.other.remove(name);
                } else {
                    self.other.insert(name.to_owned(), value.to_owned());
                }
            }
            "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
                return Err(fifo_refused());
            }
            _ => {
                return Err(error(ErrorKind::InvalidAttributeName, format!("Unknown Attribute {name}.")));
            }
        }
        Ok(())
    }

    /// Each settable attribute that has a value, by name.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        let mut shown = self.other.clone();
        let mut put = |name: &str, value: String| shown.insert(name.to_owned(), value);
        put("VisibilityTimeout", self.visibility_timeout_s.to_string());
        put("DelaySeconds", self.delay_s.to_string());
        put("MessageRetentionPeriod", self.retention_s.to_string());
        put("ReceiveMessageWaitTimeSeconds", self.wait_time_s.to_string());
        put("MaximumMessageSize", self.message_bytes_max.to_string());
        if let Some(redrive) = &self.redrive {
            let policy = serde_json::json!({
                "deadLetterTargetArn": redrive.target_arn,
                "maxReceiveCount": redrive.receives_max,
            });
            put("RedrivePolicy", policy.to_string());
        }
        shown
    }

    /// The first attribute of `values` that this queue has otherwise; CreateQueue refuses such a repetition.
    pub(crate) fn first_difference(
        &self,
        values: &BTreeMap<String, String>,
    ) -> Result<Option<String>, SqsError> {
        for (name, value) in values {
            let mut changed = self.clone();
            changed.set_one(name, value)?;
            if changed != *self {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

/// `{"deadLetterTargetArn": "arn:…", "maxReceiveCount": 5}`; the count may be text. Empty text removes the policy.
fn redrive(text: &str) -> Result<Option<Redrive>, SqsError> {
    if text.is_empty() {
        return Ok(None);
    }
    let reason = |reason: &str| {
        let message = format!("Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}");
        error(ErrorKind::InvalidParameterValue, message)
    };
    let policy: Value =
        serde_json::from_str(text).map_err(|_| reason("Redrive policy is not a valid JSON map."))?;
    let target_arn = policy
        .get("deadLetterTargetArn")
        .and_then(Value::as_str)
        .ok_or_else(|| reason("Redrive policy does not contain mandatory attribute: deadLetterTargetArn."))?;
    let count = policy
        .get("maxReceiveCount")
        .ok_or_else(|| reason("Redrive policy does not contain mandatory attribute: maxReceiveCount."))?;
    let receives_max = match count {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|count| u32::try_from(count).ok()),
    };
    let receives_max =
        receives_max.filter(|count| (1..=limits::MAX_RECEIVE_COUNT_MAX).contains(count)).ok_or_else(
            || reason("Invalid value for maxReceiveCount: it must be an integer between 1 and 1000."),
        )?;
    let target = match target_arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sqs", _, _, name] => (*name).to_owned(),
        _ => return Err(reason("Dead-letter target must be an SQS queue ARN.")),
    };
    Ok(Some(Redrive { target, receives_max, target_arn: target_arn.to_owned() }))
}

fn number(name: &str, value: &str, min: u32, max: u32) -> Result<u32, SqsError> {
    let number: u32 = value.trim().parse().map_err(|_| invalid(name, value))?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(invalid(name, value)) }
}

fn invalid(name: &str, _value: &str) -> SqsError {
    error(ErrorKind::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
}

/// FIFO queues are no part of this server; a clear refusal is better than a queue without its order.
pub(crate) fn fifo_refused() -> SqsError {
    error(
        ErrorKind::UnsupportedOperation,
        "FIFO queues are not supported by the local queue server; use a standard queue.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check_refused(name: &str, value: &str, kind: ErrorKind) {
        let before = QueueAttributes::default();
        let mut after = before.clone();
        assert_eq!(after.set(&values(&[(name, value)])).unwrap_err().kind, kind);
        assert_eq!(after, before, "a refused value has changed the queue");
    }

    #[test]
    fn values_outside_the_documented_ranges_are_refused() {
        check_refused("VisibilityTimeout", "43201", ErrorKind::InvalidAttributeValue);
        check_refused("VisibilityTimeout", "-1", ErrorKind::InvalidAttributeValue);
        check_refused("DelaySeconds", "901", ErrorKind::InvalidAttributeValue);
        check_refused("MessageRetentionPeriod", "59", ErrorKind::InvalidAttributeValue);
        check_refused("MaximumMessageSize", "1048577", ErrorKind::InvalidAttributeValue);
        check_refused("ReceiveMessageWaitTimeSeconds", "21", ErrorKind::InvalidAttributeValue);
        check_refused("RedrivePolicy", "{}", ErrorKind::InvalidParameterValue);
        check_refused("FifoQueue", "true", ErrorKind::UnsupportedOperation);
        check_refused("Colour", "red", ErrorKind::InvalidAttributeName);
    }

    #[test]
    fn a_redrive_policy_takes_the_count_as_number_and_as_text() {
        for count in ["3", "\"3\""] {
            let text = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:000000000000:dead","maxReceiveCount":{count}}}"#
            );
            let mut attributes = QueueAttributes::default();
            attributes.set(&values(&[("RedrivePolicy", &text)])).unwrap();
            let redrive = attributes.redrive.unwrap();
            assert_eq!((redrive.target.as_str(), redrive.receives_max), ("dead", 3));
        }
    }
}
