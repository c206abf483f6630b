//! What the children of the run's Map state have come to so far.

use crate::{
    failure::Outcome,
    text::{self, grouped},
};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use stepladder_protocol::{BranchEnding, FanOuts, Host, PartKey, Partition, Protocol, RecordKey, RunKey};

/// Behind so many parts in a row of which nothing has ended nobody looks for more: children start in their order.
const PARTS_WITHOUT_ENDS_MAX: u32 = 16;
/// The rate is that of the last while, so that what is left is told by how it goes now.
const RATE_OVER: Duration = Duration::from_secs(15);

/// A row, or a batch of them, that isn't loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct FailedRow {
    /// From 1; null where the reason names none.
    pub line: Option<u64>,
    pub reason: String,
}

/// What has been found of one fan-out. Each end is read once.
#[derive(Debug, Default)]
pub(super) struct Found {
    fan_out: Option<(RecordKey, u32)>,
    /// How many ends of each part have been read.
    read: BTreeMap<u32, usize>,
    children: u64,
    /// Whether the children tell of rows at all.
    tells_rows: bool,
    pub loaded: u64,
    pub failed: Vec<FailedRow>,
}

impl Found {
    /// Reads the ends since the last look. A Map state that begins anew is counted anew.
    pub(super) async fn look<H: Host>(&mut self, protocol: &Protocol<H>, run: &RunKey) -> Outcome {
        let store = protocol.host().store();
        let opened = store.fan_outs_in(&Partition::Run(run.clone())).await?;
        let Some((fan_out, count)) = opened.into_iter().max_by_key(|(key, _)| key.seq) else { return Ok(()) };
        if self.fan_out.as_ref().is_none_or(|(key, _)| *key != fan_out) {
            *self = Self::default();
        }
        self.fan_out = Some((fan_out.clone(), count));
        let part_branches = protocol.host().settings().part_branches.max(1);
        let mut without_ends = 0;
        for part in 0..count.div_ceil(part_branches) {
            let size = part_branches.min(count.saturating_sub(part.saturating_mul(part_branches)));
            let read = self.read.get(&part).copied().unwrap_or_default();
            if u32::try_from(read).is_ok_and(|read| read >= size) {
                continue;
            }
            let ended = store.part(&PartKey { fan_out: fan_out.clone(), part }).await?.ended;
            without_ends = if ended.is_empty() { without_ends + 1 } else { 0 };
            // The place of one is the same for ever, so the new ones are the last.
            let new = ended.get(read..).unwrap_or_default();
            for ending in protocol.branch_endings(&fan_out, new).await? {
                self.add(ending);
            }
            self.read.insert(part, ended.len());
            if without_ends >= PARTS_WITHOUT_ENDS_MAX {
                break;
            }
        }
        Ok(())
    }

    /// A child tells of its rows as `{"loaded": n, "failed": [{"line", "reason"}]}`. One that failed is a row that could not be
    /// read, or a batch.
    fn add(&mut self, ending: BranchEnding) {
        self.children += 1;
        let Some(output) = ending.output else {
            let error = ending.error.unwrap_or_default();
            let cause = ending.cause.as_deref().map(text::first_sentence).unwrap_or_default();
            let reason = if cause.is_empty() { error } else { format!("{error}: {cause}") };
            return self.failed.push(FailedRow { line: line_in(&cause), reason });
        };
        if let Some(loaded) = output.get("loaded").and_then(Value::as_u64) {
            self.tells_rows = true;
            self.loaded = self.loaded.saturating_add(loaded);
        }
        for row in output.get("failed").and_then(Value::as_array).into_iter().flatten() {
            let line = row.get("line").and_then(Value::as_u64);
            let reason = row.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
            self.failed.push(FailedRow { line, reason });
        }
    }

    pub(super) fn rows_failed(&self) -> u64 {
        self.failed.len() as u64
    }

    /// Of so many rows: as the children tell it, or as many as there are children of all.
    pub(super) fn rows_done(&self, rows: u64) -> u64 {
        if self.tells_rows {
            return self.loaded.saturating_add(self.rows_failed());
        }
        match &self.fan_out {
            Some((_, count)) if *count > 0 => {
                rows.saturating_mul(self.children).checked_div(u64::from(*count)).unwrap_or_default()
            }
            _ => 0,
        }
    }

    /// `12,300 of 1,000,000 rows, 123 failed, 5,120 rows/s, 3 min 10 s left`.
    pub(super) fn line(&self, rows: u64, rate: &Rate) -> String {
        let done = self.rows_done(rows);
        let mut line =
            format!("{} of {} rows, {} failed", grouped(done), grouped(rows), grouped(self.rows_failed()));
        if let Some(per_second) = rate.rows_per_second() {
            line.push_str(&format!(", {} rows/s", grouped(per_second.round() as u64)));
            if per_second > 0.0 {
                let left_ms = rows.saturating_sub(done) as f64 / per_second * 1_000.0;
                line.push_str(&format!(", {} left", text::duration(left_ms.ceil() as i64)));
            }
        }
        line
    }
}

/// How fast rows are done.
#[derive(Debug, Default)]
pub(super) struct Rate {
    looks: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// So many rows were done so long after the beginning.
    pub(super) fn add(&mut self, at: Duration, done: u64) {
        while self.looks.len() > 2 && self.looks.front().is_some_and(|(first, _)| at - *first > RATE_OVER) {
            self.looks.pop_front();
        }
        self.looks.push_back((at, done));
    }

    fn rows_per_second(&self) -> Option<f64> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let seconds = last.0.checked_sub(first.0)?.as_secs_f64();
        (seconds > 0.0 && last.1 > 0).then(|| last.1.saturating_sub(first.1) as f64 / seconds)
    }
}

/// The line that a reader's cause names: the number behind the word.
fn line_in(cause: &str) -> Option<u64> {
    let words =
        cause.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut words = words.skip_while(|word| !word.eq_ignore_ascii_case("line"));
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ended(output: Value) -> BranchEnding {
        BranchEnding { index: 0, output: Some(output), error: None, cause: None }
    }

    #[test]
    fn children_tell_of_their_rows_and_failed_ones_of_a_line() {
        let mut found = Found::default();
        found.add(ended(json!({"loaded": 98, "failed": [{"line": 7, "reason": "email is missing"}]})));
        let cause = "The row that begins in line 117 is not UTF-8.".to_owned();
        let error = "States.ItemReaderFailed".to_owned();
        found.add(BranchEnding { index: 1, output: None, error: Some(error), cause: Some(cause) });
        assert_eq!((found.rows_done(1_000), found.loaded, found.rows_failed()), (100, 98, 2));
        let lines: Vec<Option<u64>> = found.failed.iter().map(|row| row.line).collect();
        assert_eq!(lines, [Some(7), Some(117)]);
        assert_eq!(
            found.failed[1].reason,
            "States.ItemReaderFailed: The row that begins in line 117 is not UTF-8."
        );
    }

    #[test]
    fn other_workflows_are_told_by_their_children() {
        let mut found = Found::default();
        found.add(ended(json!("something else")));
        let run = RunKey { id: stepladder_protocol::RunId::new("w", "r"), nonce: String::new() };
        found.fan_out = Some((RecordKey { run, branch: stepladder_engine::Branch::default(), seq: 1 }, 4));
        assert_eq!(found.rows_done(1_000), 250);
    }

    #[test]
    fn a_line_tells_how_far_it_is_and_how_long_it_will_take() {
        let mut found = Found::default();
        found.add(ended(json!({"loaded": 250_000, "failed": []})));
        let mut rate = Rate::default();
        rate.add(Duration::ZERO, 0);
        assert_eq!(found.line(1_000_000, &rate), "250,000 of 1,000,000 rows, 0 failed");
        rate.add(Duration::from_secs(50), 250_000);
        assert_eq!(
            found.line(1_000_000, &rate),
            "250,000 of 1,000,000 rows, 0 failed, 5,000 rows/s, 2 min 30 s left"
        );
        for second in 51..70 {
            rate.add(Duration::from_secs(second), 250_000 + 1_000 * (second - 50));
        }
        assert_eq!(rate.rows_per_second(), Some(1_000.0));
    }

    #[test]
    fn a_cause_names_a_line_or_none() {
        assert_eq!(line_in("line 17: not UTF-8"), Some(17));
        assert_eq!(line_in("Line: 17"), Some(17));
        assert_eq!(line_in("the table did not answer"), None);
        assert_eq!(line_in("in line"), None);
    }
}
