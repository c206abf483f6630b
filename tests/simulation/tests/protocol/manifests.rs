//! A distributed Map state that reads the rows of several objects, of compressed ones, and of Parquet files.

use crate::support::{Stack, resource};
use flate2::{Compression, write::GzEncoder};
use parquet::{
    column::writer::ColumnWriter, file::writer::SerializedFileWriter, schema::parser::parse_message_type,
};
use serde_json::{Value, json};
use std::{io::Write, sync::Arc};
use stepladder_engine::{Outcome, Status};
use stepladder_protocol::{Protocol, QueueName, Settings};

/// A Map whose processor is the step `work`, over what `reader` reads. Each step answers with what it got.
fn stack(reader: Value, fields: Value, change: impl FnOnce(&mut Settings)) -> Stack {
    let mut map = json!({
        "Type": "Map",
        "ItemReader": reader,
        "ItemProcessor": {
            "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
            "StartAt": "Work",
            "States": { "Work": { "Type": "Task", "Resource": resource("work"), "End": true } },
        },
        "End": true,
    });
    map.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let mut stack = Stack::with_settings(|settings| {
        (settings.part_branches, settings.read_bytes_at_once, settings.parts_read_per_delivery) = (4, 100, 1);
        change(settings);
    });
    stack.publish("w", &json!({ "StartAt": "Each", "States": { "Each": map } }));
    stack.step("work", |request| Ok(request.call.input));
    stack
}

fn get(config: Value, key: &str) -> Value {
    let resource = "arn:aws:states:::s3:getObject";
    json!({ "Resource": resource, "ReaderConfig": config, "Parameters": { "Bucket": "data", "Key": key } })
}

fn list(config: Value) -> Value {
    json!({
        "Resource": "arn:aws:states:::s3:listObjectsV2",
        "ReaderConfig": config,
        "Parameters": { "Bucket": "data", "Prefix": "in/" },
    })
}

#[track_caller]
fn succeeds(stack: &Stack, output: Value) {
    stack.start("run", json!({}));
    stack.run();
    let (_, error, cause) = stack.ending("run");
    assert_eq!((stack.status("run"), error, cause), (Status::Succeeded, None, None));
    assert_eq!(stack.ending("run").0, Some(output));
}

#[track_caller]
fn fails(stack: &Stack, cause: &str) {
    let (_, error, told) = stack.ending("run");
    assert_eq!((error.as_deref(), told.as_deref()), (Some("States.ItemReaderFailed"), Some(cause)));
}

/// How many items had been read at each record of it.
fn reads(stack: &Stack) -> Vec<u64> {
    let read = stack.outcomes("run").into_iter().filter_map(|outcome| match outcome {
        Outcome::ItemsRead { reading, .. } => Some(reading.items),
        _ => None,
    });
    read.collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Writes an inventory of two files with so many rows each into a bucket of its own.
fn put_inventory(stack: &Stack, change: impl FnOnce(&mut Value)) {
    let file = |rows: std::ops::Range<usize>| -> String {
        rows.map(|row| format!("\"source\",\"a+%C3%A4/{row}\",\"{}\"\n", 10 * row)).collect()
    };
    let (first, second) = (gzip(&file(0..7)), gzip(&file(7..13)));
    let mut manifest = json!({
        "sourceBucket": "source",
        "destinationBucket": "arn:aws:s3:::inventories",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [
            { "key": "data/1.csv.gz", "size": first.len(), "MD5checksum": "a7ff4a1d4164c3cd55851055ec8f6b20" },
            { "key": "data/2.csv.gz", "size": second.len(), "MD5checksum": "a7ff4a1d4164c3cd55851055ec8f6b20" },
        ],
    });
    change(&mut manifest);
    stack.host.put_object("inventories", "data/1.csv.gz", first);
    stack.host.put_object("inventories", "data/2.csv.gz", second);
    stack.host.put_object("data", "manifest.json", manifest.to_string());
}

fn inventory(rows: std::ops::Range<usize>) -> Value {
    let row = |row: usize| json!({ "Bucket": "source", "Key": format!("a+%C3%A4/{row}"), "Size": (10 * row).to_string() });
    rows.map(row).collect()
}

#[test]
fn an_inventory_is_read_file_by_file() {
    for config in [json!({ "InputType": "MANIFEST" }), json!({ "ManifestType": "S3_INVENTORY" })] {
        let stack = stack(get(config, "manifest.json"), json!({}), |_| {});
        put_inventory(&stack, |_| {});
        succeeds(&stack, inventory(0..13));
        assert_eq!(reads(&stack), [4, 8, 12, 13]);
    }
}

#[test]
fn only_so_many_items_of_all_files_are_read_and_batches_cross_them() {
    let config = json!({ "InputType": "MANIFEST", "MaxItems": 11 });
    let fields = json!({ "ItemBatcher": { "MaxItemsPerBatch": 3 } });
    let stack = stack(get(config, "manifest.json"), fields, |settings| settings.part_branches = 1);
    put_inventory(&stack, |_| {});
    let all = inventory(0..11);
    let batches = all.as_array().unwrap().chunks(3).map(|batch| json!({ "Items": batch }));
    succeeds(&stack, batches.collect());
    assert_eq!(reads(&stack), [3, 6, 9, 11]);
}

#[test]
fn the_line_is_that_of_its_own_file() {
    let fields = json!({ "ItemSelector": { "line.$": "$$.Map.Item.Line", "index.$": "$$.Map.Item.Index" } });
    let stack = stack(get(json!({ "InputType": "MANIFEST" }), "manifest.json"), fields, |_| {});
    put_inventory(&stack, |_| {});
    let item =
        |index: usize| json!({ "line": if index < 7 { index + 1 } else { index - 6 }, "index": index });
    succeeds(&stack, (0..13).map(item).collect());
}

#[test]
fn what_is_wrong_with_an_inventory_is_the_readers_failure() {
    let failing = |change: fn(&mut Value)| {
        let stack = stack(get(json!({ "InputType": "MANIFEST" }), "manifest.json"), json!({}), |_| {});
        put_inventory(&stack, change);
        stack.start("run", json!({}));
        stack.run();
        stack
    };
    let parquet = "The object s3://data/manifest.json can't be read: The files of the inventory are Parquet: only inventories whose output format is CSV can be read.";
    fails(&failing(|manifest| manifest["fileFormat"] = json!("Parquet")), parquet);
    let missing = "The object s3://inventories/data/3.csv.gz can't be read: The specified key does not exist. (NoSuchKey)";
    fails(&failing(|manifest| manifest["files"][1]["key"] = json!("data/3.csv.gz")), missing);
    let other = failing(|manifest| manifest["files"][0]["size"] = json!(7));
    let cause = other.ending("run").2.unwrap();
    assert!(cause.starts_with(
        "The object s3://inventories/data/1.csv.gz is another one than its manifest lists: it has "
    ));
    assert!(cause.ends_with(" bytes, and not 7."), "{cause}");
    let none = failing(|manifest| *manifest = json!([]));
    assert!(none.ending("run").2.unwrap().contains("It is no manifest of an S3 inventory: "));
}

#[test]
fn a_manifest_or_a_file_that_changes_meanwhile_fails_the_state() {
    for (bucket, key) in [("data", "manifest.json"), ("inventories", "data/1.csv.gz")] {
        let stack = stack(get(json!({ "InputType": "MANIFEST" }), "manifest.json"), json!({}), |_| {});
        put_inventory(&stack, |_| {});
        stack.start("run", json!({}));
        stack.deliver(&QueueName::Start);
        stack.deliver(&QueueName::Timer);
        assert_eq!(reads(&stack), [4]);
        let changed = [stack.host.object(bucket, key).unwrap(), b"\n".to_vec()].concat();
        stack.host.put_object(bucket, key, changed);
        stack.run();
        let cause = stack.ending("run").2.unwrap();
        let expected =
            format!("The object s3://{bucket}/{key} has changed since the state began to read it.");
        assert_eq!(cause, expected);
    }
}

#[test]
fn a_large_manifest_is_not_read() {
    let stack = stack(get(json!({ "InputType": "MANIFEST" }), "manifest.json"), json!({}), |_| {});
    stack.host.put_object("data", "manifest.json", vec![b' '; (16 << 20) + 1]);
    stack.start("run", json!({}));
    stack.run();
    fails(
        &stack,
        "The object s3://data/manifest.json can't be read: it has 16777217 bytes; a manifest has 16777216 at most.",
    );
}

#[test]
fn the_files_of_a_query_are_read_as_they_are_said_to_be() {
    let csv = json!({ "ManifestType": "ATHENA_DATA", "InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["n"] });
    let lines = json!({ "ManifestType": "ATHENA_DATA", "InputType": "JSONL" });
    let text = |n: usize| json!({ "n": n.to_string() });
    for (config, is_text) in [(csv, true), (lines, false)] {
        let item = |n: usize| if is_text { text(n) } else { json!(n) };
        let stack = stack(get(config, "query-manifest.csv"), json!({}), |_| {});
        let manifest = "s3://results/a.gz\ns3://other/b\ns3://results/none.gz\ns3://results/c.gz\n";
        stack.host.put_object("data", "query-manifest.csv", manifest);
        stack.host.put_object("results", "a.gz", gzip("0\n1\n2\n3\n"));
        stack.host.put_object("other", "b", "4\n5");
        stack.host.put_object("results", "none.gz", gzip(""));
        stack.host.put_object("results", "c.gz", gzip("6\n7\n8\n"));
        succeeds(&stack, (0..9).map(item).collect());
    }
}

#[test]
fn objects_of_a_listing_are_loaded_one_after_another() {
    let config = json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW", "Transformation": "LOAD_AND_FLATTEN", "MaxItems": 10 });
    let stack = stack(list(config), json!({}), |_| {});
    for (key, text) in
        [("in/", ""), ("in/a", "x,y\n0,0\n1,1\n"), ("in/b/", ""), ("in/empty", ""), ("out/a", "x\n9\n")]
    {
        stack.host.put_object("data", key, text);
    }
    stack.host.put_object("data", "in/b/1.gz", gzip("y\n2\n3\n4\n5\n6\n"));
    stack.host.put_object("data", "in/c", "x\n7\n8\n9\n10\n");
    let both = |n: usize| json!({ "x": n.to_string(), "y": n.to_string() });
    let one = |name: &str, n: usize| json!({ name: n.to_string() });
    let mut items: Vec<Value> = (0..2).map(both).collect();
    items.extend((2..7).map(|n| one("y", n)));
    items.extend((7..10).map(|n| one("x", n)));
    succeeds(&stack, items.into());
    assert_eq!(reads(&stack), [4, 8, 10]);
}

#[test]
fn an_object_that_comes_before_the_one_that_is_read_does_not_matter() {
    let config = json!({ "InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN" });
    let stack = stack(list(config), json!({}), |_| {});
    stack.host.put_object("data", "in/b", "[0, 1, 2, 3, 4, 5]");
    stack.host.put_object("data", "in/d", "[6]");
    stack.start("run", json!({}));
    stack.deliver(&QueueName::Start);
    stack.deliver(&QueueName::Timer);
    assert_eq!(reads(&stack), [4]);
    stack.host.put_object("data", "in/a", "[\"before\"]");
    stack.host.put_object("data", "in/c", "[\"behind\"]");
    stack.run();
    assert_eq!(stack.ending("run").0, Some(json!([0, 1, 2, 3, 4, 5, "behind", 6])));
}

#[test]
fn an_object_that_can_not_be_read_is_named() {
    let config = json!({ "InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN" });
    let stack = stack(list(config), json!({}), |_| {});
    stack.host.put_object("data", "in/a", "[0]");
    stack.host.put_object("data", "in/b", "{}");
    stack.start("run", json!({}));
    stack.run();
    fails(&stack, "The object s3://data/in/b can't be read: Line 1: the object is not a JSON array.");
}

#[test]
fn an_object_that_is_compressed_is_read_like_any_other() {
    let text: String = (0..30).map(|row| format!("{{\"row\": {row}}}\n")).collect();
    let zstd = zstd::bulk::compress(text.as_bytes(), 3).unwrap();
    for packed in
        [gzip(&text), zstd.clone(), [gzip("{\"row\": 0}\n"), gzip(text.split_once('\n').unwrap().1)].concat()]
    {
        let stack = stack(get(json!({ "InputType": "JSONL" }), "rows"), json!({}), |_| {});
        stack.host.put_object("data", "rows", packed);
        succeeds(&stack, (0..30).map(|row| json!({ "row": row })).collect());
        assert_eq!(reads(&stack).len(), 8);
    }
    for (packed, name) in [(gzip(&text), "gzip"), (zstd, "Zstandard")] {
        let stack = stack(get(json!({ "InputType": "JSONL" }), "rows"), json!({}), |_| {});
        stack.host.put_object("data", "rows", &packed[..packed.len() - 3]);
        stack.start("run", json!({}));
        stack.run();
        fails(&stack, &format!("Its {name} ends too early."));
    }
}

#[test]
fn an_array_within_an_object_is_read_from_the_middle_on() {
    let config = json!({ "InputType": "JSON", "ItemsPointer": "/of~1data/1" });
    let stack = stack(get(config, "rows"), json!({}), |_| {});
    let text = json!({ "a": [[9]], "of/data": [{}, (0..30).collect::<Vec<_>>(), [31]] });
    stack.host.put_object("data", "rows", text.to_string());
    succeeds(&stack, (0..30).collect::<Vec<_>>().into());
    assert_eq!(reads(&stack).len(), 8);
}

/// Three groups of so many numbers each.
fn parquet(rows: i32) -> Vec<u8> {
    let schema = Arc::new(parse_message_type("message m { REQUIRED INT32 n; }").unwrap());
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Default::default()).unwrap();
    for group in 0..3 {
        let numbers: Vec<i32> = (group * rows..(group + 1) * rows).collect();
        let mut columns = writer.next_row_group().unwrap();
        let mut column = columns.next_column().unwrap().unwrap();
        let ColumnWriter::Int32ColumnWriter(writer) = column.untyped() else { panic!("they are numbers") };
        writer.write_batch(&numbers, None, None).unwrap();
        column.close().unwrap();
        columns.close().unwrap();
    }
    writer.close().unwrap();
    file
}

fn numbers(rows: i32) -> Value {
    (0..rows).map(|n| json!({ "n": n })).collect()
}

#[test]
fn rows_in_groups_are_read_group_by_group() {
    for rows in [0, 1, 4, 7] {
        let stack = stack(get(json!({ "InputType": "PARQUET" }), "rows"), json!({}), |_| {});
        stack.host.put_object("data", "rows", parquet(rows));
        succeeds(&stack, numbers(3 * rows));
        let expected: Vec<u64> =
            (1..).map(|part| 4 * part).take_while(|read| *read < 3 * rows as u64).collect();
        assert_eq!(reads(&stack)[..expected.len()], expected);
    }
}

#[test]
fn rows_in_groups_are_listed_like_any_others() {
    let athena = get(json!({ "ManifestType": "ATHENA_DATA", "InputType": "PARQUET" }), "manifest.csv");
    let listed = list(json!({ "InputType": "PARQUET", "Transformation": "LOAD_AND_FLATTEN", "MaxItems": 8 }));
    for (reader, read) in [(athena, 18), (listed, 8)] {
        let stack = stack(reader, json!({}), |_| {});
        stack.host.put_object("data", "manifest.csv", "s3://data/in/a\ns3://data/in/b\n");
        stack.host.put_object("data", "in/a", parquet(3));
        stack.host.put_object("data", "in/b", parquet(3));
        let all = [numbers(9), numbers(9)]
            .iter()
            .flat_map(|rows| rows.as_array().unwrap().clone())
            .take(read)
            .collect();
        succeeds(&stack, all);
    }
}

#[test]
fn what_is_wrong_with_a_file_of_groups_is_the_readers_failure() {
    for (file, settings, cause) in [
        (b"n\n1\n2\n3\n".to_vec(), 1 << 20, "It is no Parquet file."),
        (b"".to_vec(), 1 << 20, "It is no Parquet file."),
        (
            parquet(1000),
            2000,
            "Row group 1 of the Parquet file has 5290 bytes; 2000 is the most (payload_bytes_max). Write it with smaller row groups.",
        ),
    ] {
        let stack = stack(get(json!({ "InputType": "PARQUET" }), "rows"), json!({}), |change| {
            change.payload_bytes_max = settings;
        });
        stack.host.put_object("data", "rows", file);
        stack.start("run", json!({}));
        stack.run();
        fails(&stack, cause);
    }
}

#[test]
fn functions_without_parquet_say_how_they_get_it() {
    let mut stack = stack(get(json!({ "InputType": "PARQUET" }), "rows"), json!({}), |_| {});
    stack.timer = Protocol::new(stack.host.without_parquet());
    stack.host.put_object("data", "rows", parquet(1));
    stack.start("run", json!({}));
    stack.run();
    fails(
        &stack,
        "The object s3://data/rows can't be read: this stack reads no Parquet files. Build its functions with the feature `parquet`: default = [\"parquet\"] in functions/system/Cargo.toml.",
    );
}
