//! The recorded cases: which definitions AWS takes, and what a single state makes of its input.
//!
//! They lie outside of the repository, in `../shared/asl` beside it, or in the folder that `ASL_CASES` names.
//! Its README.md gives their format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};
use stepladder_asl::{Definition, Fault, FaultCode, Faults};

fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/asl");
    std::env::var_os("ASL_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

fn cases(file: &str) -> Option<Vec<Value>> {
    let path = folder().join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        Err(error) => {
            println!("SKIPPED: {}: {error}. Set ASL_CASES to the folder with the cases.", path.display());
            None
        }
    }
}

/// Whether this version has no verdict: a feature is missing here, or AWS refuses the definition for EXPRESS only.
/// Where AWS takes the definition, no other fault may stand beside the missing feature.
fn is_beyond(case: &Value, faults: Option<&Faults>) -> bool {
    let unsupported = |fault: &Fault| fault.code == FaultCode::Unsupported;
    match faults {
        None => case["type"] == "EXPRESS" && case["valid"] == false,
        Some(faults) if case["valid"] == true => faults.iter().all(unsupported),
        Some(faults) => faults.iter().any(unsupported),
    }
}

fn text_of(case: &Value) -> String {
    match &case["definition_text"] {
        Value::String(text) => text.clone(),
        _ => case["definition"].to_string(),
    }
}

#[test]
fn validation_agrees_with_aws() {
    let Some(cases) = cases("validation.jsonl") else {
        return;
    };
    // Per evidence: agreed, disagreed, disputed between linters, beyond this version.
    let mut counts: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let evidence = case["evidence"].as_str().unwrap();
        let parsed = Definition::parse(&text_of(case));
        let agrees = parsed.is_ok() == case["valid"].as_bool().unwrap();
        let column = if is_beyond(case, parsed.as_ref().err()) {
            3
        } else if agrees {
            0
        } else if case.get("disputed_by").is_some() {
            2
        } else {
            1
        };
        counts.entry(evidence.to_string()).or_default()[column] += 1;
        if column == 1 || column == 2 && std::env::var_os("ASL_VERBOSE").is_some() {
            let found = parsed.err().map_or("accepted".into(), |faults| faults.to_string());
            println!("DISAGREES ({evidence}, valid: {}): {}\n  {found}", case["valid"], case["id"]);
            if evidence == "aws" {
                wrong.push(case["id"].to_string());
            }
        }
    }
    println!("validation.jsonl: evidence, agreed, disagreed, disputed, beyond this version");
    for (evidence, [agreed, disagreed, disputed, beyond]) in &counts {
        println!("  {evidence:24} {agreed:4} {disagreed:4} {disputed:4} {beyond:4}");
    }
    // Linters are strong witnesses, but not AWS: what they say is printed above.
    assert!(wrong.is_empty(), "verdicts that AWS does not share: {wrong:#?}");
    assert!(counts.get("aws").is_some_and(|aws| aws[0] > 0), "no verdict of AWS was looked at");
}

#[test]
fn real_definitions_have_no_faults() {
    let Some(index) = cases("realworld/index.jsonl") else {
        return;
    };
    let (mut clean, mut beyond, mut faulty) = (0, 0, Vec::new());
    for entry in &index {
        let file = entry["file"].as_str().unwrap();
        let text = std::fs::read_to_string(folder().join("realworld").join(file)).unwrap();
        match Definition::parse(&with_placeholders_filled(&text)) {
            Ok(_) => clean += 1,
            Err(faults) if faults.iter().all(|fault| fault.code == FaultCode::Unsupported) => beyond += 1,
            Err(faults) => faulty.push(format!("{file} (linter: {}): {faults}", entry["asl_validator"])),
        }
    }
    println!("realworld: {clean} without faults, {beyond} beyond this version, {} with faults", faulty.len());
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
}

/// `${X}` stands inside strings; a name or ARN of its own takes the place of each.
fn with_placeholders_filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    for count in 0.. {
        let Some((before, (_, after))) =
            rest.split_once("${").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        else {
            break;
        };
        let is_whole = before.ends_with('"') && after.starts_with('"');
        let prefix = if is_whole { "arn:aws:lambda:eu-west-1:123456789012:function:" } else { "" };
        filled.push_str(&format!("{before}{prefix}placeholder{count}"));
        rest = after;
    }
    filled + rest
}
