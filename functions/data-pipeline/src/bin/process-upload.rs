//! Sums the file up.

use data_pipeline::steps::process_upload::process_upload;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(process_upload).await
}
