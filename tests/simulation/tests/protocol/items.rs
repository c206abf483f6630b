//! A distributed Map state that reads its items.

use crate::support::{Stack, failure, resource};
use serde_json::{Value, json};
use std::fmt::Write;
use stepladder_engine::{Outcome, Status};
use stepladder_protocol::{QueueName, RunId, Settings};

/// A Map over the rows of an object, whose processor is the step `work`, with more fields of the Map state.
fn map(config: Value, fields: Value) -> Value {
    let work = json!({ "Type": "Task", "Resource": resource("work"), "End": true });
    let mut map = json!({
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": config,
            "Parameters": { "Bucket.$": "$.bucket", "Key.$": "$.key" },
        },
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Work",
            "States": { "Work": work },
        },
        "End": true,
    });
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({ "StartAt": "Each", "States": { "Each": map } })
}

/// Each step answers with what it got.
fn stack(definition: &Value, change: impl FnOnce(&mut Settings)) -> Stack {
    let mut stack = Stack::with_settings(|settings| {
        (settings.part_branches, settings.read_bytes_at_once, settings.parts_read_per_delivery) = (4, 100, 2);
        change(settings);
    });
    stack.publish("w", definition);
    stack.step("work", |request| Ok(request.call.input));
    stack
}

fn start(stack: &Stack) {
    stack.start("run", json!({ "bucket": "data", "key": "rows" }));
}

fn csv(rows: usize) -> String {
    let mut text = "id,name\n".to_owned();
    for row in 0..rows {
        writeln!(text, "{row},\"name, of\n{row}\"").unwrap();
    }
    text
}

fn rows(range: std::ops::Range<usize>) -> Value {
    range.map(|row| json!({ "id": row.to_string(), "name": format!("name, of\n{row}") })).collect()
}

fn reads(stack: &Stack) -> (usize, Vec<u64>) {
    let outcomes = stack.outcomes("run");
    let read = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::ItemsRead { reading, .. } => Some(reading.items),
        _ => None,
    });
    let read: Vec<u64> = read.collect();
    (read.len(), read)
}

#[test]
fn rows_are_read_a_few_parts_at_a_time_and_joined_in_their_order() {
    let definition = map(json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }), json!({}));
    let stack = stack(&definition, |_| {});
    stack.host.put_object("data", "rows", csv(27));
    start(&stack);
    stack.run();
    assert_eq!(stack.ending("run").0, Some(rows(0..27)));
    // Two parts of four in each delivery.
    assert_eq!(reads(&stack), (4, vec![8, 16, 24, 27]));
    assert_eq!(stack.ran().len(), 27);
}

#[test]
fn children_that_begin_later_get_their_own_items() {
    let config = json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "MaxItems": 23 });
    let fields = json!({ "MaxConcurrency": 3, "ItemBatcher": { "MaxItemsPerBatch": 2 } });
    let stack = stack(&map(config, fields), |_| {});
    stack.host.put_object("data", "rows", csv(100));
    start(&stack);
    stack.run();
    let all = rows(0..23);
    let batches = all.as_array().unwrap().chunks(2).map(|batch| json!({ "Items": batch }));
    assert_eq!(stack.ending("run").0, Some(batches.collect()));
}

#[test]
fn many_children_are_begun_part_by_part() {
    let definition = map(
        json!({ "InputType": "JSONL" }),
        json!({ "ItemSelector": {
        "value.$": "$$.Map.Item.Value", "line.$": "$$.Map.Item.Line", "index.$": "$$.Map.Item.Index",
    } }),
    );
    let stack = stack(&definition, |settings| settings.parts_read_per_delivery = 100);
    let lines: String = (0..50).map(|line| format!("{{\"n\": {line}}}\n\n")).collect();
    stack.host.put_object("data", "rows", lines);
    start(&stack);
    stack.run();
    let item = |n: usize| json!({ "value": { "n": n }, "line": 2 * n + 1, "index": n });
    assert_eq!(stack.ending("run").0, Some((0..50).map(item).collect()));
}

#[test]
fn what_can_not_be_read_is_a_failure_of_its_own_row() {
    let text = "{\"n\": 1}\n{\"n\": \n{\"n\": 3}\n\u{feff}\n{\"n\": 4}\n";
    for (tolerated, ends) in [(0, Status::Failed), (1, Status::Failed), (2, Status::Succeeded)] {
        let fields = json!({ "ToleratedFailureCount": tolerated, "ItemBatcher": { "MaxItemsPerBatch": 2 } });
        let fields = match tolerated {
            // A batch that fails counts as many as the largest has; so without batches.
            2 => json!({ "ToleratedFailureCount": 2 }),
            _ => fields,
        };
        let stack = stack(&map(json!({ "InputType": "JSONL" }), fields), |_| {});
        stack.host.put_object("data", "rows", text);
        start(&stack);
        stack.run();
        assert_eq!(stack.status("run"), ends, "{tolerated}");
        let (output, error, _) = stack.ending("run");
        match ends {
            Status::Succeeded => assert_eq!(output, Some(json!([{ "n": 1 }, { "n": 3 }, { "n": 4 }]))),
            _ => assert_eq!(error.as_deref(), Some("States.ExceedToleratedFailureThreshold")),
        }
        let view = stack.view("run");
        let failed = view.branch_records.values().filter(|records| records.len() == 1).count();
        assert!(failed >= 1);
    }
}

#[test]
fn an_object_that_changes_meanwhile_fails_the_state() {
    let definition = map(json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }), json!({}));
    let stack = stack(&definition, |_| {});
    stack.host.put_object("data", "rows", csv(27));
    start(&stack);
    stack.deliver(&QueueName::Start);
    stack.deliver(&QueueName::Timer);
    assert_eq!(reads(&stack), (1, vec![8]));
    stack.host.put_object("data", "rows", csv(28));
    stack.run();
    let (_, error, cause) = stack.ending("run");
    assert_eq!(error.as_deref(), Some("States.ItemReaderFailed"));
    assert_eq!(
        cause.as_deref(),
        Some("The object s3://data/rows has changed since the state began to read it.")
    );
}

#[test]
fn what_is_wrong_with_an_object_is_the_readers_failure() {
    let wrong = [
        (json!({ "InputType": "JSON" }), None, "The specified key does not exist."),
        (json!({ "InputType": "JSON" }), Some("{\"not\": \"an array\"}"), "array"),
        (json!({ "InputType": "JSON" }), Some("[1, 2"), ""),
        (json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }), Some("a,a\n1,2\n"), "duplicates"),
    ];
    for (config, text, named) in wrong {
        let definition = map(config, json!({}));
        let stack = stack(&definition, |_| {});
        if let Some(text) = text {
            stack.host.put_object("data", "rows", text);
        }
        start(&stack);
        stack.run();
        let (_, error, cause) = stack.ending("run");
        assert_eq!(error.as_deref(), Some("States.ItemReaderFailed"), "{text:?}");
        assert!(cause.as_deref().unwrap_or_default().contains(named), "{cause:?}");
    }
}

#[test]
fn an_object_without_items_has_an_empty_result() {
    for (config, text) in [
        (json!({ "InputType": "JSON" }), "[]"),
        (json!({ "InputType": "JSONL" }), ""),
        (json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" }), "a,b\n"),
    ] {
        let stack = stack(&map(config, json!({})), |_| {});
        stack.host.put_object("data", "rows", text);
        start(&stack);
        stack.run();
        assert_eq!(stack.ending("run").0, Some(json!([])), "{text:?}");
    }
}

#[test]
fn objects_of_a_bucket_are_listed_page_by_page() {
    let mut definition = map(json!({ "MaxItems": 6 }), json!({}));
    definition["States"]["Each"]["ItemReader"] = json!({
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "Parameters": { "Bucket.$": "$.bucket", "Prefix": "in/" },
        "ReaderConfig": { "MaxItems": 6 },
    });
    let stack = stack(&definition, |settings| settings.parts_read_per_delivery = 1);
    for key in ["in/a", "in/b", "in/c", "in/d", "in/e", "in/f", "in/g", "out/a"] {
        stack.host.put_object("data", key, key);
    }
    start(&stack);
    stack.run();
    let output = stack.ending("run").0.unwrap();
    let keys: Vec<&str> =
        output.as_array().unwrap().iter().map(|item| item["Key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["in/a", "in/b", "in/c", "in/d", "in/e", "in/f"]);
    assert_eq!(output[0]["Size"], json!(4));
    assert_eq!(reads(&stack), (2, vec![4, 6]));
}

#[test]
fn only_the_children_that_failed_are_redriven() {
    let definition = map(json!({ "InputType": "JSONL" }), json!({ "MaxConcurrency": 2 }));
    let mut stack = stack(&definition, |_| {});
    let lines: String = (0..11).map(|line| format!("{line}\n")).collect();
    stack.host.put_object("data", "rows", lines);
    stack.step("work", |request| match request.call.input.as_u64() {
        Some(5) => Err(failure("Broken")),
        _ => Ok(request.call.input),
    });
    start(&stack);
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    let before = stack.ran().len();
    stack.step("work", |request| Ok(request.call.input));
    // It may be another one now: what was read is stored.
    stack.host.put_object("data", "rows", "");
    stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
    stack.run();
    assert_eq!(stack.ending("run").0, Some((0..11).collect::<Vec<_>>().into()));
    assert_eq!(stack.ran().len() - before, 11 - (before - 1));
    let events = stack.view("run").replay.events;
    let names: Vec<String> = events.iter().map(|event| format!("{:?}", event.event)).collect();
    let map_runs: Vec<&String> = names.iter().filter(|name| name.starts_with("MapRun")).collect();
    assert_eq!(map_runs.len(), 4, "{map_runs:?}");
    let arn = |text: &str| text.split("map_run_arn: ").nth(1).unwrap().split('"').nth(1).unwrap().to_owned();
    assert_eq!(arn(map_runs[0]), arn(map_runs[2]));
}
