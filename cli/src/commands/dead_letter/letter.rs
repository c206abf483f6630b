//! One message, as far as it can be read.

use super::Kept;
use crate::{limits, text::utc};
use serde::Serialize;
use serde_json::Value;
use stepladder_protocol::{KeptMessage, Letter, Parked, QueueName, body_to_resend};

/// A message as it is shown: the shape `stepladder.letter/1`. What can't be told is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Shown {
    pub schema: &'static str,
    /// The message's id in the queue that it is in now.
    pub id: String,
    /// `parked` or `dead-letter`.
    pub queue: &'static str,
    /// The queue that it was in before, without the stack's name.
    pub from: Option<String>,
    /// `workflow/name`
    pub run: Option<String>,
    /// What it asks for: step, timer, start …
    pub ask: Option<String>,
    pub state: Option<String>,
    /// Why it was parked.
    pub reason: Option<String>,
    /// When it came into the queue; of a dead letter, when it was first sent.
    pub sent_at: Option<String>,
    #[serde(skip)]
    pub sent_ms: Option<i64>,
    /// How often it was received before it was parked; of a dead letter, by now.
    pub receive_count: u32,
    /// The message's version, where it is newer than this program.
    pub newer_version: Option<u64>,
    /// It was too large to be kept whole.
    pub is_cut: bool,
    /// Only with `--payload`: the body's JSON, or its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// A message that is held, and what it tells.
#[derive(Debug)]
pub(super) struct Opened {
    pub letter: Letter,
    pub shown: Shown,
    /// What can be sent back, and where to.
    pub sendable: Result<(String, String), &'static str>,
}

impl Opened {
    pub(super) fn new(letter: Letter, kept: Kept) -> Self {
        let message = KeptMessage::read(&letter, kept.of_protocol(), bytes_max());
        let parked = Parked::read(&letter.body).filter(|_| kept == Kept::Parked);
        let sendable = match parked {
            Some(parked) => match parked.body_to_send() {
                Some(body) => Ok((parked.queue, body)),
                None => Err("its body was too large to be kept whole; start its run again"),
            },
            None => dead_sendable(&letter, message.ask),
        };
        Self { shown: Shown::new(message), letter, sendable }
    }

    /// The same with the body's content.
    pub(super) fn with_payload(mut self) -> Self {
        self.shown.payload = Some(KeptMessage::payload(&self.letter, bytes_max()));
        self
    }
}

/// Of a message that is no parked one: what can be sent back, and where to.
fn dead_sendable(letter: &Letter, ask: Option<&str>) -> Result<(String, String), &'static str> {
    // A rule of EventBridge that could not reach the start queue sends its start here itself.
    let start = (ask == Some("start")).then(|| QueueName::Start.short().to_owned());
    match letter.gave_up.clone().or(start) {
        Some(queue) => Ok((queue, body_to_resend(&letter.body, &letter.message_id))),
        None => Err("it doesn't tell the queue that it was in; name one by --to"),
    }
}

impl Shown {
    fn new(message: KeptMessage) -> Self {
        Self {
            schema: "stepladder.letter/1",
            id: message.id,
            queue: message.kept.short(),
            from: message.from,
            run: message.run,
            ask: message.ask.map(str::to_owned),
            state: message.state,
            reason: message.reason,
            sent_at: message.sent_ms.map(utc),
            sent_ms: message.sent_ms,
            receive_count: message.receive_count,
            newer_version: message.newer_version,
            is_cut: message.is_cut,
            payload: None,
        }
    }

    /// Whether the id of its message is to name its run.
    pub(super) fn is_nameless_start(&self) -> bool {
        self.ask.as_deref() == Some("start") && self.run.is_none()
    }

    /// What a person calls it: the run and what it is about.
    pub(super) fn about(&self) -> String {
        let run = self.run.as_deref().unwrap_or("a message of no known run");
        match (&self.state, &self.ask) {
            (Some(state), _) => format!("{run}, {state}"),
            (None, Some(ask)) => format!("{run}, {ask}"),
            (None, None) => run.to_owned(),
        }
    }
}

fn bytes_max() -> usize {
    usize::try_from(limits::INPUT_BYTES_MAX).unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn letter(body: &Value) -> Letter {
        Letter {
            message_id: "8c1f-2".into(),
            receipt: "r".into(),
            body: body.to_string(),
            sent_ms: Some(1_000),
            receive_count: 2,
            gave_up: None,
        }
    }

    fn parked(body: &str) -> Value {
        json!({ "v": 1, "reason": "its definition is gone", "queue": "charge", "message_id": "m-1",
                "receive_count": 5, "run": "order/17", "body": body })
    }

    #[test]
    fn a_parked_message_tells_its_run_and_its_reason() {
        let opened = Opened::new(letter(&parked("no JSON")), Kept::Parked);
        let shown = serde_json::to_value(&opened.shown).unwrap();
        let expected = json!({
            "schema": "stepladder.letter/1", "id": "8c1f-2", "queue": "parked", "from": "charge",
            "run": "order/17", "ask": null, "state": null, "reason": "its definition is gone",
            "sent_at": "1970-01-01T00:00:01.000Z", "receive_count": 5, "newer_version": null, "is_cut": false,
        });
        assert_eq!(shown, expected);
        assert_eq!(opened.sendable, Ok(("charge".into(), "no JSON".into())));
    }

    #[test]
    fn a_payload_is_shown_only_where_it_is_asked_for() {
        let opened =
            Opened::new(letter(&parked(r#"{"workflow":"order","input":{"card":"4711"}}"#)), Kept::Parked);
        assert_eq!((opened.shown.ask.as_deref(), &opened.shown.payload), (Some("start"), &None));
        assert_eq!(opened.with_payload().shown.payload.unwrap()["input"]["card"], "4711");
    }

    #[test]
    fn what_somebody_else_put_there_can_not_be_sent_back() {
        let opened = Opened::new(letter(&json!({ "hello": 1 })), Kept::Parked);
        assert_eq!((opened.shown.queue, opened.sendable.is_err()), ("parked", true));
        let dead = Letter { gave_up: Some("charge".into()), ..letter(&json!({ "hello": 1 })) };
        let opened = Opened::new(dead, Kept::DeadLetter);
        assert_eq!(opened.sendable, Ok(("charge".into(), r#"{"hello":1}"#.into())));
        assert_eq!((opened.shown.from.as_deref(), opened.shown.queue), (Some("charge"), "dead-letter"));
    }

    #[test]
    fn a_dead_start_without_a_name_keeps_the_one_that_it_has_had() {
        let dead = |body: &Value| Letter { gave_up: Some("start".into()), ..letter(body) };
        let opened = Opened::new(dead(&json!({ "workflow": "order" })), Kept::DeadLetter);
        assert!(opened.shown.is_nameless_start());
        let (to, body) = opened.sendable.unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((to.as_str(), &body["name"]), ("start", &json!("8c1f-2")));
        let named = Opened::new(dead(&json!({ "workflow": "order", "name": "17" })), Kept::DeadLetter);
        assert!(!named.shown.is_nameless_start());
    }

    #[test]
    fn a_start_that_came_from_no_queue_goes_to_the_start_queue() {
        let by_rule = letter(&json!({ "workflow": "order", "name": "17" }));
        let opened = Opened::new(by_rule, Kept::DeadLetter);
        assert_eq!(opened.shown.from, None);
        assert_eq!(opened.sendable.unwrap().0, "start");
    }
}
