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
            held.extend(received.iter().map(|letter| letter.receipt.clone()));
            let mut has_new = false;
            for letter in received {
                // Held for too long, it came again.
                if !seen.insert(letter.message_id.clone()) {
                    continue;
                }
                has_new = true;
                if work(Opened::new(letter, kept)) == Go::Stop {
                    return Ok(());
                }
            }
            if !has_new || seen.len() >= limits::LETTERS_LOOKED_AT_MAX {
                return Ok(());
            }
            printer.status(format!("looking at {}", count(seen.len(), "message")));
        }
    };
    let looked: Outcome = looked.await;
    printer.clear_status();
    letters.release(held).await?;
    looked?;
    if seen.len() >= limits::LETTERS_LOOKED_AT_MAX {
        printer.warning(format!(
            "only the first {} messages were looked at; send some back or discard them to see the others",
            limits::LETTERS_LOOKED_AT_MAX
        ));
    }
    Ok(seen.len())
}

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
    work: impl Fn(Opened) -> F,
) -> Outcome<HashSet<String>>
where
    F: Future<Output = Outcome>,
{
    let (mut left, mut held, mut seen) = (chosen, Vec::new(), HashSet::new());
    let worked = async {
        while !left.is_empty() {
            let received = letters.receive().await?;
            let mut batch = Vec::new();
            let mut has_new = false;
            for letter in received {
                has_new |= seen.insert(letter.message_id.clone());
                match left.remove(&letter.message_id) {
                    true => batch.push(work(Opened::new(letter, kept))),
                    false => held.push(letter.receipt),
                }
            }
            for answer in join_all(batch).await {
                answer?;
            }
            if !has_new {
                break;
            }
        }
        Ok(())
    };
    let worked: Outcome = worked.await;
    letters.release(held).await?;
    worked.map(|()| left)
}
