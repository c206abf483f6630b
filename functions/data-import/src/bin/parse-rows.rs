//! Reads the texts of a batch's rows, and sets aside those that can't be read.

use data_import::steps::parse_rows::parse_rows;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(parse_rows).await
}
