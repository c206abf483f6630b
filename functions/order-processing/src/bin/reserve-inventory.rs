//! Takes the goods of an order from the stock, or puts them back.

use order_processing::steps::reserve_inventory::reserve_inventory;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(reserve_inventory).await
}
