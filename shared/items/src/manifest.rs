//! Manifests: objects that list further objects, whose rows are the items.

use crate::{Csv, Format, Reader, Unreadable};
use serde::Deserialize;
use serde_json::Value;

/// An object that a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    pub bucket: String,
    pub key: String,
    /// How many bytes it has, if the manifest says so.
    pub bytes: Option<u64>,
}

/// The manifest of an S3 inventory
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The names of the fields of each row.
    pub headers: Vec<String>,
    pub files: Vec<ListedFile>,
}

/// As S3 writes it; what isn't needed is left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    destination_bucket: String,
    file_format: String,
    file_schema: String,
    files: Vec<WrittenFile>,
}

#[derive(Deserialize)]
struct WrittenFile {
    key: String,
    size: Option<u64>,
}

impl Inventory {
    /// Reads a `manifest.json`.
    ///
    /// # Errors
    ///
    /// It is none, or lists files of another format than CSV: AWS reads no other.
    pub fn read(json: &[u8]) -> Result<Self, Unreadable> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|error| Unreadable(format!("It is no manifest of an S3 inventory: {error}.")))?;
        let Written { destination_bucket, file_format, file_schema, files } = written;
        if file_format != "CSV" {
            let message = format!(
                "The files of the inventory are {file_format}: only inventories whose output format is CSV can be read."
            );
            return Err(Unreadable(message));
        }
        let bucket = destination_bucket.rsplit(':').next().unwrap_or_default().to_owned();
        let files = files.into_iter();
        let files = files.map(|file| ListedFile { bucket: bucket.clone(), key: file.key, bytes: file.size });
        let headers = file_schema.split(',').map(|header| header.trim().to_owned()).collect();
        Ok(Self { headers, files: files.collect() })
    }
}

/// Reads the manifest of a query of Athena's UNLOAD: a CSV without headers, whose rows are the URIs of the data files
/// (<https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html>).
///
/// # Errors
///
/// A row is no URI of an object.
pub fn athena_manifest(csv: &[u8]) -> Result<Vec<ListedFile>, Unreadable> {
    // Keys may hold backslashes, and a quotation mark has no other escape here than another one.
    let headers = Some(vec!["uri".to_owned()]);
    let mut reader = Reader::new(Format::Csv(Csv { delimiter: b',', headers }))?;
    reader.push(csv);
    reader.finish();
    let mut files = Vec::new();
    while let Some(row) = reader.next_row()? {
        let line = row.line;
        let item = row.item.map_err(|why| Unreadable(format!("Line {line} can't be read: {why}.")))?;
        let uri = item.get("uri").and_then(Value::as_str).unwrap_or_default().trim();
        let named = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let Some((bucket, key)) = named.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty()) else {
            return Err(Unreadable(format!("Line {line} is no URI of an object, as s3://bucket/key is.")));
        };
        files.push(ListedFile { bucket: bucket.to_owned(), key: key.to_owned(), bytes: None });
    }
    Ok(files)
}
