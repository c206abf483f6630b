//! Writes a batch's rows into the table, and those that were set aside beside them.
//!
//! A call for each batch, not `run_batch`: a hundred rows are four full calls of BatchWriteItem, so batches that shared
//! theirs would save none, and one that fails would fail with the others.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use stepladder::{Step, StepError};

use crate::limits::{
    BACKOFF_FIRST_MS, BACKOFF_MAX_MS, CALLS_AT_ONCE, PUTS_PER_CALL_MAX, TIME_LEFT_MIN_MS, TRIES_MAX,
};
use crate::records::{DynamoRecords, Entry, Records, RecordsError};
use crate::rows::{Batch, Loaded};

/// Why a batch isn't loaded, or not all of it. Both are worth another attempt: what is there is written again, the same.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error(
        "the imports table takes no more for now: {left} of its items are left after {TRIES_MAX} tries, or the step's time"
    )]
    TableBusy { left: usize },
    #[error("{0}")]
    TableUnavailable(RecordsError),
}

impl StepError for LoadError {}

/// The step as it is deployed: with the imports table.
pub async fn load_rows(batch: Batch, step: Step) -> Result<Loaded, LoadError> {
    load(batch, &step, DynamoRecords::from_env().await, Pauses::default()).await
}

/// The step with any records.
pub async fn load(
    batch: Batch,
    step: &Step,
    records: &impl Records,
    pauses: Pauses,
) -> Result<Loaded, LoadError> {
    let Batch { import, rows, failed } = batch;
    let loaded = rows.len() as u64;
    let rows = rows.into_iter().map(Entry::Row);
    let set_aside = failed.iter().map(|row| Entry::Failed { import: import.clone(), row: row.clone() });
    write(rows.chain(set_aside).collect(), step, records, pauses).await?;
    Ok(Loaded { loaded, failed })
}

/// Writes entries, no two of them with the same key, in calls of 25. What a call leaves unprocessed is sent again after a
/// pause, within the step's time.
pub(super) async fn write(
    entries: Vec<Entry>,
    step: &Step,
    records: &impl Records,
    pauses: Pauses,
) -> Result<(), LoadError> {
    let time = step.time_left().saturating_sub(Duration::from_millis(TIME_LEFT_MIN_MS));
    let until = Instant::now() + time;
    let mut entries = entries.into_iter().peekable();
    while entries.peek().is_some() {
        let calls = (0..CALLS_AT_ONCE).map(|_| entries.by_ref().take(PUTS_PER_CALL_MAX).collect());
        let calls: Vec<Vec<Entry>> = calls.filter(|call: &Vec<Entry>| !call.is_empty()).collect();
        try_join_all(calls.into_iter().map(|call| put(call, until, records, pauses))).await?;
    }
    Ok(())
}

async fn put(
    mut entries: Vec<Entry>,
    until: Instant,
    records: &impl Records,
    pauses: Pauses,
) -> Result<(), LoadError> {
    for attempt in 0..TRIES_MAX {
        entries = records.put(entries).await.map_err(LoadError::TableUnavailable)?;
        if entries.is_empty() {
            return Ok(());
        }
        let pause = pauses.draw(attempt);
        if Instant::now() + pause >= until {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    Err(LoadError::TableBusy { left: entries.len() })
}

/// How long to wait before what was left is sent again.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    first_ms: u64,
    max_ms: u64,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { first_ms: BACKOFF_FIRST_MS, max_ms: BACKOFF_MAX_MS }
    }
}

impl Pauses {
    /// For tests.
    pub const NONE: Self = Self { first_ms: 0, max_ms: 0 };

    /// Anything up to a time that doubles: calls that were refused together come back apart.
    fn draw(self, attempt: u32) -> Duration {
        let most_ms = self.first_ms.saturating_mul(1 << attempt.min(16)).min(self.max_ms);
        Duration::from_millis(rand::random_range(0..=most_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;
    use crate::rows::{FailedRow, Row};

    fn batch(rows: u64) -> Batch {
        let row = |line| Row {
            line,
            id: format!("r-{line}"),
            customer: "c".to_owned(),
            email: "a@b".to_owned(),
            amount_cents: 1,
            currency: "EUR".to_owned(),
            ordered_at: "2026-01-01T00:00:00Z".to_owned(),
        };
        let failed = vec![FailedRow { line: 2, reason: "email is missing".to_owned() }];
        Batch { import: "monday".to_owned(), rows: (3..rows + 3).map(row).collect(), failed }
    }

    async fn call(batch: Batch, records: &MemoryRecords) -> Result<Loaded, LoadError> {
        load(batch, &Step::for_test("LoadRows"), records, Pauses::NONE).await
    }

    #[tokio::test]
    async fn rows_and_failures_are_there_once_however_often_they_are_loaded() {
        let records = MemoryRecords::default();
        for _ in 0..3 {
            let loaded = call(batch(101), &records).await.expect("loaded");
            assert_eq!((loaded.loaded, loaded.failed), (101, batch(0).failed));
        }
        assert_eq!(records.rows(), batch(101).rows);
        assert_eq!(records.failures("monday").await, Ok(batch(0).failed));
        // 102 entries: four full calls and one of two.
        assert_eq!(records.calls(), 15);
    }

    #[tokio::test]
    async fn what_a_call_leaves_is_sent_again_and_nothing_else() {
        let records = MemoryRecords::leaving([24, 3, 25, 1, 2, 0, 1]);
        call(batch(99), &records).await.expect("loaded");
        assert_eq!(records.rows(), batch(99).rows);
        assert_eq!(records.written(), 100);
    }

    #[tokio::test]
    async fn a_table_that_stays_busy_is_an_error_that_is_retried() {
        let records = MemoryRecords::leaving([25; 99]);
        let error = call(batch(24), &records).await.expect_err("it is busy");
        assert_eq!((error.error_name().as_str(), records.calls()), ("TableBusy", TRIES_MAX));
        assert_eq!(error, LoadError::TableBusy { left: 25 });
    }

    #[tokio::test]
    async fn a_batch_without_a_good_row_keeps_its_failures() {
        let records = MemoryRecords::default();
        assert_eq!(call(batch(0), &records).await, Ok(Loaded { loaded: 0, failed: batch(0).failed }));
        assert_eq!(records.failures("monday").await, Ok(batch(0).failed));
    }

    #[test]
    fn pauses_grow_up_to_their_limit() {
        for attempt in 0..TRIES_MAX {
            let most_ms = (BACKOFF_FIRST_MS << attempt).min(BACKOFF_MAX_MS);
            assert!((0..50).all(|_| Pauses::default().draw(attempt) <= Duration::from_millis(most_ms)));
        }
    }
}
