//! Whole executions that were recorded on AWS Step Functions, run by the engine on a virtual clock.
//!
//! They lie outside of the repository, in `../shared/asl` beside it, or in the folder that `ASL_CASES` names.
//! Its README.md gives their format. `ASL_VERBOSE` prints every difference, also those that are known.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod compare;
mod known;
mod script;
mod teststate;

use compare::Level;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};
use stepladder_asl::{Definition, FaultCode, Kind, MapMode};

fn cases(file: &str) -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/asl");
    let folder = std::env::var_os("ASL_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = folder.join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        Err(error) => {
            println!("SKIPPED: {}: {error}. Set ASL_CASES to the folder with the cases.", path.display());
            None
        }
    }
}

/// What became of the cases of one group: those beyond this version, those run, and of these how many hold per level.
#[derive(Default)]
struct Counts {
    beyond: usize,
    run: usize,
    hold: BTreeMap<Level, usize>,
    compared: BTreeMap<Level, usize>,
}

#[test]
fn executions_end_and_read_as_on_aws() {
    let Some(cases) = cases("execution.jsonl") else {
        return;
    };
    let verbose = std::env::var_os("ASL_VERBOSE").is_some();
    let mut groups: BTreeMap<String, Counts> = BTreeMap::new();
    let mut unexpected = Vec::new();
    let mut reasons: BTreeMap<(Level, &str), usize> = BTreeMap::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let counts = groups.entry(case["group"].as_str().unwrap().to_owned()).or_default();
        let definition = match Definition::parse(&case["definition"].to_string()) {
            Ok(definition) if is_distributed(&definition) => {
                counts.beyond += 1;
                continue;
            }
            Ok(definition) => definition,
            Err(faults) if faults.iter().all(|fault| fault.code == FaultCode::Unsupported) => {
                counts.beyond += 1;
                continue;
            }
            Err(faults) => {
                unexpected.push(format!("{id}: refused, but AWS took it: {faults}"));
                continue;
            }
        };
        counts.run += 1;
        for (level, difference) in compare::differences(case, &script::run(case, &definition)) {
            *counts.compared.entry(level).or_default() += 1;
            let Some(difference) = difference else {
                *counts.hold.entry(level).or_default() += 1;
                continue;
            };
            let known = known::reason(case, level);
            if verbose || known.is_none() {
                println!("{level:?} {id}\n    {difference}");
            }
            match known {
                Some((index, reason)) => {
                    used.insert(index);
                    *reasons.entry((level, reason)).or_default() += 1;
                }
                None => unexpected.push(format!("{level:?} {id}: {difference}")),
            }
        }
    }
    print_table(&groups);
    for ((level, reason), count) in &reasons {
        println!("  known, {level:?}: {count} {reason}");
    }
    for unused in known::unused(&used) {
        println!("  no case needs it any more: {unused}");
    }
    assert!(groups.values().map(|counts| counts.run).sum::<usize>() > 0, "no case was run");
    assert!(
        unexpected.is_empty(),
        "{} differences that are not known:\n{}",
        unexpected.len(),
        unexpected.join("\n")
    );
}

/// Whether iterations of it run as runs of their own: those are yet to come.
fn is_distributed(definition: &Definition) -> bool {
    let mut kinds = definition.states.values().map(|state| &state.kind);
    kinds.any(|kind| matches!(kind, Kind::Map(map) if matches!(map.mode, MapMode::Distributed(_))))
}

fn print_table(groups: &BTreeMap<String, Counts>) {
    println!("{:22}{:>8}{:>6}   hold / compared at: {:?}", "group", "beyond", "run", Level::ALL);
    let mut total = Counts::default();
    let line = |name: &str, counts: &Counts| {
        let levels: String = Level::ALL
            .iter()
            .map(|level| {
                let of = |map: &BTreeMap<Level, usize>| map.get(level).copied().unwrap_or_default();
                format!("{:>11}", format!("{}/{}", of(&counts.hold), of(&counts.compared)))
            })
            .collect();
        println!("{name:22}{:>8}{:>6}{levels}", counts.beyond, counts.run);
    };
    for (name, counts) in groups {
        line(name, counts);
        total.beyond += counts.beyond;
        total.run += counts.run;
        for level in Level::ALL {
            *total.hold.entry(level).or_default() += counts.hold.get(&level).copied().unwrap_or_default();
            *total.compared.entry(level).or_default() +=
                counts.compared.get(&level).copied().unwrap_or_default();
        }
    }
    line("all", &total);
}
