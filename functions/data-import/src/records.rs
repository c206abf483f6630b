//! What an import leaves behind: rows, failures, a summary. A trait and two homes for it.
//!
//! Every write may come twice or late. It puts a whole item in place of one with the same key, so that makes no
//! difference.

mod dynamodb;
mod memory;

use std::future::Future;

pub use dynamodb::{DynamoRecords, table_name};
pub use memory::MemoryRecords;

use crate::rows::{FailedRow, Row, Summary};

/// The imports table.
pub trait Records: Send + Sync {
    /// Puts up to 25 entries, no two of them with the same key, each in place of what is there. The answer is what was
    /// not taken, for the moment, and has to be sent again.
    fn put(&self, entries: Vec<Entry>) -> impl Future<Output = Result<Vec<Entry>, RecordsError>> + Send;

    fn row(&self, id: &str) -> impl Future<Output = Result<Option<Row>, RecordsError>> + Send;

    /// The rows of an import that were set aside, by line.
    fn failures(&self, import: &str) -> impl Future<Output = Result<Vec<FailedRow>, RecordsError>> + Send;

    fn summary(&self, import: &str) -> impl Future<Output = Result<Option<Summary>, RecordsError>> + Send;
}

/// An item of the table. `import` is the run's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Row(Row),
    Failed { import: String, row: FailedRow },
    Summary { import: String, summary: Summary },
}

impl Entry {
    /// Its `pk` and `sk`.
    pub fn key(&self) -> (String, String) {
        match self {
            Entry::Row(row) => row_key(&row.id),
            // Twelve digits sort as the numbers do.
            Entry::Failed { import, row } => (import_key(import), format!("{LINE}{:012}", row.line)),
            Entry::Summary { import, .. } => (import_key(import), SUMMARY.to_owned()),
        }
    }
}

const ROW: &str = "ROW";
const LINE: &str = "LINE#";
const SUMMARY: &str = "SUMMARY";

fn row_key(id: &str) -> (String, String) {
    (format!("ROW#{id}"), ROW.to_owned())
}

fn import_key(import: &str) -> String {
    format!("IMPORT#{import}")
}

/// The table did not answer, or not what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the imports table did not {what}: {why}")]
pub struct RecordsError {
    /// `take rows`, `give a row`.
    pub what: &'static str,
    pub why: String,
}
