//! Calls against a small server, which keeps what it gets and plays what it was told.

use super::*;
use crate::limits::SERVICE_ANSWER_BYTES_MAX;
use aws_credential_types::Credentials;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request as HttpRequest, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::{collections::VecDeque, sync::Mutex};
use tokio::net::TcpListener;

/// What the server does with one request.
enum Play {
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// It closes the connection.
    Drop,
    /// It never answers.
    Hang,
}

struct Got {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

#[derive(Default)]
struct Script {
    plays: Mutex<VecDeque<Play>>,
    got: Mutex<Vec<Got>>,
}

async fn serve(script: Arc<Script>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let script = Arc::clone(&script);
            let service = service_fn(move |request| answer(request, Arc::clone(&script)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    endpoint
}

async fn answer(
    request: HttpRequest<Incoming>,
    script: Arc<Script>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    script.got.lock().unwrap().push(Got {
        path: parts.uri.to_string(),
        headers: parts.headers.iter().map(header).collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let play = script.plays.lock().unwrap().pop_front().expect("a request that no play is for");
    match play {
        Play::Answer(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            Ok(response.body(Full::from(body)).unwrap())
        }
        Play::Drop => Err(std::io::Error::other("closed")),
        Play::Hang => std::future::pending().await,
    }
}

/// What a call comes to, and what the server got.
async fn play(
    service: &str,
    action: &str,
    parameters: Value,
    plays: impl IntoIterator<Item = Play>,
) -> (Result<Value, StepFailure>, Vec<Got>) {
    play_within(60_000, service, action, parameters, plays).await
}

async fn play_within(
    limit_ms: i64,
    service: &str,
    action: &str,
    parameters: Value,
    plays: impl IntoIterator<Item = Play>,
) -> (Result<Value, StepFailure>, Vec<Got>) {
    let script = Arc::new(Script { plays: Mutex::new(plays.into_iter().collect()), ..Script::default() });
    let endpoint = serve(Arc::clone(&script)).await;
    let environment = Environment::local(&endpoint, "test").unwrap();
    let credentials = Credentials::new("AKID", "secret", Some("session".to_owned()), None, "test");
    let provider = SharedCredentialsProvider::new(credentials);
    let integrations = ServiceIntegrations::new(&environment, Some(provider));
    let call = IntegrationCall {
        service: service.to_owned(),
        action: action.to_owned(),
        parameters,
        resources: ["arn:e".to_owned(), "arn:m".to_owned()],
        idempotency_key: "0".repeat(32),
        deadline_ms: SystemClock.now_ms() + limit_ms,
    };
    let result = integrations.call(call).await;
    let got = std::mem::take(&mut *script.got.lock().unwrap());
    (result, got)
}

fn ok(body: &str) -> Play {
    Play::Answer(200, &[("x-amzn-RequestId", "r-1"), ("content-type", "application/json")], body.to_owned())
}

fn error(status: u16, body: &str) -> Play {
    Play::Answer(status, &[("x-amzn-RequestId", "r-1")], body.to_owned())
}

/// A result without what is known of the answer itself.
fn members(result: Result<Value, StepFailure>) -> Value {
    let mut result = result.unwrap();
    let metadata = result.as_object_mut().unwrap().shift_remove("SdkHttpMetadata").unwrap();
    assert_eq!(metadata["HttpStatusCode"], 200);
    assert_eq!(metadata["HttpHeaders"]["x-amzn-RequestId"], "r-1");
    assert_eq!(metadata["AllHttpHeaders"]["x-amzn-RequestId"], json!(["r-1"]));
    result
}

#[track_caller]
fn check_failed(result: Result<Value, StepFailure>, error: &str, cause: &str) {
    let failure = result.unwrap_err();
    assert_eq!((failure.error.as_str(), failure.cause.as_str()), (error, cause));
}

#[tokio::test]
async fn a_call_is_signed_and_names_itself() {
    let parameters = json!({"TableName": "t", "Key": {"id": {"S": "1"}}});
    let (result, got) = play("dynamodb", "getItem", parameters, [ok(r#"{"Item":{"id":{"S":"1"}}}"#)]).await;
    assert_eq!(
        members(result),
        json!({"Item": {"id": {"S": "1"}}, "SdkResponseMetadata": {"RequestId": "r-1"}})
    );
    let [got] = &got[..] else { panic!("one request") };
    assert_eq!((got.path.as_str(), got.body.as_str()), ("/", r#"{"TableName":"t","Key":{"id":{"S":"1"}}}"#));
    assert_eq!(got.header("x-amz-target"), "DynamoDB_20120810.GetItem");
    assert_eq!(got.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(got.header("x-amz-security-token"), "session");
    assert_eq!(got.header("amz-sdk-invocation-id"), "00000000-0000-0000-0000-000000000000");
    let signature = got.header("authorization");
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{signature}");
    assert!(signature.contains("/us-east-1/dynamodb/aws4_request"), "{signature}");
    assert!(signature.contains("host;x-amz-date;x-amz-security-token;x-amz-target"), "{signature}");
}

#[tokio::test]
async fn a_message_is_sent_with_its_objects_as_text() {
    let parameters = json!({"QueueUrl": "http://q", "MessageBody": {"Token": "t"}});
    let (result, got) =
        play("sqs", "sendMessage", parameters, [ok(r#"{"MessageId":"m","MD5OfMessageBody":"5"}"#)]).await;
    assert_eq!(
        members(result),
        json!({"MD5OfMessageBody": "5", "MessageId": "m", "SdkResponseMetadata": {"RequestId": "r-1"}})
    );
    assert_eq!(got[0].header("x-amz-target"), "AmazonSQS.SendMessage");
    assert_eq!(got[0].body, r#"{"QueueUrl":"http://q","MessageBody":"{\"Token\":\"t\"}"}"#);
}

#[tokio::test]
async fn a_publication_goes_out_as_a_form_and_comes_back_as_xml() {
    let xml = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult><ResponseMetadata>\
               <RequestId>r-2</RequestId></ResponseMetadata></PublishResponse>";
    let (result, got) = play("sns", "publish", json!({"TopicArn": "t", "Message": "a&b"}), [ok(xml)]).await;
    assert_eq!(members(result), json!({"MessageId": "m", "SdkResponseMetadata": {"RequestId": "r-2"}}));
    assert_eq!(got[0].body, "Action=Publish&Version=2010-03-31&TopicArn=t&Message=a%26b");
    let xml = "<ErrorResponse><Error><Code>InvalidParameter</Code><Message>Invalid parameter: no group</Message></Error>\
               <RequestId>r-3</RequestId></ErrorResponse>";
    let (result, _) = play("sns", "publish", json!({"Message": "a"}), [error(400, xml)]).await;
    check_failed(
        result,
        "SNS.InvalidParameterException",
        "Invalid parameter: no group (Service: AmazonSNS; Status Code: 400; Error Code: InvalidParameter; Request ID: r-3; Proxy: null)",
    );
}

#[tokio::test]
async fn an_entry_that_failed_fails_the_state() {
    let entries = json!({"Entries": [{"Detail": {"a": 1}}]});
    let (result, got) = play(
        "events",
        "putEvents",
        entries.clone(),
        [ok(r#"{"FailedEntryCount":0,"Entries":[{"EventId":"e"}]}"#)],
    )
    .await;
    assert_eq!(result.unwrap(), json!({"Entries": [{"EventId": "e"}], "FailedEntryCount": 0}));
    assert_eq!(got[0].header("content-type"), "application/x-amz-json-1.1");
    let failed = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}]}"#;
    let (result, _) = play("events", "putEvents", entries, [ok(failed)]).await;
    check_failed(
        result,
        "EventBridge.FailedEntry",
        r#"{"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}],"FailedEntryCount":1}"#,
    );
}

#[tokio::test]
async fn a_functions_answer_stands_in_its_payload() {
    let headers =
        &[("x-amzn-RequestId", "r-1"), ("X-Amz-Executed-Version", "$LATEST"), ("X-Amz-Log-Result", "bG9n")];
    let plays = [Play::Answer(200, headers, r#"{"a":1}"#.to_owned())];
    let (result, got) =
        play("lambda", "invoke", json!({"FunctionName": "f", "Payload": {"b": 2}}), plays).await;
    assert_eq!(
        members(result),
        json!({
            "ExecutedVersion": "$LATEST",
            "LogResult": "bG9n",
            "Payload": {"a": 1},
            "SdkResponseMetadata": {"RequestId": "r-1"},
            "StatusCode": 200,
        })
    );
    assert_eq!(
        (got[0].path.as_str(), got[0].body.as_str()),
        ("/2015-03-31/functions/f/invocations", r#"{"b":2}"#)
    );
    let (result, _) = play("lambda", "invoke", json!({"FunctionName": "f"}), [ok("no JSON")]).await;
    assert_eq!(result.unwrap()["Payload"], "no JSON");
}

#[tokio::test]
async fn a_functions_failure_has_its_own_name_and_text() {
    let fail = |body: &str| [Play::Answer(200, &[("X-Amz-Function-Error", "Unhandled")], body.to_owned())];
    let text = r#"{"errorMessage": "", "errorType": "CustomException", "requestId": "r"}"#;
    let (result, _) = play("lambda", "invoke", json!({"FunctionName": "f"}), fail(text)).await;
    check_failed(result, "CustomException", text);
    let (result, _) = play("lambda", "invoke", json!({"FunctionName": "f"}), fail("{}")).await;
    check_failed(
        result,
        "Lambda.Unknown",
        "The cause could not be determined because Lambda did not return an error type. Returned payload: {}",
    );
}

/// The errors that recorded histories have, from what the services answered with.
#[tokio::test]
async fn errors_have_the_names_and_texts_of_recorded_histories() {
    let key = json!({"TableName": "test-table", "Item": {}});
    let missing = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}"#;
    let (result, _) = play("dynamodb", "putItem", key.clone(), [error(400, missing)]).await;
    check_failed(
        result,
        "DynamoDB.ResourceNotFoundException",
        "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)",
    );
    let failed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#;
    let (result, _) = play("dynamodb", "putItem", key.clone(), [error(400, failed)]).await;
    check_failed(
        result,
        "DynamoDB.ConditionalCheckFailedException",
        "The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: r-1; Proxy: null)",
    );
    let invalid = r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected"}"#;
    let (result, _) = play("dynamodb", "putItem", key, [error(400, invalid)]).await;
    check_failed(
        result,
        "DynamoDB.AmazonDynamoDBException",
        "1 validation error detected (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; Request ID: r-1; Proxy: null)",
    );
    let message = json!({"QueueUrl": "q", "MessageBody": null});
    let missing = Play::Answer(
        400,
        &[("x-amzn-RequestId", "r-1"), ("x-amzn-query-error", "MissingParameter;Sender")],
        r#"{"__type":"com.amazon.coral.service#MissingRequiredParameterException","message":"The request must contain the parameter MessageBody."}"#.to_owned(),
    );
    let (result, _) = play("sqs", "sendMessage", message.clone(), [missing]).await;
    check_failed(
        result,
        "SQS.AmazonSQSException",
        "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400; Error Code: MissingParameter; Request ID: r-1; Proxy: null)",
    );
    let gone = Play::Answer(
        400,
        &[("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender")],
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#
            .to_owned(),
    );
    let (result, _) = play("sqs", "sendMessage", message, [gone]).await;
    assert_eq!(result.unwrap_err().error, "SQS.QueueDoesNotExistException");
    let no_function = Play::Answer(
        404,
        &[("x-amzn-RequestId", "r-1"), ("x-amzn-ErrorType", "ResourceNotFoundException")],
        r#"{"Type":"User","Message":"Function not found: arn:f"}"#.to_owned(),
    );
    let function = json!({"FunctionName": "f"});
    let (result, _) = play("lambda", "invoke", function.clone(), [no_function]).await;
    check_failed(
        result,
        "Lambda.ResourceNotFoundException",
        "Function not found: arn:f (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)",
    );
    let denied = Play::Answer(
        403,
        &[("x-amzn-RequestId", "r-1"), ("x-amzn-ErrorType", "AccessDeniedException:http://internal")],
        r#"{"Message":"User: u is not authorized"}"#.to_owned(),
    );
    let (result, _) = play("lambda", "invoke", function, [denied]).await;
    check_failed(
        result,
        "Lambda.AWSLambdaException",
        "User: u is not authorized (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: r-1; Proxy: null)",
    );
}

#[tokio::test]
async fn what_fails_for_a_moment_is_tried_again_and_not_for_ever() {
    let key = || json!({"TableName": "t", "Key": {}});
    let throttled =
        || error(400, r#"{"__type":"x#ProvisionedThroughputExceededException","message":"slow"}"#);
    let (result, got) =
        play("dynamodb", "getItem", key(), [throttled(), error(503, ""), Play::Drop, ok("{}")]).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(got.len(), 4);
    let (result, got) = play("dynamodb", "getItem", key(), std::iter::repeat_with(throttled).take(9)).await;
    assert_eq!(result.unwrap_err().error, "DynamoDB.ProvisionedThroughputExceededException");
    assert_eq!(got.len(), SERVICE_ATTEMPTS_MAX as usize);
    let (result, got) = play_within(60, "dynamodb", "getItem", key(), [throttled(), ok("{}")]).await;
    assert_eq!(result.is_ok(), got.len() == 2);
    assert!(got.len() <= 2);
}

#[tokio::test]
async fn a_function_that_may_have_run_is_not_called_again() {
    let function = || json!({"FunctionName": "f"});
    for play_once in [Play::Drop, error(500, r#"{"Message":"internal"}"#)] {
        let (result, got) = play("lambda", "invoke", function(), [play_once]).await;
        let error = result.unwrap_err().error;
        assert!(
            ["Lambda.SdkClientException", "Lambda.AWSLambdaException"].contains(&error.as_str()),
            "{error}"
        );
        assert_eq!(got.len(), 1);
    }
    let throttled = Play::Answer(
        429,
        &[("x-amzn-ErrorType", "TooManyRequestsException")],
        r#"{"Message":"Rate Exceeded."}"#.to_owned(),
    );
    let (result, got) = play("lambda", "invoke", function(), [throttled, ok("1")]).await;
    assert_eq!(result.unwrap()["Payload"], 1);
    assert_eq!(got.len(), 2);
}

#[tokio::test]
async fn answers_that_make_no_sense_are_failures() {
    let key = || json!({"TableName": "t", "Key": {}});
    for body in ["", "[]", "<html>", "{\"Item\":", "null"] {
        let (result, got) = play("dynamodb", "getItem", key(), [ok(body)]).await;
        let failure = result.unwrap_err();
        assert_eq!(failure.error, "DynamoDB.SdkClientException", "{body}");
        assert!(failure.cause.starts_with("Unable to unmarshall response: "), "{}", failure.cause);
        assert_eq!(got.len(), 1, "{body}");
    }
    let (result, _) = play("sns", "publish", json!({"Message": ""}), [ok("{}")]).await;
    assert_eq!(result.unwrap_err().error, "SNS.SdkClientException");
    let (result, _) =
        play("events", "putEvents", json!({"Entries": []}), [ok(r#"{"FailedEntryCount":"x"}"#)]).await;
    assert_eq!(result.unwrap_err().error, "EventBridge.FailedEntry");
    for (status, body) in [(400, ""), (400, "[1]"), (302, "<html>"), (418, r#"{"__type":5,"message":{}}"#)] {
        let (result, _) = play("dynamodb", "getItem", key(), [error(status, body)]).await;
        let failure = result.unwrap_err();
        assert_eq!(failure.error, "DynamoDB.AmazonDynamoDBException", "{body}");
        assert!(failure.cause.contains(&format!("Status Code: {status}")), "{}", failure.cause);
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let huge = format!("\"{}\"", "x".repeat(SERVICE_ANSWER_BYTES_MAX));
    let (result, got) = play("lambda", "invoke", json!({"FunctionName": "f"}), [ok(&huge)]).await;
    assert_eq!(result.unwrap_err().error, "States.DataLimitExceeded");
    assert_eq!(got.len(), 1);
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    for (service, action, parameters) in [
        ("lambda", "invoke", json!({"FunctionName": "f"})),
        ("sqs", "sendMessage", json!({"QueueUrl": "q", "MessageBody": ""})),
    ] {
        let (result, got) = play_within(50, service, action, parameters, [Play::Hang]).await;
        assert_eq!(result.unwrap_err().error, "States.Timeout");
        assert_eq!(got.len(), 1);
    }
}

#[tokio::test]
async fn without_credentials_or_server_a_call_fails_by_name() {
    let environment = Environment::local("http://127.0.0.1:9", "test").unwrap();
    let call = |deadline_ms| IntegrationCall {
        service: "sqs".to_owned(),
        action: "sendMessage".to_owned(),
        parameters: json!({"QueueUrl": "q", "MessageBody": ""}),
        resources: Default::default(),
        idempotency_key: String::new(),
        deadline_ms,
    };
    let soon = || SystemClock.now_ms() + 300;
    let failure = ServiceIntegrations::new(&environment, None).call(call(soon())).await.unwrap_err();
    assert_eq!(failure.cause, "Unable to execute HTTP request: there are no credentials");
    let provider = SharedCredentialsProvider::new(Credentials::new("AKID", "secret", None, None, "test"));
    let integrations = ServiceIntegrations::new(&environment, Some(provider));
    let failure = integrations.call(call(soon())).await.unwrap_err();
    assert_eq!(failure.error, "SQS.SdkClientException");
    assert!(failure.cause.contains("onnect"), "{}", failure.cause);
}
