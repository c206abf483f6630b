//! Each operation, by good and bad requests.

mod executions;
mod history;
mod lists;
mod machines;
mod redrives;
mod starts;
mod states;
mod wire;
