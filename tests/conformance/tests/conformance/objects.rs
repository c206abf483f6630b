//! The objects of a case, as an ItemReader reads them.

use serde_json::{Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{ItemRow, ObjectFormat, Position, Run, Source, source};
use stepladder_items::{Csv, Format, Reader};

/// The items that a position waits for, or why they can't be read.
pub(crate) fn rows(
    case: &Value,
    definition: &Definition,
    run: &Run,
    position: &Position,
) -> Result<Vec<ItemRow>, String> {
    let objects = case["objects"].as_array().map(Vec::as_slice).unwrap_or_default();
    match source(definition, run, position).expect("it was seen when the state was entered") {
        Source::Object { object: named, format, items_max } => {
            let is_named = |object: &&Value| {
                object["bucket"] == json!(named.bucket) && object["key"] == json!(named.key)
            };
            // The last one that was put there.
            let object = objects.iter().rev().find(is_named).ok_or("The specified key does not exist.")?;
            let body = object["body"].as_str().expect("an object has a body");
            read(format, body.as_bytes(), items_max.unwrap_or(u64::MAX))
        }
        Source::Listing { bucket, prefix, rows: None, items_max, .. } => {
            let is_listed = |object: &&Value| {
                object["bucket"] == json!(bucket)
                    && object["key"].as_str().is_some_and(|key| key.starts_with(&prefix))
            };
            let mut keys: Vec<&str> =
                objects.iter().filter(is_listed).filter_map(|object| object["key"].as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            let items_max = usize::try_from(items_max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
            let item = |key: &&str| ItemRow { line: None, item: Ok(json!({ "Key": key })) };
            Ok(keys.iter().take(items_max).map(item).collect())
        }
        Source::Manifest { .. } | Source::Listing { .. } => {
            Err("no case reads objects after one another".to_owned())
        }
    }
}

fn read(format: ObjectFormat, bytes: &[u8], items_max: u64) -> Result<Vec<ItemRow>, String> {
    let format = match format {
        ObjectFormat::Json { pointer } if pointer.is_empty() => Format::JsonArray,
        ObjectFormat::Json { pointer } => Format::JsonArrayAt(pointer),
        ObjectFormat::JsonLines => Format::JsonLines,
        ObjectFormat::Csv { delimiter, headers } => Format::Csv(Csv { delimiter, headers }),
        ObjectFormat::Parquet => return Err("no case reads Parquet".to_owned()),
    };
    let mut reader = Reader::new(format).map_err(|error| error.to_string())?;
    reader.push(bytes);
    reader.finish();
    let mut rows = Vec::new();
    while (rows.len() as u64) < items_max {
        let Some(row) = reader.next_row().map_err(|error| error.to_string())? else { break };
        rows.push(ItemRow { line: Some(row.line), item: row.item });
    }
    Ok(rows)
}
