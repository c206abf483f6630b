//! DescribeStateMachine and DescribeStateMachineForExecution.

use crate::{
    Api,
    answer::{Answer, seconds},
    arn,
    error::ApiError,
    fields::{Fields, Text},
};
use serde_json::{Value, json};
use stepladder_protocol::{Host, Store, WorkflowItem};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html>
///
/// The definition is its canonical text: the same JSON, without white space.
pub(super) async fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    let included = fields.one_of("includedData", &super::executions::INCLUDED)?;
    fields.check()?;
    let item = find(api, &arn).await?;
    let settings = api.protocol.host().settings();
    let answer = Answer::default()
        .set("stateMachineArn", arn)
        .set("name", item.name.as_str())
        .set("status", "ACTIVE")
        .set("definition", definition(api, &item.name, &item.definition, included).await?)
        .set("roleArn", item.role_arn.as_ref().unwrap_or(&settings.role_arn).as_str())
        .set("type", item.workflow_type.as_str())
        .set("creationDate", seconds(item.created_ms.unwrap_or_default()))
        .set_some("revisionId", item.revision.as_deref());
    Ok(with_configurations(answer, &item).into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html>
///
/// Where the state machine has been updated since the execution started, the date is the execution's start: by then it had
/// the definition that is shown.
pub(super) async fn describe_for_execution<H: Host>(
    api: &Api<H>,
    mut fields: Fields,
) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let included = fields.one_of("includedData", &super::executions::INCLUDED)?;
    fields.check()?;
    let run = super::executions::find(api, &arn).await?;
    let workflow = api.protocol.host().store().workflow(&run.id.workflow).await?;
    let workflow = workflow.ok_or_else(|| ApiError::no_execution(&arn))?;
    let updated_ms = workflow.updated_ms.filter(|updated_ms| *updated_ms <= run.started_ms);
    let answer = Answer::default()
        .set("stateMachineArn", run.run().state_machine_arn())
        .set("name", run.id.workflow.as_str())
        .set("definition", definition(api, &run.id.workflow, &run.definition, included).await?)
        .set("roleArn", run.role_arn.as_str())
        .set("updateDate", seconds(updated_ms.unwrap_or(run.started_ms)))
        .set_some("revisionId", updated_ms.and(workflow.revision.as_deref()));
    Ok(with_configurations(answer, &workflow).into_value())
}

/// The workflow of a state machine's ARN.
pub(super) async fn find<H: Host>(api: &Api<H>, arn: &str) -> Result<WorkflowItem, ApiError> {
    let host = api.protocol.host();
    let workflow = arn::workflow(host.settings(), arn)?;
    host.store().workflow(workflow).await?.ok_or_else(|| ApiError::no_state_machine(arn))
}

async fn definition<H: Host>(
    api: &Api<H>,
    workflow: &str,
    hash: &str,
    included: Option<&str>,
) -> Result<String, ApiError> {
    match included {
        Some("METADATA_ONLY") => Ok("{}".to_owned()),
        _ => Ok(api.protocol.definition(workflow, hash).await?.canonical.clone()),
    }
}

fn with_configurations(answer: Answer, item: &WorkflowItem) -> Answer {
    answer
        .set("loggingConfiguration", item.logging.clone().unwrap_or_else(no_logging))
        .set("tracingConfiguration", item.tracing.clone().unwrap_or_else(no_tracing))
}

/// What AWS shows where nothing was set.
pub(super) fn no_logging() -> Value {
    json!({ "level": "OFF", "includeExecutionData": false })
}

pub(super) fn no_tracing() -> Value {
    json!({ "enabled": false })
}
