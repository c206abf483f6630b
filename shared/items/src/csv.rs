//! CSV. A row's end is found byte by byte first, and kept in mind between pushes; its fields are taken out of it then.
//!
//! A quotation mark that nobody closes must not swallow the object: its row fails, and reading goes on at the next line.
//! So every line of a hostile object may open another such row, and each is looked at as far as a row may reach. Two
//! things keep that linear. Every line feed in a row stands between quotation marks; so a later row that is between
//! quotation marks at one of them as well is from there on in the same state as the failed one, which is known (`Seen`).
//! And what is known follows from the bytes alone: whoever begins in the middle without it finds the same.

use crate::{Next, Unreadable, held::Held, larger_than, limits::HEADERS_BYTES_MAX, utf8};
use serde_json::{Map, Value};
use std::collections::HashSet;

#[derive(Debug, Clone)]
pub(crate) struct Rows {
    delimiter: u8,
    headers: Option<Vec<String>>,
    row_bytes_max: usize,
    scan: Scan,
    seen: Option<Seen>,
}

/// How far the row that begins at the first byte held has been looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Scan {
    bytes: usize,
    state: State,
}

/// What a failed row has seen: no end of it before `until`, an offset in the object, and this state there.
#[derive(Debug, Clone, Copy)]
struct Seen {
    until: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    FieldBegins,
    Plain,
    /// Behind a quotation mark that stands for itself, and for a second one as well.
    PlainMark,
    PlainEscape,
    Quoted,
    /// Behind a quotation mark that closes, unless another one follows.
    QuotedMark,
    QuotedEscape,
}

/// What a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Text,
    Nothing,
    FieldEnd,
    RowEnd,
}

enum End {
    Unknown,
    Failed(String),
    /// The row has so many bytes, and takes so many with its line's end.
    At {
        row: usize,
        bytes: usize,
    },
}

impl Rows {
    pub(crate) fn new(
        delimiter: u8,
        headers: Option<Vec<String>>,
        row_bytes_max: usize,
    ) -> Result<Self, Unreadable> {
        if !delimiter.is_ascii() || matches!(delimiter, b'"' | b'\\' | b'\r' | b'\n') {
            return Err(Unreadable(format!("Byte 0x{delimiter:02x} can't be the delimiter of a CSV.")));
        }
        if let Some(headers) = &headers {
            check_distinct(headers)?;
        }
        Ok(Self { delimiter, headers, row_bytes_max, scan: Scan::default(), seen: None })
    }

    pub(crate) fn headers(&self) -> Option<&[String]> {
        self.headers.as_deref()
    }

    pub(crate) fn next(&mut self, held: &mut Held) -> Result<Next, Unreadable> {
        loop {
            let (row, bytes) = match self.end(held) {
                End::At { row, bytes } => (row, bytes),
                End::Unknown => return Ok(Next::Unknown),
                End::Failed(why) => {
                    if self.headers.is_none() {
                        return Err(bad_headers(held, &why));
                    }
                    let until = held.place().offset + self.scan.bytes as u64;
                    self.seen = Some(Seen { until, state: self.scan.state });
                    self.scan = Scan::default();
                    return Ok(Next::Failed(why));
                }
            };
            self.scan = Scan::default();
            let row = held.rest().get(..row).unwrap_or_default();
            let row = row.strip_suffix(b"\r").unwrap_or(row);
            match &self.headers {
                _ if row.is_empty() => {}
                Some(headers) => return Ok(Next::Row { bytes, item: item(row, self.delimiter, headers) }),
                None => {
                    let text = utf8(row).map_err(|why| bad_headers(held, &why))?;
                    let headers = Fields::of(text, self.delimiter).collect::<Vec<_>>();
                    check_distinct(&headers)?;
                    self.headers = Some(headers);
                }
            }
            held.take(bytes);
        }
    }

    /// Where the row that begins at the first byte held ends.
    fn end(&mut self, held: &Held) -> End {
        let row_bytes_max = if self.headers.is_none() {
            HEADERS_BYTES_MAX.min(self.row_bytes_max)
        } else {
            self.row_bytes_max
        };
        let rest = held.rest();
        // With one byte more than a row has, it is too large.
        let reach = rest.get(..=row_bytes_max).unwrap_or(rest);
        while let Some(row_ended) = self.scan.line(reach, self.delimiter) {
            if row_ended {
                return End::At { row: self.scan.bytes - 1, bytes: self.scan.bytes };
            }
            self.scan.skip(self.seen, held.place().offset);
        }
        let is_open = matches!(self.scan.state, State::Quoted | State::QuotedEscape);
        if reach.len() > row_bytes_max {
            let marks = "with its quotation marks ";
            let many_lines = is_open || reach.contains(&b'\n');
            End::Failed(format!("{}{}", if many_lines { marks } else { "" }, larger_than(row_bytes_max)))
        } else if !held.is_finished() || rest.is_empty() {
            End::Unknown
        } else if is_open {
            End::Failed("a quotation mark in it is never closed".into())
        } else {
            End::At { row: rest.len(), bytes: rest.len() }
        }
    }
}

impl Scan {
    /// Goes on behind the next line feed: whether it ends the row; none where there is no more of them.
    fn line(&mut self, reach: &[u8], delimiter: u8) -> Option<bool> {
        let mut state = self.state;
        let unseen = reach.get(self.bytes..).unwrap_or_default();
        for (index, byte) in unseen.iter().enumerate() {
            let means;
            (state, means) = state.step(*byte, delimiter);
            if *byte == b'\n' {
                *self = Self { bytes: self.bytes + index + 1, state };
                return Some(means == Means::RowEnd);
            }
        }
        *self = Self { bytes: self.bytes + unseen.len(), state };
        None
    }

    /// Passes over what a failed row has seen already. Only behind a line feed that doesn't end the row.
    fn skip(&mut self, seen: Option<Seen>, row_offset: u64) {
        if let Some(Seen { until, state }) = seen
            && until > row_offset + self.bytes as u64
        {
            *self = Self { bytes: (until - row_offset) as usize, state };
        }
    }
}

impl State {
    #[inline]
    fn step(self, byte: u8, delimiter: u8) -> (Self, Means) {
        match (self, byte) {
            (Self::QuotedEscape, _) => (Self::Quoted, Means::Text),
            (Self::Quoted, b'"') => (Self::QuotedMark, Means::Nothing),
            (Self::Quoted, b'\\') => (Self::QuotedEscape, Means::Nothing),
            (Self::Quoted, _) => (Self::Quoted, Means::Text),
            (Self::QuotedMark, b'"') => (Self::Quoted, Means::Text),
            (_, b'\n') => (Self::FieldBegins, Means::RowEnd),
            (Self::PlainEscape, _) => (Self::Plain, Means::Text),
            (_, b'\\') => (Self::PlainEscape, Means::Nothing),
            (Self::FieldBegins, b'"') => (Self::Quoted, Means::Nothing),
            (Self::PlainMark, b'"') => (Self::Plain, Means::Nothing),
            (_, b'"') => (Self::PlainMark, Means::Text),
            (_, byte) if byte == delimiter => (Self::FieldBegins, Means::FieldEnd),
            _ => (Self::Plain, Means::Text),
        }
    }
}

/// The fields of one row, without its line's end.
struct Fields<'a> {
    delimiter: u8,
    /// None behind the last.
    rest: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(row: &'a str, delimiter: u8) -> Self {
        Self { delimiter, rest: Some(row) }
    }

    /// A field in which some bytes aren't text.
    fn unescape(&mut self, row: &'a str) -> String {
        let (mut field, mut state) = (String::new(), State::FieldBegins);
        self.rest = None;
        for (at, letter) in row.char_indices() {
            // What is not ASCII is text, as 0x80 is.
            let byte = u8::try_from(letter).unwrap_or(0x80);
            let means;
            (state, means) = state.step(byte, self.delimiter);
            match means {
                Means::Text => field.push(letter),
                Means::Nothing => {}
                Means::FieldEnd | Means::RowEnd => {
                    self.rest = row.get(at + 1..);
                    break;
                }
            }
        }
        field
    }
}

impl Iterator for Fields<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let row = self.rest?;
        let is_special = |byte: &u8| *byte == self.delimiter || matches!(byte, b'"' | b'\\');
        let Some(at) = row.as_bytes().iter().position(is_special) else {
            self.rest = None;
            return Some(row.to_string());
        };
        match row.split_at_checked(at) {
            Some((field, behind)) if behind.as_bytes().first() == Some(&self.delimiter) => {
                self.rest = behind.get(1..);
                Some(field.to_string())
            }
            _ => Some(self.unescape(row)),
        }
    }
}

fn item(row: &[u8], delimiter: u8, headers: &[String]) -> Result<Value, String> {
    let mut fields = Fields::of(utf8(row)?, delimiter);
    let mut object = Map::with_capacity(headers.len());
    for header in headers {
        object.insert(header.clone(), Value::String(fields.next().unwrap_or_default()));
    }
    Ok(Value::Object(object))
}

/// In AWS's own words.
fn check_distinct(headers: &[String]) -> Result<(), Unreadable> {
    let mut known = HashSet::new();
    if headers.iter().all(|header| known.insert(header)) {
        return Ok(());
    }
    Err(Unreadable("CSV headers cannot contain duplicates.".into()))
}

fn bad_headers(held: &Held, why: &str) -> Unreadable {
    Unreadable(format!("The row of the CSV's headers, on line {}: {why}.", held.place().line + 1))
}
