//! Starts runs: takes `{"workflow", "name"?, "input"}` from the start queue.

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::system::start().await
}
