//! A step that takes whole batches and answers with their inputs.

use serde_json::Value;
use std::convert::Infallible;
use stepladder::Item;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run_batch(echo).await
}

async fn echo(items: Vec<Item<Value>>) -> Vec<Result<Value, Infallible>> {
    items.into_iter().map(|item| Ok(item.input)).collect()
}
