//! JSONata's official test suite.

use crate::jsonata_case::disagreement;
use stepladder_conformance::{Report, cases, text};

#[test]
fn expressions_evaluate_as_in_the_reference() {
    let Some(cases) = cases("jsonata.jsonl") else { return };
    let mut report = Report::new("jsonata.jsonl");
    for case in &cases {
        report.run(text(case, "group"), text(case, "id"), || {
            let outcome = disagreement(case)?;
            Some(format!("{}: expected {}, found {outcome:?}", case["expr"], case["expect"]))
        });
    }
    report.print();
    report.finish();
}
