//! How many rows of 100 bytes are read in a second, in each format.
//!
//! `cargo run --release -p stepladder-items --example rate`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{hint::black_box, time::Instant};
use stepladder_items::{Csv, Format, Reader};

const ROWS: usize = 500_000;
/// In bytes.
const PUSH: usize = 1024 * 1024;

fn main() {
    let csv = Format::Csv(Csv { delimiter: b',', headers: None });
    let fields = |n: usize| {
        format!(
            "{n:010},Ada Lovelace,ada@example.com,London,1815-12-10,\"12, St James's Square\",{n:08},open,3\n"
        )
    };
    let object = |n: usize| {
        format!(
            r#"{{"id": {n:7}, "name": "Ada Lovelace", "city": "London", "born": "1815-12-10", "open": true}}   "#
        )
    };
    let header = "id,name,mail,city,born,street,number,state,count\n";
    rate("CSV", csv, &(header.to_string() + &(0..ROWS).map(fields).collect::<String>()));
    let objects: Vec<String> = (0..ROWS).map(object).collect();
    rate("JSON Lines", Format::JsonLines, &objects.join("\n"));
    rate("JSON array", Format::JsonArray, &format!("[{}]", objects.join(",")));
}

fn rate(name: &str, format: Format, text: &str) {
    let begin = Instant::now();
    let mut reader = Reader::new(format).unwrap();
    let mut rows = 0;
    for bytes in text.as_bytes().chunks(PUSH).map(Some).chain([None]) {
        match bytes {
            Some(bytes) => reader.push(bytes),
            None => reader.finish(),
        }
        while let Some(row) = reader.next_row().unwrap() {
            black_box(row.item.unwrap());
            rows += 1;
        }
    }
    assert!(reader.is_done() && rows == ROWS);
    let seconds = begin.elapsed().as_secs_f64();
    let (per_second, bytes) = (rows as f64 / seconds, text.len() / rows);
    println!("{name}: {per_second:.0} rows of {bytes} bytes a second");
}
