//! The queues as several tasks use them: behind a lock, with the clock, and with waiting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::SqsError;
use super::queue::{ReceiveOptions, Received};
use super::queues::Queues;
use crate::clock::now_ms;

/// [`Queues`] shared by the HTTP side, the Lambda trigger and the caller. A clone is another handle to the same queues.
#[derive(Debug, Clone)]
pub struct SharedQueues {
    queues: Arc<Mutex<Queues>>,
}

impl SharedQueues {
    /// Shares the queues.
    pub fn new(queues: Queues) -> Self {
        Self { queues: Arc::new(Mutex::new(queues)) }
    }

    /// Works on the queues at the present time (milliseconds since 1970). The lock is held meanwhile: be short.
    pub fn with<T>(&self, work: impl FnOnce(&mut Queues, u64) -> T) -> T {
        // Nothing in the core panics between two writes that belong together, so a poisoned lock is usable.
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut queues, now_ms())
    }

    /// Receives, and waits up to `wait` for the first message. Wakes at once on a send and on a visibility timeout.
    pub async fn receive(
        &self,
        name: &str,
        options: ReceiveOptions,
        wait: Duration,
    ) -> Result<Vec<Received>, SqsError> {
        let received = self.with(|queues, now_ms| queues.receive(name, options, now_ms))?;
        if !received.is_empty() || wait.is_zero() {
            return Ok(received);
        }
        let deadline = Instant::now() + wait;
        loop {
            if tokio::time::timeout_at(deadline, self.wait_until_visible(name)).await.is_err() {
                return Ok(Vec::new());
            }
            let received = self.with(|queues, now_ms| queues.receive(name, options, now_ms))?;
            if !received.is_empty() {
                return Ok(received);
            }
        }
    }

    /// Waits until the queue has a visible message, or is gone. Another receiver may be faster.
    pub async fn wait_until_visible(&self, name: &str) -> Result<(), SqsError> {
        let bell = self.with(|queues, _| queues.bell(name))?;
        loop {
            // Listen first, look then: a send between the two rings.
            let rung = bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            let (look, now_ms) = self.with(|queues, now_ms| (queues.look(name, now_ms), now_ms));
            let look = look?;
            if look.ready {
                return Ok(());
            }
            match look.next_visible_at_ms {
                None => rung.await,
                Some(at) => {
                    let pause = Duration::from_millis(at.saturating_sub(now_ms));
                    // A timeout is the news that a message has become visible.
                    let _ = tokio::time::timeout(pause, rung).await;
                }
            }
        }
    }
}
