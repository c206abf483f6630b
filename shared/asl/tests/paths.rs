//! Every path and every call in the recorded definitions that AWS takes, and in the real-world ones, compiles.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};
use stepladder_asl::Definition;

fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/asl");
    std::env::var_os("ASL_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// The texts of `value` that can only be paths or calls, each with the definition where it was seen first.
fn collect(value: &Value, key: &str, seen_in: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            // `Result` is taken as it stands, whatever it looks like.
            let members = members.iter().filter(|(key, _)| *key != "Result");
            members.for_each(|(key, value)| collect(value, key, seen_in, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, key, seen_in, found)),
        Value::String(text)
            if (key.ends_with(".$") || key.ends_with("Path") || key == "Variable")
                && (text.starts_with('$') || text.starts_with("States.")) =>
        {
            found.entry(text.clone()).or_insert_with(|| seen_in.to_string());
        }
        _ => {}
    }
}

#[test]
fn every_path_and_call_of_a_valid_definition_compiles() {
    let mut found = BTreeMap::new();
    for file in ["execution.jsonl", "validation.jsonl", "teststate.jsonl"] {
        let Ok(text) = std::fs::read_to_string(folder().join(file)) else {
            println!(
                "SKIPPED: {file} is not in {}. Set ASL_CASES to the folder with the cases.",
                folder().display()
            );
            continue;
        };
        for line in text.lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            if case.get("valid") != Some(&json!(false)) {
                collect(&case["definition"], "", case["id"].as_str().unwrap(), &mut found);
            }
        }
    }
    for entry in std::fs::read_dir(folder().join("realworld")).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".asl.json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let definition: Value = serde_json::from_str(&text).unwrap();
            collect(&definition, "", &path.to_string_lossy(), &mut found);
        }
    }
    let refused: Vec<String> = found
        .iter()
        .filter_map(|(text, seen_in)| {
            let state = json!({"Type": "Pass", "Parameters": {"a.$": text}, "End": true});
            let definition = json!({"StartAt": "S", "States": {"S": state}});
            let faults = Definition::parse(&definition.to_string()).err()?;
            Some(format!("{text}\n  in {seen_in}\n  {faults}"))
        })
        .collect();
    println!("{} paths and calls", found.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
