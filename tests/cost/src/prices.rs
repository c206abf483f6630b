//! The list prices, read from `prices.toml`: the one place where a price stands.

use serde::Deserialize;

/// US dollars, as `prices.toml` explains them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    pub(crate) region: String,
    /// A month, in words.
    pub(crate) read_on: String,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) sqs: Sqs,
    pub(crate) s3: S3,
    pub(crate) lambda: Lambda,
    pub(crate) logs: Logs,
    pub(crate) cloudwatch: CloudWatch,
    pub(crate) scheduler: Scheduler,
    pub(crate) kms: Kms,
    pub(crate) standard: Standard,
    pub(crate) express: Express,
    pub(crate) durable: Durable,
    pub(crate) free: Free,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DynamoDb {
    pub(crate) write_units_per_million: f64,
    pub(crate) read_units_per_million: f64,
    pub(crate) storage_per_gb_month: f64,
    pub(crate) recovery_per_gb_month: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sqs {
    pub(crate) requests_per_million: f64,
    pub(crate) request_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct S3 {
    pub(crate) puts_per_million: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lambda {
    pub(crate) requests_per_million: f64,
    pub(crate) gb_second: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logs {
    pub(crate) per_gb: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatch {
    pub(crate) alarm_metric_month: f64,
    pub(crate) composite_alarm_month: f64,
    pub(crate) dashboard_month: f64,
    pub(crate) custom_metric_month: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scheduler {
    pub(crate) invocations_per_million: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kms {
    pub(crate) key_month: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standard {
    pub(crate) transitions_per_million: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Express {
    pub(crate) requests_per_million: f64,
    pub(crate) gb_second: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Durable {
    pub(crate) operations_per_million: f64,
    pub(crate) written_per_gb: f64,
    pub(crate) retained_per_gb_month: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Free {
    pub(crate) sqs_requests: f64,
    pub(crate) lambda_requests: f64,
    pub(crate) alarm_metrics: f64,
    pub(crate) dashboards: f64,
    pub(crate) custom_metrics: f64,
    pub(crate) schedule_invocations: f64,
}

impl Prices {
    /// Those of the file that this program was built with.
    pub(crate) fn list() -> Result<Self, String> {
        toml::from_str(include_str!("../prices.toml"))
            .map_err(|error| format!("tests/cost/prices.toml: {error}"))
    }
}
