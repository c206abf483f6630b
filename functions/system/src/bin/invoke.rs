//! Calls for states whatever is no step of the stack: functions, queues, topics, buses, tables, and other workflows.

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::system::invoke().await
}
