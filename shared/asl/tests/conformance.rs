//! The recorded cases: which definitions AWS takes, and what a single state makes of its input.
//!
//! They lie outside of the repository, in `../shared/asl` beside it, or in the folder that `ASL_CASES` names.
//! Its README.md gives their format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde_json::Value;
use std::{collections::BTreeMap, path::PathBuf};
use stepladder_asl::{Definition, Options, WorkflowType};

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
    // Per evidence: agreed, disagreed, disputed between linters.
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let evidence = case["evidence"].as_str().unwrap();
        let workflow_type = match case["type"].as_str() {
            Some("EXPRESS") => WorkflowType::Express,
            _ => WorkflowType::Standard,
        };
        let options = Options { workflow_type, ..Options::default() };
        let parsed = Definition::parse_as(&text_of(case), &options);
        let column = if parsed.is_ok() == case["valid"].as_bool().unwrap() {
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
    println!("validation.jsonl: evidence, agreed, disagreed, disputed");
    for (evidence, [agreed, disagreed, disputed]) in &counts {
        println!("  {evidence:24} {agreed:4} {disagreed:4} {disputed:4}");
    }
    // Linters are strong witnesses, but not AWS: what they say is printed above.
    assert!(wrong.is_empty(), "verdicts that AWS does not share: {wrong:#?}");
    assert!(counts.get("aws").is_some_and(|aws| aws[0] > 0), "no verdict of AWS was looked at");
}

/// AWS says more than yes or no where it refuses: its codes and its places are those of one of our faults.
#[test]
fn the_reasons_are_those_of_aws() {
    let Some(cases) = cases("validation.jsonl") else {
        return;
    };
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in cases.iter().filter(|case| case["evidence"] == "aws" && case["valid"] == false) {
        let workflow_type = match case["type"].as_str() {
            Some("EXPRESS") => WorkflowType::Express,
            _ => WorkflowType::Standard,
        };
        let options = Options { workflow_type, ..Options::default() };
        let Err(faults) = Definition::parse_as(&text_of(case), &options) else { continue };
        for expected in case["expect"].as_array().into_iter().flatten() {
            let (code, path) = (expected["code"].as_str(), expected["path"].as_str().unwrap_or("/"));
            checked += 1;
            // A text that is no JSON has no places.
            let agrees = |fault: &stepladder_asl::Fault| {
                fault.aws_code == code && (path.starts_with("[Source") || fault.path.starts_with(path))
            };
            if !faults.iter().any(agrees) {
                wrong.push(format!("{}: {expected} and not {faults}", case["id"]));
            }
        }
    }
    println!("reasons of refusals: {checked} checked, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What was run on AWS was taken by AWS; single states of TestState too, once they stand in a machine.
#[test]
fn what_ran_on_aws_is_taken() {
    let mut refused = Vec::new();
    let mut taken = 0;
    for case in cases("execution.jsonl").into_iter().flatten() {
        let workflow_type = match case["type"].as_str() {
            Some("EXPRESS") => WorkflowType::Express,
            _ => WorkflowType::Standard,
        };
        let options = Options { workflow_type, ..Options::default() };
        match Definition::parse_as(&case["definition"].to_string(), &options) {
            Ok(definition) => {
                taken += 1;
                if std::env::var_os("ASL_VERBOSE").is_some() {
                    definition.warnings.iter().for_each(|fault| println!("{}: {fault}", case["id"]));
                }
            }
            Err(faults) => refused.push(format!("{}: {faults}", case["id"])),
        }
    }
    for case in cases("teststate.jsonl").into_iter().flatten() {
        let definition = &case["definition"];
        let text = if definition.get("States").is_some() {
            definition.to_string()
        } else {
            machine_of(definition).to_string()
        };
        match Definition::parse(&text) {
            Ok(_) => taken += 1,
            Err(faults) => refused.push(format!("{}: {faults}\n{text}", case["id"])),
        }
    }
    println!("execution.jsonl and teststate.jsonl: {taken} definitions taken, {} refused", refused.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// A machine around one state, in which all that it leads to exists.
fn machine_of(state: &Value) -> Value {
    let mut states = serde_json::Map::new();
    let mut targets = Vec::new();
    let listed =
        ["Choices", "Catch"].into_iter().flat_map(|list| state[list].as_array().into_iter().flatten());
    targets.extend(listed.filter_map(|item| item["Next"].as_str()));
    targets.extend([&state["Next"], &state["Default"]].into_iter().filter_map(Value::as_str));
    for target in targets {
        states.insert(target.to_string(), serde_json::json!({"Type": "Succeed"}));
    }
    states.insert("TheState".into(), state.clone());
    serde_json::json!({"StartAt": "TheState", "States": states})
}

#[test]
fn real_definitions_have_no_faults() {
    let Some(index) = cases("realworld/index.jsonl") else {
        return;
    };
    let (mut clean, mut faulty) = (0, Vec::new());
    for entry in &index {
        let file = entry["file"].as_str().unwrap();
        let text = std::fs::read_to_string(folder().join("realworld").join(file)).unwrap();
        match Definition::parse(&with_placeholders_filled(&text)) {
            Ok(definition) => {
                clean += 1;
                if std::env::var_os("ASL_VERBOSE").is_some() {
                    definition.warnings.iter().for_each(|fault| println!("{file}: {fault}"));
                }
            }
            Err(faults) => faulty.push(format!("{file} (linter: {}): {faults}", entry["asl_validator"])),
        }
    }
    println!("realworld: {clean} without faults, {} with faults", faulty.len());
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
