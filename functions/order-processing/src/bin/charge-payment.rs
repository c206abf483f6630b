//! Charges the card of an order, or gives the money back.

use order_processing::steps::charge_payment::charge_payment;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(charge_payment).await
}
