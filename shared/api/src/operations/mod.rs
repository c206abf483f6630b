//! The operations, by their names.

mod activities;
mod aliases;
mod context;
mod create;
mod diagnostics;
mod events;
mod executions;
mod history;
mod lists;
mod machines;
mod map_runs;
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
pub(crate) const NAMES: [&str; 37] = [
    "CreateActivity",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeMapRun",
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
    "UpdateMapRun",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

/// Each on the heap: together their futures would be too much for a thread's stack.
pub(crate) async fn call<H: Host>(api: &Api<H>, operation: &str, fields: Fields) -> Result<Value, ApiError> {
    match operation {
        "CreateActivity" => Box::pin(activities::create(api, fields)).await,
        "CreateStateMachine" => Box::pin(create::create(api, fields)).await,
        "CreateStateMachineAlias" => Box::pin(aliases::create(api, fields)).await,
        "DeleteActivity" => Box::pin(activities::delete(api, fields)).await,
        "DescribeActivity" => Box::pin(activities::describe(api, fields)).await,
        "DeleteStateMachine" => Box::pin(machines::delete(api, fields)).await,
        "DeleteStateMachineAlias" => Box::pin(aliases::delete(api, fields)).await,
        "DeleteStateMachineVersion" => Box::pin(versions::delete(api, fields)).await,
        "DescribeExecution" => Box::pin(executions::describe(api, fields)).await,
        "DescribeMapRun" => Box::pin(map_runs::describe(api, fields)).await,
        "DescribeStateMachine" => Box::pin(machines::describe(api, fields)).await,
        "DescribeStateMachineAlias" => Box::pin(aliases::describe(api, fields)).await,
        "DescribeStateMachineForExecution" => Box::pin(machines::describe_for_execution(api, fields)).await,
        "GetActivityTask" => Box::pin(tasks::take(api, fields)).await,
        "GetExecutionHistory" => Box::pin(history::get(api, fields)).await,
        "ListActivities" => Box::pin(activities::list(api, fields)).await,
        "ListExecutions" => Box::pin(lists::executions(api, fields)).await,
        "ListMapRuns" => Box::pin(map_runs::list(api, fields)).await,
        "ListStateMachineAliases" => Box::pin(aliases::list(api, fields)).await,
        "ListStateMachineVersions" => Box::pin(versions::list(api, fields)).await,
        "ListStateMachines" => Box::pin(lists::state_machines(api, fields)).await,
        "ListTagsForResource" => Box::pin(tags::list(api, fields)).await,
        "PublishStateMachineVersion" => Box::pin(versions::publish(api, fields)).await,
        "RedriveExecution" => Box::pin(redrive::redrive(api, fields)).await,
        "SendTaskFailure" => Box::pin(tasks::fail(api, fields)).await,
        "SendTaskHeartbeat" => Box::pin(tasks::heartbeat(api, fields)).await,
        "SendTaskSuccess" => Box::pin(tasks::succeed(api, fields)).await,
        "StartExecution" => Box::pin(start::start(api, fields)).await,
        "StartSyncExecution" => Box::pin(start::start_sync(api, fields)).await,
        "StopExecution" => Box::pin(executions::stop(api, fields)).await,
        "TagResource" => Box::pin(tags::tag(api, fields)).await,
        "TestState" => test_state::test(api, fields),
        "UntagResource" => Box::pin(tags::untag(api, fields)).await,
        "UpdateMapRun" => Box::pin(map_runs::update(api, fields)).await,
        "UpdateStateMachine" => Box::pin(create::update(api, fields)).await,
        "UpdateStateMachineAlias" => Box::pin(aliases::update(api, fields)).await,
        "ValidateStateMachineDefinition" => diagnostics::validate(fields, api.reads_parquet),
        other => Err(ApiError::internal(format!("{other} is listed, and not answered"))),
    }
}
