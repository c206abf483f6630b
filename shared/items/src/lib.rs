//! What an `ItemReader` reads: rows out of bytes, piece by piece.
//!
//! The bytes of an object are pushed as they come, and its rows are taken as they are complete. How the bytes were cut does
//! not matter, and a reader that begins where an earlier one told a row's end goes on with the same rows, places and
//! failures: nothing but the bytes behind a place decides what is read there.
//!
//! ```
//! use stepladder_items::{Csv, Format, Reader};
//!
//! let mut reader = Reader::new(Format::Csv(Csv { delimiter: b',', headers: None }))?;
//! reader.push(b"name,city\nAda,Lon");
//! assert_eq!(reader.next_row()?, None);
//! reader.push(b"don\n");
//! reader.finish();
//! let row = reader.next_row()?.unwrap();
//! assert_eq!(row.item, Ok(serde_json::json!({"name": "Ada", "city": "London"})));
//! assert_eq!((row.line, row.next.offset, row.next.line), (2, 21, 2));
//! assert!(reader.is_done());
//! # Ok::<(), stepladder_items::Unreadable>(())
//! ```

mod array;
mod csv;
mod grouped;
mod held;
pub mod limits;
mod lines;
mod manifest;
mod packed;
mod pointer;
#[cfg(test)]
mod tests;

pub use grouped::{GroupRows, Grouped, OpenGrouped, Opened};
use held::Held;
pub use manifest::{Inventory, ListedFile, athena_manifest};
pub use packed::{Packing, Unpack, Unpacked, unpacker};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// At the beginning of a text it says that this is UTF-8, and is no part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Bytes from the object's beginning.
    pub offset: u64,
    /// Lines before it: so many line feeds, wherever they stand; 0 at the beginning.
    pub line: u64,
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    Csv(Csv),
    /// A JSON value in each line; lines of whitespace are no rows.
    JsonLines,
    /// The elements of one array.
    JsonArray,
    /// The elements of an array within a JSON text, which the names of a JSON Pointer lead to (RFC 6901). What stands behind it isn't
    /// looked at.
    JsonArrayAt(Vec<String>),
}

/// Text with a delimiter, as AWS reads it: RFC 4180, and escapes
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/example-csv-parse-dist-map.html>).
///
/// A field that begins with a double quotation mark ends with one, and may hold delimiters and newlines. Everywhere two
/// of these marks stand for one, and a backslash goes away and takes its meaning from the byte behind it, but not from a
/// newline outside of quotation marks. An item has a string for each header: fields that are missing are empty, and
/// those too many are left out. An empty line is no row.
#[derive(Debug, Clone, PartialEq)]
pub struct Csv {
    /// Any ASCII character that has no other meaning.
    pub delimiter: u8,
    /// None: the first row says them.
    pub headers: Option<Vec<String>>,
}

/// A row as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The number of the line that it begins on, from 1.
    pub line: u64,
    /// Where the next row begins, or what stands before it: empty lines, a comma.
    pub next: Place,
    /// The item; or why this row alone is none, in words that go on from "row 7: ".
    pub item: Result<Value, String>,
}

/// The whole object can't be read, and why: a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// Reads the rows of one object. It holds the bytes of one row and what was pushed behind it.
#[derive(Debug, Clone)]
pub struct Reader {
    held: Held,
    rows: Rows,
    /// A row that has failed, and whose line is being left behind.
    failing: Option<Failing>,
    unreadable: Option<Unreadable>,
}

#[derive(Debug, Clone)]
struct Failing {
    line: u64,
    why: String,
}

#[derive(Debug, Clone)]
enum Rows {
    Csv(csv::Rows),
    Lines(lines::Rows),
    Array(array::Rows),
}

/// What begins at the first byte held.
enum Next {
    /// The row takes so many bytes, its line's end among them.
    Row { bytes: usize, item: Result<Value, String> },
    /// The row has failed; reading goes on at the next line.
    Failed(String),
    /// Its end isn't known yet, or there is none.
    Unknown,
}

impl Reader {
    /// Reads an object from its beginning.
    pub fn new(format: Format) -> Result<Self, Unreadable> {
        Self::resume(format, Place::default(), None)
    }

    /// Goes on at the place of a row that an earlier reader has told, with its `headers()`. At the object's beginning
    /// these are read again.
    pub fn resume(format: Format, at: Place, headers: Option<Vec<String>>) -> Result<Self, Unreadable> {
        Self::limited(format, at, headers, limits::ROW_BYTES_MAX)
    }

    fn limited(
        format: Format,
        at: Place,
        headers: Option<Vec<String>>,
        row_bytes_max: usize,
    ) -> Result<Self, Unreadable> {
        let begins = at.offset == 0;
        let rows = match format {
            Format::Csv(Csv { delimiter, headers: given }) => {
                let headers = given.or(headers.filter(|_| !begins));
                if headers.is_none() && !begins {
                    let message = format!("The headers of the CSV aren't known at byte {}.", at.offset);
                    return Err(Unreadable(message));
                }
                Rows::Csv(csv::Rows::new(delimiter, headers, row_bytes_max)?)
            }
            Format::JsonLines => Rows::Lines(lines::Rows::new(row_bytes_max)),
            Format::JsonArray if begins => Rows::Array(array::Rows::new(&[], row_bytes_max)),
            Format::JsonArray => Rows::Array(array::Rows::behind_element(&[], row_bytes_max)),
            Format::JsonArrayAt(pointer) if begins => Rows::Array(array::Rows::new(&pointer, row_bytes_max)),
            Format::JsonArrayAt(pointer) => Rows::Array(array::Rows::behind_element(&pointer, row_bytes_max)),
        };
        Ok(Self { held: Held::new(at), rows, failing: None, unreadable: None })
    }

    /// Takes the next bytes: those behind what was pushed before, at first those from `Place::offset` on. What comes
    /// after `finish` is left out.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.push(bytes);
    }

    /// The object has no more bytes.
    pub fn finish(&mut self) {
        self.held.finish();
    }

    /// The next row. None: more bytes are needed, or all rows have been read, as `is_done` then says. An unreadable
    /// object stays so.
    pub fn next_row(&mut self) -> Result<Option<Row>, Unreadable> {
        if let Some(unreadable) = &self.unreadable {
            return Err(unreadable.clone());
        }
        let row = self.read();
        self.unreadable = row.as_ref().err().cloned();
        row
    }

    /// Whether all bytes have been read that matter, and the object is complete: the last call of `next_row` gave none.
    pub fn is_done(&self) -> bool {
        let complete = match &self.rows {
            Rows::Csv(_) | Rows::Lines(_) => true,
            Rows::Array(rows) if rows.ends_early() => return self.unreadable.is_none(),
            Rows::Array(rows) => rows.is_complete(),
        };
        let read = self.held.is_finished() && self.held.rest().is_empty() && self.failing.is_none();
        complete && read && self.unreadable.is_none()
    }

    /// The headers of a CSV, once they are known.
    pub fn headers(&self) -> Option<&[String]> {
        match &self.rows {
            Rows::Csv(rows) => rows.headers(),
            Rows::Lines(_) | Rows::Array(_) => None,
        }
    }

    fn read(&mut self) -> Result<Option<Row>, Unreadable> {
        if !self.has_begun() {
            return Ok(None);
        }
        if self.failing.is_none() {
            let next = match &mut self.rows {
                Rows::Csv(rows) => rows.next(&mut self.held)?,
                Rows::Lines(rows) => rows.next(&mut self.held),
                Rows::Array(rows) => rows.next(&mut self.held)?,
            };
            let line = self.held.place().line + 1;
            match next {
                Next::Row { bytes, item } => {
                    self.held.take(bytes);
                    return Ok(Some(Row { line, next: self.held.place(), item }));
                }
                Next::Failed(why) => self.failing = Some(Failing { line, why }),
                Next::Unknown => return Ok(None),
            }
        }
        let line_ended = self.held.take_line() || self.held.is_finished();
        let failed = if line_ended { self.failing.take() } else { None };
        Ok(failed.map(|Failing { line, why }| Row { line, next: self.held.place(), item: Err(why) }))
    }

    /// Leaves a byte order mark behind: whether it is known that there is none any more.
    fn has_begun(&mut self) -> bool {
        let rest = self.held.rest();
        if self.held.place().offset > 0 {
            return true;
        }
        if rest.starts_with(BYTE_ORDER_MARK) {
            self.held.take(BYTE_ORDER_MARK.len());
            return true;
        }
        self.held.is_finished() || !BYTE_ORDER_MARK.starts_with(rest)
    }
}

/// The row as text; or which of its bytes is none.
fn utf8(row: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(row).map_err(|error| {
        let valid = error.valid_up_to();
        let byte = row.get(valid).copied().unwrap_or_default();
        format!("it is not UTF-8: byte {} of it is 0x{byte:02x}", valid + 1)
    })
}

fn larger_than(row_bytes_max: usize) -> String {
    format!("it is larger than {row_bytes_max} bytes")
}

/// What is wrong with a JSON text: on which of its lines, from 1, and in which column; 0 where none is.
struct BadJson {
    line: usize,
    column: usize,
    why: String,
}

fn json(text: &str) -> Result<Value, BadJson> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column, told) = (error.line(), error.column(), error.to_string());
        let why = told.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&told);
        BadJson { line, column, why: why.to_string() }
    })
}
