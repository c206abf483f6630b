//! Writes the invoice of an order, or cancels it.

use order_processing::steps::create_invoice::create_invoice;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(create_invoice).await
}
