//! Writes the mail that confirms an order into the outbox.

use order_processing::steps::send_confirmation::send_confirmation;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(send_confirmation).await
}
