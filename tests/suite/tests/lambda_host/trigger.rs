//! From a queue to the function.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stepladder_local::lambda::RegisterError;
use stepladder_local::sqs::QueueCounts;
use stepladder_local::{EventSourceMapping, FunctionConfig};

use super::support::{Host, PROGRAM};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_there_come_in_full_batches_and_are_deleted() {
    let host = Host::start(|_| {}).await;
    host.create_queue(60);
    for number in 0..25 {
        host.send(&json!(number));
    }
    host.map(|mapping| mapping.maximum_concurrency = None);
    host.until("the queue is empty", |host| host.counts() == QueueCounts::default()).await;
    host.until("all batches are logged", |host| host.batches().iter().sum::<usize>() == 25).await;
    let batches = host.batches();
    assert_eq!((batches.len(), batches.iter().max()), (3, Some(&10)), "{batches:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_gather_while_all_environments_are_busy() {
    let host = Host::start(|function| function.environments_max = 1).await;
    host.trigger(60, |_| {});
    host.send(&json!({ "do": "wait", "ms": 500 }));
    host.until("the first batch is taken", |host| host.counts().in_flight == 1).await;
    for number in 0..10 {
        host.send(&json!(number));
    }
    host.until("the queue is empty", |host| host.counts() == QueueCounts::default()).await;
    host.until("both batches are logged", |host| host.batches() == [1, 10]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_event_is_lambdas() {
    let host = Host::start(|_| {}).await;
    host.trigger(60, |_| {});
    let id = host.send(&json!({ "do": "show" }));
    host.until("the record is logged", |host| !host.texts("record ").is_empty()).await;
    let record: Value = serde_json::from_str(&host.texts("record ")[0]["record ".len()..]).unwrap();
    assert_eq!(record["messageId"], id);
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:jobs");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["body"], r#"{"do":"show"}"#);
    assert_eq!(record["md5OfBody"].as_str().unwrap().len(), 32);
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert!(record["attributes"]["SentTimestamp"].as_str().unwrap().parse::<u64>().is_ok());
    assert_eq!(record["messageAttributes"], json!({}));
    assert!(!record["receiptHandle"].as_str().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_messages_reported_as_failed_come_again() {
    let host = Host::start(|function| function.timeout_ms = 1_000).await;
    host.create_queue(1);
    host.send(&json!("fine"));
    host.send(&json!({ "do": "fail one" }));
    host.send(&json!("fine"));
    host.map(|_| {});
    host.until("the failed one has come alone", |host| host.batches().starts_with(&[3, 1])).await;
    assert_eq!(host.counts().visible + host.counts().in_flight, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_partial_failures_a_success_deletes_the_whole_batch() {
    let host = Host::start(|_| {}).await;
    host.create_queue(60);
    host.send(&json!({ "do": "fail one" }));
    host.map(|mapping| mapping.report_batch_item_failures = false);
    host.until("the queue is empty", |host| host.counts() == QueueCounts::default()).await;
}

async fn check_whole_batch_comes_again(order: Value) {
    let host = Host::start(|function| function.timeout_ms = 1_000).await;
    host.create_queue(1);
    host.send(&json!("fine"));
    host.send(&order);
    host.map(|_| {});
    host.until("both have come again", |host| host.batches().starts_with(&[2, 2])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_a_null_id_fails_the_whole_batch() {
    check_whole_batch_comes_again(json!({ "do": "answer nonsense" })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_an_unknown_id_fails_the_whole_batch() {
    check_whole_batch_comes_again(json!({ "do": "answer unknown" })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_fails_the_whole_batch() {
    check_whole_batch_comes_again(json!({ "do": "fail" })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_fails_the_whole_batch() {
    check_whole_batch_comes_again(json!({ "do": "exit" })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_fails_the_whole_batch() {
    check_whole_batch_comes_again(json!({ "do": "wait", "ms": 60_000 })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maximum_concurrency_is_kept() {
    let host = Host::start(|function| function.environments_max = 8).await;
    host.create_queue(60);
    for _ in 0..6 {
        host.send(&json!({ "do": "wait", "ms": 300 }));
    }
    host.map(|mapping| {
        mapping.batch_size = 1;
        mapping.maximum_concurrency = Some(2);
    });
    let started = Instant::now();
    let mut most = 0;
    while host.counts() != QueueCounts::default() {
        most = most.max(host.counts().in_flight);
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", host.counts());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((most, host.server.lambda().environments("work")), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batching_window_gathers_more_than_ten() {
    let host = Host::start(|_| {}).await;
    host.trigger(60, |mapping| {
        mapping.batch_size = 100;
        mapping.batching_window_ms = 1_500;
    });
    for number in 0..15 {
        host.send(&json!(number));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    host.until("all came in one batch", |host| host.batches() == [15]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_batch_does_not_wait_for_its_window() {
    let host = Host::start(|_| {}).await;
    host.trigger(60, |mapping| {
        mapping.batch_size = 3;
        mapping.batching_window_ms = 300_000;
    });
    for number in 0..3 {
        host.send(&json!(number));
    }
    host.until("the batch came", |host| host.batches() == [3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mappings_that_aws_refuses_are_refused() {
    let host = Host::start(|_| {}).await;
    let map = |change: fn(&mut EventSourceMapping)| {
        let mut mapping = EventSourceMapping::new("jobs", "work");
        change(&mut mapping);
        host.server.lambda().map_queue(mapping).unwrap_err()
    };
    assert!(matches!(map(|_| {}), RegisterError::NoQueue(_)));
    host.create_queue(5);
    assert!(matches!(map(|_| {}), RegisterError::VisibilityTooShort { .. }));
    assert!(matches!(map(|mapping| mapping.function = "other".to_owned()), RegisterError::NoFunction(_)));
    assert!(matches!(map(|mapping| mapping.batch_size = 11), RegisterError::Invalid(_)));
    assert!(matches!(map(|mapping| mapping.maximum_concurrency = Some(1)), RegisterError::Invalid(_)));
    let again = host.server.lambda().register(FunctionConfig::new("work", Path::new(PROGRAM))).unwrap_err();
    assert_eq!(again, RegisterError::Exists("work".to_owned()));
}
