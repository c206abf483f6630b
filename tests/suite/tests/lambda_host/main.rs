//! The Lambda host and its queue trigger, with real processes that run the real Lambda runtime.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod invoke;
mod life;
mod support;
mod trigger;
