//! Where the cases are.

use serde_json::Value;
use std::path::PathBuf;

/// The folder with the cases, whether it is there or not.
pub fn folder() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/asl");
    std::env::var_os("ASL_CASES").map_or_else(|| PathBuf::from(beside), PathBuf::from)
}

/// The cases of a file, one per line; `None`, and a line that says so, where there is no such file.
pub fn cases(file: &str) -> Option<Vec<Value>> {
    let path = folder().join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            Some(lines.map(|line| serde_json::from_str(line).expect("a case is JSON")).collect())
        }
        Err(error) => {
            println!(
                "{file}: SKIPPED, {}: {error}. Set ASL_CASES to the folder with the cases.",
                path.display()
            );
            None
        }
    }
}

/// A member of a case that has to be text.
pub fn text<'c>(case: &'c Value, member: &str) -> &'c str {
    case[member].as_str().unwrap_or_else(|| panic!("a case without `{member}`: {case}"))
}
