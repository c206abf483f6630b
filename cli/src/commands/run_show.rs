//! `stepladder run show`.

use crate::{
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    runs::resolve,
    shapes::{RunDetails, RunShape, StepShape, StepStatus, WaitingShape, has_ended},
    steps::{steps, waiting},
    style::{self, paint},
    text::{self, cut, escaped, first_sentence, width},
};
use anstyle::Style;
use serde_json::Value;
use stepladder_engine::{Event, Next, Status};
use stepladder_protocol::{Ending, PausedBy, RunItem, RunView, Store, WorldError};

/// Show one run: how it went, its steps, what it waits for
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// workflow/name, a name, or the first letters of a name
    #[arg(add = completion::runs())]
    id: String,
}

pub async fn run(args: ShowArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let id = resolve(stack, &args.id).await?;
    let gone = || Failure::new(Exit::NotFound, Code::NoSuchRun, format!("there is no run '{id}'"));
    let item = stack.store().run(&id, stack.now_ms()).await?.ok_or_else(gone)?;
    // A run whose records or definition are damaged or gone is one that somebody has to look at: what is left is shown.
    let (view, problem) = match stack.protocol.view(&id).await {
        Ok(view) => (Some(view.ok_or_else(gone)?), None),
        Err(error) => (None, Some(error)),
    };
    let item = view.as_ref().map_or(item, |view| view.item.clone());
    let (ending, problem) = match stack.protocol.ending(&item).await {
        Ok(ending) => (ending.unwrap_or_default(), problem),
        Err(error) => (Ending::default(), problem.or(Some(error))),
    };
    let mut shape = RunShape::new(&item);
    shape.error = shape.error.or_else(|| ending.error.clone());
    // What can't be read keeps nothing of the rest back.
    let (paused_by, problem) = match (item.status, stack.protocol.paused_by(&id).await) {
        (Status::Running, Ok(by)) => (by, problem),
        (Status::Running, Err(error)) => (PausedBy::default(), problem.or(Some(error))),
        _ => (PausedBy::default(), problem),
    };
    let details = RunDetails {
        paused: Some(paused_by.any()),
        cause: ending.cause,
        output: ending.output,
        input: view.as_ref().map(|view| view.beginning.input.clone()),
        steps: view.as_ref().map(steps),
        waiting: view.as_ref().and_then(waiting),
        problem: problem.as_ref().map(WorldError::to_string),
    };
    if printer.is_json() {
        shape.details = Some(details);
        printer.json(&shape)?;
    } else {
        let screen =
            Screen { item: &item, paused_by, view: view.as_ref(), shape: &shape, details: &details, printer };
        printer.data(screen.lines().join("\n"))?;
    }
    // It has been told, as a part of what is shown.
    problem.map_or(Ok(()), |error| Err(Failure { is_told: true, ..error.into() }))
}

/// One screen about one run.
struct Screen<'a> {
    item: &'a RunItem,
    paused_by: PausedBy,
    /// Unless a part of it is missing, or can't be read.
    view: Option<&'a RunView>,
    shape: &'a RunShape,
    details: &'a RunDetails,
    printer: &'a Printer,
}

impl Screen<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.head(), String::new()];
        let before = lines.len();
        lines.extend(self.what_matters());
        if lines.len() > before {
            lines.push(String::new());
        }
        let steps = self.details.steps.as_deref().unwrap_or_default();
        if let Some(view) = self.view {
            lines.extend(step_lines(steps, view, self.printer));
        }
        if let Some(problem) = &self.details.problem {
            let what = paint(style::ERROR, "not everything can be shown:");
            lines.push(format!("  {what} {}", escaped(problem)));
        }
        lines.extend(self.data());
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// `✗ order/17 · FAILED after 42.1 s · started 3 min ago`
    fn head(&self) -> String {
        let item = self.item;
        let (glyph, style) = self.printer.glyphs.status(item.status);
        let took = match item.ended_ms {
            Some(ended_ms) => format!("after {}", text::duration(ended_ms - item.started_ms)),
            None => format!("for {}", text::duration(self.printer.now_ms() - item.started_ms)),
        };
        let redriven = match item.redrive_count {
            0 => String::new(),
            times => format!(" · redriven {times}×"),
        };
        let rerun = item.rerun_of.as_ref().map(|run| format!(" · rerun of {}", escaped(&run.name)));
        let rerun = rerun.unwrap_or_default();
        let dot = match self.printer.glyphs == style::UNICODE {
            true => "·",
            false => "-",
        };
        let line = format!(
            "{} {} · {} {took}{redriven}{rerun} · started {}",
            paint(style, glyph),
            paint(style::ID, escaped(&self.shape.id)),
            paint(style, item.status.as_str()),
            self.printer.time(item.started_ms)
        );
        line.replace('·', dot)
    }

    fn what_matters(&self) -> Vec<String> {
        let item = self.item;
        let mut lines = Vec::new();
        let hint = |text: String| format!("  {} {text}", paint(style::HINT, "hint:"));
        let name = escaped(&item.id.name).into_owned();
        if let Some(reason) = &item.parked {
            lines.push(format!(
                "  {} a message of this run is parked: {}",
                paint(style::WARNING, "warning:"),
                escaped(reason)
            ));
        }
        match item.status {
            Status::Failed | Status::TimedOut => {
                let error = self.shape.error.as_deref().unwrap_or("an error without a name");
                // A Fail state is often named as its error is.
                let at = self.failed_in().filter(|state| *state != error);
                let at = at.map(|state| format!(" in {}", escaped(state))).unwrap_or_default();
                lines.push(format!(
                    "  {} {}{at}",
                    paint(style::ERROR, "error:"),
                    paint(style::BOLD, escaped(error))
                ));
                if let Some(cause) = self.details.cause.as_deref().filter(|cause| !cause.is_empty()) {
                    lines.push(format!("    {}", escaped(&first_sentence(cause))));
                }
                if self.view.is_some() {
                    lines.push(hint(format!(
                        "`stepladder run history {name}` shows every event with its data"
                    )));
                }
            }
            Status::Aborted => {
                let why = self.details.cause.as_deref().or(self.shape.error.as_deref());
                let why = why.map(|why| format!(": {}", escaped(&first_sentence(why)))).unwrap_or_default();
                lines.push(format!("  somebody stopped it{why}"));
            }
            Status::Running => {
                lines.extend(self.details.waiting.as_ref().map(|waiting| self.waits_for(waiting)));
                let PausedBy { run, workflow } = self.paused_by;
                let id = escaped(&self.shape.id);
                if run {
                    lines.push("  it is paused: none of its steps begins".to_owned());
                    lines.push(hint(format!("`stepladder run resume {id}` lets it go on")));
                }
                if workflow {
                    let workflow = escaped(&item.id.workflow);
                    lines.push(format!("  its workflow {workflow} is paused: none of its steps begins"));
                    lines.push(hint(format!(
                        "`stepladder workflow resume {workflow}` lets all its runs go on"
                    )));
                }
                if self.is_overdue() && !self.paused_by.any() {
                    lines.push(hint(format!(
                        "its message may be lost: `stepladder repair {name}` sends it again"
                    )));
                }
            }
            Status::Succeeded => {}
        }
        lines
    }

    /// The state that it ended in.
    fn failed_in(&self) -> Option<&str> {
        match self.view.map(|view| &view.replay.last.next) {
            Some(Next::End(end)) => Some(&end.state),
            Some(Next::Wait(_)) | None => None,
        }
    }

    fn waits_for(&self, waiting: &WaitingShape) -> String {
        let state = escaped(&waiting.state).into_owned();
        let due_ms = match self.view.map(|view| &view.replay.last.next) {
            Some(Next::Wait(position)) if waiting.due_at.is_some() => Some(position.due_ms()),
            _ => None,
        };
        let due = due_ms.map(|due_ms| format!(", due {}", self.printer.time(due_ms))).unwrap_or_default();
        match waiting.awaiting {
            "timer" => format!("  waits in {state}{due}"),
            "turn" => "  waits for its message".to_owned(),
            "items" => format!("  reads the items of {state}"),
            _ if waiting.attempt > 1 => format!("  waits for attempt {} of {state}{due}", waiting.attempt),
            _ => format!("  waits for the answer of {state}{due}"),
        }
    }

    /// Nothing has happened for longer than any message should be under way.
    fn is_overdue(&self) -> bool {
        let Some(last) = self.view.map(|view| &view.replay.last) else { return false };
        let due_ms = match &last.next {
            Next::Wait(position) => position.due_ms().max(last.now_ms),
            Next::End(_) => last.now_ms,
        };
        self.printer.now_ms().saturating_sub(due_ms) > stepladder_protocol::limits::OVERDUE_MS
    }

    fn data(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        let mut show = |name: &str, value: &Value| match self.printer.verbosity {
            0 => {
                let value = value.to_string();
                lines.push(format!(
                    "  {}  {}",
                    paint(style::DIM, name),
                    cut(&escaped(&value), limits::LINE_CHARS_MAX)
                ));
            }
            _ => {
                let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
                lines.push(format!("  {}", paint(style::DIM, name)));
                lines.extend(text::escaped_json(&pretty).lines().map(|line| format!("    {line}")));
            }
        };
        if let Some(input) = &self.details.input {
            show("input ", input);
        }
        if let Some(output) = &self.details.output {
            show("output", output);
        }
        lines
    }
}

fn step_lines(steps: &[StepShape], view: &RunView, printer: &Printer) -> Vec<String> {
    let name_width = steps.iter().map(|step| width(&escaped(&step.state))).max().unwrap_or(0);
    let mut lines: Vec<String> = steps.iter().map(|step| step_line(step, name_width, printer)).collect();
    let not_reached = not_reached(steps, view);
    if !not_reached.is_empty() {
        let names = format!("not reached: {}", not_reached.join(", "));
        let names = cut(&escaped(&names), limits::LINE_CHARS_MAX).into_owned();
        lines.push(paint(style::DIM, format!("  {} {names}", printer.glyphs.skipped)));
    }
    lines
}

/// `✗ ChargePayment   38.4 s  ↻ 3  CardDeclined: expired`
fn step_line(step: &StepShape, name_width: usize, printer: &Printer) -> String {
    let glyphs = &printer.glyphs;
    let (glyph, style, word): (&str, Style, &str) = match step.status {
        StepStatus::Succeeded => (glyphs.good, style::GOOD, ""),
        StepStatus::Caught => (glyphs.bad, style::WARNING, "caught "),
        StepStatus::Failed => (glyphs.bad, style::ERROR, ""),
        StepStatus::Running => (glyphs.running, style::HINT, "running"),
        StepStatus::Retrying => (glyphs.retry, style::WARNING, "trying again after "),
        StepStatus::Waiting => (glyphs.waiting, style::HINT, "waiting"),
        StepStatus::Stopped => (glyphs.stopped, style::WARNING, "stopped"),
    };
    let error = match (&step.error, step.status) {
        // An error that a later attempt made good isn't worth a line.
        (Some(error), StepStatus::Caught | StepStatus::Failed | StepStatus::Retrying) => {
            let cause = step.cause.as_deref().map(first_sentence).filter(|cause| !cause.is_empty());
            let cause = cause.map(|cause| format!(": {}", escaped(&cause))).unwrap_or_default();
            format!("{}{cause}", escaped(error))
        }
        _ => String::new(),
    };
    let attempts = match step.attempts {
        0 | 1 => String::new(),
        attempts => format!("{} {attempts}", glyphs.retry),
    };
    let took = step.duration_ms.map(text::duration).unwrap_or_default();
    let room = " ".repeat(4_usize.saturating_sub(width(&attempts)));
    let attempts = if attempts.is_empty() { attempts } else { paint(style::WARNING, attempts) };
    let name = padded(&escaped(&step.state), name_width);
    let line = format!("  {} {name}  {took:>10}  {attempts}{room}  {word}{error}", paint(style, glyph));
    line.trim_end().to_owned()
}

fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The Task and Wait states that a run which did not succeed never entered.
fn not_reached<'v>(steps: &[StepShape], view: &'v RunView) -> Vec<&'v str> {
    if !has_ended(view.item.status) || view.item.status == Status::Succeeded {
        return Vec::new();
    }
    let entered = |name: &str| {
        steps.iter().any(|step| step.state == name)
            || view.replay.events.iter().any(
                |event| matches!(&event.event, Event::StateEntered { name: entered, .. } if entered == name),
            )
    };
    let states = view.definition.states.values();
    let takes_time = states.filter(|state| matches!(state.kind.type_name(), "Task" | "Wait"));
    takes_time.map(|state| state.name.as_str()).filter(|name| !entered(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, text::TimeStyle};

    #[track_caller]
    fn check(status: StepStatus, attempts: u64, error: Option<&str>, expected: &str) {
        let step = StepShape {
            state: "Charge".into(),
            kind: "Task",
            function: Some("charge".into()),
            status,
            attempts,
            entered_at: String::new(),
            duration_ms: (status != StepStatus::Running).then_some(38_400),
            error: error.map(str::to_owned),
            cause: error.map(|_| r#"{"errorMessage": "expired\u001b[2J", "errorType": "E"}"#.to_owned()),
            request_id: None,
        };
        let mut printer = Printer::new(Format::Text, TimeStyle::Utc);
        printer.glyphs = style::UNICODE;
        let line = step_line(&step, 8, &printer);
        assert_eq!(anstream::adapter::strip_str(&line).to_string(), expected);
    }

    #[test]
    fn a_step_is_one_line() {
        check(StepStatus::Succeeded, 1, None, "  ✓ Charge        38.4 s");
        check(StepStatus::Succeeded, 3, Some("Busy"), "  ✓ Charge        38.4 s  ↻ 3");
        check(
            StepStatus::Failed,
            3,
            Some("Declined"),
            "  ✗ Charge        38.4 s  ↻ 3   Declined: expired\\u{1b}[2J",
        );
        check(
            StepStatus::Caught,
            1,
            Some("Declined"),
            "  ✗ Charge        38.4 s        caught Declined: expired\\u{1b}[2J",
        );
        check(StepStatus::Running, 1, None, "  ▷ Charge                      running");
    }
}
