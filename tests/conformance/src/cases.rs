//! Where the cases are.

use serde_json::Value;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The folder with the cases, whether it is there or not.
pub fn folder() -> PathBuf {
    folder_of(std::env::var_os("ASL_CASES"))
}

/// A relative folder is one of the workspace, wherever the tests run.
fn folder_of(named: Option<OsString>) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    named.map_or_else(|| workspace.join("../shared/asl"), |folder| workspace.join(folder))
}

/// The cases of a file, one per line; `None`, and a line that says so, where there is no such file. If `ASL_CASES` names
/// the folder, its files have to be there.
pub fn cases(file: &str) -> Option<Vec<Value>> {
    let path = folder().join(file);
    cases_at(file, &path, std::env::var_os("ASL_CASES").is_some())
}

fn cases_at(file: &str, path: &Path, is_wanted: bool) -> Option<Vec<Value>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            Some(lines.map(|line| serde_json::from_str(line).expect("a case is JSON")).collect())
        }
        Err(error) if is_wanted => panic!("ASL_CASES is set, and {} can't be read: {error}", path.display()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_is_one_of_the_workspace() {
        let found = folder_of(Some("some/cases".into()));
        assert!(found.is_absolute() && found.ends_with("../../some/cases"), "{}", found.display());
        assert_eq!(folder_of(Some("/some/cases".into())), Path::new("/some/cases"));
        assert!(folder_of(None).ends_with("shared/asl"));
    }

    #[test]
    fn cases_may_be_missing_unless_they_were_asked_for() {
        assert_eq!(cases_at("none.jsonl", Path::new("/nowhere/none.jsonl"), false), None);
    }

    #[test]
    #[should_panic(expected = "ASL_CASES is set, and /nowhere/none.jsonl can't be read")]
    fn cases_that_were_asked_for_have_to_be_there() {
        cases_at("none.jsonl", Path::new("/nowhere/none.jsonl"), true);
    }
}
