//! Ten thousand seeds of trouble, and the planted bugs that they must find.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::indexing_slicing)]

use stepladder_protocol::PlantedBug;
use stepladder_simulation::{Report, SCENARIOS, Scenario, simulate, slow_chain};

/// `SIM_SEED` runs one seed; `SIM_SEEDS` says how many.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(10_000),
    }
}

fn scenario(seed: u64) -> &'static Scenario {
    &SCENARIOS[seed as usize % SCENARIOS.len()]
}

/// Runs the seeds of one residue, so that two test processes share the work.
fn campaign(part: u64, parts: u64) {
    let mut total = Report::default();
    let mut count = 0;
    let mut bad = Vec::new();
    for seed in seeds().filter(|seed| seed % parts == part || seeds().count() == 1) {
        let report = simulate(seed, scenario(seed), None);
        count += 1;
        total.records += report.records;
        total.attempts += report.attempts;
        total.executions += report.executions;
        for (status, ends) in report.ends {
            *total.ends.entry(status).or_default() += ends;
        }
        if !report.broken.is_empty() {
            bad.push(format!("seed {seed} ({}): {:?}", scenario(seed).name, report.broken));
        }
    }
    eprintln!(
        "{count} seeds: {} records, {} recorded answers of steps, {:.2} executions each; ends: {:?}",
        total.records,
        total.attempts,
        total.executions as f64 / total.attempts.max(1) as f64,
        total.ends
    );
    assert!(
        bad.is_empty(),
        "{} of {count} seeds broke an invariant; SIM_SEED=n repeats one:\n{}",
        bad.len(),
        bad.iter().take(30).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn every_invariant_holds_after_every_even_seed() {
    campaign(0, 2);
}

#[test]
fn every_invariant_holds_after_every_odd_seed() {
    campaign(1, 2);
}

#[test]
fn the_simulation_finds_every_planted_bug() {
    let mut missed = Vec::new();
    for bug in PlantedBug::ALL {
        if bug == PlantedBug::EveryLoserResends {
            continue; // It costs messages, not correctness: the slow chain sees it.
        }
        // The rarest of them shows once in some thousand seeds.
        let found = (0..20_000).find(|seed| !simulate(*seed, scenario(*seed), Some(bug)).broken.is_empty());
        match found {
            Some(seed) => {
                let report = simulate(seed, scenario(seed), Some(bug));
                eprintln!("{bug:?}: seed {seed} ({}): {:?}", scenario(seed).name, report.broken);
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found in 20,000 seeds: {missed:?}");
}

#[test]
fn messages_per_position_stay_flat_along_a_slow_chain() {
    let seeds = 40;
    let average = |planted| {
        let mut sums = (0.0, 0.0);
        for seed in 0..seeds {
            let (early, late, report) = slow_chain(seed, planted);
            assert!(report.broken.is_empty(), "seed {seed}: {:?}", report.broken);
            sums = (sums.0 + early, sums.1 + late);
        }
        (sums.0 / seeds as f64, sums.1 / seeds as f64)
    };
    let (early, late) = average(None);
    eprintln!("messages per position: {early:.2} at 1-6, {late:.2} at 18-23");
    assert!(late < early * 1.25 + 0.2, "duplicates grow along the chain: {early:.2} to {late:.2}");
    let (early, late) = average(Some(PlantedBug::EveryLoserResends));
    eprintln!("messages per position, every loser re-sends: {early:.2} at 1-6, {late:.2} at 18-23");
    assert!(late > early * 2.0, "the planted bug is not seen: {early:.2} to {late:.2}");
}
