//! How the orders ended: a line each, a summary, a verdict.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    orders::{End, Order, Orders, Refused},
    printer::{Format, Printer},
    style::{self, paint},
    table::Table,
    text::{self, count, escaped, first_sentence},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_engine::Status;
use stepladder_protocol::{Ending, RunItem};

/// Runs that the text shows one by one, the first of the file; those that surprise are shown in any case.
const ROWS_MAX: usize = 20;
/// Surprises that the error lists.
const SURPRISES_MAX: usize = 20;

/// One order's run, the shape `stepladder.order/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct OrderShape {
    pub schema: &'static str,
    /// In the file, from 1.
    pub line: usize,
    /// The run's name.
    pub name: String,
    /// As it stands in the order; null without one.
    pub order_id: Option<Value>,
    /// RUNNING if nobody waited for its end.
    pub status: String,
    pub error: Option<String>,
    /// The cause's first sentence.
    pub cause: Option<String>,
    pub output: Option<Value>,
    pub duration_ms: Option<i64>,
    /// From the file of expected ends; null where it says nothing.
    pub expected: Option<End>,
    /// Null without an expected end.
    pub as_expected: Option<bool>,
}

/// Gathers the ends.
#[derive(Debug)]
pub(super) struct Report<'a> {
    printer: &'a Printer,
    began_ms: i64,
    last_end_ms: i64,
    refused: Vec<&'a Refused>,
    not_started: Vec<String>,
    /// All of them for the format `json`, else only what the text shows.
    rows: Vec<OrderShape>,
    surprises: Vec<String>,
    surprises_count: usize,
    /// Runs by status and error.
    ends: BTreeMap<(&'static str, String), usize>,
    durations_ms: Vec<i64>,
    orders: usize,
    last_shown_line: usize,
    has_expected: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(orders: &'a Orders, printer: &'a Printer) -> Self {
        Self {
            printer,
            began_ms: 0,
            last_end_ms: 0,
            refused: orders.refused.iter().filter(|refused| !refused.is_harmless).collect(),
            not_started: Vec::new(),
            rows: Vec::new(),
            surprises: Vec::new(),
            surprises_count: 0,
            ends: BTreeMap::new(),
            durations_ms: Vec::new(),
            orders: orders.orders.len(),
            last_shown_line: orders.orders.iter().take(ROWS_MAX).next_back().map_or(0, |order| order.line),
            has_expected: orders.expected_from.is_some(),
        }
    }

    pub(super) fn begin(&mut self, now_ms: i64) {
        self.began_ms = now_ms;
        self.last_end_ms = now_ms;
    }

    /// The order's run has ended.
    pub(super) fn ended(&mut self, order: &Order, item: &RunItem, ending: Ending) -> Outcome {
        let ended_ms = item.ended_ms.unwrap_or(item.started_ms);
        let error = ending.error.or_else(|| item.error.clone());
        let as_expected =
            order.expected.as_ref().map(|expected| is_as_expected(expected, item.status, error.as_deref()));
        *self.ends.entry((item.status.as_str(), error.clone().unwrap_or_default())).or_default() += 1;
        // One that had ended before is no measurement.
        if item.started_ms >= self.began_ms {
            self.durations_ms.push(ended_ms - item.started_ms);
            self.last_end_ms = self.last_end_ms.max(ended_ms);
        }
        let shape = OrderShape {
            schema: "stepladder.order/1",
            line: order.line,
            name: order.name.clone(),
            order_id: order.order_id.clone(),
            status: item.status.as_str().to_owned(),
            error,
            cause: ending.cause.as_deref().map(first_sentence).filter(|cause| !cause.is_empty()),
            output: ending.output,
            duration_ms: Some(ended_ms - item.started_ms),
            expected: order.expected.clone(),
            as_expected,
        };
        let is_good = as_expected.unwrap_or_else(|| ended_by_itself(item.status, shape.error.as_deref()));
        if !is_good {
            self.surprise(surprise(&shape));
        }
        match self.printer.format {
            Format::Jsonl => return self.printer.json(&shape),
            Format::Json => self.rows.push(shape),
            Format::Text if order.line <= self.last_shown_line || !is_good || self.printer.verbosity > 0 => {
                self.rows.push(OrderShape { output: None, ..shape });
            }
            Format::Text => {}
        }
        Ok(())
    }

    /// The order has no run, and won't have one.
    pub(super) fn not_started(&mut self, order: &Order, why: &str) -> Outcome {
        self.printer.warning(format!("line {}: {} was not started: {why}", order.line, order.name));
        self.not_started.push(format!("line {}: {}: {why}", order.line, order.name));
        Ok(())
    }

    fn surprise(&mut self, line: String) {
        self.surprises_count += 1;
        if self.surprises.len() < SURPRISES_MAX {
            self.surprises.push(line);
        }
    }

    /// Shows runs and summary. `transitions` were recorded meanwhile.
    pub(super) fn finish(&mut self, transitions: usize) -> Outcome {
        self.rows.sort_by_key(|row| row.line);
        self.durations_ms.sort_unstable();
        match self.printer.format {
            Format::Json => self.printer.json(&self.rows)?,
            Format::Jsonl => {}
            Format::Text => {
                for line in rows(&self.rows, self.printer) {
                    self.printer.data(line)?;
                }
                let hidden = self.ended_count() - self.rows.len();
                if hidden > 0 {
                    self.printer.data(paint(
                        style::DIM,
                        format!("  … and {} (-v shows them)", count(hidden, "more run")),
                    ))?;
                }
            }
        }
        for line in self.summary(transitions) {
            match self.printer.is_json() {
                true => self.printer.note(line),
                false => self.printer.data(line)?,
            }
        }
        Ok(())
    }

    fn ended_count(&self) -> usize {
        self.ends.values().sum()
    }

    fn summary(&self, transitions: usize) -> Vec<String> {
        let ended = self.ended_count();
        let mut lines = vec![String::new(), format!("{ended} of {} ended", count(self.orders, "run"))];
        let mut table: Vec<(usize, String)> = self
            .ends
            .iter()
            .map(|((status, error), number)| {
                (*number, format!("{status}  {}", escaped(error)).trim_end().to_owned())
            })
            .collect();
        table.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        lines.extend(table.into_iter().map(|(number, what)| format!("  {number:>6}  {what}")));
        if self.has_expected {
            let surprises = match self.surprises_count {
                0 => paint(style::GOOD, format!("{} all as expected", self.printer.glyphs.good)),
                number => {
                    paint(style::ERROR, format!("{} {number} not as expected", self.printer.glyphs.bad))
                }
            };
            lines.push(format!("  {surprises}"));
        }
        if let (Some(p50), Some(p95)) =
            (percentile(&self.durations_ms, 50), percentile(&self.durations_ms, 95))
        {
            let elapsed_ms = (self.last_end_ms - self.began_ms).max(1);
            let rate = transitions as f64 * 1_000.0 / elapsed_ms as f64;
            lines.push(format!(
                "  run time p50 {}, p95 {} · {} in {} · {rate:.0} per second",
                text::duration(p50),
                text::duration(p95),
                count(transitions, "transition"),
                text::duration(elapsed_ms)
            ));
        }
        lines
    }

    /// Good only if every order has a run, and each ended as it should.
    pub(super) fn verdict(&self) -> Outcome {
        let without_run = self.refused.len() + self.not_started.len();
        if self.surprises_count > 0 {
            let what = if self.has_expected { "did not end as expected" } else { "ended badly" };
            let message = format!("{} of {} {what}", self.surprises_count, count(self.orders, "run"));
            let failure = Failure::new(Exit::Bad, Code::UnexpectedEnds, message);
            let failure = self.surprises.iter().fold(failure, |failure, line| failure.detail(line));
            return Err(match self.surprises_count - self.surprises.len() {
                0 => failure,
                more => failure.detail(format!("… and {more} more")),
            });
        }
        if without_run > 0 {
            let message = format!("{} could not be sent", count(without_run, "line"));
            let failure = Failure::new(Exit::Bad, Code::InvalidOrders, message);
            let lines = self.refused.iter().map(|refused| format!("line {}: {}", refused.line, refused.why));
            let lines = lines.chain(self.not_started.iter().cloned()).take(SURPRISES_MAX);
            return Err(lines.fold(failure, Failure::detail));
        }
        Ok(())
    }
}

fn is_as_expected(expected: &End, status: Status, error: Option<&str>) -> bool {
    expected.status == status.as_str() && (expected.error.is_none() || expected.error.as_deref() == error)
}

/// Succeeded, or failed by the definition's own decision: not by a limit, not by a fault of the machinery.
fn ended_by_itself(status: Status, error: Option<&str>) -> bool {
    let is_fault = |error: &str| error.starts_with("States.") || error.starts_with("Lambda.");
    match status {
        Status::Succeeded => true,
        Status::Failed => !error.is_some_and(is_fault),
        Status::Running | Status::TimedOut | Status::Aborted => false,
    }
}

fn surprise(shape: &OrderShape) -> String {
    let end = |status: &str, error: Option<&str>| match error {
        Some(error) => format!("{status} {error}"),
        None => status.to_owned(),
    };
    let got = end(&shape.status, shape.error.as_deref());
    let expected = shape.expected.as_ref().map(|expected| end(&expected.status, expected.error.as_deref()));
    let instead = expected.map(|expected| format!(", expected {expected}")).unwrap_or_default();
    let cause = shape.cause.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("line {}: {} ended {got}{instead}{cause}", shape.line, shape.name)
}

fn rows(rows: &[OrderShape], printer: &Printer) -> Vec<String> {
    let mut table = Table::new(
        &["LINE", "RUN", "STATUS", "ERROR", "DURATION", "EXPECTED"],
        crate::limits::CELL_CHARS_MAX,
    );
    for row in rows {
        let expected = match (row.as_expected, &row.expected) {
            (Some(false), Some(expected)) => {
                format!("{} {}", expected.status, expected.error.as_deref().unwrap_or_default())
                    .trim_end()
                    .to_owned()
            }
            (Some(_), _) => "yes".to_owned(),
            (None, _) => String::new(),
        };
        let took = row.duration_ms.map(text::duration).unwrap_or_default();
        let error = row.error.as_deref().unwrap_or_default();
        table.row([&row.line.to_string(), &row.name, &row.status, error, &took, &expected]);
    }
    let mut lines = table.lines().into_iter();
    let header = lines.next().map(|header| paint(style::DIM, format!("  {header}")));
    let body = lines.zip(rows).map(|(line, row)| {
        let status =
            Status::ALL.into_iter().find(|status| status.as_str() == row.status).unwrap_or(Status::Running);
        let (glyph, style) = printer.glyphs.status(status);
        format!("{} {line}", paint(style, glyph))
    });
    header.into_iter().chain(body).collect()
}

/// Of sorted values the one below which so many percent lie, the nearest rank.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{shapes::tests::item, text::TimeStyle};

    fn order(line: usize, expected: Option<(&str, Option<&str>)>) -> Order {
        let expected =
            expected.map(|(status, error)| End { status: status.into(), error: error.map(str::to_owned) });
        Order {
            line,
            name: format!("o{line}"),
            order_id: None,
            text: "{}".into(),
            digest: String::new(),
            expected,
            answers: Vec::new(),
        }
    }

    fn plain(lines: Vec<String>) -> Vec<String> {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn the_summary_counts_ends_and_the_verdict_names_surprises() {
        let orders = vec![
            order(1, Some(("SUCCEEDED", None))),
            order(2, Some(("FAILED", Some("CardDeclined")))),
            order(3, Some(("SUCCEEDED", None))),
        ];
        let orders = Orders { orders, refused: Vec::new(), expected_from: Some("x".into()) };
        let mut printer = Printer::new(Format::Text, TimeStyle::Utc);
        printer.glyphs = style::UNICODE;
        let mut report = Report::new(&orders, &printer);
        report.begin(500);
        let statuses = [Status::Succeeded, Status::Failed, Status::Failed];
        for (order, status) in orders.orders.iter().zip(statuses) {
            report.ended(order, &item(&order.name, status), Ending::default()).unwrap();
        }
        assert_eq!(
            plain(report.summary(12)),
            [
                "",
                "3 of 3 runs ended",
                "       2  FAILED  CardDeclined",
                "       1  SUCCEEDED",
                "  ✗ 1 not as expected",
                "  run time p50 2.5 s, p95 2.5 s · 12 transitions in 3.0 s · 4 per second",
            ]
        );
        let failure = report.verdict().unwrap_err();
        assert_eq!(
            (failure.exit, failure.message.as_str()),
            (Exit::Bad, "1 of 3 runs did not end as expected")
        );
        assert_eq!(failure.details, ["line 3: o3 ended FAILED CardDeclined, expected SUCCEEDED"]);
    }

    #[test]
    fn without_expected_ends_only_faults_are_bad() {
        assert!(ended_by_itself(Status::Succeeded, None));
        assert!(ended_by_itself(Status::Failed, Some("CardDeclined")));
        assert!(ended_by_itself(Status::Failed, None));
        assert!(!ended_by_itself(Status::Failed, Some("States.Runtime")));
        assert!(!ended_by_itself(Status::Failed, Some("Lambda.Unknown")));
        assert!(!ended_by_itself(Status::TimedOut, None));
        assert!(!ended_by_itself(Status::Aborted, None));
    }

    #[test]
    fn a_line_without_a_run_is_a_bad_end() {
        let refused = |is_harmless| Refused { line: 4, why: "it is not JSON".into(), is_harmless };
        let printer = Printer::new(Format::Text, TimeStyle::Utc);
        let orders = Orders { refused: vec![refused(true)], ..Orders::default() };
        assert_eq!(Report::new(&orders, &printer).verdict(), Ok(()));
        let orders = Orders { refused: vec![refused(false)], ..Orders::default() };
        let failure = Report::new(&orders, &printer).verdict().unwrap_err();
        assert_eq!(
            (failure.code, failure.details.as_slice()),
            (Code::InvalidOrders, ["line 4: it is not JSON".to_owned()].as_slice())
        );
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<i64> = (1..=100).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 95)), (Some(50), Some(95)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 95)), (Some(7), Some(7)));
        assert_eq!(percentile(&[], 50), None);
    }
}
