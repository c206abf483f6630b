//! DescribeStateMachine, DescribeStateMachineForExecution and DeleteStateMachine.

use crate::{
    Api,
    answer::{Answer, seconds},
    arn,
    error::ApiError,
    fields::{Fields, Text},
};
use serde_json::{Value, json};
use stepladder_protocol::{Host, Store, VersionItem, Versions, WorkflowItem};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html>
///
/// The definition is its canonical text: the same JSON, without white space. By the ARN of an alias it is the version that
/// most new executions take.
pub(super) async fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    let included = fields.one_of("includedData", &super::executions::INCLUDED)?;
    fields.check()?;
    let host = api.protocol.host();
    let (name, qualifier) = arn::qualified(host.settings(), &arn)?;
    let item = host.store().workflow(name).await?.ok_or_else(|| ApiError::no_state_machine(&arn))?;
    let Some(qualifier) = qualifier else {
        let answer = Answer::default()
            .set("stateMachineArn", arn)
            .set("creationDate", seconds(item.created_ms.unwrap_or_default()));
        return shown(api, answer, Taken::of_workflow(&item), included).await;
    };
    let version = super::versions::find(api, name, &qualifier).await?;
    let version = version.ok_or_else(|| ApiError::no_state_machine(&arn))?;
    let answer = Answer::default()
        .set("stateMachineArn", arn)
        .set("creationDate", seconds(version.created_ms))
        .set_some("description", version.description.as_deref());
    shown(api, answer, Taken::of_version(&version), included).await
}

/// What a workflow and a version have in common.
struct Taken<'a> {
    name: &'a str,
    machine_type: &'static str,
    definition: &'a str,
    revision: Option<&'a str>,
    role_arn: Option<&'a str>,
    logging: Option<&'a Value>,
    tracing: Option<&'a Value>,
}

impl<'a> Taken<'a> {
    fn of_workflow(item: &'a WorkflowItem) -> Self {
        Self {
            name: &item.name,
            machine_type: item.workflow_type.as_str(),
            definition: &item.definition,
            revision: item.revision.as_deref(),
            role_arn: item.role_arn.as_deref(),
            logging: item.logging.as_ref(),
            tracing: item.tracing.as_ref(),
        }
    }

    fn of_version(item: &'a VersionItem) -> Self {
        Self {
            name: &item.workflow,
            machine_type: item.workflow_type.as_str(),
            definition: &item.definition,
            revision: item.revision.as_deref(),
            role_arn: item.role_arn.as_deref(),
            logging: item.logging.as_ref(),
            tracing: item.tracing.as_ref(),
        }
    }
}

async fn shown<H: Host>(
    api: &Api<H>,
    answer: Answer,
    taken: Taken<'_>,
    included: Option<&str>,
) -> Result<Value, ApiError> {
    let own_role = api.protocol.host().settings().role_arn.as_str();
    let answer = answer
        .set("name", taken.name)
        .set("status", "ACTIVE")
        .set("definition", definition(api, taken.name, taken.definition, included).await?)
        .set("roleArn", taken.role_arn.unwrap_or(own_role))
        .set("type", taken.machine_type)
        .set_some("revisionId", taken.revision);
    Ok(with_configurations(answer, taken.logging, taken.tracing).into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html>
///
/// It is gone at once, with its versions, aliases and tags. Its executions go on to their ends.
pub(super) async fn delete<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    fields.check()?;
    match arn::qualified(api.protocol.host().settings(), &arn)? {
        (name, None) => api.protocol.delete_workflow(name).await?,
        (_, Some(_)) => {
            return Err(ApiError::validation(
                "DeleteStateMachine takes the ARN of a state machine, without a version or an alias",
            ));
        }
    }
    Ok(json!({}))
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html>
///
/// Where the state machine has been updated or deleted since the execution started, the date is the execution's start: by
/// then it had the definition that is shown.
pub(super) async fn describe_for_execution<H: Host>(
    api: &Api<H>,
    mut fields: Fields,
) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let included = fields.one_of("includedData", &super::executions::INCLUDED)?;
    fields.check()?;
    let run = super::executions::find(api, &arn).await?;
    let store = api.protocol.host().store();
    let version = match run.workflow_version {
        Some(number) => store.version(&run.id.workflow, number).await?,
        None => None,
    };
    let workflow = store.workflow(&run.id.workflow).await?;
    // One of a state machine that was made later under the same name may be another.
    let version = version.filter(|version| version.definition == run.definition);
    let (updated_ms, taken) = match (&version, &workflow) {
        (Some(version), _) => (version.updated_ms, Some(Taken::of_version(version))),
        (None, Some(workflow)) if run.workflow_version.is_none() => {
            (workflow.updated_ms, Some(Taken::of_workflow(workflow)))
        }
        _ => (None, None),
    };
    let updated_ms = updated_ms.filter(|updated_ms| *updated_ms <= run.started_ms);
    let revision = taken.as_ref().and_then(|taken| taken.revision);
    let answer = Answer::default()
        .set("stateMachineArn", run.run().state_machine_arn())
        .set("name", run.id.workflow.as_str())
        .set("definition", definition(api, &run.id.workflow, &run.definition, included).await?)
        .set("roleArn", run.role_arn.as_str())
        .set("updateDate", seconds(updated_ms.unwrap_or(run.started_ms)))
        .set_some("revisionId", updated_ms.and(revision));
    let logging = taken.as_ref().and_then(|taken| taken.logging);
    let tracing = taken.as_ref().and_then(|taken| taken.tracing);
    Ok(with_configurations(answer, logging, tracing).into_value())
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

fn with_configurations(answer: Answer, logging: Option<&Value>, tracing: Option<&Value>) -> Answer {
    answer
        .set("loggingConfiguration", logging.cloned().unwrap_or_else(no_logging))
        .set("tracingConfiguration", tracing.cloned().unwrap_or_else(no_tracing))
        .set("encryptionConfiguration", own_key())
}

/// What AWS shows where nothing was set.
pub(super) fn no_logging() -> Value {
    json!({ "level": "OFF", "includeExecutionData": false })
}

pub(super) fn no_tracing() -> Value {
    json!({ "enabled": false })
}

/// As AWS says that what is kept isn't encrypted with a key of the customer's own.
pub(super) fn own_key() -> Value {
    json!({ "type": "AWS_OWNED_KEY" })
}
