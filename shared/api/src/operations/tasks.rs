//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat and GetActivityTask.

use super::activities;
use crate::{
    Api, Refusals,
    answer::Answer,
    error::{ApiError, Kind},
    fields::{Fields, Text},
    limits::{ACTIVITY_WAIT_MS, AWS_DATA_BYTES_MAX, REQUEST_BYTES_MAX},
};
use serde_json::{Value, json};
use stepladder_protocol::{Host, TaskDone, TaskError, json as bounded};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html>
pub(super) async fn succeed<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let token = fields.required("taskToken", Text::TASK_TOKEN)?;
    let output = fields.required("output", Text::data(most(api)))?;
    fields.check()?;
    let output = bounded::parse(output.as_bytes())
        .map_err(|error| ApiError::new(Kind::InvalidOutput, format!("Invalid Output: '{error}'")))?;
    if bounded::is_too_deep(&output) {
        return Err(ApiError::new(Kind::InvalidOutput, "Invalid Output: 'it is nested too deep'"));
    }
    answered(api.protocol.answer(&token, TaskDone::Succeeded(output)).await?)
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html>
pub(super) async fn fail<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let token = fields.required("taskToken", Text::TASK_TOKEN)?;
    let error = fields.text("error", Text::ERROR)?;
    let cause = fields.text("cause", Text::CAUSE)?;
    fields.check()?;
    answered(api.protocol.answer(&token, TaskDone::Failed { error, cause }).await?)
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html>
pub(super) async fn heartbeat<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let token = fields.required("taskToken", Text::TASK_TOKEN)?;
    fields.check()?;
    answered(api.protocol.heartbeat(&token).await?)
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html>
///
/// Waits up to a minute for a task; an answer without a token says that there was none.
pub(super) async fn take<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("activityArn", Text::ARN)?;
    let worker = fields.text("workerName", Text::NAME)?;
    fields.check()?;
    let activity = activities::find(api, &arn).await?;
    let Some(task) = api.protocol.take_task(&activity.name, worker, ACTIVITY_WAIT_MS).await? else {
        return Ok(json!({}));
    };
    Ok(Answer::default().set("taskToken", task.token).set("input", task.input.to_string()).into_value())
}

fn most<H>(api: &Api<H>) -> usize {
    match api.refusals {
        Refusals::Own => REQUEST_BYTES_MAX,
        Refusals::Aws => AWS_DATA_BYTES_MAX,
    }
}

fn answered(answered: Result<(), TaskError>) -> Result<Value, ApiError> {
    match answered {
        Ok(()) => Ok(json!({})),
        Err(TaskError::Invalid) => Err(ApiError::invalid_token()),
        Err(TaskError::Over) => {
            Err(ApiError::new(Kind::TaskTimedOut, "Task Timed Out: 'Provided task does not exist anymore'"))
        }
    }
}
