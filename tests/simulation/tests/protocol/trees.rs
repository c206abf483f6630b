//! Wide fan-outs: their parts report to a tree of items, and messages open, stop and join them piece by piece.

use crate::support::{Stack, failure, resource, step_queue};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_engine::{Branch, Status};
use stepladder_protocol::{
    Ask, FanOuts, Lock, Message, PartReport, Progress, QueueName, RecordKey, Repaired, RunId, Settings,
    TallyKey,
};

/// A Map state over `$.items`, with more fields of it; a distributed one where there is an `ItemReader` or a `ResultWriter`.
fn map(fields: Value) -> Value {
    let work = json!({ "Type": "Task", "Resource": resource("work"), "End": true });
    let mut map = json!({
        "Type": "Map",
        "ItemProcessor": { "StartAt": "Work", "States": { "Work": work } },
        "End": true,
    });
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    match map.get("ItemReader").or(map.get("ResultWriter")) {
        Some(_) => {
            map["ItemProcessor"]["ProcessorConfig"] =
                json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
        }
        None => map["ItemsPath"] = json!("$.items"),
    }
    json!({ "StartAt": "Each", "States": { "Each": map } })
}

fn reader() -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": { "InputType": "JSONL" },
        "Parameters": { "Bucket": "data", "Key": "rows" },
    })
}

fn writer() -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": { "Bucket": "results", "Prefix": "out" },
        "WriterConfig": { "OutputType": "JSON", "Transformation": "COMPACT" },
    })
}

/// Parts of two branches, and items that count two parts or nodes each. Each step doubles its item.
fn stack(definition: &Value, change: impl FnOnce(&mut Settings)) -> Stack {
    let mut stack = Stack::with_settings(|settings| {
        (settings.part_branches, settings.node_parts) = (2, 2);
        change(settings);
    });
    stack.publish("w", definition);
    stack.step("work", |request| Ok(json!(request.call.input.as_u64().unwrap() * 2)));
    stack
}

fn items(count: usize) -> Value {
    json!({ "items": (0..count).collect::<Vec<_>>() })
}

fn doubled(count: usize) -> Value {
    (0..count).map(|n| n * 2).collect::<Vec<_>>().into()
}

fn put_rows(stack: &Stack, count: usize) {
    stack.host.put_object("data", "rows", (0..count).map(|n| format!("{n}\n")).collect::<String>());
}

#[test]
fn a_wide_map_joins_the_outputs_of_its_branches_in_their_order() {
    for concurrency in [1, 3, 7, 0] {
        for count in [5, 8, 9, 23, 40] {
            for node_parts in [2, 3, 128] {
                let definition = map(json!({ "MaxConcurrency": concurrency }));
                let stack = stack(&definition, |settings| settings.node_parts = node_parts);
                stack.start("run", items(count));
                stack.run();
                assert_eq!(stack.ending("run").0, Some(doubled(count)), "{count} {concurrency} {node_parts}");
                assert_eq!(stack.ran().len(), count);
            }
        }
    }
}

#[test]
fn no_delivery_opens_more_than_a_few_parts() {
    let stack = stack(&map(json!({})), |settings| settings.node_parts = 3);
    stack.start("run", items(40));
    let mut opened = BTreeSet::new();
    // Twenty parts are two pieces of nine and one of two.
    let pieces: Vec<(u32, u32)> = stack
        .messages(&QueueName::Timer)
        .into_iter()
        .map(|message| match message.ask {
            Ask::OpenParts { first, parts, .. } => (first, parts),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(pieces, [(0, 9), (9, 9), (18, 2)]);
    loop {
        let deliveries = stack.host.receive(&QueueName::Timer);
        if deliveries.is_empty() {
            break;
        }
        for one in deliveries {
            let before = stack.count(&QueueName::Timer);
            stack.handle(&QueueName::Timer, std::slice::from_ref(&one));
            stack.host.delete(&QueueName::Timer, &one.message_id);
            assert!(stack.count(&QueueName::Timer) <= before - 1 + 3);
            for message in stack.messages(&QueueName::Timer) {
                if let Ask::Open { part, .. } = message.ask {
                    opened.insert(part);
                }
            }
        }
    }
    assert_eq!(opened, (0..20).collect());
    assert_eq!(stack.count(&step_queue("work")), 40);
}

#[test]
fn failures_are_told_as_often_as_their_number_doubles() {
    const PART: u32 = 64;
    let definition = map(json!({ "ToleratedFailurePercentage": 100 }));
    let mut stack = stack(&definition, |settings| (settings.part_branches, settings.node_parts) = (PART, 4));
    stack.step("work", |_| Err(failure("Broken")));
    let parts = 12;
    stack.start("run", items(parts * PART as usize));
    stack.host.calls();
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([])));
    let reports = stack.host.calls().into_iter().filter(|call| *call == "report").count();
    // A part tells 1, 2, 4, 8, 16, 32 and all 64 of its own, and each of three nodes as often as they double among 256.
    assert!((parts * 7..parts * 7 + 3 * 10 + 40).contains(&reports), "{reports}");
}

#[test]
fn a_failure_that_is_too_many_is_seen_at_once() {
    for tolerated in [0, 1, 3] {
        let definition = map(json!({ "ToleratedFailureCount": tolerated, "MaxConcurrency": 1 }));
        let mut stack = stack(&definition, |_| {});
        stack.step("work", |_| Err(failure("Broken")));
        stack.start("run", items(40));
        stack.run();
        assert_eq!(stack.status("run"), Status::Failed);
        // All parts but those of two are seen two by two: at four times the number of the tolerated ones at the latest.
        assert!(stack.ran().len() <= 4 * (tolerated + 1), "{tolerated}: {}", stack.ran().len());
        if tolerated == 0 {
            assert_eq!(stack.ran().len(), 1);
        }
    }
}

#[test]
fn the_flags_of_a_wide_fan_out_are_set_by_messages() {
    let mut stack = stack(&map(json!({ "MaxConcurrency": 30 })), |_| {});
    stack.step("work", |_| Err(failure("Broken")));
    stack.start("run", items(40));
    while stack.count(&QueueName::Timer) > 0 {
        stack.deliver(&QueueName::Timer);
    }
    // One branch fails; the others wait.
    let first = stack.host.receive(&step_queue("work")).swap_remove(0);
    stack.handle(&step_queue("work"), std::slice::from_ref(&first));
    stack.host.delete(&step_queue("work"), &first.message_id);
    stack.deliver(&QueueName::Timer);
    assert_eq!(stack.status("run"), Status::Failed);
    let stops: Vec<(u32, u32)> = stack
        .messages(&QueueName::Timer)
        .into_iter()
        .filter_map(|message| match message.ask {
            Ask::StopParts { first, parts, .. } => Some((first, parts)),
            _ => None,
        })
        .collect();
    assert_eq!(stops, (0..10).map(|node| (node * 2, 2)).collect::<Vec<_>>());
    stack.host.calls();
    while stack.count(&QueueName::Timer) > 0 {
        stack.deliver(&QueueName::Timer);
    }
    let flags = stack.host.calls().into_iter().filter(|call| *call == "stop part").count();
    assert_eq!(flags, 20);
    stack.host.wait(60_000);
    stack.run();
    assert_eq!(stack.ran().len(), 1);
}

#[test]
fn whatever_is_lost_of_a_wide_fan_out_is_found_by_repair() {
    let stack = stack(&map(json!({ "MaxConcurrency": 9 })), |_| {});
    stack.start("run", items(21));
    // Whatever has come to pass, all messages are lost, and again after each turn.
    for _ in 0..100 {
        stack.host.purge();
        if stack.status("run") == Status::Succeeded {
            break;
        }
        let repaired = stack.host.drive(stack.protocol.repair(&RunId::new("w", "run"))).unwrap();
        assert_eq!(repaired, Repaired::Again { state: "Each".to_owned() });
        for queue in [QueueName::Timer, step_queue("work")] {
            stack.deliver(&queue);
        }
    }
    assert_eq!(stack.ending("run").0, Some(doubled(21)));
}

#[test]
fn a_join_that_an_older_version_asked_for_is_done() {
    let stack = stack(&map(json!({})), |_| {});
    let run = stack.start("run", items(10));
    // All branches end, and nothing that follows is done, but that all parts report to the root item.
    while stack.count(&QueueName::Timer) > 0 {
        stack.deliver(&QueueName::Timer);
    }
    stack.deliver(&step_queue("work"));
    let gather = stack.messages(&QueueName::Timer).swap_remove(0);
    stack.host.purge();
    let fan_out = RecordKey { run, branch: Branch::default(), seq: 0 };
    for part in 0..5 {
        let report = PartReport { failures: 0, progress: Progress::Complete };
        let root = TallyKey::root(&fan_out);
        stack.host.drive(stack.host.report(&root, part, report, i64::MAX)).unwrap();
    }
    let lock = Lock { branch: Branch::default(), seq: 0 };
    let join = Message { ask: Ask::Join(lock), ..gather };
    stack.send(&QueueName::Timer, serde_json::to_string(&join).unwrap());
    stack.deliver(&QueueName::Timer);
    assert_eq!(stack.ending("run").0, Some(doubled(10)));
}

#[test]
fn a_message_that_is_repeated_gathers_the_same() {
    let stack = stack(&map(json!({})), |_| {});
    stack.start("run", items(10));
    loop {
        let gathers = stack
            .messages(&QueueName::Timer)
            .into_iter()
            .filter(|message| matches!(message.ask, Ask::Gather { .. }))
            .count();
        if gathers > 0 {
            break;
        }
        stack.deliver(&QueueName::Timer);
        stack.deliver(&step_queue("work"));
    }
    let mut deliveries = stack.host.receive(&QueueName::Timer);
    deliveries.retain(|delivery| delivery.body.contains("\"gather\""));
    assert!(!deliveries.is_empty());
    for _ in 0..3 {
        assert_eq!(stack.handle(&QueueName::Timer, &deliveries), Vec::<String>::new());
    }
    stack.host.wait(60_000);
    stack.run();
    assert_eq!((stack.ending("run").0, stack.ran().len()), (Some(doubled(10)), 10));
}

#[test]
fn a_wide_map_that_failed_is_redriven() {
    for fields in [json!({ "MaxConcurrency": 5 }), json!({ "MaxConcurrency": 5, "ItemReader": reader() })] {
        let mut stack = stack(&map(fields), |_| {});
        put_rows(&stack, 30);
        stack.step("work", |request| match request.call.input.as_u64() {
            Some(17) => Err(failure("Broken")),
            n => Ok(json!(n.unwrap() * 2)),
        });
        stack.start("run", items(30));
        stack.run();
        assert_eq!(stack.status("run"), Status::Failed);
        let before = stack.ran().len();
        stack.step("work", |request| Ok(json!(request.call.input.as_u64().unwrap() * 2)));
        stack.host.drive(stack.protocol.request_redrive(&RunId::new("w", "run"), None)).unwrap();
        stack.run();
        assert_eq!(stack.ending("run").0, Some(doubled(30)));
        assert_eq!(stack.ran().len(), 31, "{before}");
    }
}

/// The elements of all files of a kind that a manifest lists.
fn written(stack: &Stack, map_run: &str, kind: &str) -> (usize, Vec<Value>) {
    let id = map_run.rsplit(':').next().unwrap();
    let read = |key: &str| -> Value {
        let bytes = stack.host.object("results", key).unwrap_or_else(|| panic!("{key} is not there"));
        serde_json::from_slice(&bytes).unwrap()
    };
    let manifest = read(&format!("out/{id}/manifest.json"));
    let files = manifest["ResultFiles"][kind].as_array().unwrap().clone();
    let keys: BTreeSet<&str> = files.iter().map(|file| file["Key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), files.len());
    let values = files.iter().flat_map(|file| match read(file["Key"].as_str().unwrap()) {
        Value::Array(values) => values,
        other => panic!("{other}"),
    });
    (files.len(), values.collect())
}

#[test]
fn each_node_writes_files_of_its_own() {
    let definition = map(json!({ "ItemReader": reader(), "ResultWriter": writer() }));
    let stack = stack(&definition, |_| {});
    put_rows(&stack, 21);
    stack.start("run", json!({}));
    stack.run();
    let output = stack.ending("run").0.unwrap();
    let (files, values) = written(&stack, output["MapRunArn"].as_str().unwrap(), "SUCCEEDED");
    assert_eq!((files, Value::from(values)), (6, doubled(21)));
}

#[test]
fn what_is_transformed_and_has_no_place_is_joined_from_nodes() {
    let fields = json!({
        "ItemReader": reader(),
        "ResultWriter": { "WriterConfig": { "OutputType": "JSON", "Transformation": "FLATTEN" } },
    });
    let mut stack = stack(&map(fields), |_| {});
    stack.step("work", |request| Ok(json!([request.call.input, "x"])));
    put_rows(&stack, 9);
    stack.start("run", json!({}));
    stack.run();
    let expected: Vec<Value> = (0..9).flat_map(|n| [json!(n), json!("x")]).collect();
    assert_eq!(stack.ending("run").0, Some(expected.into()));
}

#[test]
fn a_wide_map_that_fails_writes_what_there_is() {
    let fields = json!({ "ItemReader": reader(), "ResultWriter": writer(), "MaxConcurrency": 1 });
    let mut stack = stack(&map(fields), |_| {});
    stack.step("work", |request| match request.call.input.as_u64() {
        Some(9) => Err(failure("Broken")),
        n => Ok(json!(n.unwrap() * 2)),
    });
    put_rows(&stack, 30);
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    let events = format!("{:?}", stack.view("run").replay.events);
    let map_run = events.split("map_run_arn: ").nth(1).unwrap().split('"').nth(1).unwrap();
    let (_, succeeded) = written(&stack, map_run, "SUCCEEDED");
    let ran = stack.ran().len();
    assert_eq!(succeeded.len(), ran - 1);
    let (_, failed) = written(&stack, map_run, "FAILED");
    assert_eq!(failed[0]["Error"], json!("Broken"));
}

#[test]
fn results_that_are_too_large_together_are_an_error_of_a_wide_map() {
    for bytes in [4_000, 30_000] {
        let mut definition = map(json!({}));
        definition["States"]["Each"]["Catch"] =
            json!([{ "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": null, "Next": "Caught" }]);
        definition["States"]["Caught"] = json!({ "Type": "Pass", "Result": "caught", "End": true });
        let mut stack = stack(&definition, |settings| settings.payload_bytes_max = 100_000);
        stack.step("work", move |_| Ok(json!("x".repeat(bytes))));
        stack.start("run", items(30));
        stack.run();
        assert_eq!(stack.ending("run").0, Some(json!("caught")), "{bytes}");
    }
}

#[test]
fn a_history_reads_no_record_of_children_that_it_does_not_show() {
    for (fields, is_read) in [(json!({ "ItemReader": reader() }), true), (json!({}), false)] {
        let mut definition = map(fields);
        definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"] =
            json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
        let stack = stack(&definition, |_| {});
        put_rows(&stack, 30);
        stack.start("run", items(30));
        stack.run();
        assert_eq!(stack.status("run"), Status::Succeeded);
        let id = RunId::new("w", "run");
        let reads = || stack.host.calls().into_iter().filter(|call| *call == "query part").count();
        stack.host.calls();
        let recording = stack.host.drive(stack.protocol.recording(&id)).unwrap().unwrap();
        assert_eq!((recording.records.len(), reads()), (1, 0));
        let view = stack.view("run");
        assert_eq!(reads() > 0, !is_read);
        // All the same both have the same events.
        let order = stepladder_engine::History::new(
            &recording.definitions,
            &recording.run,
            recording.beginning.clone(),
            &recording.records,
        )
        .unwrap();
        assert_eq!(order.order().len(), view.replay.events.len());
    }
}

#[test]
fn a_preview_of_a_redrive_reads_what_is_left_and_nothing_else() {
    let fields = json!({ "ItemReader": reader(), "MaxConcurrency": 4 });
    let mut stack = stack(&map(fields), |_| {});
    put_rows(&stack, 30);
    stack.step("work", |request| match request.call.input.as_u64() {
        Some(29) => Err(failure("Broken")),
        _ => Ok(request.call.input),
    });
    stack.start("run", json!({}));
    stack.run();
    assert_eq!(stack.status("run"), Status::Failed);
    stack.host.calls();
    let preview = stack.host.drive(stack.protocol.preview_redrive(&RunId::new("w", "run"))).unwrap().unwrap();
    assert_eq!((preview.state.as_str(), preview.left_behind), ("Each", Vec::<String>::new()));
    // The records of those branches alone that have not succeeded.
    let pages = stack.host.calls().into_iter().filter(|call| *call == "query part").count();
    assert_eq!(pages, 0);
}
