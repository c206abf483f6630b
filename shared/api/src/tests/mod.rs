//! Each operation, by good and bad requests.

mod aliases;
mod deletions;
mod executions;
mod history;
mod lists;
mod machines;
mod map_runs;
mod redrives;
mod rest;
mod starts;
mod states;
mod tags;
mod tasks;
mod versions;
mod wire;
