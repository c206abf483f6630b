//! Asks an approver who has not answered once more.

use employee_onboarding::steps::send_reminder::send_reminder;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(send_reminder).await
}
