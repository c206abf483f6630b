//! Makes the account of a hire in the directory.

use employee_onboarding::steps::create_account::create_account;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(create_account).await
}
