//! JSONata's official test suite, as far as its cases lie in the folder with the recorded cases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod jsonata_case;

use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};

fn cases() -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/asl");
    let folder = std::env::var_os("ASL_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join("jsonata.jsonl");
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        Err(error) => {
            println!("SKIPPED: {}: {error}. Set ASL_CASES to the folder with the cases.", path.display());
            None
        }
    }
}

#[test]
fn expressions_evaluate_as_in_the_reference() {
    let Some(cases) = cases() else { return };
    let mut groups: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for case in &cases {
        let disagreement = jsonata_case::disagreement(case);
        let group = groups.entry(case["group"].as_str().unwrap()).or_default();
        group[usize::from(disagreement.is_some())] += 1;
        if let Some(outcome) = disagreement {
            println!(
                "DISAGREES: {}: {}\n  expected {}\n  found {outcome:?}",
                case["id"], case["expr"], case["expect"]
            );
        }
    }
    let sum = |column: usize| groups.values().map(|group| group[column]).sum::<usize>();
    println!("group, passed, failed");
    for (group, [passed, failed]) in &groups {
        println!("  {group:28} {passed:4} {failed:4}");
    }
    println!("jsonata.jsonl: {} passed, {} failed", sum(0), sum(1));
    // The goal, on any part of the suite.
    assert!(sum(1) * 100 <= cases.len(), "fewer than 99 % of the cases agree");
}
