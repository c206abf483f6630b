//! Reads what a customer sent, and refuses it with all its faults at once.

use serde_json::Value;
use stepladder::StepError;

use crate::order::Order;
use crate::validation::{Reasons, validate};

/// Why an order goes no further.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    #[error("{0}")]
    InvalidOrder(Reasons),
}

impl StepError for ValidateError {}

/// Takes any value, so that also what isn't an order at all ends as `InvalidOrder`, with the reason.
pub fn validate_order(input: &Value) -> Result<Order, ValidateError> {
    validate(input).map_err(ValidateError::InvalidOrder)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_order_is_an_invalid_order() {
        let error = validate_order(&json!(["ord-1"])).expect_err("an array is no order");
        assert_eq!(error.error_name(), "InvalidOrder");
        assert_eq!(error.to_string(), "the order is an array of 1, not an object");
    }
}
