//! The local server as clients see it: one port for DynamoDB, S3, SQS and Lambda, and who may call it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::path::PathBuf;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TimeToLiveSpecification, TransactWriteItem,
};
use serde_json::{Value, json};
use stepladder_local::sqs::{ReceiveOptions, Received};
use stepladder_local::{FunctionConfig, Server, ServerConfig, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stepladder-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn start(data_dir: Option<&Folder>) -> Server {
    let data_dir = data_dir.map(|folder| folder.0.clone());
    Server::start(ServerConfig { data_dir, ..ServerConfig::default() }).await.unwrap()
}

fn dynamodb(server: &Server) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("any", "thing", None, None, "test"))
        .endpoint_url(server.endpoint_url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

fn s3(server: &Server) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_s3::config::Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(server.endpoint_url())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let attribute = |name: &str| {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, key_type| {
        KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().unwrap()
    };
    client
        .create_table()
        .table_name("runs")
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn put_if_absent(
    client: &aws_sdk_dynamodb::Client,
    sk: &str,
    value: &str,
) -> Result<(), Option<HashMap<String, AttributeValue>>> {
    let put = client
        .put_item()
        .table_name("runs")
        .item("pk", text("run"))
        .item("sk", text(sk))
        .item("value", text(value))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match put.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.into_service_error() {
            PutItemError::ConditionalCheckFailedException(failed) => Err(failed.item),
            other => panic!("{other:?}"),
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conditional_put_succeeds_once_and_shows_the_winner() {
    let server = start(None).await;
    let client = dynamodb(&server);
    create_table(&client).await;
    let puts = (0..20).map(|number| {
        let client = client.clone();
        tokio::spawn(async move { put_if_absent(&client, "T#0", &number.to_string()).await })
    });
    let mut winners = 0;
    let mut shown = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(()) => winners += 1,
            Err(item) => shown.push(item.unwrap()["value"].clone()),
        }
    }
    assert_eq!((winners, shown.len()), (1, 19));
    assert!(shown.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_and_errors_come_as_the_sdk_knows_them() {
    let server = start(None).await;
    let client = dynamodb(&server);
    let missing = client.get_item().table_name("runs").key("pk", text("a")).key("sk", text("b")).send().await;
    assert_eq!(missing.unwrap_err().into_service_error().code(), Some("ResourceNotFoundException"));
    create_table(&client).await;
    put_if_absent(&client, "there", "1").await.unwrap();
    let put = |sk: &str| {
        let put = Put::builder().table_name("runs").item("pk", text("run")).item("sk", text(sk));
        let put = put.condition_expression("attribute_not_exists(pk)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let transaction = client.transact_write_items().transact_items(put("new")).transact_items(put("there"));
    let error = transaction.send().await.unwrap_err().into_service_error();
    let reasons: Vec<_> = match error {
        aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(e) => {
            e.cancellation_reasons().iter().map(|reason| reason.code().map(str::to_owned)).collect()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(reasons, [Some("None".to_owned()), Some("ConditionalCheckFailed".to_owned())]);
    let invalid = client.put_item().table_name("runs").item("pk", text("only")).send().await;
    assert_eq!(invalid.unwrap_err().into_service_error().code(), Some("ValidationException"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_items_are_swept() {
    let server = start(None).await;
    let client = dynamodb(&server);
    create_table(&client).await;
    let ttl = TimeToLiveSpecification::builder().attribute_name("expires").enabled(true).build().unwrap();
    client.update_time_to_live().table_name("runs").time_to_live_specification(ttl).send().await.unwrap();
    for (sk, expires) in [("old", "1000000000"), ("young", "9000000000")] {
        let put = client.put_item().table_name("runs").item("pk", text("run")).item("sk", text(sk));
        put.item("expires", AttributeValue::N(expires.to_owned())).send().await.unwrap();
    }
    assert_eq!(server.sweep_ttl().await, Ok(1));
    assert_eq!(client.scan().table_name("runs").send().await.unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_put_read_listed_and_deleted() {
    let server = start(None).await;
    let client = s3(&server);
    client.create_bucket().bucket("data").send().await.unwrap();
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let key = "runs/orders/a b/ü/0.json";
    client.put_object().bucket("data").key(key).body(body.clone().into()).send().await.unwrap();
    client.put_object().bucket("data").key(key).body(body.clone().into()).send().await.unwrap();
    let got = client.get_object().bucket("data").key(key).send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), body);
    let listed = client.list_objects_v2().bucket("data").prefix("runs/").send().await.unwrap();
    assert_eq!(listed.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), [key]);
    client.delete_object().bucket("data").key(key).send().await.unwrap();
    let missing = client.get_object().bucket("data").key(key).send().await.unwrap_err().into_service_error();
    assert!(missing.is_no_such_key(), "{missing:?}");
}

fn telling(
    queue: &str,
    events: &str,
    rules: &[(&str, &str)],
) -> aws_sdk_s3::types::NotificationConfiguration {
    use aws_sdk_s3::types::{
        Event, FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
        QueueConfiguration, S3KeyFilter,
    };
    let rule = |(name, value): &(&str, &str)| {
        FilterRule::builder().name(FilterRuleName::from(*name)).value(*value).build()
    };
    let key = S3KeyFilter::builder().set_filter_rules(Some(rules.iter().map(rule).collect())).build();
    let queue = QueueConfiguration::builder()
        .id("uploads")
        .queue_arn(format!("arn:aws:sqs:us-east-1:000000000000:{queue}"))
        .events(Event::from(events))
        .filter(NotificationConfigurationFilter::builder().key(key).build());
    NotificationConfiguration::builder().queue_configurations(queue.build().unwrap()).build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_told_of_objects_that_its_buckets_configuration_takes() {
    let server = start(None).await;
    let client = s3(&server);
    server
        .queues()
        .with(|queues, now_ms| queues.create("uploads", &Default::default(), Default::default(), now_ms))
        .unwrap();
    let told = || {
        let options =
            ReceiveOptions { messages_max: 10, visibility_timeout_s: None, event_bytes_max: 1 << 20 };
        let received =
            server.queues().with(|queues, now_ms| queues.receive("uploads", options, now_ms)).unwrap();
        let body = |message: &Received| serde_json::from_str::<Value>(&message.content.body).unwrap();
        received.iter().map(body).collect::<Vec<_>>()
    };
    let configure = |configuration| {
        client
            .put_bucket_notification_configuration()
            .bucket("data")
            .notification_configuration(configuration)
            .send()
    };
    let all = || telling("uploads", "s3:ObjectCreated:*", &[("prefix", "in/"), ("suffix", ".csv")]);
    let missing = configure(all()).await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchBucket"));
    client.create_bucket().bucket("data").send().await.unwrap();
    let nobody = configure(telling("nobody", "s3:ObjectCreated:*", &[])).await.unwrap_err();
    assert_eq!(nobody.code(), Some("InvalidArgument"));
    let removed = configure(telling("uploads", "s3:ObjectRemoved:*", &[])).await.unwrap_err();
    assert_eq!(removed.code(), Some("NotImplemented"));
    configure(all()).await.unwrap();
    let test = told();
    assert_eq!(
        (test.len(), &test[0]["Event"], &test[0]["Bucket"]),
        (1, &json!("s3:TestEvent"), &json!("data"))
    );
    let asked = client.get_bucket_notification_configuration().bucket("data").send().await.unwrap();
    assert_eq!(Some(asked.queue_configurations()), all().queue_configurations.as_deref());

    let put = async |key: &str| {
        client.put_object().bucket("data").key(key).body(b"a,b\n".to_vec().into()).send().await.unwrap()
    };
    for key in ["in/ä b+1.csv", "in/a.txt", "out/a.csv"] {
        put(key).await;
    }
    let etag = put("in/ä b+1.csv").await.e_tag.unwrap();
    client
        .copy_object()
        .bucket("data")
        .key("in/copy.csv")
        .copy_source("data/out/a.csv")
        .send()
        .await
        .unwrap();
    let told = told();
    let records: Vec<&Value> = told.iter().map(|message| &message["Records"][0]).collect();
    let what = |record: &Value| json!([record["eventName"], record["s3"]["object"]["key"]]);
    let expected = [
        json!(["ObjectCreated:Put", "in/%C3%A4+b%2B1.csv"]),
        json!(["ObjectCreated:Put", "in/%C3%A4+b%2B1.csv"]),
        json!(["ObjectCreated:Copy", "in/copy.csv"]),
    ];
    assert_eq!(records.iter().map(|record| what(record)).collect::<Vec<_>>(), expected);
    let object = &records[1]["s3"]["object"];
    assert_eq!((&object["size"], &object["eTag"]), (&json!(4), &json!(etag.trim_matches('"'))));
    let sequencer = |record: &Value| record["s3"]["object"]["sequencer"].as_str().unwrap().to_owned();
    assert!(sequencer(records[0]) < sequencer(records[1]) && sequencer(records[1]) < sequencer(records[2]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_keeps_items_and_objects_and_serves_one_server_at_a_time() {
    let folder = Folder::new("data");
    let server = start(Some(&folder)).await;
    create_table(&dynamodb(&server)).await;
    put_if_absent(&dynamodb(&server), "kept", "1").await.unwrap();
    s3(&server).create_bucket().bucket("data").send().await.unwrap();
    s3(&server).put_object().bucket("data").key("kept").body(b"1".to_vec().into()).send().await.unwrap();
    let config = ServerConfig { data_dir: Some(folder.0.clone()), ..ServerConfig::default() };
    let refused = Server::start(config).await.unwrap_err();
    assert!(matches!(refused, StartError::DataDirInUse { .. }), "{refused}");
    server.shutdown().await;

    let server = start(Some(&folder)).await;
    assert!(put_if_absent(&dynamodb(&server), "kept", "2").await.is_err());
    let got = s3(&server).get_object().bucket("data").key("kept").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let first = start(None).await;
    let port = first.addr().port();
    let refused = Server::start(ServerConfig { port, ..ServerConfig::default() }).await.unwrap_err();
    assert!(refused.to_string().contains(&port.to_string()), "{refused}");
    assert!(matches!(refused, StartError::PortInUse { .. }));
    first.shutdown().await;
    let again = Server::start(ServerConfig { port, ..ServerConfig::default() }).await.unwrap();
    assert_eq!(again.addr().port(), port);
}

/// Sends a request as it is, and returns the status, the head and the body of the answer.
async fn raw(server: &Server, request: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    // The server may answer, and close, before all has been read.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0),
        head.to_owned(),
        body.to_owned(),
    )
}

async fn post(server: &Server, path: &str, headers: &str, body: &str) -> (u16, String, String) {
    let host = server.addr();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    raw(server, [head.as_bytes(), body.as_bytes()].concat().as_slice()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_hosts_and_origins_are_refused_by_every_service() {
    let server = start(None).await;
    let port = server.addr().port();
    for (host, origin, path, target) in [
        (format!("evil.example:{port}"), "", "/", "X-Amz-Target: AmazonSQS.ListQueues\r\n"),
        ("127.0.0.1".to_owned(), "", "/", "X-Amz-Target: DynamoDB_20120810.ListTables\r\n"),
        (
            format!("127.0.0.1:{port}"),
            "Origin: http://evil.example\r\n",
            "/",
            "X-Amz-Target: AmazonSQS.ListQueues\r\n",
        ),
        (format!("localhost:{port}"), "Origin: null\r\n", "/data/key", ""),
        (format!("evil.example:{port}"), "", "/2015-03-31/functions/work/invocations", ""),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2\r\n{origin}{target}\r\n{{}}"
        );
        let (status, _, body) = raw(&server, request.as_bytes()).await;
        assert_eq!(status, 403, "{host} {origin} {path}: {body}");
    }
    let (status, _, _) = post(&server, "/", "X-Amz-Target: AmazonSQS.ListQueues\r\n", "{}").await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_requests_get_an_error_and_harm_no_other() {
    let server = start(None).await;
    let sqs = |operation: &str| {
        format!("X-Amz-Target: AmazonSQS.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\n")
    };
    let dynamodb = "X-Amz-Target: DynamoDB_20120810.PutItem\r\n".to_owned();
    for (path, headers, body, expected) in [
        ("/", sqs("SendMessage"), "{", 400),
        ("/", sqs("SendMessage"), "", 400),
        ("/", sqs("SendMessage"), r#"{"QueueUrl":"q","MessageBody":"\ud800"}"#, 400),
        ("/", sqs("NoSuchOperation"), "{}", 400),
        ("/", dynamodb.clone(), "{", 400),
        ("/", dynamodb.clone(), "[]", 400),
        ("/", "X-Amz-Target: DynamoDB_20120810.NoSuchOperation\r\n".to_owned(), "{}", 400),
        ("/", "X-Amz-Target: Unknown.Call\r\n".to_owned(), "{}", 400),
        ("/lambda/unknown/2018-06-01/runtime/invocation/next", String::new(), "", 403),
        ("/2015-03-31/functions/unknown/invocations", String::new(), "{}", 404),
    ] {
        let (status, _, answer) = post(&server, path, &headers, body).await;
        assert_eq!(status, expected, "{path} {headers} {body}: {answer}");
    }
    // A length that promises more than any service takes is refused before it is read.
    let host = server.addr();
    for target in ["AmazonSQS.SendMessage", "DynamoDB_20120810.PutItem"] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: {target}\r\nContent-Length: 99999999999\r\n\r\n"
        );
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let chunk = vec![b' '; 1_000_000];
        // Keep sending until the server has had enough.
        let mut sent = 0_u64;
        while sent < 200_000_000 && stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len() as u64;
        }
        assert!(sent < 100_000_000, "{target}: the server has read {sent} bytes");
    }
    let (status, _, _) = post(&server, "/", &sqs("ListQueues"), "{}").await;
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_are_invoked_over_http() {
    let server = start(None).await;
    let path = "/2015-03-31/functions/work/invocations";
    let mut function = FunctionConfig::new("work", env!("CARGO_BIN_EXE_local-function"));
    function.environments_max = 1;
    server.lambda().register(function).unwrap();
    let (status, head, body) = post(&server, path, "", r#"{"a":1}"#).await;
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (200, json!({ "a": 1 })), "{head}");
    assert!(!head.contains("x-amz-function-error"), "{head}");
    let (status, head, body) = post(&server, path, "", r#"{"do":"fail","text":"no"}"#).await;
    assert_eq!(status, 200);
    assert!(head.contains("x-amz-function-error: Unhandled"), "{head}");
    assert!(body.contains(r#""errorMessage":"no""#), "{body}");
    let by_arn =
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Awork/invocations";
    assert_eq!(post(&server, by_arn, "", "1").await.2, "1");
    let (status, head, _) = post(&server, path, "", "{").await;
    assert_eq!(status, 400);
    assert!(head.contains("x-amzn-errortype: InvalidRequestContentException"), "{head}");
    let (status, _, body) =
        post(&server, path, "X-Amz-Invocation-Type: Event\r\n", r#"{"do":"wait","ms":700}"#).await;
    assert_eq!((status, body.as_str()), (202, ""));
    // It has the only environment, or is about to take it.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let (status, head, _) = post(&server, path, "", "1").await;
        if status == 429 {
            assert!(head.contains("x-amzn-errortype: TooManyRequestsException"), "{head}");
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the asynchronous invocation never ran");
    }
}
