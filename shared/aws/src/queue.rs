//! The stack's queues on SQS.

use crate::{
    error::{entry_error, later, never, world_error},
    limits::{
        ACTIVITY_RETENTION_SECONDS, ATTEMPT_TIMEOUT, BATCH_ENTRIES_MAX, CONNECT_TIMEOUT, NO_SUCH_QUEUE_TTL,
        VISIBILITY_SECONDS_MAX,
    },
};
use aws_sdk_sqs::{
    Client, config,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    error::ProvideErrorMetadata,
    types::{
        BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, MessageSystemAttributeName,
        QueueAttributeName, SendMessageBatchRequestEntry,
    },
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use stepladder_protocol::{Delivery, Outgoing, Queue, QueueName, Retry, SendError, WorldResult};

/// [`Queue`] on SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    stack: String,
    urls: Arc<Urls>,
}

impl Queue for SqsQueue {
    async fn send(
        &self,
        queue: &QueueName,
        messages: &[Outgoing],
    ) -> WorldResult<Vec<Result<(), SendError>>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let operation = format!("send {} messages to queue {}", messages.len(), queue.short());
        let Some(url) = self.url(queue).await? else {
            return Ok(no_such_queue(messages));
        };
        let mut entries = Vec::with_capacity(messages.len());
        for (index, message) in messages.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(&message.body)
                .delay_seconds(i32::try_from(message.delay_seconds).unwrap_or(i32::MAX))
                .set_message_group_id(message.group.clone())
                .build()
                .map_err(|error| never(operation.clone(), error.to_string()))?;
            entries.push(entry);
        }
        match self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await {
            Ok(answer) => Ok(answers(&operation, messages.len(), answer.failed(), &|index| {
                answer.successful().iter().any(|sent| sent.id() == index.to_string())
            })),
            Err(error) if is_no_such_queue(error.code()) => {
                self.urls.put(queue.short(), None);
                Ok(no_such_queue(messages))
            }
            Err(error) => Err(world_error(operation, &error)),
        }
    }

    async fn receive_one(
        &self,
        queue: &QueueName,
        wait_seconds: u32,
        hidden_seconds: u32,
    ) -> WorldResult<Option<Delivery>> {
        let operation = format!("receive from queue {}", queue.short());
        let Some(url) = self.url(queue).await? else {
            return Err(never(operation, "there is no such queue"));
        };
        let answer = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(1)
            .wait_time_seconds(i32::try_from(wait_seconds).unwrap_or(i32::MAX))
            .visibility_timeout(i32::try_from(hidden_seconds).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .config_override(patient(wait_seconds))
            .send()
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if is_no_such_queue(error.code()) {
                    self.urls.put(queue.short(), None);
                    return Err(never(operation, "there is no such queue"));
                }
                return Err(world_error(operation, &error));
            }
        };
        Ok(answer.messages.unwrap_or_default().into_iter().next().map(delivery))
    }

    async fn create(&self, queue: &QueueName) -> WorldResult<()> {
        let mut attributes = self.encryption().await?;
        attributes.insert(QueueAttributeName::MessageRetentionPeriod, ACTIVITY_RETENTION_SECONDS.to_string());
        let answer = self
            .client
            .create_queue()
            .queue_name(self.full_name(queue))
            .set_attributes(Some(attributes))
            .send()
            .await
            .map_err(|error| match error.code() {
                Some(code) if code.ends_with("QueueDeletedRecently") => later(
                    format!("make queue {}", queue.short()),
                    "one of that name was deleted less than a minute ago",
                ),
                _ => world_error(format!("make queue {}", queue.short()), &error),
            })?;
        self.urls.put(queue.short(), answer.queue_url);
        Ok(())
    }

    async fn remove(&self, queue: &QueueName) -> WorldResult<()> {
        let Some(url) = self.url(queue).await? else { return Ok(()) };
        let answer = self.client.delete_queue().queue_url(url).send().await;
        self.urls.put(queue.short(), None);
        match answer {
            Err(error) if !is_no_such_queue(error.code()) => {
                Err(world_error(format!("delete queue {}", queue.short()), &error))
            }
            _ => Ok(()),
        }
    }

    async fn delete(&self, queue: &QueueName, receipt: &str) -> WorldResult<()> {
        let operation = || format!("delete a message of queue {}", queue.short());
        let Some(url) = self.url(queue).await? else { return Ok(()) };
        let answer = self.client.delete_message().queue_url(url).receipt_handle(receipt).send().await;
        answer.map(drop).map_err(|error| world_error(operation(), &error))
    }

    async fn change_visibility(&self, queue: &QueueName, receipts: &[(String, u32)]) -> WorldResult<()> {
        let operation = || format!("hand messages back to queue {}", queue.short());
        if receipts.is_empty() {
            return Ok(());
        }
        let Some(url) = self.url(queue).await? else {
            return Err(never(operation(), "there is no such queue"));
        };
        for batch in receipts.chunks(BATCH_ENTRIES_MAX) {
            let mut entries = Vec::with_capacity(batch.len());
            for (index, (receipt, seconds)) in batch.iter().enumerate() {
                let seconds = (*seconds).min(VISIBILITY_SECONDS_MAX);
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(receipt)
                    .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                    .build()
                    .map_err(|error| never(operation(), error.to_string()))?;
                entries.push(entry);
            }
            // An entry that fails is of a message that is gone or was handed back already: nothing is left to do.
            self.client
                .change_message_visibility_batch()
                .queue_url(&url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| world_error(operation(), &error))?;
        }
        Ok(())
    }
}

impl SqsQueue {
    pub(crate) fn new(client: Client, stack: String) -> Self {
        Self { client, stack, urls: Arc::default() }
    }

    /// How the stack's queues are encrypted, as the one says that every stack has: a key of the customer, or SQS's own.
    async fn encryption(&self) -> WorldResult<HashMap<QueueAttributeName, String>> {
        let operation = || "read how the stack's queues are encrypted".to_owned();
        let url = self.url(&QueueName::Start).await?;
        let url = url.ok_or_else(|| never(operation(), "the stack has no start queue"))?;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .set_attribute_names(Some(ENCRYPTION.to_vec()))
            .send()
            .await
            .map_err(|error| world_error(operation(), &error))?;
        let mut attributes = answer.attributes.unwrap_or_default();
        attributes.retain(|name, value| ENCRYPTION.contains(name) && !value.is_empty());
        Ok(attributes)
    }

    /// The queue's name as SQS knows it.
    pub fn full_name(&self, queue: &QueueName) -> String {
        format!("{}-{}", self.stack, queue.short())
    }

    /// The queue's URL, asked for once. None: there is no such queue.
    pub async fn url(&self, queue: &QueueName) -> WorldResult<Option<String>> {
        if let Some(known) = self.urls.get(queue.short()) {
            return Ok(known);
        }
        match self.client.get_queue_url().queue_name(self.full_name(queue)).send().await {
            Ok(answer) => {
                self.urls.put(queue.short(), answer.queue_url.clone());
                Ok(answer.queue_url)
            }
            Err(error) if is_no_such_queue(error.code()) => {
                self.urls.put(queue.short(), None);
                Ok(None)
            }
            Err(error) => Err(world_error(format!("find queue {}", queue.short()), &error)),
        }
    }

    pub(crate) fn remember(&self, queue: &QueueName, url: String) {
        self.urls.put(queue.short(), Some(url));
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const ENCRYPTION: [QueueAttributeName; 3] = [
    QueueAttributeName::KmsMasterKeyId,
    QueueAttributeName::KmsDataKeyReusePeriodSeconds,
    QueueAttributeName::SqsManagedSseEnabled,
];

/// The queues' URLs by short name. That one is not there is forgotten after some seconds.
#[derive(Debug, Default)]
struct Urls(Mutex<HashMap<String, (Instant, Option<String>)>>);

impl Urls {
    fn get(&self, name: &str) -> Option<Option<String>> {
        let urls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked_at, url) = urls.get(name)?;
        (url.is_some() || asked_at.elapsed() < NO_SUCH_QUEUE_TTL).then(|| url.clone())
    }

    fn put(&self, name: &str, url: Option<String>) {
        let mut urls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        urls.insert(name.to_owned(), (Instant::now(), url));
    }
}

/// A receive waits for longer than other calls may take, and isn't repeated: what a lost answer had in it stays hidden.
fn patient(wait_seconds: u32) -> config::Builder {
    let time = Duration::from_secs(u64::from(wait_seconds)) + ATTEMPT_TIMEOUT;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(time)
        .operation_timeout(time)
        .build();
    config::Builder::new().timeout_config(timeouts).retry_config(RetryConfig::disabled())
}

fn delivery(message: aws_sdk_sqs::types::Message) -> Delivery {
    let number = |name: MessageSystemAttributeName| {
        message.attributes.as_ref().and_then(|attributes| attributes.get(&name)?.parse::<i64>().ok())
    };
    let receives = number(MessageSystemAttributeName::ApproximateReceiveCount);
    Delivery {
        receive_count: receives.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        sent_ms: number(MessageSystemAttributeName::SentTimestamp),
        message_id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    }
}

fn no_such_queue(messages: &[Outgoing]) -> Vec<Result<(), SendError>> {
    messages.iter().map(|_| Err(SendError::NoSuchQueue)).collect()
}

/// The JSON protocol's name, and the older query protocol's.
fn is_no_such_queue(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "QueueDoesNotExist"
                | "AWS.SimpleQueueService.NonExistentQueue"
                | "com.amazonaws.sqs#QueueDoesNotExist"
        )
    )
}

/// One answer per message, in the order of the messages.
fn answers(
    operation: &str,
    messages: usize,
    failed: &[BatchResultErrorEntry],
    was_sent: &dyn Fn(usize) -> bool,
) -> Vec<Result<(), SendError>> {
    let answer = |index: usize| {
        if let Some(entry) = failed.iter().find(|entry| entry.id() == index.to_string()) {
            let mut error = entry_error(operation.to_owned(), entry.code(), entry.message());
            // What is wrong with the message is the sender's fault; but a permission that lacks is that too.
            if error.retry == Retry::Never && !entry.sender_fault() {
                error.retry = Retry::Later;
            }
            return Err(SendError::Failed(error));
        }
        if was_sent(index) {
            return Ok(());
        }
        Err(SendError::Failed(later(
            operation.to_owned(),
            "the answer doesn't say what became of the message",
        )))
    };
    (0..messages).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_of_a_batch_has_its_own_answer() {
        let failed = [
            ("1", "InvalidMessageContents", true),
            ("2", "InternalFailure", false),
            ("3", "KmsAccessDenied", true),
            ("5", "RequestThrottled", true),
            ("6", "InvalidMessageContents", false),
        ]
        .map(|(id, code, sender_fault)| {
            BatchResultErrorEntry::builder().id(id).code(code).sender_fault(sender_fault).build().unwrap()
        });
        let answers = answers("send", 7, &failed, &|index| index == 0);
        let retries: Vec<_> = answers
            .iter()
            .map(|answer| match answer {
                Ok(()) => None,
                Err(SendError::Failed(error)) => Some(error.retry),
                Err(SendError::NoSuchQueue) => panic!(),
            })
            .collect();
        let (never, later) = (Some(Retry::Never), Some(Retry::Later));
        assert_eq!(retries, [None, never, later, later, later, Some(Retry::Throttled), later]);
    }

    #[test]
    fn a_queue_that_is_not_there_is_forgotten_again() {
        let urls = Urls::default();
        assert_eq!(urls.get("a"), None);
        urls.put("a", None);
        assert_eq!(urls.get("a"), Some(None));
        if let Some(entry) = urls.0.lock().unwrap().get_mut("a") {
            entry.0 -= NO_SUCH_QUEUE_TTL;
        }
        assert_eq!(urls.get("a"), None);
    }
}
