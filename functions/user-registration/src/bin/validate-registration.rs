//! Reads a registration, and refuses it with all its faults at once.

use user_registration::steps::validate_registration::validate_registration;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(validate_registration).await
}
