//! Writes a file of orders to import, of which one row in a hundred is bad.
//!
//! ```sh
//! cargo run -p data-import --example generate_rows -- --rows 1000000 --seed 7 --out target/rows.csv
//! ```
//!
//! The same count and seed give the same bytes. Without `--out` they go to stdout. What becomes of the rows,
//! `tests/import/oracle.py` says; the generator isn't asked.

// A tool for whoever works on the import: it takes no input, and where it would panic it is wrong itself.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod generator;

use std::fs::File;
use std::io::{BufWriter, Write};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let out: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(File::create(path).map_err(|error| format!("can't write {path}: {error}"))?),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut out = BufWriter::with_capacity(256 * 1024, out);
    generator::write(&mut out, arguments.rows, arguments.seed)?;
    out.flush()?;
    Ok(())
}

struct Arguments {
    rows: u64,
    seed: u64,
    out: Option<String>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut arguments = Self { rows: 1_000, seed: 2026, out: None };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--rows" => arguments.rows = value.parse()?,
                "--seed" => arguments.seed = value.parse()?,
                "--out" => arguments.out = Some(value),
                _ => return Err(format!("{word} is unknown: --rows N, --seed S, --out FILE").into()),
            }
        }
        Ok(arguments)
    }
}
