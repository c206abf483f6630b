//! One file per command: its arguments, and what it does.

pub mod check;
pub mod completions;
pub mod dead_letter;
pub mod deploy;
pub mod deploy_definition;
pub mod destroy;
pub mod dev;
pub mod doctor;
pub mod explain;
pub mod graph;
pub mod pause;
pub mod repair;
pub mod replay;
pub mod run_history;
pub mod run_list;
pub mod run_redrive;
pub mod run_rerun;
pub mod run_show;
pub mod run_stop;
pub mod serve;
pub mod start;
pub mod synth;
pub mod test_state;
pub mod try_run;
pub mod version;
