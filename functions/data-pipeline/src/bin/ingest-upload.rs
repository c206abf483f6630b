//! Looks at the file before anything is read of it.

use data_pipeline::steps::ingest_upload::ingest_upload;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(ingest_upload).await
}
