//! Makes of a batch's rows what the table takes, and sets aside those that it doesn't.

use data_import::steps::transform_rows::transform_rows;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(transform_rows).await
}
