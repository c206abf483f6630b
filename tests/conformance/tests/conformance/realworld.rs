//! Real definitions: all of them parse and validate.

use stepladder_asl::Definition;
use stepladder_conformance::{Report, cases, folder, text};

#[test]
fn real_definitions_have_no_faults() {
    let Some(index) = cases("realworld/index.jsonl") else { return };
    let mut report = Report::new("realworld");
    for entry in &index {
        let file = text(entry, "file");
        let language = entry["query_language"].as_str().unwrap_or("JSONPath");
        report.run(language, file, || {
            let definition = std::fs::read_to_string(folder().join("realworld").join(file)).unwrap();
            let faults = Definition::parse(&with_placeholders_filled(&definition)).err()?;
            Some(format!("refused: {faults}"))
        });
    }
    report.print();
    report.finish();
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
