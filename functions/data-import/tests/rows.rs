//! Thousands of generated rows come to what a Python script makes of the same file, row by row and line by line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../examples/generate_rows/generator.rs"]
mod generator;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;

use data_import::rows::{Batch, FailedRow, Item, RawRow, Row};
use data_import::steps::parse_rows::{Common, RawBatch, parsed};
use data_import::steps::transform_rows::transformed;
use serde_json::Value;

const BATCH_ROWS: usize = 100;

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
            ["not UTF-8", "amount is no", "currency is unknown", "ordered_at is no", "email is missing"]
        {
            assert!(has(reason) || rows < 5_000, "{reason}");
        }
        let hostile = |text: &str| loaded.values().any(|row| row.customer.contains(text));
        assert!(hostile("🎉") && hostile("\"Bob\"") && hostile(", ") && hostile("first line second line"));
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

/// What the workflow loads, by id, and what it sets aside, by line: the steps as the Map state would call them.
fn imported(file: &[u8]) -> (BTreeMap<String, Row>, BTreeMap<u64, String>) {
    let (items, mut failures) = items_of(file);
    let mut loaded = BTreeMap::new();
    for items in items.chunks(BATCH_ROWS) {
        let common = Common { import: "monday".to_owned() };
        let Batch { rows, failed, .. } = transformed(parsed(RawBatch { common, items: items.to_vec() }));
        loaded.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        failures.extend(failed.into_iter().map(|FailedRow { line, reason }| (line, reason)));
    }
    (loaded, failures)
}

/// The rows of a file as a reader of RFC 4180 gives them, each with its line; and the lines of those that are not UTF-8.
fn items_of(file: &[u8]) -> (Vec<Item>, BTreeMap<u64, String>) {
    let (mut items, mut unreadable) = (Vec::new(), BTreeMap::new());
    let (mut line, mut began, mut start, mut is_quoted) = (1, 1, 0, false);
    for (at, byte) in file.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' => {
                line += 1;
                if is_quoted {
                    continue;
                }
                match std::str::from_utf8(&file[start..at]) {
                    Ok(_) if began == 1 => {}
                    Ok(text) => items.push(Item { row: raw(&fields_of(text)), line: began }),
                    Err(_) => {
                        unreadable.insert(began, "not UTF-8".to_owned());
                    }
                }
                (began, start) = (line, at + 1);
            }
            _ => {}
        }
    }
    (items, unreadable)
}

fn fields_of(text: &str) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    fields.push(field);
    fields
}

/// A row that is too short has empty columns at its end, as AWS's reader gives them.
fn raw(fields: &[String]) -> RawRow {
    let field = |at: usize| Some(fields.get(at).cloned().unwrap_or_default());
    let (id, customer, email) = (field(0), field(1), field(2));
    RawRow { id, customer, email, amount: field(3), currency: field(4), ordered_at: field(5) }
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
