//! One queue: its messages, ordered by the time at which they become visible.
//!
//! Every operation costs O(log n) for each message that it touches; nothing scans the queue.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::sync::Notify;

use super::attributes::QueueAttributes;
use super::error::{ErrorKind, SqsError, error};
use super::message::MessageContent;
use super::ready::{Place, Ready};
use super::receipt::Receipt;
use crate::limits;

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Received {
    pub content: Arc<MessageContent>,
    pub receipt_handle: String,
    /// How often it has been received by now, in the queues before a dead-letter queue too.
    pub receive_count: u32,
    /// Milliseconds since 1970.
    pub first_received_at_ms: u64,
    /// The ARN of the queue that gave it up, in a dead-letter queue.
    pub dead_letter_source_arn: Option<Arc<str>>,
}

/// How many messages a queue holds, by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

#[derive(Debug)]
pub(crate) struct Queue {
    /// Never given twice, so that handles of a deleted queue don't fit one of the same name.
    pub(crate) uid: u64,
    pub(crate) arn: Arc<str>,
    pub(crate) attributes: QueueAttributes,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_at_ms: u64,
    pub(crate) modified_at_ms: u64,
    pub(crate) purged_at_ms: Option<u64>,
    /// Rung when a message may have become visible, or will become so at another time.
    pub(crate) bell: Arc<Notify>,
    messages: HashMap<u64, Message>,
    /// Visible messages, in the order in which they are received.
    ready: Ready,
    /// Delayed messages and those in flight, by (the time they become visible, key).
    waiting: BTreeSet<(u64, u64)>,
    /// All messages by (sent time, key): the first one expires first.
    by_age: BTreeSet<(u64, u64)>,
    delayed: usize,
    bytes: usize,
}

/// A message on its way through queues.
#[derive(Debug)]
pub(crate) struct Message {
    content: Arc<MessageContent>,
    visible_at_ms: u64,
    /// Where it stands among the visible ones, while it is one.
    place: Place,
    state: State,
    /// All receives, as ApproximateReceiveCount shows them.
    receive_count: u32,
    /// Receives in this queue, which its redrive policy counts.
    receives_here: u32,
    first_received_at_ms: Option<u64>,
    dead_letter_source_arn: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Delayed,
    InFlight,
}

/// What a receive takes: how many messages, for how long, up to which size.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveOptions {
    /// At least 1. The API allows 10; the Lambda trigger takes larger batches.
    pub messages_max: usize,
    /// Seconds; the queue's own if `None`.
    pub visibility_timeout_s: Option<u32>,
    /// Bytes of all messages together, as a Lambda event writes them.
    pub event_bytes_max: usize,
}

impl Default for ReceiveOptions {
    fn default() -> Self {
        Self { messages_max: 1, visibility_timeout_s: None, event_bytes_max: usize::MAX }
    }
}

impl Queue {
    pub(crate) fn new(uid: u64, arn: Arc<str>, attributes: QueueAttributes, now_ms: u64) -> Self {
        Self {
            uid,
            arn,
            attributes,
            tags: BTreeMap::new(),
            created_at_ms: now_ms,
            modified_at_ms: now_ms,
            purged_at_ms: None,
            bell: Arc::new(Notify::new()),
            messages: HashMap::new(),
            ready: Ready::default(),
            waiting: BTreeSet::new(),
            by_age: BTreeSet::new(),
            delayed: 0,
            bytes: 0,
        }
    }

    /// Lets time pass: what is due becomes visible, what is too old is gone. Returns the bytes set free.
    pub(crate) fn advance(&mut self, now_ms: u64) -> usize {
        while let Some(&(at, key)) = self.waiting.first() {
            if at > now_ms {
                break;
            }
            self.waiting.pop_first();
            if let Some(message) = self.messages.get_mut(&key) {
                if message.state == State::Delayed {
                    self.delayed -= 1;
                }
                message.state = State::Ready;
                message.place = self.ready.insert(message.content.group.as_ref(), at, key);
            }
        }
        let before = self.bytes;
        let retention_ms = u64::from(self.attributes.retention_s) * 1_000;
        while let Some(&(sent_at, key)) = self.by_age.first() {
            if sent_at.saturating_add(retention_ms) > now_ms {
                break;
            }
            self.remove(key);
        }
        before - self.bytes
    }

    /// Puts a new message in, visible after `delay_s`.
    pub(crate) fn push(&mut self, key: u64, content: Arc<MessageContent>, delay_s: u32, now_ms: u64) {
        let message = Message {
            content,
            visible_at_ms: now_ms + u64::from(delay_s) * 1_000,
            place: Place::default(),
            state: if delay_s == 0 { State::Ready } else { State::Delayed },
            receive_count: 0,
            receives_here: 0,
            first_received_at_ms: None,
            dead_letter_source_arn: None,
        };
        self.insert(key, message);
    }

    /// Takes a message over from the queue that gave it up. Its age and its receive count go on.
    pub(crate) fn push_dead(&mut self, key: u64, mut message: Message, source_arn: Arc<str>, now_ms: u64) {
        message.visible_at_ms = now_ms;
        message.state = State::Ready;
        message.receives_here = 0;
        message.dead_letter_source_arn = Some(source_arn);
        self.insert(key, message);
    }

    /// The message that would be received next: its key, and the ARN of the queue that gave it up.
    pub(crate) fn first_ready(&self) -> Option<(u64, Option<Arc<str>>)> {
        let key = self.ready.first()?;
        Some((key, self.messages.get(&key)?.dead_letter_source_arn.clone()))
    }

    /// Takes a message out, for another queue of the same server: its bytes stay counted.
    pub(crate) fn take(&mut self, key: u64) -> Option<Arc<MessageContent>> {
        self.remove(key).map(|message| message.content)
    }

    fn insert(&mut self, key: u64, mut message: Message) {
        let place = (message.visible_at_ms, key);
        match message.state {
            State::Ready => {
                message.place = self.ready.insert(message.content.group.as_ref(), message.visible_at_ms, key);
            }
            State::Delayed => {
                self.delayed += 1;
                self.waiting.insert(place);
            }
            State::InFlight => drop(self.waiting.insert(place)),
        }
        self.by_age.insert((message.content.sent_at_ms, key));
        self.bytes += message.content.size;
        self.messages.insert(key, message);
        self.bell.notify_waiters();
    }

    fn remove(&mut self, key: u64) -> Option<Message> {
        let message = self.messages.remove(&key)?;
        let place = (message.visible_at_ms, key);
        match message.state {
            State::Ready => self.ready.remove(message.content.group.as_ref(), message.place),
            State::Delayed => {
                self.delayed -= 1;
                self.waiting.remove(&place);
            }
            State::InFlight => drop(self.waiting.remove(&place)),
        }
        self.by_age.remove(&(message.content.sent_at_ms, key));
        self.bytes -= message.content.size;
        Some(message)
    }

    /// Receives visible messages: the groups take turns, and of a group the one that has been visible for longest is first.
    ///
    /// `receives_max` is the redrive policy's count if its dead-letter queue exists: a message that was received
    /// as often goes to `dead` instead. AWS moves it at the receive that would be one too many as well.
    pub(crate) fn receive(
        &mut self,
        options: ReceiveOptions,
        receives_max: Option<u32>,
        now_ms: u64,
        dead: &mut Vec<Message>,
    ) -> Result<Vec<Received>, SqsError> {
        let mut received = Vec::new();
        let mut event_bytes = 0_usize;
        let timeout_s = options.visibility_timeout_s.unwrap_or(self.attributes.visibility_timeout_s);
        while received.len() < options.messages_max {
            let Some(key) = self.ready.first() else {
                break;
            };
            let Some(message) = self.messages.get_mut(&key) else {
                break;
            };
            if receives_max.is_some_and(|max| message.receives_here >= max) {
                dead.extend(self.remove(key));
                continue;
            }
            if self.waiting.len() - self.delayed >= limits::IN_FLIGHT_MAX {
                let message = "Too many messages in flight; delete some before you receive more.";
                return if received.is_empty() {
                    Err(error(ErrorKind::OverLimit, message))
                } else {
                    Ok(received)
                };
            }
            event_bytes = event_bytes.saturating_add(message.content.event_size);
            if event_bytes > options.event_bytes_max && !received.is_empty() {
                break;
            }
            self.ready.take(message.content.group.as_ref(), message.place);
            message.state = State::InFlight;
            message.visible_at_ms = now_ms + u64::from(timeout_s) * 1_000;
            message.receive_count = message.receive_count.saturating_add(1);
            message.receives_here = message.receives_here.saturating_add(1);
            let first_received_at_ms = *message.first_received_at_ms.get_or_insert(now_ms);
            self.waiting.insert((message.visible_at_ms, key));
            received.push(Received {
                content: Arc::clone(&message.content),
                receipt_handle: Receipt { queue: self.uid, message: key, receive: message.receive_count }
                    .encode(),
                receive_count: message.receive_count,
                first_received_at_ms,
                dead_letter_source_arn: message.dead_letter_source_arn.clone(),
            });
        }
        Ok(received)
    }

    /// Deletes by any handle of the message, also an old one, as standard queues do. Returns the bytes set free.
    /// A message that is gone already is no error.
    pub(crate) fn delete(&mut self, receipt_handle: &str) -> Result<usize, SqsError> {
        let key = self.key(receipt_handle)?;
        Ok(self.remove(key).map_or(0, |message| message.content.size))
    }

    /// Sets the time from now at which a message in flight becomes visible again.
    pub(crate) fn change_visibility(
        &mut self,
        receipt_handle: &str,
        timeout_s: u32,
        now_ms: u64,
    ) -> Result<(), SqsError> {
        let key = self.key(receipt_handle)?;
        let in_flight = self.messages.get_mut(&key).filter(|message| message.state == State::InFlight);
        let Some(message) = in_flight else {
            let message = format!(
                "Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is \
                 not available for visibility timeout change."
            );
            return Err(error(ErrorKind::InvalidParameterValue, message));
        };
        self.waiting.remove(&(message.visible_at_ms, key));
        message.visible_at_ms = now_ms + u64::from(timeout_s) * 1_000;
        self.waiting.insert((message.visible_at_ms, key));
        self.bell.notify_waiters();
        Ok(())
    }

    fn key(&self, receipt_handle: &str) -> Result<u64, SqsError> {
        match Receipt::decode(receipt_handle) {
            Some(receipt) if receipt.queue == self.uid => Ok(receipt.message),
            _ => {
                let message =
                    format!("The input receipt handle \"{receipt_handle}\" is not a valid receipt handle.");
                Err(error(ErrorKind::ReceiptHandleIsInvalid, message))
            }
        }
    }

    /// Forgets all messages, those in flight too. Returns the bytes set free.
    pub(crate) fn clear(&mut self) -> usize {
        self.messages.clear();
        self.ready.clear();
        self.waiting.clear();
        self.by_age.clear();
        self.delayed = 0;
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn counts(&self) -> QueueCounts {
        QueueCounts {
            visible: self.ready.len(),
            in_flight: self.waiting.len() - self.delayed,
            delayed: self.delayed,
        }
    }

    /// Whether a receive would find something to take or to move.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next message becomes visible by itself.
    pub(crate) fn next_visible_at_ms(&self) -> Option<u64> {
        self.waiting.first().map(|&(at, _)| at)
    }
}
