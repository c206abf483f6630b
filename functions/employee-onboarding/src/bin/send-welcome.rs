//! Writes the mail that welcomes a new employee.

use employee_onboarding::steps::send_welcome::send_welcome;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(send_welcome).await
}
