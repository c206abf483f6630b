//! The events of a run's history, in Step Functions' own types.

use serde_json::{Map, Value, json};
use stepladder_asl::Resource;

/// One event of the history, as GetExecutionHistory numbers it
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>).
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    pub id: u64,
    pub previous_id: u64,
    /// Milliseconds since the epoch.
    pub time_ms: i64,
    pub event: Event,
}

/// What happened, with the details that AWS shows for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    ExecutionStarted {
        input: Value,
        role_arn: String,
    },
    StateEntered {
        state_type: &'static str,
        name: String,
        input: Value,
    },
    StateExited {
        state_type: &'static str,
        name: String,
        output: Value,
        /// The variables that it set, with their values; none where it has no Assign.
        assigned: Option<Map<String, Value>>,
    },
    /// A JSONata state's field could not be evaluated.
    EvaluationFailed {
        state: String,
        error: String,
        cause: String,
        /// Where the field stands in the state, such as `Output/order/lines[2]`.
        location: Option<String>,
    },
    LambdaFunctionScheduled {
        resource: String,
        input: Value,
        timeout_seconds: Option<u64>,
        credentials: Option<Value>,
    },
    LambdaFunctionScheduleFailed {
        error: String,
        cause: Option<String>,
    },
    LambdaFunctionStarted,
    LambdaFunctionStartFailed {
        error: String,
        cause: Option<String>,
    },
    LambdaFunctionSucceeded {
        output: Value,
    },
    LambdaFunctionFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    LambdaFunctionTimedOut {
        error: String,
        cause: Option<String>,
    },
    ActivityScheduled {
        resource: String,
        input: Value,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
    },
    ActivityScheduleFailed {
        error: String,
        cause: Option<String>,
    },
    ActivityStarted {
        worker: Option<String>,
    },
    ActivitySucceeded {
        output: Value,
    },
    ActivityFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    ActivityTimedOut {
        error: String,
        cause: Option<String>,
    },
    TaskScheduled {
        resource: Integration,
        region: String,
        parameters: Value,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        /// `{"roleArn": …}`.
        credentials: Option<Value>,
    },
    TaskSubmitted {
        resource: Integration,
        output: Value,
    },
    TaskSubmitFailed {
        resource: Integration,
        error: String,
        cause: Option<String>,
    },
    TaskStarted {
        resource: Integration,
    },
    TaskStartFailed {
        resource: Integration,
        error: String,
        cause: Option<String>,
    },
    TaskSucceeded {
        resource: Integration,
        output: Value,
    },
    TaskFailed {
        resource: Integration,
        error: Option<String>,
        cause: Option<String>,
    },
    TaskTimedOut {
        resource: Integration,
        error: String,
        cause: Option<String>,
    },
    /// A state that was open when its branch was stopped.
    StateAborted {
        state_type: &'static str,
    },
    MapStateStarted {
        length: u32,
    },
    MapIterationStarted {
        name: String,
        index: u32,
    },
    MapIterationSucceeded {
        name: String,
        index: u32,
    },
    MapIterationFailed {
        name: String,
        index: u32,
    },
    MapIterationAborted {
        name: String,
        index: u32,
    },
    MapStateSucceeded,
    MapStateFailed,
    /// The Map Run of a distributed Map state.
    MapRunStarted {
        map_run_arn: String,
    },
    MapRunRedriven {
        map_run_arn: String,
        redrive_count: u32,
    },
    MapRunSucceeded,
    MapRunFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    MapRunAborted,
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    ExecutionSucceeded {
        output: Value,
    },
    ExecutionFailed {
        error: Option<String>,
        cause: Option<String>,
    },
    ExecutionTimedOut {
        error: Option<String>,
        cause: Option<String>,
    },
    ExecutionAborted {
        error: Option<String>,
        cause: Option<String>,
    },
    ExecutionRedriven {
        redrive_count: u32,
    },
}

/// An integration, split as the history shows it: `arn:aws:states:::lambda:invoke` is `lambda` and `invoke`. The pattern
/// belongs to the resource: `startExecution.sync:2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    pub resource_type: String,
    pub resource: String,
}

impl Integration {
    pub(crate) fn new(resource: &Resource) -> Self {
        match resource {
            Resource::Service(service) => {
                Self { resource_type: service.service.clone(), resource: service.resource() }
            }
            other => Self { resource_type: String::new(), resource: other.arn().to_owned() },
        }
    }
}

impl Event {
    /// The event's `type`, as AWS spells it.
    pub fn type_name(&self) -> String {
        match self {
            Event::StateEntered { state_type, .. } => format!("{state_type}StateEntered"),
            Event::StateExited { state_type, .. } => format!("{state_type}StateExited"),
            Event::StateAborted { state_type } => format!("{state_type}StateAborted"),
            Event::MapStateStarted { .. } => "MapStateStarted".to_owned(),
            Event::MapIterationStarted { .. } => "MapIterationStarted".to_owned(),
            Event::MapIterationSucceeded { .. } => "MapIterationSucceeded".to_owned(),
            Event::MapIterationFailed { .. } => "MapIterationFailed".to_owned(),
            Event::MapIterationAborted { .. } => "MapIterationAborted".to_owned(),
            Event::MapStateSucceeded => "MapStateSucceeded".to_owned(),
            Event::MapStateFailed => "MapStateFailed".to_owned(),
            Event::MapRunStarted { .. } => "MapRunStarted".to_owned(),
            Event::MapRunRedriven { .. } => "MapRunRedriven".to_owned(),
            Event::MapRunSucceeded => "MapRunSucceeded".to_owned(),
            Event::MapRunFailed { .. } => "MapRunFailed".to_owned(),
            Event::MapRunAborted => "MapRunAborted".to_owned(),
            Event::ParallelStateStarted => "ParallelStateStarted".to_owned(),
            Event::ParallelStateSucceeded => "ParallelStateSucceeded".to_owned(),
            Event::ParallelStateFailed => "ParallelStateFailed".to_owned(),
            Event::ExecutionStarted { .. } => "ExecutionStarted".to_owned(),
            Event::LambdaFunctionScheduled { .. } => "LambdaFunctionScheduled".to_owned(),
            Event::LambdaFunctionScheduleFailed { .. } => "LambdaFunctionScheduleFailed".to_owned(),
            Event::LambdaFunctionStarted => "LambdaFunctionStarted".to_owned(),
            Event::LambdaFunctionStartFailed { .. } => "LambdaFunctionStartFailed".to_owned(),
            Event::LambdaFunctionSucceeded { .. } => "LambdaFunctionSucceeded".to_owned(),
            Event::LambdaFunctionFailed { .. } => "LambdaFunctionFailed".to_owned(),
            Event::LambdaFunctionTimedOut { .. } => "LambdaFunctionTimedOut".to_owned(),
            Event::EvaluationFailed { .. } => "EvaluationFailed".to_owned(),
            Event::ActivityScheduled { .. } => "ActivityScheduled".to_owned(),
            Event::ActivityScheduleFailed { .. } => "ActivityScheduleFailed".to_owned(),
            Event::ActivityStarted { .. } => "ActivityStarted".to_owned(),
            Event::ActivitySucceeded { .. } => "ActivitySucceeded".to_owned(),
            Event::ActivityFailed { .. } => "ActivityFailed".to_owned(),
            Event::ActivityTimedOut { .. } => "ActivityTimedOut".to_owned(),
            Event::TaskSubmitted { .. } => "TaskSubmitted".to_owned(),
            Event::TaskSubmitFailed { .. } => "TaskSubmitFailed".to_owned(),
            Event::TaskScheduled { .. } => "TaskScheduled".to_owned(),
            Event::TaskStarted { .. } => "TaskStarted".to_owned(),
            Event::TaskStartFailed { .. } => "TaskStartFailed".to_owned(),
            Event::TaskSucceeded { .. } => "TaskSucceeded".to_owned(),
            Event::TaskFailed { .. } => "TaskFailed".to_owned(),
            Event::TaskTimedOut { .. } => "TaskTimedOut".to_owned(),
            Event::ExecutionSucceeded { .. } => "ExecutionSucceeded".to_owned(),
            Event::ExecutionFailed { .. } => "ExecutionFailed".to_owned(),
            Event::ExecutionTimedOut { .. } => "ExecutionTimedOut".to_owned(),
            Event::ExecutionAborted { .. } => "ExecutionAborted".to_owned(),
            Event::ExecutionRedriven { .. } => "ExecutionRedriven".to_owned(),
        }
    }

    /// The details as members named as AWS names them, with values as JSON instead of JSON text.
    pub fn details(&self) -> Map<String, Value> {
        let details = match self {
            Event::ExecutionStarted { input, role_arn } => json!({ "input": input, "roleArn": role_arn }),
            Event::StateEntered { name, input, .. } => json!({ "name": name, "input": input }),
            Event::StateExited { name, output, assigned, .. } => {
                json!({ "name": name, "output": output, "assignedVariables": assigned })
            }
            Event::EvaluationFailed { state, error, cause, location } => {
                json!({ "state": state, "error": error, "cause": cause, "location": location })
            }
            Event::LambdaFunctionScheduled { resource, input, timeout_seconds, credentials } => json!({
                "resource": resource,
                "input": input,
                "timeoutInSeconds": timeout_seconds,
                "taskCredentials": credentials,
            }),
            Event::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => json!({
                "resource": resource,
                "input": input,
                "timeoutInSeconds": timeout_seconds,
                "heartbeatInSeconds": heartbeat_seconds,
            }),
            Event::ActivityStarted { worker } => json!({ "workerName": worker }),
            Event::LambdaFunctionSucceeded { output }
            | Event::ActivitySucceeded { output }
            | Event::ExecutionSucceeded { output } => json!({ "output": output }),
            Event::LambdaFunctionScheduleFailed { error, cause }
            | Event::LambdaFunctionStartFailed { error, cause }
            | Event::LambdaFunctionTimedOut { error, cause }
            | Event::ActivityScheduleFailed { error, cause }
            | Event::ActivityTimedOut { error, cause } => json!({ "error": error, "cause": cause }),
            Event::LambdaFunctionFailed { error, cause }
            | Event::ActivityFailed { error, cause }
            | Event::MapRunFailed { error, cause }
            | Event::ExecutionFailed { error, cause }
            | Event::ExecutionTimedOut { error, cause }
            | Event::ExecutionAborted { error, cause } => json!({ "error": error, "cause": cause }),
            Event::MapStateStarted { length } => json!({ "length": length }),
            Event::MapRunStarted { map_run_arn } => json!({ "mapRunArn": map_run_arn }),
            Event::MapRunRedriven { map_run_arn, redrive_count } => {
                json!({ "mapRunArn": map_run_arn, "redriveCount": redrive_count })
            }
            Event::MapIterationStarted { name, index }
            | Event::MapIterationSucceeded { name, index }
            | Event::MapIterationFailed { name, index }
            | Event::MapIterationAborted { name, index } => json!({ "name": name, "index": index }),
            Event::LambdaFunctionStarted
            | Event::StateAborted { .. }
            | Event::MapStateSucceeded
            | Event::MapStateFailed
            | Event::MapRunSucceeded
            | Event::MapRunAborted
            | Event::ParallelStateStarted
            | Event::ParallelStateSucceeded
            | Event::ParallelStateFailed => json!({}),
            Event::TaskScheduled {
                resource,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                credentials,
            } => json!({
                "resourceType": resource.resource_type,
                "resource": resource.resource,
                "region": region,
                "parameters": parameters,
                "timeoutInSeconds": timeout_seconds,
                "heartbeatInSeconds": heartbeat_seconds,
                "taskCredentials": credentials,
            }),
            Event::TaskStarted { resource } => {
                json!({ "resourceType": resource.resource_type, "resource": resource.resource })
            }
            Event::TaskSucceeded { resource, output } | Event::TaskSubmitted { resource, output } => json!({
                "resourceType": resource.resource_type, "resource": resource.resource, "output": output,
            }),
            Event::TaskStartFailed { resource, error, cause }
            | Event::TaskSubmitFailed { resource, error, cause }
            | Event::TaskTimedOut { resource, error, cause } => failed(resource, Some(error), cause.as_ref()),
            Event::TaskFailed { resource, error, cause } => failed(resource, error.as_ref(), cause.as_ref()),
            Event::ExecutionRedriven { redrive_count } => json!({ "redriveCount": redrive_count }),
        };
        let Value::Object(mut details) = details else {
            return Map::new();
        };
        details.retain(|name, value| !(value.is_null() && ABSENT.contains(&name.as_str())));
        details
    }
}

/// The members that are left out where there is nothing to say.
const ABSENT: [&str; 8] = [
    "assignedVariables",
    "cause",
    "error",
    "heartbeatInSeconds",
    "location",
    "taskCredentials",
    "timeoutInSeconds",
    "workerName",
];

fn failed(resource: &Integration, error: Option<&String>, cause: Option<&String>) -> Value {
    json!({
        "resourceType": resource.resource_type,
        "resource": resource.resource,
        "error": error,
        "cause": cause,
    })
}
