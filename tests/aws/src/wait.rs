//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// How long a poll of the emulator rests: it serves all tests with one process.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until `look` finds something; fails with `what` if it doesn't within `patience`.
pub async fn until<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {} s: {what}", patience.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}
