//! What became of the cases of one file.

use crate::known::Known;
use std::{collections::BTreeMap, panic::AssertUnwindSafe};

/// Counts cases by group, and remembers how the failed ones differ.
#[derive(Debug)]
pub struct Report {
    /// What the lines begin with, such as `execution.jsonl`; also the section of `known.toml`.
    name: String,
    groups: BTreeMap<String, Counts>,
    /// Failed cases that are not known to, and known ones that passed.
    unexpected: Vec<String>,
    known: Known,
    reasons: BTreeMap<String, usize>,
    is_verbose: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    passed: usize,
    failed: usize,
}

impl Report {
    /// `ASL_VERBOSE` in the environment prints the known differences as well.
    pub fn new(name: &str) -> Report {
        Report {
            name: name.to_owned(),
            groups: BTreeMap::new(),
            unexpected: Vec::new(),
            known: Known::read(),
            reasons: BTreeMap::new(),
            is_verbose: std::env::var_os("ASL_VERBOSE").is_some(),
        }
    }

    /// One case, run here: a panic is how it failed, and the others go on.
    pub fn run(&mut self, group: &str, id: &str, case: impl FnOnce() -> Option<String>) {
        let difference = caught(case).unwrap_or_else(Some);
        self.case(group, id, difference);
    }

    /// One case: `difference` says how it failed.
    pub fn case(&mut self, group: &str, id: &str, difference: Option<String>) {
        let counts = self.groups.entry(group.to_owned()).or_default();
        let known = self.known.reason(&self.name, id);
        match (difference, known) {
            (None, None) => counts.passed += 1,
            (None, Some(_)) => {
                counts.passed += 1;
                self.unexpected.push(format!("{id} passes now: take it out of known.toml"));
            }
            (Some(difference), Some(reason)) => {
                counts.failed += 1;
                *self.reasons.entry(reason.to_owned()).or_default() += 1;
                if self.is_verbose {
                    println!("  known: {id}: {difference}");
                }
            }
            (Some(difference), None) => {
                counts.failed += 1;
                self.unexpected.push(format!("{id}: {difference}"));
            }
        }
    }

    /// Prints the line of the file, the table of its groups, and what nobody knew of.
    pub fn print(&self) {
        let sum = |count: fn(&Counts) -> usize| self.groups.values().map(count).sum::<usize>();
        let (passed, failed) = (sum(|counts| counts.passed), sum(|counts| counts.failed));
        // The test harness may have left its own text in the line.
        println!("\n{}: {passed} passed, {failed} failed", self.name);
        for (group, counts) in &self.groups {
            let share = 100.0 * counts.passed as f64 / (counts.passed + counts.failed).max(1) as f64;
            println!("  {group:32} {:5} passed {:5} failed  {share:5.1} %", counts.passed, counts.failed);
        }
        for (reason, count) in &self.reasons {
            println!("  known: {count} {reason}");
        }
        for line in &self.unexpected {
            println!("  ! {line}");
        }
    }

    /// Fails where a case did what nobody knew of.
    #[track_caller]
    pub fn finish(self) {
        let passed: usize = self.groups.values().map(|counts| counts.passed).sum();
        assert!(passed > 0, "{}: no case passed", self.name);
        assert!(
            self.unexpected.is_empty(),
            "{}: {} cases are not as known",
            self.name,
            self.unexpected.len()
        );
    }
}

/// Runs a case; an error is the panic that ended it.
///
/// # Errors
///
/// What the panic said.
pub fn caught<T>(case: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(case)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        format!("panicked: {said}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "1 cases are not as known")]
    fn a_failure_that_nobody_knew_of_fails_the_report() {
        let mut report = Report::new("none.jsonl");
        report.case("g", "a", None);
        report.case("g", "b", Some("differs".into()));
        report.finish();
    }

    #[test]
    #[should_panic(expected = "1 cases are not as known")]
    fn a_known_case_that_passes_has_to_leave_the_list() {
        let mut report = Report::new("none.jsonl");
        report.known = toml_of("[\"none.jsonl\"]\na = \"a reason\"\n");
        report.case("g", "a", None);
        report.finish();
    }

    #[test]
    fn a_known_failure_is_counted_and_no_more() {
        let mut report = Report::new("none.jsonl");
        report.known = toml_of("[\"none.jsonl\"]\na = \"a reason\"\n");
        report.case("g", "a", Some("differs".into()));
        report.case("g", "b", None);
        report.finish();
    }

    #[test]
    fn a_case_that_panics_is_one_failure() {
        let mut report = Report::new("none.jsonl");
        report.run("g", "a", || panic!("no {}", 1));
        report.run("g", "b", || None);
        assert_eq!(report.unexpected, ["a: panicked: no 1"]);
        assert_eq!((report.groups["g"].passed, report.groups["g"].failed), (1, 1));
    }

    fn toml_of(text: &str) -> Known {
        toml::from_str(text).unwrap()
    }
}
