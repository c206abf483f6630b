//! Asks an approver, who answers by the state's task token.

use employee_onboarding::steps::request_approval::request_approval;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(request_approval).await
}
