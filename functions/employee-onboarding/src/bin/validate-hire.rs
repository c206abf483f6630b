//! Reads a hire; refuses it with all its faults at once.

use employee_onboarding::steps::validate_hire::validate_hire;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(validate_hire).await
}
