//! Choosing messages, and asking before something is done to them.

use super::{
    Which,
    letter::Shown,
    look::{Go, look},
    show::not_one,
};
use crate::{
    confirm::confirm,
    failure::Outcome,
    limits,
    printer::{Format, Printer},
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::Value;
use std::cell::RefCell;
use stepladder_aws::Letters;

/// What became of each message, in the JSON formats: a line as it comes, or one array at the end.
pub(super) struct Answers<'p> {
    printer: &'p Printer,
    kept: RefCell<Vec<Value>>,
}

impl<'p> Answers<'p> {
    pub(super) fn new(printer: &'p Printer) -> Self {
        Self { printer, kept: RefCell::default() }
    }

    pub(super) fn push(&self, answer: Value) -> Outcome {
        if self.printer.format == Format::Jsonl {
            return self.printer.json(&answer);
        }
        self.kept.borrow_mut().push(answer);
        Ok(())
    }

    /// To be called also where the work was broken off: what was done is done.
    pub(super) fn end(self) -> Outcome {
        match self.printer.format {
            Format::Json => self.printer.json_list(&self.kept.into_inner()),
            Format::Text | Format::Jsonl => Ok(()),
        }
    }
}

/// The messages that are meant. An id that names none, or several, is an error before anything is done.
pub(super) async fn choose(
    which: &Which,
    letters: &Letters<'_>,
    now_ms: i64,
    printer: &Printer,
) -> Outcome<Vec<Shown>> {
    let mut chosen: Vec<Shown> = Vec::new();
    look(letters, which.queue, printer, |opened| {
        let is_named =
            which.ids.is_empty() || which.ids.iter().any(|id| opened.shown.id.starts_with(id.as_str()));
        if is_named && which.filter.takes(&opened.shown, now_ms) {
            chosen.push(opened.shown);
        }
        Go::On
    })
    .await?;
    for id in &which.ids {
        if chosen.iter().filter(|shown| shown.id.starts_with(id.as_str())).count() != 1 {
            return Err(not_one(id, which.queue));
        }
    }
    chosen.sort_by_key(|shown| shown.sent_ms);
    Ok(chosen)
}

/// Shows what is to be done, and asks. True: do it.
pub(super) async fn agreed(
    which: &Which,
    chosen: &[Shown],
    what: &str,
    may_assume_yes: bool,
    printer: &Printer,
) -> Outcome<bool> {
    if chosen.is_empty() {
        printer.note(format!("nothing to do: no message of {} is meant", which.queue.short()));
        return Ok(false);
    }
    for shown in chosen.iter().take(limits::LETTERS_PLANNED_MAX) {
        let id: String = shown.id.chars().take(limits::LETTER_ID_CHARS).collect();
        printer.note(format!("{what} {}  {}", paint(style::ID, escaped(&id)), escaped(&shown.about())));
    }
    if let Some(more) = chosen.len().checked_sub(limits::LETTERS_PLANNED_MAX).filter(|more| *more > 0) {
        printer.note(format!("and {}", count(more, "further message")));
    }
    if which.dry_run {
        printer.note("nothing was done: --dry-run");
        return Ok(false);
    }
    confirm(&format!("{what} {}?", count(chosen.len(), "message")), may_assume_yes, printer).await
}

/// Warns of chosen messages that a second look didn't find.
pub(super) fn tell_gone(gone: usize, printer: &Printer) {
    if gone > 0 {
        printer.warning(format!(
            "{} not seen again: somebody else holds or has handled them",
            count(gone, "message")
        ));
    }
}
