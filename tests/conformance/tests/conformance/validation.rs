//! Which definitions AWS, or a linter, accepts.

use serde_json::Value;
use stepladder_asl::{Definition, Faults};
use stepladder_conformance::{Report, cases, text};

#[test]
fn verdicts_are_those_of_aws() {
    let Some(cases) = cases("validation.jsonl") else { return };
    let mut report = Report::new("validation.jsonl");
    let (mut disputed, mut differing) = (0, 0);
    for case in &cases {
        let parsed = parse(case);
        let is_valid = case["valid"].as_bool().unwrap();
        let difference = (parsed.is_ok() != is_valid).then(|| match parsed {
            Ok(_) => format!("accepted, though {} refuses it", text(case, "evidence")),
            Err(faults) => format!("refused, though {} accepts it: {faults}", text(case, "evidence")),
        });
        // Linters that contradict each other prove nothing.
        if case.get("disputed_by").is_some() {
            disputed += 1;
            differing += usize::from(difference.is_some());
            continue;
        }
        report.case(text(case, "group"), text(case, "id"), difference);
    }
    println!(
        "validation.jsonl: {disputed} disputed between linters, not counted; {differing} of them differ"
    );
    report.print();
    report.finish();
}

fn parse(case: &Value) -> Result<Definition, Faults> {
    match &case["definition_text"] {
        Value::String(text) => Definition::parse(text),
        _ => Definition::parse(&case["definition"].to_string()),
    }
}
