//! The names of errors, and which of them a Retry or Catch means.
//!
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html>.

use std::{borrow::Cow, fmt};

pub const ALL: &str = "States.ALL";
pub const BRANCH_FAILED: &str = "States.BranchFailed";
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
pub const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
pub const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";
pub const HTTP_SOCKET: &str = "States.Http.Socket";
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
pub const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
pub const PARAMETER_PATH_FAILURE: &str = "States.ParameterPathFailure";
pub const PERMISSIONS: &str = "States.Permissions";
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
/// What AWS reports when a ResultPath cannot be applied; its documentation calls it `States.ResultPathMatchFailure`.
pub const REFERENCE_PATH_CONFLICT: &str = "States.ReferencePathConflict";
pub const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
pub const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";
pub const RUNTIME: &str = "States.Runtime";
pub const TASK_FAILED: &str = "States.TaskFailed";
pub const TIMEOUT: &str = "States.Timeout";

/// The name of an error, as it stands in ErrorEquals and in histories.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorName(Cow<'static, str>);

/// Whether a retrier or catcher with this `ErrorEquals` means `error`.
///
/// - `States.Runtime` is meant by nothing, not even by its own name: AWS ends the run.
/// - `States.ALL` means all but `States.Runtime` and `States.DataLimitExceeded`.
/// - `States.TaskFailed` means all but those and `States.Timeout` (and its kind, `States.HeartbeatTimeout`).
/// - `States.Timeout` means `States.HeartbeatTimeout` too.
/// - Any other name means itself.
pub fn matches(error_equals: &[String], error: &str) -> bool {
    error_equals.iter().any(|name| means(name, error))
}

fn means(name: &str, error: &str) -> bool {
    match (name, error) {
        (_, RUNTIME) => false,
        (ALL | TASK_FAILED, DATA_LIMIT_EXCEEDED) => false,
        (ALL, _) => true,
        (TASK_FAILED, TIMEOUT | HEARTBEAT_TIMEOUT) => false,
        (TASK_FAILED, _) => true,
        (TIMEOUT, HEARTBEAT_TIMEOUT) => true,
        _ => name == error,
    }
}

impl ErrorName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl From<&'static str> for ErrorName {
    fn from(name: &'static str) -> ErrorName {
        ErrorName(Cow::Borrowed(name))
    }
}

impl From<String> for ErrorName {
    fn from(name: String) -> ErrorName {
        ErrorName(Cow::Owned(name))
    }
}

impl From<ErrorName> for String {
    fn from(name: ErrorName) -> String {
        name.into_string()
    }
}

impl AsRef<str> for ErrorName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ErrorName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for ErrorName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, error: &str, expected: bool) {
        assert_eq!(matches(&[name.to_string()], error), expected, "{name} / {error}");
    }

    #[test]
    fn states_all_means_all_but_the_terminal_errors() {
        check(ALL, "Custom", true);
        check(ALL, TIMEOUT, true);
        check(ALL, TASK_FAILED, true);
        check(ALL, NO_CHOICE_MATCHED, true);
        check(ALL, RUNTIME, false);
        check(ALL, DATA_LIMIT_EXCEEDED, false);
    }

    #[test]
    fn task_failed_means_all_but_timeouts_and_the_terminal_errors() {
        check(TASK_FAILED, "Lambda.Unknown", true);
        check(TASK_FAILED, TASK_FAILED, true);
        check(TASK_FAILED, TIMEOUT, false);
        check(TASK_FAILED, HEARTBEAT_TIMEOUT, false);
        check(TASK_FAILED, RUNTIME, false);
        check(TASK_FAILED, DATA_LIMIT_EXCEEDED, false);
    }

    #[test]
    fn other_names_mean_themselves() {
        check("Custom", "Custom", true);
        check("Custom", "custom", false);
        check("State.ALL", "Custom", false);
        check(TIMEOUT, TIMEOUT, true);
        check(TIMEOUT, HEARTBEAT_TIMEOUT, true);
        check(HEARTBEAT_TIMEOUT, TIMEOUT, false);
        check(DATA_LIMIT_EXCEEDED, DATA_LIMIT_EXCEEDED, true);
        check(RUNTIME, RUNTIME, false);
        assert!(!matches(&[], "Custom"));
    }
}
