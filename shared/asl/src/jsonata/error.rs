//! How an evaluation fails.

use std::fmt;

/// An evaluation gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonataError {
    pub kind: JsonataErrorKind,
    /// JSONata's code, such as `T1006`; empty where there is none.
    pub code: String,
    /// The text without the code.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonataErrorKind {
    /// The expression failed, by itself or with `$error`. AWS: "threw an error during evaluation. CODE: message".
    Thrown,
    /// The result is a function or holds one. AWS: "returned an unsupported result type."
    UnsupportedResult,
    /// A counted limit: work, depth, length or size. The same everywhere.
    Limit,
    /// The evaluation took longer than [`crate::limits::JSONATA_CLOCK_MS_MAX`]. This depends on the machine and its
    /// load, so it is never an outcome: give the message back to its queue.
    Clock,
}

impl JsonataError {
    pub(super) fn new(kind: JsonataErrorKind, code: &str, message: impl Into<String>) -> JsonataError {
        JsonataError { kind, code: code.to_string(), message: message.into() }
    }

    pub(super) fn limit(message: impl Into<String>) -> JsonataError {
        JsonataError::new(JsonataErrorKind::Limit, "", message)
    }
}

impl fmt::Display for JsonataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for JsonataError {}
