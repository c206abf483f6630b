//! `stepladder replay`: a recorded run once more, by today's engine.

use crate::{
    definitions::{Against, Checked},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits::HISTORY_EVENTS_AT_ONCE,
    printer::Printer,
    recorded::RecordedRun,
    style::{self, paint},
    text::{count, escaped},
};
use clap::ValueHint;
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeSet, path::PathBuf};
use stepladder_asl::{Definition, WorkflowType};
use stepladder_engine::{Branch, Event, History, Recorded, ReplayError, Run, Status};

/// Tell whether a recorded run still goes the way it went
///
/// Leads the run through all of its records again, by this program's engine, and compares each transition with what was
/// recorded. Nothing is called, sent or stored, and no stack is asked. Exits 1 if it goes another way, and 2 if the file is no
/// recorded run, or not the whole of one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder run history order/17 -o jsonl > order-17.jsonl
  stepladder replay order-17.jsonl
  stepladder replay order-17.jsonl --definition functions/order/workflow.asl.json
  stepladder run history order/17 -o jsonl | stepladder replay - -o json")]
pub struct ReplayArgs {
    /// What `stepladder run history ID -o jsonl` has written; `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Replay it on this definition instead of its own
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    definition: Option<PathBuf>,
}

pub fn run(args: ReplayArgs, printer: &Printer) -> Outcome {
    let recorded = RecordedRun::open(&args.file)?;
    let given = args.definition.map(|path| Checked::read(&path, Against::Language, WorkflowType::Standard));
    let definition = match &given {
        Some(checked) => checked.definition(printer, "so that nothing can be replayed on it")?,
        None => &recorded.definition,
    };
    let report = replayed(&recorded, definition)?;
    match printer.is_json() {
        true => printer.json(&report)?,
        false => show(&report, printer)?,
    }
    match report.agrees {
        true => Ok(()),
        false => Err(Failure::told(Exit::Bad, Code::Diverged)),
    }
}

/// The shape `stepladder.replay/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Report {
    schema: &'static str,
    id: String,
    agrees: bool,
    /// Where the recorded run was when it was written to the file.
    status: Status,
    /// The hash of the definition that it was replayed on.
    definition: String,
    /// The hash of the one that it was recorded on.
    recorded_definition: String,
    /// The records of all branches.
    transitions: u64,
    branches: usize,
    /// Null where it doesn't agree.
    events: Option<usize>,
    /// How many of the definition's states were entered, and how many it has. Null where it doesn't agree.
    states: Option<usize>,
    definition_states: usize,
    divergence: Option<Divergence>,
}

/// The first place where the run goes another way.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Divergence {
    /// One line.
    message: String,
    /// Empty for the root.
    branch: String,
    /// Of the record; null where it is none.
    seq: Option<u32>,
    /// The state that waited for the record.
    state: Option<String>,
    /// The kind of the record's outcome.
    outcome: Option<String>,
    recorded: Option<Recording>,
    computed: Option<Computed>,
}

/// What the run did after the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Recording {
    digest: String,
    /// The kind of the branch's next outcome; null where nothing follows.
    next_outcome: Option<String>,
}

/// What the engine does after the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Computed {
    digest: String,
    leads_to: String,
}

fn replayed(recorded: &RecordedRun, definition: &Definition) -> Outcome<Report> {
    let input = recorded.head.input.clone();
    let run = Run {
        definition: definition.hash.clone(),
        input: definition.mentions_execution_input.then(|| input.clone()),
        ..recorded.run.clone()
    };
    let mut report = Report {
        schema: "stepladder.replay/1",
        id: recorded.head.id.clone(),
        agrees: false,
        status: recorded.head.status,
        definition: definition.hash.clone(),
        recorded_definition: recorded.head.definition.clone(),
        transitions: recorded.transitions,
        branches: recorded.records.len(),
        events: None,
        states: None,
        definition_states: definition.states.len(),
        divergence: None,
    };
    let history = match History::new(definition, &run, input, &recorded.records) {
        Ok(history) => history,
        Err(error) => {
            report.divergence = Some(divergence(recorded, &error)?);
            return Ok(report);
        }
    };
    let status = history.order().status();
    let recorded_status = recorded.head.status;
    // One that went on may have ended between the first line and the last record.
    if status != recorded_status && recorded_status != Status::Running {
        let message = format!(
            "the run ended {}, and its records lead to {}",
            recorded_status.as_str(),
            status.as_str()
        );
        report.divergence = Some(Divergence::of(message, &Branch::default()));
        return Ok(report);
    }
    report.agrees = true;
    report.events = Some(history.len());
    report.states = Some(states(&history)?);
    Ok(report)
}

/// How many states were entered.
fn states(history: &History<'_>) -> Outcome<usize> {
    let mut names = BTreeSet::new();
    for from in (0..history.len()).step_by(HISTORY_EVENTS_AT_ONCE) {
        let events = history.page(from..from + HISTORY_EVENTS_AT_ONCE).map_err(|error| too_slow(&error))?;
        names.extend(events.into_iter().filter_map(|event| match event.event {
            Event::StateEntered { name, .. } => Some(name),
            _ => None,
        }));
    }
    Ok(names.len())
}

/// That says nothing about the run.
fn too_slow(error: &ReplayError) -> Failure {
    Failure::new(Exit::GaveUp, Code::GaveUpWaiting, error.to_string())
        .hint("let nothing else run on this machine meanwhile")
}

impl Divergence {
    fn of(message: String, branch: &Branch) -> Self {
        let branch = branch.to_string();
        Self { message, branch, seq: None, state: None, outcome: None, recorded: None, computed: None }
    }
}

fn divergence(recorded: &RecordedRun, error: &ReplayError) -> Outcome<Divergence> {
    let outcome = |branch: &Branch, seq: Option<u32>| {
        let seq = usize::try_from(seq?).ok()?;
        recorded.records.get(branch)?.get(seq).map(kind)
    };
    match error {
        ReplayError::TooSlow { .. } => Err(too_slow(error)),
        ReplayError::Diverged { branch, seq, state, recorded: digest, computed, leads_to } => {
            Ok(Divergence {
                seq: Some(*seq),
                state: Some(state.clone()),
                outcome: outcome(branch, Some(*seq)),
                recorded: Some(Recording {
                    digest: digest.clone(),
                    next_outcome: outcome(branch, seq.checked_add(1)),
                }),
                computed: Some(Computed { digest: computed.clone(), leads_to: leads_to.to_string() }),
                ..Divergence::of("a transition leads elsewhere than the recorded one did".to_owned(), branch)
            })
        }
        ReplayError::AfterTheEnd { branch, seq } => Ok(Divergence {
            seq: Some(*seq),
            outcome: outcome(branch, Some(*seq)),
            ..Divergence::of(error.to_string(), branch)
        }),
        ReplayError::UnknownDefinition { .. } => Ok(Divergence::of(error.to_string(), &Branch::default())),
        ReplayError::NoSuchBranch { branch } => Ok(Divergence::of(error.to_string(), branch)),
    }
}

/// The kind of a record's outcome.
fn kind(recorded: &Recorded) -> String {
    let outcome = serde_json::to_value(&recorded.outcome).unwrap_or_default();
    outcome.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn show(report: &Report, printer: &Printer) -> Outcome {
    let Report { transitions, branches, definition_states: all, .. } = report;
    let (glyph, color, word) = match report.agrees {
        true => (printer.glyphs.good, style::GOOD, "agrees"),
        false => (printer.glyphs.bad, style::ERROR, "differs"),
    };
    let id = paint(style::ID, escaped(&report.id));
    let whole = count(usize::try_from(*transitions).unwrap_or(usize::MAX), "transition");
    let of = match branches {
        0 | 1 => String::new(),
        several => format!(" in {several} branches"),
    };
    let known = report.events.zip(report.states);
    let more = known.map_or(String::new(), |(events, states)| {
        format!(", {}, {states} of {}", count(events, "event"), count(*all, "state"))
    });
    printer.data(format!(
        "{} {id} {word}: {}, {whole}{of}{more}",
        paint(color, glyph),
        report.status.as_str()
    ))?;
    if report.definition != report.recorded_definition {
        let line = format!("  on another definition than its own: {}", report.definition);
        printer.data(paint(style::DIM, line))?;
    }
    let Some(divergence) = &report.divergence else { return Ok(()) };
    printer.data(format!("  {}", escaped(&divergence.message)))?;
    if let Some(seq) = divergence.seq {
        let branch = match divergence.branch.as_str() {
            "" => String::new(),
            branch => format!(" of branch {branch}"),
        };
        let state =
            divergence.state.as_deref().map_or(String::new(), |state| format!(", in the state '{state}'"));
        let outcome = divergence.outcome.as_deref().unwrap_or("no outcome");
        printer.data(format!("  record    {seq}{branch}: {outcome}{}", escaped(&state)))?;
    }
    if let Some(recorded) = &divergence.recorded {
        let next = recorded.next_outcome.as_deref().unwrap_or("nothing");
        printer.data(format!("  recorded  {}, followed by {next}", escaped(&recorded.digest)))?;
    }
    if let Some(computed) = &divergence.computed {
        printer.data(format!("  computed  {}, {}", computed.digest, escaped(&computed.leads_to)))?;
    }
    Ok(())
}
