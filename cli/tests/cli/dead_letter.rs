//! `stepladder dead-letter` and `deploy-definition` against a stack on this machine. No function runs in it.

use crate::stack::Stack;
use serde_json::{Value, json};
use stepladder_local::sqs::{NewMessage, ReceiveOptions};
use stepladder_protocol::Parked;

impl Stack {
    pub(crate) fn put(&self, queue: &str, body: impl Into<String>) {
        let name = format!("stepladder-{queue}");
        self.server
            .queues()
            .with(|queues, now_ms| queues.send(&name, NewMessage::new(body), now_ms))
            .unwrap();
    }

    fn park(&self, queue: &str, run: Option<&str>, reason: &str, body: &str) {
        let parked = Parked {
            version: 1,
            reason: reason.into(),
            queue: queue.into(),
            message_id: "m-1".into(),
            receive_count: 5,
            run: run.map(str::to_owned),
            body: body.into(),
        };
        self.put("parked", serde_json::to_string(&parked).unwrap());
    }

    /// The bodies that are visible in a queue now.
    pub(crate) fn bodies(&self, queue: &str) -> Vec<String> {
        let options =
            ReceiveOptions { messages_max: 100, visibility_timeout_s: Some(0), ..ReceiveOptions::default() };
        let received = self
            .server
            .queues()
            .with(|queues, now_ms| queues.receive(&format!("stepladder-{queue}"), options, now_ms))
            .unwrap();
        received.iter().map(|message| message.content.body.clone()).collect()
    }
}

fn ids(listed: &Value) -> Vec<String> {
    listed.as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_is_listed_shown_sent_back_and_discarded() {
    let stack = Stack::start().await;
    let start = r#"{"workflow":"pause","name":"17","input":{"card":"4711"}}"#;
    stack.park("start", Some("pause/17"), "there is no workflow", start);
    stack.park("timer", Some("pause/18"), "its definition is gone", "no message at all");
    stack.put("parked", "put there by somebody");

    let listed = stack.cli(&["dead-letter", "list", "-o", "json"]).await.assert_code(0);
    let letters = listed.json();
    assert_eq!(letters.as_array().unwrap().len(), 3);
    assert!(!listed.stdout.contains("4711"), "a payload is shown: {listed:?}");
    let filtered = ["dead-letter", "list", "--reason", "no workflow", "-o", "json"];
    let one = stack.cli(&filtered).await.assert_code(0).json();
    let [id] = ids(&one).try_into().unwrap();
    assert_eq!(
        (&one[0]["run"], &one[0]["ask"], &one[0]["from"]),
        (&json!("pause/17"), &json!("start"), &json!("start"))
    );
    stack.cli(&["dead-letter", "list"]).await.assert_code(0).assert_tells("3 of about 3 messages of parked");

    let shown =
        stack.cli(&["dead-letter", "show", &id]).await.assert_code(0).assert_tells("there is no workflow");
    assert!(!shown.stdout.contains("4711"), "{shown:?}");
    stack.cli(&["dead-letter", "show", &id, "--payload"]).await.assert_code(0).assert_tells("4711");
    stack.cli(&["dead-letter", "show", "nothing"]).await.assert_code(3).assert_tells("error[SL1209]");

    // Nothing is done without a name, without yes, and by a dry run.
    stack.cli(&["dead-letter", "send-back"]).await.assert_code(2).assert_tells("no message is named");
    stack
        .cli(&["dead-letter", "send-back", &id])
        .await
        .assert_code(2)
        .assert_tells("hint: look at the plan, then say --yes");
    stack
        .cli(&["dead-letter", "send-back", "--all", "--dry-run"])
        .await
        .assert_code(0)
        .assert_tells("nothing was done");
    assert_eq!((stack.bodies("parked").len(), stack.bodies("start").len()), (3, 0));

    stack.cli(&["dead-letter", "send-back", &id, "--yes"]).await.assert_code(0).assert_tells("to start");
    assert_eq!(stack.bodies("start"), [start]);
    assert_eq!(stack.bodies("parked").len(), 2);
    // What is left: one goes, and of the other nobody knows where to.
    let rest = stack.cli(&["dead-letter", "send-back", "--all", "--yes", "-o", "jsonl"]).await.assert_code(1);
    assert_eq!(rest.stdout.lines().count(), 2, "{rest:?}");
    assert_eq!(stack.bodies("timer"), ["no message at all"]);
    assert_eq!(stack.bodies("parked"), ["put there by somebody"]);
    let to = ["dead-letter", "send-back", "--all", "--to", "status", "--yes"];
    stack.cli(&to).await.assert_code(0);
    assert_eq!(stack.bodies("status"), ["put there by somebody"]);
    stack.cli(&["dead-letter", "list"]).await.assert_code(0).assert_tells("parked is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_gone_and_the_others_stay() {
    let stack = Stack::start().await;
    stack.park("start", Some("pause/17"), "no workflow", "{}");
    stack.park("start", Some("other/18"), "no workflow", "{}");
    let discard = ["dead-letter", "discard", "--workflow", "pause", "--yes"];
    let declined = stack.cli(&["dead-letter", "discard", "--run", "pause/0", "--yes", "-o", "json"]).await;
    assert_eq!(declined.assert_code(0).json(), json!([]));
    stack.cli(&discard).await.assert_code(0).assert_tells("discarded 1 message");
    let left = stack.cli(&["dead-letter", "list", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["run"]), (1, &json!("other/18")));
    stack.cli(&["dead-letter", "discard", "no-such-id", "--yes"]).await.assert_code(3);
    stack
        .cli(&["dead-letter", "discard", "--older-than", "1h", "--yes"])
        .await
        .assert_code(0)
        .assert_tells("nothing to do");
    assert_eq!(stack.bodies("parked").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_a_queue_that_is_gone_stays() {
    let stack = Stack::start().await;
    stack.park("refund", Some("pause/17"), "no reason", "{}");
    let sent = stack.cli(&["dead-letter", "send-back", "--all", "--yes"]).await.assert_code(1);
    sent.assert_tells("the stack has no queue refund").assert_tells("error[SL1210]");
    assert_eq!(stack.bodies("parked").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_letter_queue_is_moved_back_by_sqs() {
    let stack = Stack::start().await;
    stack.put("timer", "gives up");
    // Received as often as its queue allows, and once more.
    for _ in 0..6 {
        stack.bodies("timer");
    }
    assert_eq!((stack.bodies("timer").len(), stack.bodies("dead-letter").len()), (0, 1));
    let listed =
        stack.cli(&["dead-letter", "list", "--queue", "dead-letter", "-o", "json"]).await.assert_code(0);
    assert_eq!(listed.json()[0]["from"], "timer");
    let moved = ["dead-letter", "send-back", "--all", "--queue", "dead-letter", "--yes"];
    stack.cli(&moved).await.assert_code(0).assert_tells("moved 1 message of dead-letter back");
    assert_eq!(stack.bodies("timer"), ["gives up"]);
    stack.cli(&moved).await.assert_code(0).assert_tells("nothing to do");
}

/// A move gives each message an id of its own, and the id of a nameless start's message names its run.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_start_without_a_name_keeps_the_one_that_it_has_had() {
    let stack = Stack::start().await;
    stack.put("start", r#"{"workflow":"pause","input":{"a":1}}"#);
    stack.put("timer", "gives up");
    for _ in 0..6 {
        stack.bodies("start");
        stack.bodies("timer");
    }
    let list = ["dead-letter", "list", "--queue", "dead-letter", "--from", "start", "-o", "json"];
    let [id] = ids(&stack.cli(&list).await.assert_code(0).json()).try_into().unwrap();
    let send = ["dead-letter", "send-back", "--all", "--queue", "dead-letter", "--yes", "-o", "json"];
    let sent = stack.cli(&send).await.assert_code(0).json();
    assert_eq!(sent.as_array().unwrap().len(), 2, "{sent}");
    let [start] = stack.bodies("start").try_into().unwrap();
    let start: Value = serde_json::from_str(&start).unwrap();
    assert_eq!(start, json!({ "workflow": "pause", "name": id, "input": { "a": 1 } }));
    assert_eq!((stack.bodies("timer"), stack.bodies("dead-letter").len()), (vec!["gives up".to_owned()], 0));
}

/// The first move must not be told as the second.
#[tokio::test(flavor = "multi_thread")]
async fn each_move_tells_its_own_messages() {
    let stack = Stack::start().await;
    for bodies in [&["a", "b"][..], &["c"]] {
        bodies.iter().for_each(|body| stack.put("timer", *body));
        for _ in 0..6 {
            stack.bodies("timer");
        }
        let moving = ["dead-letter", "send-back", "--all", "--queue", "dead-letter", "--yes", "-o", "json"];
        let moved = stack.cli(&moving).await.assert_code(0).json();
        // Given back, those of the first round are received and given up again in the second.
        let all = if bodies.len() == 2 { 2 } else { 3 };
        assert_eq!(moved["moved"], json!(all), "{moved}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_letter_is_sent_back_by_its_id() {
    let stack = Stack::start().await;
    for body in ["a", "b"] {
        stack.put("timer", body);
    }
    for _ in 0..6 {
        stack.bodies("timer");
    }
    let list = ["dead-letter", "list", "--queue", "dead-letter", "-o", "json"];
    let letters = stack.cli(&list).await.assert_code(0).json();
    let send = ["dead-letter", "send-back", &ids(&letters)[0], "--queue", "dead-letter", "--yes"];
    stack.cli(&send).await.assert_code(0).assert_tells("to timer");
    assert_eq!((stack.bodies("timer").len(), stack.bodies("dead-letter").len()), (1, 1));
}
