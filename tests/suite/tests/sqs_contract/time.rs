//! Visibility timeouts, delays, long polls, and the dead-letter queue.

use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

use super::support::{Sqs, check_code, system};

case!(a_received_message_is_hidden_until_its_visibility_timeout, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "2")]).await;
    sqs.send(&queue, "m").await;
    let first = sqs.receive_one(&queue).await;
    let hidden_since = Instant::now();
    assert!(sqs.receive(&queue, 0).await.is_empty());
    let second = sqs.receive_one(&queue).await;
    assert!(hidden_since.elapsed() > Duration::from_millis(1_500), "it came back too early");
    assert_eq!(second.message_id(), first.message_id());
    assert_eq!(system(&second, MessageSystemAttributeName::ApproximateReceiveCount), "2");
    let times =
        [&first, &second].map(|m| system(m, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp));
    assert_eq!(times[0], times[1]);
});

case!(the_visibility_timeout_of_a_receive_wins_over_the_queue, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    sqs.send(&queue, "m").await;
    let receive = sqs.client.receive_message().queue_url(&queue).wait_time_seconds(10).visibility_timeout(1);
    assert_eq!(receive.send().await.unwrap().messages.unwrap().len(), 1);
    sqs.receive_one(&queue).await;
});

case!(visibility_can_be_ended_and_extended, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    sqs.send(&queue, "m").await;
    let change = |message: &Message, timeout: i32| {
        let handle = message.receipt_handle().unwrap();
        sqs.client
            .change_message_visibility()
            .queue_url(&queue)
            .receipt_handle(handle)
            .visibility_timeout(timeout)
    };
    let message = sqs.receive_one(&queue).await;
    change(&message, 0).send().await.unwrap();
    let again = sqs.receive_one(&queue).await;
    change(&again, 1).send().await.unwrap();
    change(&again, 600).send().await.unwrap();
    assert!(sqs.receive(&queue, 2).await.is_empty(), "the longer timeout must have replaced the shorter one");
});

case!(delays_are_kept, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::DelaySeconds, "2")]).await;
    let sent_at = Instant::now();
    sqs.send(&queue, "by queue").await;
    let at_once = sqs.client.send_message().queue_url(&queue).message_body("at once").delay_seconds(0);
    at_once.send().await.unwrap();
    let first = sqs.receive_one(&queue).await;
    assert_eq!(first.body(), Some("at once"));
    let second = sqs.receive_one(&queue).await;
    assert_eq!(second.body(), Some("by queue"));
    assert!(sent_at.elapsed() > Duration::from_millis(1_500), "it came too early");
});

case!(a_long_poll_wakes_on_send, |sqs| {
    let queue = sqs.queue(&[]).await;
    let started = Instant::now();
    let (messages, id) = tokio::join!(sqs.receive(&queue, 20), async {
        // Long enough for the poll to have begun; the assertion holds without it as well.
        tokio::time::sleep(Duration::from_millis(300)).await;
        sqs.send(&queue, "m").await
    });
    assert_eq!(messages[0].message_id(), Some(id.as_str()));
    assert!(started.elapsed() < Duration::from_secs(10), "the poll woke after {:?}", started.elapsed());
});

case!(a_long_poll_without_messages_ends_in_time, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "1")]).await;
    let started = Instant::now();
    let receive = sqs.client.receive_message().queue_url(&queue).send().await.unwrap();
    assert!(receive.messages.unwrap_or_default().is_empty());
    assert!(started.elapsed() > Duration::from_millis(900), "the queue's own wait wasn't used");
});

case!(seconds_out_of_range_are_refused, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    let delayed = sqs.client.send_message().queue_url(&queue).message_body("m").delay_seconds(901);
    check_code(delayed.send().await, "InvalidParameterValue");
    let waiting = sqs.client.receive_message().queue_url(&queue).wait_time_seconds(21);
    check_code(waiting.send().await, "InvalidParameterValue");
    sqs.send(&queue, "m").await;
    let message = sqs.receive_one(&queue).await;
    let handle = message.receipt_handle().unwrap();
    let change = sqs.client.change_message_visibility().queue_url(&queue).receipt_handle(handle);
    check_code(change.visibility_timeout(43_201).send().await, "InvalidParameterValue");
});

case!(a_message_received_too_often_goes_to_the_dead_letter_queue, |sqs| {
    let dead = sqs.queue(&[]).await;
    let dead_arn = sqs.attribute(&dead, QueueAttributeName::QueueArn).await.unwrap();
    let policy = format!(r#"{{"deadLetterTargetArn":"{dead_arn}","maxReceiveCount":"2"}}"#);
    let queue = sqs.queue(&[(QueueAttributeName::RedrivePolicy, &policy)]).await;
    let id = sqs.send(&queue, "poison").await;
    let mut sent_at = String::new();
    for count in ["1", "2"] {
        let message = sqs.receive_one(&queue).await;
        assert_eq!(system(&message, MessageSystemAttributeName::ApproximateReceiveCount), count);
        system(&message, MessageSystemAttributeName::SentTimestamp).clone_into(&mut sent_at);
        let handle = message.receipt_handle().unwrap();
        let change = sqs.client.change_message_visibility().queue_url(&queue).receipt_handle(handle);
        change.visibility_timeout(0).send().await.unwrap();
    }
    assert!(sqs.receive(&queue, 1).await.is_empty(), "the third receive must not see it");
    let message = sqs.receive_one(&dead).await;
    assert_eq!(message.message_id(), Some(id.as_str()));
    assert_eq!(message.body(), Some("poison"));
    assert_eq!(system(&message, MessageSystemAttributeName::SentTimestamp), sent_at);
});

case!(a_dead_letter_queue_knows_its_sources, |sqs| {
    let dead = sqs.queue(&[]).await;
    let dead_arn = sqs.attribute(&dead, QueueAttributeName::QueueArn).await.unwrap();
    let policy = format!(r#"{{"deadLetterTargetArn":"{dead_arn}","maxReceiveCount":3}}"#);
    let source = sqs.queue(&[(QueueAttributeName::RedrivePolicy, &policy)]).await;
    let sources = sqs.client.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
    assert_eq!(sources.queue_urls(), [source]);
});
