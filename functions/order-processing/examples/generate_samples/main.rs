//! Writes orders of a plausible shop, and beside them how each one ends.
//!
//! ```sh
//! cargo run -p order-processing --example generate_samples -- --count 1000 --seed 7 --out target/orders
//! ```
//!
//! writes `target/orders.jsonl` and `target/orders.expected.jsonl`, line for line. The same count and seed give the
//! same orders. Those in `samples/` are `--count 200 --seed 2026 --out functions/order-processing/samples/orders`.

// A tool for whoever works on the samples: it takes no input, and where it would panic it is wrong itself.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod faults;
mod generator;
mod people;

use std::fs::File;
use std::io::{BufWriter, Write};

use generator::samples;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let mut orders = create(&format!("{}.jsonl", arguments.out))?;
    let mut ends = create(&format!("{}.expected.jsonl", arguments.out))?;
    for sample in samples(arguments.seed).take(arguments.count) {
        writeln!(orders, "{}", sample.order)?;
        writeln!(ends, "{}", sample.expected)?;
    }
    orders.flush()?;
    ends.flush()?;
    Ok(())
}

fn create(path: &str) -> Result<BufWriter<File>, Failure> {
    Ok(BufWriter::new(File::create(path).map_err(|error| format!("can't write {path}: {error}"))?))
}

struct Arguments {
    count: usize,
    seed: u64,
    out: String,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut arguments = Self { count: 200, seed: 2026, out: "target/orders".to_owned() };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--count" => arguments.count = value.parse()?,
                "--seed" => arguments.seed = value.parse()?,
                "--out" => arguments.out = value,
                _ => return Err(format!("{word} is unknown: --count N, --seed S, --out PREFIX").into()),
            }
        }
        Ok(arguments)
    }
}
