//! Finds somebody whom a new employee may ask anything.

use employee_onboarding::steps::assign_mentor::assign_mentor;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(assign_mentor).await
}
