//! Maps that read their items: what lies in their objects, and what comes of it.

use crate::host::MemoryHost;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;
use stepladder_asl::{Definition, EvalError};
use stepladder_engine::{
    BranchInput, Children, ItemRow, Outcome, Position, Reading, Run, Source, branch_inputs, source,
};

/// The bucket of all objects.
const BUCKET: &str = "rows";

/// The objects have fewer lines than this.
const LINES_MAX: usize = 13;

/// The same lines lie in several objects, too: so many in each.
const LINES_EACH: usize = 4;

/// Writes the objects of all sizes, and what lists those of a few lines each.
pub(crate) fn put_objects(host: &MemoryHost) {
    for lines in 0..LINES_MAX {
        let written: Vec<String> = (0..lines).map(|line| format!("{}\n", written(lines, line))).collect();
        host.put_object(BUCKET, &format!("{lines}.jsonl"), written.concat());
        let mut manifest = String::new();
        for (number, few) in written.chunks(LINES_EACH).enumerate() {
            let key = format!("{lines}/{number}.jsonl");
            manifest += &format!("s3://{BUCKET}/{key}\n");
            host.put_object(BUCKET, &key, packed(number, &few.concat()));
        }
        host.put_object(BUCKET, &format!("{lines}.csv"), manifest);
        // As S3's console makes a folder.
        host.put_object(BUCKET, &format!("{lines}/"), "");
    }
}

/// Some as they are, some compressed.
fn packed(number: usize, text: &str) -> Vec<u8> {
    match number % 3 {
        0 => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        1 => text.into(),
        _ => zstd::bulk::compress(text.as_bytes(), 3).unwrap(),
    }
}

/// A reader of lines, one of several kinds.
pub(crate) fn reader(number: usize) -> Value {
    let lines = number % LINES_MAX;
    let get = "arn:aws:states:::s3:getObject";
    match number / 8 % 3 {
        0 => json!({
            "Resource": get,
            "ReaderConfig": { "InputType": "JSONL" },
            "Parameters": { "Bucket": BUCKET, "Key": format!("{lines}.jsonl") },
        }),
        1 => json!({
            "Resource": get,
            "ReaderConfig": { "InputType": "JSONL", "ManifestType": "ATHENA_DATA" },
            "Parameters": { "Bucket": BUCKET, "Key": format!("{lines}.csv") },
        }),
        _ => json!({
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "ReaderConfig": { "InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN" },
            "Parameters": { "Bucket": BUCKET, "Prefix": format!("{lines}/") },
        }),
    }
}

/// A line as it is written. In a large object one is broken.
fn written(lines: usize, line: usize) -> String {
    match (lines > 10 && line == 8, line % 3) {
        (true, _) => "{".to_owned(),
        (false, 1) => "null".to_owned(),
        (false, _) => line.to_string(),
    }
}

fn rows(definition: &Definition, run: &Run, position: &Position) -> Vec<ItemRow> {
    let (name, lines_each) = match source(definition, run, position).unwrap() {
        Source::Object { object, .. } => (object.key, LINES_MAX),
        Source::Manifest { object, .. } => (object.key, LINES_EACH),
        Source::Listing { prefix, .. } => (prefix, LINES_EACH),
    };
    let lines: usize = name.trim_end_matches(|char: char| !char.is_ascii_digit()).parse().unwrap();
    let row = |line: usize| {
        let item = serde_json::from_str::<Value>(&written(lines, line));
        let (number, line) = (line / lines_each, (line % lines_each) as u64 + 1);
        // As the protocol tells it: a rerun may have it in its data.
        let why = |_| {
            let key = if lines_each == LINES_MAX { name.clone() } else { format!("{lines}/{number}.jsonl") };
            let why = "it is not JSON: EOF while parsing an object, in column 1";
            format!("Line {line} of s3://{BUCKET}/{key} can't be read: {why}")
        };
        ItemRow { line: Some(line), item: item.map_err(why) }
    };
    (0..lines).map(row).collect()
}

/// The children of a position that waits for its items, and how far it has come then.
fn children(
    definition: &Definition,
    run: &Run,
    begun: &Position,
) -> Result<(Vec<BranchInput>, Reading), EvalError> {
    let mut children = Children::new(definition, run, begun)?;
    let mut inputs = Vec::new();
    for row in rows(definition, run, begun) {
        let made = children.push(row)?;
        inputs.extend(made.before.into_iter().chain(made.after));
    }
    inputs.extend(children.finish());
    let (items, count, largest) = (children.items(), children.children(), children.largest());
    let reading = Reading { seq: begun.seq, items, children: count, largest, ..Reading::default() };
    Ok((inputs, reading))
}

/// What reading comes to.
pub(crate) fn outcome(definition: &Definition, run: &Run, position: &Position) -> Outcome {
    let (_, reading) = children(definition, run, &position.as_begun()).unwrap();
    Outcome::ItemsRead { reading: Box::new(reading), is_all: true }
}

/// The rows for a rehearsal.
pub(crate) fn rehearsed(definition: &Definition, run: &Run, position: &Position) -> Vec<ItemRow> {
    rows(definition, run, position)
}

/// What all branches of a fan-out start with that was opened anew.
pub(crate) fn inputs(
    definition: &Definition,
    run: &Run,
    parent: &Position,
) -> Result<Vec<BranchInput>, EvalError> {
    let fan_out = parent.fan_out().unwrap();
    let Some(seq) = fan_out.inputs_seq else {
        return branch_inputs(definition, run, parent, 0..fan_out.count);
    };
    let reading = Some(Box::new(Reading { seq, ..Reading::default() }));
    children(definition, run, &Position { seq, reading, ..parent.clone() }).map(|(inputs, _)| inputs)
}
