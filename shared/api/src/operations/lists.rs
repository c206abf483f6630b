//! ListExecutions and ListStateMachines.

use super::map_runs::ChildrenQuery;
use crate::{
    Api, Refusals,
    answer::{Answer, seconds},
    arn,
    error::ApiError,
    fields::{Fields, Text},
    limits::LOOKED_AT_MAX,
    listing::{Behind, runs_behind},
};
use serde_json::{Value, json};
use stepladder_protocol::{Clock, Host, Items, ListedRun, Qualifier, RunId, RunItem, Store, WorkflowType};

/// As AWS lists them in its messages.
const STATUSES: [&str; 6] = ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];
const PENDING_REDRIVE: &str = "PENDING_REDRIVE";

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>
///
/// Newest first; among those of one millisecond by name, backwards. A page with a filter looks at
/// [`LOOKED_AT_MAX`] executions at most, and may have fewer than asked for, or none, and a token for the next one.
pub(super) async fn executions<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.text("stateMachineArn", Text::ARN)?;
    let status = fields.one_of("statusFilter", &STATUSES)?;
    let results = fields.max_results()?;
    let token = fields.text("nextToken", Text::LIST_EXECUTIONS_TOKEN)?;
    let map_run = fields.text("mapRunArn", Text::LONG_ARN)?;
    let redriven = fields.one_of("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    fields.check()?;
    let arn = match (arn, map_run) {
        (Some(_), Some(_)) => {
            return Err(ApiError::validation("Must specify exactly one of stateMachineArn and mapRunArn"));
        }
        (None, None) => {
            return Err(ApiError::missing("Must specify either stateMachineArn or mapRunArn"));
        }
        (None, Some(arn)) => {
            let asked = ChildrenQuery { arn, status, redriven, results, token };
            return super::map_runs::children(api, asked).await;
        }
        (Some(arn), None) => arn,
    };
    if redriven.is_some() {
        return Err(ApiError::validation("redriveFilter may only be specified with a mapRunArn"));
    }
    if status == Some(PENDING_REDRIVE) {
        return Err(ApiError::validation(
            "statusFilter PENDING_REDRIVE may only be specified with a mapRunArn",
        ));
    }
    let host = api.protocol.host();
    let (workflow, qualifier) = arn::qualified(host.settings(), &arn)?;
    let Some(item) = host.store().workflow(workflow).await? else {
        return Err(ApiError::no_state_machine(&arn));
    };
    if let Some(qualifier) = &qualifier
        && super::versions::find(api, workflow, qualifier).await?.is_none()
    {
        return Err(ApiError::no_state_machine(&arn));
    }
    let is_wanted = |item: &RunItem| {
        let is_with = match &qualifier {
            None => true,
            Some(Qualifier::Version(number)) => item.workflow_version == Some(*number),
            Some(Qualifier::Alias(name)) => item.alias.as_ref() == Some(name),
        };
        is_with && status.is_none_or(|status| item.status.as_str() == status)
    };
    if item.workflow_type == WorkflowType::Express && api.refusals == Refusals::Aws {
        return Err(ApiError::type_not_supported());
    }
    let asked = json!(["ListExecutions", arn, status]);
    let now_ms = host.clock().now_ms();
    let mut place = match token {
        Some(token) => place_of(&api.tokens.open(&asked, &token, now_ms)?)?,
        None => Behind::Nothing,
    };
    // One more than asked for, if there is one, tells that there is a next page.
    let mut found: Vec<RunItem> = Vec::new();
    let mut looked_at = 0;
    let is_last = loop {
        let wanted = results - found.len();
        let listed = runs_behind(host.store(), workflow, &place, wanted + 1).await?;
        let is_last = listed.len() <= wanted;
        let listed: Vec<ListedRun> = listed.into_iter().take(wanted).collect();
        looked_at += listed.len();
        if let Some(last) = listed.last() {
            place = Behind::Run(last.started_ms, last.id.name.clone());
        }
        let ids = listed.into_iter().map(|run| run.id);
        found.extend(items(host, ids).await?.into_iter().filter(is_wanted));
        if is_last || found.len() >= results || looked_at >= LOOKED_AT_MAX {
            break is_last;
        }
    };
    let token = match (is_last, place) {
        (false, Behind::Run(ms, name)) => {
            Some(api.tokens.seal(&asked, &json!({ "t": ms, "n": name }), now_ms)?)
        }
        _ => None,
    };
    let executions: Vec<Value> = found.iter().map(shape).collect();
    Ok(Answer::default().set("executions", executions).set_some("nextToken", token).into_value())
}

fn shape(item: &RunItem) -> Value {
    let answer = Answer::default()
        .set("executionArn", item.run().execution_arn())
        .set("stateMachineArn", item.run().state_machine_arn())
        .set("name", item.id.name.as_str())
        .set("status", item.status.as_str())
        .set("startDate", seconds(item.started_ms))
        .set_time("stopDate", item.ended_ms)
        .set("redriveCount", item.redrive_count)
        .set_time("redriveDate", item.redriven_ms());
    super::executions::with_qualifiers(answer, item).into_value()
}

/// Where a page begins: behind the run of this start time and name.
fn place_of(place: &Value) -> Result<Behind, ApiError> {
    let time = place.get("t").and_then(Value::as_i64);
    let name = place.get("n").and_then(Value::as_str);
    let place = time.zip(name).map(|(ms, name)| Behind::Run(ms, name.to_owned()));
    place.ok_or_else(ApiError::invalid_token)
}

/// The items of runs, in the same order; those that have expired are left out.
async fn items<H: Host>(host: &H, ids: impl Iterator<Item = RunId>) -> Result<Vec<RunItem>, ApiError> {
    let read = Items::read(host.store(), host.clock().now_ms(), ids.collect()).await?;
    match read.unreadable.into_iter().next() {
        Some((_, error)) => Err(error.into()),
        None => Ok(read.items),
    }
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html>
pub(super) async fn state_machines<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let results = fields.max_results()?;
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    let host = api.protocol.host();
    let (asked, now_ms) = (json!(["ListStateMachines"]), host.clock().now_ms());
    let after = token.map(|token| api.tokens.open(&asked, &token, now_ms)).transpose()?;
    let after = after.as_ref().and_then(Value::as_str);
    let mut listed = host.store().workflows_after(after, results + 1).await?;
    let token = match listed.len() > results {
        true => {
            listed.truncate(results);
            let last = listed.last().map(|workflow| json!(workflow.name)).unwrap_or_default();
            Some(api.tokens.seal(&asked, &last, now_ms)?)
        }
        false => None,
    };
    let machines = listed.iter().map(|workflow| {
        Answer::default()
            .set("stateMachineArn", arn::state_machine(host.settings(), &workflow.name))
            .set("name", workflow.name.as_str())
            .set("type", workflow.workflow_type.as_str())
            .set("creationDate", seconds(workflow.created_ms.unwrap_or_default()))
            .into_value()
    });
    let machines: Vec<Value> = machines.collect();
    Ok(Answer::default().set("stateMachines", machines).set_some("nextToken", token).into_value())
}
