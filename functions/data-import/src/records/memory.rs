//! The records in memory, for tests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Entry, LINE, Records, RecordsError, SUMMARY, import_key, row_key};
use crate::rows::{FailedRow, Row, Summary};

/// [`Records`] in a map of the process.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<(String, String), Entry>,
    leaves: VecDeque<usize>,
    calls: u32,
    written: usize,
}

impl MemoryRecords {
    /// Records of which each of the next calls leaves so many entries unprocessed, or as many as it has.
    pub fn leaving(leaves: impl IntoIterator<Item = usize>) -> Self {
        let records = Self::default();
        records.lock().leaves.extend(leaves);
        records
    }

    /// All rows, by line.
    pub fn rows(&self) -> Vec<Row> {
        let table = self.lock();
        let rows = table.entries.values().filter_map(|entry| match entry {
            Entry::Row(row) => Some(row.clone()),
            _ => None,
        });
        let mut rows: Vec<Row> = rows.collect();
        rows.sort_by_key(|row| row.line);
        rows
    }

    /// How often something was put.
    pub fn calls(&self) -> u32 {
        self.lock().calls
    }

    /// How many entries were taken, repetitions counted.
    pub fn written(&self) -> usize {
        self.lock().written
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for MemoryRecords {
    async fn put(&self, mut entries: Vec<Entry>) -> Result<Vec<Entry>, RecordsError> {
        let mut table = self.lock();
        table.calls += 1;
        let left = table.leaves.pop_front().unwrap_or(0).min(entries.len());
        let unprocessed = entries.split_off(entries.len() - left);
        table.written += entries.len();
        for entry in entries {
            table.entries.insert(entry.key(), entry);
        }
        Ok(unprocessed)
    }

    async fn row(&self, id: &str) -> Result<Option<Row>, RecordsError> {
        match self.lock().entries.get(&row_key(id)) {
            Some(Entry::Row(row)) => Ok(Some(row.clone())),
            _ => Ok(None),
        }
    }

    async fn failures(&self, import: &str) -> Result<Vec<FailedRow>, RecordsError> {
        let first = (import_key(import), LINE.to_owned());
        let table = self.lock();
        let failed = table.entries.range(first..).map_while(|(_, entry)| match entry {
            Entry::Failed { import: of, row } if of == import => Some(row.clone()),
            _ => None,
        });
        Ok(failed.collect())
    }

    async fn summary(&self, import: &str) -> Result<Option<Summary>, RecordsError> {
        match self.lock().entries.get(&(import_key(import), SUMMARY.to_owned())) {
            Some(Entry::Summary { summary, .. }) => Ok(Some(summary.clone())),
            _ => Ok(None),
        }
    }
}
