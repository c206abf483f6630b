//! Keeps the summary.

use data_pipeline::steps::store_summary::store_summary;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(store_summary).await
}
