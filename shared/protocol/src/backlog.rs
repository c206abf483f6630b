//! What lies in the queues of a stack, for whoever looks after it.

use crate::{
    glance::Glance,
    park::Parked,
    traits::{QueueName, WorldResult},
};
use futures::future::BoxFuture;
use serde_json::Value;

/// A look into the queues. It changes nothing but that each message that is looked at counts as received once more, and is
/// held for the moment of the look.
pub trait Backlog: Send + Sync {
    /// How many messages a queue holds, about; `None` if there is no such queue.
    fn depths<'a>(&'a self, queue: &'a QueueName) -> BoxFuture<'a, WorldResult<Option<Depths>>>;

    /// Shows the messages that nobody could handle to `see`, each once, until it has seen enough, there is no further one,
    /// or so many were looked at; `None` if there is no such queue.
    fn look<'a>(
        &'a self,
        kept: Kept,
        letters_max: usize,
        see: &'a mut (dyn FnMut(Letter) -> Go + Send),
    ) -> BoxFuture<'a, WorldResult<Option<Looked>>>;
}

/// How many messages a queue holds, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depths {
    pub visible: u64,
    /// Somebody holds them.
    pub in_flight: u64,
    pub delayed: u64,
}

/// The two queues in which messages stay that nobody could handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Messages that nobody can handle: unreadable, of a newer version, without their definition.
    Parked,
    /// Messages that their queues gave up; the function dead-letter goes on trying them by itself.
    DeadLetter,
}

impl Kept {
    pub fn queue(self) -> QueueName {
        match self {
            Kept::Parked => QueueName::Parked,
            Kept::DeadLetter => QueueName::DeadLetter,
        }
    }

    /// `parked` or `dead-letter`.
    pub fn short(self) -> &'static str {
        match self {
            Kept::Parked => "parked",
            Kept::DeadLetter => "dead-letter",
        }
    }
}

/// A message that is held for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub message_id: String,
    pub receipt: String,
    pub body: String,
    /// Milliseconds since the epoch.
    pub sent_ms: Option<i64>,
    /// How often it has been received, this time included.
    pub receive_count: u32,
    /// The queue that gave it up, without the stack's name; in a dead-letter queue.
    pub gave_up: Option<String>,
}

/// Whether to look further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    On,
    Stop,
}

/// How a look went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// So many messages were looked at.
    pub letters: usize,
    pub end: LookEnd,
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookEnd {
    /// There is no further message.
    Whole,
    /// Enough was seen.
    Stopped,
    /// As many were looked at as a look may hold.
    Full,
    /// Messages came again, because they were held for too long: some may not have been looked at.
    TooLate,
}

/// What a message tells that nobody could handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMessage {
    /// The message's id in the queue that it is in now.
    pub id: String,
    pub kept: Kept,
    /// The queue that it was in before, without the stack's name.
    pub from: Option<String>,
    /// `workflow/name`
    pub run: Option<String>,
    /// What it asks for, as [`Glance::ask`].
    pub ask: Option<&'static str>,
    pub state: Option<String>,
    /// Why it was parked.
    pub reason: Option<String>,
    /// When it came into the queue; of a dead letter, when it was first sent. In milliseconds since the epoch.
    pub sent_ms: Option<i64>,
    /// How often it was received before it was parked; of a dead letter, by now.
    pub receive_count: u32,
    /// The message's version, where it is newer than this code.
    pub newer_version: Option<u64>,
    /// It was too large to be kept whole.
    pub is_cut: bool,
}

impl KeptMessage {
    /// Reads a message of one of the two queues. `bytes_max` is what may be unpacked.
    pub fn read(letter: &Letter, kept: Kept, bytes_max: usize) -> Self {
        let parked = Parked::read(&letter.body).filter(|_| kept == Kept::Parked);
        let glance = Glance::at(parked.as_ref().map_or(&letter.body, |parked| &parked.body), bytes_max);
        let message = Self {
            id: letter.message_id.clone(),
            kept,
            from: letter.gave_up.clone(),
            run: glance.run.as_ref().map(ToString::to_string),
            ask: glance.ask,
            state: glance.state,
            reason: None,
            sent_ms: letter.sent_ms,
            receive_count: letter.receive_count,
            newer_version: glance.newer,
            is_cut: false,
        };
        match (parked, kept) {
            (Some(parked), _) => Self {
                is_cut: parked.is_cut(),
                from: Some(parked.queue),
                run: parked.run.or(message.run),
                reason: Some(parked.reason),
                receive_count: parked.receive_count,
                ..message
            },
            (None, Kept::Parked) => {
                Self { reason: Some("this version of stepladder did not park it".to_owned()), ..message }
            }
            (None, Kept::DeadLetter) => message,
        }
    }

    /// What it carries: the body's JSON, or its text.
    pub fn payload(letter: &Letter, bytes_max: usize) -> Value {
        let body = match Parked::read(&letter.body) {
            Some(parked) => parked.body,
            None => letter.body.clone(),
        };
        Glance::at(&body, bytes_max).json.unwrap_or(Value::String(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BYTES_MAX: usize = 1 << 20;

    fn letter(body: &Value) -> Letter {
        Letter {
            message_id: "8c1f-2".into(),
            receipt: "r".into(),
            body: body.to_string(),
            sent_ms: Some(1_000),
            receive_count: 2,
            gave_up: Some("charge".into()),
        }
    }

    #[test]
    fn a_parked_message_tells_what_it_was_parked_with() {
        let body = json!({ "v": 1, "reason": "its definition is gone", "queue": "ship", "message_id": "m-1",
            "receive_count": 5, "run": "order/17", "body": r#"{"workflow":"order","input":{"card":"4711"}}"# });
        let letter = letter(&body);
        let message = KeptMessage::read(&letter, Kept::Parked, BYTES_MAX);
        let told = (message.from.as_deref(), message.run.as_deref(), message.reason.as_deref());
        assert_eq!(told, (Some("ship"), Some("order/17"), Some("its definition is gone")));
        assert_eq!((message.ask, message.receive_count, message.is_cut), (Some("start"), 5, false));
        assert_eq!(KeptMessage::payload(&letter, BYTES_MAX)["input"]["card"], "4711");
    }

    #[test]
    fn what_is_no_message_of_ours_tells_where_it_was() {
        let letter = letter(&json!([1]));
        let dead = KeptMessage::read(&letter, Kept::DeadLetter, BYTES_MAX);
        assert_eq!((dead.from.as_deref(), dead.reason, dead.receive_count), (Some("charge"), None, 2));
        assert!(KeptMessage::read(&letter, Kept::Parked, BYTES_MAX).reason.is_some());
        assert_eq!(KeptMessage::payload(&letter, BYTES_MAX), json!([1]));
    }
}
