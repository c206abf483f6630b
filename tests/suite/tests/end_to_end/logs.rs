//! What no log line shows: a payload, on whatever way it takes through a stack, with all that there is to log.

use crate::{STEP, arn, one_task};
use serde_json::{Value, json};
use stepladder_protocol::{Parked, QueueName};
use stepladder_tests::{MARKED, TestStack, TestStep};

/// One state, whose field can't be evaluated for an input with a text in it: the cause quotes what it was given.
fn unevaluable(state: Value) -> Value {
    let mut state = state;
    state["End"] = json!(true);
    json!({ "StartAt": "Made", "States": { "Made": state } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_line_shows_a_payload_whatever_becomes_of_it() {
    let step = TestStep { visibility_seconds: 2, receives_max: 1, ..TestStep::new("work", 2) };
    let stack = TestStack::start(STEP, &[step]).await;
    stack.publish("echo", &one_task("work", json!({}))).await;
    let caught = json!({ "Catch": [{ "ErrorEquals": ["ActError"], "Next": "Told" }] });
    let mut catching = one_task("work", caught);
    catching["States"]["Told"] = json!({ "Type": "Wait", "Seconds": 0, "End": true });
    stack.publish("caught", &catching).await;
    let query =
        json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $number($states.input.text) %}" });
    stack.publish("query", &unevaluable(query)).await;
    let intrinsic = json!({ "Type": "Pass", "Parameters": { "n.$": "States.StringToJson($.text)" } });
    stack.publish("intrinsic", &unevaluable(intrinsic)).await;
    let path = json!({ "Type": "Wait", "TimestampPath": "$.text" });
    stack.publish("path", &unevaluable(path)).await;
    let each = json!({ "StartAt": "Each", "States": { "Each": {
        "Type": "Map", "ItemsPath": "$.items", "End": true,
        "ItemProcessor": { "StartAt": "One", "States": {
            "One": { "Type": "Task", "Resource": arn("work"), "End": true },
        } },
    } } });
    stack.publish("each", &each).await;

    let text = json!({ "text": MARKED });
    let runs = [
        ("echo", "answers", text.clone(), "SUCCEEDED"),
        ("echo", "is-large", json!({ "text": MARKED, "more": "x".repeat(400_000) }), "SUCCEEDED"),
        ("echo", "fails", json!({ "do": "fail", "text": MARKED }), "FAILED ActError"),
        ("echo", "dies", json!({ "do": "exit", "text": MARKED }), "FAILED Lambda.Unknown"),
        ("echo", "hangs", json!({ "do": "never", "text": MARKED }), "FAILED Sandbox.Timedout"),
        ("caught", "is-caught", json!({ "do": "fail", "text": MARKED }), "SUCCEEDED"),
        ("query", "is-no-number", text.clone(), "FAILED States.QueryEvaluationError"),
        ("intrinsic", "is-no-json", text.clone(), "FAILED States.Runtime"),
        ("path", "is-no-time", text.clone(), "FAILED States.Runtime"),
        ("each", "items", json!({ "items": [text.clone(), MARKED, { MARKED: 1 }] }), "SUCCEEDED"),
    ];
    let start = |(workflow, name, input, _): &(&str, &str, Value, &str)| {
        json!({ "workflow": workflow, "name": name, "input": input }).to_string()
    };
    let bodies: Vec<String> = runs.iter().map(start).collect();
    stack.send(&QueueName::Start, &bodies).await;
    let unreadable = [
        MARKED.to_owned(),
        json!({ "workflow": "nobody", "input": MARKED }).to_string(),
        json!([MARKED]).to_string(),
    ];
    stack.send(&QueueName::Start, &unreadable).await;
    stack.open_all();
    for (workflow, name, _, end) in &runs {
        assert_eq!(stack.ended(workflow, name).await.end(), *end, "{workflow}/{name}");
    }
    let parked = stack.parked(unreadable.len()).await;
    assert!(parked.iter().all(|Parked { body, .. }| body.contains(MARKED)), "{parked:#?}");

    let texts = stack.log_texts();
    assert!(texts.iter().filter(|text| text.contains(r#""message":"recorded""#)).count() >= runs.len());
    assert!(texts.iter().any(|text| text.contains(r#""level":"WARN""#)), "what went wrong is logged");
    let shown: Vec<&String> = texts.iter().filter(|text| text.contains(MARKED)).collect();
    assert!(shown.is_empty(), "{shown:#?}");
}
