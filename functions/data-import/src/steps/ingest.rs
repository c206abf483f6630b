//! Says what is to be imported, or that it can't be.

use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};

use crate::limits::{BUCKET_CHARS_MAX, BUCKET_CHARS_MIN, KEY_BYTES_MAX};

/// An object with the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRequest {
    pub bucket: String,
    pub key: String,
}

/// What the Map state reads, and what its rows are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub bucket: String,
    pub key: String,
    pub kind: Kind,
    /// The run's name. A child of the Map state has a name of its own in `$$.Execution`.
    pub import: String,
}

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// With the columns' names in the first row.
    #[serde(rename = "CSV")]
    Csv,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    #[error("{why}")]
    InvalidImport { why: String },
}

impl StepError for IngestError {}

/// Whether the object is there, the Map state's reader says: it is the one that may read it.
pub async fn ingest(request: ImportRequest, step: Step) -> Result<Import, IngestError> {
    let ImportRequest { bucket, key } = request;
    let why = why_not(&bucket, &key);
    if let Some(why) = why {
        return Err(IngestError::InvalidImport { why });
    }
    Ok(Import { bucket, key, kind: Kind::Csv, import: step.run_name().to_owned() })
}

fn why_not(bucket: &str, key: &str) -> Option<String> {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    if !(BUCKET_CHARS_MIN..=BUCKET_CHARS_MAX).contains(&bucket.len()) || !bucket.bytes().all(is_plain) {
        return Some("`bucket` is no name of a bucket".to_owned());
    }
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Some(format!("`key` has 1 to {KEY_BYTES_MAX} bytes"));
    }
    if !key.to_ascii_lowercase().ends_with(".csv") {
        return Some("`key` must end in .csv: no other kind of file is read".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn call(bucket: &str, key: &str) -> Result<Import, IngestError> {
        let request = ImportRequest { bucket: bucket.to_owned(), key: key.to_owned() };
        ingest(request, Step::for_test("Ingest").with_run("data-import", "monday")).await
    }

    #[tokio::test]
    async fn an_import_is_named_after_its_run() {
        let import = call("rows", "2026/Monday.CSV").await.expect("it can be imported");
        let expected = serde_json::json!({"bucket": "rows", "key": "2026/Monday.CSV", "kind": "CSV", "import": "monday"});
        assert_eq!(serde_json::to_value(import).expect("JSON"), expected);
    }

    #[tokio::test]
    async fn what_can_not_be_an_object_is_refused() {
        for (bucket, key) in [("ro", "a.csv"), ("Rows", "a.csv"), ("rows", ""), ("rows", "a.json")] {
            let error = call(bucket, key).await.expect_err("it can't be imported");
            assert_eq!(error.error_name(), "InvalidImport");
        }
    }
}
