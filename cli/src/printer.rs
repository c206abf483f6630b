//! The only place that writes: data on stdout, everything else on stderr.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    style::{self, Glyphs, paint},
    text::{TimeStyle, escaped, escaped_json},
};
use serde::Serialize;
use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// The form of what goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document; lists are arrays.
    Json,
    /// One JSON object per line, as they come.
    Jsonl,
}

/// Where a command's words go, and how they look.
#[derive(Debug)]
pub struct Printer {
    pub format: Format,
    pub glyphs: Glyphs,
    pub time_style: TimeStyle,
    pub is_quiet: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Whether a line on stderr may be rewritten in place.
    pub is_live: bool,
    /// The status line that stands on the terminal now.
    status: Mutex<Option<String>>,
}

impl Printer {
    /// A printer that tells everything but details, and draws a status line where stderr is a terminal.
    pub fn new(format: Format, time_style: TimeStyle) -> Self {
        Self {
            format,
            glyphs: Glyphs::of_locale(|name| std::env::var(name).ok()),
            time_style,
            is_quiet: false,
            verbosity: 0,
            is_live: io::stderr().is_terminal(),
            status: Mutex::new(None),
        }
    }

    /// Whether stdout is for programs.
    pub fn is_json(&self) -> bool {
        self.format != Format::Text
    }

    /// Data in the text format: a line, or several.
    pub fn data(&self, text: impl AsRef<str>) -> Outcome {
        let mut status = self.without_status();
        let mut stdout = anstream::stdout().lock();
        let written = stdout.write_all(text.as_ref().as_bytes()).and_then(|()| stdout.write_all(b"\n"));
        let written = written.and_then(|()| stdout.flush());
        drop(stdout);
        self.draw_again(&mut status);
        written.map_err(|error| unwritten(&error))
    }

    /// Data in the JSON formats: one document.
    pub fn json(&self, value: &impl Serialize) -> Outcome {
        let text = match self.format {
            Format::Jsonl => serde_json::to_string(value),
            Format::Text | Format::Json => serde_json::to_string_pretty(value),
        };
        let text =
            text.map_err(|error| Failure::new(Exit::Bug, Code::Bug, format!("can't write JSON: {error}")))?;
        self.data(escaped_json(&text))
    }

    /// A list in the JSON formats: an array, or an object per line.
    pub fn json_list(&self, values: &[impl Serialize]) -> Outcome {
        if self.format == Format::Jsonl {
            return values.iter().try_for_each(|value| self.json(value));
        }
        self.json(&values)
    }

    /// What a person may want to know, on stderr; nothing with `-q`.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.is_quiet {
            self.tell(text.as_ref());
        }
    }

    /// A note that only `-v` shows.
    pub fn detail(&self, text: impl AsRef<str>) {
        if self.verbosity > 0 {
            self.tell(text.as_ref());
        }
    }

    /// What should not be missed, on stderr. Escapes what it is given.
    pub fn warning(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        match self.is_json() {
            true => {
                let warning = serde_json::json!({ "schema": "stepladder.warning/1", "message": text });
                self.tell(&escaped_json(&warning.to_string()));
            }
            false => self.tell(&format!("{} {}", paint(style::WARNING.bold(), "warning:"), escaped(text))),
        }
    }

    /// An error, its details and its hint, on stderr. Escapes what it holds.
    pub fn failure(&self, failure: &Failure) {
        self.clear_status();
        if failure.is_told {
            return;
        }
        if self.is_json() {
            return self.tell(&escaped_json(&failure.to_json().to_string()));
        }
        let head = paint(style::ERROR, format!("error[{}]:", failure.code.as_str()));
        self.tell(&format!("{head} {}", paint(style::BOLD, escaped(&failure.message))));
        for detail in &failure.details {
            self.tell(&format!("  {}", escaped(detail)));
        }
        if let Some(hint) = &failure.hint {
            self.tell(&format!("  {} {}", paint(style::HINT, "hint:"), escaped(hint)));
        }
    }

    /// A part of an error that comes with its own form, escaped already. Shown even with `-q`.
    pub fn error_text(&self, text: impl AsRef<str>) {
        self.tell(text.as_ref());
    }

    /// Whether a status line is of use: on a terminal, and not with `-q` or `--no-progress`.
    pub fn shows_status(&self) -> bool {
        self.is_live && !self.is_quiet
    }

    /// A question on stderr; the answer is typed behind it.
    pub fn question(&self, text: &str) {
        let _status = self.without_status();
        let mut stderr = anstream::stderr().lock();
        let _ = write!(stderr, "{}", escaped(text)).and_then(|()| stderr.flush());
    }

    /// The line that stands at the end of a terminal's stderr until the next one, or until [`Printer::clear_status`].
    pub fn status(&self, text: impl Into<String>) {
        if !self.shows_status() {
            return;
        }
        let mut status = self.without_status();
        *status = Some(text.into());
        self.draw_again(&mut status);
    }

    /// Takes the status line away.
    pub fn clear_status(&self) {
        *self.without_status() = None;
    }

    /// What "ago" counts from.
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// A time, milliseconds since the epoch, in the style that was asked for.
    pub fn time(&self, time_ms: i64) -> String {
        crate::text::time(time_ms, self.now_ms(), self.time_style)
    }

    /// A line on stderr. Nobody can be told if that fails.
    fn tell(&self, text: &str) {
        let mut status = self.without_status();
        let _ = writeln!(anstream::stderr().lock(), "{text}");
        self.draw_again(&mut status);
    }

    fn without_status(&self) -> MutexGuard<'_, Option<String>> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        if status.is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
        status
    }

    fn draw_again(&self, status: &mut MutexGuard<'_, Option<String>>) {
        if let Some(text) = status.as_deref() {
            let mut stderr = anstream::stderr().lock();
            let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
        }
    }
}

/// A reader that went away is no error to tell anybody about.
fn unwritten(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::told(Exit::Interrupted, Code::Interrupted),
        _ => Failure::new(Exit::Bad, Code::File, format!("can't write to stdout: {error}")),
    }
}
