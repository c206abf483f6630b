//! `stepladder test-state`: one state, as the TestState API runs it
//! (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html>).

use crate::{
    commands::check::TypeArg,
    completion,
    definitions::{Against, Checked},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    inputs,
    printer::Printer,
    style::{self, paint},
    text::{escaped, escaped_json},
};
use clap::ValueHint;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use stepladder_asl::{Definition, nearest};
use stepladder_engine::{
    LONE_STATE, Mock, Run, StateTest, StateTestError, StateTested, TestStatus, machine_of, test_state,
};

/// Run one state with an input and a mocked result, and show what it makes of its data
///
/// Nothing is called: what a Task, Map or Parallel state's work gives is said by --mock-result or --mock-error. Exits 0 if
/// the state succeeded, or its error would be caught or retried, and 1 if it failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder test-state order.asl.json --state 'Enough stock?' --input '{\"total\": 1200}'
  stepladder test-state order.asl.json --state Charge -i order.json --mock-result '{\"paid\": true}'
  stepladder test-state order.asl.json --state Charge --mock-error 'CardDeclined:the bank said no'
  stepladder test-state state.json --input '{}' --inspection-level DEBUG     (a state alone)")]
pub struct TestStateArgs {
    /// A definition, or a single state; `-` reads it from stdin
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// The state to run, at any depth. Unless given: the only one there is
    #[arg(short, long, value_name = "NAME", add = completion::states())]
    state: Option<String>,
    /// Its input: a file, `-` for stdin, or the JSON itself. Unless given: {}
    #[arg(short, long, value_name = "FILE|-|JSON", allow_hyphen_values = true, value_hint = ValueHint::FilePath)]
    input: Option<String>,
    /// The variables before it: an object, without `$` in the names
    #[arg(long, value_name = "FILE|JSON", value_hint = ValueHint::FilePath)]
    variables: Option<String>,
    /// The Context object. Unless given: one like AWS's
    #[arg(long, value_name = "FILE|JSON", value_hint = ValueHint::FilePath)]
    context: Option<String>,
    /// What its work gives: a task's result (of lambda:invoke the whole response), or an array with the result of each
    /// iteration or branch
    #[arg(long, value_name = "FILE|JSON", allow_hyphen_values = true, conflicts_with = "mock_error", value_hint = ValueHint::FilePath)]
    mock_result: Option<String>,
    /// How its work fails
    #[arg(long, value_name = "NAME[:CAUSE]")]
    mock_error: Option<String>,
    /// How much is shown: INFO what came of it; DEBUG also what each field made of the data; TRACE the same, as nothing is
    /// sent here
    #[arg(long, value_enum, ignore_case = true, default_value_t = Level::Info, value_name = "INFO|DEBUG|TRACE", hide_possible_values = true)]
    inspection_level: Level,
    /// How often the retrier that means the error has been used already
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry_count: u64,
    /// How many iterations of a Map state have failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    failed_iterations: u32,
    /// The state inside a Map or Parallel state that --mock-error comes from
    #[arg(long, value_name = "NAME", requires = "mock_error", add = completion::states())]
    error_caused_by: Option<String>,
    /// What the ItemReader of a Map state reads: an array
    #[arg(long, value_name = "FILE|JSON", value_hint = ValueHint::FilePath)]
    item_reader_data: Option<String>,
    /// The role in the Context object
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// The type of the workflow
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = TypeArg::Standard, value_name = "STANDARD|EXPRESS", hide_possible_values = true)]
    workflow_type: TypeArg,
}

/// AWS's inspection levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "UPPERCASE")]
pub enum Level {
    Info,
    Debug,
    Trace,
}

pub fn run(args: TestStateArgs, printer: &Printer) -> Outcome {
    let read = Checked::read(&args.file, Against::Language, args.workflow_type.into());
    let checked = as_machine(read, &args);
    let definition = checked.definition(printer, "so it can't run")?;
    let state = state_of(definition, args.state.as_deref())?;
    let json = |given: &Option<String>, option| {
        given.as_deref().map(|given| inputs::read(given, option)).transpose()
    };
    let mock_result = json(&args.mock_result, "--mock-result")?.map(Mock::Result);
    let mock_error = args.mock_error.as_deref().map(|given| {
        let (error, cause) = match given.split_once(':') {
            Some((error, cause)) => (error, Some(cause.to_owned())),
            None => (given, None),
        };
        Mock::Error { error: Some(error.to_owned()), cause }
    });
    let test = StateTest {
        input: json(&args.input, "--input")?.unwrap_or_else(|| Value::Object(Map::new())),
        context: json(&args.context, "--context")?,
        variables: variables(json(&args.variables, "--variables")?)?,
        mock: mock_result.or(mock_error),
        role_arn: args.role_arn.clone(),
        retrier_retry_count: args.retry_count,
        map_iteration_failure_count: args.failed_iterations,
        error_caused_by_state: args.error_caused_by.clone(),
        map_item_reader_data: json(&args.item_reader_data, "--item-reader-data")?,
    };
    let run = Run {
        definition: definition.hash.clone(),
        started_ms: printer.now_ms(),
        ..Run::for_test(&checked.workflow, "test-state")
    };
    let tested =
        test_state(definition, state, &run, &test, run.started_ms).map_err(|error| refused(&error, state))?;
    match printer.is_json() {
        true => printer.json(&shape(state, &tested, args.inspection_level))?,
        false => show(state, &tested, args.inspection_level, printer)?,
    }
    match tested.status {
        TestStatus::Failed => Err(Failure::told(Exit::Bad, Code::RunFailed)),
        _ => Ok(()),
    }
}

/// A file with a state alone gets a machine around it, as the TestState API makes one. Its faults are told with the places
/// in that machine, which is shown under the file's name.
fn as_machine(read: Checked, args: &TestStateArgs) -> Checked {
    let is_state = serde_json::from_str::<Value>(&read.source)
        .is_ok_and(|value| value.get("Type").is_some() && value.get("States").is_none());
    if is_state && args.state.is_none() {
        return Checked::of(
            read.workflow,
            read.shown,
            Ok(machine_of(read.source.trim())),
            Against::Language,
            args.workflow_type.into(),
        );
    }
    read
}

fn state_of<'d>(definition: &'d Definition, given: Option<&'d str>) -> Outcome<&'d str> {
    let names = || definition.states.keys().map(String::as_str);
    let invalid = |message: String| Failure::new(Exit::Usage, Code::InvalidOption, message);
    match given {
        Some(name) if definition.state(name).is_some() => Ok(name),
        Some(name) => {
            let failure = invalid(format!("the definition has no state '{name}'"));
            Err(match nearest(name, names()) {
                Some(near) => failure.hint(format!("did you mean '{near}'?")),
                None => failure.detail(format!("it has {}", listed(names()))),
            })
        }
        None if definition.state(LONE_STATE).is_some() => Ok(LONE_STATE),
        None => match (names().next(), names().nth(1)) {
            (Some(only), None) => Ok(only),
            _ => Err(invalid("name the state to run by --state".to_owned())
                .detail(format!("the definition has {}", listed(names())))),
        },
    }
}

/// The most names that an error lists.
const NAMES_MAX: usize = 20;

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut all: Vec<String> = names.take(NAMES_MAX + 1).map(|name| format!("'{name}'")).collect();
    if all.len() > NAMES_MAX {
        all.truncate(NAMES_MAX);
        all.push("…".to_owned());
    }
    all.join(", ")
}

fn variables(given: Option<Value>) -> Outcome<Map<String, Value>> {
    match given {
        None => Ok(Map::new()),
        Some(Value::Object(variables)) => Ok(variables),
        Some(_) => Err(Failure::new(
            Exit::Usage,
            Code::InvalidOption,
            "--variables takes an object of names and values",
        )),
    }
}

fn refused(error: &StateTestError, state: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, Code::NoMock, error.to_string());
    match error {
        StateTestError::MockMissing { .. } => failure
            .hint(format!("add what '{state}' gets: --mock-result '{{…}}', or --mock-error 'Name:cause'")),
        StateTestError::MockNotAnArray { .. } => failure.hint("--mock-result '[…]'"),
        StateTestError::MockNotAnObject { .. } => failure.hint("--mock-result '{…}'"),
        StateTestError::ReaderDataNotAnArray => failure.hint("--item-reader-data '[…]'"),
        StateTestError::NoSuchState { .. } => failure,
        StateTestError::NotInside { .. } => Failure { code: Code::InvalidOption, ..failure }
            .hint("--error-caused-by takes a state of its ItemProcessor or Branches"),
        StateTestError::TooSlow { .. } => Failure::new(Exit::GaveUp, Code::GaveUpWaiting, error.to_string()),
    }
}

/// The shape `stepladder.test-state/1`.
fn shape(state: &str, tested: &StateTested, level: Level) -> Value {
    let mut shape = json!({
        "schema": "stepladder.test-state/1",
        "state": state,
        "status": tested.status.as_str(),
        "output": tested.output,
        "next_state": tested.next_state,
        "error": tested.error,
        "cause": tested.cause,
    });
    if let (true, Some(shape)) = (level != Level::Info, shape.as_object_mut()) {
        // Its members are named as AWS names them.
        shape.insert("inspection".to_owned(), json!(tested.inspection));
    }
    shape
}

fn show(state: &str, tested: &StateTested, level: Level, printer: &Printer) -> Outcome {
    let glyphs = &printer.glyphs;
    let (glyph, color) = match tested.status {
        TestStatus::Succeeded => (glyphs.good, style::GOOD),
        TestStatus::Failed => (glyphs.bad, style::ERROR),
        TestStatus::Retriable => (glyphs.retry, style::WARNING),
        TestStatus::CaughtError => (glyphs.bad, style::WARNING),
    };
    let mut head = format!(
        "{} {}",
        paint(color, format!("{glyph} {}", tested.status.as_str())),
        paint(style::ID, escaped(state))
    );
    if let Some(next) = &tested.next_state {
        head.push_str(&format!(" {} {}", glyphs.arrow, paint(style::ID, escaped(next))));
    }
    printer.data(head)?;
    let error = [("error", &tested.error), ("cause", &tested.cause)];
    for (name, text) in error.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        printer.data(format!("  {} {}", paint(style::DIM, name), escaped(text)))?;
    }
    if let Some(output) = &tested.output {
        printer.data(escaped_json(&serde_json::to_string_pretty(output).unwrap_or_default()))?;
    }
    if level == Level::Info {
        return Ok(());
    }
    printer.data("")?;
    for (name, value) in json!(tested.inspection).as_object().into_iter().flatten() {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        let value = escaped_json(&text).replace('\n', "\n  ");
        printer.data(format!("{}\n  {value}", paint(style::BOLD, name)))?;
    }
    Ok(())
}
