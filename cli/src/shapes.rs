//! The JSON shapes of the output, each with its version. A field is added without a new version; renamed or removed
//! only with one. Names are snake_case, times RFC 3339 in UTC, durations in milliseconds; what is unknown is null.

use crate::text::utc;
use serde::Serialize;
use serde_json::{Map, Value};
use stepladder_engine::{HistoryEvent, Status};
use stepladder_protocol::{Ending, RunItem};

/// A run: `start`, `run list`, `run show`, `run stop`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunShape {
    /// `stepladder.run/1`
    pub schema: &'static str,
    /// `workflow/name`
    pub id: String,
    pub workflow: String,
    pub name: String,
    /// RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED
    pub status: &'static str,
    pub error: Option<String>,
    pub started_at: String,
    pub ended_at: Option<String>,
    /// Null while it runs.
    pub duration_ms: Option<i64>,
    /// The definition's hash.
    pub definition: String,
    pub redrive_count: u32,
    /// The id of the run that it does again.
    pub rerun_of: Option<String>,
    /// Why a message of it was parked.
    pub parked: Option<String>,
    /// The rest stands only where one run is shown.
    #[serde(flatten)]
    pub details: Option<RunDetails>,
}

/// What `run show`, and `start --wait`, add.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDetails {
    /// Whether it goes on and is paused, by itself or by its workflow; null after `start --wait`.
    pub paused: Option<bool>,
    pub cause: Option<String>,
    pub output: Option<Value>,
    /// What follows is null after `start --wait`.
    pub input: Option<Value>,
    /// In the order in which they were entered.
    pub steps: Option<Vec<StepShape>>,
    pub waiting: Option<WaitingShape>,
    /// Why what is null above can't be told: a part of the run is missing or can't be read.
    pub problem: Option<String>,
}

/// A visit to a state that takes time: a Task, or a Wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepShape {
    pub state: String,
    /// The state's Type.
    pub kind: &'static str,
    pub function: Option<String>,
    pub status: StepStatus,
    pub attempts: u64,
    pub entered_at: String,
    /// Of the visit with all its attempts; null while it goes on.
    pub duration_ms: Option<i64>,
    /// Of the last attempt that failed.
    pub error: Option<String>,
    pub cause: Option<String>,
    /// Lambda's id of the last attempt, to find its log.
    pub request_id: Option<String>,
}

/// How a step's visit went, or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Succeeded,
    /// It failed, and a Catch went on.
    Caught,
    /// It failed, and the run with it.
    Failed,
    /// Its attempt is under way, or its message.
    Running,
    /// It failed, and will be tried again.
    Retrying,
    /// It waits for a time.
    Waiting,
    /// The run was stopped while it went on.
    Stopped,
}

/// What a run waits for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingShape {
    pub state: String,
    /// `step`: an answer; `timer`: a time; `turn`: its message.
    pub awaiting: &'static str,
    pub attempt: u64,
    /// When the message is due, where it is delayed.
    pub due_at: Option<String>,
}

/// One event: `run history`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventShape {
    /// `stepladder.event/1`
    pub schema: &'static str,
    pub id: u64,
    pub previous_id: u64,
    pub timestamp: String,
    /// As AWS spells it: LambdaFunctionSucceeded.
    #[serde(rename = "type")]
    pub kind: String,
    /// Members named as in AWS's HistoryEvent, their values as JSON.
    pub details: Map<String, Value>,
}

impl RunShape {
    /// What a run item tells; the details are left out.
    pub fn new(item: &RunItem) -> Self {
        Self {
            schema: "stepladder.run/1",
            id: item.id.to_string(),
            workflow: item.id.workflow.clone(),
            name: item.id.name.clone(),
            status: item.status.as_str(),
            error: item.error.clone(),
            started_at: utc(item.started_ms),
            ended_at: item.ended_ms.map(utc),
            duration_ms: item.ended_ms.map(|ended_ms| ended_ms.saturating_sub(item.started_ms)),
            definition: item.definition_now().to_owned(),
            redrive_count: item.redrive_count,
            rerun_of: item.rerun_of.as_ref().map(|run| format!("{}/{}", item.id.workflow, run.name)),
            parked: item.parked.clone(),
            details: None,
        }
    }

    /// The same, with how the run ended.
    #[must_use]
    pub fn with_ending(mut self, ending: &Ending) -> Self {
        self.error = self.error.or_else(|| ending.error.clone());
        self.details = Some(RunDetails {
            paused: None,
            cause: ending.cause.clone(),
            output: ending.output.clone(),
            input: None,
            steps: None,
            waiting: None,
            problem: None,
        });
        self
    }
}

impl EventShape {
    /// One event of a replay.
    pub fn new(event: &HistoryEvent) -> Self {
        Self {
            schema: "stepladder.event/1",
            id: event.id,
            previous_id: event.previous_id,
            timestamp: utc(event.time_ms),
            kind: event.event.type_name(),
            details: event.event.details(),
        }
    }
}

/// Whether a run can still change by itself.
pub fn has_ended(status: Status) -> bool {
    status != Status::Running
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;
    use stepladder_protocol::{ITEM_VERSION, RunId};

    /// A run as a test needs it: started at second 1, ended at second 3.5.
    pub(crate) fn item(name: &str, status: Status) -> RunItem {
        RunItem {
            version: ITEM_VERSION,
            id: RunId::new("order", name),
            nonce: "0".repeat(32),
            definition: "d".repeat(32),
            status,
            redrive_count: 0,
            region: "us-east-1".into(),
            account: "000000000000".into(),
            role_arn: "arn:aws:iam::000000000000:role/stepladder".into(),
            started_ms: 1_000,
            ended_ms: (status != Status::Running).then_some(3_500),
            input: None,
            input_digest: String::new(),
            ending: None,
            ending_item: None,
            error: (status == Status::Failed).then(|| "CardDeclined".into()),
            state: None,
            by: None,
            parent: None,
            redrives: Vec::new(),
            redefined: Vec::new(),
            rerun_of: None,
            begins_at: None,
            parked: None,
            expires_s: 0,
            workflow_version: None,
            alias: None,
            tenant: None,
        }
    }

    #[test]
    fn the_shape_of_a_run_is_stable() {
        let ending =
            Ending { output: None, error: Some("CardDeclined".into()), cause: Some("expired".into()) };
        let shape = RunShape::new(&item("17", Status::Failed)).with_ending(&ending);
        let expected = json!({
            "schema": "stepladder.run/1",
            "id": "order/17",
            "workflow": "order",
            "name": "17",
            "status": "FAILED",
            "error": "CardDeclined",
            "started_at": "1970-01-01T00:00:01.000Z",
            "ended_at": "1970-01-01T00:00:03.500Z",
            "duration_ms": 2500,
            "definition": "d".repeat(32),
            "redrive_count": 0,
            "rerun_of": null,
            "parked": null,
            "paused": null,
            "cause": "expired",
            "output": null,
            "input": null,
            "steps": null,
            "waiting": null,
            "problem": null,
        });
        assert_eq!(serde_json::to_value(&shape).unwrap(), expected);
        let running = serde_json::to_value(RunShape::new(&item("18", Status::Running))).unwrap();
        assert_eq!((&running["ended_at"], &running["duration_ms"]), (&Value::Null, &Value::Null));
        assert_eq!(running.get("cause"), None);
    }
}
