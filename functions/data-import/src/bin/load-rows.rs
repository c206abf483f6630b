//! Writes a batch's rows into the table.

use data_import::steps::load_rows::load_rows;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(load_rows).await
}
