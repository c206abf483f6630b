//! Counts for CloudWatch, as lines of a log in its embedded metric format: no call, and what is zero costs nothing.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use crate::limits::METRICS_INTERVAL_MS;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use stepladder_protocol::{Metric, Metrics};

/// The namespace of all metrics. Their one dimension is `Stack`.
const NAMESPACE: &str = "Stepladder";

/// When a process last wrote its counts.
#[derive(Debug)]
pub struct EmfMetrics {
    stack: String,
    written_ms: AtomicI64,
}

impl EmfMetrics {
    pub fn new(stack: &str) -> Self {
        Self { stack: stack.to_owned(), written_ms: AtomicI64::new(i64::MIN) }
    }

    /// The line to write after an invocation, without its newline: at most one a minute, unless something was counted
    /// that somebody should know of at once. What no later invocation takes up waits for [`EmfMetrics::last_line`].
    pub fn line(&self, metrics: &Metrics, now_ms: i64) -> Option<String> {
        let is_due = now_ms.saturating_sub(self.written_ms.load(Ordering::Relaxed)) >= METRICS_INTERVAL_MS;
        match is_due || metrics.is_urgent() {
            true => self.last_line(metrics, now_ms),
            false => None,
        }
    }

    /// The line to write before the process ends: whatever has been counted.
    pub fn last_line(&self, metrics: &Metrics, now_ms: i64) -> Option<String> {
        let counts = metrics.take();
        if counts.is_empty() {
            return None;
        }
        self.written_ms.store(now_ms, Ordering::Relaxed);
        Some(line(&self.stack, &counts, now_ms))
    }
}

fn line(stack: &str, counts: &[(Metric, u64)], now_ms: i64) -> String {
    let definitions: Vec<Value> =
        counts.iter().map(|(metric, _)| json!({ "Name": metric.name(), "Unit": "Count" })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": definitions });
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({ "Timestamp": now_ms, "CloudWatchMetrics": [directive] }));
    line.insert("Stack".to_owned(), stack.into());
    line.extend(counts.iter().map(|(metric, count)| (metric.name().to_owned(), Value::from(*count))));
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_each_metric_that_it_holds() {
        let line = line("shop", &[(Metric::RunsStarted, 3), (Metric::Steps, 17)], 1_700_000_000_123);
        let expected = json!({
            "_aws": {
                "Timestamp": 1_700_000_000_123_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Stepladder",
                    "Dimensions": [["Stack"]],
                    "Metrics": [
                        { "Name": "RunsStarted", "Unit": "Count" },
                        { "Name": "Steps", "Unit": "Count" },
                    ],
                }],
            },
            "Stack": "shop",
            "RunsStarted": 3,
            "Steps": 17,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
        assert!(!line.contains('\n'));
    }

    #[test]
    fn what_is_zero_is_not_written() {
        let emf = EmfMetrics::new("shop");
        assert_eq!(emf.line(&Metrics::default(), 0), None);
        assert_eq!(emf.last_line(&Metrics::default(), 0), None);
    }
}
