//! DescribeExecution and StopExecution.

use super::redrive::refusal;
use crate::{
    Api, Refusals,
    answer::{Answer, seconds},
    arn,
    error::ApiError,
    fields::{Fields, Text},
};
use serde_json::Value;
use stepladder_engine::Status;
use stepladder_protocol::{Clock, Host, Requested, RunItem, Store, WorkflowType};

pub(super) const INCLUDED: [&str; 2] = ["ALL_DATA", "METADATA_ONLY"];
pub(super) const METADATA_ONLY: &str = "METADATA_ONLY";

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>
pub(super) async fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let included = fields.one_of("includedData", &INCLUDED)?;
    fields.check()?;
    if let Some(child) = arn::child(api.protocol.host().settings(), &arn) {
        return super::map_runs::describe_child(api, &arn, child, included).await;
    }
    let item = find(api, &arn).await?;
    let reason = refusal(&item, api.protocol.host().clock().now_ms());
    let redrive_status = if reason.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" };
    let answer = Answer::default()
        .set("executionArn", arn)
        .set("stateMachineArn", item.run().state_machine_arn())
        .set("name", item.id.name.as_str())
        .set("status", item.status.as_str())
        .set("startDate", seconds(item.started_ms))
        .set_time("stopDate", item.ended_ms)
        .set("redriveCount", item.redrive_count)
        .set_time("redriveDate", item.redriven_ms())
        .set("redriveStatus", redrive_status)
        .set_some("redriveStatusReason", reason);
    let answer = with_qualifiers(answer, &item);
    let answer = with_data(api, answer, &item, included).await?;
    // AWS gives no error to an execution that its state machine's TimeoutSeconds ended: the status says all.
    Ok(if item.status == Status::TimedOut { answer.without("error") } else { answer }.into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html>
pub(super) async fn stop<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let error = fields.text("error", Text::ERROR)?;
    let cause = fields.text("cause", Text::CAUSE)?;
    fields.check()?;
    let item = find(api, &arn).await?;
    let now_ms = api.protocol.host().clock().now_ms();
    let stopped_ms = match api.protocol.request_stop(&item.id, error, cause).await? {
        // One that has ended keeps its end, and the answer is the same.
        Requested::Done | Requested::Refused(_) => find(api, &arn).await?.ended_ms,
        Requested::Pending => None,
        Requested::Unplaced(unplaced) => return Err(ApiError::internal(unplaced.0)),
        Requested::NotFound => return Err(ApiError::no_execution(&arn)),
    };
    Ok(Answer::default().set("stopDate", seconds(stopped_ms.unwrap_or(now_ms))).into_value())
}

/// The run of an execution's ARN.
pub(super) async fn find<H: Host>(api: &Api<H>, arn: &str) -> Result<RunItem, ApiError> {
    let host = api.protocol.host();
    let id = arn::execution(host.settings(), arn)?;
    let item = host.store().run(&id, host.clock().now_ms()).await?;
    let item = item.ok_or_else(|| ApiError::no_execution(arn))?;
    // AWS names those otherwise, and doesn't show them.
    if api.refusals == Refusals::Aws
        && let Some(workflow) = host.store().workflow(&id.workflow).await?
        && workflow.workflow_type == WorkflowType::Express
    {
        return Err(ApiError::type_not_supported());
    }
    Ok(item)
}

/// The version and the alias that the run was started with.
pub(super) fn with_qualifiers(answer: Answer, item: &RunItem) -> Answer {
    let machine = item.run().state_machine_arn();
    let arn = |qualifier: &dyn std::fmt::Display| format!("{machine}:{qualifier}");
    answer
        .set_some("stateMachineVersionArn", item.workflow_version.map(|number| arn(&number)))
        .set_some("stateMachineAliasArn", item.alias.as_ref().map(|name| arn(name)))
}

/// The run's input, and what it ended with; nothing is said about an output where there is none.
pub(super) async fn with_data<H: Host>(
    api: &Api<H>,
    answer: Answer,
    item: &RunItem,
    included: Option<&str>,
) -> Result<Answer, ApiError> {
    let ending = api.protocol.ending(item).await?.unwrap_or_default();
    let answer = match included {
        Some(METADATA_ONLY) => answer,
        _ => {
            let input = api.protocol.input(item).await?;
            let answer = answer.set_data("input", &input)?;
            match &ending.output {
                Some(output) => answer.set_data("output", output)?,
                None => answer,
            }
        }
    };
    Ok(answer.set_some("error", ending.error).set_some("cause", ending.cause))
}
