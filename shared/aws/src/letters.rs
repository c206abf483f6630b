//! Looking into a queue that no function polls, or that one has given up: what an operator does with its messages.
//!
//! SQS has no way to look at a message without receiving it. So a look holds what it reads for a moment, and lets go of it
//! at its end; if it is interrupted, SQS does that by itself after [`LETTER_HELD_SECONDS`].

use crate::{
    AwsHost,
    error::{never, world_error},
    limits::{BATCH_ENTRIES_MAX, LETTER_HELD_SECONDS, LETTER_WAIT_SECONDS},
};
use aws_sdk_sqs::{
    error::ProvideErrorMetadata,
    types::{ListMessageMoveTasksResultEntry, Message, MessageSystemAttributeName, QueueAttributeName},
};
use futures::future::BoxFuture;
use std::collections::HashSet;
use stepladder_protocol::{
    Backlog, Depths, Go, Host, Kept, Letter, LookEnd, Looked, Queue, QueueName, WorldResult,
};

/// One queue, as an operator handles it.
#[derive(Debug)]
pub struct Letters<'h> {
    host: &'h AwsHost,
    queue: QueueName,
    url: String,
}

/// How a queue's messages moved back to where they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    Running {
        moved: u64,
    },
    Completed {
        moved: u64,
    },
    /// It ended before all had moved, for a reason in AWS's words.
    Failed {
        moved: u64,
        why: String,
    },
}

impl AwsHost {
    /// One of the stack's queues; `None` if it isn't there.
    pub async fn letters(&self, queue: QueueName) -> WorldResult<Option<Letters<'_>>> {
        let url = self.queue().url(&queue).await?;
        Ok(url.map(|url| Letters { host: self, queue, url }))
    }
}

impl Backlog for AwsHost {
    fn depths<'a>(&'a self, queue: &'a QueueName) -> BoxFuture<'a, WorldResult<Option<Depths>>> {
        Box::pin(async move {
            match self.letters(queue.clone()).await? {
                Some(letters) => letters.counts().await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn look<'a>(
        &'a self,
        kept: Kept,
        letters_max: usize,
        see: &'a mut (dyn FnMut(Letter) -> Go + Send),
    ) -> BoxFuture<'a, WorldResult<Option<Looked>>> {
        Box::pin(async move {
            match self.letters(kept.queue()).await? {
                Some(letters) => letters.look(letters_max, see).await.map(Some),
                None => Ok(None),
            }
        })
    }
}

impl Letters<'_> {
    fn operation(&self, what: &str) -> String {
        format!("{what} queue {}", self.queue.short())
    }

    /// Up to ten messages, held for [`LETTER_HELD_SECONDS`]. None: there is no further one that nobody holds. It waits
    /// [`LETTER_WAIT_SECONDS`] for one, because only a receive that waits asks all of SQS's servers
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>).
    pub async fn receive(&self) -> WorldResult<Vec<Letter>> {
        let answer = self
            .host
            .sqs()
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(BATCH_ENTRIES_MAX).unwrap_or(i32::MAX))
            .visibility_timeout(LETTER_HELD_SECONDS)
            .wait_time_seconds(LETTER_WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| world_error(self.operation("look into"), &error))?;
        answer.messages.unwrap_or_default().into_iter().map(|message| self.letter(message)).collect()
    }

    fn letter(&self, message: Message) -> WorldResult<Letter> {
        let attribute = |name| message.attributes.as_ref().and_then(|attributes| attributes.get(&name));
        let sent_ms = attribute(MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
        let count = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
        let receive_count = count.and_then(|text| text.parse().ok()).unwrap_or(1);
        let gave_up = attribute(MessageSystemAttributeName::DeadLetterQueueSourceArn)
            .and_then(|arn| arn.rsplit(':').next())
            .and_then(|name| {
                name.strip_prefix(self.host.queue().full_name(&QueueName::Step(String::new())).as_str())
            })
            .map(str::to_owned);
        match (message.message_id, message.receipt_handle, message.body) {
            (Some(message_id), Some(receipt), Some(body)) => {
                Ok(Letter { message_id, receipt, body, sent_ms, receive_count, gave_up })
            }
            _ => Err(never(
                self.operation("look into"),
                "the answer has a message without an id, a receipt or a body",
            )),
        }
    }

    /// Shows each message of the queue to `see`, once, until it has seen enough, there is no further one, or so many were looked
    /// at; then everybody sees them again.
    pub async fn look(
        &self,
        letters_max: usize,
        mut see: impl FnMut(Letter) -> Go + Send,
    ) -> WorldResult<Looked> {
        let (mut held, mut seen) = (Vec::new(), HashSet::new());
        let looked = self.look_holding(letters_max, &mut see, &mut held, &mut seen).await;
        self.release(held).await?;
        Ok(Looked { letters: seen.len(), end: looked? })
    }

    async fn look_holding(
        &self,
        letters_max: usize,
        see: &mut (impl FnMut(Letter) -> Go + Send),
        held: &mut Vec<String>,
        seen: &mut HashSet<String>,
    ) -> WorldResult<LookEnd> {
        loop {
            let received = self.receive().await?;
            if received.is_empty() {
                return Ok(LookEnd::Whole);
            }
            held.extend(received.iter().map(|letter| letter.receipt.clone()));
            let mut end = None;
            for letter in received {
                // SQS has let go of the first ones already: now they stand before those that were not seen.
                if !seen.insert(letter.message_id.clone()) {
                    end = Some(LookEnd::TooLate);
                    continue;
                }
                if see(letter) == Go::Stop {
                    return Ok(LookEnd::Stopped);
                }
            }
            if let Some(end) = end {
                return Ok(end);
            }
            if seen.len() >= letters_max {
                return Ok(LookEnd::Full);
            }
        }
    }

    /// Lets go of messages: everybody sees them again.
    pub async fn release(&self, receipts: Vec<String>) -> WorldResult<()> {
        let receipts: Vec<(String, u32)> = receipts.into_iter().map(|receipt| (receipt, 0)).collect();
        self.host.queue().change_visibility(&self.queue, &receipts).await
    }

    /// Deletes a message. One that is gone already is no error.
    pub async fn delete(&self, receipt: &str) -> WorldResult<()> {
        let deletion = self.host.sqs().delete_message().queue_url(&self.url).receipt_handle(receipt);
        deletion
            .send()
            .await
            .map(|_| ())
            .map_err(|error| world_error(self.operation("delete a message of"), &error))
    }

    /// How many messages there are.
    pub async fn counts(&self) -> WorldResult<Depths> {
        let answer = self
            .host
            .sqs()
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| world_error(self.operation("count the messages of"), &error))?;
        let count = |name| {
            let attributes = answer.attributes.as_ref();
            attributes.and_then(|known| known.get(&name)).and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(Depths {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        })
    }

    /// Lets SQS move all messages of this dead-letter queue back to the queues that gave them up
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>). False: this
    /// SQS doesn't know such tasks.
    pub async fn start_move(&self) -> WorldResult<bool> {
        let task = self.host.sqs().start_message_move_task().source_arn(self.arn().await?);
        match task.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_unknown(error.code()) => Ok(false),
            Err(error) => Err(world_error(self.operation("move the messages back of"), &error)),
        }
    }

    /// When the newest move was started, in milliseconds since the epoch; `None` if there was none, or this SQS knows no
    /// moves. To be read before [`Letters::start_move`], for [`Letters::moved`].
    pub async fn last_move(&self) -> WorldResult<Option<i64>> {
        Ok(self.newest_move().await?.map(|task| task.started_timestamp()))
    }

    /// How far a move has come that isn't the one of `before`; `None` if there is none yet: the list may be behind.
    pub async fn moved(&self, before: Option<i64>) -> WorldResult<Option<Moved>> {
        Ok(self.newest_move().await?.and_then(|task| moved(&task, before)))
    }

    async fn newest_move(&self) -> WorldResult<Option<ListMessageMoveTasksResultEntry>> {
        let tasks = self.host.sqs().list_message_move_tasks().source_arn(self.arn().await?).max_results(1);
        match tasks.send().await {
            Ok(answer) => Ok(answer.results.unwrap_or_default().into_iter().next()),
            Err(error) if is_unknown(error.code()) => Ok(None),
            Err(error) => Err(world_error(self.operation("look at the move of"), &error)),
        }
    }

    async fn arn(&self) -> WorldResult<String> {
        let operation = || self.operation("find the ARN of");
        let answer = self
            .host
            .sqs()
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(|error| world_error(operation(), &error))?;
        let arn = answer.attributes.and_then(|mut known| known.remove(&QueueAttributeName::QueueArn));
        arn.ok_or_else(|| never(operation(), "the answer has none"))
    }
}

/// What a task tells, unless it is the one that was started at `before`.
fn moved(task: &ListMessageMoveTasksResultEntry, before: Option<i64>) -> Option<Moved> {
    if before == Some(task.started_timestamp()) {
        return None;
    }
    let moved = u64::try_from(task.approximate_number_of_messages_moved()).unwrap_or(0);
    Some(match task.status() {
        Some("COMPLETED") => Moved::Completed { moved },
        Some("RUNNING" | "CANCELLING") => Moved::Running { moved },
        status => {
            let why = task.failure_reason().or(status).unwrap_or("no reason is told");
            Moved::Failed { moved, why: why.to_owned() }
        }
    })
}

/// What emulators answer to an operation that they don't have.
fn is_unknown(code: Option<&str>) -> bool {
    const UNKNOWN: [&str; 6] = [
        "InvalidAction",
        "NotImplemented",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "AWS.SimpleQueueService.UnsupportedOperation",
    ];
    code.is_some_and(|code| UNKNOWN.contains(&code.rsplit('#').next().unwrap_or(code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operation_that_is_not_there_is_done_another_way() {
        let codes = ["InvalidAction", "UnsupportedOperation", "com.amazonaws.sqs#UnsupportedOperation"];
        for code in codes.into_iter().chain(["AWS.SimpleQueueService.UnsupportedOperation", "NotImplemented"])
        {
            assert!(is_unknown(Some(code)), "{code}");
        }
        for code in ["AccessDenied", "ResourceNotFoundException", "InvalidParameterValue", "RequestThrottled"]
        {
            assert!(!is_unknown(Some(code)), "{code}");
        }
        assert!(!is_unknown(None));
    }

    #[test]
    fn an_earlier_move_is_not_taken_for_the_one_that_was_started() {
        let task = ListMessageMoveTasksResultEntry::builder()
            .status("COMPLETED")
            .started_timestamp(1_000)
            .approximate_number_of_messages_moved(3)
            .build();
        assert_eq!(moved(&task, Some(1_000)), None);
        assert_eq!(moved(&task, Some(999)), Some(Moved::Completed { moved: 3 }));
        assert_eq!(moved(&task, None), Some(Moved::Completed { moved: 3 }));
    }
}
