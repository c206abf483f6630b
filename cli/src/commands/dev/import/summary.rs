//! How an import has ended.

use super::{
    super::processes::{Peak, Processes},
    progress::{FailedRow, Found},
};
use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::{Format, Printer},
    style::paint,
    text::{self, escaped, first_sentence, grouped},
};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use stepladder_engine::Status;
use stepladder_protocol::{Ending, RunItem};

/// Failures that the text shows, those of the first lines.
const FAILURES_SHOWN_MAX: usize = 20;

/// The shape `stepladder.import/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Summary {
    schema: &'static str,
    /// The run's id.
    run: String,
    status: String,
    error: Option<String>,
    cause: Option<String>,
    output: Option<Value>,
    /// Those that are known to be loaded or to have failed.
    rows: u64,
    loaded: u64,
    failed: u64,
    duration_ms: i64,
    rows_per_second: f64,
    /// Of all processes together, for a million rows; null where the system doesn't tell.
    cpu_seconds_per_million_rows: Option<f64>,
    /// By program, the largest first.
    processes: Vec<Peak>,
    /// By line. With `-o jsonl` each is a document of its own, `stepladder.import_failure/1`, before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<Vec<FailedRow>>,
}

/// A failure as a document.
#[derive(Serialize)]
struct FailureShape<'a> {
    schema: &'static str,
    #[serde(flatten)]
    row: &'a FailedRow,
}

impl Summary {
    pub(super) fn new(
        item: &RunItem,
        ending: Ending,
        found: Found,
        took: Duration,
        processes: &Processes,
    ) -> Self {
        let rows = found.loaded.saturating_add(found.rows_failed());
        let per_million =
            |seconds: f64| if rows > 0 { Some(seconds * 1_000_000.0 / rows as f64) } else { None };
        let (loaded, failed) = (found.loaded, found.rows_failed());
        let mut failures = found.failed;
        failures.sort();
        // As the run has it, unless nobody has written that down.
        let run_ms = item.ended_ms.map(|ended_ms| ended_ms.saturating_sub(item.started_ms));
        let duration_ms = run_ms.unwrap_or_else(|| i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        Self {
            schema: "stepladder.import/1",
            run: item.id.to_string(),
            status: item.status.as_str().to_owned(),
            error: ending.error.or_else(|| item.error.clone()),
            cause: ending.cause,
            output: ending.output,
            rows,
            loaded,
            failed,
            duration_ms,
            rows_per_second: (rows as f64 * 1_000.0 / duration_ms.max(1) as f64).round(),
            cpu_seconds_per_million_rows: processes
                .cpu_seconds()
                .and_then(per_million)
                .map(|seconds| (seconds * 10.0).round() / 10.0),
            processes: processes.peaks(),
            failures: Some(failures),
        }
    }

    pub(super) fn print(&self, printer: &Printer) -> Outcome {
        match printer.format {
            Format::Json => printer.json(self),
            Format::Jsonl => {
                for row in self.failures.iter().flatten() {
                    printer.json(&FailureShape { schema: "stepladder.import_failure/1", row })?;
                }
                printer.json(&Self { failures: None, ..self.clone() })
            }
            Format::Text => self.lines(printer).iter().try_for_each(|line| printer.data(line)),
        }
    }

    fn lines(&self, printer: &Printer) -> Vec<String> {
        let status = Status::ALL.into_iter().find(|status| status.as_str() == self.status);
        let (glyph, style) = printer.glyphs.status(status.unwrap_or(Status::Running));
        let error = self.error.as_deref().map(|error| format!("  {}", escaped(error))).unwrap_or_default();
        let took = text::duration(self.duration_ms);
        let mut lines = vec![
            format!("{} {}  {} in {took}{error}", paint(style, glyph), escaped(&self.run), self.status),
            format!(
                "  {} rows: {} loaded, {} failed",
                grouped(self.rows),
                grouped(self.loaded),
                grouped(self.failed)
            ),
        ];
        let failures = self.failures.as_deref().unwrap_or_default();
        lines.extend(failures.iter().take(FAILURES_SHOWN_MAX).map(|row| match row.line {
            Some(line) => format!("  line {line}: {}", escaped(&row.reason)),
            None => format!("  a batch: {}", escaped(&row.reason)),
        }));
        if let Some(more) = failures.len().checked_sub(FAILURES_SHOWN_MAX).filter(|more| *more > 0) {
            lines.push(format!("  … and {} more (-o jsonl names all)", grouped(more as u64)));
        }
        let mut figures = format!("  {} rows/s", grouped(self.rows_per_second as u64));
        if let Some(seconds) = self.cpu_seconds_per_million_rows {
            figures.push_str(&format!(" · {seconds} s of CPU per million rows"));
        }
        lines.push(figures);
        let peaks = self.processes.iter().map(|peak| {
            let mb = peak.peak_bytes.div_ceil(1_000_000);
            match peak.processes {
                1 => format!("{} {mb}", peak.program),
                processes => format!("{} {mb} ({processes} processes)", peak.program),
            }
        });
        let peaks: Vec<String> = peaks.collect();
        if !peaks.is_empty() {
            lines.push(format!("  peak memory in MB: {}", escaped(&peaks.join(", "))));
        }
        lines
    }

    /// Good only if the run has succeeded.
    pub(super) fn verdict(&self) -> Outcome {
        if self.status == Status::Succeeded.as_str() {
            return Ok(());
        }
        let message = format!("{} ended {}", self.run, self.status);
        let why = [self.error.clone(), self.cause.as_deref().map(first_sentence)];
        let failure = Failure::new(Exit::Bad, Code::RunFailed, message);
        Err(why.into_iter().flatten().fold(failure, Failure::detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{shapes::tests::item, style, text::TimeStyle};

    fn summary(status: Status) -> Summary {
        let mut found = Found::default();
        found.loaded = 2_476;
        let failed = |line| FailedRow { line, reason: "email is missing".to_owned() };
        found.failed = (0..23).rev().map(|line| failed(Some(line + 2))).chain([failed(None)]).collect();
        let took = Duration::from_millis(2_500);
        let summary = Summary::new(&item("o1", status), Ending::default(), found, took, &Processes::watch());
        let peak =
            |program: &str, processes, peak_bytes| Peak { program: program.into(), processes, peak_bytes };
        let processes = vec![peak("stepladder", 1, 99_000_001), peak("load-rows", 2, 20_000_000)];
        Summary { cpu_seconds_per_million_rows: Some(92.5), processes, ..summary }
    }

    #[test]
    fn the_text_tells_rows_the_first_failures_and_what_it_took() {
        let mut printer = Printer::new(Format::Text, TimeStyle::Utc);
        printer.glyphs = style::UNICODE;
        let lines = summary(Status::Succeeded).lines(&printer);
        let lines: Vec<String> =
            lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect();
        assert_eq!(
            lines[1..4],
            [
                "  2,500 rows: 2,476 loaded, 24 failed",
                "  a batch: email is missing",
                "  line 2: email is missing"
            ]
        );
        assert_eq!(
            lines[lines.len() - 3..],
            [
                "  … and 4 more (-o jsonl names all)",
                "  1,000 rows/s · 92.5 s of CPU per million rows",
                "  peak memory in MB: stepladder 100, load-rows 20 (2 processes)",
            ]
        );
        assert!(lines[0].starts_with("✓ ") && lines[0].ends_with("SUCCEEDED in 2.5 s"), "{}", lines[0]);
    }

    #[test]
    fn only_a_run_that_succeeds_is_good() {
        assert!(summary(Status::Succeeded).verdict().is_ok());
        let failure = summary(Status::TimedOut).verdict().unwrap_err();
        assert_eq!((failure.exit, failure.code), (Exit::Bad, Code::RunFailed));
    }

    #[test]
    fn in_lines_of_json_failures_stand_apart() {
        let summary = Summary { failures: None, ..summary(Status::Succeeded) };
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["schema"], "stepladder.import/1");
        assert!(json.get("failures").is_none());
        let row = FailedRow { line: Some(7), reason: "r".to_owned() };
        let shape = FailureShape { schema: "stepladder.import_failure/1", row: &row };
        let expected = serde_json::json!({"schema": "stepladder.import_failure/1", "line": 7, "reason": "r"});
        assert_eq!(serde_json::to_value(shape).unwrap(), expected);
    }
}
