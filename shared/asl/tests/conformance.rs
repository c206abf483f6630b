//! The recorded cases: which definitions AWS takes, and what a single state makes of its input.
//!
//! They lie outside of the repository, in `../shared/asl` beside it, or in the folder that `ASL_CASES` names.
//! Its README.md gives their format.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};
use stepladder_asl::{Definition, Draws, Fault, FaultCode, Faults, Kind, Scope, State, Then};

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

/// The Context object, with values of our own where the case has wildcards.
fn context(case: &Value, state: &State) -> Value {
    let given = &case["context"];
    json!({
        "Execution": {
            "Id": given["Execution"]["Id"],
            "Input": case["input"],
            "Name": given["Execution"]["Name"],
            "RedriveCount": 0,
            "RoleArn": given["Execution"]["RoleArn"],
            "StartTime": "2026-11-24T21:52:17.123Z",
        },
        "StateMachine": given["StateMachine"],
        "State": {"EnteredTime": "2026-11-24T21:52:17.123Z", "Name": state.name},
    })
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

/// What a run of Pass and Choice states without a Task gives: its output, or its error and cause.
fn run(definition: &Definition, case: &Value) -> Result<Value, (String, String)> {
    let draws = Draws::new([0; 32]);
    let mut input = case["input"].clone();
    let mut state = &definition.machine.states[&definition.machine.start_at];
    for _ in 0..100 {
        let context = context(case, state);
        let result = step(state, &input, &context, &draws);
        let (output, next) =
            result.map_err(|error| (error.error.to_string(), error.cause_in(&state.name, 0)))?;
        match next {
            Some(next) => (input, state) = (output, &definition.machine.states[&next]),
            None => return Ok(output),
        }
    }
    panic!("the run does not end")
}

fn step(
    state: &State,
    input: &Value,
    context: &Value,
    draws: &Draws,
) -> Result<(Value, Option<String>), stepladder_asl::EvalError> {
    let scope = |input| Scope { input, context, draws };
    let next = |then: &Then| match then {
        Then::Next(next) => Some(next.clone()),
        Then::End => None,
    };
    match &state.kind {
        Kind::Pass(pass) => {
            let filtered = pass.input_path.apply("InputPath", &scope(input))?;
            let parameters =
                pass.parameters.as_ref().map(|template| template.evaluate("Parameters", &scope(&filtered)));
            let effective = parameters.transpose()?.unwrap_or_else(|| filtered.clone());
            let output = pass.result_path.apply(input, pass.result.clone().unwrap_or(effective))?;
            Ok((pass.output_path.apply("OutputPath", &scope(&output))?, next(&pass.then)))
        }
        Kind::Choice(choice) => {
            let effective = choice.input_path.apply("InputPath", &scope(input))?;
            let next = choice.choose(&scope(&effective))?.map(str::to_string);
            Ok((choice.output_path.apply("OutputPath", &scope(&effective))?, next))
        }
        Kind::Wait(wait) => {
            wait.until.due_ms(0, &scope(input))?;
            Ok((input.clone(), next(&wait.then)))
        }
        Kind::Fail(fail) => {
            if let Some(error) = &fail.error {
                error.evaluate("ErrorPath", &scope(input))?;
            }
            if let Some(cause) = &fail.cause {
                cause.evaluate("CausePath", &scope(input))?;
            }
            panic!("the case should fail before")
        }
        _ => panic!("not run here"),
    }
}

/// Equality with the wildcards of the cases.
fn fits(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(pattern), _) if pattern == "<*>" => true,
        (Value::String(pattern), Value::String(text)) => fits_text(pattern, text),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| fits(a, b)))
        }
        _ => expected == found,
    }
}

fn fits_text(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split("<*>");
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        if index + 1 == parts.len() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn states_without_tasks_evaluate_as_on_aws() {
    let Some(cases) = cases("execution.jsonl") else {
        return;
    };
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let count = counts.entry(case["group"].as_str().unwrap().to_string()).or_default();
        let definition = Definition::parse(&case["definition"].to_string());
        let is_run = definition.as_ref().is_ok_and(|definition| {
            let fails_itself = case["expect"]["error"] != "States.Runtime";
            definition.machine.states.values().all(|state| match &state.kind {
                Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) => true,
                Kind::Fail(_) => !fails_itself,
                Kind::Task(_) | Kind::Succeed(_) => false,
            })
        });
        let Some(definition) = definition.ok().filter(|_| is_run) else {
            count[2] += 1;
            continue;
        };
        let expect = &case["expect"];
        let agrees = match run(&definition, case) {
            Ok(output) => expect["status"] == "SUCCEEDED" && fits(&expect["output"], &output),
            Err((error, cause)) => {
                // The event id is the engine's to count.
                let expected = expect["cause"].as_str().unwrap_or_default();
                let expected = expected.split_once("). ").map_or(expected, |(_, tail)| tail);
                let found = cause.split_once("). ").map_or(cause.as_str(), |(_, tail)| tail);
                expect["error"] == error.as_str() && fits_text(expected, found)
            }
        };
        count[usize::from(!agrees)] += 1;
        if !agrees {
            println!("DISAGREES: {}\n  expected {expect}\n  found {:?}", case["id"], run(&definition, case));
            wrong.push(case["id"].to_string());
        }
    }
    println!("execution.jsonl: group, agreed, disagreed, not run here");
    for (group, [agreed, disagreed, beyond]) in &counts {
        println!("  {group:24} {agreed:4} {disagreed:4} {beyond:4}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts.values().any(|count| count[0] > 0), "no case was run");
}
