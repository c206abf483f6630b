//! How the tests read: whole, in pieces, and from the middle.

mod array;
mod csv;
mod hostile;
mod lines;
mod manifest;
mod packed;
mod pieces;
mod pointer;

use crate::{Csv, Format, Place, Reader, Row, Unreadable, limits::ROW_BYTES_MAX};
use rand::{Rng, rngs::StdRng};
use serde_json::Value;

/// All that a reader says about an object.
#[derive(Debug, PartialEq)]
struct Told {
    rows: Vec<Row>,
    headers: Option<Vec<String>>,
    unreadable: Option<Unreadable>,
}

impl Told {
    fn items(&self) -> Vec<Result<Value, String>> {
        self.rows.iter().map(|row| row.item.clone()).collect()
    }
}

fn csv(headers: Option<&[&str]>) -> Format {
    let headers = headers.map(|headers| headers.iter().map(ToString::to_string).collect());
    Format::Csv(Csv { delimiter: b',', headers })
}

/// The rows of an object in one piece, that are not larger than the real limit.
#[track_caller]
fn read(format: Format, object: &[u8]) -> Told {
    tell(Reader::new(format), [object], ROW_BYTES_MAX)
}

/// The rows behind a place, out of these pieces.
#[track_caller]
fn tell<'a>(
    reader: Result<Reader, Unreadable>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    row_bytes_max: usize,
) -> Told {
    let mut told = Told { rows: Vec::new(), headers: None, unreadable: None };
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(unreadable) => return Told { unreadable: Some(unreadable), ..told },
    };
    for piece in pieces.into_iter().map(Some).chain([None]) {
        match piece {
            Some(piece) => reader.push(piece),
            None => reader.finish(),
        }
        loop {
            match reader.next_row() {
                Ok(Some(row)) => told.rows.push(row),
                Ok(None) => break,
                Err(unreadable) => {
                    assert_eq!(reader.next_row(), Err(unreadable.clone()), "it stays unreadable");
                    assert!(!reader.is_done());
                    told.unreadable = Some(unreadable);
                    break;
                }
            }
        }
        let (held, piece) = (reader.held.rest().len(), piece.map_or(0, <[u8]>::len));
        assert!(told.unreadable.is_some() || held <= row_bytes_max + 1 + piece, "{held} bytes are held");
    }
    assert_eq!(reader.is_done(), told.unreadable.is_none());
    told.headers = reader.headers().map(<[String]>::to_vec);
    told
}

/// Cuts as small as a byte, or none.
fn cut<'a>(mut object: &'a [u8], seed: &mut StdRng) -> Vec<&'a [u8]> {
    let longest = [1, 2, 5, 40, 1000][seed.random_range(0..5)];
    let mut pieces = Vec::new();
    while !object.is_empty() {
        let (piece, rest) = object.split_at(seed.random_range(0..=longest).min(object.len()));
        pieces.push(piece);
        object = rest;
    }
    pieces
}

fn strings<const N: usize>(fields: [&str; N]) -> Vec<String> {
    fields.map(str::to_string).to_vec()
}

fn at(offset: u64, line: u64) -> Place {
    Place { offset, line }
}
