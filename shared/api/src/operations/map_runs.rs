//! ListMapRuns, DescribeMapRun and UpdateMapRun. Map Runs are told by histories, and not kept yet.

use crate::{
    Api, arn,
    error::ApiError,
    fields::{Fields, Text},
};
use serde_json::{Value, json};
use stepladder_protocol::Host;

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListMapRuns.html>
pub(super) async fn list<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
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

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html>
pub(super) fn describe<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
    let arn = fields.required("mapRunArn", Text::LONG_ARN)?;
    fields.check()?;
    Err(none(api, &arn))
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateMapRun.html>
pub(super) fn update<H: Host>(api: &Api<H>, mut fields: Fields) -> Result<Value, ApiError> {
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
    Err(none(api, &arn))
}

/// Why there is no Map Run of an ARN.
pub(super) fn none<H: Host>(api: &Api<H>, arn: &str) -> ApiError {
    match arn::map_run(api.protocol.host().settings(), arn) {
        Ok(()) => ApiError::no_resource(arn),
        Err(invalid) => invalid,
    }
}
