//! Recorded cases of the Amazon States Language, run through the very code that the deployed steps use.
//!
//! `make conformance` runs these alone and shows what they print.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod compare;
mod execution;
mod jsonata;
mod jsonata_case;
mod objects;
mod realworld;
mod script;
mod teststate;
mod validation;
