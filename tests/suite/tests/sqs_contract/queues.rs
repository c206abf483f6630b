//! Queues: their life, attributes, counts, lists and tags.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::QueueAttributeName;

use super::support::{Sqs, check_code, unique_name};

case!(a_purge_deletes_what_was_sent_before, |sqs| {
    let queue = sqs.queue(&[]).await;
    for _ in 0..3 {
        sqs.send(&queue, "m").await;
    }
    sqs.client.purge_queue().queue_url(&queue).send().await.unwrap();
    sqs.wait_for_number(&queue, QueueAttributeName::ApproximateNumberOfMessages, "0").await;
    assert!(sqs.receive(&queue, 0).await.is_empty());
});

case!(a_queue_that_does_not_exist_is_said_so, |sqs| {
    let queue = sqs.queue(&[]).await;
    sqs.client.delete_queue().queue_url(&queue).send().await.unwrap();
    let missing = queue.replace("contract-", "missing-");
    let code = "AWS.SimpleQueueService.NonExistentQueue";
    check_code(sqs.client.send_message().queue_url(&missing).message_body("m").send().await, code);
    check_code(sqs.client.receive_message().queue_url(&missing).send().await, code);
    check_code(sqs.client.get_queue_url().queue_name(unique_name()).send().await, code);
    check_code(sqs.client.get_queue_attributes().queue_url(&missing).send().await, code);
    let error = sqs.client.purge_queue().queue_url(&missing).send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
});

case!(creating_a_queue_again_compares_its_attributes, |sqs| {
    let name = unique_name();
    let create = |timeout: &str| {
        let create = sqs.client.create_queue().queue_name(&name);
        create.attributes(QueueAttributeName::VisibilityTimeout, timeout).send()
    };
    let first = create("7").await.unwrap().queue_url.unwrap();
    assert_eq!(create("7").await.unwrap().queue_url.unwrap(), first);
    let url = sqs.client.get_queue_url().queue_name(&name).send().await.unwrap();
    assert_eq!(url.queue_url(), Some(first.as_str()));
    let error = create("8").await.unwrap_err().into_service_error();
    assert!(error.is_queue_name_exists(), "{error:?}");
});

case!(queue_attributes_are_set_and_shown, |sqs| {
    let queue = sqs.queue(&[]).await;
    let set = |name: QueueAttributeName, value: &str| {
        sqs.client.set_queue_attributes().queue_url(&queue).attributes(name, value).send()
    };
    set(QueueAttributeName::VisibilityTimeout, "45").await.unwrap();
    set(QueueAttributeName::MessageRetentionPeriod, "1209600").await.unwrap();
    assert_eq!(sqs.attribute(&queue, QueueAttributeName::VisibilityTimeout).await.as_deref(), Some("45"));
    assert_eq!(
        sqs.attribute(&queue, QueueAttributeName::MessageRetentionPeriod).await.as_deref(),
        Some("1209600")
    );
    let arn = sqs.attribute(&queue, QueueAttributeName::QueueArn).await.unwrap();
    assert!(
        arn.starts_with("arn:aws:sqs:us-east-1:") && queue.ends_with(arn.rsplit(':').next().unwrap()),
        "{arn}"
    );
});

case!(queue_attributes_out_of_range_or_unknown_are_refused, |sqs| {
    let queue = sqs.queue(&[]).await;
    let set = |name: QueueAttributeName, value: &str| {
        sqs.client.set_queue_attributes().queue_url(&queue).attributes(name, value).send()
    };
    check_code(set(QueueAttributeName::VisibilityTimeout, "43201").await, "InvalidAttributeValue");
    check_code(set(QueueAttributeName::DelaySeconds, "x").await, "InvalidAttributeValue");
    check_code(set(QueueAttributeName::from("Colour"), "red").await, "InvalidAttributeName");
});

case!(messages_are_counted_by_state, |sqs| {
    let queue = sqs.queue(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    for _ in 0..3 {
        sqs.send(&queue, "m").await;
    }
    let delayed = sqs.client.send_message().queue_url(&queue).message_body("m").delay_seconds(900);
    delayed.send().await.unwrap();
    let receive = sqs.client.receive_message().queue_url(&queue).wait_time_seconds(5).send();
    assert_eq!(receive.await.unwrap().messages.unwrap().len(), 1);
    sqs.wait_for_number(&queue, QueueAttributeName::ApproximateNumberOfMessages, "2").await;
    sqs.wait_for_number(&queue, QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "1").await;
    sqs.wait_for_number(&queue, QueueAttributeName::ApproximateNumberOfMessagesDelayed, "1").await;
});

case!(queues_are_listed_by_prefix_in_pages, |sqs| {
    let prefix = unique_name();
    let mut created = HashSet::new();
    for number in 0..3 {
        let create = sqs.client.create_queue().queue_name(format!("{prefix}-{number}")).send().await.unwrap();
        created.insert(create.queue_url.unwrap());
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        // A new queue may take a moment to be listed.
        let listed = sqs.client.list_queues().queue_name_prefix(&prefix).send().await.unwrap();
        let listed: HashSet<String> = listed.queue_urls.unwrap_or_default().into_iter().collect();
        if listed == created {
            break;
        }
        assert!(Instant::now() < deadline, "listed {listed:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let page = sqs.client.list_queues().queue_name_prefix(&prefix).max_results(2).send().await.unwrap();
    assert_eq!(page.queue_urls().len(), 2);
    let rest = sqs
        .client
        .list_queues()
        .queue_name_prefix(&prefix)
        .max_results(2)
        .next_token(page.next_token().unwrap());
    let rest = rest.send().await.unwrap();
    assert_eq!(rest.queue_urls().len(), 1);
    assert_eq!(rest.next_token(), None);
    let none = sqs.client.list_queues().queue_name_prefix(unique_name()).send().await.unwrap();
    assert!(none.queue_urls.unwrap_or_default().is_empty());
});

case!(tags_are_added_and_removed, |sqs| {
    let queue = sqs.queue(&[]).await;
    sqs.client.tag_queue().queue_url(&queue).tags("team", "a").tags("stage", "dev").send().await.unwrap();
    sqs.client.tag_queue().queue_url(&queue).tags("team", "b").send().await.unwrap();
    sqs.client.untag_queue().queue_url(&queue).tag_keys("stage").send().await.unwrap();
    let tags = sqs.client.list_queue_tags().queue_url(&queue).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, [("team".to_owned(), "b".to_owned())].into());
});
