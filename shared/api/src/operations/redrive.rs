//! RedriveExecution, and whether an execution can be redriven.

use super::executions::find;
use crate::{
    Api,
    answer::{Answer, seconds},
    error::{ApiError, Kind},
    fields::{Fields, Text},
};
use serde_json::Value;
use stepladder_engine::Status;
use stepladder_protocol::{Clock, Host, Requested, RunItem};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html>
///
/// AWS's limits of 14 days and 24,999 events don't hold here: an execution can be redriven for as long as it is kept.
pub(super) async fn redrive<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let token = fields.text("clientToken", Text::CLIENT_TOKEN)?;
    fields.check()?;
    let item = find(api, &arn).await?;
    let now_ms = api.protocol.host().clock().now_ms();
    // One that runs, or has succeeded, may do so by this very request.
    let has_failed = !matches!(item.status, Status::Running | Status::Succeeded);
    if let Some(why) = refusal(&item, now_ms).filter(|_| has_failed) {
        return Err(not_redrivable(Some(why)));
    }
    let redriven_ms = match api.protocol.request_redrive(&item.id, token.as_deref()).await? {
        Requested::Done => find(api, &arn).await?.redriven_ms(),
        Requested::Pending => None,
        Requested::Refused(_) => return Err(not_redrivable(refusal(&item, now_ms))),
        Requested::Unplaced(unplaced) => return Err(not_redrivable(Some(unplaced.0))),
        Requested::NotFound => return Err(ApiError::no_execution(&arn)),
    };
    Ok(Answer::default().set("redriveDate", seconds(redriven_ms.unwrap_or(now_ms))).into_value())
}

fn not_redrivable(why: Option<String>) -> ApiError {
    let why = why.unwrap_or_else(|| "Execution is RUNNING and cannot be redriven".to_owned());
    ApiError::new(Kind::ExecutionNotRedrivable, why)
}

/// Why an execution can't be redriven, in the words of DescribeExecution's redriveStatusReason.
pub(super) fn refusal(item: &RunItem, now_ms: i64) -> Option<String> {
    match item.status {
        Status::Running | Status::Succeeded => {
            Some(format!("Execution is {} and cannot be redriven", item.status.as_str()))
        }
        Status::Failed | Status::TimedOut | Status::Aborted => {
            item.is_expiring(now_ms).then(|| "Execution redrivable period exceeded".to_owned())
        }
    }
}
