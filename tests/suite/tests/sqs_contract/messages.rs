//! Sending, receiving and deleting one message.

use std::collections::HashSet;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};

use super::support::{Sqs, check_code, system};

case!(a_message_is_sent_received_and_deleted, |sqs| {
    let queue = sqs.queue(&[]).await;
    let body = "{\"text\":\"ä \u{10FFFF} \u{FFFD} \\u0041\"}\t\r\n<&>";
    let sent = sqs.client.send_message().queue_url(&queue).message_body(body).send().await.unwrap();
    let message = sqs.receive_one(&queue).await;
    assert_eq!(message.body(), Some(body));
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(system(&message, MessageSystemAttributeName::ApproximateReceiveCount), "1");
    let sent_at: u64 = system(&message, MessageSystemAttributeName::SentTimestamp).parse().unwrap();
    let received_at = system(&message, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
    assert!(received_at.parse::<u64>().unwrap() >= sent_at);
    assert!(!system(&message, MessageSystemAttributeName::SenderId).is_empty());
    sqs.delete(&queue, &message).await;
    sqs.wait_for_number(&queue, QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "0").await;
    assert!(sqs.receive(&queue, 0).await.is_empty());
});

case!(a_message_keeps_its_group, |sqs| {
    let queue = sqs.queue(&[]).await;
    let send = |body: &str| sqs.client.send_message().queue_url(&queue).message_body(body);
    send("one").message_group_id("tenant-1").send().await.unwrap();
    let message = sqs.receive_one(&queue).await;
    assert_eq!(system(&message, MessageSystemAttributeName::MessageGroupId), "tenant-1");
    sqs.delete(&queue, &message).await;
    send("none").send().await.unwrap();
    let message = sqs.receive_one(&queue).await;
    assert_eq!(message.attributes().unwrap().get(&MessageSystemAttributeName::MessageGroupId), None);
});

case!(a_group_that_sqs_refuses_is_refused, |sqs| {
    let queue = sqs.queue(&[]).await;
    for group in ["two words", "J\u{f6}rg", &"x".repeat(129)] {
        let sent = sqs.client.send_message().queue_url(&queue).message_body("m").message_group_id(group);
        check_code(sent.send().await, "InvalidParameterValue");
    }
    assert!(sqs.receive(&queue, 0).await.is_empty());
});

case!(only_the_attributes_that_were_asked_for_come, |sqs| {
    let queue = sqs.queue(&[]).await;
    let attribute = MessageAttributeValue::builder().data_type("String").string_value("v").build().unwrap();
    let send =
        sqs.client.send_message().queue_url(&queue).message_body("m").message_attributes("a.x", attribute);
    send.send().await.unwrap();
    let receive = sqs.client.receive_message().queue_url(&queue).wait_time_seconds(10).visibility_timeout(0);
    let plain = receive.clone().send().await.unwrap().messages.unwrap();
    assert!(plain[0].attributes().is_none_or(std::collections::HashMap::is_empty));
    assert!(plain[0].message_attributes().is_none_or(std::collections::HashMap::is_empty));
    let chosen = receive
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
        .message_attribute_names("a.*")
        .send()
        .await
        .unwrap()
        .messages
        .unwrap();
    assert_eq!(chosen[0].attributes().unwrap().len(), 1);
    assert_eq!(chosen[0].message_attributes().unwrap()["a.x"].string_value(), Some("v"));
});

case!(message_attributes_keep_their_types_and_checksum, |sqs| {
    let queue = sqs.queue(&[]).await;
    let value = |data_type: &str| MessageAttributeValue::builder().data_type(data_type);
    let sent = sqs
        .client
        .send_message()
        .queue_url(&queue)
        .message_body("m")
        .message_attributes("timestamp", value("Number").string_value("1493147359900").build().unwrap())
        .send()
        .await
        .unwrap();
    // The documented calculation, done by hand for this attribute.
    assert_eq!(sent.md5_of_message_attributes(), Some("235c5c510d26fb653d073faed50ae77c"));
    sqs.delete(&queue, &sqs.receive_one(&queue).await).await;

    let sent = sqs
        .client
        .send_message()
        .queue_url(&queue)
        .message_body("m")
        .message_attributes("text", value("String.note").string_value("grün").build().unwrap())
        .message_attributes("number", value("Number").string_value("-1.5e3").build().unwrap())
        .message_attributes("bytes", value("Binary").binary_value(Blob::new([0_u8, 255])).build().unwrap())
        .send()
        .await
        .unwrap();
    let message = sqs.receive_one(&queue).await;
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["text"].string_value(), Some("grün"));
    assert_eq!(attributes["text"].data_type(), "String.note");
    assert_eq!(attributes["number"].string_value(), Some("-1.5e3"));
    assert_eq!(attributes["bytes"].binary_value().unwrap().as_ref(), [0_u8, 255]);
    assert!(sent.md5_of_message_attributes().is_some());
    assert_eq!(sent.md5_of_message_attributes(), message.md5_of_message_attributes());
});

case!(one_mebibyte_is_taken_and_one_byte_more_refused, |sqs| {
    let queue = sqs.queue(&[]).await;
    let largest = "x".repeat(1_048_576);
    sqs.send(&queue, &largest).await;
    assert_eq!(sqs.receive_one(&queue).await.body().unwrap().len(), 1_048_576);
    let larger = format!("{largest}x");
    let refused = sqs.client.send_message().queue_url(&queue).message_body(larger).send().await;
    check_code(refused, "InvalidParameterValue");
});

case!(the_attributes_of_a_message_count_against_its_size, |sqs| {
    let queue = sqs.queue(&[]).await;
    let largest = "x".repeat(1_048_576);
    let attribute = MessageAttributeValue::builder().data_type("String").string_value("v").build().unwrap();
    let send =
        sqs.client.send_message().queue_url(&queue).message_body(&largest).message_attributes("a", attribute);
    check_code(send.send().await, "InvalidParameterValue");
});

case!(characters_outside_the_allowed_set_are_refused, |sqs| {
    let queue = sqs.queue(&[]).await;
    for body in ["\u{0}", "a\u{1}", "\u{b}", "\u{1f}", "\u{FFFE}", "\u{FFFF}"] {
        let refused = sqs.client.send_message().queue_url(&queue).message_body(body).send().await;
        check_code(refused, "InvalidMessageContents");
    }
});

case!(deleting_twice_is_no_error, |sqs| {
    let queue = sqs.queue(&[]).await;
    sqs.send(&queue, "m").await;
    let message = sqs.receive_one(&queue).await;
    sqs.delete(&queue, &message).await;
    sqs.delete(&queue, &message).await;
});

case!(deleting_by_an_old_handle_is_no_error, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
    sqs.send(&queue, "m").await;
    let old = sqs.receive_one(&queue).await;
    let new = sqs.receive_one(&queue).await;
    assert_ne!(old.receipt_handle(), new.receipt_handle());
    // AWS promises that the call succeeds, not what becomes of the message.
    sqs.delete(&queue, &old).await;
    sqs.delete(&queue, &new).await;
    assert!(sqs.receive(&queue, 1).await.is_empty());
});

case!(a_handle_that_is_none_is_refused, |sqs| {
    let queue = sqs.queue(&[]).await;
    let delete = sqs.client.delete_message().queue_url(&queue).receipt_handle("not-a-handle").send().await;
    check_code(delete, "ReceiptHandleIsInvalid");
});

case!(receiving_more_than_ten_at_once_is_refused, |sqs| {
    let queue = sqs.queue(&[]).await;
    for count in [0, 11] {
        let receive =
            sqs.client.receive_message().queue_url(&queue).max_number_of_messages(count).send().await;
        check_code(receive, "InvalidParameterValue");
    }
});

case!(a_message_in_flight_comes_to_no_second_receiver, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    for number in 0..30 {
        sqs.send(&queue, &number.to_string()).await;
    }
    let receiver = || async {
        let mut ids = Vec::new();
        loop {
            let messages = sqs.receive(&queue, 1).await;
            if messages.is_empty() {
                return ids;
            }
            ids.extend(messages.into_iter().map(|message| message.message_id.unwrap()));
        }
    };
    let (a, b, c, d) = tokio::join!(receiver(), receiver(), receiver(), receiver());
    let all: Vec<String> = [a, b, c, d].concat();
    let distinct: HashSet<&String> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (30, 30));
});
