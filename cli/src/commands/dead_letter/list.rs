//! `stepladder dead-letter list`.

use super::{
    Filter, Kept,
    letter::Shown,
    letters,
    look::{Go, look},
};
use crate::{connect::Stack, failure::Outcome, limits, printer::Printer, table::Table, text::count};

/// List the messages that nobody could handle
///
/// A look holds each message for a moment, and lets go of it at its end; two looks at once see a part each.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    /// The queue to look into
    #[arg(long, value_enum, default_value_t = Kept::Parked)]
    queue: Kept,
    /// Show at most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    limit: u16,
}

pub(super) async fn run(args: ListArgs, stack: &Stack, printer: &Printer) -> Outcome {
    let letters = letters(stack, args.queue).await?;
    let now_ms = stack.now_ms();
    let mut shown: Vec<Shown> = Vec::new();
    let limit = usize::from(args.limit);
    let looked = look(&letters, args.queue, printer, |opened| {
        if args.filter.takes(&opened.shown, now_ms) {
            shown.push(opened.shown);
        }
        if shown.len() >= limit { Go::Stop } else { Go::On }
    })
    .await?;
    let counts = letters.counts().await?;
    shown.sort_by_key(|shown| shown.sent_ms);
    if printer.is_json() {
        return printer.json_list(&shown);
    }
    if !shown.is_empty() {
        printer.data(table(&shown, printer).lines().join("\n"))?;
    }
    let (all, held) = (counts.visible + counts.in_flight + counts.delayed, counts.in_flight);
    let kept = args.queue.short();
    match (shown.len(), looked) {
        (0, 0) if held > 0 => {
            printer.note(format!(
                "{} of {kept} are held by somebody else; try again in a minute",
                count_of(held)
            ));
        }
        (0, 0) => printer.note(format!("{kept} is empty")),
        (0, looked) => printer.note(format!("none of {} of {kept} fits", count(looked, "message"))),
        (few, _) => printer.note(format!("{few} of about {} of {kept}", count_of(all))),
    }
    Ok(())
}

fn count_of(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "message")
}

fn table(shown: &[Shown], printer: &Printer) -> Table {
    let mut table = Table::new(&["ID", "SENT", "FROM", "RUN", "STATE", "REASON"], limits::CELL_CHARS_MAX);
    for letter in shown {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let sent = letter.sent_ms.map_or_else(|| "-".to_owned(), |sent_ms| printer.time(sent_ms));
        let about = letter.state.clone().or_else(|| letter.ask.as_ref().map(|ask| format!("({ask})")));
        let id: String = letter.id.chars().take(limits::LETTER_ID_CHARS).collect();
        table.row([
            id,
            sent,
            or_dash(&letter.from),
            or_dash(&letter.run),
            or_dash(&about),
            or_dash(&letter.reason),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::dead_letter::letter::{Opened, tests::letter},
        printer::Format,
        text::TimeStyle,
    };
    use serde_json::json;
    use std::time::Duration;

    fn shown() -> Shown {
        let body = json!({ "v": 1, "reason": "its definition is gone", "queue": "charge", "message_id": "m-1",
            "receive_count": 5, "run": "order/17", "body": "{}" });
        Opened::new(letter(&body), Kept::Parked).shown
    }

    #[test]
    fn a_letter_is_a_line() {
        let lines = table(&[shown()], &Printer::new(Format::Text, TimeStyle::Utc)).lines();
        assert_eq!(
            lines,
            [
                "ID      SENT                      FROM    RUN       STATE  REASON",
                "8c1f-2  1970-01-01T00:00:01.000Z  charge  order/17  -      its definition is gone",
            ]
        );
    }

    #[test]
    fn filters_take_what_fits_all_of_them() {
        let takes = |filter: Filter| filter.takes(&shown(), 3_601_500);
        let some = |text: &str| Some(text.to_owned());
        assert!(takes(Filter::default()));
        assert!(takes(Filter { workflow: some("order"), from: some("charge"), ..Filter::default() }));
        assert!(!takes(Filter { workflow: some("order"), from: some("ship"), ..Filter::default() }));
        assert!(takes(Filter { reason: some("definition"), ..Filter::default() }));
        assert!(!takes(Filter { state: some("Charge"), ..Filter::default() }));
        assert!(takes(Filter { older_than: Some(Duration::from_secs(3_600)), ..Filter::default() }));
        assert!(!takes(Filter { older_than: Some(Duration::from_secs(3_601)), ..Filter::default() }));
    }
}
