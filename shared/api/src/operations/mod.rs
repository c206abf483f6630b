//! The operations, by their names.

mod create;
mod diagnostics;
mod events;
mod executions;
mod history;
mod lists;
mod machines;
mod redrive;
mod start;
mod test_state;

use crate::{Api, error::ApiError, fields::Fields};
use serde_json::Value;
use stepladder_protocol::Host;

/// Those that are answered.
pub(crate) const NAMES: [&str; 15] = [
    "CreateStateMachine",
    "DescribeExecution",
    "DescribeStateMachine",
    "DescribeStateMachineForExecution",
    "GetExecutionHistory",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachines",
    "RedriveExecution",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TestState",
    "UpdateStateMachine",
    "ValidateStateMachineDefinition",
];

pub(crate) async fn call<H: Host>(api: &Api<H>, operation: &str, fields: Fields) -> Result<Value, ApiError> {
    match operation {
        "CreateStateMachine" => create::create(api, fields).await,
        "DescribeExecution" => executions::describe(api, fields).await,
        "DescribeStateMachine" => machines::describe(api, fields).await,
        "DescribeStateMachineForExecution" => machines::describe_for_execution(api, fields).await,
        "GetExecutionHistory" => history::get(api, fields).await,
        "ListExecutions" => lists::executions(api, fields).await,
        "ListMapRuns" => lists::map_runs(api, fields).await,
        "ListStateMachines" => lists::state_machines(api, fields).await,
        "RedriveExecution" => redrive::redrive(api, fields).await,
        "StartExecution" => start::start(api, fields).await,
        "StartSyncExecution" => start::start_sync(api, fields).await,
        "StopExecution" => executions::stop(api, fields).await,
        "TestState" => test_state::test(api, fields),
        "UpdateStateMachine" => create::update(api, fields).await,
        "ValidateStateMachineDefinition" => diagnostics::validate(fields),
        other => Err(ApiError::internal(format!("{other} is listed, and not answered"))),
    }
}
