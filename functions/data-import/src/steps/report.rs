//! Sums up what became of all batches, and notes the rows that could not be read.

use serde::{Deserialize, Serialize};
use stepladder::Step;

use super::load_rows::{LoadError, Pauses, write};
use crate::limits::FAILURES_TOLD_MAX;
use crate::records::{DynamoRecords, Entry, Records};
use crate::rows::{FailedRow, Loaded, Summary};

/// What the Map state's children came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// The run's name.
    pub import: String,
    pub batches: Vec<Child>,
}

/// A child of the Map state: its output, or how it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Child {
    Loaded(Loaded),
    Failed(FailedChild),
}

/// A row that could not be read, or a batch that failed, as the ResultWriter tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FailedChild {
    pub error: String,
    #[serde(default)]
    pub cause: String,
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
    let (mut summary, mut failures, mut unread) = (Summary::default(), Vec::new(), Vec::new());
    for child in batches {
        match child {
            Child::Loaded(Loaded { loaded, failed }) => {
                summary.loaded = summary.loaded.saturating_add(loaded);
                failures.extend(failed);
            }
            Child::Failed(child) => match child.row() {
                Some(row) => unread.push(row),
                None => summary.failed_batches += 1,
            },
        }
    }
    // Those of the batches have been noted where they were found.
    let notes = unread.iter().map(|row| Entry::Failed { import: import.clone(), row: row.clone() });
    let mut entries: Vec<Entry> = notes.collect();
    failures.extend(unread);
    summary.failed = failures.len() as u64;
    summary.rows = summary.loaded.saturating_add(summary.failed);
    entries.push(Entry::Summary { import, summary: summary.clone() });
    write(entries, step, records, Pauses::default()).await?;
    failures.sort();
    failures.truncate(FAILURES_TOLD_MAX);
    Ok(Report { summary, failures })
}

impl FailedChild {
    /// The row that could not be read, out of `Line 17 of s3://bucket/key can't be read: …`; none if it was a batch.
    fn row(&self) -> Option<FailedRow> {
        if self.error != "States.ItemReaderFailed" {
            return None;
        }
        let line = self.cause.strip_prefix("Line ")?.split(' ').next()?.parse().ok()?;
        let reason = self.cause.split_once("can't be read: ").map_or(self.cause.as_str(), |(_, why)| why);
        Some(FailedRow { line, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use serde_json::json;

    async fn call(request: ReportRequest, records: &MemoryRecords) -> Report {
        sum_up(request, &Step::for_test("Report"), records).await.expect("summed up")
    }

    #[tokio::test]
    async fn batches_are_summed_up_and_the_first_failures_told() {
        let records = MemoryRecords::default();
        let failed = |line: u64| FailedRow { line, reason: "email is missing".to_owned() };
        let batches = [
            Loaded { loaded: 40, failed: (100..160).map(failed).collect() },
            Loaded { loaded: 60, failed: (2..42).chain(160..170).map(failed).collect() },
            Loaded::default(),
        ];
        let batches = batches.into_iter().map(Child::Loaded).collect();
        let report = call(ReportRequest { import: "monday".to_owned(), batches }, &records).await;
        let summary = Summary { rows: 210, loaded: 100, failed: 110, failed_batches: 0 };
        assert_eq!(report.summary, summary);
        assert_eq!(records.summary("monday").await, Ok(Some(summary)));
        let lines: Vec<u64> = report.failures.iter().map(|row| row.line).collect();
        assert_eq!(lines, (2..42).chain(100..160).collect::<Vec<_>>());
        let json = serde_json::to_value(&report).expect("JSON");
        let first = json!({"line": 2, "reason": "email is missing"});
        assert_eq!((&json["rows"], &json["failures"][0]), (&json!(210), &first));
    }

    #[tokio::test]
    async fn children_that_failed_are_rows_that_could_not_be_read_or_batches() {
        let records = MemoryRecords::default();
        let request = json!({"import": "monday", "batches": [
            {"Error": "States.ItemReaderFailed", "Cause": "Line 17 of s3://b/a: b.csv can't be read: it is not UTF-8",
                "Name": "n", "Status": "FAILED"},
            {"loaded": 99, "failed": [{"line": 4, "reason": "email is missing"}]},
            {"Error": "TableBusy", "Cause": "{}", "Status": "FAILED"},
            {"Error": "States.Timeout", "Status": "FAILED"},
        ]});
        let report = call(serde_json::from_value(request).expect("a request"), &records).await;
        assert_eq!(report.summary, Summary { rows: 101, loaded: 99, failed: 2, failed_batches: 2 });
        let unread = FailedRow { line: 17, reason: "it is not UTF-8".to_owned() };
        assert_eq!(records.failures("monday").await, Ok(vec![unread.clone()]));
        assert_eq!(report.failures[1], unread);
    }
}
