//! StartExecution and StartSyncExecution.

use crate::{
    Api, Refusals,
    answer::{Answer, seconds},
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
    jackson::jackson,
    limits::{AWS_DATA_BYTES_MAX, REQUEST_BYTES_MAX, SYNC_FIRST_LEG_MS, SYNC_WAIT_MS},
};
use serde_json::{Map, Value, json};
use stepladder_engine::Status;
use stepladder_protocol::{
    Clock, Host, Qualifier, RunItem, StartError, StartRequest, Started, Store, WorkflowType, json, uuid,
};

/// What both take.
struct Asked {
    state_machine_arn: String,
    workflow: String,
    qualifier: Option<Qualifier>,
    name: String,
    input: Value,
    trace_header: Option<String>,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub(super) async fn start<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let asked = read(api, &mut fields, |fields| fields.check())?;
    let arn = asked.state_machine_arn.clone();
    match start_asked(api, asked).await {
        Ok(Started::Created(item)) => Ok(started(&item)),
        Ok(Started::Repeated(item)) if item.status == Status::Running => Ok(started(&item)),
        Ok(Started::Repeated(item) | Started::Conflict(item)) => Err(exists(&item)),
        Err(error) => Err(refused(error, &arn)),
    }
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html>
pub(super) async fn start_sync<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let mut included = None;
    let asked = read(api, &mut fields, |fields| {
        included = fields.one_of("includedData", &super::executions::INCLUDED)?;
        fields.check()
    })?;
    let (arn, trace_header) = (asked.state_machine_arn.clone(), asked.trace_header.clone());
    // AWS refuses all but EXPRESS. Here each can be waited for.
    if api.refusals == Refusals::Aws {
        let store = api.protocol.host().store();
        let Some(workflow) = store.workflow(&asked.workflow).await? else {
            return Err(ApiError::no_state_machine(&arn));
        };
        if workflow.workflow_type != WorkflowType::Express {
            return Err(ApiError::type_not_supported());
        }
    }
    // A repetition waits for the run that is there, or finds its end: it may be a client's own retry.
    let item = match start_asked(api, asked).await {
        Ok(Started::Created(item) | Started::Repeated(item)) => item,
        Ok(Started::Conflict(item)) => return Err(exists(&item)),
        Err(error) => return Err(refused(error, &arn)),
    };
    let item = ended(api, item).await?;
    let answer = Answer::default()
        .set("executionArn", item.run().execution_arn())
        .set("stateMachineArn", item.run().state_machine_arn())
        .set("name", item.id.name.as_str())
        .set("startDate", seconds(item.started_ms))
        .set_time("stopDate", item.ended_ms)
        .set("status", sync_status(item.status))
        .set_some("traceHeader", trace_header);
    let answer = super::executions::with_data(api, answer, &item, included).await?;
    // Otherwise than DescribeExecution it says of an output that there is none that it is whole.
    let answer = match answer.has("inputDetails") && !answer.has("outputDetails") {
        true => answer.set("outputDetails", json!({ "included": true })),
        false => answer,
    };
    Ok(answer.into_value())
}

/// `more` reads what the operation takes beside, and checks all.
fn read<H: Host>(
    api: &Api<H>,
    fields: &mut Fields,
    more: impl FnOnce(&mut Fields) -> Result<(), ApiError>,
) -> Result<Asked, ApiError> {
    let state_machine_arn = fields.required("stateMachineArn", Text::ARN)?;
    let name = fields.text("name", Text::NAME)?;
    let input = fields.text("input", Text::data(data_bytes_max(api)))?;
    let trace_header = fields.text("traceHeader", Text::TRACE_HEADER)?;
    more(fields)?;
    let (workflow, qualifier) = arn::qualified(api.protocol.host().settings(), &state_machine_arn)?;
    let workflow = workflow.to_owned();
    let name = name.unwrap_or_else(|| uuid(api.protocol.host().clock().random_u128()));
    let input = match input {
        Some(text) => parse(&text).map_err(ApiError::invalid_input)?,
        None => Value::Object(Map::new()),
    };
    Ok(Asked { state_machine_arn, workflow, qualifier, name, input, trace_header })
}

async fn start_asked<H: Host>(api: &Api<H>, asked: Asked) -> Result<Started, StartError> {
    let request = StartRequest { workflow: asked.workflow, name: asked.name, input: asked.input };
    match asked.qualifier {
        None => api.protocol.start(request).await,
        Some(qualifier) => api.protocol.start_with(request, &qualifier).await,
    }
}

/// The most bytes of an input.
pub(super) fn data_bytes_max<H: Host>(api: &Api<H>) -> usize {
    match api.refusals {
        Refusals::Own => REQUEST_BYTES_MAX,
        Refusals::Aws => AWS_DATA_BYTES_MAX,
    }
}

/// A value out of its JSON text; else why it is none, in AWS's words where they are known.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    if text.trim_start().is_empty() {
        return Err("Invalid execution input.".to_owned());
    }
    json::parse(text.as_bytes()).map_err(|error| jackson(text).unwrap_or_else(|| error.to_string()))
}

fn started(item: &RunItem) -> Value {
    Answer::default()
        .set("executionArn", item.run().execution_arn())
        .set("startDate", seconds(item.started_ms))
        .into_value()
}

fn exists(item: &RunItem) -> ApiError {
    let message = format!("Execution Already Exists: '{}'", item.run().execution_arn());
    ApiError::new(Kind::ExecutionAlreadyExists, message)
}

fn refused(error: StartError, state_machine_arn: &str) -> ApiError {
    match error {
        StartError::InvalidName { name, .. } => ApiError::invalid_name(&name),
        StartError::UnknownWorkflow { .. } => ApiError::no_state_machine(state_machine_arn),
        StartError::World(error) => error.into(),
        StartError::InputTooLarge { .. }
        | StartError::InputTooDeep { .. }
        | StartError::FirstDataTooLarge { .. } => ApiError::invalid_input(error),
    }
}

/// The run, once it has ended.
async fn ended<H: Host>(api: &Api<H>, item: RunItem) -> Result<RunItem, ApiError> {
    for leg_ms in [SYNC_FIRST_LEG_MS, SYNC_WAIT_MS - SYNC_FIRST_LEG_MS] {
        if let Some(ended) = api.protocol.await_end(&item, leg_ms).await? {
            return Ok(ended);
        }
    }
    let message = format!(
        "The execution has not ended within {} seconds, and goes on: '{}'",
        SYNC_WAIT_MS / 1000,
        item.run().execution_arn()
    );
    Err(ApiError::new(Kind::ExecutionStillRunning, message))
}

/// AWS knows no sync execution that somebody has stopped: it has failed.
fn sync_status(status: Status) -> &'static str {
    match status {
        Status::Aborted => Status::Failed.as_str(),
        other => other.as_str(),
    }
}
