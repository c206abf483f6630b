//! Tells that there is a summary.

use data_pipeline::steps::send_notice::send_notice;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(send_notice).await
}
