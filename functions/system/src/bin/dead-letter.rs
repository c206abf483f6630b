//! Hands a message that its queue gave up to its step once more, alone.

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::system::dead_letter().await
}
