//! Tests that cross crates: contract, budget, end to end, bad input, command line.

pub mod contract;
