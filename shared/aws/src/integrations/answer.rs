//! From a service's answer to a state's result.

use super::{
    failure::{Failed, Refusal},
    request::Request,
    service::Service,
    sns,
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn request_id(&self) -> Option<String> {
        self.header("x-amzn-requestid").map(str::to_owned)
    }

    fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// The result of the state, before its ResultSelector.
pub(super) fn result(request: &Request, answer: Answer) -> Result<Value, Failed> {
    let service = request.service;
    if !(200..300).contains(&answer.status) {
        return Err(Failed::refused(service, &refusal(service, &answer)));
    }
    match service {
        Service::Lambda => invoked(&answer),
        Service::Events => entries(&answer),
        Service::Sns => {
            let read = sns::answer(&answer.text());
            let (members, request_id) =
                read.ok_or_else(|| Failed::unreadable(service, "it has no MessageId"))?;
            Ok(with_metadata(service, members, &answer, request_id))
        }
        Service::Sqs | Service::DynamoDb => {
            Ok(with_metadata(service, members(service, &answer)?, &answer, answer.request_id()))
        }
    }
}

fn members(service: Service, answer: &Answer) -> Result<Map<String, Value>, Failed> {
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Failed::unreadable(service, "it is no object")),
        Err(_) => Err(Failed::unreadable(service, "it is not JSON")),
    }
}

/// What the function returned, or how it failed.
fn invoked(answer: &Answer) -> Result<Value, Failed> {
    let text = answer.text();
    let payload = serde_json::from_str::<Value>(&text).ok();
    if answer.header("x-amz-function-error").is_some() {
        let error = payload.as_ref().and_then(|payload| payload.get("errorType")).and_then(Value::as_str);
        return Err(match error.filter(|error| !error.is_empty()) {
            Some(error) => Failed::of_function(error.to_owned(), text.into_owned()),
            None => Failed::of_function(
                "Lambda.Unknown".to_owned(),
                format!(
                    "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
                ),
            ),
        });
    }
    let mut members = Map::new();
    let version = answer.header("x-amz-executed-version");
    members.extend(version.map(|version| ("ExecutedVersion".to_owned(), json!(version))));
    let log = answer.header("x-amz-log-result");
    members.extend(log.map(|log| ("LogResult".to_owned(), json!(log))));
    members.insert("Payload".to_owned(), payload.unwrap_or_else(|| Value::String(text.into_owned())));
    members.insert("StatusCode".to_owned(), json!(answer.status));
    Ok(with_metadata(Service::Lambda, members, answer, answer.request_id()))
}

/// An answer of 200 may still say that entries failed, and then the state does.
fn entries(answer: &Answer) -> Result<Value, Failed> {
    let mut members = members(Service::Events, answer)?;
    let failed = members.get("FailedEntryCount").cloned().unwrap_or_else(|| json!(0));
    let entries = members.remove("Entries").unwrap_or_else(|| json!([]));
    let result = json!({ "Entries": entries, "FailedEntryCount": failed });
    match failed.as_u64() {
        Some(0) => Ok(result),
        _ => Err(Failed::entries(result.to_string())),
    }
}

/// The result as Step Functions gives it: with what is known of the answer itself, all by name.
fn with_metadata(
    service: Service,
    mut members: Map<String, Value>,
    answer: &Answer,
    request_id: Option<String>,
) -> Value {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in &answer.headers {
        let name = shown(service, name);
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => all.push((name, vec![value])),
        }
    }
    let object = |value: &dyn Fn(&[&str]) -> Value| -> Map<String, Value> {
        all.iter().map(|(name, values)| ((*name).to_owned(), value(values))).collect()
    };
    members.insert(
        "SdkHttpMetadata".to_owned(),
        json!({
            "AllHttpHeaders": object(&|values| json!(values)),
            "HttpHeaders": object(&|values| json!(values.first())),
            "HttpStatusCode": answer.status,
        }),
    );
    if let Some(request_id) = request_id {
        members.insert("SdkResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
    }
    members.sort_keys();
    Value::Object(members)
}

/// A header's name as the services write it: HTTP doesn't tell, histories do.
fn shown(service: Service, name: &str) -> &str {
    match (name, service) {
        ("connection", Service::Sqs | Service::Sns) => "connection",
        ("connection", _) => "Connection",
        ("content-length", _) => "Content-Length",
        ("content-type", _) => "Content-Type",
        ("date", _) => "Date",
        ("server", _) => "Server",
        ("x-amz-executed-version", _) => "X-Amz-Executed-Version",
        ("x-amz-log-result", _) => "X-Amz-Log-Result",
        ("x-amzn-remapped-content-length", _) => "x-amzn-Remapped-Content-Length",
        ("x-amzn-requestid", _) => "x-amzn-RequestId",
        ("x-amzn-trace-id", _) => "X-Amzn-Trace-Id",
        (name, _) => name,
    }
}

/// What the service said of a call that it didn't do. Nothing of it may be missing, and all may be strange.
fn refusal(service: Service, answer: &Answer) -> Refusal {
    if service == Service::Sns {
        let refusal = sns::refusal(answer.status, &answer.text());
        return Refusal { request_id: refusal.request_id.or_else(|| answer.request_id()), ..refusal };
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let member = |names: [&str; 2]| names.into_iter().find_map(|name| body.get(name)?.as_str());
    let exception = answer.header("x-amzn-errortype").or_else(|| member(["__type", "code"]));
    // `com.amazonaws.sqs#QueueDoesNotExist`, `ResourceNotFoundException:http://internal…`
    let exception = exception.unwrap_or_default();
    let exception = exception.split(':').next().unwrap_or_default();
    let exception = exception.rsplit('#').next().unwrap_or_default();
    // SQS has older names for its errors (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html).
    let older = answer.header("x-amzn-query-error").and_then(|older| older.split(';').next());
    Refusal {
        status: answer.status,
        exception: exception.to_owned(),
        code: older.unwrap_or(exception).to_owned(),
        message: member(["message", "Message"]).unwrap_or("null").to_owned(),
        request_id: answer.request_id(),
    }
}
