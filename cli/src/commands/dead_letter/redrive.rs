//! The whole dead-letter queue at once, moved by SQS itself.

use crate::{
    confirm::confirm,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    printer::Printer,
    text::count,
};
use serde_json::{Value, json};
use std::time::Instant;
use stepladder_aws::{Letters, Moved};

/// Asks, starts the move, and waits for its end. `None`: this SQS has no such moves.
pub(super) async fn run(
    letters: &Letters<'_>,
    printer: &Printer,
    may_assume_yes: bool,
) -> Outcome<Option<Outcome>> {
    let counts = letters.counts().await?;
    let all = usize::try_from(counts.visible).unwrap_or(usize::MAX);
    if all == 0 {
        printer.note("nothing to do: no message of dead-letter can be moved now");
        return Ok(Some(Ok(())));
    }
    let question = format!("send about {} of dead-letter back to their queues?", count(all, "message"));
    if !confirm(&question, may_assume_yes, printer).await? {
        return Ok(Some(Ok(())));
    }
    // Else an earlier move that has ended would be told as this one.
    let before = letters.last_move().await?;
    if !letters.start_move().await? {
        return Ok(None);
    }
    let listed_until = Instant::now() + limits::MOVE_LISTED_WITHIN;
    let mut pause = limits::POLL_FIRST;
    loop {
        match letters.moved(before).await? {
            // The list may be a moment behind.
            None if Instant::now() < listed_until => {}
            None => {
                printer.clear_status();
                printer.warning(
                    "the move has started; SQS doesn't list it yet: `stepladder dead-letter list --queue dead-letter` shows what is left",
                );
                if printer.is_json() {
                    printer.json(&shape(None, None))?;
                }
                return Ok(Some(Ok(())));
            }
            Some(Moved::Running { moved }) => {
                printer.status(format!("moved {moved} of about {all}"));
            }
            Some(Moved::Completed { moved }) => return Ok(Some(tell(moved, None, printer))),
            Some(Moved::Failed { moved, why }) => return Ok(Some(tell(moved, Some(why), printer))),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(limits::POLL_MAX);
    }
}

/// The shape `stepladder.moved/1`: `{schema, queue, moved, failure}`. How many have moved is null where SQS doesn't tell.
fn shape(moved: Option<u64>, failure: Option<&str>) -> Value {
    json!({ "schema": "stepladder.moved/1", "queue": "dead-letter", "moved": moved, "failure": failure })
}

fn tell(moved: u64, failure: Option<String>, printer: &Printer) -> Outcome {
    printer.clear_status();
    if printer.is_json() {
        printer.json(&shape(Some(moved), failure.as_deref()))?;
    } else {
        let moved = count(usize::try_from(moved).unwrap_or(usize::MAX), "message");
        printer.data(format!("moved {moved} of dead-letter back to their queues"))?;
    }
    let Some(why) = failure else { return Ok(()) };
    let failure = Failure::new(
        Exit::Bad,
        Code::NotSendable,
        "SQS ended the move before all messages had moved",
    )
    .detail(why)
    .hint(
        "`stepladder dead-letter list --queue dead-letter` shows what is left; send it back by id, with --to",
    );
    Err(Failure { is_told: printer.is_json(), ..failure })
}
