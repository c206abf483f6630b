//! How many rows a second the reader and the two steps behind it take, in one thread, without queues and tables.
//!
//! ```sh
//! cargo run --profile ci -p data-import --example measure_rows -- target/rows.csv
//! ```
//!
//! Writes a line of JSON.

// A tool for whoever measures.
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::io::Read;
use std::time::Instant;

use data_import::rows::Item;
use data_import::steps::parse_rows::{Common, RawBatch, parsed};
use data_import::steps::transform_rows::transformed;
use stepladder_items::{Csv, Format, Reader};

/// As in the definition.
const BATCH_ROWS: usize = 100;
/// The reader gets so many bytes at once.
const PIECE_BYTES: usize = 1024 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("a file is missing")?;
    let mut file = File::open(&path).map_err(|error| format!("can't read {path}: {error}"))?;
    let mut reader = Reader::new(Format::Csv(Csv { delimiter: b',', headers: None }))?;
    let (mut piece, mut items) = (vec![0; PIECE_BYTES], Vec::with_capacity(BATCH_ROWS));
    let (mut good, mut bad, mut unreadable) = (0, 0, 0);
    let mut batch = |items: &mut Vec<Item>| {
        let common = Common { import: "measured".to_owned() };
        let batch = transformed(parsed(RawBatch { common, items: std::mem::take(items) }));
        good += batch.rows.len();
        bad += batch.failed.len();
    };
    let began = Instant::now();
    loop {
        let read = file.read(&mut piece)?;
        match read {
            0 => reader.finish(),
            read => reader.push(piece.get(..read).unwrap_or_default()),
        }
        while let Some(row) = reader.next_row()? {
            match row.item {
                Ok(item) => items.push(Item { row: serde_json::from_value(item)?, line: row.line }),
                Err(_) => unreadable += 1,
            }
            if items.len() == BATCH_ROWS {
                batch(&mut items);
            }
        }
        if read == 0 {
            break;
        }
    }
    batch(&mut items);
    let seconds = began.elapsed().as_secs_f64();
    let rows = good + bad + unreadable;
    let per_second = (f64::from(u32::try_from(rows)?) / seconds).round();
    let told = serde_json::json!({
        "rows": rows, "good": good, "bad": bad, "unreadable": unreadable, "seconds": seconds, "rows_per_second": per_second,
    });
    println!("{told}");
    Ok(())
}
