//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// What hasn't come by then doesn't come: generous, for the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Waits until `look` finds something; fails with `what` and what `tell` adds if it doesn't in time.
pub async fn until<T>(what: &str, tell: impl Fn() -> String, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}\n{}", tell());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
