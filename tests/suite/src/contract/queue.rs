//! Queues: at least once, in no order, and no sooner than asked.

use super::{Received, World, eventually, unique};
use std::cell::RefCell;
use stepladder_protocol::{Clock, Host, Outgoing, Queue, QueueName, SendError};

fn outgoing(body: impl Into<String>) -> Outgoing {
    Outgoing::new(body, 0)
}

async fn new_queue(world: &impl World) -> QueueName {
    world.create_queue(&unique(world, "q")).await
}

async fn send(world: &impl World, queue: &QueueName, messages: &[Outgoing]) {
    let answers = world.host().queue().send(queue, messages).await.unwrap();
    assert_eq!(answers, vec![Ok(()); messages.len()]);
}

/// The next delivery.
async fn next(world: &impl World, queue: &QueueName) -> Received {
    eventually(world, "a message arrives", async || world.receive(queue).await.into_iter().next()).await
}

pub async fn ten_messages_arrive_as_they_were_sent(world: &impl World) {
    let queue = new_queue(world).await;
    let mut bodies: Vec<String> = (0..8).map(|n| format!("{{\"n\":{n}}}")).collect();
    // ASCII JSON is what the protocol sends; the rest of what SQS allows must not suffer either.
    bodies.push("{\"text\":\"\\u0000\\ufffe\\uffff\\ud83d\\ude00 <&>'\\\" %41+ \"}\t\r\n".to_owned());
    bodies.push("é\u{a0}\u{2028}日本語\u{10000}".to_owned());
    let messages: Vec<Outgoing> = bodies.iter().map(outgoing).collect();
    send(world, &queue, &messages).await;

    let arrived = RefCell::new(Vec::<String>::new());
    eventually(world, "all ten arrive", async || {
        for message in world.receive(&queue).await {
            assert_eq!(message.receive_count, 1);
            arrived.borrow_mut().push(message.body);
        }
        (arrived.borrow().len() >= bodies.len()).then_some(())
    })
    .await;
    let mut arrived = arrived.into_inner();
    arrived.sort();
    bodies.sort();
    assert_eq!(arrived, bodies);
}

pub async fn a_message_arrives_with_its_group(world: &impl World) {
    let queue = new_queue(world).await;
    let of = |group: &str| outgoing(group).of_group(Some(group.to_owned()));
    // The longest name of a group that there is, and all the punctuation.
    let longest = "x".repeat(128);
    let groups = ["acme", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &longest];
    let mut messages: Vec<Outgoing> = groups.iter().map(|group| of(group)).collect();
    messages.push(outgoing("none"));
    messages.push(Outgoing { delay_seconds: 1, ..of("late") });
    send(world, &queue, &messages).await;
    let arrived = RefCell::new(0);
    eventually(world, "all of them arrive", async || {
        for received in world.receive(&queue).await {
            let expected = (received.body != "none").then(|| received.body.clone());
            assert_eq!(received.group, expected);
            *arrived.borrow_mut() += 1;
        }
        (*arrived.borrow() == messages.len()).then_some(())
    })
    .await;
}

pub async fn a_message_of_almost_a_mebibyte_arrives(world: &impl World) {
    let queue = new_queue(world).await;
    let body = "x".repeat(1024 * 1024 - 1024);
    send(world, &queue, &[outgoing(&body)]).await;
    assert!(next(world, &queue).await.body == body);
}

pub async fn nothing_is_sent_for_no_messages(world: &impl World) {
    let queue = new_queue(world).await;
    send(world, &queue, &[]).await;
    world.host().queue().change_visibility(&queue, &[]).await.unwrap();
    assert_eq!(world.receive(&queue).await, []);
}

pub async fn a_delayed_message_comes_no_sooner(world: &impl World) {
    let queue = new_queue(world).await;
    let sent_ms = world.host().clock().now_ms();
    let delayed = Outgoing { delay_seconds: 2, ..outgoing("later") };
    send(world, &queue, &[delayed, outgoing("now")]).await;
    assert_eq!(next(world, &queue).await.body, "now");
    assert_eq!(next(world, &queue).await.body, "later");
    let waited_ms = world.host().clock().now_ms() - sent_ms;
    assert!(waited_ms >= 1_900, "{waited_ms}");
}

pub async fn a_received_message_is_invisible_until_it_is_handed_back(world: &impl World) {
    let queue = new_queue(world).await;
    send(world, &queue, &[outgoing("a")]).await;
    let first = next(world, &queue).await;
    assert_eq!((first.body.as_str(), first.receive_count), ("a", 1));
    assert_eq!(world.receive(&queue).await, []);
    world.host().queue().change_visibility(&queue, &[(first.receipt, 0)]).await.unwrap();
    let second = next(world, &queue).await;
    assert_eq!((second.body.as_str(), second.receive_count), ("a", 2));
}

pub async fn a_handed_back_message_stays_away_as_long_as_asked(world: &impl World) {
    let queue = new_queue(world).await;
    send(world, &queue, &[outgoing("a"), outgoing("b")]).await;
    let receipts = RefCell::new(Vec::new());
    eventually(world, "both arrive", async || {
        let arrived = world.receive(&queue).await;
        receipts.borrow_mut().extend(arrived.into_iter().map(|message| (message.receipt, 2)));
        (receipts.borrow().len() == 2).then_some(())
    })
    .await;
    let handed_back_ms = world.host().clock().now_ms();
    world.host().queue().change_visibility(&queue, &receipts.into_inner()).await.unwrap();
    assert_eq!(next(world, &queue).await.receive_count, 2);
    let away_ms = world.host().clock().now_ms() - handed_back_ms;
    assert!(away_ms >= 1_900, "{away_ms}");
}

pub async fn a_receipt_of_no_message_does_no_harm(world: &impl World) {
    let queue = new_queue(world).await;
    send(world, &queue, &[outgoing("a")]).await;
    let received = next(world, &queue).await;
    // Best effort: the others of the call are handed back.
    let receipts = [("no-receipt".to_owned(), 0), (received.receipt, 0)];
    let _ = world.host().queue().change_visibility(&queue, &receipts).await;
    assert_eq!(next(world, &queue).await.receive_count, 2);
}

pub async fn a_missing_queue_says_so_for_each_message(world: &impl World) {
    let missing = QueueName::Step("missing".to_owned());
    for _repeated in 0..2 {
        let answers = world.host().queue().send(&missing, &[outgoing("a"), outgoing("b")]).await.unwrap();
        assert_eq!(answers, [Err(SendError::NoSuchQueue), Err(SendError::NoSuchQueue)]);
    }
}
