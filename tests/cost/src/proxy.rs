//! What the programs ask of the table and the queues: a proxy between them and the server, which counts.
//!
//! The programs are unmodified. Only their endpoint is another, and the table is told to say what each call has consumed.

use crate::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The calls that came by, each operation by its API name: `PutItem`, `SendMessageBatch`.
pub(crate) type Seen = BTreeMap<String, Calls>;

/// All calls of one operation.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calls {
    pub(crate) calls: u64,
    /// Refused or failed: they cost too, but nobody says how much.
    pub(crate) failed: u64,
    /// What the table says it has consumed, indexes included.
    pub(crate) capacity_units: f64,
    /// Requests as SQS bills them, by their size.
    pub(crate) billed_requests: u64,
    /// Messages that were sent, and the bytes of their bodies.
    pub(crate) messages: u64,
    pub(crate) message_bytes: u64,
}

/// Listens on a port of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    url: String,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Upstream {
    origin: String,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The bytes that one billed request holds.
    request_bytes: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Proxy {
    /// Before the server at `origin`, `http://127.0.0.1:port`.
    pub(crate) async fn start(origin: &str, request_bytes: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let seen = Arc::new(Mutex::new(Seen::new()));
        let upstream = Upstream {
            origin: origin.to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            request_bytes,
            seen: Arc::clone(&seen),
        };
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let upstream = upstream.clone();
                tokio::spawn(async move {
                    // A connection that breaks is its client's to try again.
                    let _ = stream.set_nodelay(true);
                    let answer = service_fn(|request| upstream.answer(request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Ok(Self { url, seen, task })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What came by since the last look.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
        Ok(self.pass(request).await.unwrap_or_else(|error| {
            let mut response = Response::new(Full::new(Bytes::from(format!("the proxy failed: {error}"))));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }))
    }

    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let (mut parts, body) = request.into_parts();
        let mut body = body.collect().await?.to_bytes();
        let call = Call::of(&parts.headers);
        if let Some(Call::Table(_)) = &call {
            body = asking_for_capacity(&body)?;
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = format!("{}{path}", self.origin).parse::<Uri>()?;
        // The client sets both anew: the server wants its own name, and the body has grown.
        parts.headers.remove(header::HOST);
        parts.headers.remove(header::CONTENT_LENGTH);
        let sent = body.clone();
        let response = self.client.request(Request::from_parts(parts, Full::new(body))).await?;
        let (parts, answer) = response.into_parts();
        let answer = answer.collect().await?.to_bytes();
        if let Some(call) = call {
            self.note(&call, parts.status.is_success(), &sent, &answer);
        }
        Ok(Response::from_parts(parts, Full::new(answer)))
    }

    fn note(&self, call: &Call, succeeded: bool, sent: &[u8], answer: &[u8]) {
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (Call::Table(operation) | Call::Queue(operation)) = call;
        let calls = seen.entry(operation.clone()).or_default();
        calls.calls += 1;
        calls.failed += u64::from(!succeeded);
        match call {
            Call::Table(_) => calls.capacity_units += capacity_units(&read(answer)),
            Call::Queue(_) => {
                let (messages, bytes) = messages(&read(sent));
                calls.messages += messages;
                calls.message_bytes += bytes;
                calls.billed_requests += bytes.div_ceil(self.request_bytes).max(1);
            }
        }
    }
}

/// Which operation of which service a request asks for.
#[derive(Debug, Clone, PartialEq)]
enum Call {
    Table(String),
    Queue(String),
}

impl Call {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let target = headers.get("x-amz-target")?.to_str().ok()?;
        match target.split_once('.')? {
            ("DynamoDB_20120810", operation) => Some(Self::Table(operation.to_owned())),
            ("AmazonSQS", operation) => Some(Self::Queue(operation.to_owned())),
            _ => None,
        }
    }
}

/// The same request, which asks what it consumes. The server checks no signature.
fn asking_for_capacity(body: &[u8]) -> Result<Bytes> {
    let mut request: Value = serde_json::from_slice(body)?;
    if let Some(request) = request.as_object_mut() {
        request.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
    }
    Ok(serde_json::to_vec(&request)?.into())
}

/// One table's capacity, or the sum of several.
fn capacity_units(answer: &Value) -> f64 {
    let of = |consumed: &Value| consumed.get("CapacityUnits").and_then(Value::as_f64).unwrap_or_default();
    match answer.get("ConsumedCapacity") {
        Some(Value::Array(tables)) => tables.iter().map(of).sum(),
        Some(table) => of(table),
        None => 0.0,
    }
}

/// How many messages a request sends, and the bytes of their bodies.
fn messages(request: &Value) -> (u64, u64) {
    let bytes = |entry: &Value| entry.get("MessageBody")?.as_str().map(|body| body.len() as u64);
    let entries = match request.get("Entries").and_then(Value::as_array) {
        Some(entries) => entries.iter().collect(),
        None => vec![request],
    };
    entries.into_iter().filter_map(bytes).fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn capacity_comes_from_one_table_or_from_several() {
        assert_eq!(capacity_units(&json!({ "ConsumedCapacity": { "CapacityUnits": 2.0 } })), 2.0);
        let several = json!({ "ConsumedCapacity": [{ "CapacityUnits": 1.0 }, { "CapacityUnits": 0.5 }] });
        assert_eq!(capacity_units(&several), 1.5);
        assert_eq!(capacity_units(&json!({ "Attributes": {} })), 0.0);
    }

    #[test]
    fn messages_are_counted_in_a_batch_and_alone() {
        let batch =
            json!({ "Entries": [{ "Id": "0", "MessageBody": "ab" }, { "Id": "1", "MessageBody": "cde" }] });
        assert_eq!(messages(&batch), (2, 5));
        assert_eq!(messages(&json!({ "MessageBody": "ab" })), (1, 2));
        assert_eq!(messages(&json!({ "QueueName": "q" })), (0, 0));
    }

    #[test]
    fn a_request_asks_for_its_capacity_and_stays_the_same_else() {
        let asked = asking_for_capacity(br#"{"TableName":"t","Item":{"n":{"N":"1"}}}"#).unwrap();
        let expected =
            json!({ "TableName": "t", "Item": { "n": { "N": "1" } }, "ReturnConsumedCapacity": "TOTAL" });
        assert_eq!(serde_json::from_slice::<Value>(&asked).unwrap(), expected);
    }
}
