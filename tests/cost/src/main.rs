//! What a step costs on AWS, and what a stack costs that nobody uses.
//!
//! Calls, write units, bytes of logs and of items are counted on the real programs, against the local servers. What AWS does
//! beside them, receives and deletes of the mappings above all, is computed by its rules; prices are those of
//! `tests/cost/prices.toml`. docs/cost.md explains the lines. Exit code 1: a goal is missed.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bill;
mod chain;
mod counts;
mod idle;
mod limits;
mod others;
mod prices;
mod process;
mod proxy;
mod report;

use bill::Bill;
use chain::Scenario;
use clap::Parser;
use idle::{Month, Template};
use prices::Prices;
use report::{Case, Report};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// A row of an import.
const BATCH_PAYLOAD_BYTES: usize = 250;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What a step costs on AWS: counted on the real programs, computed by AWS's rules and list prices.
#[derive(Debug, Parser)]
struct Args {
    /// Runs per case: a chain of five steps each
    #[arg(long, default_value_t = 600)]
    runs: usize,
    /// The bytes of each payload, a case each; goals are for the first one
    #[arg(long, value_delimiter = ',', default_values_t = [250, 1_000, 4_000])]
    payload_bytes: Vec<usize>,
    /// The template of the stack whose idle month is computed
    #[arg(long, default_value = "infra/sam/template.yaml")]
    template: PathBuf,
    /// Write the figures as JSON to this file too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Put the tables into this document too, between its two markers
    #[arg(long)]
    docs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(report) => {
            println!("{report}");
            let missed = report.missed();
            for goal in &missed {
                eprintln!(
                    "error: {} is {:.2}; the goal is at most {:.2}",
                    goal.what, goal.found, goal.at_most
                );
            }
            if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: the cost could not be counted: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> Result<Report> {
    let prices = Prices::list()?;
    let path = args.template.display();
    let template = std::fs::read_to_string(&args.template)
        .map_err(|error| format!("{path} can't be read: {error}; `stepladder synth` writes it"))?;
    let template = Template::read(&template).map_err(|error| format!("{path}: {error}"))?;
    let sweep = chain::count_sweep(prices.sqs.request_bytes).await?;
    let idle = Month::of(&template, &sweep, &prices);

    // What a deployment logs unless it is told otherwise.
    let log_sample = stepladder_protocol::Settings::new("cost", "us-east-1", "000000000000").log_sample;
    let mut cases = Vec::new();
    for payload_bytes in args.payload_bytes {
        let mut bills = Vec::new();
        for scenario in [Scenario::Singly, Scenario::SinglyByMessage, Scenario::InTens] {
            let counts = chain::count(scenario, args.runs, payload_bytes, prices.sqs.request_bytes).await?;
            bills.push(Bill::of(&counts, &prices, log_sample));
        }
        let bills = <[Bill; 3]>::try_from(bills).map_err(|_| "a case has three bills")?;
        cases.push(Case { payload_bytes, bills });
    }
    let counts =
        chain::count(Scenario::InHundreds, args.runs, BATCH_PAYLOAD_BYTES, prices.sqs.request_bytes).await?;
    let batches = Bill::of(&counts, &prices, log_sample);
    let report = Report::new(cases, batches, idle, template, prices, args.runs, log_sample)?;
    if let Some(path) = args.docs {
        put_into(&path, &report).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(path) = args.json {
        std::fs::write(&path, format!("{:#}\n", report.json()))
            .map_err(|error| format!("{} can't be written: {error}", path.display()))?;
    }
    Ok(report)
}

/// What stands between the markers of a document is replaced by the tables.
fn put_into(path: &Path, report: &Report) -> Result<()> {
    const BEGIN: &str = "<!-- cost: begin -->\n";
    const END: &str = "<!-- cost: end -->";
    let text = std::fs::read_to_string(path)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("its marker of the beginning is missing")?;
    let (_, after) = rest.split_once(END).ok_or("its marker of the end is missing")?;
    Ok(std::fs::write(path, format!("{before}{BEGIN}\n{report}\n{END}{after}"))?)
}
