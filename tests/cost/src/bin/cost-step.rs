//! A step that answers with its input: what it costs is what Stepladder costs.

use serde_json::Value;
use std::convert::Infallible;
use stepladder::Step;

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::run(echo).await
}

async fn echo(input: Value, _: Step) -> Result<Value, Infallible> {
    Ok(input)
}
