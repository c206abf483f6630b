//! The whole on one machine: a chain of five steps, its binaries unmodified, against the local servers.
//!
//! Prints a table on stderr and the figures as JSON on stdout. Counts are exact, times are not: each figure is one run.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::indexing_slicing)]

mod chain;
mod process;

use chain::{Chain, Load};
use clap::Parser;
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Benchmarks of the whole on one machine.
#[derive(Debug, Parser)]
struct Args {
    /// Runs per load, for all loads alike; unless given 200 at one run at a time, else 3,000
    #[arg(long)]
    runs: Option<usize>,
    /// How many runs at once, one load each
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 128])]
    at_once: Vec<usize>,
    /// The bytes of each payload
    #[arg(long, default_value_t = 1024)]
    payload_bytes: usize,
    /// Keep the table in this folder, and not in memory
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// A step binary to weigh: its size, its memory, the time to its first poll
    #[arg(long)]
    step: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut figures = json!({
        "schema": "stepladder.bench/1",
        "store": if args.data_dir.is_some() { "file" } else { "memory" },
        "cores": std::thread::available_parallelism()?.get(),
        "payload_bytes": args.payload_bytes,
    });
    if let Some(step) = &args.step {
        figures["step_binary"] = weigh(step).await?;
    }
    let chain = Chain::start(args.data_dir.clone(), args.payload_bytes).await?;
    let mut loads = Vec::new();
    for at_once in &args.at_once {
        let runs = args.runs.unwrap_or(if *at_once == 1 { 200 } else { 3_000 });
        let load = chain.run(runs, *at_once).await?;
        show(&load);
        loads.push(load.json());
    }
    figures["loads"] = Value::Array(loads);
    let puts = chain.store_puts_per_second(Duration::from_secs(3)).await?;
    eprintln!("the store's own conditional puts: {puts:.0} per second");
    figures["store_puts_per_second"] = json!(puts.round());
    chain.shutdown().await;
    println!("{figures:#}");
    Ok(())
}

fn show(load: &Load) {
    eprintln!(
        "{:4} at once: {:6.0} steps/s   hop p50 {:6.2} ms  p99 {:6.2} ms   {:.2} CPU s per 1,000 steps   step {:.0} MB resident",
        load.at_once,
        load.steps_per_second,
        load.hop_p50_ms,
        load.hop_p99_ms,
        load.cpu_s_per_1000_steps,
        load.step_mb
    );
}

async fn weigh(step: &std::path::Path) -> Result<Value> {
    let bytes = std::fs::metadata(step)?.len();
    let mut polls = Vec::new();
    let mut resident_mb = 0.0_f64;
    for _ in 0..10 {
        let (first_poll_ms, mb) = process::first_poll(step).await?;
        polls.push(first_poll_ms);
        resident_mb = resident_mb.max(mb);
    }
    polls.sort_by(f64::total_cmp);
    let median = chain::quantile(&polls, 0.5);
    eprintln!(
        "step binary: {:.1} MB, first poll after {median:.1} ms (median of {}), {resident_mb:.1} MB resident then",
        bytes as f64 / 1e6,
        polls.len()
    );
    Ok(json!({ "bytes": bytes, "first_poll_ms": median, "resident_mb": resident_mb }))
}
