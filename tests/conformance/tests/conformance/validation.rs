//! Which definitions AWS, or a linter, accepts.

use serde_json::Value;
use stepladder_asl::{Definition, Fault, Faults, Options, WorkflowType};
use stepladder_conformance::{Report, cases, caught, text};

#[test]
fn verdicts_are_those_of_aws() {
    let Some(cases) = cases("validation.jsonl") else { return };
    let mut report = Report::new("validation.jsonl");
    let (mut disputed, mut differing) = (0, 0);
    for case in &cases {
        let verdict = || {
            let parsed = parse(case);
            let is_valid = case["valid"].as_bool().unwrap();
            (parsed.is_ok() != is_valid).then(|| match parsed {
                Ok(_) => format!("accepted, though {} refuses it", text(case, "evidence")),
                Err(faults) => format!("refused, though {} accepts it: {faults}", text(case, "evidence")),
            })
        };
        let difference = caught(verdict).unwrap_or_else(Some);
        // Linters that contradict each other prove nothing.
        if case.get("disputed_by").is_some() {
            disputed += 1;
            differing += usize::from(difference.is_some());
            continue;
        }
        report.case(text(case, "group"), text(case, "id"), difference);
    }
    println!(
        "\nvalidation.jsonl: {disputed} disputed between linters, not counted; {differing} of them differ"
    );
    report.print();
    report.finish();
}

/// AWS says more than yes or no where it refuses: its codes and its places are those of one of our faults.
#[test]
fn the_reasons_are_those_of_aws() {
    let Some(cases) = cases("validation.jsonl") else { return };
    let mut report = Report::new("validation.jsonl, reasons");
    for case in cases.iter().filter(|case| case["evidence"] == "aws" && case["valid"] == false) {
        let Err(faults) = parse(case) else { continue };
        let missing = case["expect"].as_array().into_iter().flatten().find(|expected| {
            let (code, path) = (expected["code"].as_str(), expected["path"].as_str().unwrap_or("/"));
            // A text that is no JSON has no places.
            let agrees = |fault: &Fault| {
                fault.aws_code == code && (path.starts_with("[Source") || fault.path.starts_with(path))
            };
            !faults.iter().any(agrees)
        });
        let difference = missing.map(|missing| format!("{missing} is not among {faults}"));
        report.case(text(case, "group"), text(case, "id"), difference);
    }
    report.print();
    report.finish();
}

fn parse(case: &Value) -> Result<Definition, Faults> {
    let workflow_type = match case["type"].as_str() {
        Some("EXPRESS") => WorkflowType::Express,
        _ => WorkflowType::Standard,
    };
    let options = Options { workflow_type, ..Options::default() };
    match &case["definition_text"] {
        Value::String(text) => Definition::parse_as(text, &options),
        _ => Definition::parse_as(&case["definition"].to_string(), &options),
    }
}
