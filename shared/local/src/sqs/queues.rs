//! All queues of one account and region, as plain data: the time is an argument, nothing waits.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use tokio::sync::Notify;

use super::attributes::{QueueAttributes, fifo_refused};
use super::error::{ErrorKind, SqsError, error};
use super::message::{MessageContent, NewMessage, md5_of_attributes, md5_of_trace_header, message_size};
use super::moves::Moves;
use super::queue::{Queue, QueueCounts, ReceiveOptions, Received};
use crate::limits;

/// The queues of one account in one region. Times are milliseconds since 1970.
#[derive(Debug)]
pub struct Queues {
    region: String,
    account_id: String,
    queues: BTreeMap<String, Queue>,
    /// The last key given to a queue or a message.
    last_key: u64,
    /// Bytes of all messages.
    bytes: usize,
    pub(super) moves: Moves,
}

/// The answer to a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub message_id: String,
    pub md5_of_body: String,
    pub md5_of_attributes: Option<String>,
    pub md5_of_system_attributes: Option<String>,
}

impl Queues {
    /// No queues yet.
    pub fn new(region: impl Into<String>, account_id: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            account_id: account_id.into(),
            queues: BTreeMap::new(),
            last_key: 0,
            bytes: 0,
            moves: Moves::new(),
        }
    }

    /// The region in the queues' ARNs.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account in the queues' ARNs and URLs.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Creates a queue. The same name with the same values for the given attributes is no error.
    pub fn create(
        &mut self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: BTreeMap<String, String>,
        now_ms: u64,
    ) -> Result<(), SqsError> {
        check_queue_name(name)?;
        if let Some(queue) = self.queues.get(name) {
            return match queue.attributes.first_difference(attributes)? {
                None => Ok(()),
                Some(differs) => Err(error(
                    ErrorKind::QueueNameExists,
                    format!(
                        "A queue already exists with the same name and a different value for attribute {differs}"
                    ),
                )),
            };
        }
        if self.queues.len() >= limits::QUEUES_MAX {
            let message = format!("The local queue server holds at most {} queues.", limits::QUEUES_MAX);
            return Err(error(ErrorKind::OverLimit, message));
        }
        let mut checked = QueueAttributes::default();
        checked.set(attributes)?;
        self.check_redrive(&checked)?;
        let arn = format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account_id);
        let uid = self.next_key();
        let mut queue = Queue::new(uid, arn.into(), checked, now_ms);
        set_tags(&mut queue, tags)?;
        self.queues.insert(name.to_owned(), queue);
        Ok(())
    }

    /// Deletes a queue with its messages.
    pub fn delete_queue(&mut self, name: &str) -> Result<(), SqsError> {
        let mut queue = self.queues.remove(name).ok_or_else(|| does_not_exist(name))?;
        self.bytes -= queue.clear();
        self.moves.remove(name);
        // Whoever waits on the queue wakes up and finds it gone.
        queue.bell.notify_waiters();
        Ok(())
    }

    /// The names that begin with `prefix` and come after `after`, in order.
    pub fn names<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        let from = after.map_or(prefix, |after| after.max(prefix));
        self.queues
            .range::<str, _>((Bound::Included(from), Bound::Unbounded))
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(prefix))
            .filter(move |name| after != Some(*name))
    }

    /// Whether there is a queue of this name.
    pub fn exists(&self, name: &str) -> bool {
        self.queues.contains_key(name)
    }

    /// All attributes of a queue, the approximate numbers included, which are exact here.
    pub fn attributes(&mut self, name: &str, now_ms: u64) -> Result<BTreeMap<String, String>, SqsError> {
        let queue = self.advanced(name, now_ms)?;
        let counts = queue.counts();
        let mut shown = queue.attributes.shown();
        let mut put = |name: &str, value: String| shown.insert(name.to_owned(), value);
        put("ApproximateNumberOfMessages", counts.visible.to_string());
        put("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string());
        put("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
        put("CreatedTimestamp", (queue.created_at_ms / 1_000).to_string());
        put("LastModifiedTimestamp", (queue.modified_at_ms / 1_000).to_string());
        put("QueueArn", queue.arn.to_string());
        Ok(shown)
    }

    /// How many messages a queue holds.
    pub fn counts(&mut self, name: &str, now_ms: u64) -> Result<QueueCounts, SqsError> {
        Ok(self.advanced(name, now_ms)?.counts())
    }

    /// Changes attributes, all or none.
    pub fn set_attributes(
        &mut self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        now_ms: u64,
    ) -> Result<(), SqsError> {
        let mut changed = self.queue(name)?.attributes.clone();
        changed.set(attributes)?;
        self.check_redrive(&changed)?;
        let queue = self.queue_mut(name)?;
        queue.attributes = changed;
        queue.modified_at_ms = now_ms;
        queue.bell.notify_waiters();
        Ok(())
    }

    /// A queue's tags.
    pub fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, SqsError> {
        Ok(self.queue(name)?.tags.clone())
    }

    /// Adds tags or replaces their values.
    pub fn tag(&mut self, name: &str, tags: BTreeMap<String, String>) -> Result<(), SqsError> {
        set_tags(self.queue_mut(name)?, tags)
    }

    /// Removes tags; those that aren't there are no error.
    pub fn untag(&mut self, name: &str, keys: &[String]) -> Result<(), SqsError> {
        let queue = self.queue_mut(name)?;
        queue.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    }

    /// The names of the queues whose redrive policy points at this one, in order.
    pub fn dead_letter_sources(&self, name: &str) -> Result<Vec<&str>, SqsError> {
        self.queue(name)?;
        let points_here = |queue: &Queue| queue.attributes.redrive.as_ref().is_some_and(|r| r.target == name);
        Ok(self
            .queues
            .iter()
            .filter(|(_, queue)| points_here(queue))
            .map(|(name, _)| name.as_str())
            .collect())
    }

    /// Sends one message.
    pub fn send(&mut self, name: &str, message: NewMessage, now_ms: u64) -> Result<Sent, SqsError> {
        if self.bytes + message_size(&message) > limits::QUEUED_BYTES_MAX {
            let message = format!(
                "The local queue server holds at most {} bytes of messages; receive or purge some.",
                limits::QUEUED_BYTES_MAX
            );
            return Err(error(ErrorKind::OverLimit, message));
        }
        let key = self.next_key();
        let queue = self.queues.get_mut(name).ok_or_else(|| does_not_exist(name))?;
        let delay_s = message.delay_s.unwrap_or(queue.attributes.delay_s);
        if delay_s > limits::DELAY_S_MAX {
            let message = format!(
                "Value {delay_s} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= {}.",
                limits::DELAY_S_MAX
            );
            return Err(error(ErrorKind::InvalidParameterValue, message));
        }
        let content = MessageContent::new(message, queue.attributes.message_bytes_max, now_ms)?;
        let sent = Sent {
            message_id: content.message_id.clone(),
            md5_of_body: content.md5_of_body.clone(),
            md5_of_attributes: md5_of_attributes(
                content.attributes.iter().map(|(name, a)| (name.as_str(), a)),
            ),
            md5_of_system_attributes: content.trace_header.as_deref().and_then(md5_of_trace_header),
        };
        self.bytes += content.size;
        queue.push(key, Arc::new(content), delay_s, now_ms);
        Ok(sent)
    }

    /// Receives what is visible now, and moves what was received too often to the dead-letter queue.
    pub fn receive(
        &mut self,
        name: &str,
        options: ReceiveOptions,
        now_ms: u64,
    ) -> Result<Vec<Received>, SqsError> {
        if options.visibility_timeout_s.is_some_and(|timeout_s| timeout_s > limits::VISIBILITY_TIMEOUT_S_MAX)
        {
            return Err(visibility_refused());
        }
        let redrive = self.queue(name)?.attributes.redrive.clone();
        // Without its dead-letter queue a message stays where it is, as on AWS.
        let redrive = redrive.filter(|redrive| self.exists(&redrive.target));
        let mut dead = Vec::new();
        let queue = self.advanced(name, now_ms)?;
        let source_arn = Arc::clone(&queue.arn);
        let received = queue.receive(options, redrive.as_ref().map(|r| r.receives_max), now_ms, &mut dead)?;
        if let Some(redrive) = redrive {
            for message in dead {
                let key = self.next_key();
                if let Some(target) = self.queues.get_mut(&redrive.target) {
                    target.push_dead(key, message, Arc::clone(&source_arn), now_ms);
                }
            }
        }
        Ok(received)
    }

    /// Deletes a message by any of its handles.
    pub fn delete(&mut self, name: &str, receipt_handle: &str) -> Result<(), SqsError> {
        let freed = self.queue_mut(name)?.delete(receipt_handle)?;
        self.bytes -= freed;
        Ok(())
    }

    /// Makes a message in flight visible after `timeout_s` from now.
    pub fn change_visibility(
        &mut self,
        name: &str,
        receipt_handle: &str,
        timeout_s: u32,
        now_ms: u64,
    ) -> Result<(), SqsError> {
        if timeout_s > limits::VISIBILITY_TIMEOUT_S_MAX {
            return Err(visibility_refused());
        }
        self.advanced(name, now_ms)?.change_visibility(receipt_handle, timeout_s, now_ms)
    }

    /// Deletes all messages of a queue, at most once a minute as on AWS.
    pub fn purge(&mut self, name: &str, now_ms: u64) -> Result<(), SqsError> {
        let queue = self.queue_mut(name)?;
        if queue.purged_at_ms.is_some_and(|at| now_ms.saturating_sub(at) < limits::PURGE_INTERVAL_MS) {
            let message = format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds.");
            return Err(error(ErrorKind::PurgeQueueInProgress, message));
        }
        queue.purged_at_ms = Some(now_ms);
        let freed = queue.clear();
        self.bytes -= freed;
        Ok(())
    }

    /// How long a receive without a WaitTimeSeconds of its own waits, in seconds.
    pub(crate) fn wait_time_s(&self, name: &str) -> Result<u32, SqsError> {
        Ok(self.queue(name)?.attributes.wait_time_s)
    }

    /// Whether a receive would find something; else when it would by the passing of time, and what rings before.
    pub(crate) fn look(&mut self, name: &str, now_ms: u64) -> Result<Look, SqsError> {
        let queue = self.advanced(name, now_ms)?;
        Ok(Look { ready: queue.has_ready(), next_visible_at_ms: queue.next_visible_at_ms() })
    }

    /// What rings when the queue has changed.
    pub(crate) fn bell(&self, name: &str) -> Result<Arc<Notify>, SqsError> {
        Ok(Arc::clone(&self.queue(name)?.bell))
    }

    /// The ARN of a queue.
    pub fn arn(&self, name: &str) -> Result<Arc<str>, SqsError> {
        Ok(Arc::clone(&self.queue(name)?.arn))
    }

    pub(super) fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }

    pub(super) fn queue(&self, name: &str) -> Result<&Queue, SqsError> {
        self.queues.get(name).ok_or_else(|| does_not_exist(name))
    }

    pub(super) fn queue_mut(&mut self, name: &str) -> Result<&mut Queue, SqsError> {
        self.queues.get_mut(name).ok_or_else(|| does_not_exist(name))
    }

    /// The queue after the time that has passed.
    fn advanced(&mut self, name: &str, now_ms: u64) -> Result<&mut Queue, SqsError> {
        let queue = self.queues.get_mut(name).ok_or_else(|| does_not_exist(name))?;
        self.bytes -= queue.advance(now_ms);
        Ok(queue)
    }

    fn check_redrive(&self, attributes: &QueueAttributes) -> Result<(), SqsError> {
        match &attributes.redrive {
            Some(redrive) if !self.exists(&redrive.target) => {
                let message = format!(
                    "Value for parameter RedrivePolicy is invalid. Reason: Dead letter target {} does not exist.",
                    redrive.target
                );
                Err(error(ErrorKind::InvalidParameterValue, message))
            }
            _ => Ok(()),
        }
    }
}

/// What a look at a queue finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) ready: bool,
    pub(crate) next_visible_at_ms: Option<u64>,
}

fn check_queue_name(name: &str) -> Result<(), SqsError> {
    if name.ends_with(".fifo") {
        return Err(fifo_refused());
    }
    let allowed = (1..=limits::QUEUE_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if allowed {
        return Ok(());
    }
    let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(error(ErrorKind::InvalidParameterValue, message))
}

fn set_tags(queue: &mut Queue, tags: BTreeMap<String, String>) -> Result<(), SqsError> {
    let mut all = queue.tags.clone();
    all.extend(tags);
    if all.len() > limits::QUEUE_TAGS_MAX {
        let message = format!("A queue has at most {} tags.", limits::QUEUE_TAGS_MAX);
        return Err(error(ErrorKind::InvalidParameterValue, message));
    }
    queue.tags = all;
    Ok(())
}

fn visibility_refused() -> SqsError {
    let message = format!(
        "Value for parameter VisibilityTimeout is invalid. Reason: VisibilityTimeout must be an integer between 0 and {}.",
        limits::VISIBILITY_TIMEOUT_S_MAX
    );
    error(ErrorKind::InvalidParameterValue, message)
}

fn does_not_exist(name: &str) -> SqsError {
    error(ErrorKind::QueueDoesNotExist, format!("The specified queue does not exist: {name}"))
}
