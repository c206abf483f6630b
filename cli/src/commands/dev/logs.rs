//! What the functions write: JSON lines of which most are noise, and a few must be seen.

use crate::{
    printer::Printer,
    style::{self, paint},
    text::{self, escaped},
};
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use stepladder_local::{LogLine, LogStream};

/// Takes the functions' log lines: counts transitions, and shows what is worth a line.
#[derive(Debug)]
pub(super) struct Logs {
    printer: Arc<Printer>,
    transitions: AtomicUsize,
    holds_back: AtomicBool,
    is_over: AtomicBool,
}

/// What a line is about.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A transition was recorded; the line that tells of it.
    Transition(String),
    /// Something went wrong.
    Loud(String),
    Quiet(String),
}

/// What the SDK's log says of a record that it has put.
const RECORDED: &str = "recorded";

impl Logs {
    pub(super) fn new(printer: Arc<Printer>) -> Arc<Self> {
        Arc::new(Self {
            printer,
            transitions: AtomicUsize::new(0),
            holds_back: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        })
    }

    /// How many transitions were recorded so far.
    pub(super) fn transitions(&self) -> usize {
        self.transitions.load(Ordering::Relaxed)
    }

    /// While many runs go at once a line for each transition helps nobody; -v shows them still.
    pub(super) fn hold_back_transitions(&self) {
        self.holds_back.store(true, Ordering::Relaxed);
    }

    pub(super) fn show_transitions(&self) {
        self.holds_back.store(false, Ordering::Relaxed);
    }

    /// From now on programs are ended: that they end is no news.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn take(&self, line: &LogLine) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let function = line
            .function
            .strip_prefix(super::stack::NAME)
            .map_or(line.function.as_str(), |rest| rest.strip_prefix('-').unwrap_or(rest));
        let prefixed =
            |text: &str| format!("{} {text}", paint(style::DIM, format!("[{}]", escaped(function))));
        match kind(line, &self.printer) {
            Kind::Transition(text) => {
                self.transitions.fetch_add(1, Ordering::Relaxed);
                if self.printer.verbosity > 0 {
                    self.printer.note(prefixed(&text));
                } else if !self.holds_back.load(Ordering::Relaxed) {
                    self.printer.note(text);
                }
            }
            Kind::Loud(text) => self.printer.note(prefixed(&text)),
            Kind::Quiet(text) => self.printer.detail(prefixed(&text)),
        }
    }
}

fn kind(line: &LogLine, printer: &Printer) -> Kind {
    let json = serde_json::from_str::<Value>(&line.text).ok().filter(Value::is_object);
    let Some(json) = json else {
        let text = escaped(&line.text).into_owned();
        return match line.stream {
            // The host tells of timeouts, exits and failed starts; a panic is told on stderr.
            LogStream::Platform | LogStream::Stderr => Kind::Loud(text),
            LogStream::Stdout => Kind::Quiet(text),
        };
    };
    let field = |name: &str| json.get(name).or_else(|| json.get("fields")?.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str);
    let message = text("message").unwrap_or_default();
    if message == RECORDED
        && let (Some(run), Some(state)) = (text("run"), text("state"))
    {
        let attempt = field("attempt").and_then(Value::as_u64).unwrap_or(1);
        return Kind::Transition(transition(
            run,
            state,
            attempt,
            text("error"),
            field("duration_ms"),
            printer,
        ));
    }
    let level = text("level").unwrap_or("INFO");
    let rest = rest(&json);
    let line = format!("{} {}{rest}", paint(level_style(level), level), escaped(message));
    match level {
        "WARN" | "ERROR" => Kind::Loud(line),
        _ => Kind::Quiet(line),
    }
}

fn transition(
    run: &str,
    state: &str,
    attempt: u64,
    error: Option<&str>,
    duration_ms: Option<&Value>,
    printer: &Printer,
) -> String {
    let (glyph, style) = match error {
        Some(_) => (printer.glyphs.bad, style::WARNING),
        None => (printer.glyphs.good, style::GOOD),
    };
    let took =
        duration_ms.and_then(Value::as_i64).map(|ms| format!("  {}", text::duration(ms))).unwrap_or_default();
    let attempt = if attempt > 1 { format!("  {} {attempt}", printer.glyphs.retry) } else { String::new() };
    let error = error.map(|error| format!("  {}", escaped(error))).unwrap_or_default();
    format!(
        "{} {}  {}{took}{attempt}{error}",
        paint(style, glyph),
        paint(style::ID, escaped(run)),
        escaped(state)
    )
}

/// The other fields of a line, `name=value`.
fn rest(json: &Value) -> String {
    let fields = json.get("fields").unwrap_or(json).as_object();
    let shown = fields.into_iter().flatten().filter(|(name, value)| {
        !matches!(name.as_str(), "timestamp" | "level" | "message" | "target") && !value.is_null()
    });
    shown
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!(" {}", escaped(&format!("{name}={value}")))
        })
        .collect()
}

fn level_style(level: &str) -> anstyle::Style {
    match level {
        "ERROR" => style::ERROR,
        "WARN" => style::WARNING,
        _ => style::DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{printer::Format, text::TimeStyle};

    fn kind_of(stream: LogStream, text: &str) -> Kind {
        let mut printer = Printer::new(Format::Text, TimeStyle::Utc);
        printer.glyphs = style::UNICODE;
        let line =
            LogLine { function: "stepladder-charge".into(), request_id: None, stream, text: text.into() };
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        match kind(&line, &printer) {
            Kind::Transition(text) => Kind::Transition(plain(text)),
            Kind::Loud(text) => Kind::Loud(plain(text)),
            Kind::Quiet(text) => Kind::Quiet(plain(text)),
        }
    }

    #[test]
    fn a_recorded_transition_is_a_line_of_its_own() {
        let line = r#"{"timestamp":"t","level":"INFO","message":"recorded","run":"order/17","state":"Charge","attempt":2,
            "duration_ms":12,"error":"CardDeclined","target":"x"}"#;
        assert_eq!(
            kind_of(LogStream::Stdout, line),
            Kind::Transition("✗ order/17  Charge  12 ms  ↻ 2  CardDeclined".into())
        );
        let nested =
            r#"{"level":"INFO","fields":{"message":"recorded","run":"a/b","state":"S","duration_ms":null}}"#;
        assert_eq!(kind_of(LogStream::Stdout, nested), Kind::Transition("✓ a/b  S".into()));
    }

    #[test]
    fn warnings_and_what_the_host_says_are_loud() {
        let line = r#"{"level":"WARN","message":"left \u001b[2J","run":"order/17","error":null}"#;
        assert_eq!(kind_of(LogStream::Stdout, line), Kind::Loud("WARN left \\u{1b}[2J run=order/17".into()));
        assert_eq!(kind_of(LogStream::Platform, "Task timed out"), Kind::Loud("Task timed out".into()));
        assert_eq!(kind_of(LogStream::Stderr, "thread panicked"), Kind::Loud("thread panicked".into()));
        assert_eq!(kind_of(LogStream::Stdout, "println"), Kind::Quiet("println".into()));
        assert_eq!(
            kind_of(LogStream::Stdout, r#"{"level":"INFO","message":"m"}"#),
            Kind::Quiet("INFO m".into())
        );
    }
}
