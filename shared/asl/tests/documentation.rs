//! `docs/definitions.md` has every code, with its severity and AWS's code, and no other one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use stepladder_asl::{FaultCode, Severity};

#[test]
fn every_code_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/definitions.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| SL"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    let documented: Vec<(&str, &str, &str)> = rows.iter().map(|row| (row[0], row[1], row[2])).collect();
    let expected: Vec<(&str, &str, &str)> = FaultCode::ALL
        .iter()
        .map(|code| {
            let severity = match code.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            (code.code(), severity, code.aws().unwrap_or("–"))
        })
        .collect();
    assert_eq!(documented, expected);
    for row in rows {
        assert!(row.len() == 5 && row[3].len() > 10 && row[4].len() > 5, "{row:?}");
    }
}
