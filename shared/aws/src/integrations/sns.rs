//! SNS, which speaks forms and XML (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).

use super::{
    failure::{self, Refusal},
    request::{encoded, text},
};
use serde_json::{Map, Value};
use stepladder_protocol::StepFailure;

pub(super) const PARAMETERS: [&str; 9] = [
    "Message",
    "MessageAttributes",
    "MessageDeduplicationId",
    "MessageGroupId",
    "MessageStructure",
    "PhoneNumber",
    "Subject",
    "TargetArn",
    "TopicArn",
];

/// The request's body.
///
/// # Errors
///
/// The attributes of the message are not what the API has.
pub(super) fn form(parameters: &Map<String, Value>) -> Result<String, StepFailure> {
    let mut form = "Action=Publish&Version=2010-03-31".to_owned();
    let mut add = |name: &str, value: &str| form.push_str(&format!("&{name}={}", encoded(value)));
    for (name, value) in parameters {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("MessageAttributes", attributes) => {
                for (name, value) in fields(attributes)? {
                    add(&name, &value);
                }
            }
            _ => add(name, &text(value)),
        }
    }
    Ok(form)
}

/// `MessageAttributes.entry.1.Name=…&MessageAttributes.entry.1.Value.DataType=…`
fn fields(attributes: &Value) -> Result<Vec<(String, String)>, StepFailure> {
    let must = |what: &str| failure::parameters(&format!("The value for the field '{what}' must be a MAP"));
    let attributes = attributes.as_object().ok_or_else(|| must("MessageAttributes"))?;
    let mut fields = Vec::new();
    for (index, (name, attribute)) in (1..).zip(attributes) {
        let attribute = attribute.as_object().ok_or_else(|| must(name))?;
        let prefix = format!("MessageAttributes.entry.{index}");
        fields.push((format!("{prefix}.Name"), name.clone()));
        for (member, value) in attribute.iter().filter(|(_, value)| !value.is_null()) {
            if !["DataType", "StringValue", "BinaryValue"].contains(&member.as_str()) {
                let why = format!("The field '{member}' is not supported by Step Functions");
                return Err(failure::parameters(&why));
            }
            fields.push((format!("{prefix}.Value.{member}"), text(value).into_owned()));
        }
    }
    Ok(fields)
}

/// The members of the answer, and its request id; none where it is not the API's.
pub(super) fn answer(xml: &str) -> Option<(Map<String, Value>, Option<String>)> {
    let mut members = Map::new();
    for name in ["MessageId", "SequenceNumber"] {
        members.extend(element(xml, name).map(|value| (name.to_owned(), Value::String(value))));
    }
    members.contains_key("MessageId").then(|| (members, element(xml, "RequestId")))
}

/// What the service said of a call that it didn't do.
pub(super) fn refusal(status: u16, xml: &str) -> Refusal {
    let code = element(xml, "Code").unwrap_or_default();
    let exception = match code.as_str() {
        // The one whose name isn't made of its code.
        "ParameterValueInvalid" => "InvalidParameterValueException".to_owned(),
        "KMSOptInRequired" | "ValidationException" => code.clone(),
        code => format!("{code}Exception"),
    };
    let message = element(xml, "Message").unwrap_or_default();
    Refusal { status, exception, code, message, request_id: element(xml, "RequestId") }
}

/// The text of the first element of a name. SNS's answers have neither attributes nor comments in such ones.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (raw, _) = rest.split_once(&format!("</{name}>"))?;
    (!raw.contains('<')).then(|| unescaped(raw))
}

/// XML's five names of characters, and their numbers. What is none of them stays as it is.
fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        match after.split_once(';').and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                text.push(character);
                rest = after;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_message_becomes_a_form() {
        let parameters = json!({
            "TopicArn": "arn:aws:sns:eu-west-1:1:t",
            "Message": {"a": "ä b"},
            "Subject": null,
            "MessageAttributes": {"kind": {"DataType": "Number", "StringValue": 5}},
        });
        assert_eq!(
            form(parameters.as_object().unwrap()).unwrap(),
            "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A1%3At\
             &Message=%7B%22a%22%3A%22%C3%A4%20b%22%7D&MessageAttributes.entry.1.Name=kind\
             &MessageAttributes.entry.1.Value.DataType=Number&MessageAttributes.entry.1.Value.StringValue=5"
        );
        for wrong in [json!([]), json!({"a": "b"}), json!({"a": {"Type": "String"}})] {
            let parameters = json!({"Message": "", "MessageAttributes": wrong});
            assert!(form(parameters.as_object().unwrap()).is_err(), "{parameters}");
        }
    }

    #[test]
    fn answers_are_read_from_xml() {
        let xml = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\n  <PublishResult>\n\
                   <MessageId>m-1</MessageId><SequenceNumber>10</SequenceNumber></PublishResult>\
                   <ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PublishResponse>";
        let (members, request_id) = answer(xml).unwrap();
        assert_eq!(Value::Object(members), json!({"MessageId": "m-1", "SequenceNumber": "10"}));
        assert_eq!(request_id.as_deref(), Some("r-1"));
        for other in ["", "<MessageId>", "<MessageId><b/></MessageId>", "</MessageId><MessageId>x", "{}"] {
            assert!(answer(other).is_none(), "{other}");
        }
    }

    #[test]
    fn errors_are_read_from_xml() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>a &lt;b&gt; &#233;&#x41; \
                   &amp;amp; &nope; &</Message></Error><RequestId>r</RequestId></ErrorResponse>";
        let refusal = refusal(400, xml);
        assert_eq!(refusal.exception, "InvalidParameterException");
        assert_eq!(refusal.message, "a <b> éA &amp; &nope; &");
        assert_eq!(refusal.request_id.as_deref(), Some("r"));
    }
}
