//! What crosses a run unchanged, and what is refused because it would not.

use crate::{STEP, arn, one_task};
use serde_json::{Value, json};
use stepladder_protocol::{QueueName, RunId, Started};
use stepladder_tests::{TestStack, TestStep};

/// A Task, a Wait and a Task again: by two queues of steps and the timer queue.
fn there_and_back() -> Value {
    json!({ "StartAt": "Out", "States": {
        "Out": { "Type": "Task", "Resource": arn("work"), "Next": "Pause" },
        "Pause": { "Type": "Wait", "Seconds": 0, "Next": "Back" },
        "Back": { "Type": "Task", "Resource": arn("more"), "End": true },
    } })
}

async fn stack() -> TestStack {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10), TestStep::new("more", 10)]).await;
    stack.publish("echo", &there_and_back()).await;
    stack.open_all();
    stack
}

/// All noncharacters, U+0000, and every other control character of ASCII.
fn strange_characters() -> String {
    (0..=0x10_u32)
        .flat_map(|plane| [plane * 0x1_0000 + 0xFFFE, plane * 0x1_0000 + 0xFFFF])
        .chain(0xFDD0..=0xFDEF)
        .chain(0..0x20)
        .chain([0x7f, 0x85, 0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xE000, 0x1_F600])
        .map(|code| char::from_u32(code).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_character_and_every_number_of_64_bits_survives_a_run() {
    let stack = stack().await;
    let strange = strange_characters();
    assert_eq!(strange.chars().count(), 34 + 32 + 32 + 9);
    let mut of_each = serde_json::Map::new();
    for character in strange.chars() {
        of_each.insert(format!("{character}"), json!(format!("<{character}>")));
    }
    let text = json!({ "all": strange, strange.clone(): "as a key", "each": of_each }).to_string();
    // As text, for a number must come back digit by digit.
    let numbers = "[9223372036854775807,-9223372036854775808,18446744073709551615,9007199254740993,0,-1,0.1,1.5,1e300,\
                   5e-324,1.7976931348623157e308,-0.0,123456789.12345678]";
    let input = format!(r#"{{"text":{text},"numbers":{numbers}}}"#);
    let file = stack.folder.write("input.json", &input);
    let file = file.to_str().unwrap();
    let ended = stack.cli(&["start", "echo", "--name", "all", "--input", file, "--wait", "-o", "json"]).await;
    let ended = ended.assert_code(0).json();
    let expected: Value = serde_json::from_str(&input).unwrap();
    assert_eq!(ended["output"]["text"], expected["text"]);
    assert_eq!(ended["output"]["numbers"].to_string(), expected["numbers"].to_string());
    // By the start queue the same.
    let body = format!(r#"{{"workflow":"echo","name":"queued","input":{}}}"#, ascii(&input));
    stack.send(&QueueName::Start, &[body]).await;
    let queued = stack.ended("echo", "queued").await;
    assert_eq!(queued.output.unwrap().to_string(), expected.to_string());
    // And what is shown is what it was.
    let shown = stack.cli(&["run", "show", "all", "-o", "json"]).await.assert_code(0).json();
    assert_eq!((&shown["input"], &shown["output"]), (&expected, &expected));
}

/// JSON text with all that is not ASCII escaped: SQS refuses some of it.
fn ascii(json: &str) -> String {
    json.chars()
        .flat_map(|character| {
            let mut units = [0; 2];
            match character.is_ascii() {
                true => vec![character.to_string()],
                false => {
                    character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
                }
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_beyond_64_bits_is_refused_by_its_name() {
    let stack = stack().await;
    for number in
        ["18446744073709551616", "-9223372036854775809", "100000000000000000000000000000000000000000"]
    {
        let input = format!(r#"{{"amount":{number}}}"#);
        let shown: String = number.chars().take(40).collect();
        stack
            .cli(&["start", "echo", "--input", &input])
            .await
            .assert_code(1)
            .assert_tells(&format!("the number {shown} does not fit in 64 bits; send it as a string"));
    }
    let listed = stack.cli(&["run", "list", "-o", "json"]).await.assert_code(0).json();
    assert_eq!(listed, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_megabytes_come_back_whole_and_harm_no_other_message() {
    let stack = stack().await;
    // Text that hardly compresses, so that it is as large on its way.
    let mut state = 1_u64;
    let noise: String = (0..5_000_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + (state >> 58) as u8)
        })
        .filter(|character| !['"', '\\'].contains(character))
        .collect();
    let input = json!({ "noise": noise, "end": "whole" });
    let file = stack.folder.write("input.json", input.to_string());
    for at in 0..4 {
        stack.start_run("echo", &format!("small-{at}"), json!(at)).await;
    }
    let ended = stack
        .cli(&["start", "echo", "--name", "large", "--input", file.to_str().unwrap(), "--wait", "-o", "json"])
        .await
        .assert_code(0);
    assert!(ended.json()["output"] == input, "the output is another one");
    for at in 0..4 {
        let small = stack.ended("echo", &format!("small-{at}")).await;
        assert_eq!((small.end().as_str(), small.output), ("SUCCEEDED", Some(json!(at))));
    }
    // Started again by its name it is the same run, although the input is compared.
    let again = stack.start_run("echo", "large", input).await;
    assert!(matches!(again, Started::Repeated(_)));
    let other = stack.start_run("echo", "large", json!(1)).await;
    assert!(matches!(other, Started::Conflict(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_larger_than_the_limit_is_refused_with_both_sizes() {
    let mut small = TestStep::new("small", 10);
    small.env.push(("STEPLADDER_PAYLOAD_BYTES_MAX", "2000".to_owned()));
    let stack = TestStack::start(STEP, &[small]).await;
    stack.publish("small", &one_task("small", json!({}))).await;
    let caught = json!({ "StartAt": "Work", "States": {
        "Work": {
            "Type": "Task", "Resource": arn("small"), "End": true,
            // AWS: States.ALL does not match it, its own name does.
            "Catch": [
                { "ErrorEquals": ["States.DataLimitExceeded"], "Next": "Caught" },
                { "ErrorEquals": ["States.ALL"], "Next": "Wrong" },
            ],
        },
        "Caught": { "Type": "Succeed" },
        "Wrong": { "Type": "Fail" },
    } });
    stack.publish("caught", &caught).await;
    for at in 0..3 {
        stack.start_run("small", &format!("fits-{at}"), json!({ "do": "large", "bytes": 1000 })).await;
    }
    stack.start_run("small", "too-large", json!({ "do": "large", "bytes": 5000 })).await;
    stack.start_run("caught", "caught", json!({ "do": "large", "bytes": 5000 })).await;
    stack.open_all();
    let failed = stack.ended("small", "too-large").await;
    assert_eq!(failed.end(), "FAILED States.DataLimitExceeded");
    let cause = failed.cause.unwrap();
    assert!(cause.contains("2000 is the most (payload_bytes_max)"), "{cause}");
    let shown = stack.cli(&["run", "show", "too-large"]).await.assert_code(0).stdout;
    assert!(shown.contains("States.DataLimitExceeded") && shown.contains("2000 is the most"), "{shown}");
    assert_eq!(stack.ended("caught", "caught").await.end(), "SUCCEEDED");
    for at in 0..3 {
        assert_eq!(stack.ended("small", &format!("fits-{at}")).await.end(), "SUCCEEDED");
    }

    let input = json!({ "text": "x".repeat(5000) }).to_string();
    stack
        .cli_with(&["start", "small", "--input", &input], &[("STEPLADDER_PAYLOAD_BYTES_MAX", "2000")])
        .await
        .assert_code(1)
        .assert_tells("the input has 5011 bytes; 2000 is the most (payload_bytes_max)");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_one_run_however_often_it_is_started() {
    let stack = TestStack::start(STEP, &[TestStep::new("work", 10)]).await;
    stack.publish("once", &one_task("work", json!({}))).await;
    let start = |input: &'static str| {
        let stack = &stack;
        async move { stack.cli(&["start", "once", "--name", "one", "--input", input, "-o", "json"]).await }
    };
    let first = start(r#"{"a":1,"b":[2]}"#).await.assert_code(0).json();
    assert_eq!((&first["id"], &first["created"]), (&json!("once/one"), &json!(true)));
    // White space is no difference.
    let second = start(r#" { "a": 1, "b": [ 2 ] }"#).await.assert_code(0).json();
    assert_eq!((&second["id"], &second["created"]), (&json!("once/one"), &json!(false)));
    let other = start(r#"{"a":1,"b":[3]}"#).await.assert_code(5);
    let error: Value = serde_json::from_str(&other.stderr).unwrap();
    assert_eq!(error["message"], "the name 'one' is taken by a run with another input");

    stack.open_all();
    assert_eq!(stack.ended("once", "one").await.end(), "SUCCEEDED");
    // Whoever asks for a run that is over wants another one, or looks for this one.
    let over = start(r#"{"a":1,"b":[2]}"#).await.assert_code(5);
    let error: Value = serde_json::from_str(&over.stderr).unwrap();
    assert_eq!(error["message"], "the name 'one' is taken by a run that has ended");
    let view = stack.protocol.view(&RunId::new("once", "one")).await.unwrap().unwrap();
    assert_eq!(view.records.len(), 1);
    assert_eq!(stack.cli(&["run", "list", "-o", "jsonl"]).await.assert_code(0).lines().len(), 1);
}
