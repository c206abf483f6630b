//! Telling how runs end.
//!
//! A step knows no event bus: it asks the timer function, whose message stays in its queue, and then in the dead-letter
//! queue, until the bus has taken the event or the message is too old for the queue. A stack without a bus has a status
//! queue, or is not asked.

use crate::{
    Protocol,
    batch::Sending,
    deliver::Handled,
    json,
    message::{Ask, StatusChange},
    payload,
    planted::PlantedBug,
    traits::{Events, Host, Outgoing, QueueName, Retry, StatusEvent, WorldError, WorldResult},
};
use serde_json::{Value, json};
use stepladder_asl::timestamp;
use stepladder_engine::{End, Run, Status};

impl<H: Host> Protocol<H> {
    /// What tells the end of a run, if it is to be told.
    pub(crate) async fn told(&self, run: &Run, end: &End, now_ms: i64) -> WorldResult<Vec<Sending>> {
        let settings = self.host.settings();
        if !settings.tells(&run.workflow, end.status) {
            return Ok(Vec::new());
        }
        let change = StatusChange {
            status: end.status,
            stopped_ms: now_ms,
            error: end.error.clone(),
            cause: end.cause.clone(),
        };
        if settings.event_bus.is_none() {
            return Ok(vec![status_message(run, &change)?]);
        }
        let run = Run { input: None, ..run.clone() };
        let message = self.message(&run, Ask::Status(change));
        Ok(vec![self.sending(QueueName::Timer, &message, i64::MIN).await?])
    }

    /// The side of who has the bus: the timer function, and the dead-letter function after it. An event that is refused there
    /// stays in that queue, whose oldest message ages and raises an alarm; a copy of it would be young again each time.
    pub(crate) async fn tell_status(&self, run: &Run, change: &StatusChange) -> WorldResult<Handled> {
        if let Some(events) = self.host.events() {
            let event = StatusEvent {
                time_ms: change.stopped_ms,
                resources: vec![run.execution_arn(), run.state_machine_arn()],
                detail: detail(run, change).to_string(),
            };
            return match events.put(&event).await {
                Err(error) if !self.planted(PlantedBug::UntoldStatusIsDone) => Err(error),
                _ => Ok(Handled::done()),
            };
        }
        Err(WorldError {
            operation: format!("tell the end of {}", run.id()),
            message: "this function has no event bus, and who sent this has one; hint: set STEPLADDER_EVENT_BUS for all functions or for none".to_owned(),
            retry: Retry::Later,
        })
    }
}

/// A message to the status queue: the event as a bus would pass it on, as far as it concerns the run.
fn status_message(run: &Run, change: &StatusChange) -> WorldResult<Sending> {
    let body = json!({
        "source": StatusEvent::SOURCE,
        "detail-type": StatusEvent::DETAIL_TYPE,
        "time": timestamp::format(change.stopped_ms),
        "detail": detail(run, change),
    });
    let body = json::to_ascii(&body)
        .map_err(|error| payload::unreadable("encode a status event", &error.to_string()))?;
    let outgoing = Outgoing::new(body, 0).of_group(run.tenant.clone());
    Ok(Sending { queue: QueueName::Status, outgoing, step: None })
}

/// The detail of AWS's event, without payloads: `included` is false, as it is there of large ones
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>).
fn detail(run: &Run, change: &StatusChange) -> Value {
    let StatusChange { status, stopped_ms, error, cause } = change;
    let name = status.as_str();
    let (redrivable, why) = match status {
        Status::Running | Status::Succeeded => {
            ("NOT_REDRIVABLE", Some(format!("Execution is {name} and cannot be redriven")))
        }
        Status::Failed | Status::TimedOut | Status::Aborted => ("REDRIVABLE", None),
    };
    let machine = run.state_machine_arn();
    let output_details = (*status == Status::Succeeded).then(|| json!({ "included": false }));
    json!({
        "executionArn": run.execution_arn(),
        "stateMachineArn": machine,
        "name": run.name,
        "status": status,
        "startDate": run.started_ms,
        "stopDate": stopped_ms,
        "input": null,
        "output": null,
        "inputDetails": { "included": false },
        "outputDetails": output_details,
        "error": error,
        "cause": cause,
        "stateMachineVersionArn": run.version.map(|number| format!("{machine}:{number}")),
        "stateMachineAliasArn": run.alias.as_ref().map(|name| format!("{machine}:{name}")),
        "redriveCount": run.redrive_count,
        "redriveDate": run.redriven_ms,
        "redriveStatus": redrivable,
        "redriveStatusReason": why,
    })
}
