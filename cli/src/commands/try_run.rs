//! `stepladder try`: a whole definition in memory.

use crate::{
    commands::check::TypeArg,
    definitions::{Against, Checked},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    inputs, limits,
    printer::Printer,
    rehearse::{
        Clock, MissingMock, Rehearsed, Stop,
        mocks::{Mocks, NoAnswer, sketch, tasks},
        rehearse,
        visits::{Visit, Visits},
    },
    shapes::EventShape,
    style::{self, paint},
    text::{self, TimeStyle, cut, escaped, escaped_json, first_sentence, utc},
};
use clap::ValueHint;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use stepladder_asl::Definition;
use stepladder_engine::{End, Run, Status};

/// Run a definition in memory, with mocked tasks and skipped time
///
/// Nothing is built, called or stored. The clock jumps over waits, retries and timeouts to whatever comes next. Exits 1
/// unless the run succeeds, and 2 if a task is called whose answer is not known.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder try order.asl.json --input '{\"total\": 12}' --echo
  stepladder try order.asl.json --sketch > mocks.json      a mock for each task, to fill in
  stepladder try order.asl.json --input order.json --mock mocks.json
  stepladder try order.asl.json --mock MockConfigFile.json --test-case RetryPath
  stepladder try order.asl.json --mock mocks.json -o json | jq .output

A mock file says what each task answers, always or call by call:
  {\"states\": {\"Charge\": [{\"throw\": {\"error\": \"Timeout\"}}, {\"return\": {\"paid\": true}}],
              \"Ship\": {\"return\": {}}}}
A file of Step Functions Local (MockConfigFile.json) does too.")]
pub struct TryArgs {
    /// The definition; `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The run's input: a file, `-` for stdin, or the JSON itself. Unless given: {}
    #[arg(short, long, value_name = "FILE|-|JSON", allow_hyphen_values = true, value_hint = ValueHint::FilePath)]
    input: Option<String>,
    /// What the tasks answer: a file in Stepladder's format, or in that of Step Functions Local
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    mock: Option<PathBuf>,
    /// The test case of a file of Step Functions Local: CASE or MACHINE#CASE
    #[arg(long, value_name = "NAME", requires = "mock")]
    test_case: Option<String>,
    /// A task that has no mock returns what it is called with
    #[arg(long)]
    echo: bool,
    /// Print a mock file with every task of the definition, and run nothing
    #[arg(long, conflicts_with_all = ["input", "mock", "echo"])]
    sketch: bool,
    /// When the run starts, in RFC 3339; now unless given
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<i64>,
    /// The run's name
    #[arg(short, long, default_value = "try")]
    name: String,
    /// Another number, other random values and UUIDs
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Give up after so many outcomes
    #[arg(long, value_name = "NUMBER", default_value_t = limits::TRY_OUTCOMES_MAX)]
    max_outcomes: usize,
    /// The type of the workflow
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = TypeArg::Standard, value_name = "STANDARD|EXPRESS", hide_possible_values = true)]
    workflow_type: TypeArg,
}

fn parse_time(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "a time like 2026-01-31T12:00:00Z is expected".to_owned())?;
    Ok(time.as_millisecond())
}

pub fn run(args: TryArgs, printer: &Printer) -> Outcome {
    let checked = Checked::read(&args.file, Against::Language, args.workflow_type.into());
    let definition = checked.definition(printer, "so it can't run")?;
    if args.sketch {
        let sketch = sketch(tasks(definition));
        let text = serde_json::to_string_pretty(&sketch).unwrap_or_default();
        return printer.data(escaped_json(&text));
    }
    let input = match &args.input {
        Some(given) => inputs::read(given, "--input")?,
        None => Value::Object(Map::new()),
    };
    let mut mocks = match &args.mock {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?;
            let shown = path.display().to_string();
            let text = inputs::limited(file, &shown)?;
            Mocks::read(&text, &shown, definition, &checked.workflow, args.test_case.as_deref())?
        }
        None => Mocks::default(),
    };
    mocks.echo = args.echo;
    let started_ms = args.at.unwrap_or_else(|| printer.now_ms());
    let run = Run {
        nonce: format!("{:032x}", args.seed),
        definition: definition.hash.clone(),
        started_ms,
        input: definition.mentions_execution_input.then(|| input.clone()),
        ..Run::for_test(&checked.workflow, &args.name)
    };
    let clock = Clock { started_ms, outcomes_max: args.max_outcomes, events_max: limits::TRY_EVENTS_MAX };
    let tried = rehearse(definition, &run, &input, &mut mocks, clock)
        .map_err(|error| Failure::new(Exit::Bug, Code::Bug, error.to_string()))?;
    if tried.end.is_ok() {
        mocks.left().iter().for_each(|left| printer.warning(left));
    }
    match printer.is_json() {
        true => report(&checked.workflow, &run, &tried, printer)?,
        false => show(definition, &checked.workflow, &run, &tried, printer)?,
    }
    match &tried.end {
        Ok(end) if end.status == Status::Succeeded => Ok(()),
        Ok(_) => Err(Failure::told(Exit::Bad, Code::RunFailed)),
        Err(stop) => Err(stopped(stop, definition, &args)),
    }
}

/// The shape `stepladder.try/1`; with jsonl the events come first, each on a line of its own.
fn report(workflow: &str, run: &Run, tried: &Rehearsed, printer: &Printer) -> Outcome {
    let events: Vec<EventShape> = tried.events.iter().map(EventShape::new).collect();
    let is_lines = printer.format == crate::printer::Format::Jsonl;
    if is_lines {
        printer.json_list(&events)?;
    }
    let end = tried.end.as_ref().ok();
    let mut shape = json!({
        "schema": "stepladder.try/1",
        "workflow": workflow,
        "name": run.name,
        "definition": run.definition,
        "status": end.map_or("RUNNING", |end| end.status.as_str()),
        "output": end.and_then(|end| end.output.as_ref()),
        "error": end.and_then(|end| end.error.as_ref()),
        "cause": end.and_then(|end| end.cause.as_ref()),
        "started_at": utc(run.started_ms),
        "ended_at": end.map(|_| utc(tried.now_ms)),
        "duration_ms": tried.now_ms.saturating_sub(run.started_ms),
    });
    if let (false, Some(shape)) = (is_lines, shape.as_object_mut()) {
        shape.insert("events".to_owned(), json!(events));
    }
    printer.json(&shape)
}

fn stopped(stop: &Stop, definition: &Definition, args: &TryArgs) -> Failure {
    match stop {
        Stop::Mock(missing) => no_mock(missing, definition, args),
        Stop::TooLong(outcomes) => {
            let message = format!("gave up after {outcomes} outcomes: does it ever end?");
            Failure::new(Exit::GaveUp, Code::GaveUpWaiting, message)
                .hint("--max-outcomes N lets it go on for longer")
        }
        Stop::TooManyEvents(events) => {
            let message = format!("gave up after {events} events: does it ever end?");
            Failure::new(Exit::GaveUp, Code::GaveUpWaiting, message).detail(
                "AWS ends an execution of a STANDARD workflow after 25,000 events: \
                 https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html",
            )
        }
        Stop::TooSlow(why) => Failure::new(Exit::GaveUp, Code::GaveUpWaiting, why.clone()).hint(
            "make the expressions of that state do less, or let nothing else run on this machine meanwhile",
        ),
        Stop::Stuck { state } => {
            let message = format!("nothing will ever end the state '{state}'");
            Failure::new(Exit::Bad, Code::RunFailed, message)
                .detail("its mock never answers, and it has no timeout")
                .hint("give the state a TimeoutSeconds, or its mock an answer")
        }
    }
}

fn no_mock(missing: &MissingMock, definition: &Definition, args: &TryArgs) -> Failure {
    let MissingMock { state, iterations, why, input } = missing;
    let place = match iterations.as_slice() {
        [] => String::new(),
        all => format!(" in iteration {}", all.iter().map(u64::to_string).collect::<Vec<_>>().join("/")),
    };
    let message = match why {
        NoAnswer::Unknown => format!("no mock says what the task '{state}'{place} answers"),
        NoAnswer::UsedUp(given) => {
            let answers = text::count(*given, "answer");
            format!("the task '{state}'{place} was called again after its {answers} had been given")
        }
    };
    let called = cut(&input.to_string(), limits::LINE_CHARS_MAX).into_owned();
    let failure =
        Failure::new(Exit::Usage, Code::NoMock, message).detail(format!("it was called with {called}"));
    let (states, file): (Vec<_>, _) = match (&args.mock, why) {
        (None, _) => (tasks(definition).collect(), "mocks.json".to_owned()),
        (Some(path), _) => (definition.state(state).into_iter().collect(), path.display().to_string()),
    };
    let many = states.len() > SNIPPET_STATES_MAX;
    let snippet = sketch(states.into_iter().filter(|candidate| !many || candidate.name == *state));
    let hint = match (why, &args.mock) {
        (NoAnswer::UsedUp(_), _) => {
            format!(
                "add an answer to the list of '{state}' in {file}; an answer without a list is given every time"
            )
        }
        (NoAnswer::Unknown, Some(_)) => {
            format!("add it to {file}, or let tasks without a mock return their input: --echo")
        }
        (NoAnswer::Unknown, None) => {
            "write this to a file and name it by --mock, or let tasks return their input: \
            --echo; --sketch prints one for all tasks"
                .to_owned()
        }
    };
    let failure = match why {
        NoAnswer::Unknown => failure.detail(snippet.to_string()),
        NoAnswer::UsedUp(_) => failure,
    };
    failure.hint(hint)
}

/// A snippet of more states than that would be a wall of text.
const SNIPPET_STATES_MAX: usize = 8;

/// Columns of an output on its line.
const OUTPUT_COLUMNS_MAX: usize = 72;

fn show(definition: &Definition, workflow: &str, run: &Run, tried: &Rehearsed, printer: &Printer) -> Outcome {
    let visits = Visits::new(definition, &tried.events);
    let tree = Tree { visits: &visits, started_ms: run.started_ms, printer };
    let head = format!("{} {}", paint(style::ID, escaped(workflow)), paint(style::DIM, utc(run.started_ms)));
    printer.data(head)?;
    let root = visits.root().map(|lane| lane.visits.as_slice()).unwrap_or_default();
    for line in tree.lines(root, "") {
        printer.data(line)?;
    }
    let Ok(end) = &tried.end else { return Ok(()) };
    let after = text::duration(tried.now_ms.saturating_sub(run.started_ms));
    let (glyph, color) = printer.glyphs.status(end.status);
    printer.data(format!("{} after {after}", paint(color, format!("{glyph} {}", end.status.as_str()))))?;
    ending(end, printer)
}

fn ending(end: &End, printer: &Printer) -> Outcome {
    if let Some(output) = &end.output {
        let text = serde_json::to_string_pretty(output).unwrap_or_default();
        printer.data(escaped_json(&text))?;
    }
    if end.status != Status::Succeeded {
        let error = end.error.as_deref().unwrap_or("no error name");
        printer.data(format!("  {}", paint(style::ERROR, escaped(error))))?;
        if let Some(cause) = &end.cause {
            printer.data(format!("  {}", escaped(cause)))?;
        }
    }
    Ok(())
}

/// The distance from the run's start: `+7.8 s`, and from a minute on `+24:00:07.8`, for days alone would hide what
/// happens in seconds.
fn offset(ms: i64) -> String {
    match ms {
        ..60_000 => format!("+{}", text::duration(ms)),
        _ => {
            let (s, tenths) = (ms / 1_000, ms % 1_000 / 100);
            format!("+{}:{:02}:{:02}.{tenths}", s / 3_600, s / 60 % 60, s % 60)
        }
    }
}

struct Tree<'a> {
    visits: &'a Visits,
    started_ms: i64,
    printer: &'a Printer,
}

impl Tree<'_> {
    /// Visits below each other, and in each the lanes that it opened. Lanes nest as deep as the definition does.
    fn lines(&self, visits: &[usize], margin: &str) -> Vec<String> {
        let known = visits.iter().filter_map(|index| Some((*index, self.visits.visit(*index)?)));
        let name = |visit: &Visit| cut(&escaped(&visit.state), limits::CELL_CHARS_MAX).into_owned();
        let widest = known.clone().map(|(_, visit)| text::width(&name(visit))).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (index, visit) in known {
            let (glyph, color) = self.glyph(visit);
            let name = name(visit);
            let pad = " ".repeat(widest.saturating_sub(text::width(&name)));
            let time = paint(style::DIM, format!("{:>12}", self.time(visit.entered_ms)));
            let what = self.what(index, visit);
            let line = format!(
                "{time}  {margin}{} {}{pad}  {:<8}  {what}",
                paint(color, glyph),
                paint(style::ID, name),
                visit.state_type
            );
            lines.push(line.trim_end().to_owned());
            let below = |text: String| format!("{:>12}  {margin}  {text}", "");
            lines.extend(self.failures(visit).into_iter().map(below));
            if self.printer.verbosity > 0 {
                lines.extend(self.data(visit).into_iter().map(below));
            }
            for lane in visit.lanes.iter().filter_map(|lane| self.visits.lane(*lane)) {
                lines.push(below(paint(style::DIM, &lane.title)));
                lines.extend(self.lines(&lane.visits, &format!("{margin}    ")));
            }
        }
        lines
    }

    fn time(&self, time_ms: i64) -> String {
        match self.printer.time_style {
            TimeStyle::Relative => offset(time_ms.saturating_sub(self.started_ms)),
            style => text::time(time_ms, time_ms, style),
        }
    }

    fn glyph(&self, visit: &Visit) -> (&'static str, anstyle::Style) {
        let glyphs = &self.printer.glyphs;
        let is_caught = visit.exited_ms.is_some()
            && visit.failures.last().is_some_and(|failed| visit.exited_ms == Some(failed.time_ms));
        match visit {
            Visit { is_aborted: true, .. } => (glyphs.stopped, style::WARNING),
            _ if is_caught => (glyphs.bad, style::WARNING),
            Visit { exited_ms: Some(_), .. } => (glyphs.good, style::GOOD),
            Visit { state_type: "Fail", .. } => (glyphs.bad, style::ERROR),
            Visit { failures, .. } if !failures.is_empty() => (glyphs.bad, style::ERROR),
            Visit { is_failed: true, .. } => (glyphs.bad, style::ERROR),
            _ => (glyphs.running, style::HINT),
        }
    }

    fn what(&self, index: usize, visit: &Visit) -> String {
        let took = visit.exited_ms.map(|exited_ms| exited_ms.saturating_sub(visit.entered_ms));
        let mut parts = Vec::new();
        if visit.attempts > 1 {
            parts.push(format!("{} {} attempts", self.printer.glyphs.retry, visit.attempts));
        }
        if let Some(took) = took.filter(|took| *took > 0) {
            parts.push(paint(style::DIM, text::duration(took)));
        }
        match (visit.state_type, visit.result.as_ref().or(visit.output.as_ref())) {
            ("Choice", Some(_)) => {
                let arrow = self.printer.glyphs.arrow;
                parts.extend(self.visits.next(index).map(|next| format!("{arrow} {}", escaped(&next.state))));
            }
            ("Task" | "Pass", Some(result)) => {
                // Of the response of lambda:invoke the function's own answer says it all.
                let result = match (result.get("Payload"), result.get("StatusCode")) {
                    (Some(payload), Some(_)) => payload,
                    _ => result,
                };
                parts.push(cut(&escaped(&result.to_string()), OUTPUT_COLUMNS_MAX).into_owned());
            }
            _ => {}
        }
        parts.join("  ")
    }

    fn failures(&self, visit: &Visit) -> Vec<String> {
        let told = |failed: &crate::rehearse::visits::Failed| {
            let cause = failed.cause.as_deref().map(first_sentence).unwrap_or_default();
            let error = paint(style::ERROR, escaped(&failed.error));
            let time = self.time(failed.time_ms);
            format!("{} {error} {}", paint(style::DIM, time), escaped(&cause)).trim_end().to_owned()
        };
        visit.failures.iter().map(told).collect()
    }

    fn data(&self, visit: &Visit) -> Vec<String> {
        let line = |name: &str, value: &Value| {
            let text = cut(&escaped(&value.to_string()), limits::LINE_CHARS_MAX).into_owned();
            format!("{} {text}", paint(style::DIM, name))
        };
        let input = std::iter::once(line("input ", &visit.input));
        let output = visit.output.as_ref().map(|output| line("output", output));
        let assigned = visit.assigned.as_ref().map(|assigned| line("assign", assigned));
        input.chain(output).chain(assigned).collect()
    }
}
