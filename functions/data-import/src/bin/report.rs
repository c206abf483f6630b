//! Sums up what became of all batches.

use data_import::steps::report::report;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(report).await
}
