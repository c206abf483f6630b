//! Futures that are made on the heap.
//!
//! Without optimisation a future that is boxed has been on its maker's stack before, beside all others of the same function. Where
//! many kinds of work meet, those would be too much for a thread's stack together.

use futures::{FutureExt, future::BoxFuture};
use std::future::Future;

/// The future that `make` makes, boxed: its maker's frame holds nothing of it.
#[inline(never)]
pub fn on_heap<'a, F>(make: impl FnOnce() -> F) -> BoxFuture<'a, F::Output>
where
    F: Future + Send + 'a,
{
    make().boxed()
}
