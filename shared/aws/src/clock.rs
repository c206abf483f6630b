//! The machine's own time and chance.

use rand::{TryRngCore, rngs::OsRng};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use stepladder_protocol::Clock;

/// The machine's clock and the operating system's source of randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        // Before 1970 only if the clock is broken; then everything is late, and nothing panics.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    async fn sleep(&self, duration_ms: i64) {
        tokio::time::sleep(Duration::from_millis(u64::try_from(duration_ms).unwrap_or(0))).await;
    }

    fn random_u128(&self) -> u128 {
        let mut bytes = [0; 16];
        match OsRng.try_fill_bytes(&mut bytes) {
            Ok(()) => u128::from_be_bytes(bytes),
            // The thread's generator was seeded from the same source and is as hard to guess.
            Err(_) => rand::random(),
        }
    }
}
