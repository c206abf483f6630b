//! Reading a queue from one end to the other, and letting go of everything.

use super::{Kept, letter::Opened};
use crate::{failure::Outcome, limits, printer::Printer, text::count};
use futures::future::join_all;
use std::collections::HashSet;
use stepladder_aws::Letters;

/// Shows each message of the queue to `work`, once, until it has seen enough or there is no further one; then everybody sees
/// them again. How many were looked at.
pub(super) async fn look(
    letters: &Letters<'_>,
    kept: Kept,
    printer: &Printer,
    mut work: impl FnMut(Opened) -> Go,
) -> Outcome<usize> {
    let (mut held, mut seen) = (Vec::new(), HashSet::new());
    let looked = async {
        loop {
            let received = letters.receive().await?;
            if received.is_empty() {
                return Ok(End::Whole);
            }
            held.extend(received.iter().map(|letter| letter.receipt.clone()));
            let mut end = None;
            for letter in received {
                // SQS has let go of the first ones already: now they stand before those that were not seen.
                if !seen.insert(letter.message_id.clone()) {
                    end = Some(End::TooLate);
                    continue;
                }
                if work(Opened::new(letter, kept)) == Go::Stop {
                    return Ok(End::Stopped);
                }
            }
            if let Some(end) = end {
                return Ok(end);
            }
            if seen.len() >= limits::LETTERS_LOOKED_AT_MAX {
                return Ok(End::Full);
            }
            printer.status(format!("looking at {}", count(seen.len(), "message")));
        }
    };
    let looked: Outcome<End> = looked.await;
    printer.clear_status();
    letters.release(held).await?;
    match looked? {
        End::Whole | End::Stopped => {}
        End::Full => printer.warning(format!(
            "only the first {} messages were looked at; send some back or discard them to see the others",
            limits::LETTERS_LOOKED_AT_MAX
        )),
        End::TooLate => printer.warning(TOO_LATE),
    }
    Ok(seen.len())
}

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is no further message.
    Whole,
    /// Enough was seen.
    Stopped,
    /// As many as a look holds.
    Full,
    /// Messages came again, because they were held for too long.
    TooLate,
}

const TOO_LATE: &str = "it took longer than messages are held, and some were not looked at: repeat it";

/// Whether to look further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    On,
    Stop,
}

/// Does `work` for each message whose id is chosen, ten at once, and lets go of all that are left. `work` is to delete those
/// that it is done with. It may be interrupted and repeated. The ids that were not there any more.
pub(super) async fn each_chosen<F>(
    letters: &Letters<'_>,
    kept: Kept,
    chosen: HashSet<String>,
    printer: &Printer,
    work: impl Fn(Opened) -> F,
) -> Outcome<HashSet<String>>
where
    F: Future<Output = Outcome>,
{
    let (mut left, mut held, mut passed_over) = (chosen, Vec::new(), HashSet::new());
    let mut is_late = false;
    let worked = async {
        while !left.is_empty() && !is_late {
            let received = letters.receive().await?;
            if received.is_empty() {
                break;
            }
            let mut batch = Vec::new();
            for letter in received {
                if left.remove(&letter.message_id) {
                    batch.push(work(Opened::new(letter, kept)));
                } else {
                    // One that `work` has let go of comes once more; then it is held like the others.
                    is_late |= !passed_over.insert(letter.message_id);
                    held.push(letter.receipt);
                }
            }
            for answer in join_all(batch).await {
                answer?;
            }
        }
        Ok(())
    };
    let worked: Outcome = worked.await;
    letters.release(held).await?;
    if is_late {
        printer.warning(TOO_LATE);
    }
    worked.map(|()| left)
}
