//! Whether a live stack is what it should be: facts are gathered, and then judged by plain functions.

mod checks;
mod facts;
mod functions;
mod payloads;
mod permissions;

pub use checks::{CHECKS, catch_seconds};
pub use facts::Facts;
pub use permissions::{Question, Questions, questions};

use serde::Serialize;

/// Something that is wrong, or that should be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// What was found: the name of one of [`CHECKS`].
    pub check: &'static str,
    /// The queue, function, table or workflow, by its short name.
    pub subject: String,
    pub what: String,
    pub why: String,
    pub mend: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Runs fail, hang or wait for it: `doctor` exits with 1.
    Wrong,
    /// Nothing fails by it.
    Note,
}

/// How to mend what only the template says: the same for most findings.
const DEPLOY: &str = "`stepladder deploy` brings it back to its template";

impl Finding {
    fn wrong(
        check: &'static str,
        subject: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (subject, what, why, mend) = (subject.into(), what.into(), why.into(), mend.into());
        Self { severity: Severity::Wrong, check, subject, what, why, mend }
    }

    fn note(self) -> Self {
        Self { severity: Severity::Note, ..self }
    }
}
