//! Takes what is due from the timer queue, and once an hour looks for runs that nothing moves any more.

#[tokio::main]
async fn main() -> Result<(), stepladder::Error> {
    stepladder::system::timer().await
}
