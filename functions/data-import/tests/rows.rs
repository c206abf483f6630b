//! Thousands of generated rows come to what a Python script makes of the same file, row by row and line by line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../examples/generate_rows/generator.rs"]
mod generator;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;

use data_import::rows::{Batch, FailedRow, Item, Row};
use data_import::steps::parse_rows::{Common, RawBatch, parsed};
use data_import::steps::transform_rows::transformed;
use serde_json::Value;
use stepladder_items::{Csv, Format, Reader};

const BATCH_ROWS: usize = 100;
/// As the script says it of a row that its reader can't give.
const NOT_UTF8: &str = "not UTF-8";

#[test]
fn the_definition_has_no_fault() {
    let definition = include_str!("../workflow.asl.json");
    let faults = stepladder_asl::Definition::parse(definition).err();
    assert!(faults.is_none(), "{faults:?}");
}

#[test]
fn generated_rows_come_to_what_python_makes_of_them() {
    for (rows, seed) in [(5_000, 2026), (500, 1)] {
        let mut file = Vec::new();
        generator::write(&mut file, rows, seed).expect("memory takes it");
        let Some((expected_rows, expected_failures)) = oracle(&file, seed) else { return };
        let (loaded, failures) = imported(&file);
        assert_eq!(loaded.len() + failures.len(), usize::try_from(rows).unwrap());
        assert_eq!(loaded.len(), expected_rows.len());
        for (id, row) in &loaded {
            assert_eq!(Some(&serde_json::to_value(row).unwrap()), expected_rows.get(id), "{id}");
        }
        assert_eq!(failures, expected_failures);
        // The same generator, so that nothing is proven by a file without them.
        let has = |reason: &str| failures.values().any(|failure| failure.starts_with(reason));
        for reason in
            [NOT_UTF8, "amount is no", "currency is unknown", "ordered_at is no", "email is missing"]
        {
            assert!(has(reason) || rows < 5_000, "{reason}");
        }
        let hostile = |text: &str| loaded.values().any(|row| row.customer.contains(text));
        for text in ["🎉", "\"Bob\"", ", ", "first line second line", "\"escaped\"", "C:\\temp"] {
            assert!(hostile(text) || rows < 5_000, "{text}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let file = |rows, seed| {
        let mut file = Vec::new();
        generator::write(&mut file, rows, seed).expect("memory takes it");
        file
    };
    assert_eq!(file(300, 7), file(300, 7));
    assert_ne!(file(300, 7), file(300, 8));
    assert!(file(300, 7).starts_with(&file(299, 7)));
}

/// What the workflow loads, by id, and what it doesn't, by line: the rows as its reader gives them, and the steps as the Map
/// state would call them.
fn imported(file: &[u8]) -> (BTreeMap<String, Row>, BTreeMap<u64, String>) {
    let mut reader = Reader::new(Format::Csv(Csv { delimiter: b',', headers: None })).expect("a delimiter");
    reader.push(file);
    reader.finish();
    let (mut items, mut failures) = (Vec::new(), BTreeMap::new());
    while let Some(row) = reader.next_row().expect("the file can be read") {
        match row.item {
            Ok(item) => {
                items.push(Item { row: serde_json::from_value(item).expect("a row"), line: row.line })
            }
            Err(_) => drop(failures.insert(row.line, NOT_UTF8.to_owned())),
        }
    }
    let mut loaded = BTreeMap::new();
    for items in items.chunks(BATCH_ROWS) {
        let common = Common { import: "monday".to_owned() };
        let Batch { rows, failed, .. } = transformed(parsed(RawBatch { common, items: items.to_vec() }));
        loaded.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        failures.extend(failed.into_iter().map(|FailedRow { line, reason }| (line, reason)));
    }
    (loaded, failures)
}

/// What `tests/import/oracle.py` says; nothing on a machine without Python.
fn oracle(file: &[u8], seed: u64) -> Option<(BTreeMap<String, Value>, BTreeMap<u64, String>)> {
    let path = format!("{}/rows-{seed}.csv", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, file).expect("a temporary file");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/import/oracle.py");
    let answer = match Command::new("python3").args([script, &path]).output() {
        Ok(answer) => answer,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("can't run python3: {error}"),
    };
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let (mut rows, mut failures) = (BTreeMap::new(), BTreeMap::new());
    for line in String::from_utf8(answer.stdout).expect("ASCII").lines() {
        let told: Value = serde_json::from_str(line).expect("JSON");
        match (told["id"].as_str(), told["line"].as_u64(), told["reason"].as_str()) {
            (Some(id), _, _) => drop(rows.insert(id.to_owned(), told)),
            (None, Some(line), Some(reason)) => drop(failures.insert(line, reason.to_owned())),
            _ => panic!("{line}"),
        }
    }
    Some((rows, failures))
}
