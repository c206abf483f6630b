//! What a function URL asks, and what it is answered: payload format 2.0
//! (<https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>).

use crate::event::{EventError, kind};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, SET_COOKIE},
};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value, json};
use std::{convert::Infallible, fmt::Display, future::poll_fn};

/// A service that answers, and never fails: a router, or what is written for its sake.
pub trait Service: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn answer(self, request: Asked) -> impl Future<Output = Response<Bytes>> + Send;
}

/// What is asked.
pub type Asked = Request<Full<Bytes>>;

impl<S, B> Service for S
where
    S: tower_service::Service<Asked, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Display + Send,
{
    async fn answer(mut self, request: Asked) -> Response<Bytes> {
        let Ok(()) = poll_fn(|context| self.poll_ready(context)).await;
        let Ok(response) = self.call(request).await;
        let (parts, body) = response.into_parts();
        match body.collect().await {
            Ok(body) => Response::from_parts(parts, body.to_bytes()),
            Err(error) => {
                tracing::warn!(error = %error, "an answer broke off");
                let mut response = Response::new(Bytes::from_static(b"the answer broke off"));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

/// What Lambda takes of an answer, in bytes: 6 MB, as it counts them
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const ANSWER_BYTES_MAX: usize = 6_291_556;

/// The request that an event holds. Whatever isn't of the documented shape is refused: then it wasn't a URL that sent it.
pub(crate) fn request(event: Value) -> Result<Asked, EventError> {
    let Value::Object(event) = event else {
        return Err(EventError::new(format!("the event is {}; {EXPECTED}", kind(&event))));
    };
    read(event).map_err(|why| EventError::new(format!("{why}; {EXPECTED}")))
}

const EXPECTED: &str = "a request of a function URL is expected, payload format 2.0: {\"version\": \"2.0\", \"requestContext\", \"rawPath\", \"headers\", …}";

fn read(mut event: Map<String, Value>) -> Result<Asked, String> {
    let version = text(&event, "version")?;
    if version != "2.0" {
        return Err(format!("the event's version is {version:?}"));
    }
    let context = event.get("requestContext").ok_or("requestContext is missing")?;
    let method = context.pointer("/http/method").and_then(Value::as_str);
    let method = method.ok_or("requestContext.http.method is missing, or no string")?;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| format!("requestContext.http.method is {method:?}, and no method"))?;
    let uri = uri(text(&event, "rawPath")?, text(&event, "rawQueryString")?)?;
    let headers = headers(&event)?;
    let body = body(&mut event)?;
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
    Ok(request)
}

/// Both come as they were sent, percent signs and all.
fn uri(path: &str, query: &str) -> Result<Uri, String> {
    if !path.starts_with('/') || path.contains(['?', '#']) {
        return Err("rawPath is no path".to_owned());
    }
    let whole = match query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    whole.parse().map_err(|_| "rawPath and rawQueryString are no URL".to_owned())
}

fn headers(event: &Map<String, Value>) -> Result<HeaderMap, String> {
    let Some(Value::Object(members)) = event.get("headers") else {
        return Err("headers is missing, or no object".to_owned());
    };
    let mut headers = HeaderMap::new();
    for (name, value) in members {
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        let value = value.as_str().and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        // Not the value: it may be a secret.
        let (Some(header), Some(value)) = (header, value) else {
            return Err(format!("headers.{name} is no header"));
        };
        headers.insert(header, value);
    }
    if let Some(cookies) = event.get("cookies").filter(|cookies| !cookies.is_null()) {
        let texts = cookies.as_array().map(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let cookies = texts.flatten().ok_or("cookies is no array of strings")?.join("; ");
        let cookies = HeaderValue::from_bytes(cookies.as_bytes()).map_err(|_| "cookies are no header")?;
        headers.insert(COOKIE, cookies);
    }
    Ok(headers)
}

fn body(event: &mut Map<String, Value>) -> Result<Bytes, String> {
    let is_base64 = match event.get("isBase64Encoded") {
        Some(Value::Bool(is_base64)) => *is_base64,
        Some(other) => return Err(format!("isBase64Encoded is {}, not a boolean", kind(other))),
        None => return Err("isBase64Encoded is missing".to_owned()),
    };
    match event.swap_remove("body") {
        None | Some(Value::Null) => Ok(Bytes::new()),
        Some(Value::String(body)) if is_base64 => {
            STANDARD.decode(body).map(Bytes::from).map_err(|_| "body is no base64".to_owned())
        }
        Some(Value::String(body)) => Ok(body.into()),
        Some(other) => Err(format!("body is {}, not a string", kind(&other))),
    }
}

fn text<'e>(event: &'e Map<String, Value>, name: &str) -> Result<&'e str, String> {
    match event.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("{name} is {}, not a string", kind(other))),
        None => Err(format!("{name} is missing")),
    }
}

/// An answer as the URL wants it.
pub(crate) fn written(response: Response<Bytes>) -> Value {
    let answer = write(response);
    let bytes = answer.to_string().len();
    if bytes <= ANSWER_BYTES_MAX {
        return answer;
    }
    // Lambda would say no more than that the function failed.
    let why = format!(
        "The answer has {bytes} bytes, and a function URL takes {ANSWER_BYTES_MAX}: ask for fewer results, or without data"
    );
    failed(StatusCode::BAD_REQUEST, "stepladder#AnswerTooLarge", &why)
}

/// The answer where the stack can't be asked: AWS's clients try again.
pub(crate) fn unavailable(why: &str) -> Value {
    failed(StatusCode::SERVICE_UNAVAILABLE, "com.amazon.coral.service#ServiceUnavailable", why)
}

/// An error in the form of AWS's JSON protocol.
fn failed(status: StatusCode, name: &str, message: &str) -> Value {
    let body = json!({ "__type": name, "message": message }).to_string();
    json!({
        "statusCode": status.as_u16(),
        "headers": { "content-type": "application/x-amz-json-1.0" },
        "body": body,
        "isBase64Encoded": false,
    })
}

fn write(response: Response<Bytes>) -> Value {
    let (parts, body) = response.into_parts();
    let mut headers = Map::new();
    // The URL counts the bytes by itself; cookies have a place of their own.
    for name in parts.headers.keys().filter(|name| ![CONTENT_LENGTH, SET_COOKIE].contains(name)) {
        headers.insert(name.to_string(), values(&parts.headers, name).join(",").into());
    }
    let (body, is_base64) = encoded(&parts.headers, body);
    let mut answer = json!({
        "statusCode": parts.status.as_u16(),
        "headers": headers,
        "body": body,
        "isBase64Encoded": is_base64,
    });
    let cookies = values(&parts.headers, &SET_COOKIE);
    if let (Some(answer), false) = (answer.as_object_mut(), cookies.is_empty()) {
        answer.insert("cookies".to_owned(), cookies.into());
    }
    answer
}

/// All values of a header; what is no text doesn't travel in JSON.
fn values(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let texts = headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    texts.map(str::to_owned).collect()
}

/// The body as text, or in base64: what is no text, and a text that is shorter so. JSON in JSON is full of backslashes.
fn encoded(headers: &HeaderMap, body: Bytes) -> (String, bool) {
    let is_packed = headers.contains_key(CONTENT_ENCODING);
    match std::str::from_utf8(&body) {
        Ok(text) if !is_packed && escaped_len(text) <= body.len().div_ceil(3) * 4 => (text.to_owned(), false),
        Ok("") => (String::new(), false),
        _ => (STANDARD.encode(&body), true),
    }
}

/// How many bytes a text takes within JSON, at least.
fn escaped_len(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
#[path = "url_test.rs"]
mod tests;
