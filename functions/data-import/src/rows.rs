//! A row on its way: as the file has it, as the table has it, or set aside with the reason.

use serde::{Deserialize, Serialize};

/// A row as the reader gives it, by the names of the file's first row. What else a file has is left alone.
///
/// Of a row with too few columns the last ones are empty or missing, according to who has read it: both are the same here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RawRow {
    pub id: Option<String>,
    pub customer: Option<String>,
    pub email: Option<String>,
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub ordered_at: Option<String>,
}

/// A row, and the line of the file on which it begins, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub row: RawRow,
    pub line: u64,
}

/// A row that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// On which it begins, from 1.
    pub line: u64,
    pub id: String,
    pub customer: String,
    pub email: String,
    /// Hundredths of the currency's unit; negative for a credit.
    pub amount_cents: i64,
    /// ISO 4217, three upper-case letters.
    pub currency: String,
    /// RFC 3339, in UTC, to the second.
    pub ordered_at: String,
}

/// A row that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FailedRow {
    /// On which it begins, from 1.
    pub line: u64,
    pub reason: String,
}

/// The rows of a batch between two steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The run's name.
    pub import: String,
    pub rows: Vec<Row>,
    /// By line.
    pub failed: Vec<FailedRow>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    pub loaded: u64,
    /// By line.
    pub failed: Vec<FailedRow>,
}

/// What became of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Those that were loaded, and those that failed.
    pub rows: u64,
    pub loaded: u64,
    pub failed: u64,
    /// Batches that failed for good: nothing is known of their rows, and they are counted nowhere else.
    pub failed_batches: u64,
}
