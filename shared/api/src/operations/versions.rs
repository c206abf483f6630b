//! PublishStateMachineVersion, ListStateMachineVersions and DeleteStateMachineVersion.

use crate::{
    Api,
    answer::{Answer, seconds},
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
};
use serde_json::{Value, json};
use stepladder_protocol::{
    Clock, Host, NewVersion, Qualifier, VersionDeleted, VersionItem, Versions, WorkflowChanged, WorkflowItem,
    limits::VERSIONS_MAX,
};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html>
///
/// Another description makes no other version of what is published already.
pub(super) async fn publish<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    let revision = fields.text("revisionId", Text::REVISION)?;
    let description = fields.text("description", Text::DESCRIPTION)?;
    fields.check()?;
    let settings = api.protocol.host().settings();
    let workflow = arn::workflow(settings, &arn)?;
    let new = NewVersion { description };
    let changed = api.protocol.publish_version(workflow, revision.as_deref(), &new).await?;
    if let WorkflowChanged::Outdated(there) = &changed {
        let current = there.revision.as_deref().unwrap_or("INITIAL");
        return Err(ApiError::conflict(format!(
            "Failed to publish the State Machine version for revision {}. The current State Machine revision is {current}.",
            revision.unwrap_or_default()
        )));
    }
    let (_, version) = done(changed, &arn)?;
    let version = version.ok_or_else(|| ApiError::internal("a version was published, and is not there"))?;
    Ok(shape(&version, arn::version(settings, workflow, version.number)))
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachineVersions.html>
pub(super) async fn list<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    let results = fields.max_results()?;
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    let host = api.protocol.host();
    let workflow = super::machines::find(api, &arn).await?.name;
    let (asked, now_ms) = (json!(["ListStateMachineVersions", arn]), host.clock().now_ms());
    let before = token.map(|token| api.tokens.open(&asked, &token, now_ms)).transpose()?;
    let before = match before {
        Some(place) => Some(serde_json::from_value(place).map_err(|_| ApiError::invalid_token())?),
        None => None,
    };
    let mut found = host.store().versions_before(&workflow, before, results + 1).await?;
    let token = match found.len() > results {
        true => {
            found.truncate(results);
            let last = found.last().map(|version| json!(version.number)).unwrap_or_default();
            Some(api.tokens.seal(&asked, &last, now_ms)?)
        }
        false => None,
    };
    let arn = |number| arn::version(host.settings(), &workflow, number);
    let versions: Vec<Value> = found.iter().map(|version| shape(version, arn(version.number))).collect();
    Ok(Answer::default().set("stateMachineVersions", versions).set_some("nextToken", token).into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachineVersion.html>
pub(super) async fn delete<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineVersionArn", Text::LONG_ARN)?;
    fields.check()?;
    let (workflow, number) = match arn::qualified(api.protocol.host().settings(), &arn)? {
        (workflow, Some(Qualifier::Version(number))) => (workflow, number),
        _ => return Err(arn::invalid(&arn)),
    };
    match api.protocol.delete_version(workflow, number).await? {
        VersionDeleted::Done => Ok(json!({})),
        VersionDeleted::Aliased(names) => Err(ApiError::conflict(format!(
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
            names.join(", ")
        ))),
    }
}

/// The version that a qualifier leads to, if it is there: of an alias the one that most new executions take.
pub(super) async fn find<H: Host>(
    api: &Api<H>,
    workflow: &str,
    qualifier: &Qualifier,
) -> Result<Option<VersionItem>, ApiError> {
    let store = api.protocol.host().store();
    let number = match qualifier {
        Qualifier::Version(number) => Some(*number),
        Qualifier::Alias(name) => store.alias(workflow, name).await?.and_then(|alias| alias.main_version()),
    };
    match number {
        Some(number) => Ok(store.version(workflow, number).await?),
        None => Ok(None),
    }
}

/// What a change came to.
pub(super) fn done(
    changed: WorkflowChanged,
    state_machine_arn: &str,
) -> Result<(WorkflowItem, Option<Box<VersionItem>>), ApiError> {
    match changed {
        WorkflowChanged::Done(item, version) => Ok((item, version)),
        WorkflowChanged::NotThere => Err(ApiError::no_state_machine(state_machine_arn)),
        WorkflowChanged::TooManyVersions => Err(ApiError::new(
            Kind::ServiceQuotaExceededException,
            format!("A state machine has at most {VERSIONS_MAX} versions: '{state_machine_arn}'"),
        )),
        WorkflowChanged::Outdated(_) => Err(ApiError::internal("no revision was asked for")),
    }
}

fn shape(version: &VersionItem, arn: String) -> Value {
    Answer::default()
        .set("stateMachineVersionArn", arn)
        .set("creationDate", seconds(version.created_ms))
        .into_value()
}
