//! Puts a hire on the payroll.

use employee_onboarding::steps::enroll_payroll::enroll_payroll;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(enroll_payroll).await
}
