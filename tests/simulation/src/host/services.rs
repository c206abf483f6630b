//! Blobs, the clock and direct calls.

use super::MemoryHost;
use rand::Rng;
use std::task::Poll;
use stepladder_protocol::{Blobs, Clock, Functions, Invoked, Retry, WorldError, WorldResult};

impl Blobs for MemoryHost {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> WorldResult<()> {
        self.op("put blob", |state| {
            state.blobs.insert(key.to_owned(), bytes);
            Ok(())
        })
        .await
    }

    async fn get(&self, key: &str, bytes_max: usize) -> WorldResult<Option<Vec<u8>>> {
        self.op("get blob", |state| match state.blobs.get(key) {
            Some(bytes) if bytes.len() > bytes_max => Err(WorldError {
                operation: format!("get blob {key}"),
                message: format!("it has {} bytes, and {bytes_max} is the most", bytes.len()),
                retry: Retry::Never,
            }),
            bytes => Ok(bytes.cloned()),
        })
        .await
    }
}

impl Clock for MemoryHost {
    fn now_ms(&self) -> i64 {
        self.state().now_ms + self.skew_ms
    }

    async fn sleep(&self, duration_ms: i64) {
        let until_ms = self.state().now_ms + duration_ms;
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if state.now_ms >= until_ms {
                return Poll::Ready(());
            }
            state.hand.sleeps_until(until_ms);
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn random_u128(&self) -> u128 {
        self.state().rng.random()
    }
}

impl Functions for MemoryHost {
    async fn invoke(&self, function: &str, payload: String) -> WorldResult<Invoked> {
        let invoke = self.op("invoke", |state| Ok(state.invoke.clone())).await?;
        let Some(invoke) = invoke else {
            return Ok(Invoked::NoSuchFunction);
        };
        let invoked = invoke(function.to_owned(), payload).await;
        self.point().await;
        Ok(invoked)
    }
}
