//! Reading a queue from one end to the other, and letting go of everything.

use super::{Kept, letter::Opened};
use crate::{failure::Outcome, limits, printer::Printer, text::count};
use futures::future::join_all;
use std::collections::HashSet;
use stepladder_aws::Letters;
pub(super) use stepladder_protocol::Go;
use stepladder_protocol::{LookEnd, Looked};

/// Shows each message of the queue to `work`, once, until it has seen enough or there is no further one; then everybody sees
/// them again. How many were looked at.
pub(super) async fn look(
    letters: &Letters<'_>,
    kept: Kept,
    printer: &Printer,
    mut work: impl FnMut(Opened) -> Go + Send,
) -> Outcome<usize> {
    let mut seen = 0;
    let looked = letters.look(limits::LETTERS_LOOKED_AT_MAX, |letter| {
        seen += 1;
        if seen % 10 == 0 {
            printer.status(format!("looking at {}", count(seen, "message")));
        }
        work(Opened::new(letter, kept))
    });
    let looked = looked.await;
    printer.clear_status();
    let Looked { letters, end } = looked?;
    match end {
        LookEnd::Whole | LookEnd::Stopped => {}
        LookEnd::Full => printer.warning(format!(
            "only the first {} messages were looked at; send some back or discard them to see the others",
            limits::LETTERS_LOOKED_AT_MAX
        )),
        LookEnd::TooLate => printer.warning(TOO_LATE),
    }
    Ok(letters)
}

const TOO_LATE: &str = "it took longer than messages are held, and some were not looked at: repeat it";

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
