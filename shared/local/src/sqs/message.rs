//! What a message holds, what SQS refuses in it, and the checksums that the SDKs compare.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest, Md5};

use super::error::{ErrorKind, SqsError, error};
use crate::limits;

/// A message as it is sent: body, attributes, and a delay in seconds (the queue's own if `None`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// 1 to 1,048,576 bytes of the characters that SQS allows.
    pub body: String,
    /// At most ten.
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// `AWSTraceHeader`, the only system attribute a sender may set.
    pub trace_header: Option<String>,
    /// 0 to 900.
    pub delay_s: Option<u32>,
    /// `MessageGroupId`: whose message it is. 1 to 128 letters, digits and punctuation of ASCII.
    pub group: Option<String>,
}

impl NewMessage {
    /// A message without attributes, delay or group.
    pub fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }
}

/// A message attribute: its type, such as `String`, `Number.int` or `Binary`, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAttribute {
    pub data_type: String,
    pub value: AttributeValue,
}

/// The two transports of an attribute's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

impl AttributeValue {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The value as JSON carries it: text as it is, bytes in base64.
    pub(crate) fn to_json_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Binary(bytes) => BASE64.encode(bytes),
        }
    }
}

/// The part of a message that never changes.
#[derive(Debug)]
pub struct MessageContent {
    /// A UUID, kept when the message moves to a dead-letter queue.
    pub message_id: String,
    pub body: String,
    pub md5_of_body: String,
    pub attributes: BTreeMap<String, MessageAttribute>,
    pub trace_header: Option<String>,
    /// Whose it is; kept when the message moves.
    pub group: Option<Arc<str>>,
    /// Milliseconds since 1970; kept when the message moves to a dead-letter queue.
    pub sent_at_ms: u64,
    /// Bytes that count against the limits.
    pub(crate) size: usize,
    /// Bytes of the message in a Lambda event, at most.
    pub(crate) event_size: usize,
}

impl MessageContent {
    /// Checks the message against SQS's rules and completes it.
    pub(crate) fn new(new: NewMessage, size_max: usize, now_ms: u64) -> Result<Self, SqsError> {
        if new.body.is_empty() {
            return Err(error(
                ErrorKind::MissingParameter,
                "The request must contain the parameter MessageBody.",
            ));
        }
        check_characters(&new.body)?;
        check_attributes(&new.attributes)?;
        check_group(new.group.as_deref())?;
        let size = message_size(&new);
        if size > size_max {
            let reason = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {size_max} bytes."
            );
            return Err(error(ErrorKind::InvalidParameterValue, reason));
        }
        Ok(Self {
            message_id: new_uuid(),
            md5_of_body: hex(&Md5::digest(new.body.as_bytes())),
            event_size: event_size(&new),
            body: new.body,
            attributes: new.attributes,
            trace_header: new.trace_header,
            group: new.group.map(Arc::from),
            sent_at_ms: now_ms,
            size,
        })
    }

    /// The same under a new id, as sent now.
    pub(crate) fn sent_anew(&self, now_ms: u64) -> Self {
        Self {
            message_id: new_uuid(),
            body: self.body.clone(),
            md5_of_body: self.md5_of_body.clone(),
            attributes: self.attributes.clone(),
            trace_header: self.trace_header.clone(),
            group: self.group.clone(),
            sent_at_ms: now_ms,
            size: self.size,
            event_size: self.event_size,
        }
    }
}

/// The bytes of a message that count against SQS's limits.
pub(crate) fn message_size(message: &NewMessage) -> usize {
    let attributes: usize = message
        .attributes
        .iter()
        .map(|(name, attribute)| name.len() + attribute.data_type.len() + attribute.value.bytes().len())
        .sum();
    message.body.len() + attributes
}

/// Attributes are written twice as long at most (base64 needs less), and so is a group; the rest of a record has a fixed size.
fn event_size(message: &NewMessage) -> usize {
    let escaped =
        message.body.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count();
    let attributes: usize = message
        .attributes
        .iter()
        .map(|(name, attribute)| {
            128 + name.len() + attribute.data_type.len() + 2 * attribute.value.bytes().len()
        })
        .sum();
    let group = 2 * message.group.as_deref().map_or(0, str::len);
    message.body.len() + escaped + attributes + group + 1_024
}

/// SQS takes only the characters of XML 1.0; Rust's strings hold no surrogates already.
fn check_characters(text: &str) -> Result<(), SqsError> {
    // Almost every byte is plain ASCII, so that the slow look is rarely needed.
    if text.bytes().all(|byte| (0x20..0x80).contains(&byte)) {
        return Ok(());
    }
    let is_allowed =
        |c: &char| matches!(*c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}');
    let refused = text.chars().find(|c| !is_allowed(c));
    match refused {
        None => Ok(()),
        Some(c) => {
            let message = format!(
                "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is \
                 #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
                u32::from(c)
            );
            Err(error(ErrorKind::InvalidMessageContents, message))
        }
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
fn check_attributes(attributes: &BTreeMap<String, MessageAttribute>) -> Result<(), SqsError> {
    let invalid = |message: String| Err(error(ErrorKind::InvalidParameterValue, message));
    if attributes.len() > limits::MESSAGE_ATTRIBUTES_MAX {
        return invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{}].",
            attributes.len(),
            limits::MESSAGE_ATTRIBUTES_MAX
        ));
    }
    for (name, attribute) in attributes {
        let lower = name.to_ascii_lowercase();
        let allowed = !name.is_empty()
            && name.len() <= limits::MESSAGE_ATTRIBUTE_NAME_CHARS_MAX
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
            && !name.starts_with('.')
            && !name.ends_with('.')
            && !name.contains("..")
            && !lower.starts_with("aws.")
            && !lower.starts_with("amazon.");
        if !allowed {
            return invalid(format!("The message attribute name '{name}' is invalid."));
        }
        let kind = attribute.data_type.split('.').next().unwrap_or_default();
        let fits = match (kind, &attribute.value) {
            ("String", AttributeValue::Text(text)) => {
                check_characters(text)?;
                true
            }
            ("Number", AttributeValue::Text(text)) => text.trim().parse::<f64>().is_ok(),
            ("Binary", AttributeValue::Binary(_)) => true,
            _ => false,
        };
        if !fits || attribute.data_type.len() > limits::MESSAGE_ATTRIBUTE_NAME_CHARS_MAX {
            return invalid(format!(
                "The message attribute '{name}' has an invalid message attribute type '{}', or its value does not fit the type; \
                 the set of supported type prefixes is Binary, Number, and String.",
                attribute.data_type
            ));
        }
        if attribute.value.bytes().is_empty() {
            return invalid(format!("Message attribute '{name}' must contain a non-empty value."));
        }
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagegroupid-property.html>
fn check_group(group: Option<&str>) -> Result<(), SqsError> {
    let Some(group) = group else { return Ok(()) };
    let allowed = (1..=limits::MESSAGE_GROUP_CHARS_MAX).contains(&group.len())
        && group.bytes().all(|byte| byte.is_ascii_graphic());
    if allowed {
        return Ok(());
    }
    let message = format!(
        "Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and \
         punctuation characters. 1 to {} in length.",
        limits::MESSAGE_GROUP_CHARS_MAX
    );
    Err(error(ErrorKind::InvalidParameterValue, message))
}

/// The MD5 of attributes in name order, as the SDKs compute it to compare; `None` without attributes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation>
pub(crate) fn md5_of_attributes<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a MessageAttribute)>,
) -> Option<String> {
    let mut digest = Md5::new();
    let mut any = false;
    let part = |digest: &mut Md5, bytes: &[u8]| {
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in attributes {
        any = true;
        part(&mut digest, name.as_bytes());
        part(&mut digest, attribute.data_type.as_bytes());
        digest.update(match attribute.value {
            AttributeValue::Text(_) => [1_u8],
            AttributeValue::Binary(_) => [2_u8],
        });
        part(&mut digest, attribute.value.bytes());
    }
    any.then(|| hex(&digest.finalize()))
}

/// The MD5 of the system attributes that a sender set.
pub(crate) fn md5_of_trace_header(trace_header: &str) -> Option<String> {
    let attribute = MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text(trace_header.to_owned()),
    };
    md5_of_attributes(std::iter::once(("AWSTraceHeader", &attribute)))
}

/// A random UUID, version 4.
pub(crate) fn new_uuid() -> String {
    let random = (rand::random::<u128>() & !(0xF << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{random:032x}");
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(body: &str) {
        let refused = MessageContent::new(NewMessage::new(body), limits::MESSAGE_BYTES_MAX, 0).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidMessageContents);
    }

    #[test]
    fn characters_outside_xml_are_refused() {
        for body in ["a\u{0}", "a\u{1f}", "\u{FFFE}", "\u{FFFF}", "\u{b}"] {
            check_refused(body);
        }
        for body in ["\t\r\n", "\u{7f}", "\u{D7FF}\u{E000}\u{FFFD}", "\u{10000}\u{10FFFF}", "ü"] {
            assert!(
                MessageContent::new(NewMessage::new(body), limits::MESSAGE_BYTES_MAX, 0).is_ok(),
                "{body:?}"
            );
        }
    }

    #[test]
    fn the_md5_of_attributes_is_the_documented_one() {
        // The contract test holds the same known answer against other servers.
        let attributes = BTreeMap::from([(
            "timestamp".to_owned(),
            MessageAttribute {
                data_type: "Number".to_owned(),
                value: AttributeValue::Text("1493147359900".to_owned()),
            },
        )]);
        let md5 = md5_of_attributes(attributes.iter().map(|(name, value)| (name.as_str(), value)));
        assert_eq!(md5.as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
    }

    #[test]
    fn a_group_is_up_to_128_letters_digits_and_punctuation() {
        let with = |group: &str| NewMessage { group: Some(group.to_owned()), ..NewMessage::new("m") };
        let longest = "x".repeat(limits::MESSAGE_GROUP_CHARS_MAX);
        for group in ["a", "Tenant_17", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &longest] {
            assert!(MessageContent::new(with(group), limits::MESSAGE_BYTES_MAX, 0).is_ok(), "{group}");
        }
        for group in ["", "two words", "tab\t", "J\u{f6}rg", &format!("{longest}x")] {
            let refused = MessageContent::new(with(group), limits::MESSAGE_BYTES_MAX, 0).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::InvalidParameterValue, "{group:?}");
        }
    }

    #[test]
    fn a_uuid_is_version_4() {
        let uuid = new_uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4", "{uuid}");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
    }
}
