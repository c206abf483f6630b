//! CreateStateMachine and UpdateStateMachine.

use super::{
    diagnostics,
    machines::{find, no_logging, no_tracing},
};
use crate::{
    Api,
    answer::{Answer, seconds},
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use stepladder_asl::Definition;
use stepladder_protocol::{
    Host, MadeWith, NewVersion, Versions, WorkflowChange, WorkflowChanged, WorkflowCreated, WorkflowItem,
    WorkflowType, check_name,
};

pub(super) const TYPES: [&str; 2] = ["STANDARD", "EXPRESS"];
const LEVELS: [&str; 4] = ["ALL", "ERROR", "FATAL", "OFF"];

/// What both take.
#[derive(Debug, Default)]
struct Asked {
    definition: Option<String>,
    role_arn: Option<String>,
    logging: Option<Value>,
    tracing: Option<Value>,
    has_encryption: bool,
    version: Option<NewVersion>,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html>
///
/// Whether one that is there is the same is told from its definition's JSON, its type and its configurations: white space and
/// the order of members are no difference here.
pub(super) async fn create<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let name = fields.required("name", Text::NAME)?;
    let workflow_type = workflow_type(fields.one_of("type", &TYPES)?);
    let tags: BTreeMap<String, String> = super::tags::read(&mut fields)?.unwrap_or_default();
    for required in ["definition", "roleArn"] {
        if !fields.has(required) {
            fields.missing(required);
        }
    }
    let asked = read(&mut fields)?;
    if check_name(&name).is_err() {
        return Err(ApiError::invalid_name(&name));
    }
    let arn = arn::state_machine(api.protocol.host().settings(), &name);
    super::tags::check_new(&arn, &tags)?;
    let definition = runnable(api, asked.definition.as_deref().unwrap_or_default(), workflow_type)?;
    let (logging, tracing) = (asked.logging.clone(), asked.tracing.clone());
    let change = WorkflowChange {
        definition: Some(&definition),
        role_arn: asked.role_arn,
        // What AWS shows anyhow is not kept.
        logging: asked.logging.filter(|logging| *logging != no_logging()),
        tracing: asked.tracing.filter(|tracing| *tracing != no_tracing()),
    };
    let with = MadeWith { version: asked.version.clone(), tags };
    let made = api.protocol.create_workflow_with(&name, workflow_type, &definition, change, with).await?;
    let item = match made {
        WorkflowCreated::Created(item) => item,
        WorkflowCreated::Exists(item) => {
            let is_same = has_version(api, &item, asked.version.as_ref()).await?
                && item.definition == definition.hash
                && item.workflow_type == workflow_type
                && shown(item.logging.as_ref(), no_logging) == shown(logging.as_ref(), no_logging)
                && shown(item.tracing.as_ref(), no_tracing) == shown(tracing.as_ref(), no_tracing);
            if !is_same {
                let message = format!("State Machine Already Exists: '{arn}'");
                return Err(ApiError::new(Kind::StateMachineAlreadyExists, message));
            }
            item
        }
    };
    let version = asked.version.and(item.published);
    let version = version.map(|number| arn::version(api.protocol.host().settings(), &name, number));
    Ok(Answer::default()
        .set("stateMachineArn", arn)
        .set("creationDate", seconds(item.created_ms.unwrap_or_default()))
        .set_some("stateMachineVersionArn", version)
        .into_value())
}

/// Whether one that is there has the version that was asked for, if one was.
async fn has_version<H: Host>(
    api: &Api<H>,
    item: &WorkflowItem,
    asked: Option<&NewVersion>,
) -> Result<bool, ApiError> {
    let Some(asked) = asked else { return Ok(true) };
    let Some(number) = item.published else { return Ok(false) };
    let there = api.protocol.host().store().version(&item.name, number).await?;
    Ok(there.is_some_and(|there| there.description == asked.description))
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html>
pub(super) async fn update<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("stateMachineArn", Text::ARN)?;
    let asked = read(&mut fields)?;
    let item = find(api, &arn).await?;
    let changes = [asked.definition.is_some(), asked.role_arn.is_some(), asked.logging.is_some()];
    let is_empty = !changes.contains(&true) && asked.tracing.is_none() && !asked.has_encryption;
    if is_empty && asked.version.is_none() {
        return Err(ApiError::new(
            Kind::MissingRequiredParameter,
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        ));
    }
    let definition =
        asked.definition.as_deref().map(|text| runnable(api, text, item.workflow_type)).transpose()?;
    let change = WorkflowChange {
        definition: definition.as_ref(),
        role_arn: asked.role_arn,
        logging: asked.logging.filter(|logging| *logging != shown(item.logging.as_ref(), no_logging)),
        tracing: asked.tracing.filter(|tracing| *tracing != shown(item.tracing.as_ref(), no_tracing)),
    };
    let changed = match &asked.version {
        Some(version) => api.protocol.update_and_publish(&item.name, change, version).await?,
        None => match api.protocol.update_workflow(&item.name, change).await? {
            Some(updated) => WorkflowChanged::Done(updated, None),
            None => WorkflowChanged::NotThere,
        },
    };
    let (updated, version) = super::versions::done(changed, &arn)?;
    let settings = api.protocol.host().settings();
    Ok(Answer::default()
        .set("updateDate", seconds(updated.updated_ms.unwrap_or_default()))
        .set_some("revisionId", updated.revision)
        .set_some(
            "stateMachineVersionArn",
            version.map(|version| arn::version(settings, &updated.name, version.number)),
        )
        .into_value())
}

pub(super) fn workflow_type(name: Option<&str>) -> WorkflowType {
    match name {
        Some("EXPRESS") => WorkflowType::Express,
        _ => WorkflowType::Standard,
    }
}

/// A definition that can be run here.
fn runnable<H>(api: &Api<H>, text: &str, workflow_type: WorkflowType) -> Result<Definition, ApiError> {
    diagnostics::runnable(text, workflow_type, api.unsupported, api.reads_parquet)
        .map_err(diagnostics::invalid_definition)
}

fn shown(set: Option<&Value>, unset: fn() -> Value) -> Value {
    set.cloned().unwrap_or_else(unset)
}

/// Reads what both take, and checks all that the request has.
fn read(fields: &mut Fields) -> Result<Asked, ApiError> {
    let definition = fields.text("definition", Text::DEFINITION)?;
    let role_arn = fields.text("roleArn", Text::ARN)?;
    let logging = fields.open("loggingConfiguration")?.map(|inner| logging(fields, inner)).transpose()?;
    let tracing = match fields.open("tracingConfiguration")? {
        Some(mut inner) => {
            let enabled = inner.boolean("enabled")?.unwrap_or_default();
            fields.close(inner);
            Some(json!({ "enabled": enabled }))
        }
        None => None,
    };
    let has_encryption = fields.has("encryptionConfiguration");
    let encryption = encryption(fields)?;
    let publish = fields.boolean("publish")?.unwrap_or_default();
    let description = fields.text("versionDescription", Text::DESCRIPTION)?;
    fields.check()?;
    if let Some(role) = &role_arn
        && !arn::is_role(role)
    {
        return Err(ApiError::new(Kind::InvalidArn, format!("Invalid Role Arn: '{role}'")));
    }
    if let Some(Err(error)) = logging.as_ref().map(destinations) {
        return Err(error);
    }
    check_encryption(encryption)?;
    if description.is_some() && !publish {
        return Err(ApiError::validation("Version description can only be set when publish is true"));
    }
    let version = publish.then_some(NewVersion { description });
    Ok(Asked { definition, role_arn, logging, tracing, has_encryption, version })
}

/// The type of the member `encryptionConfiguration`, where there is one.
pub(super) fn encryption(fields: &mut Fields) -> Result<Option<&'static str>, ApiError> {
    let Some(mut inner) = fields.open("encryptionConfiguration")? else { return Ok(None) };
    if !inner.has("type") {
        inner.missing("type");
    }
    let kind = inner.one_of("type", &["CUSTOMER_MANAGED_KMS_KEY", "AWS_OWNED_KEY"])?;
    fields.close(inner);
    Ok(kind)
}

pub(super) fn check_encryption(kind: Option<&str>) -> Result<(), ApiError> {
    match kind {
        Some("CUSTOMER_MANAGED_KMS_KEY") => Err(ApiError::new(
            Kind::InvalidEncryptionConfiguration,
            "Customer managed keys are not supported by this version of Stepladder",
        )),
        _ => Ok(()),
    }
}

/// As it is kept and shown.
fn logging(fields: &mut Fields, mut inner: Fields) -> Result<Value, ApiError> {
    let level = inner.one_of("level", &LEVELS)?.unwrap_or("OFF");
    let with_data = inner.boolean("includeExecutionData")?.unwrap_or_default();
    let destinations = inner.list("destinations")?;
    fields.close(inner);
    let mut logging = Map::new();
    logging.insert("level".to_owned(), json!(level));
    logging.insert("includeExecutionData".to_owned(), json!(with_data));
    if let Some(destinations) = destinations {
        logging.insert("destinations".to_owned(), Value::Array(destinations));
    }
    Ok(Value::Object(logging))
}

/// One log group where something is to be logged, and nothing but its ARN.
fn destinations(logging: &Value) -> Result<(), ApiError> {
    let invalid = |why: &str| {
        ApiError::new(Kind::InvalidLoggingConfiguration, format!("Invalid Logging Configuration: {why}"))
    };
    let groups = logging.get("destinations").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match groups {
        [] if logging.get("level") == Some(&json!("OFF")) => Ok(()),
        [group] => {
            let arn = group.pointer("/cloudWatchLogsLogGroup/logGroupArn").and_then(Value::as_str);
            let is_it = arn.is_some_and(|arn| arn.starts_with("arn:") && arn.len() <= 256)
                && *group == json!({ "cloudWatchLogsLogGroup": { "logGroupArn": arn } });
            is_it.then_some(()).ok_or_else(|| invalid("The log destination has to be a log group."))
        }
        _ => Err(invalid("Must specify exactly one Log Destination.")),
    }
}
