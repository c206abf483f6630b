//! Reads a registration, and refuses it with all its faults at once.

use serde_json::Value;
use stepladder::{Step, StepError};

use crate::registration::{self, Registration};

/// Why a registration goes no further.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    #[error("{0}")]
    InvalidRegistration(String),
}

impl StepError for ValidateError {}

/// Takes any value, so that also what isn't a registration at all ends as `InvalidRegistration`, with the reason.
pub async fn validate_registration(input: Value, _step: Step) -> Result<Registration, ValidateError> {
    registration::read(&input).map_err(ValidateError::InvalidRegistration)
}
