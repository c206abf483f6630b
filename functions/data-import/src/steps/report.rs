//! Sums up what became of all batches.

use serde::{Deserialize, Serialize};
use stepladder::Step;

use super::load_rows::{LoadError, Pauses, write};
use crate::limits::FAILURES_TOLD_MAX;
use crate::records::{DynamoRecords, Entry, Records};
use crate::rows::{FailedRow, Loaded, Summary};

/// What the Map state's children came to, in their order. A row that could not be read at all is a child that failed, and
/// isn't among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// The run's name.
    pub import: String,
    pub batches: Vec<Loaded>,
}

/// The run's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    #[serde(flatten)]
    pub summary: Summary,
    /// Those of the first lines, by line.
    pub failures: Vec<FailedRow>,
}

/// The step as it is deployed: with the imports table.
pub async fn report(request: ReportRequest, step: Step) -> Result<Report, LoadError> {
    sum_up(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records.
pub async fn sum_up(
    request: ReportRequest,
    step: &Step,
    records: &impl Records,
) -> Result<Report, LoadError> {
    let ReportRequest { import, batches } = request;
    let loaded = batches.iter().fold(0_u64, |sum, batch| sum.saturating_add(batch.loaded));
    let mut failures: Vec<FailedRow> = batches.into_iter().flat_map(|batch| batch.failed).collect();
    let failed = failures.len() as u64;
    failures.sort();
    failures.truncate(FAILURES_TOLD_MAX);
    let summary = Summary { rows: loaded.saturating_add(failed), loaded, failed };
    let entry = Entry::Summary { import, summary: summary.clone() };
    write(vec![entry], step, records, Pauses::default()).await?;
    Ok(Report { summary, failures })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use serde_json::json;

    #[tokio::test]
    async fn batches_are_summed_up_and_the_first_failures_told() {
        let records = MemoryRecords::default();
        let failed = |line: u64| FailedRow { line, reason: "email is missing".to_owned() };
        let request = ReportRequest {
            import: "monday".to_owned(),
            batches: vec![
                Loaded { loaded: 40, failed: (100..160).map(failed).collect() },
                Loaded { loaded: 60, failed: (2..42).chain(160..170).map(failed).collect() },
                Loaded::default(),
            ],
        };
        let report = sum_up(request, &Step::for_test("Report"), &records).await.expect("summed up");
        assert_eq!(report.summary, Summary { rows: 210, loaded: 100, failed: 110 });
        assert_eq!(records.summary("monday").await, Ok(Some(report.summary.clone())));
        let lines: Vec<u64> = report.failures.iter().map(|row| row.line).collect();
        assert_eq!(lines, (2..42).chain(100..160).collect::<Vec<_>>());
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(
            (&json["rows"], &json["failures"][0]),
            (&json!(210), &json!({"line": 2, "reason": "email is missing"}))
        );
    }
}
