//! Tests that cross crates: contract, budget, end to end, bad input, command line.

// These are tests: whatever fails in them shall panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod contract;

mod folder;
mod programs;
mod stack;
mod wait;

pub use folder::Folder;
pub use programs::Programs;
pub use stack::{Answer, Ended, MARKED, TestStack, TestStep};
pub use wait::{DEADLINE, until};
