//! JSON Lines: each row is a line, so that a broken one says nothing about the others.

use crate::{Next, held::Held, json, larger_than, utf8};
use serde_json::Value;

#[derive(Debug, Clone)]
pub(crate) struct Rows {
    row_bytes_max: usize,
    /// So many bytes held have no line's end in them.
    scanned: usize,
}

impl Rows {
    pub(crate) fn new(row_bytes_max: usize) -> Self {
        Self { row_bytes_max, scanned: 0 }
    }

    pub(crate) fn next(&mut self, held: &mut Held) -> Next {
        loop {
            let rest = held.rest();
            // With one byte more than a row has, it is too large.
            let seen = rest.get(..=self.row_bytes_max).unwrap_or(rest);
            let unseen = seen.get(self.scanned..).unwrap_or_default();
            let end = unseen.iter().position(|byte| *byte == b'\n').map(|end| self.scanned + end);
            self.scanned = 0;
            let (row, bytes) = match end {
                Some(end) => (seen.get(..end).unwrap_or_default(), end + 1),
                None if seen.len() > self.row_bytes_max => {
                    return Next::Failed(larger_than(self.row_bytes_max));
                }
                None if held.is_finished() && !rest.is_empty() => (rest, rest.len()),
                None => {
                    self.scanned = seen.len();
                    return Next::Unknown;
                }
            };
            if row.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                held.take(bytes);
                continue;
            }
            return Next::Row { bytes, item: item(row) };
        }
    }
}

fn item(row: &[u8]) -> Result<Value, String> {
    json(utf8(row)?).map_err(|bad| format!("it is not JSON: {}, in column {}", bad.why, bad.column))
}
