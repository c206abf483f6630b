//! Reads a hire, and refuses it with all its faults at once.

use serde_json::Value;
use stepladder::{Step, StepError};

use crate::hire::{self, Hire};

/// Why a hire goes no further.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    #[error("{0}")]
    InvalidHire(String),
}

impl StepError for ValidateError {}

/// Takes any value, so that also what isn't a hire at all ends as `InvalidHire`, with the reason.
pub async fn validate_hire(input: Value, _step: Step) -> Result<Hire, ValidateError> {
    hire::read(&input).map_err(ValidateError::InvalidHire)
}
