//! What the delivery protocol promises, one promise per test, in memory and without faults but for those that a test
//! makes by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod batches;
mod choices;
mod compensations;
mod dead_letters;
mod fan_outs;
mod flow;
mod items;
mod limits;
mod logs;
mod manifests;
mod metrics;
mod outside;
mod payloads;
mod recovery;
mod redrives;
mod requests;
mod searches;
mod starts;
mod support;
mod sweeps;
mod tenants;
mod trees;
mod unreadable;
mod updates;
mod workflows;
