//! Steps that have a rate, or whose code never runs twice at once.

use crate::{
    host::MemoryHost,
    nested::FanOuts,
    scenario::{COMMON, Faults, HEAVY, NESTED, Scenario},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use stepladder_engine::{Outcome, Phase};
use stepladder_protocol::{RecordKey, RunId, RunKey, StepRequest};

/// A kind of trouble with such steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowScenario {
    pub scenario: Scenario,
    /// How often the step `step0` begins at most.
    pub rate_per_second: Option<f64>,
    /// Whether no step's code runs twice at once.
    pub exclusive: bool,
}

const fn flow(
    name: &'static str,
    faults: Faults,
    (runs, states): (usize, usize),
    fan_outs: Option<FanOuts>,
    (rate_per_second, exclusive): (Option<f64>, bool),
) -> FlowScenario {
    let scenario = Scenario { name, faults, runs, states, fan_outs, holders: false };
    FlowScenario { scenario, rate_per_second, exclusive }
}

const TWICE: Faults = Faults { duplicate: 0.5, lost_answer: 0.05, ..COMMON };

/// All kinds of trouble with such steps. Seed n of a campaign takes scenario n mod their number.
pub const FLOW_SCENARIOS: &[FlowScenario] = &[
    flow("rate, no faults", Faults::NONE, (12, 3), None, (Some(0.5), false)),
    flow("rate, faults", COMMON, (24, 2), None, (Some(0.2), false)),
    flow("rate, twice", TWICE, (6, 3), None, (Some(2.0), false)),
    flow("rate, heavy", HEAVY, (6, 3), None, (Some(1.0), false)),
    flow("rate, beyond reach", COMMON, (10, 2), None, (Some(0.005), false)),
    flow("rate, poison", Faults { poison: 0.1, ..COMMON }, (8, 2), None, (Some(0.5), false)),
    flow("rate, purge", Faults { purge: 0.02, ..COMMON }, (5, 3), None, (Some(0.5), false)),
    flow("rate, stop", Faults { stop: 0.03, ..COMMON }, (4, 4), None, (Some(0.1), false)),
    flow("rate in fan-outs", COMMON, (1, 2), NESTED, (Some(1.0), false)),
    flow("exclusive, no faults", Faults::NONE, (3, 4), None, (None, true)),
    flow("exclusive, twice", TWICE, (3, 4), None, (None, true)),
    flow("exclusive, heavy", Faults { lost_answer: 0.1, ..HEAVY }, (2, 4), None, (None, true)),
    flow("exclusive, poison", Faults { poison: 0.1, ..TWICE }, (5, 2), None, (None, true)),
    flow(
        "exclusive, repair in flight",
        Faults { repair: 0.2, fail: 0.12, redrive: 0.05, ..TWICE },
        (2, 4),
        None,
        (None, true),
    ),
    flow("exclusive in fan-outs", Faults { stop: 0.01, ..TWICE }, (1, 2), NESTED, (None, true)),
    flow("rate and exclusive, heavy", HEAVY, (4, 3), None, (Some(0.5), true)),
];

/// How much later than at its slot a step may begin, in milliseconds, where clocks don't differ: a slot is good for ten
/// seconds, and a process that has it lives for eleven.
const LATE_MS: i64 = 21_000;

/// What is watched of such steps while they run.
#[derive(Debug, Clone)]
pub(crate) struct FlowWatch {
    scenario: FlowScenario,
    seen: Arc<Mutex<Seen>>,
}

/// A position: the run's nonce and the idempotency key.
type Key = (String, String);

#[derive(Debug, Default)]
struct Seen {
    broken: BTreeSet<String>,
    running: BTreeMap<Key, usize>,
    /// Where the record of a position will be, as it seemed when its code began to run for the first time.
    records: BTreeMap<Key, RecordKey>,
    /// When the step with a rate began, in milliseconds since the epoch, and when for each position.
    begun_ms: Vec<i64>,
    last_begun_ms: BTreeMap<Key, i64>,
}

/// The code runs as long as this is there.
pub(crate) struct Running {
    watch: FlowWatch,
    key: Key,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(count) = self.watch.seen().running.get_mut(&self.key) {
            *count -= 1;
        }
    }
}

impl FlowWatch {
    pub(crate) fn new(scenario: &FlowScenario) -> Self {
        Self { scenario: *scenario, seen: Arc::default() }
    }

    /// The code of a step begins to run. `is_paced`: it has waited for its slot.
    pub(crate) fn begin(&self, host: &MemoryHost, request: &StepRequest, is_paced: bool) -> Running {
        let key = (request.run.nonce.clone(), request.call.idempotency_key.clone());
        let (now_ms, before) = (host.state().now_ms, self.seen().records.get(&key).cloned());
        let is_recorded = before.as_ref().is_some_and(|record| has_answer(host, record));
        let record = before.unwrap_or_else(|| next_record(host, request));
        let mut seen = self.seen();
        if self.scenario.exclusive {
            if seen.running.get(&key).is_some_and(|count| *count > 0) {
                seen.broken.insert("an exclusive step ran twice at once".to_owned());
            }
            if is_recorded {
                seen.broken.insert("an exclusive step ran again once it was recorded".to_owned());
            }
        }
        seen.records.insert(key.clone(), record);
        *seen.running.entry(key.clone()).or_default() += 1;
        if is_paced {
            seen.paced(&key, now_ms, &self.scenario);
        }
        Running { watch: self.clone(), key }
    }

    pub(crate) fn broken(&self) -> BTreeSet<String> {
        self.seen().broken.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// The step with a rate begins.
    fn paced(&mut self, key: &Key, now_ms: i64, scenario: &FlowScenario) {
        let Some(rate) = scenario.rate_per_second else { return };
        let slack_ms = LATE_MS + 4 * scenario.scenario.faults.skew_ms;
        // A message that is delivered twice at once begins twice in its one slot.
        let last_ms = self.last_begun_ms.get(key).copied().unwrap_or(i64::MIN);
        if now_ms.saturating_sub(last_ms) <= slack_ms {
            return;
        }
        self.last_begun_ms.insert(key.clone(), now_ms);
        self.begun_ms.push(now_ms);
        let is_too_many = |(index, from_ms): (usize, &i64)| {
            let begun = (self.begun_ms.len() - index) as f64;
            begun > rate.max(1.0) + rate * (now_ms - from_ms + slack_ms) as f64 / 1000.0
        };
        if self.begun_ms.iter().enumerate().any(is_too_many) {
            self.broken.insert("a step began more often than its rate".to_owned());
        }
    }
}

/// The first seq of the request's branch that has no record.
fn next_record(host: &MemoryHost, request: &StepRequest) -> RecordKey {
    let run =
        RunKey { id: RunId::new(&request.run.workflow, &request.run.name), nonce: request.run.nonce.clone() };
    let first = RecordKey { run, branch: request.branch.clone(), seq: 0 };
    let state = host.state();
    let of_branch = |key: &RecordKey| key.run == first.run && key.branch == first.branch;
    let count = state.records.range(first.clone()..).take_while(|(key, _)| of_branch(key)).count();
    RecordKey { seq: u32::try_from(count).unwrap(), ..first }
}

/// Whether what the code has answered is recorded: not that the run was stopped meanwhile.
fn has_answer(host: &MemoryHost, key: &RecordKey) -> bool {
    match host.state().outcome(key) {
        Some(Outcome::Succeeded { .. }) => true,
        Some(Outcome::Failed { phase: Phase::Run, error, .. }) => error != "Lambda.Unknown",
        _ => false,
    }
}
