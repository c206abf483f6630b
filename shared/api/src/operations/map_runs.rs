//! ListMapRuns, DescribeMapRun and UpdateMapRun; and the children of a Map Run as ListExecutions and DescribeExecution show them.

use super::{executions::METADATA_ONLY, redrive::refusal};
use crate::{
    Api,
    answer::{Answer, seconds},
    arn::{self, Labeled},
    error::ApiError,
    fields::{Fields, Text},
    limits::{LOOKED_AT_MAX, READS_AT_ONCE},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use stepladder_engine::{Branch, Wish};
use stepladder_protocol::{
    ChildStatus, ChildrenAsked, Clock, Counts, Host, MapRunChild, MapRunEnd, MapRunFound, MapRunItem,
    MapRunStatus, MapRunUpdated, MapRuns,
};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListMapRuns.html>
///
/// Those of the execution itself, by the places where they were started, the last one first.
pub(super) async fn list<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("executionArn", Text::ARN)?;
    let results = fields.max_results()?;
    let token = fields.text("nextToken", Text::TOKEN)?;
    fields.check()?;
    let run = super::executions::find(api, &arn).await?;
    let (host, root) = (api.protocol.host(), Branch::default());
    let (asked, now_ms) = (json!(["ListMapRuns", arn, run.nonce]), host.clock().now_ms());
    let before = match token {
        Some(token) => {
            let place = api.tokens.open(&asked, &token, now_ms)?;
            let place: Result<(Branch, u32), _> = serde_json::from_value(place);
            Some(place.map_err(|_| ApiError::invalid_token())?)
        }
        None => None,
    };
    let before = before.as_ref().map(|(branch, seq)| (branch, *seq));
    let mut items = host.store().map_runs(&run.key(), &root, before, results + 1).await?;
    let token = match items.len() > results {
        true => {
            items.truncate(results);
            let last = items.last().map(|item| json!([item.key.branch, item.key.seq])).unwrap_or_default();
            Some(api.tokens.seal(&asked, &last, now_ms)?)
        }
        false => None,
    };
    let found = items.into_iter().map(|item| MapRunFound { item, run: run.clone() });
    let found: Vec<MapRunFound> = found.collect();
    let shapes: Vec<_> = found.iter().map(|found| listed(api, found)).collect();
    let shapes: Vec<Value> = stream::iter(shapes).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(Answer::default().set("mapRuns", shapes).set_some("nextToken", token).into_value())
}

async fn listed<H: Host>(api: &Api<H>, found: &MapRunFound) -> Result<Value, ApiError> {
    let end = api.protocol.map_run_end(found).await?;
    let answer = Answer::default()
        .set("executionArn", found.run.run().execution_arn())
        .set("mapRunArn", found.arn())
        .set("stateMachineArn", machine(found))
        .set("startDate", seconds(found.item.started_ms))
        .set_time("stopDate", end.stopped_ms);
    Ok(answer.into_value())
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html>
pub(super) async fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("mapRunArn", Text::LONG_ARN)?;
    fields.check()?;
    let found = find(api, &arn).await?;
    let end = api.protocol.map_run_end(&found).await?;
    let counts = api.protocol.map_run_counts(&found, end).await?;
    let settings = api.protocol.map_run_settings(&found).await?;
    let MapRunItem { now, started_ms, .. } = &found.item;
    let answer = Answer::default()
        .set("mapRunArn", found.arn())
        .set("executionArn", found.run.run().execution_arn())
        .set("status", end.status.as_str())
        .set("startDate", seconds(*started_ms))
        .set_time("stopDate", end.stopped_ms)
        .set("maxConcurrency", settings.max_concurrency)
        .set("toleratedFailureCount", settings.failures_tolerated)
        .set("toleratedFailurePercentage", settings.failures_tolerated_percentage)
        .set("itemCounts", counts_shape(&counts.items, end))
        .set("executionCounts", counts_shape(&counts.executions, end))
        .set("redriveCount", found.item.redrives())
        .set_time("redriveDate", now.redriven_ms);
    Ok(answer.into_value())
}

fn counts_shape(counts: &Counts, end: MapRunEnd) -> Value {
    // What a Map Run that has succeeded put up with is never redriven.
    let failures_for_good = match end.status {
        MapRunStatus::Succeeded => counts.failed,
        MapRunStatus::Running | MapRunStatus::Failed | MapRunStatus::Aborted => 0,
    };
    json!({
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        // A child has no limit of its own that could end it so.
        "timedOut": 0,
        "aborted": counts.aborted,
        "total": counts.total,
        // No definition with a ResultWriter runs here.
        "resultsWritten": 0,
        "failuresNotRedrivable": failures_for_good,
        "pendingRedrive": counts.pending_redrive,
    })
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateMapRun.html>
///
/// The children that have begun go on to their ends; the others begin then, by what was asked for.
pub(super) async fn update<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("mapRunArn", Text::LONG_ARN)?;
    let concurrency = fields.integer("maxConcurrency", Some(i32::MAX.unsigned_abs().into()))?;
    let count = fields.integer("toleratedFailureCount", Some(i64::MAX.unsigned_abs()))?;
    let percentage = fields.decimal("toleratedFailurePercentage", 100)?;
    fields.check()?;
    arn::map_run(api.protocol.host().settings(), &arn)?;
    if concurrency.is_none() && count.is_none() && percentage.is_none() {
        return Err(ApiError::missing(
            "Must specify at least one of maxConcurrency, toleratedFailureCount, and toleratedFailurePercentage",
        ));
    }
    let found = find(api, &arn).await?;
    let ended = || Err(ApiError::completed_map_run(&arn));
    if api.protocol.map_run_end(&found).await?.status != MapRunStatus::Running {
        return ended();
    }
    let wish = Wish {
        max_concurrency: concurrency,
        failures_tolerated: count,
        failures_tolerated_percentage: percentage,
    };
    match api.protocol.update_map_run(&found, wish).await? {
        MapRunUpdated::Done => Ok(json!({})),
        MapRunUpdated::Ended => ended(),
        MapRunUpdated::Reads => Err(ApiError::validation(
            "The Map Run reads its items; it can be updated when its first children have begun",
        )),
        MapRunUpdated::TooWide { children_max } => Err(ApiError::validation(format!(
            "A Map Run of more than {children_max} children can't be updated while it runs"
        ))),
        MapRunUpdated::Busy => Err(ApiError::throttled("The Map Run is being updated by others, try again")),
    }
}

/// What ListExecutions is asked of a Map Run.
pub(super) struct ChildrenQuery {
    pub(super) arn: String,
    pub(super) status: Option<&'static str>,
    pub(super) redriven: Option<&'static str>,
    pub(super) results: usize,
    pub(super) token: Option<String>,
}

/// The children of a Map Run, by their indexes, the last one first. A page looks at [`LOOKED_AT_MAX`] of them at most.
pub(super) async fn children<H: Host>(api: &Api<H>, query: ChildrenQuery) -> Result<Value, ApiError> {
    let ChildrenQuery { arn, status, redriven, results, token } = query;
    let found = find(api, &arn).await?;
    let asked = json!(["ListExecutions", arn, status, redriven]);
    let now_ms = api.protocol.host().clock().now_ms();
    let before = match token {
        Some(token) => {
            let place = api.tokens.open(&asked, &token, now_ms)?;
            let before = place.get("before").and_then(Value::as_u64);
            let before = before.and_then(|before| u32::try_from(before).ok());
            Some(before.ok_or_else(ApiError::invalid_token)?)
        }
        None => None,
    };
    let is_wanted = |child: ChildStatus, redrives: u32| {
        status.is_none_or(|status| status == child.as_str())
            && redriven.is_none_or(|redriven| (redriven == "REDRIVEN") == (redrives > 0))
    };
    let end = api.protocol.map_run_end(&found).await?;
    let asked_for = ChildrenAsked { before, wanted: results, looked_at_max: LOOKED_AT_MAX, is_wanted };
    let page = api.protocol.map_run_children(&found, end, asked_for).await?;
    let token = match page.before {
        Some(before) => Some(api.tokens.seal(&asked, &json!({ "before": before }), now_ms)?),
        None => None,
    };
    let shapes = page.children.iter();
    let shapes = shapes.map(|child| shape(&found, child).set_some("itemCount", child.items).into_value());
    let shapes: Vec<Value> = shapes.collect();
    Ok(Answer::default().set("executions", shapes).set_some("nextToken", token).into_value())
}

/// What ListExecutions and DescribeExecution say of a child.
fn shape(found: &MapRunFound, child: &MapRunChild) -> Answer {
    Answer::default()
        .set("executionArn", found.run.run().child_arn(&found.item.label, &child.name))
        .set("stateMachineArn", machine(found))
        .set("name", child.name.as_str())
        .set("status", child.status.as_str())
        .set("startDate", seconds(child.started_ms))
        .set_time("stopDate", child.stopped_ms)
        .set("mapRunArn", found.arn())
        .set("redriveCount", child.redrives)
        .set_time("redriveDate", child.redriven_ms)
}

/// DescribeExecution of a child.
pub(super) async fn describe_child<H: Host>(
    api: &Api<H>,
    arn: &str,
    child: Labeled<'_>,
    included: Option<&str>,
) -> Result<Value, ApiError> {
    let data = api.protocol.map_run_child(child.workflow, child.name).await?;
    let data = data.filter(|data| data.found.item.label == child.label);
    let data = data.ok_or_else(|| ApiError::no_execution(arn))?;
    let status = data.child.status;
    let has_failed = matches!(status, ChildStatus::Failed | ChildStatus::Aborted);
    let end = api.protocol.map_run_end(&data.found).await?;
    let is_redrivable = has_failed
        && matches!(end.status, MapRunStatus::Failed | MapRunStatus::Aborted)
        && refusal(&data.found.run, api.protocol.host().clock().now_ms()).is_none();
    let answer = shape(&data.found, &data.child);
    let answer = match is_redrivable {
        true => answer.set("redriveStatus", "REDRIVABLE_BY_MAP_RUN"),
        false => answer
            .set("redriveStatus", "NOT_REDRIVABLE")
            .set("redriveStatusReason", format!("Execution is {} and cannot be redriven", status.as_str())),
    };
    let answer = match included {
        Some(METADATA_ONLY) => answer,
        _ => {
            let answer = answer.set_data("input", &data.input)?;
            match &data.ending.output {
                Some(output) => answer.set_data("output", output)?,
                None => answer,
            }
        }
    };
    Ok(answer.set_some("error", data.ending.error).set_some("cause", data.ending.cause).into_value())
}

/// The state machine of a Map Run's children, in AWS's form: the Map state's label stands behind that of the run.
fn machine(found: &MapRunFound) -> String {
    format!("{}/{}", found.run.run().state_machine_arn(), found.item.label)
}

/// The Map Run of an ARN.
async fn find<H: Host>(api: &Api<H>, arn: &str) -> Result<MapRunFound, ApiError> {
    let Some(named) = arn::map_run(api.protocol.host().settings(), arn)? else {
        return Err(ApiError::no_resource(arn));
    };
    let found = api.protocol.find_map_run(named.workflow, named.name).await?;
    found.filter(|found| found.item.label == named.label).ok_or_else(|| ApiError::no_resource(arn))
}
