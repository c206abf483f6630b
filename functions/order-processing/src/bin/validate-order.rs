//! Reads what a customer sent; refuses it with all its faults at once.

use order_processing::order::Order;
use order_processing::steps::validate_order::{self, ValidateError};
use serde_json::Value;
use stepladder::Step;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(validate_order).await
}

async fn validate_order(input: Value, _step: Step) -> Result<Order, ValidateError> {
    validate_order::validate_order(&input)
}
