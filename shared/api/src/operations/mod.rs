//! The operations, by their names.

mod activities;
mod aliases;
mod create;
mod diagnostics;
mod events;
mod executions;
mod history;
mod lists;
mod machines;
mod redrive;
mod start;
mod tags;
mod tasks;
mod test_state;
mod versions;

pub(crate) use history::{HistoryPage, Order};

use crate::{Api, error::ApiError, fields::Fields};
use serde_json::Value;
use stepladder_protocol::Host;

/// Those that are answered.
pub(crate) const NAMES: [&str; 35] = [
    "CreateActivity",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetActivityTask",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "RedriveExecution",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "TestState",
    "UntagResource",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

pub(crate) async fn call<H: Host>(api: &Api<H>, operation: &str, fields: Fields) -> Result<Value, ApiError> {
    match operation {
        "CreateActivity" => activities::create(api, fields).await,
        "CreateStateMachine" => create::create(api, fields).await,
        "CreateStateMachineAlias" => aliases::create(api, fields).await,
        "DeleteActivity" => activities::delete(api, fields).await,
        "DescribeActivity" => activities::describe(api, fields).await,
        "DeleteStateMachine" => machines::delete(api, fields).await,
        "DeleteStateMachineAlias" => aliases::delete(api, fields).await,
        "DeleteStateMachineVersion" => versions::delete(api, fields).await,
        "DescribeExecution" => executions::describe(api, fields).await,
        "DescribeStateMachine" => machines::describe(api, fields).await,
        "DescribeStateMachineAlias" => aliases::describe(api, fields).await,
        "DescribeStateMachineForExecution" => machines::describe_for_execution(api, fields).await,
        "GetActivityTask" => tasks::take(api, fields).await,
        "GetExecutionHistory" => history::get(api, fields).await,
        "ListActivities" => activities::list(api, fields).await,
        "ListExecutions" => lists::executions(api, fields).await,
        "ListMapRuns" => lists::map_runs(api, fields).await,
        "ListStateMachineAliases" => aliases::list(api, fields).await,
        "ListStateMachineVersions" => versions::list(api, fields).await,
        "ListStateMachines" => lists::state_machines(api, fields).await,
        "ListTagsForResource" => tags::list(api, fields).await,
        "PublishStateMachineVersion" => versions::publish(api, fields).await,
        "RedriveExecution" => redrive::redrive(api, fields).await,
        "SendTaskFailure" => tasks::fail(api, fields).await,
        "SendTaskHeartbeat" => tasks::heartbeat(api, fields).await,
        "SendTaskSuccess" => tasks::succeed(api, fields).await,
        "StartExecution" => start::start(api, fields).await,
        "StartSyncExecution" => start::start_sync(api, fields).await,
        "StopExecution" => executions::stop(api, fields).await,
        "TagResource" => tags::tag(api, fields).await,
        "TestState" => test_state::test(api, fields),
        "UntagResource" => tags::untag(api, fields).await,
        "UpdateStateMachine" => create::update(api, fields).await,
        "UpdateStateMachineAlias" => aliases::update(api, fields).await,
        "ValidateStateMachineDefinition" => diagnostics::validate(fields),
        other => Err(ApiError::internal(format!("{other} is listed, and not answered"))),
    }
}
