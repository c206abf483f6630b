//! What a stack consists of, and its templates.
//!
//! [`Facts`] are what a workspace says: programs, their settings, and the functions that each definition names.
//! [`Stack::of`] makes the stack of them, whatever the format: tables, queues, functions, mappings, roles, alarms.
//! `sam::render` and `terraform::render` write it down; `stepladder doctor` compares a live stack with it.
//!
//! Nothing here reads a file, a clock or a network.

mod alarms;
mod build;
mod calls;
mod dashboard;
mod facts;
mod hcl;
pub mod limits;
mod model;
mod objects;
mod roles;
mod room;
pub mod sam;
pub mod terraform;
mod text;
mod tree;
mod yaml;

pub use calls::{CallFacts, Permissions};
pub use facts::{
    API_FUNCTION, BatchLimits, Facts, FunctionFacts, INVOKE, PackageFacts, PolicyFacts, ProvisionedPollers,
    SYSTEM_FUNCTIONS, SettingError, StatusEvents, UploadFacts, WorkflowFacts, WorkflowSettings,
    visibility_seconds,
};
pub use model::{
    Alarm, Api, Condition, Function, Index, Mapping, Metric, Parameter, ParameterKind, Queue, Role, Stack,
    Statement, Table, Trigger, Upload, Value, When,
};
pub use objects::{ObjectAccess, ObjectFacts};
pub use text::{Part, Place, Text};

/// How each rendered file begins.
pub const WRITTEN_BY: &str = "# Written by `stepladder synth`";
