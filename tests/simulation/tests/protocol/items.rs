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
    // It counts once, however many items a batch may hold.
    for (tolerated, ends) in [(0, Status::Failed), (1, Status::Failed), (2, Status::Succeeded)] {
        let fields = json!({ "ToleratedFailureCount": tolerated, "ItemBatcher": { "MaxItemsPerBatch": 2 } });
        let stack = stack(&map(json!({ "InputType": "JSONL" }), fields), |_| {});
        stack.host.put_object("data", "rows", text);
        start(&stack);
        stack.run();
        assert_eq!(stack.status("run"), ends, "{tolerated}");
        let (output, error, _) = stack.ending("run");
        match ends {
            Status::Succeeded => {
                let batch = |n: u64| json!({ "Items": [{ "n": n }] });
                assert_eq!(output, Some(json!([batch(1), batch(3), batch(4)])));
            }
            _ => assert_eq!(error.as_deref(), Some("States.ExceedToleratedFailureThreshold")),
        }
        // They are no part of the run's own view.
        assert_eq!(stack.view("run").branch_records.len(), 0);
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

fn written(stack: &Stack, key: &str) -> Value {
    let bytes = stack.host.object("results", key).unwrap_or_else(|| panic!("{key} is not there"));
    serde_json::from_slice(&bytes).unwrap()
}

fn writer(config: Value) -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "results", "Prefix": "out/" },
        "WriterConfig": config,
    })
}

#[test]
fn results_are_written_with_a_manifest() {
    let config = json!({ "OutputType": "JSON", "Transformation": "COMPACT" });
    let definition =
        map(json!({ "InputType": "JSONL" }), json!({ "ResultWriter": writer(config), "MaxConcurrency": 3 }));
    let stack = stack(&definition, |_| {});
    stack.host.put_object("data", "rows", (0..9).map(|line| format!("[{line}]\n")).collect::<String>());
    start(&stack);
    stack.run();
    let output = stack.ending("run").0.unwrap();
    let map_run = output["MapRunArn"].as_str().unwrap();
    let id = map_run.rsplit(':').next().unwrap();
    assert_eq!(
        output["ResultWriterDetails"],
        json!({ "Bucket": "results", "Key": format!("out/{id}/manifest.json") })
    );
    let manifest = written(&stack, &format!("out/{id}/manifest.json"));
    assert_eq!(
        (&manifest["DestinationBucket"], &manifest["MapRunArn"]),
        (&json!("results"), &json!(map_run))
    );
    let files = &manifest["ResultFiles"];
    assert_eq!((&files["FAILED"], &files["PENDING"]), (&json!([]), &json!([])));
    let key = files["SUCCEEDED"][0]["Key"].as_str().unwrap();
    assert_eq!(written(&stack, key), (0..9).map(|n| json!([n])).collect::<Value>());
    let bytes = stack.host.object("results", key).unwrap().len();
    assert_eq!(files["SUCCEEDED"], json!([{ "Key": format!("out/{id}/SUCCEEDED_0.json"), "Size": bytes }]));
    // The history knows its Map Run by the same name.
    let events = format!("{:?}", stack.view("run").replay.events);
    assert!(events.contains(map_run), "{events}");
}

#[test]
fn a_map_run_that_fails_writes_what_there_is_and_a_redrive_all_of_it() {
    let fields = json!({
        "ResultWriter": writer(json!({ "OutputType": "JSON", "Transformation": "NONE" })), "MaxConcurrency": 1,
    });
    let mut stack = stack(&map(json!({ "InputType": "JSONL" }), fields), |_| {});
    stack.host.put_object("data", "rows", (0..6).map(|line| format!("{line}\n")).collect::<String>());
    stack.step("work", |request| match request.call.input.as_u64() {
        Some(3) => Err(failure("Broken")),
        _ => Ok(request.call.input),
    });
    start(&stack);
    stack.run();
    assert_eq!(stack.ending("run").1.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    let manifests = |stack: &Stack| -> Vec<String> {
        let keys = stack.host.object_keys("results");
        keys.into_iter().filter(|key| key.ends_with("manifest.json")).collect()
    };
    let found = manifests(&stack);
    assert_eq!(found.len(), 1);
    let entries = |stack: &Stack, kind: &str| -> Vec<Value> {
        let files = written(stack, &found[0])["ResultFiles"][kind].clone();
        let keys = files.as_array().unwrap().iter().map(|file| file["Key"].as_str().unwrap().to_owned());
        keys.flat_map(|key| written(stack, &key).as_array().unwrap().clone()).collect()
    };
    let of = |entries: &[Value], name: &str| -> Vec<Value> {
        entries.iter().map(|entry| entry[name].clone()).collect()
    };
    let failed = entries(&stack, "FAILED");
    assert_eq!((of(&failed, "Error"), of(&failed, "Input")), (vec![json!("Broken")], vec![json!("3")]));
    assert_eq!(of(&failed, "Status"), [json!("FAILED")]);
    assert_eq!(of(&entries(&stack, "PENDING"), "Input"), [json!("4"), json!("5")]);
    let succeeded = entries(&stack, "SUCCEEDED");
    assert_eq!(of(&succeeded, "Output"), [json!("0"), json!("1"), json!("2")]);
    assert!(succeeded[0]["ExecutionArn"].as_str().unwrap().contains(":execution:w/Each:"));

    stack.step("work", |request| Ok(request.call.input));
    stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
    stack.run();
    assert_eq!(stack.status("run"), Status::Succeeded);
    // The same Map Run, and so the same place.
    assert_eq!(manifests(&stack), found);
    let all = entries(&stack, "SUCCEEDED");
    assert_eq!(of(&all, "Input"), (0..6).map(|n| json!(n.to_string())).collect::<Vec<_>>());
    assert_eq!(of(&all[..1], "Name"), of(&succeeded[..1], "Name"));
    assert_eq!(entries(&stack, "FAILED"), Vec::<Value>::new());
}

#[test]
fn a_writer_without_a_place_forms_the_result_itself() {
    for (transformation, expected) in
        [("FLATTEN", json!([0, 1, 2])), ("COMPACT", json!([[0], [1], [2]])), ("NONE", Value::Null)]
    {
        let config = json!({ "WriterConfig": { "OutputType": "JSON", "Transformation": transformation } });
        let definition = map(json!({ "InputType": "JSONL" }), json!({ "ResultWriter": config }));
        let stack = stack(&definition, |_| {});
        stack.host.put_object("data", "rows", "[0]\n[1]\n[2]\n");
        start(&stack);
        stack.run();
        let output = stack.ending("run").0.unwrap();
        match transformation {
            "NONE" => assert_eq!(output[2]["Output"], json!("[2]")),
            _ => assert_eq!(output, expected),
        }
    }
}

#[test]
fn a_writer_without_a_place_tells_of_the_children_that_failed() {
    let config = json!({ "WriterConfig": { "OutputType": "JSON", "Transformation": "COMPACT" } });
    let fields = json!({ "ResultWriter": config, "ToleratedFailurePercentage": 50 });
    let stack = stack(&map(json!({ "InputType": "JSONL" }), fields), |_| {});
    stack.host.put_object("data", "rows", "[0]\n[\n[2]\n");
    start(&stack);
    stack.run();
    let output = stack.ending("run").0.unwrap();
    let results = output.as_array().unwrap();
    assert_eq!((results.len(), &results[0], &results[2]), (3, &json!([0]), &json!([2])));
    assert_eq!(
        (&results[1]["Error"], &results[1]["Status"]),
        (&json!("States.ItemReaderFailed"), &json!("FAILED"))
    );
    assert!(results[1]["Cause"].as_str().unwrap().starts_with("Line 2 of s3://data/rows can't be read: "));
}
