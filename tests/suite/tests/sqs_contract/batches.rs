//! Batch calls: each entry for itself.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};

use super::support::{Sqs, check_code, entry, system};

case!(a_batch_of_ten_is_sent_and_deleted, |sqs| {
    let queue = sqs.queue(&[]).await;
    let mut send = sqs.client.send_message_batch().queue_url(&queue);
    for number in 0..10 {
        send = send.entries(entry(&format!("id-{number}"), &format!("body {number}")));
    }
    let sent = send.send().await.unwrap();
    assert!(sent.failed().is_empty());
    let ids: HashSet<&str> = sent.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(ids.len(), 10);
    let mut bodies = HashSet::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while bodies.len() < 10 {
        assert!(Instant::now() < deadline, "only {bodies:?} came");
        let messages = sqs.receive(&queue, 1).await;
        let mut delete = sqs.client.delete_message_batch().queue_url(&queue);
        for (number, message) in messages.iter().enumerate() {
            assert!(bodies.insert(message.body().unwrap().to_owned()), "received twice within its timeout");
            let entry = DeleteMessageBatchRequestEntry::builder().id(number.to_string());
            delete = delete.entries(entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap());
        }
        if !messages.is_empty() {
            let deleted = delete.send().await.unwrap();
            assert_eq!(deleted.successful().len(), messages.len());
        }
    }
    sqs.wait_for_number(&queue, QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "0").await;
});

case!(bad_batches_are_refused_as_a_whole, |sqs| {
    let queue = sqs.queue(&[]).await;
    let send = || sqs.client.send_message_batch().queue_url(&queue);
    let empty = send().set_entries(Some(Vec::new())).send().await;
    check_code(empty, "AWS.SimpleQueueService.EmptyBatchRequest");
    let eleven = (0..11).map(|number| entry(&number.to_string(), "m")).collect();
    let eleven = send().set_entries(Some(eleven)).send().await;
    check_code(eleven, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest");
    let same = send().entries(entry("a", "m")).entries(entry("a", "m")).send().await;
    check_code(same, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
    let bad_id = send().entries(entry("a b", "m")).send().await;
    check_code(bad_id, "AWS.SimpleQueueService.InvalidBatchEntryId");
    let half = "x".repeat(600_000);
    let too_long = send().entries(entry("a", &half)).entries(entry("b", &half)).send().await;
    check_code(too_long, "AWS.SimpleQueueService.BatchRequestTooLong");
    assert!(sqs.receive(&queue, 0).await.is_empty(), "none of them may have been sent");
});

case!(one_bad_entry_of_a_batch_fails_alone, |sqs| {
    let queue = sqs.queue(&[]).await;
    let sent = sqs
        .client
        .send_message_batch()
        .queue_url(&queue)
        .entries(entry("good", "m"))
        .entries(entry("bad", "\u{FFFE}"))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(sent.failed().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["bad"]);
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");
    assert_eq!(sqs.receive_one(&queue).await.body(), Some("m"));
});

fn of_group(id: &str, group: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(group)
        .message_group_id(group)
        .build()
        .unwrap()
}

case!(an_entry_of_a_refused_group_fails_alone, |sqs| {
    let queue = sqs.queue(&[]).await;
    let send = sqs.client.send_message_batch().queue_url(&queue);
    let sent = send.entries(of_group("a", "one")).entries(of_group("b", "t wo")).send().await.unwrap();
    assert_eq!(sent.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(sent.failed().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["b"]);
    assert_eq!((sent.failed()[0].code(), sent.failed()[0].sender_fault()), ("InvalidParameterValue", true));
    assert_eq!(sqs.receive_one(&queue).await.body(), Some("one"));
});

case!(each_entry_of_a_batch_has_its_own_group, |sqs| {
    let queue = sqs.queue(&[]).await;
    let send = sqs.client.send_message_batch().queue_url(&queue);
    let sent = send.entries(of_group("a", "one")).entries(of_group("b", "two")).send().await.unwrap();
    assert_eq!(sent.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["a", "b"]);
    let mut received = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while received.len() < 2 {
        assert!(Instant::now() < deadline, "only {received:?} came");
        for message in sqs.receive(&queue, 1).await {
            let group = system(&message, MessageSystemAttributeName::MessageGroupId);
            assert_eq!(message.body(), Some(group));
            received.push(group.to_owned());
        }
    }
});

case!(visibility_changes_in_batches_and_each_entry_for_itself, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    sqs.send(&queue, "m").await;
    let message = sqs.receive_one(&queue).await;
    let entry = |id: &str, handle: &str| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.visibility_timeout(0).build().unwrap()
    };
    let change = sqs.client.change_message_visibility_batch().queue_url(&queue);
    let changed = change
        .entries(entry("good", message.receipt_handle().unwrap()))
        .entries(entry("bad", "not-a-handle"))
        .send()
        .await
        .unwrap();
    assert_eq!(changed.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(changed.failed().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["bad"]);
    assert!(changed.failed()[0].sender_fault());
    assert_eq!(sqs.receive_one(&queue).await.message_id(), message.message_id());
});
