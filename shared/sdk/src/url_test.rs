use super::*;
use std::sync::Arc;
use stepladder_api::{ApiSettings, Refusals, Unsupported, router};
use stepladder_asl::Definition;
use stepladder_protocol::Protocol;
use stepladder_simulation::MemoryHost;

/// As AWS's page shows it (<https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>), but for the
/// members that a test is about.
fn event(headers: Value, body: Value, is_base64: bool) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "id",
            "authentication": null,
            "authorizer": {
                "iam": {
                    "accessKey": "AKIAIOSFODNN7EXAMPLE",
                    "accountId": "111122223333",
                    "callerId": "AIDACKCEVSQ6C2EXAMPLE",
                    "cognitoIdentity": null,
                    "principalOrgId": null,
                    "userArn": "arn:aws:iam::111122223333:user/example-user",
                    "userId": "AIDACOSFODNN7EXAMPLE2"
                }
            },
            "domainName": "id.lambda-url.us-west-2.on.aws",
            "domainPrefix": "id",
            "http": {
                "method": "POST",
                "path": "/",
                "protocol": "HTTP/1.1",
                "sourceIp": "123.123.123.123",
                "userAgent": "agent"
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "body": body,
        "pathParameters": null,
        "isBase64Encoded": is_base64,
        "stageVariables": null
    })
}

fn plain() -> Value {
    event(json!({ "header1": "value1", "header2": "value1,value2" }), json!("Hello from client!"), false)
}

fn with(path: &str, value: Value) -> Value {
    let mut event = plain();
    *event.pointer_mut(path).unwrap() = value;
    event
}

fn without(name: &str) -> Value {
    let mut event = plain();
    event.as_object_mut().unwrap().remove(name).unwrap();
    event
}

/// Without polling a runtime: nothing here waits for anything.
fn run<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}

fn body_of(request: Asked) -> Vec<u8> {
    run(request.into_body().collect()).unwrap().to_bytes().to_vec()
}

#[test]
fn a_request_is_read_as_a_url_sends_it() {
    let read = request(plain()).unwrap();
    assert_eq!((read.method(), read.uri().to_string().as_str()), (&Method::POST, "/"));
    assert_eq!(read.headers()["header2"], "value1,value2");
    assert_eq!(body_of(read), b"Hello from client!");

    let mut get = event(json!({}), Value::Null, false);
    get["rawPath"] = json!("/api/v1/a%2Fb");
    get["rawQueryString"] = json!("parameter1=value1&parameter1=value2&p=%20");
    get["cookies"] = json!(["cookie1=a", "cookie2=b"]);
    get["requestContext"]["http"]["method"] = json!("GET");
    let read = request(get).unwrap();
    assert_eq!(read.method(), Method::GET);
    assert_eq!(read.uri().to_string(), "/api/v1/a%2Fb?parameter1=value1&parameter1=value2&p=%20");
    assert_eq!(read.headers()[COOKIE], "cookie1=a; cookie2=b");
    assert_eq!(body_of(read), b"");

    let packed = event(json!({}), json!(STANDARD.encode([0, 255])), true);
    assert_eq!(body_of(request(packed).unwrap()), [0, 255]);
    let mut absent = without("body");
    assert_eq!(body_of(request(absent.clone()).unwrap()), b"");
    absent["cookies"] = Value::Null;
    assert!(request(absent).is_ok());
}

#[track_caller]
fn check_refused(event: Value, expected: &str) {
    let message = request(event).unwrap_err().to_string();
    assert!(message.starts_with(expected), "{message}");
    assert!(message.contains("; a request of a function URL is expected"), "{message}");
}

#[test]
fn an_event_of_another_shape_says_what_is_wrong_with_it() {
    check_refused(json!("hello"), "the event is a string;");
    check_refused(json!([]), "the event is an array;");
    check_refused(json!({ "Records": [] }), "version is missing;");
    check_refused(with("/version", json!("1.0")), "the event's version is \"1.0\";");
    check_refused(with("/version", json!(2)), "version is a number, not a string;");
    for name in ["version", "requestContext", "rawPath", "rawQueryString", "headers", "isBase64Encoded"] {
        check_refused(without(name), &format!("{name} is missing"));
    }
    check_refused(with("/requestContext", json!("x")), "requestContext.http.method is missing");
    check_refused(with("/requestContext/http/method", json!(7)), "requestContext.http.method is missing");
    check_refused(with("/requestContext/http/method", json!("P T")), "requestContext.http.method is \"P T\"");
    for path in ["", "relative", "/a?b", "/a#b"] {
        check_refused(with("/rawPath", json!(path)), "rawPath is no path;");
    }
    check_refused(with("/rawPath", json!("/a b")), "rawPath and rawQueryString are no URL;");
    check_refused(with("/rawQueryString", json!("a b")), "rawPath and rawQueryString are no URL;");
    check_refused(with("/headers", json!([])), "headers is missing, or no object;");
    check_refused(with("/headers/header1", json!(1)), "headers.header1 is no header;");
    check_refused(with("/headers/header1", json!("a\r\nb: c")), "headers.header1 is no header;");
    check_refused(event(json!({ "a b": "c" }), Value::Null, false), "headers.a b is no header;");
    check_refused(with("/isBase64Encoded", json!("false")), "isBase64Encoded is a string, not a boolean;");
    check_refused(with("/body", json!({})), "body is an object, not a string;");
    check_refused(event(json!({}), json!("%"), true), "body is no base64;");
    for cookies in [json!("a"), json!([1]), json!({})] {
        let mut event = plain();
        event["cookies"] = cookies;
        check_refused(event, "cookies is no array of strings;");
    }
    let mut event = plain();
    event["cookies"] = json!(["a\n"]);
    check_refused(event, "cookies are no header;");
}

/// A service that gives one answer to all.
#[derive(Clone)]
struct Always(Arc<Response<Bytes>>);

impl tower_service::Service<Asked> for Always {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Asked) -> Self::Future {
        let mut response = Response::new(Full::new(self.0.body().clone()));
        *response.status_mut() = self.0.status();
        *response.headers_mut() = self.0.headers().clone();
        std::future::ready(Ok(response))
    }
}

fn answered(headers: &[(HeaderName, &str)], body: impl Into<Bytes>) -> Value {
    let mut response = Response::new(body.into());
    for (name, value) in headers {
        response.headers_mut().append(name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    written(run(Always(Arc::new(response)).answer(request(plain()).unwrap())))
}

#[test]
fn an_answer_is_written_as_the_url_takes_it() {
    let link = HeaderName::from_static("link");
    let headers = [
        (http::header::CONTENT_TYPE, "text/plain"),
        (link.clone(), "</a>"),
        (link, "</é>"),
        (CONTENT_LENGTH, "5"),
        (SET_COOKIE, "a=1"),
        (SET_COOKIE, "b=2"),
    ];
    let expected = json!({
        "statusCode": 200,
        "headers": { "content-type": "text/plain", "link": "</a>,</é>" },
        "body": "hello",
        "isBase64Encoded": false,
        "cookies": ["a=1", "b=2"],
    });
    assert_eq!(answered(&headers, "hello"), expected);
    let empty = json!({ "statusCode": 200, "headers": {}, "body": "", "isBase64Encoded": false });
    assert_eq!(answered(&[], ""), empty);
}

#[test]
fn what_is_no_text_or_packed_or_shorter_so_goes_in_base64() {
    let check = |headers: &[(HeaderName, &str)], body: &[u8], is_base64: bool| {
        let answer = answered(headers, body.to_vec());
        assert_eq!(answer["isBase64Encoded"], is_base64, "{answer}");
        let text = answer["body"].as_str().unwrap();
        let back = if is_base64 { STANDARD.decode(text).unwrap() } else { text.as_bytes().to_vec() };
        assert_eq!(back, body);
    };
    check(&[], b"\xff\x00", true);
    check(&[(CONTENT_ENCODING, "identity")], b"hello", true);
    check(&[], br#"{"a": "a text with few quotes in it"}"#, false);
    check(&[], &br#"\""#.repeat(100), true);
}

#[test]
fn an_answer_that_lambda_would_not_take_says_so() {
    let most = ANSWER_BYTES_MAX - answered(&[], "").to_string().len();
    let fits = answered(&[], "x".repeat(most));
    assert_eq!((fits["statusCode"].as_u64(), fits.to_string().len()), (Some(200), ANSWER_BYTES_MAX));
    let refused = answered(&[], "x".repeat(most + 1));
    assert_eq!(refused["statusCode"], 400);
    let body: Value = serde_json::from_str(refused["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["__type"], "stepladder#AnswerTooLarge");
    // A history's page is shorter than that, however it has to be written.
    let page = answered(&[], r#"\""#.repeat(stepladder_api::limits::ANSWER_BYTES_MAX / 2));
    assert_eq!((&page["statusCode"], &page["isBase64Encoded"]), (&json!(200), &json!(true)));
}

#[test]
fn aws_clients_are_answered_through_a_url() {
    let host = MemoryHost::new(1);
    let protocol = Arc::new(Protocol::new(host.clone()));
    let definition = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    let definition = Definition::parse(&definition.to_string()).unwrap();
    host.drive(protocol.publish("order", &definition)).unwrap();
    let settings = ApiSettings {
        token_key: [7; 32],
        refusals: Refusals::Own,
        unsupported: Unsupported::Refused,
        reads_parquet: false,
    };
    let router = router(protocol, settings);
    let ask = |operation: &str, body: Value| {
        let headers = json!({
            "content-type": "application/x-amz-json-1.0",
            "host": "id.lambda-url.us-west-2.on.aws",
            "x-amz-target": format!("AWSStepFunctions.{operation}"),
            "x-forwarded-proto": "https",
        });
        // It is no type of text that Lambda knows.
        let event = event(headers, json!(STANDARD.encode(body.to_string())), true);
        let answer = written(host.drive(router.clone().answer(request(event).unwrap())));
        assert_eq!(answer["headers"]["content-type"], "application/x-amz-json-1.0");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        (answer["statusCode"].as_u64().unwrap(), body)
    };
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:order";
    let start = json!({ "stateMachineArn": machine, "name": "1", "input": "{\"a\": 1}" });
    let (status, started) = ask("StartExecution", start);
    assert_eq!(status, 200, "{started}");
    let (_, described) = ask("DescribeExecution", json!({ "executionArn": started["executionArn"] }));
    assert_eq!((&described["name"], &described["input"]), (&json!("1"), &json!("{\"a\":1}")));
    let (status, unknown) = ask("NoSuchOperation", json!({}));
    assert_eq!(status, 400);
    assert!(unknown["__type"].as_str().unwrap().ends_with("#UnknownOperationException"), "{unknown}");
}
