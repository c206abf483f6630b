//! From a state's parameters to a request.

use super::{failure, service::Service, sns};
use aws_sdk_eventbridge::primitives::{DateTime, DateTimeFormat};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use stepladder_protocol::{IntegrationCall, StepFailure};

/// A request, but for where it goes and its signature.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) service: Service,
    /// With its query, encoded.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Names the call in the services' logs, on every attempt and delivery.
    pub(super) invocation_id: String,
}

/// An action that can be called: what its API calls it, and the parameters that it takes.
struct Action {
    name: &'static str,
    takes: &'static [&'static str],
    needs: &'static [&'static str],
}

/// The members of the services' own APIs.
fn action(service: Service, action: &str) -> Option<Action> {
    let (name, takes, needs): (_, &[&str], &[&str]) = match (service, action) {
        (Service::Lambda, "invoke") => (
            "Invoke",
            &["ClientContext", "FunctionName", "InvocationType", "LogType", "Payload", "Qualifier"],
            &["FunctionName"],
        ),
        (Service::Sqs, "sendMessage") => (
            "SendMessage",
            &[
                "DelaySeconds",
                "MessageAttributes",
                "MessageBody",
                "MessageDeduplicationId",
                "MessageGroupId",
                "MessageSystemAttributes",
                "QueueUrl",
            ],
            &["QueueUrl"],
        ),
        (Service::Sns, "publish") => ("Publish", &sns::PARAMETERS, &["Message"]),
        (Service::Events, "putEvents") => ("PutEvents", &["EndpointId", "Entries"], &["Entries"]),
        (Service::DynamoDb, "getItem") => (
            "GetItem",
            &[
                "AttributesToGet",
                "ConsistentRead",
                "ExpressionAttributeNames",
                "Key",
                "ProjectionExpression",
                "ReturnConsumedCapacity",
                "TableName",
            ],
            &["Key", "TableName"],
        ),
        (Service::DynamoDb, "putItem") => (
            "PutItem",
            &[
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "Item",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "ReturnValuesOnConditionCheckFailure",
                "TableName",
            ],
            &["Item", "TableName"],
        ),
        (Service::DynamoDb, "updateItem") => (
            "UpdateItem",
            &[
                "AttributeUpdates",
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "Key",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "ReturnValuesOnConditionCheckFailure",
                "TableName",
                "UpdateExpression",
            ],
            &["Key", "TableName"],
        ),
        (Service::DynamoDb, "deleteItem") => (
            "DeleteItem",
            &[
                "ConditionExpression",
                "ConditionalOperator",
                "Expected",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "Key",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValues",
                "ReturnValuesOnConditionCheckFailure",
                "TableName",
            ],
            &["Key", "TableName"],
        ),
        _ => return None,
    };
    Some(Action { name, takes, needs })
}

impl Request {
    /// # Errors
    ///
    /// The call is not one that is made here, or its parameters don't make one.
    pub(super) fn new(call: &IntegrationCall) -> Result<Self, StepFailure> {
        let known =
            Service::parse(&call.service).and_then(|service| Some((service, action(service, &call.action)?)));
        let Some((service, action)) = known else {
            return Err(failure::unsupported(call));
        };
        let Value::Object(parameters) = &call.parameters else {
            return Err(failure::parameters("they are no object"));
        };
        if let Some(unknown) = parameters.keys().find(|name| !action.takes.contains(&name.as_str())) {
            return Err(failure::parameters(&format!(
                "The field '{unknown}' is not supported by Step Functions"
            )));
        }
        if let Some(missing) = action.needs.iter().find(|name| !parameters.contains_key(**name)) {
            return Err(failure::parameters(&format!("The field '{missing}' is required but was missing")));
        }
        let invocation_id = uuid(&call.idempotency_key);
        let request = |path, headers, body| Self { service, path, headers, body, invocation_id };
        Ok(match service {
            Service::Lambda => {
                let (path, headers, body) = invoke(parameters)?;
                request(path, headers, body)
            }
            Service::Sns => {
                let form = "application/x-www-form-urlencoded; charset=utf-8";
                let body = sns::form(parameters)?;
                request("/".to_owned(), vec![("content-type", form.to_owned())], body.into_bytes())
            }
            Service::Sqs => {
                let body = texts(parameters, "MessageBody");
                let headers = json("1.0", "AmazonSQS", action.name);
                request("/".to_owned(), headers, body.to_string().into_bytes())
            }
            Service::Events => {
                let headers = json("1.1", "AWSEvents", action.name);
                request(
                    "/".to_owned(),
                    headers,
                    events(parameters, &call.resources)?.to_string().into_bytes(),
                )
            }
            Service::DynamoDb => {
                let headers = json("1.0", "DynamoDB_20120810", action.name);
                request("/".to_owned(), headers, call.parameters.to_string().into_bytes())
            }
        })
    }
}

/// The headers of AWS's JSON protocols
/// (<https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>).
fn json(version: &str, target: &str, action: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", format!("application/x-amz-json-{version}")),
        ("x-amz-target", format!("{target}.{action}")),
    ]
}

/// A text as it is, and JSON's text of all else: services take messages as texts, and states may write objects.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// The parameters with a member as text. Null is no text: then the service says what it lacks.
fn texts(parameters: &Map<String, Value>, member: &str) -> Value {
    let mut parameters = parameters.clone();
    if let Some(value) = parameters.get_mut(member).filter(|value| !value.is_null()) {
        *value = Value::String(text(value).into_owned());
    }
    Value::Object(parameters)
}

/// Each entry's `Detail` as text, and its `Time` in seconds, as the API has it; the execution and its state machine are added
/// to its `Resources` (<https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html>).
fn events(parameters: &Map<String, Value>, resources: &[String]) -> Result<Value, StepFailure> {
    let mut parameters = parameters.clone();
    let entries = parameters.get_mut("Entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(detail) = entry.get_mut("Detail").filter(|detail| !detail.is_null()) {
            *detail = Value::String(text(detail).into_owned());
        }
        if let Some(Value::String(time)) = entry.get("Time") {
            let seconds = DateTime::from_str(time, DateTimeFormat::DateTimeWithOffset)
                .ok()
                .and_then(|time| Number::from_f64(time.as_secs_f64()))
                .ok_or_else(|| failure::parameters("The value for the field 'Time' must be a timestamp"))?;
            entry.insert("Time".to_owned(), Value::Number(seconds));
        }
        let added = resources.iter().cloned().map(Value::String);
        match entry.get_mut("Resources") {
            Some(Value::Array(there)) => there.extend(added),
            None | Some(Value::Null) => {
                entry.insert("Resources".to_owned(), Value::Array(added.collect()));
            }
            // The service says what is wrong with it.
            Some(_) => {}
        }
    }
    Ok(Value::Object(parameters))
}

type Invoke = (String, Vec<(&'static str, String)>, Vec<u8>);

/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
fn invoke(parameters: &Map<String, Value>) -> Result<Invoke, StepFailure> {
    let word = |name: &'static str| match parameters.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(failure::parameters(&format!(
            "The value for the field '{name}' must be a STRING without spaces"
        ))),
    };
    let function = word("FunctionName")?
        // A path of dots would be another operation's.
        .filter(|name| name.contains(|c: char| c != '.'))
        .ok_or_else(|| failure::parameters("The field 'FunctionName' is required but was missing"))?;
    let mut path = format!("/2015-03-31/functions/{}/invocations", encoded(&function));
    if let Some(qualifier) = word("Qualifier")? {
        path = format!("{path}?Qualifier={}", encoded(&qualifier));
    }
    let mut headers = vec![("content-type", "application/json".to_owned())];
    for (name, header) in [
        ("InvocationType", "x-amz-invocation-type"),
        ("LogType", "x-amz-log-type"),
        ("ClientContext", "x-amz-client-context"),
    ] {
        headers.extend(word(name)?.map(|value| (header, value)));
    }
    let body = parameters.get("Payload").map(Value::to_string).unwrap_or_default();
    Ok((path, headers, body.into_bytes()))
}

/// Percent-encoding, of all but the characters that never need it (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// 32 hex digits with hyphens; anything else as it is, where a header can hold it.
fn uuid(key: &str) -> String {
    let part = |range| key.get(range).unwrap_or_default();
    match key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => {
            format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
        }
        false => key.chars().filter(char::is_ascii_alphanumeric).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(service: &str, action: &str, parameters: Value) -> IntegrationCall {
        IntegrationCall {
            service: service.into(),
            action: action.into(),
            parameters,
            resources: ["arn:e".to_owned(), "arn:m".to_owned()],
            idempotency_key: "0123456789abcdef0123456789abcdef".into(),
            deadline_ms: 0,
        }
    }

    #[track_caller]
    fn check_body(service: &str, action: &str, parameters: Value, expected: &str) {
        let request = Request::new(&call(service, action, parameters)).unwrap();
        assert_eq!(String::from_utf8(request.body).unwrap(), expected);
    }

    #[track_caller]
    fn check_refused(service: &str, action: &str, parameters: Value, expected: &str) {
        let failure = Request::new(&call(service, action, parameters)).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert!(failure.cause.contains(expected), "{}", failure.cause);
    }

    #[test]
    fn parameters_go_out_as_they_were_written() {
        check_body(
            "dynamodb",
            "putItem",
            json!({"TableName": "t", "Item": {"id": {"S": "ä"}, "n": {"N": "1.50"}}}),
            r#"{"TableName":"t","Item":{"id":{"S":"ä"},"n":{"N":"1.50"}}}"#,
        );
    }

    #[test]
    fn an_object_is_sent_as_its_text() {
        check_body(
            "sqs",
            "sendMessage",
            json!({"QueueUrl": "q", "MessageBody": {"a": [1, 1.0]}}),
            r#"{"QueueUrl":"q","MessageBody":"{\"a\":[1,1.0]}"}"#,
        );
        check_body(
            "sqs",
            "sendMessage",
            json!({"QueueUrl": "q", "MessageBody": "a", "DelaySeconds": 3}),
            r#"{"QueueUrl":"q","MessageBody":"a","DelaySeconds":3}"#,
        );
        check_body(
            "sqs",
            "sendMessage",
            json!({"QueueUrl": "q", "MessageBody": null}),
            r#"{"QueueUrl":"q","MessageBody":null}"#,
        );
        check_body(
            "events",
            "putEvents",
            json!({"Entries": [{"Detail": {"a": 1}, "Source": "s", "Time": "2024-01-01T00:00:00Z"}, {"Detail": "{}"}]}),
            r#"{"Entries":[{"Detail":"{\"a\":1}","Source":"s","Time":1704067200.0,"Resources":["arn:e","arn:m"]},{"Detail":"{}","Resources":["arn:e","arn:m"]}]}"#,
        );
    }

    #[test]
    fn an_event_is_about_the_execution_too() {
        check_body(
            "events",
            "putEvents",
            json!({"Entries": [{"Resources": ["own"]}, {"Resources": null}, {"Resources": "own"}]}),
            r#"{"Entries":[{"Resources":["own","arn:e","arn:m"]},{"Resources":["arn:e","arn:m"]},{"Resources":"own"}]}"#,
        );
    }

    #[test]
    fn a_functions_payload_is_the_body_and_the_rest_is_around_it() {
        let parameters = json!({
            "FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f",
            "Payload": "text",
            "Qualifier": "$LATEST",
            "InvocationType": "Event",
            "LogType": "None",
        });
        let request = Request::new(&call("lambda", "invoke", parameters)).unwrap();
        assert_eq!(
            request.path,
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations?Qualifier=%24LATEST"
        );
        assert_eq!(request.body, br#""text""#);
        assert!(request.headers.contains(&("x-amz-invocation-type", "Event".into())));
        assert_eq!(request.invocation_id, "01234567-89ab-cdef-0123-456789abcdef");
        check_body("lambda", "invoke", json!({"FunctionName": "f"}), "");
    }

    #[test]
    fn what_makes_no_request_is_told_by_name() {
        check_refused("dynamodb", "query", json!({}), "`arn:aws:states:::dynamodb:query` can't be run here");
        check_refused("ecs", "runTask", json!({}), "`arn:aws:states:::ecs:runTask` can't be run here");
        check_refused("dynamodb", "getItem", json!([]), "they are no object");
        check_refused("dynamodb", "getItem", json!({"TableName": "t"}), "'Key' is required");
        check_refused("sqs", "sendMessage", json!({"QueueUrl": "q", "Body": "x"}), "'Body' is not supported");
        check_refused("lambda", "invoke", json!({"FunctionName": ".."}), "'FunctionName' is required");
        check_refused("lambda", "invoke", json!({"FunctionName": 5}), "'FunctionName' must be a STRING");
        check_refused(
            "lambda",
            "invoke",
            json!({"FunctionName": "f", "ClientContext": "a\r\nx-amz-evil: 1"}),
            "'ClientContext' must be",
        );
        check_refused("events", "putEvents", json!({"Entries": [{"Time": "noon"}]}), "'Time' must be");
    }
}
