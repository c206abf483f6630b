//! Orders the equipment of a hire.

use employee_onboarding::steps::order_equipment::order_equipment;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(order_equipment).await
}
