//! Says what is to be imported, or that it can't be.

use data_import::steps::ingest::ingest;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(ingest).await
}
