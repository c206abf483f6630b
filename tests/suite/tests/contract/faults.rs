//! What AWS answers when it is busy, in conflict or unwilling. No emulator answers so; hence an endpoint with one answer.

use super::aws_world::run;
use stepladder_aws::{AwsHost, Environment, SchedulePlace};
use stepladder_engine::{Branch, Status};
use stepladder_protocol::{
    Blobs, Close, Events, Functions, Host, ITEM_VERSION, Listing, ObjectName, Objects, Outgoing, Payload,
    Queue, QueueName, Record, RecordKey, Retry, RunId, RunKey, Schedule, Scheduled, Schedules, SendError,
    StatusEvent, Store, WorldResult,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A host whose every call gets this answer.
async fn answering(status: u16, body: &'static str) -> AwsHost {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, status, body));
        }
    });
    let mut environment = Environment::local(&endpoint, "faults").unwrap();
    let (group, role_arn) = ("faults".to_owned(), "arn:aws:iam::000000000000:role/faults".to_owned());
    environment.schedules = Some(SchedulePlace { group, role_arn });
    environment.settings.event_bus = Some("faults".to_owned());
    AwsHost::connect(environment).await.with_outside()
}

/// Reads one request and answers it; the connection ends with it.
async fn answer(mut stream: TcpStream, status: u16, body: &str) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap_or_default();
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= announced.map_or(0, |digits| digits.parse().unwrap())
}

fn run_key() -> RunKey {
    RunKey { id: RunId::new("order", "17"), nonce: "0".repeat(32) }
}

fn record() -> (RecordKey, Record) {
    let record = Record {
        version: ITEM_VERSION,
        seq: 0,
        owner: "owner".to_owned(),
        outcome: Payload::Json(b"{}".to_vec()),
        opening: None,
        end: None,
        queued_ms: None,
        received_ms: None,
        started_ms: None,
        finished_ms: 1,
        receive_count: 1,
        request_id: None,
        digest: "0".repeat(16),
        semantics: 1,
        expires_s: 1,
    };
    (RecordKey { run: run_key(), branch: Branch::default(), seq: 0 }, record)
}

async fn stop(host: &AwsHost) -> WorldResult<bool> {
    let close = Close {
        status: Status::Aborted,
        ended_ms: 1,
        ending: None,
        ending_item: None,
        error: None,
        state: None,
        by: None,
    };
    let (key, record) = record();
    host.store().close_run_with_record(&run_key(), 0, &close, (&key, &record)).await
}

async fn check<T: std::fmt::Debug>(
    status: u16,
    body: &'static str,
    call: impl AsyncFn(&AwsHost) -> WorldResult<T>,
    expected: Retry,
    hint: &str,
) {
    let error = call(&answering(status, body).await).await.unwrap_err();
    assert_eq!(error.retry, expected, "{error}");
    assert!(error.message.contains(hint), "{error}");
}

#[test]
fn a_conflict_of_transactions_is_no_lost_race() {
    let conflict = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled",
        "CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict","Message":"in progress"}]}"#;
    let both = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled",
        "CancellationReasons":[{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}]}"#;
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled",
        "CancellationReasons":[{"Code":"ThrottlingError"},{"Code":"None"}]}"#;
    run(async {
        check(400, conflict, stop, Retry::Later, "TransactionConflict").await;
        check(400, both, stop, Retry::Later, "TransactionConflict").await;
        check(400, throttled, stop, Retry::Throttled, "ThrottlingError").await;
    });
}

#[test]
fn a_failed_condition_of_a_transaction_is_an_answer() {
    let failed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled",
        "CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed"}]}"#;
    run(async { assert_eq!(stop(&answering(400, failed).await).await, Ok(false)) });
}

#[test]
fn a_malformed_transaction_is_not_tried_again() {
    let malformed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled",
        "CancellationReasons":[{"Code":"None"},{"Code":"ValidationError","Message":"too large"}]}"#;
    run(check(400, malformed, stop, Retry::Never, "TransactionCanceledException"));
}

#[test]
fn throttles_and_faults_are_tried_again_later() {
    let put = async |host: &AwsHost| {
        let (key, record) = record();
        host.store().put_record(&key, &record).await
    };
    let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
    let throttling =
        r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}"#;
    let conflict =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"ongoing"}"#;
    run(async {
        check(400, throttled, put, Retry::Throttled, "ProvisionedThroughputExceededException").await;
        check(400, throttling, put, Retry::Throttled, "ThrottlingException").await;
        check(400, conflict, put, Retry::Later, "TransactionConflictException").await;
        check(500, r#"{"__type":"InternalServerError"}"#, put, Retry::Later, "InternalServerError").await;
        check(503, "<html>busy</html>", put, Retry::Later, "").await;
        let invoke = async |host: &AwsHost| host.functions().invoke("charge", "{}".to_owned()).await;
        check(
            429,
            r#"{"__type":"TooManyRequestsException","message":"Rate Exceeded."}"#,
            invoke,
            Retry::Throttled,
            "Rate Exceeded",
        )
        .await;
        let get = async |host: &AwsHost| host.blobs().get("key", 10).await;
        check(
            503,
            "<Error><Code>SlowDown</Code><Message>slow</Message></Error>",
            get,
            Retry::Throttled,
            "SlowDown",
        )
        .await;
    });
}

#[test]
fn what_is_not_allowed_or_not_there_is_said_with_a_hint_and_tried_again_later() {
    let denied = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}"#;
    run(async {
        let read = async |host: &AwsHost| host.store().current("order").await;
        check(400, denied, read, Retry::Later, "lack a permission").await;
        let put = async |host: &AwsHost| host.blobs().put("key", vec![1]).await;
        let no_bucket = "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>";
        check(404, no_bucket, put, Retry::Later, "STEPLADDER_BUCKET").await;
        let get = async |host: &AwsHost| host.blobs().get("key", 10).await;
        check(404, no_bucket, get, Retry::Later, "STEPLADDER_BUCKET").await;
        let no_table =
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}"#;
        check(400, no_table, read, Retry::Later, "STEPLADDER_TABLE").await;
        let invalid = r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#;
        check(400, invalid, read, Retry::Never, "ValidationException").await;
    });
}

fn object(bucket: &str, key: &str) -> ObjectName {
    ObjectName { bucket: bucket.to_owned(), key: key.to_owned(), version: None, expected_owner: None }
}

#[test]
fn what_s3_refuses_of_the_users_objects_is_their_error_and_what_passes_is_tried_again() {
    let read = async |host: &AwsHost| {
        let objects = host.objects().unwrap();
        objects.read(&object("orders", "k"), None, 0, 10).await
    };
    let write = async |host: &AwsHost| {
        let objects = host.objects().unwrap();
        objects.write(&object("orders", "k"), vec![1], "application/json").await
    };
    let slow = "<Error><Code>SlowDown</Code><Message>slow</Message></Error>";
    let denied = "<Error><Code>AccessDenied</Code><Message>not authorized</Message></Error>";
    let elsewhere = "<Error><Code>PermanentRedirect</Code><Message>use another endpoint</Message></Error>";
    run(async {
        check(503, slow, read, Retry::Throttled, "SlowDown").await;
        check(503, slow, write, Retry::Throttled, "SlowDown").await;
        check(500, "<html>broken</html>", read, Retry::Later, "").await;
        let error = read(&answering(403, denied).await).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "not authorized (AccessDenied)");
        let error = write(&answering(403, denied).await).await.unwrap().unwrap_err();
        assert_eq!(error.code, "AccessDenied");
        let error = read(&answering(301, elsewhere).await).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the bucket is in another region (PermanentRedirect)");
        // Another answer than one that S3 gives.
        check(200, "0123456789", read, Retry::Later, "ETag").await;
    });
}

#[test]
fn a_name_that_no_request_can_have_is_the_states_error() {
    run(async {
        let host = answering(500, "").await;
        let objects = host.objects().unwrap();
        for (bucket, key, code) in
            [("my orders", "k", "InvalidBucketName"), ("orders", "", "InvalidArgument")]
        {
            let object = object(bucket, key);
            assert_eq!(objects.read(&object, None, 0, 1).await.unwrap().unwrap_err().code, code);
            assert_eq!(objects.write(&object, vec![1], "text/plain").await.unwrap().unwrap_err().code, code);
        }
        let odd = ObjectName { expected_owner: Some("1\n2".to_owned()), ..object("orders", "k") };
        assert_eq!(objects.read(&odd, None, 0, 1).await.unwrap().unwrap_err().code, "InvalidRequest");
    });
}

#[test]
fn encoded_keys_of_a_listing_are_read() {
    let listing = Listing { bucket: "orders".to_owned(), prefix: String::new(), expected_owner: None };
    let page = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents>\
        <Key>a+b%2Bc%0A%C3%A4</Key><LastModified>2026-11-30T10:00:00.000Z</LastModified>\
        <ETag>&quot;e&quot;</ETag><Size>7</Size><StorageClass>GLACIER</StorageClass></Contents></ListBucketResult>";
    run(async {
        let host = answering(200, page).await;
        let page = host.objects().unwrap().list(&listing, None).await.unwrap().unwrap();
        assert!(page.has_more);
        let [object] = page.objects.as_slice() else { panic!("{page:?}") };
        assert_eq!((object.key.as_str(), object.etag.as_str(), object.bytes), ("a b+c\nä", "\"e\"", 7));
        assert_eq!(object.modified_ms, 1_796_032_800_000);
        assert_eq!(object.storage_class.as_deref(), Some("GLACIER"));
    });
}

#[test]
fn each_message_of_a_batch_has_its_own_answer() {
    // The same answer serves both calls: the queue's URL, and what became of the messages.
    let answer = r#"{"QueueUrl":"http://127.0.0.1/q","Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],
        "Failed":[{"Id":"1","SenderFault":true,"Code":"InvalidMessageContents"},
                  {"Id":"2","SenderFault":false,"Code":"InternalFailure"}]}"#;
    run(async {
        let host = answering(200, answer).await;
        let messages: Vec<Outgoing> = (0..3).map(|n| Outgoing::new(n.to_string(), 0)).collect();
        let answers = host.queue().send(&QueueName::Timer, &messages).await.unwrap();
        let [Ok(()), Err(SendError::Failed(never)), Err(SendError::Failed(later))] = answers.as_slice()
        else {
            panic!("{answers:?}")
        };
        assert_eq!((never.retry, later.retry), (Retry::Never, Retry::Later));
    });
}

async fn schedule(host: &AwsHost) -> WorldResult<Scheduled> {
    let schedule = Schedule { name: "0".repeat(32), at_ms: 1_700_000_000_000, body: "{}".to_owned() };
    host.schedules().unwrap().create(&schedule).await
}

#[test]
fn a_schedule_that_is_there_is_no_failure() {
    let conflict = r#"{"__type":"ConflictException","Message":"Schedule 0 already exists."}"#;
    let throttled = r#"{"__type":"ThrottlingException","Message":"Rate exceeded"}"#;
    let full = r#"{"__type":"ServiceQuotaExceededException","Message":"too many schedules"}"#;
    run(async {
        let scheduled = schedule(&answering(409, conflict).await).await;
        assert_eq!(scheduled.unwrap(), Scheduled::Exists);
        let arn = r#"{"ScheduleArn":"arn:aws:scheduler:us-east-1:000000000000:schedule/faults/0"}"#;
        assert_eq!(schedule(&answering(200, arn).await).await.unwrap(), Scheduled::Created);
        check(429, throttled, schedule, Retry::Throttled, "Rate exceeded").await;
        check(402, full, schedule, Retry::Later, "too many schedules").await;
    });
}

async fn put_event(host: &AwsHost) -> WorldResult<()> {
    let event = StatusEvent { time_ms: 1, resources: Vec::new(), detail: "{}".to_owned() };
    host.events().unwrap().put(&event).await
}

#[test]
fn an_event_may_fail_within_an_answer_that_went_well() {
    let put = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}"#;
    let throttled =
        r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"}]}"#;
    let failed = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"oh"}]}"#;
    let malformed =
        r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"no"}]}"#;
    let denied = r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#;
    run(async {
        put_event(&answering(200, put).await).await.unwrap();
        check(200, throttled, put_event, Retry::Throttled, "slow").await;
        check(200, failed, put_event, Retry::Later, "InternalFailure: oh").await;
        check(200, malformed, put_event, Retry::Never, "MalformedDetail").await;
        check(400, denied, put_event, Retry::Later, "lack a permission").await;
    });
}
