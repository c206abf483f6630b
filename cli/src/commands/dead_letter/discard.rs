//! `stepladder dead-letter discard`.

use super::{
    Which,
    act::{Answers, agreed, choose, tell_gone},
    letters,
    look::each_chosen,
};
use crate::{
    connect::Stack,
    failure::Outcome,
    printer::Printer,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::json;
use std::{cell::Cell, collections::HashSet};

/// Delete messages that nobody could handle
///
/// A run that still waits for one of them is found and sent on by itself within a day, or at once by `stepladder repair`.
#[derive(Debug, clap::Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(
    args: DiscardArgs,
    stack: &Stack,
    printer: &Printer,
    may_assume_yes: bool,
) -> Outcome {
    args.which.check()?;
    let letters = letters(stack, args.which.queue).await?;
    let chosen = choose(&args.which, &letters, stack.now_ms(), printer).await?;
    if args.which.dry_run && printer.is_json() {
        return printer.json_list(&chosen);
    }
    let answers = Answers::new(printer);
    if !agreed(&args.which, &chosen, "discard", may_assume_yes, printer).await? {
        return answers.end();
    }
    let ids: HashSet<String> = chosen.into_iter().map(|shown| shown.id).collect();
    let discarded = Cell::new(0);
    let gone = each_chosen(&letters, args.which.queue, ids, printer, |opened| {
        let (letters, discarded, answers) = (&letters, &discarded, &answers);
        async move {
            letters.delete(&opened.letter.receipt).await?;
            discarded.set(discarded.get() + 1);
            if printer.is_json() {
                let shown = &opened.shown;
                return answers.push(json!({
                    "schema": "stepladder.discarded/1", "id": shown.id, "about": shown.about(),
                }));
            }
            let about = opened.shown.about();
            printer.data(format!("{} discarded", paint(style::ID, escaped(&about))))
        }
    })
    .await;
    answers.end()?;
    tell_gone(gone?.len(), printer);
    if !printer.is_json() {
        printer.note(format!("discarded {}", count(discarded.get(), "message")));
    }
    Ok(())
}
