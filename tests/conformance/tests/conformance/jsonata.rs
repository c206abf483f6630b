//! JSONata's official test suite.

use crate::jsonata_case::disagreement;
use stepladder_conformance::{Report, cases, text};

#[test]
fn expressions_evaluate_as_in_the_reference() {
    let Some(cases) = cases("jsonata.jsonl") else { return };
    let mut report = Report::new("jsonata.jsonl");
    for case in &cases {
        let difference = disagreement(case)
            .map(|outcome| format!("{}: expected {}, found {outcome:?}", case["expr"], case["expect"]));
        report.case(text(case, "group"), text(case, "id"), difference);
    }
    report.print();
    report.finish();
}
