//! Rows out of Parquet files, a row group at a time.
//!
//! The library that reads the format wants a file; here are only the bytes that have been fetched of one: its end, which says
//! where everything lies, and one row group. How much memory a group takes to read is known from the heads of its pages before
//! it is read (`pages.rs`). What the library panics at is an unreadable file.

pub mod limits;
mod pages;
#[cfg(test)]
mod tests;
mod value;

use bytes::{Buf, Bytes, buf::Reader};
use parquet::{
    errors::{ParquetError, Result as ParquetResult},
    file::{
        metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        reader::{ChunkReader, FileReader, Length, SerializedFileReader},
        serialized_reader::ReadOptionsBuilder,
    },
    record::{Row, reader::RowIter},
};
use serde_json::Value;
use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
};
use stepladder_items::{GroupRows, Grouped, Opened, Unreadable};

/// The last bytes of a file: the footer's size, and a mark.
const TAIL_BYTES: usize = 8;

/// Opens a Parquet file by its last bytes; `file_bytes` is its size.
///
/// # Errors
///
/// It is no Parquet file, is encrypted, or its footer is larger than [`limits::FOOTER_BYTES_MAX`] or broken.
pub fn open(end: &[u8], file_bytes: u64) -> Result<Opened, Unreadable> {
    let no_file = || unreadable("It is no Parquet file.");
    let (rest, tail) = end.split_last_chunk::<TAIL_BYTES>().ok_or_else(no_file)?;
    let (size, mark) = tail.split_first_chunk::<4>().ok_or_else(no_file)?;
    match mark {
        b"PAR1" => {}
        b"PARE" => return Err(unreadable("The Parquet file is encrypted.")),
        _ => return Err(no_file()),
    }
    let footer_bytes = u64::from(u32::from_le_bytes(*size));
    let needed = footer_bytes.saturating_add(TAIL_BYTES as u64);
    if footer_bytes > limits::FOOTER_BYTES_MAX {
        let bytes_max = limits::FOOTER_BYTES_MAX;
        let message =
            format!("The footer of the Parquet file has {footer_bytes} bytes; {bytes_max} is the most.");
        return Err(unreadable(&message));
    }
    if needed > file_bytes {
        return Err(no_file());
    }
    if needed > end.len() as u64 {
        return Ok(Opened::Needs(needed));
    }
    let footer = rest.get(rest.len().saturating_sub(usize::try_from(footer_bytes).unwrap_or(usize::MAX))..);
    let footer = footer.unwrap_or_default();
    let metadata = caught(|| ParquetMetaDataReader::decode_metadata(footer))?;
    let end_at = file_bytes - needed;
    let end = Bytes::copy_from_slice(end.get(end.len() - footer.len() - TAIL_BYTES..).unwrap_or_default());
    Ok(Opened::File(Box::new(File { metadata, file_bytes, end_at, end })))
}

struct File {
    metadata: ParquetMetaData,
    file_bytes: u64,
    /// Where the footer begins, and what stands there up to the file's end.
    end_at: u64,
    end: Bytes,
}

impl File {
    fn group(&self, group: usize) -> Result<&RowGroupMetaData, Unreadable> {
        let there = self.metadata.row_groups().get(group);
        there.ok_or_else(|| unreadable(&format!("The Parquet file has no row group {}.", group + 1)))
    }
}

/// Where a column's bytes lie.
fn chunk(column: &parquet::file::metadata::ColumnChunkMetaData) -> Option<Range<u64>> {
    // As the library computes it, which panics at negative numbers.
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let (start, bytes) = (u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?);
    Some(start..start.checked_add(bytes)?)
}

impl Grouped for File {
    fn groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    fn range(&self, group: usize, bytes_max: u64) -> Result<Range<u64>, Unreadable> {
        let mut range: Option<Range<u64>> = None;
        for column in self.group(group)?.columns() {
            if column.file_path().is_some() {
                return Err(unreadable("The columns of the Parquet file lie in other files."));
            }
            let there = chunk(column).filter(|there| there.end <= self.end_at);
            let there = there.ok_or_else(|| {
                unreadable(&format!("A column of row group {} lies outside of the Parquet file.", group + 1))
            })?;
            range = Some(match range {
                None => there,
                Some(range) => range.start.min(there.start)..range.end.max(there.end),
            });
        }
        let range = range.unwrap_or_default();
        let bytes = range.end.saturating_sub(range.start);
        match bytes > bytes_max {
            true => Err(too_large(group, &format!("has {bytes} bytes"), bytes_max)),
            false => Ok(range),
        }
    }

    fn rows(&self, group: usize, bytes: Vec<u8>, bytes_max: u64) -> Result<GroupRows, Unreadable> {
        let range = self.range(group, bytes.len() as u64)?;
        let bytes = Bytes::from(bytes);
        let mut needed = 0_u64;
        for column in self.group(group)?.columns() {
            let there = chunk(column).unwrap_or_default();
            let at = |offset: u64| usize::try_from(offset.saturating_sub(range.start)).unwrap_or(usize::MAX);
            let there = bytes.get(at(there.start)..at(there.end)).unwrap_or_default();
            let is_repeated = column.column_descr().max_rep_level() > 0;
            needed = needed.saturating_add(pages::memory(there, is_repeated)?);
        }
        if needed > bytes_max {
            return Err(too_large(group, &format!("takes {needed} bytes to read"), bytes_max));
        }
        let fetched = Fetched {
            file_bytes: self.file_bytes,
            segments: [(self.end_at, self.end.clone()), (range.start, bytes)],
        };
        let wanted = move |_: &RowGroupMetaData, index: usize| index == group;
        let options = ReadOptionsBuilder::new().with_predicate(Box::new(wanted)).build();
        let rows = caught(|| {
            let reader = SerializedFileReader::new_with_options(fetched, options)?;
            Ok(RowIter::from_file_into(Box::new(reader) as Box<dyn FileReader>))
        })?;
        Ok(Box::new(Rows { rows, ended: false }))
    }
}

struct Rows {
    rows: RowIter<'static>,
    ended: bool,
}

impl Iterator for Rows {
    type Item = Result<Result<Value, String>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = caught(|| self.rows.next().transpose());
        self.ended = !matches!(row, Ok(Some(_)));
        row.map(|row| row.map(|row: Row| value::item(row))).transpose()
    }
}

/// What has been fetched of a file: bytes, and where they begin.
struct Fetched {
    file_bytes: u64,
    segments: [(u64, Bytes); 2],
}

impl Fetched {
    /// What is there from `start` on.
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        for (at, bytes) in &self.segments {
            let offset = start.checked_sub(*at).and_then(|offset| usize::try_from(offset).ok());
            if let Some(offset) = offset.filter(|offset| *offset <= bytes.len()) {
                return Ok(bytes.slice(offset..));
            }
        }
        Err(ParquetError::EOF(format!("byte {start} belongs to another row group")))
    }
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.file_bytes
    }
}

impl ChunkReader for Fetched {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.from(start)?;
        match length <= bytes.len() {
            true => Ok(bytes.slice(..length)),
            false => Err(ParquetError::EOF(format!("{length} bytes from byte {start} on are not there"))),
        }
    }
}

/// What the library says or panics at is the file's fault.
fn caught<T>(read: impl FnOnce() -> ParquetResult<T>) -> Result<T, Unreadable> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => Err(unreadable(&format!("The Parquet file can't be read: {error}."))),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it is broken");
            Err(unreadable(&format!("The Parquet file can't be read: {said}.")))
        }
    }
}

fn too_large(group: usize, what: &str, bytes_max: u64) -> Unreadable {
    unreadable(&format!(
        "Row group {} of the Parquet file {what}; {bytes_max} is the most (payload_bytes_max). Write it with smaller row groups.",
        group + 1
    ))
}

fn unreadable(message: &str) -> Unreadable {
    Unreadable(message.to_owned())
}
