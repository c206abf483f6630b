//! Random nested definitions, random outcomes and random orders: the replay of what was recorded leads where the run was
//! led, and the order in which branches end doesn't show in what they come to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::{prelude::*, test_runner::FileFailurePersistence};
use serde_json::{Map, Value, json};
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, Branch, End, History, Limit, Next, Outcome, Phase, Position, Records, Rehearsal, Replay, Run,
    Status, replay,
};

/// A machine as a row of states; each gives its output on.
#[derive(Debug, Clone)]
enum Shape {
    Task {
        is_retried: bool,
        is_caught: bool,
    },
    Pass,
    Wait(u64),
    Parallel {
        branches: Vec<Vec<Shape>>,
        is_retried: bool,
        is_caught: bool,
    },
    Map {
        processor: Vec<Shape>,
        items: usize,
        concurrency: u64,
        tolerated: u64,
        is_retried: bool,
        is_caught: bool,
    },
}

fn row(shapes: impl Strategy<Value = Shape> + Clone + 'static) -> impl Strategy<Value = Vec<Shape>> + Clone {
    prop::collection::vec(shapes, 1..4)
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        4 => (any::<bool>(), any::<bool>()).prop_map(|(is_retried, is_caught)| Shape::Task { is_retried, is_caught }),
        1 => Just(Shape::Pass),
        1 => (0..2_000u64).prop_map(Shape::Wait),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let inner = inner.boxed();
        prop_oneof![
            (prop::collection::vec(row(inner.clone()), 1..4), any::<bool>(), any::<bool>()).prop_map(
                |(branches, is_retried, is_caught)| Shape::Parallel { branches, is_retried, is_caught }
            ),
            (row(inner), 0..5usize, 0..4u64, 0..3u64, any::<bool>(), any::<bool>()).prop_map(
                |(processor, items, concurrency, tolerated, is_retried, is_caught)| {
                    Shape::Map { processor, items, concurrency, tolerated, is_retried, is_caught }
                }
            ),
        ]
    })
}

/// Writes machines; the states' names count up.
#[derive(Default)]
struct Writer(usize);

impl Writer {
    fn machine(&mut self, row: &[Shape]) -> Value {
        let names: Vec<String> = row.iter().map(|_| self.name()).collect();
        let mut states = Map::new();
        for (index, shape) in row.iter().enumerate() {
            let mut state = self.state(&names[index], shape);
            match names.get(index + 1) {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
            let (is_retried, is_caught) = match shape {
                Shape::Task { is_retried, is_caught }
                | Shape::Parallel { is_retried, is_caught, .. }
                | Shape::Map { is_retried, is_caught, .. } => (*is_retried, *is_caught),
                Shape::Pass | Shape::Wait(_) => (false, false),
            };
            if is_retried {
                state["Retry"] = json!([{ "ErrorEquals": ["A", "States.Timeout"], "IntervalSeconds": 5, "MaxAttempts": 1 }]);
            }
            if is_caught {
                let caught = self.name();
                state["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Next": caught }]);
                states.insert(
                    caught,
                    json!({ "Type": "Pass", "Parameters": { "caught.$": "$.Error" }, "End": true }),
                );
            }
            states.insert(names[index].clone(), state);
        }
        json!({ "StartAt": names[0], "States": states })
    }

    fn state(&mut self, name: &str, shape: &Shape) -> Value {
        match shape {
            Shape::Task { .. } => json!({
                "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:work", "TimeoutSeconds": 50,
            }),
            Shape::Pass => {
                json!({ "Type": "Pass", "Parameters": { "was.$": "$" }, "Assign": { format!("seen{name}.$"): "$" } })
            }
            Shape::Wait(seconds) => json!({ "Type": "Wait", "Seconds": seconds }),
            Shape::Parallel { branches, .. } => {
                let branches: Vec<Value> = branches.iter().map(|branch| self.machine(branch)).collect();
                json!({ "Type": "Parallel", "Branches": branches })
            }
            Shape::Map { processor, items, concurrency, tolerated, .. } => json!({
                "Type": "Map",
                "ItemsPath": format!("$$.Execution.Input.items[{items}]"),
                "ItemSelector": { "from.$": "$", "index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value" },
                "MaxConcurrency": concurrency,
                "ToleratedFailureCount": tolerated,
                "ItemProcessor": self.machine(processor),
            }),
        }
    }

    fn name(&mut self) -> String {
        self.0 += 1;
        format!("S{}", self.0)
    }
}

fn definition() -> impl Strategy<Value = Definition> {
    (row(shape().boxed()), prop::option::of(100..9_000u64)).prop_map(|(row, timeout)| {
        let mut machine = Writer::default().machine(&row);
        if let Some(timeout) = timeout {
            machine["TimeoutSeconds"] = json!(timeout);
        }
        Definition::parse(&machine.to_string()).unwrap_or_else(|faults| panic!("{faults}\n{machine}"))
    })
}

/// A small generator of numbers, so that one seed gives one order.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// What a step answers: it depends on where it stands and on its attempt, never on when it is asked.
fn answer(position: &Position, failing: u64) -> Outcome {
    let place = format!("{} {:?} {}", position.state, position.map_item, position.attempt());
    let hash = place.bytes().fold(7u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    match hash % 100 {
        roll if roll >= failing => {
            Outcome::Succeeded { output: json!({ "n": hash % 1_000, "of": position.state }) }
        }
        roll if roll.is_multiple_of(3) => Outcome::TimedOut { limit: Limit::Task },
        roll => {
            let error = if roll.is_multiple_of(2) { "A" } else { "B" };
            Outcome::Failed { error: error.to_owned(), cause: Some("because".to_owned()), phase: Phase::Run }
        }
    }
}

const INPUT: &str = r#"{ "items": [[], [1], ["two", 2], [{ "three": 3 }, [], null], [4, 4.5, 5, "6"]] }"#;
const SETTLED_MAX: usize = 2_000;

struct Rehearsed<'a> {
    rehearsal: Rehearsal<'a>,
    run: Run,
    input: Value,
    /// What the run looked like somewhere on its way, with its records.
    halfway: Option<(Records, Vec<(Branch, Position)>)>,
}

/// Drives a run to its end. The dice choose who goes on: always someone who is due, or anyone.
fn rehearse<'a>(
    definition: &'a Definition,
    failing: u64,
    dice: &mut Dice,
    halfway_at: usize,
) -> Rehearsed<'a> {
    let input: Value = serde_json::from_str(INPUT).unwrap();
    let run = Run { input: Some(input.clone()), ..Run::for_test("flow", "run-1") };
    let mut rehearsal = Rehearsal::start(definition, &run, input.clone());
    let (mut now_ms, mut halfway) = (0, None);
    for settled in 0.. {
        if settled == halfway_at {
            let waiting =
                rehearsal.waiting().map(|waiting| (waiting.branch.clone(), waiting.position.clone()));
            halfway = Some((rehearsal.records().clone(), waiting.collect()));
        }
        let Some(first) = rehearsal.next() else { break };
        // Whoever is due when the first one is may be the next.
        let now = first.due_ms.max(now_ms);
        let due: Vec<_> = rehearsal.waiting().take_while(|waiting| waiting.due_ms <= now).collect();
        let waiting = due[dice.roll(due.len())];
        now_ms = now + dice.roll(3) as i64;
        let outcome = match waiting.position.awaiting {
            _ if waiting.position.is_past_deadline(now_ms) => Outcome::TimedOut { limit: Limit::Run },
            _ if settled > SETTLED_MAX => Outcome::TimedOut { limit: Limit::Run },
            Awaiting::Step { due_ms } if due_ms <= now_ms => answer(waiting.position, failing),
            _ => Outcome::TimerFired,
        };
        let branch = waiting.branch.clone();
        rehearsal.settle(&branch, outcome, Some(now), now_ms).unwrap();
    }
    Rehearsed { rehearsal, run, input, halfway }
}

impl Rehearsed<'_> {
    fn end(&self) -> &End {
        self.rehearsal.end().unwrap()
    }

    fn replay(&self, definition: &Definition, records: &Records) -> Result<Replay, TestCaseError> {
        replay(definition, &self.run, self.input.clone(), records)
            .map_err(|error| TestCaseError::fail(error.to_string()))
    }
}

/// A position without the counts of a branch that has no record yet: of two siblings that ended in the same millisecond
/// either may have started it, and only the record keeps which.
fn uncounted(position: &Position) -> Position {
    match position.opening {
        Some(_) => Position { events: 0, entered_event: 0, opening: None, ..position.clone() },
        None => position.clone(),
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(384))]

    #[test]
    fn a_replay_of_all_branches_leads_where_the_run_was_led(
        definition in definition(),
        failing in prop_oneof![Just(0u64), Just(15), Just(40)],
        seed in any::<u64>(),
        halfway_at in 0..40usize,
        page in (0..400usize, 1..60usize),
    ) {
        let rehearsed = rehearse(&definition, failing, &mut Dice(seed), halfway_at);
        let records = rehearsed.rehearsal.records();
        let replayed = rehearsed.replay(&definition, records)?;
        prop_assert_eq!(&replayed.last.next, &Next::End(rehearsed.end().clone()));
        let number: usize = replayed.branches.values().map(|branch| branch.positions.len()).sum();
        prop_assert_eq!(number + replayed.positions.len(), records.values().map(Vec::len).sum::<usize>());
        prop_assert!(replayed.branches.values().all(|branch| branch.late == 0));

        for (index, event) in replayed.events.iter().enumerate() {
            prop_assert_eq!(event.id, index as u64 + 1);
            prop_assert!(event.previous_id < event.id, "{:?}", event);
        }
        let last = replayed.events.last().map(|event| event.event.type_name()).unwrap_or_default();
        prop_assert!(last.starts_with("Execution"), "{last}");
        let count = |name: &str| replayed.events.iter().filter(|event| event.event.type_name() == name).count();
        let ended = ["MapIterationSucceeded", "MapIterationFailed", "MapIterationAborted"];
        prop_assert_eq!(count("MapIterationStarted"), ended.iter().map(|name| count(name)).sum::<usize>());
        let left = ["TaskStateExited", "TaskStateAborted"].iter().map(|name| count(name)).sum::<usize>();
        prop_assert!(left <= count("TaskStateEntered"));

        let history = History::new(&definition, &rehearsed.run, rehearsed.input.clone(), records)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(history.len(), replayed.events.len());
        let (from, to) = (page.0.min(history.len()), (page.0 + page.1).min(history.len()));
        prop_assert_eq!(&history.page(from..to).unwrap()[..], &replayed.events[from..to]);

        // Halfway, every branch stands where it waited.
        if let Some((records, waiting)) = &rehearsed.halfway {
            let replayed = rehearsed.replay(&definition, records)?;
            for (branch, position) in waiting {
                let last = replayed.branches.get(branch).map_or(&replayed.last, |branch| &branch.last);
                let Next::Wait(last) = &last.next else { panic!("{branch} has ended") };
                prop_assert_eq!(uncounted(last), uncounted(position), "{}", branch);
            }
        }
    }

    #[test]
    fn the_order_in_which_branches_end_does_not_show_in_their_results(
        definition in definition(),
        seeds in (any::<u64>(), any::<u64>()),
    ) {
        let first = rehearse(&definition, 0, &mut Dice(seeds.0), usize::MAX);
        let second = rehearse(&definition, 0, &mut Dice(seeds.1), usize::MAX);
        if [&first, &second].iter().all(|rehearsed| rehearsed.end().status == Status::Succeeded) {
            prop_assert_eq!(&first.end().output, &second.end().output);
            prop_assert_eq!(first.end().events, second.end().events);
        } else {
            // Only the deadline can end it otherwise, and that depends on the clock.
            prop_assert!(definition.timeout_seconds.is_some());
        }
    }
}
