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
use stepladder_protocol::{Host, on_heap};

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
        "CreateActivity" => on_heap(|| activities::create(api, fields)).await,
        "CreateStateMachine" => on_heap(|| create::create(api, fields)).await,
        "CreateStateMachineAlias" => on_heap(|| aliases::create(api, fields)).await,
        "DeleteActivity" => on_heap(|| activities::delete(api, fields)).await,
        "DescribeActivity" => on_heap(|| activities::describe(api, fields)).await,
        "DeleteStateMachine" => on_heap(|| machines::delete(api, fields)).await,
        "DeleteStateMachineAlias" => on_heap(|| aliases::delete(api, fields)).await,
        "DeleteStateMachineVersion" => on_heap(|| versions::delete(api, fields)).await,
        "DescribeExecution" => on_heap(|| executions::describe(api, fields)).await,
        "DescribeMapRun" => on_heap(|| map_runs::describe(api, fields)).await,
        "DescribeStateMachine" => on_heap(|| machines::describe(api, fields)).await,
        "DescribeStateMachineAlias" => on_heap(|| aliases::describe(api, fields)).await,
        "DescribeStateMachineForExecution" => on_heap(|| machines::describe_for_execution(api, fields)).await,
        "GetActivityTask" => on_heap(|| tasks::take(api, fields)).await,
        "GetExecutionHistory" => on_heap(|| history::get(api, fields)).await,
        "ListActivities" => on_heap(|| activities::list(api, fields)).await,
        "ListExecutions" => on_heap(|| lists::executions(api, fields)).await,
        "ListMapRuns" => on_heap(|| map_runs::list(api, fields)).await,
        "ListStateMachineAliases" => on_heap(|| aliases::list(api, fields)).await,
        "ListStateMachineVersions" => on_heap(|| versions::list(api, fields)).await,
        "ListStateMachines" => on_heap(|| lists::state_machines(api, fields)).await,
        "ListTagsForResource" => on_heap(|| tags::list(api, fields)).await,
        "PublishStateMachineVersion" => on_heap(|| versions::publish(api, fields)).await,
        "RedriveExecution" => on_heap(|| redrive::redrive(api, fields)).await,
        "SendTaskFailure" => on_heap(|| tasks::fail(api, fields)).await,
        "SendTaskHeartbeat" => on_heap(|| tasks::heartbeat(api, fields)).await,
        "SendTaskSuccess" => on_heap(|| tasks::succeed(api, fields)).await,
        "StartExecution" => on_heap(|| start::start(api, fields)).await,
        "StartSyncExecution" => on_heap(|| start::start_sync(api, fields)).await,
        "StopExecution" => on_heap(|| executions::stop(api, fields)).await,
        "TagResource" => on_heap(|| tags::tag(api, fields)).await,
        "TestState" => test_state::test(api, fields),
        "UntagResource" => on_heap(|| tags::untag(api, fields)).await,
        "UpdateMapRun" => on_heap(|| map_runs::update(api, fields)).await,
        "UpdateStateMachine" => on_heap(|| create::update(api, fields)).await,
        "UpdateStateMachineAlias" => on_heap(|| aliases::update(api, fields)).await,
        "ValidateStateMachineDefinition" => diagnostics::validate(fields, api.reads_parquet),
        other => Err(ApiError::internal(format!("{other} is listed, and not answered"))),
    }
}
