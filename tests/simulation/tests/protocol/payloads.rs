//! Where payloads lie, and how large things get.

use crate::support::{Stack, answers, chain, failure, step_queue, work};
use serde_json::{Value, json};
use stepladder_engine::{Outcome, Status};
use stepladder_protocol::{
    Message, Payload, Record,
    limits::{
        ITEM_PAYLOAD_BYTES_MAX, MESSAGE_BYTES_MAX, RECORD_OVERHEAD_BYTES, RUN_ITEM_PAYLOAD_BYTES_MAX,
        WRITE_UNIT_BYTES,
    },
};

/// Text that compresses well.
fn soft(bytes: usize) -> Value {
    json!("stepladder ".repeat(bytes / 11 + 1)[..bytes])
}

/// Text that hardly compresses.
fn hard(bytes: usize) -> Value {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    let text = (0..bytes).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(alphabet[(state % 64) as usize])
    });
    json!(text.collect::<String>())
}

/// The first record, and the message that follows it, of a run whose first step answers so.
fn after(output: &Value) -> (Stack, Record, String) {
    let mut stack = Stack::of(&chain(&["one", "two"]));
    let answer = output.clone();
    stack.step("one", move |_| Ok(answer.clone()));
    stack.step("two", |request| Ok(request.call.input["one"].clone()));
    stack.start("run", json!({}));
    assert!(stack.deliver(&step_queue("one")).is_empty());
    let record = stack.view("run").records[0].clone();
    let body = stack.host.in_queue(&step_queue("two")).pop().unwrap().body;
    (stack, record, body)
}

/// The second step gets what the first one answered, wherever it lay meanwhile.
#[track_caller]
fn check_arrives(stack: &Stack, output: &Value) {
    stack.run();
    assert!(stack.ending("run").0.unwrap()["two"] == *output);
    assert!(stack.outcomes("run")[0] == Outcome::Succeeded { output: output.clone() });
}

fn fits_one_write_unit(record: &Record) -> bool {
    record.outcome.item_bytes() + RECORD_OVERHEAD_BYTES <= WRITE_UNIT_BYTES
}

#[test]
fn a_small_result_stays_readable_in_a_record_of_one_write_unit() {
    for bytes in [0, 100, 500] {
        let (stack, record, body) = after(&hard(bytes));
        assert!(matches!(record.outcome, Payload::Json(_)), "{bytes}");
        assert!(fits_one_write_unit(&record));
        assert!(body.starts_with('{'));
        check_arrives(&stack, &hard(bytes));
    }
}

#[test]
fn a_result_that_would_pass_the_write_unit_is_compressed() {
    for bytes in [900, 5_000, 40_000] {
        let (stack, record, _) = after(&soft(bytes));
        assert!(matches!(record.outcome, Payload::Zstd(_)), "{bytes}");
        assert!(fits_one_write_unit(&record), "{bytes}: {}", record.outcome.item_bytes());
        assert!(stack.host.blob_sizes().is_empty());
        check_arrives(&stack, &soft(bytes));
    }
}

#[test]
fn a_result_of_up_to_8_kb_compressed_stays_in_its_record() {
    let (stack, record, _) = after(&hard(9_000));
    assert!(matches!(record.outcome, Payload::Zstd(_)));
    assert!((6_000..=ITEM_PAYLOAD_BYTES_MAX).contains(&record.outcome.item_bytes()));
    assert!(stack.host.blob_sizes().is_empty());
    check_arrives(&stack, &hard(9_000));
}

#[test]
fn a_result_above_that_is_a_blob_under_the_runs_key_and_its_record_one_write_unit() {
    let (stack, record, body) = after(&hard(40_000));
    let Payload::Blob(blob) = &record.outcome else { panic!("{:?}", record.outcome.item_bytes()) };
    assert!(fits_one_write_unit(&record));
    let key = stack.view("run").item.key();
    let blob_key = format!("runs/w/run/{}/{}", key.nonce, blob.sha256);
    assert_eq!(stack.host.blob_sizes().into_keys().collect::<Vec<_>>(), [blob_key]);
    // The message still carries it: the receiver needs no read.
    assert!(body.len() <= MESSAGE_BYTES_MAX && body.starts_with('{'));
    check_arrives(&stack, &hard(40_000));
}

#[test]
fn a_message_that_would_pass_48_kb_is_compressed() {
    let (stack, _, body) = after(&soft(500_000));
    assert!(body.starts_with("zstd:") && body.len() <= MESSAGE_BYTES_MAX);
    check_arrives(&stack, &soft(500_000));
}

#[test]
fn a_message_that_does_not_fit_compressed_either_refers_to_a_blob() {
    let (stack, _, body) = after(&hard(100_000));
    let message: Message = serde_json::from_str(&body).unwrap();
    assert!(body.len() < 2_000);
    assert!(message.data.is_some_and(|blob| blob.bytes > 100_000));
    check_arrives(&stack, &hard(100_000));
}

#[test]
fn five_megabytes_go_through_a_run() {
    let (stack, _, body) = after(&hard(5_000_000));
    assert!(body.len() < 2_000);
    check_arrives(&stack, &hard(5_000_000));
}

#[test]
fn an_input_lies_in_the_run_item_or_beside_it() {
    let small = RUN_ITEM_PAYLOAD_BYTES_MAX - 2;
    for (bytes, in_item) in [(200, true), (small, true), (small + 1, false), (7_000, false), (200_000, false)]
    {
        let mut stack = Stack::of(&work(json!({ "ResultPath": null, "Parameters": { "n": 1 } })));
        stack.step("work", |request| Ok(request.call.input));
        stack.start("run", hard(bytes));
        let item = stack.view("run").item;
        assert_eq!(item.input.is_some(), in_item, "{bytes}");
        stack.run();
        let view = stack.view("run");
        assert!(view.beginning.input == hard(bytes));
        // With its wrapping, an ending is a little larger.
        assert_eq!(view.item.ending.is_some(), bytes + 13 <= RUN_ITEM_PAYLOAD_BYTES_MAX, "{bytes}");
        assert!(stack.ending("run").0.unwrap() == hard(bytes));
        let in_item = [&view.item.input, &view.item.ending].into_iter().flatten();
        assert!(in_item.map(Payload::item_bytes).sum::<usize>() <= 2 * RUN_ITEM_PAYLOAD_BYTES_MAX);
    }
}

#[test]
fn a_definition_that_mentions_the_input_gets_it_at_each_step() {
    for bytes in [10, 10_000, 100_000] {
        let mut definition = chain(&["one", "two"]);
        definition["States"]["one"]["ResultPath"] = json!("$");
        definition["States"]["two"]["Parameters"] = json!({ "input.$": "$$.Execution.Input" });
        let mut stack = Stack::of(&definition);
        stack.step("one", |_| Ok(json!({})));
        stack.step("two", |request| Ok(request.call.input["input"].clone()));
        stack.start("run", hard(bytes));
        stack.run();
        assert!(stack.ending("run").0.unwrap()["two"] == hard(bytes), "{bytes}");
    }
}

fn limited(definition: &Value, bytes_max: usize) -> Stack {
    let stack = Stack::with_settings(|settings| settings.payload_bytes_max = bytes_max);
    stack.publish("w", definition);
    stack
}

#[track_caller]
fn check_data_limit(stack: &Stack, cause: &str) {
    let (_, error, actual) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("States.DataLimitExceeded"));
    assert!(actual.as_ref().is_some_and(|actual| actual.contains(cause)), "{actual:?}");
    assert!(stack.parked().is_empty());
}

#[test]
fn a_result_above_payload_bytes_max_is_data_limit_exceeded_which_states_all_does_not_match() {
    let mut stack = limited(
        &work(json!({
            "Retry": [{ "ErrorEquals": ["States.ALL"] }],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "work" }],
        })),
        10_000,
    );
    stack.step("work", |_| Ok(hard(10_000)));
    stack.start("run", json!({}));
    stack.run();
    check_data_limit(&stack, "10000 is the most (payload_bytes_max)");
    assert_eq!(stack.ran(), ["work"]);
}

#[test]
fn a_catch_that_names_data_limit_exceeded_gets_it() {
    let mut definition = work(json!({
        "Catch": [{ "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": "$.caught", "Next": "Done" }],
    }));
    definition["States"]["Done"] = json!({ "Type": "Succeed" });
    let mut stack = limited(&definition, 10_000);
    stack.step("work", |_| Ok(hard(10_000)));
    stack.start("run", json!({ "kept": 1 }));
    stack.run();
    let output = stack.ending("run").0.unwrap();
    assert_eq!(
        (&output["kept"], &output["caught"]["Error"]),
        (&json!(1), &json!("States.DataLimitExceeded"))
    );
}

#[test]
fn results_that_fit_each_but_not_together_are_data_limit_exceeded_at_the_one_too_many() {
    let mut stack = limited(&chain(&["one", "two", "three"]), 10_000);
    for function in ["one", "two", "three"] {
        stack.step(function, |_| Ok(hard(4_000)));
    }
    stack.start("run", json!({}));
    stack.run();
    check_data_limit(&stack, "10000 is the most (payload_bytes_max)");
    assert_eq!(stack.ran(), ["one", "two", "three"]);
}

#[test]
fn data_that_grows_after_a_wait_is_data_limit_exceeded_too() {
    let double = json!({ "a.$": "$", "b.$": "$" });
    let mut stack = limited(
        &json!({ "StartAt": "W", "States": {
            "W": { "Type": "Wait", "Seconds": 1, "Next": "P" },
            "P": { "Type": "Pass", "Parameters": double, "Next": "work" },
            "work": work(json!({}))["States"]["work"],
        }}),
        10_000,
    );
    stack.step("work", |_| Ok(json!(1)));
    stack.start("run", hard(6_000));
    stack.run();
    check_data_limit(&stack, "The state's data has");
    assert!(stack.ran().is_empty());
}

#[test]
fn data_that_grows_without_a_step_is_data_limit_exceeded_too() {
    let double = json!({ "a.$": "$", "b.$": "$" });
    let definition =
        json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "Parameters": double, "End": true } } });
    let stack = limited(&definition, 10_000);
    stack.start("run", hard(6_000));
    stack.run();
    check_data_limit(&stack, "The run's output has");
}

#[test]
fn a_result_of_just_the_limit_goes_through() {
    let mut stack = limited(&work(json!({ "ResultPath": "$" })), 10_000);
    // With its quotes and what an outcome puts around it.
    stack.step("work", |_| Ok(hard(10_000 - 64 - 2)));
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    assert!(stack.ending("run").0.unwrap() == hard(10_000 - 64 - 2));
}

#[test]
fn a_result_that_is_nested_too_deeply_is_data_limit_exceeded() {
    let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    let mut stack = Stack::of(&work(json!({ "ResultPath": "$" })));
    stack.step("work", answers([Ok(nested(101)), Ok(nested(100))]));
    stack.start("run", json!({}));
    stack.run();
    check_data_limit(&stack, "nested more than 100 levels deep");
    stack.start("good", json!({}));
    stack.run();
    assert_eq!(stack.ending("good").0, Some(nested(100)));
}

#[test]
fn a_long_error_and_cause_are_cut_as_aws_cuts_them() {
    let mut stack = Stack::of(&chain(&["work"]));
    stack.step("work", |_| {
        let mut failure = failure(&"é".repeat(1_000));
        failure.cause = "c".repeat(100_000);
        Err(failure)
    });
    stack.start("run", json!({}));
    stack.run();
    let (_, error, cause) = stack.ending("run");
    assert_eq!((error.unwrap().chars().count(), cause.unwrap().chars().count()), (256, 32_768));
}

#[test]
fn every_character_goes_through_a_run() {
    let text: String =
        ['\u{0}', '\u{1}', '\u{7f}', '\u{85}', '\u{2028}', '\u{fdd0}', '\u{fffd}', '\u{fffe}', '\u{ffff}']
            .into_iter()
            .chain((0..=0x10_u32).filter_map(|plane| char::from_u32(plane * 0x1_0000 + 0xffff)))
            .collect();
    let (stack, _, body) = after(&json!({ (text.clone()): text }));
    assert!(
        body.is_ascii() && !body.contains(|character: char| character.is_control() && character != '\u{7f}')
    );
    check_arrives(&stack, &json!({ (text.clone()): text }));
}

#[test]
fn an_input_that_grows_too_large_before_its_first_stop_is_refused_at_the_start() {
    let double = json!({ "a.$": "$", "b.$": "$" });
    let stack = limited(
        &json!({ "StartAt": "P", "States": {
            "P": { "Type": "Pass", "Parameters": double, "Next": "work" },
            "work": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "End": true },
        } }),
        10_000,
    );
    let error = stack.try_start("run", hard(6_000)).unwrap_err();
    assert!(error.contains("the input leads to too much data"), "{error}");
    assert!(error.contains("10000 is the most"), "{error}");
    assert!(stack.host.in_queue(&step_queue("work")).is_empty());
}

#[test]
fn a_run_whose_catch_makes_too_much_of_the_data_is_stopped_and_says_why() {
    let mut definition = work(json!({
        "Catch": [{ "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": "$.caught", "Next": "Double" }],
    }));
    definition["States"]["Double"] =
        json!({ "Type": "Pass", "Parameters": { "a.$": "$", "b.$": "$" }, "End": true });
    let mut stack = limited(&definition, 10_000);
    stack.step("work", |_| Ok(hard(10_000)));
    stack.start("run", json!({ "kept": hard(6_000) }));
    stack.run();
    check_data_limit(&stack, "10000 is the most (payload_bytes_max)");
}
