//! SQS over HTTP: one operation from its JSON to its JSON.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::json;

use super::error::{ErrorKind, SqsError, error};
use super::message::{NewMessage, message_size, new_uuid};
use super::queue::ReceiveOptions;
use super::queues::Queues;
use super::shared::SharedQueues;
use super::wire::{
    Batch, BatchResponse, CancelMessageMoveTask, ChangeEntry, ChangeMessageVisibility, CreateQueue,
    DeleteEntry, DeleteMessage, EntryId, FailedEntry, GetQueueAttributes, GetQueueUrl,
    ListDeadLetterSourceQueues, ListMessageMoveTasks, ListQueues, OfQueue, QueueUrl, ReceiveMessage,
    ReceivedResponse, SendEntry, SentResponse, SetQueueAttributes, StartMessageMoveTask, TagQueue,
    UntagQueue, WireMessage, WireMoveTask, WireReceived,
};
use crate::limits;

/// Answers one request. `operation` is what follows `AmazonSQS.` in X-Amz-Target; `origin` is `http://host:port`
/// as the client calls this server, for the queue URLs.
pub(crate) async fn handle(
    queues: &SharedQueues,
    operation: &str,
    origin: &str,
    body: &[u8],
) -> Response<Full<Bytes>> {
    let (status, body, failed) = match call(queues, operation, origin, body).await {
        Ok(body) => (StatusCode::OK, body, None),
        Err(error) => {
            let body = json!({ "__type": error.kind.type_name(), "message": error.message })
                .to_string()
                .into_bytes();
            (StatusCode::BAD_REQUEST, body, Some(error.kind))
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(id) = HeaderValue::try_from(new_uuid()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    if let Some(kind) = failed
        && let Ok(code) = HeaderValue::try_from(format!("{};Sender", kind.query_code()))
    {
        headers.insert(HeaderName::from_static("x-amzn-query-error"), code);
    }
    response
}

async fn call(
    queues: &SharedQueues,
    operation: &str,
    origin: &str,
    body: &[u8],
) -> Result<Vec<u8>, SqsError> {
    match operation {
        // The hot ones first.
        "SendMessage" => {
            let queue: OfQueue = parse(body)?;
            let name = queue_name(&queue.queue_url)?;
            let message = parse::<WireMessage>(body)?.into_message()?;
            let sent = queues.with(|queues, now_ms| queues.send(name, message, now_ms))?;
            write(&sent_response(None, sent))
        }
        "SendMessageBatch" => send_batch(queues, parse(body)?),
        "ReceiveMessage" => receive(queues, parse(body)?).await,
        "DeleteMessage" => {
            let request: DeleteMessage = parse(body)?;
            let name = queue_name(&request.queue_url)?;
            queues.with(|queues, _| queues.delete(name, &request.receipt_handle))?;
            empty()
        }
        "DeleteMessageBatch" => {
            let request: Batch<DeleteEntry> = parse(body)?;
            let name = queue_name(&request.queue_url)?;
            check_entries(request.entries.iter().map(|entry| entry.id.as_str()))?;
            let entries = request.entries.into_iter().map(|entry| (entry.id, entry.receipt_handle)).collect();
            each_entry(queues, name, entries, |queues, handle, _| queues.delete(name, &handle))
        }
        "ChangeMessageVisibility" => {
            let request: ChangeMessageVisibility = parse(body)?;
            let name = queue_name(&request.queue_url)?;
            let timeout_s =
                seconds("VisibilityTimeout", request.visibility_timeout, limits::VISIBILITY_TIMEOUT_S_MAX)?;
            queues.with(|queues, now_ms| {
                queues.change_visibility(name, &request.receipt_handle, timeout_s, now_ms)
            })?;
            empty()
        }
        "ChangeMessageVisibilityBatch" => {
            let request: Batch<ChangeEntry> = parse(body)?;
            let name = queue_name(&request.queue_url)?;
            check_entries(request.entries.iter().map(|entry| entry.id.as_str()))?;
            let entries = request.entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect();
            each_entry(queues, name, entries, |queues, entry: ChangeEntry, now_ms| {
                let timeout = entry.visibility_timeout.unwrap_or_default();
                let timeout_s = seconds("VisibilityTimeout", timeout, limits::VISIBILITY_TIMEOUT_S_MAX)?;
                queues.change_visibility(name, &entry.receipt_handle, timeout_s, now_ms)
            })
        }
        _ => manage(queues, operation, origin, body),
    }
}

/// The operations on queues themselves.
fn manage(queues: &SharedQueues, operation: &str, origin: &str, body: &[u8]) -> Result<Vec<u8>, SqsError> {
    match operation {
        "CreateQueue" => {
            let request: CreateQueue = parse(body)?;
            let attributes = request.attributes.unwrap_or_default();
            let tags = request.tags.unwrap_or_default();
            queues.with(|queues, now_ms| {
                queues.create(&request.queue_name, &attributes, tags, now_ms)?;
                write(&QueueUrl { queue_url: queue_url(queues, origin, &request.queue_name) })
            })
        }
        "GetQueueUrl" => {
            let request: GetQueueUrl = parse(body)?;
            queues.with(|queues, _| {
                queues.arn(&request.queue_name)?;
                write(&QueueUrl { queue_url: queue_url(queues, origin, &request.queue_name) })
            })
        }
        "DeleteQueue" => {
            let request: OfQueue = parse(body)?;
            queues.with(|queues, _| queues.delete_queue(queue_name(&request.queue_url)?))?;
            empty()
        }
        "PurgeQueue" => {
            let request: OfQueue = parse(body)?;
            queues.with(|queues, now_ms| queues.purge(queue_name(&request.queue_url)?, now_ms))?;
            empty()
        }
        "ListQueues" => {
            let request: ListQueues = parse(body)?;
            let (max, paged) = page_size(request.max_results)?;
            let prefix = request.queue_name_prefix.unwrap_or_default();
            queues.with(|queues, _| {
                let after = request.next_token.as_deref();
                let names = queues.names(&prefix, after).take(max + 1).collect();
                write(&page(queues, origin, "QueueUrls", names, max, paged))
            })
        }
        "ListDeadLetterSourceQueues" => {
            let request: ListDeadLetterSourceQueues = parse(body)?;
            let (max, paged) = page_size(request.max_results)?;
            let name = queue_name(&request.queue_url)?;
            queues.with(|queues, _| {
                let mut names = queues.dead_letter_sources(name)?;
                names.retain(|name| request.next_token.as_deref().is_none_or(|after| *name > after));
                names.truncate(max + 1);
                // The model writes this one list in lower case.
                write(&page(queues, origin, "queueUrls", names, max, paged))
            })
        }
        "GetQueueAttributes" => {
            let request: GetQueueAttributes = parse(body)?;
            let name = queue_name(&request.queue_url)?;
            let all = queues.with(|queues, now_ms| queues.attributes(name, now_ms))?;
            let wanted = request.attribute_names.unwrap_or_default();
            let chosen = choose_attributes(all, &wanted)?;
            if chosen.is_empty() { empty() } else { write(&json!({ "Attributes": chosen })) }
        }
        "SetQueueAttributes" => {
            let request: SetQueueAttributes = parse(body)?;
            let name = queue_name(&request.queue_url)?;
            queues.with(|queues, now_ms| queues.set_attributes(name, &request.attributes, now_ms))?;
            empty()
        }
        "TagQueue" => {
            let request: TagQueue = parse(body)?;
            queues.with(|queues, _| queues.tag(queue_name(&request.queue_url)?, request.tags))?;
            empty()
        }
        "UntagQueue" => {
            let request: UntagQueue = parse(body)?;
            queues.with(|queues, _| queues.untag(queue_name(&request.queue_url)?, &request.tag_keys))?;
            empty()
        }
        "ListQueueTags" => {
            let request: OfQueue = parse(body)?;
            let tags = queues.with(|queues, _| queues.tags(queue_name(&request.queue_url)?))?;
            write(&json!({ "Tags": tags }))
        }
        "StartMessageMoveTask" => {
            let request: StartMessageMoveTask = parse(body)?;
            let rate = match request.max_number_of_messages_per_second {
                None => None,
                Some(rate) => {
                    Some(in_range("MaxNumberOfMessagesPerSecond", rate, 1..=limits::MOVES_PER_SECOND_MAX)?)
                }
            };
            let destination = request.destination_arn.as_deref();
            let handle = queues
                .with(|queues, now_ms| queues.start_move(&request.source_arn, destination, rate, now_ms))?;
            write(&json!({ "TaskHandle": handle }))
        }
        "ListMessageMoveTasks" => {
            let request: ListMessageMoveTasks = parse(body)?;
            let shown = u32::try_from(limits::MOVE_TASKS_SHOWN_MAX).unwrap_or(u32::MAX);
            let max = match request.max_results {
                None => 1,
                Some(max) => in_range("MaxResults", max, 1..=shown)?,
            };
            queues.with(|queues, _| {
                let tasks = queues.moves(&request.source_arn)?.iter().take(max as usize);
                let tasks: Vec<WireMoveTask> = tasks.map(WireMoveTask::of).collect();
                write(&json!({ "Results": tasks }))
            })
        }
        "CancelMessageMoveTask" => {
            let request: CancelMessageMoveTask = parse(body)?;
            queues.with(|queues, _| queues.cancel_move(&request.task_handle))?;
            empty()
        }
        "AddPermission" | "RemovePermission" => {
            let message = format!("The local queue server doesn't support {operation}.");
            Err(error(ErrorKind::UnsupportedOperation, message))
        }
        _ => {
            let message = format!("The action {operation} is not valid for this endpoint.");
            Err(error(ErrorKind::UnknownOperation, message))
        }
    }
}

fn send_batch(queues: &SharedQueues, request: Batch<SendEntry>) -> Result<Vec<u8>, SqsError> {
    let name = queue_name(&request.queue_url)?;
    check_entries(request.entries.iter().map(|entry| entry.id.as_str()))?;
    let mut messages: Vec<(String, Result<NewMessage, SqsError>)> = Vec::with_capacity(request.entries.len());
    for entry in request.entries {
        let (id, message) = entry.split();
        messages.push((id, message.into_message()));
    }
    let size: usize =
        messages.iter().filter_map(|(_, message)| message.as_ref().ok()).map(message_size).sum();
    if size > limits::BATCH_BYTES_MAX {
        let message = format!(
            "Batch requests cannot be longer than {} bytes. You have sent {size} bytes.",
            limits::BATCH_BYTES_MAX
        );
        return Err(error(ErrorKind::BatchRequestTooLong, message));
    }
    let mut response = BatchResponse { successful: Vec::new(), failed: Vec::new() };
    queues.with(|queues, now_ms| {
        queues.arn(name)?;
        for (id, message) in messages {
            match message.and_then(|message| queues.send(name, message, now_ms)) {
                Ok(sent) => response.successful.push(sent_response(Some(id), sent)),
                Err(error) => response.failed.push(FailedEntry::new(id, error)),
            }
        }
        Ok(())
    })?;
    write(&response)
}

async fn receive(queues: &SharedQueues, request: ReceiveMessage<'_>) -> Result<Vec<u8>, SqsError> {
    let name = queue_name(&request.queue_url)?;
    let messages_max = match request.max_number_of_messages {
        None => 1,
        Some(count) => u32::try_from(count)
            .ok()
            .filter(|count| (1..=limits::RECEIVE_MESSAGES_MAX).contains(count))
            .ok_or_else(|| {
                let message = format!(
                    "Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
                );
                error(ErrorKind::InvalidParameterValue, message)
            })?,
    };
    let visibility_timeout_s = request
        .visibility_timeout
        .map(|timeout| seconds("VisibilityTimeout", timeout, limits::VISIBILITY_TIMEOUT_S_MAX))
        .transpose()?;
    let wait_s = match request.wait_time_seconds {
        Some(wait) => seconds("WaitTimeSeconds", wait, limits::WAIT_TIME_S_MAX)?,
        None => queues.with(|queues, _| queues.wait_time_s(name))?,
    };
    let mut system = request.attribute_names.unwrap_or_default();
    system.extend(request.message_system_attribute_names.unwrap_or_default());
    if let Some(unknown) = system.iter().find(|name| !SYSTEM_ATTRIBUTES.contains(&name.as_str())) {
        return Err(error(ErrorKind::InvalidAttributeName, format!("Unknown Attribute {unknown}.")));
    }
    let named = request.message_attribute_names.unwrap_or_default();
    let options = ReceiveOptions {
        messages_max: messages_max as usize,
        visibility_timeout_s,
        event_bytes_max: usize::MAX,
    };
    let received = queues.receive(name, options, Duration::from_secs(u64::from(wait_s))).await?;
    let sender_id = queues.with(|queues, _| queues.account_id().to_owned());
    let messages =
        received.iter().map(|message| WireReceived::new(message, &sender_id, &system, &named)).collect();
    write(&ReceivedResponse { messages })
}

const SYSTEM_ATTRIBUTES: &[&str] = &[
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Does `work` for each entry under one lock; one that fails doesn't keep the others from succeeding.
fn each_entry<Entry>(
    queues: &SharedQueues,
    name: &str,
    entries: Vec<(String, Entry)>,
    work: impl Fn(&mut Queues, Entry, u64) -> Result<(), SqsError>,
) -> Result<Vec<u8>, SqsError> {
    let mut response = BatchResponse { successful: Vec::new(), failed: Vec::new() };
    queues.with(|queues, now_ms| {
        queues.arn(name)?;
        for (id, entry) in entries {
            match work(queues, entry, now_ms) {
                Ok(()) => response.successful.push(EntryId { id }),
                Err(error) => response.failed.push(FailedEntry::new(id, error)),
            }
        }
        Ok(())
    })?;
    write(&response)
}

/// One to ten entries, each with a good id of its own.
fn check_entries<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), SqsError> {
    let count = ids.len();
    if count == 0 {
        return Err(error(
            ErrorKind::EmptyBatchRequest,
            "There should be at least one entry in the request.",
        ));
    }
    if count > limits::BATCH_ENTRIES_MAX {
        let message = format!("Maximum number of entries per request are 10. You have sent {count}.");
        return Err(error(ErrorKind::TooManyEntriesInBatchRequest, message));
    }
    let mut seen: Vec<&str> = Vec::with_capacity(count);
    for id in ids {
        let allowed = (1..=limits::BATCH_ENTRY_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !allowed {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                           It can be at most 80 letters long.";
            return Err(error(ErrorKind::InvalidBatchEntryId, message));
        }
        if seen.contains(&id) {
            return Err(error(ErrorKind::BatchEntryIdsNotDistinct, format!("Id {id} repeated.")));
        }
        seen.push(id);
    }
    Ok(())
}

fn choose_attributes(
    mut all: BTreeMap<String, String>,
    wanted: &[String],
) -> Result<BTreeMap<String, String>, SqsError> {
    const ALSO_KNOWN: &[&str] = &[
        "All",
        "Policy",
        "RedrivePolicy",
        "RedriveAllowPolicy",
        "KmsMasterKeyId",
        "KmsDataKeyReusePeriodSeconds",
        "FifoQueue",
        "ContentBasedDeduplication",
        "DeduplicationScope",
        "FifoThroughputLimit",
    ];
    if let Some(unknown) =
        wanted.iter().find(|name| !all.contains_key(*name) && !ALSO_KNOWN.contains(&name.as_str()))
    {
        return Err(error(ErrorKind::InvalidAttributeName, format!("Unknown Attribute {unknown}.")));
    }
    all.retain(|name, _| wanted.iter().any(|wanted| wanted == "All" || wanted == name));
    Ok(all)
}

/// How many names a page has, and whether the client pages at all.
fn page_size(max_results: Option<i64>) -> Result<(usize, bool), SqsError> {
    match max_results {
        None => Ok((limits::LIST_QUEUES_PAGE_MAX, false)),
        Some(max) => match usize::try_from(max) {
            Ok(max) if (1..=limits::LIST_QUEUES_PAGE_MAX).contains(&max) => Ok((max, true)),
            _ => {
                let message = format!(
                    "Value {max} for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000."
                );
                Err(error(ErrorKind::InvalidParameterValue, message))
            }
        },
    }
}

/// A page of queue URLs. As on AWS, only who asked for a page size gets a token for the next page.
fn page(
    queues: &Queues,
    origin: &str,
    key: &str,
    mut names: Vec<&str>,
    max: usize,
    paged: bool,
) -> serde_json::Value {
    let more = names.len() > max;
    names.truncate(max);
    let token = if more && paged { names.last().copied() } else { None };
    let urls: Vec<String> = names.iter().map(|name| queue_url(queues, origin, name)).collect();
    let mut response = json!({});
    if let Some(fields) = response.as_object_mut() {
        if !urls.is_empty() || key == "queueUrls" {
            fields.insert(key.to_owned(), urls.into());
        }
        if let Some(token) = token {
            fields.insert("NextToken".to_owned(), token.into());
        }
    }
    response
}

fn sent_response(id: Option<String>, sent: super::queues::Sent) -> SentResponse {
    SentResponse {
        id,
        message_id: sent.message_id,
        md5_of_body: sent.md5_of_body,
        md5_of_attributes: sent.md5_of_attributes,
        md5_of_system_attributes: sent.md5_of_system_attributes,
    }
}

/// The last part of a queue's URL. A bare name is taken too.
fn queue_name(queue_url: &str) -> Result<&str, SqsError> {
    match queue_url.trim_end_matches('/').rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(error(ErrorKind::MissingParameter, "The request must contain the parameter QueueUrl.")),
    }
}

fn queue_url(queues: &Queues, origin: &str, name: &str) -> String {
    format!("{origin}/{}/{name}", queues.account_id())
}

fn seconds(parameter: &str, value: i64, max: u32) -> Result<u32, SqsError> {
    u32::try_from(value).ok().filter(|value| *value <= max).ok_or_else(|| {
        let message = format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be >= 0 and <= {max}, if provided."
        );
        error(ErrorKind::InvalidParameterValue, message)
    })
}

fn in_range(parameter: &str, value: i64, range: RangeInclusive<u32>) -> Result<u32, SqsError> {
    u32::try_from(value).ok().filter(|value| range.contains(value)).ok_or_else(|| {
        let (start, end) = range.into_inner();
        let message = format!(
            "Value {value} for parameter {parameter} is invalid. Reason: Must be between {start} and {end}, if provided."
        );
        error(ErrorKind::InvalidParameterValue, message)
    })
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, SqsError> {
    // A request without parameters may come without a body.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|failed| {
        let text = failed.to_string();
        match text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(name) => {
                error(ErrorKind::MissingParameter, format!("The request must contain the parameter {name}."))
            }
            None => error(ErrorKind::Serialization, format!("The request is not readable: {text}")),
        }
    })
}

fn write(response: &impl Serialize) -> Result<Vec<u8>, SqsError> {
    serde_json::to_vec(response).map_err(|failed| error(ErrorKind::Serialization, failed.to_string()))
}

fn empty() -> Result<Vec<u8>, SqsError> {
    Ok(b"{}".to_vec())
}
