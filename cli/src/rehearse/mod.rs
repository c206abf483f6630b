//! A definition from its start to its end in memory: mocked tasks, and a clock that jumps to what comes next.

mod drive;
pub mod mocks;
pub mod visits;

pub use drive::{Clock, MissingMock, Rehearsed, Stop, rehearse};
