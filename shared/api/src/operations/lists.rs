//! ListExecutions, ListStateMachines and ListMapRuns.

use crate::{
    Api, Refusals,
    answer::{Answer, seconds},
    arn,
    error::{ApiError, Kind},
    fields::{Fields, Text},
    limits::{LOOKED_AT_MAX, READS_AT_ONCE, SAME_MS_MAX},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use stepladder_protocol::{Clock, Host, ListedRun, RunId, RunItem, Store, WorkflowType};

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
            return Err(ApiError::validation("Must specify either stateMachineArn or mapRunArn")
                .with("reason", "MISSING_REQUIRED_PARAMETER"));
        }
        // There are no Map Runs.
        (None, Some(map_run)) => {
            return Err(ApiError::new(Kind::ResourceNotFound, format!("Resource not found: '{map_run}'"))
                .with("resourceName", map_run));
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
    let workflow = arn::workflow(host.settings(), &arn)?;
    let Some(item) = host.store().workflow(workflow).await? else {
        return Err(ApiError::no_state_machine(&arn));
    };
    if item.workflow_type == WorkflowType::Express && api.refusals == Refusals::Aws {
        return Err(ApiError::type_not_supported());
    }
    let asked = json!(["ListExecutions", arn, status]);
    let now_ms = host.clock().now_ms();
    let mut place = match token {
        Some(token) => Some(place_of(&api.tokens.open(&asked, &token, now_ms)?)?),
        None => None,
    };
    // One more than asked for, if there is one, tells that there is a next page.
    let mut found: Vec<RunItem> = Vec::new();
    let mut looked_at = 0;
    let is_last = loop {
        let wanted = results - found.len();
        let listed = runs_behind(host.store(), workflow, place.as_ref(), wanted + 1).await?;
        let is_last = listed.len() <= wanted;
        let listed: Vec<ListedRun> = listed.into_iter().take(wanted).collect();
        looked_at += listed.len();
        place = listed.last().map(|run| (run.started_ms, run.id.name.clone())).or(place);
        let ids = listed.into_iter().map(|run| run.id);
        found.extend(
            items(host, ids)
                .await?
                .into_iter()
                .filter(|item| status.is_none_or(|status| item.status.as_str() == status)),
        );
        if is_last || found.len() >= results || looked_at >= LOOKED_AT_MAX {
            break is_last;
        }
    };
    let token = match (is_last, place) {
        (false, Some((ms, name))) => Some(api.tokens.seal(&asked, &json!({ "t": ms, "n": name }), now_ms)?),
        _ => None,
    };
    let executions: Vec<Value> = found.iter().map(shape).collect();
    Ok(Answer::default().set("executions", executions).set_some("nextToken", token).into_value())
}

fn shape(item: &RunItem) -> Value {
    Answer::default()
        .set("executionArn", item.run().execution_arn())
        .set("stateMachineArn", item.run().state_machine_arn())
        .set("name", item.id.name.as_str())
        .set("status", item.status.as_str())
        .set("startDate", seconds(item.started_ms))
        .set_time("stopDate", item.ended_ms)
        .set("redriveCount", item.redrive_count)
        .set_time("redriveDate", item.redriven_ms())
        .into_value()
}

/// Where a page begins: behind this start time and name.
type Place = (i64, String);

fn place_of(place: &Value) -> Result<Place, ApiError> {
    let time = place.get("t").and_then(Value::as_i64);
    let name = place.get("n").and_then(Value::as_str);
    time.zip(name.map(str::to_owned)).ok_or_else(ApiError::invalid_token)
}

/// The next `wanted` runs of a workflow, by start time and then by name, backwards; fewer only where there are no more.
///
/// The list's index has no order among those of one millisecond, so those at which a page is cut are read as a whole.
async fn runs_behind<S: Store>(
    store: &S,
    workflow: &str,
    place: Option<&Place>,
    wanted: usize,
) -> Result<Vec<ListedRun>, ApiError> {
    let mut runs = Vec::new();
    let mut until_ms = i64::MAX;
    if let Some((ms, name)) = place {
        until_ms = *ms;
        let same = runs_at(store, workflow, *ms).await?;
        runs.extend(same.into_iter().filter(|run| run.id.name < *name));
    }
    if runs.len() < wanted {
        let limit = wanted - runs.len();
        let mut older = store.runs_started(workflow, 0, until_ms, limit).await?;
        if older.len() == limit
            && let Some(cut_ms) = older.last().map(|run| run.started_ms)
        {
            older.retain(|run| run.started_ms != cut_ms);
            older.extend(runs_at(store, workflow, cut_ms).await?);
        }
        runs.extend(older);
    }
    runs.truncate(wanted);
    Ok(runs)
}

/// All runs of one millisecond, by name, backwards.
async fn runs_at<S: Store>(store: &S, workflow: &str, ms: i64) -> Result<Vec<ListedRun>, ApiError> {
    let mut runs = store.runs_started(workflow, ms, ms.saturating_add(1), SAME_MS_MAX).await?;
    runs.sort_by(|a, b| b.id.cmp(&a.id));
    Ok(runs)
}

/// The items of runs, in the same order; those that have expired are left out.
async fn items<H: Host>(host: &H, ids: impl Iterator<Item = RunId> + Send) -> Result<Vec<RunItem>, ApiError> {
    let now_ms = host.clock().now_ms();
    let ids: Vec<RunId> = ids.collect();
    let reads = ids.into_iter().map(|id| async move { host.store().run(&id, now_ms).await });
    let items: Vec<Option<RunItem>> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(items.into_iter().flatten().collect())
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

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListMapRuns.html>: no execution has any yet.
pub(super) async fn map_runs<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    fields.max_results()?;
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    super::executions::find(api, &arn).await?;
    match token {
        // None was ever given.
        Some(_) => Err(ApiError::invalid_token()),
        None => Ok(json!({ "mapRuns": [] })),
    }
}
