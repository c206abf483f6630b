//! What a message's body tells to somebody who only looks at it.

use crate::{
    item::RunId,
    message::{Ask, MESSAGE_VERSION, Message, unpacked},
    park::Parked,
    start,
};
use serde_json::Value;

/// A body, as far as it can be read. Nothing is fetched: what lies in the blob store stays there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Glance {
    pub run: Option<RunId>,
    /// What it asks for: `start`, or one of [`Ask`], as it is spelled in the body.
    pub ask: Option<&'static str>,
    /// The state that it is about.
    pub state: Option<String>,
    /// Its version, where it is newer than what this code knows.
    pub newer: Option<u64>,
    /// The body's JSON, unpacked. It holds the payload.
    pub json: Option<Value>,
}

impl Glance {
    /// Reads a body of any queue of a stack but the parked one. `bytes_max` is what may be unpacked.
    pub fn at(body: &str, bytes_max: usize) -> Self {
        let json: Option<Value> =
            unpacked(body, bytes_max).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let run = Message::run_of(body, bytes_max).map(|key| key.id);
        let newer = json.as_ref().and_then(|json| json.get("v")?.as_u64());
        let newer = newer.filter(|version| *version > u64::from(MESSAGE_VERSION));
        if let Ok(message) = Message::decode(body, bytes_max) {
            let state = message.ask.position().map(|position| position.state.clone());
            return Self { run, ask: Some(name(&message.ask)), state, newer, json };
        }
        if let Some((workflow, name)) = start::named(body) {
            let run = name.map(|name| RunId::new(workflow, name));
            return Self { run, ask: Some("start"), json, ..Self::default() };
        }
        Self { run, newer, json, ..Self::default() }
    }
}

impl Parked {
    /// Reads a body of the parked queue; `None` if it isn't one that [`Parked`] has written.
    pub fn read(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }

    /// What can be sent back to [`Parked::queue`]: the body, where it is whole, as [`crate::body_to_resend`] makes it.
    pub fn body_to_send(&self) -> Option<String> {
        (!self.is_cut()).then(|| start::body_to_resend(&self.body, &self.message_id))
    }
}

fn name(ask: &Ask) -> &'static str {
    match ask {
        Ask::Step(_) => "step",
        Ask::Timer(_) => "timer",
        Ask::Outcome(..) => "outcome",
        Ask::Answered(..) => "answered",
        Ask::Untaken(_) => "untaken",
        Ask::Child(..) => "child",
        Ask::Open { .. } | Ask::OpenParts { .. } => "open",
        Ask::Gather { .. } => "gather",
        Ask::StopParts { .. } => "stop_parts",
        Ask::Join(_) => "join",
        Ask::Drain { .. } => "drain",
        Ask::Update(_) => "update",
        Ask::TimeOut => "time_out",
        Ask::Stop { .. } => "stop",
        Ask::Compensate { .. } => "compensate",
        Ask::Redrive | Ask::RedriveFrom(_) => "redrive",
        Ask::Look => "look",
        Ask::Parent => "parent",
        Ask::Status(_) => "status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stepladder_engine::Run;

    const BYTES_MAX: usize = 1 << 20;

    #[test]
    fn a_runs_message_tells_its_run_and_what_it_asks() {
        let body = serde_json::to_string(&Message::new(7, Run::for_test("order", "17"), Ask::Look)).unwrap();
        let glance = Glance::at(&body, BYTES_MAX);
        assert_eq!((glance.run, glance.ask), (Some(RunId::new("order", "17")), Some("look")));
        assert_eq!(glance.json.unwrap()["ask"], "look");
    }

    #[test]
    fn a_newer_message_tells_its_run_at_least() {
        let body =
            json!({ "v": 9, "run": { "workflow": "order", "name": "17", "nonce": "n" }, "ask": "fly" });
        let glance = Glance::at(&body.to_string(), BYTES_MAX);
        assert_eq!((glance.run, glance.ask), (Some(RunId::new("order", "17")), None));
        assert_eq!(glance.newer, Some(9));
    }

    #[test]
    fn a_start_tells_its_run_where_it_has_a_name() {
        let named = Glance::at(r#"{"workflow":"order","name":"17","input":{}}"#, BYTES_MAX);
        assert_eq!((named.run, named.ask), (Some(RunId::new("order", "17")), Some("start")));
        let unnamed = Glance::at(r#"{"workflow":"order","input":{}}"#, BYTES_MAX);
        assert_eq!((unnamed.run, unnamed.ask), (None, Some("start")));
    }

    #[test]
    fn what_is_no_message_tells_nothing() {
        assert_eq!(Glance::at("hello", BYTES_MAX), Glance::default());
        let other = Glance::at("[1]", BYTES_MAX);
        assert_eq!((other.run, other.ask, other.json), (None, None, Some(json!([1]))));
    }

    fn parked(body: String) -> Parked {
        Parked {
            version: 1,
            reason: "no reason".into(),
            queue: "start".into(),
            message_id: "m-1".into(),
            receive_count: 5,
            run: None,
            body,
        }
    }

    #[test]
    fn a_body_is_sent_back_as_it_was_unless_it_was_cut() {
        assert_eq!(parked("x".into()).body_to_send().as_deref(), Some("x"));
        let cut = parked("x".repeat(Parked::BODY_BYTES_MAX));
        assert_eq!(cut.body_to_send(), None);
        assert_eq!(Parked::read(&serde_json::to_string(&cut).unwrap()), Some(cut));
        assert_eq!(Parked::read("{}"), None);
    }

    #[test]
    fn a_start_without_a_name_keeps_the_name_that_it_would_have_had() {
        let body = parked(r#"{"workflow":"order","input":{"a":1}}"#.into()).body_to_send().unwrap();
        let sent: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(sent, json!({ "workflow": "order", "input": { "a": 1 }, "name": "m-1" }));
        let named = r#"{"workflow":"order","name":"17","input":1}"#;
        assert_eq!(parked(named.into()).body_to_send().as_deref(), Some(named));
        let too_large = r#"{"workflow":"order","input":123456789012345678901234567890}"#;
        assert_eq!(start::body_to_resend(too_large, "m-1"), too_large);
        assert_eq!(start::body_to_resend("no JSON", "m-1"), "no JSON");
    }
}
