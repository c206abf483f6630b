//! `stepladder dead-letter show`.

use super::{
    Kept, letters,
    look::{Go, look},
};
use crate::{
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    style::{self, paint},
    text::{escaped, escaped_lines},
};

/// Show a message that nobody could handle
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// The message's id, or its first letters
    id: String,
    /// Also what it carries. It may hold what isn't for everybody's eyes
    #[arg(long)]
    payload: bool,
    /// The queue to look into
    #[arg(long, value_enum, default_value_t = Kept::Parked)]
    queue: Kept,
}

pub(super) async fn run(args: ShowArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let letters = letters(stack, args.queue).await?;
    let mut found = Vec::new();
    look(&letters, args.queue, printer, |opened| {
        if opened.shown.id.starts_with(&args.id) {
            found.push(opened);
        }
        // A second one would make the beginning of an id ambiguous.
        if found.len() > 1 { Go::Stop } else { Go::On }
    })
    .await?;
    let (Some(opened), None) = (found.pop(), found.pop()) else {
        return Err(not_one(&args.id, args.queue));
    };
    let opened = if args.payload { opened.with_payload() } else { opened };
    if printer.is_json() {
        return printer.json(&opened.shown);
    }
    let shown = &opened.shown;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{} {}", paint(style::DIM, format!("{name:<10}")), escaped(&value)));
        }
    };
    line("id", Some(shown.id.clone()));
    line("run", shown.run.clone());
    line("asks for", shown.ask.clone());
    line("state", shown.state.clone());
    line("reason", shown.reason.clone());
    line("from", shown.from.clone());
    line("sent", shown.sent_ms.map(|sent_ms| printer.time(sent_ms)));
    line("received", Some(format!("{} times", shown.receive_count)));
    line("version", shown.newer_version.map(|version| format!("{version}, newer than this program knows")));
    line("send-back", opened.sendable.as_ref().err().map(|why| format!("can't be: {why}")));
    if let Some(payload) = &shown.payload {
        let text = serde_json::to_string_pretty(payload).unwrap_or_default();
        lines.push(escaped_lines(&text));
    }
    printer.data(lines.join("\n"))?;
    if let Some(run) = &shown.run {
        printer.note(format!("its run: `stepladder run show {}`", escaped(run)));
    }
    Ok(())
}

/// None has such an id, or several have.
pub(super) fn not_one(id: &str, kept: Kept) -> Failure {
    let message = format!("'{id}' is not the id of one message of {}", kept.short());
    Failure::new(Exit::NotFound, Code::NoSuchMessage, message)
        .hint(format!("`stepladder dead-letter list --queue {}` shows them", kept.short()))
}
