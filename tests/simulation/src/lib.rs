//! The delivery protocol and the engine under faults, on a simulated clock and one seed.
//!
//! [`MemoryHost`] is a world in memory: every operation is an await at which the scheduler may crash, stall or reorder
//! whoever called it. [`simulate`] runs one seed of one [`Scenario`] and answers with all invariants that it broke.
//!
//! Workflows, inputs, answers and faults are drawn by `rand` from the one seed, not by proptest: a seed has to stay the
//! same run on every machine, and what it draws depends on what has happened before. So nothing is shrunk; the scenarios
//! with few states and branches are what shrinking would look for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod backlog;
mod flow;
mod hand;
mod holders;
mod host;
mod nested;
mod oracle;
mod outside;
mod queues;
mod reading;
mod scenario;
mod told;
mod updates;
mod verdict;
mod watch;
mod wishes;
mod workflows;
mod world;

pub use flow::{FLOW_SCENARIOS, FlowScenario};
pub use hand::{InQueue, Place, Write};
pub use host::MemoryHost;
pub use nested::{FanOuts, Handling};
pub use scenario::{
    FAN_OUT_SCENARIOS, Faults, PAUSE_SCENARIOS, SCENARIOS, Scenario, TASK_SCENARIOS, UPDATE_SCENARIOS,
    WISH_SCENARIOS,
};
pub use updates::Updates;
pub use world::{Report, simulate, simulate_flow, slow_chain, tree, tree_in_peace};
