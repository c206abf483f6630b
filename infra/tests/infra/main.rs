//! What is written, read back by libraries that did not write it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod api;
mod committed;
mod invoke;
mod objects;
mod per_stack;
mod roles;
mod room;
mod rules;
mod support;
mod terraform;
mod uploads;
mod whole;
