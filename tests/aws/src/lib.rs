//! Real binaries on an AWS emulator, seen from outside: what `make test-aws` runs.
//!
//! `tests/aws/run.py` starts the emulator and says by environment variables where it is ([`Emulator`]). The tests are
//! marked `#[ignore]`, so that a run of all tests passes over them where there is none; told to run without one they fail.
//!
//! Each test has a stack of its own, by its name. Nothing is observed through files: an emulator may run functions in
//! containers. What steps have done stands in a table of theirs ([`trail`]).

// These are tests: whatever fails in them shall panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cli;
mod emulator;
mod guarded;
pub mod processes;
mod proxy;
mod stack;
mod template;
pub mod trail;
mod wait;

pub use emulator::{Emulator, Kind};
pub use guarded::Guarded;
pub use proxy::Proxy;
pub use stack::{Function, SYSTEM_TIMEOUT_SECONDS, Stack, architecture, system};
pub use stepladder_tests::{Answer, Ended, Folder};
pub use template::{link, workspace};
pub use wait::until;
