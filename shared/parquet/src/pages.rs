//! What the heads of a column's pages say, in Thrift's compact protocol
//! (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>): how much memory it takes to read
//! them. The library believes what they say, and would allocate it.

use crate::limits::VALUE_BYTES;
use stepladder_items::Unreadable;

/// What is to be known of a page.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    is_dictionary: bool,
    unpacked_bytes: u64,
    packed_bytes: u64,
    /// Those of lists count by themselves, and nulls as well.
    values: u64,
}

/// So many bytes a column's pages take at most while they are read one after another: the largest, its dictionary, and what
/// the values of one row may take, if one row can have them all.
pub(crate) fn memory(mut chunk: &[u8], is_repeated: bool) -> Result<u64, Unreadable> {
    let (mut largest, mut dictionary, mut values) = (0_u64, 0_u64, 0_u64);
    while !chunk.is_empty() {
        let mut thrift = Thrift { rest: chunk };
        let head = thrift.page().ok_or_else(broken)?;
        let page = usize::try_from(head.packed_bytes).ok();
        chunk = page.and_then(|bytes| thrift.rest.get(bytes..)).ok_or_else(broken)?;
        match head.is_dictionary {
            // Each value takes a byte at least: it is text, or a number.
            true if head.values > head.unpacked_bytes => return Err(broken()),
            true => dictionary = head.unpacked_bytes.saturating_add(head.values.saturating_mul(VALUE_BYTES)),
            false => {
                largest = largest.max(head.unpacked_bytes);
                values = values.saturating_add(head.values);
            }
        }
    }
    let row = if is_repeated { values.saturating_mul(VALUE_BYTES) } else { 0 };
    Ok(largest.saturating_add(dictionary).saturating_add(row))
}

fn broken() -> Unreadable {
    Unreadable("The pages of the Parquet file are broken.".to_owned())
}

/// Structs may be nested so deeply; a page's head has three levels.
const DEPTH_MAX: u8 = 8;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

struct Thrift<'a> {
    rest: &'a [u8],
}

impl Thrift<'_> {
    /// Everything is none where the bytes end too early or are none of this.
    fn page(&mut self) -> Option<Head> {
        let (mut head, mut field) = (Head::default(), 0);
        while let Some(kind) = self.field(&mut field)? {
            match (field, kind) {
                (1, I32) => head.is_dictionary = self.number()? == 2,
                (2, I32) => head.unpacked_bytes = u64::try_from(self.number()?).ok()?,
                (3, I32) => head.packed_bytes = u64::try_from(self.number()?).ok()?,
                // Of data, of a dictionary, and of data in its second version: the first field counts the values.
                (5 | 7 | 8, STRUCT) => head.values = self.values()?,
                (_, kind) => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(head)
    }

    fn values(&mut self) -> Option<u64> {
        let (mut values, mut field) = (0, 0);
        while let Some(kind) = self.field(&mut field)? {
            match (field, kind) {
                (1, I32) => values = u64::try_from(self.number()?).ok()?,
                (_, kind) => self.skip(kind, DEPTH_MAX)?,
            }
        }
        Some(values)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn number(&mut self) -> Option<i64> {
        let zigzag = self.unsigned()?;
        Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// The next field's kind; the inner one is none behind the last.
    #[expect(clippy::option_option, reason = "the bytes may end, and the struct as well")]
    fn field(&mut self, number: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == STOP {
            return Some(None);
        }
        *number = match byte >> 4 {
            0 => self.number()?,
            more => number.checked_add(i64::from(more))?,
        };
        Some(Some(byte & 0x0F))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.bytes(1),
            I16 | I32 | I64 => self.unsigned().map(drop),
            DOUBLE => self.bytes(8),
            BINARY => {
                let bytes = self.unsigned()?;
                self.bytes(bytes)
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
                for _ in 0..count {
                    match head & 0x0F {
                        // Here a boolean takes a byte.
                        TRUE | FALSE => self.bytes(1)?,
                        kind => self.skip(kind, depth)?,
                    }
                }
                Some(())
            }
            STRUCT => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn bytes(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }
}
