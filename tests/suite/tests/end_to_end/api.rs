//! The API's function, called as its URL calls it.

use crate::{STEP, one_task};
use serde_json::{Value, json};
use stepladder_tests::{TestStack, TestStep};

async fn ask(stack: &TestStack, function: &str, operation: &str, body: Value) -> Value {
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/",
        "rawQueryString": "",
        "headers": {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": format!("AWSStepFunctions.{operation}"),
        },
        "requestContext": { "http": { "method": "POST", "path": "/", "protocol": "HTTP/1.1" } },
        "body": body.to_string(),
        "isBase64Encoded": false,
    });
    let outcome = stack.invoke(function, &event).await;
    assert!(!outcome.failed, "{operation}: {outcome:?}\n{}", stack.tell());
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_started_and_listed_at_a_url_whichever_process_answers() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.open_all();
    stack.publish("order", &one_task("work", json!({}))).await;
    // Two processes, as Lambda has them when it is asked twice at once.
    stack.add_function("api", "api");
    stack.add_function("api-2", "api");
    let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:order";
    for (function, name) in [("api", "one"), ("api-2", "two")] {
        let start = json!({ "stateMachineArn": machine, "name": name, "input": "{}" });
        ask(&stack, function, "StartExecution", start).await;
        assert_eq!(stack.ended("order", name).await.end(), "SUCCEEDED");
    }
    let first =
        ask(&stack, "api", "ListExecutions", json!({ "stateMachineArn": machine, "maxResults": 1 })).await;
    let token = &first["nextToken"];
    let rest = json!({ "stateMachineArn": machine, "maxResults": 1, "nextToken": token });
    let second = ask(&stack, "api-2", "ListExecutions", rest).await;
    let name = |page: &Value| page["executions"][0]["name"].as_str().unwrap().to_owned();
    let mut names = [name(&first), name(&second)];
    names.sort();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_url_sends_is_refused_in_words() {
    let stack = TestStack::start(STEP, &[]).await;
    stack.add_function("api", "api");
    let outcome = stack.invoke("api", &json!({ "Records": [] })).await;
    let error = String::from_utf8(outcome.payload.to_vec()).unwrap();
    assert!(outcome.failed, "{error}");
    assert!(error.contains("version is missing; a request of a function URL is expected"), "{error}");
}
