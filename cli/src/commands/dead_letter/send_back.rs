//! `stepladder dead-letter send-back`.

use super::{
    Kept, Which,
    act::{Answers, agreed, choose, tell_gone},
    letter::Opened,
    letters,
    look::{Go, each_chosen, look},
    queue_named, redrive,
};
use crate::{
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    style::{self, paint},
    text::{count, escaped},
};
use serde_json::json;
use std::{
    cell::Cell,
    collections::{BTreeMap, HashSet},
};
use stepladder_aws::Letters;
use stepladder_protocol::{Host, Outgoing, Queue, SendError, body_to_resend, tenant_of_body};

/// Send messages back to the queues that they came from
///
/// Mend first what kept them from being handled. It may be interrupted and repeated: a message that is sent twice does
/// nothing twice. All of the dead-letter queue at once are moved by SQS itself, where it can, and where no start without a name is
/// among them: in a message of SQS's own making it would start a second run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stepladder dead-letter send-back 8c1f                     one message
  stepladder dead-letter send-back --workflow order --dry-run
  stepladder dead-letter send-back --all --queue dead-letter")]
pub struct SendBackArgs {
    #[command(flatten)]
    which: Which,
    /// Send them to this queue, and not to the one that they came from
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,
}

pub(super) async fn run(
    args: SendBackArgs,
    stack: &Stack,
    printer: &Printer,
    may_assume_yes: bool,
) -> Outcome {
    args.which.check()?;
    let kept = args.which.queue;
    let letters = letters(stack, kept).await?;
    let is_everything = args.which.all && args.which.filter.is_empty() && args.to.is_none();
    if kept == Kept::DeadLetter && is_everything && !args.which.dry_run {
        if holds_immovable(&letters, printer).await? {
            printer.detail(
                "a start has no name, or a message came from no queue: each is received, sent and deleted",
            );
        } else if let Some(outcome) = redrive::run(&letters, printer, may_assume_yes).await? {
            return outcome;
        } else {
            printer.detail("this SQS has no move tasks: each message is received, sent and deleted");
        }
    }
    let chosen = choose(&args.which, &letters, stack.now_ms(), printer).await?;
    if args.which.dry_run && printer.is_json() {
        return printer.json_list(&chosen);
    }
    let answers = Answers::new(printer);
    if !agreed(&args.which, &chosen, "send back", may_assume_yes, printer).await? {
        return answers.end();
    }
    let ids: HashSet<String> = chosen.iter().map(|shown| shown.id.clone()).collect();
    let abouts: BTreeMap<&str, String> =
        chosen.iter().map(|shown| (shown.id.as_str(), shown.about())).collect();
    let (sent, refused) = (Cell::new(0), Cell::new(0));
    let gone = each_chosen(&letters, kept, ids, printer, |opened| async {
        let id = opened.shown.id.clone();
        match send(&args, stack, &letters, opened).await? {
            Ok(to) => {
                sent.set(sent.get() + 1);
                tell(&id, &abouts, Ok(&to), &answers, printer)
            }
            Err(why) => {
                refused.set(refused.get() + 1);
                tell(&id, &abouts, Err(&why), &answers, printer)
            }
        }
    })
    .await;
    answers.end()?;
    tell_gone(gone?.len(), printer);
    if !printer.is_json() {
        printer.note(format!("sent {} back", count(sent.get(), "message")));
    }
    match refused.get() {
        0 => Ok(()),
        refused => {
            let message = format!("{} can't be sent back", count(refused, "message"));
            Err(Failure { is_told: printer.is_json(), ..Failure::new(Exit::Bad, Code::NotSendable, message) })
        }
    }
}

/// Whether there is what a move can't take. A start without a name: the id of its message names its run, and a move gives it
/// another one. A message that came from no queue, but from a rule of EventBridge: a move ends at it. A look sees no more than so
/// many messages; it says so, and then the question whether to move is somebody's to answer.
async fn holds_immovable(letters: &Letters<'_>, printer: &Printer) -> Outcome<bool> {
    let mut is_there = false;
    look(letters, Kept::DeadLetter, printer, |opened| {
        is_there = opened.shown.is_nameless_start() || opened.shown.from.is_none();
        if is_there { Go::Stop } else { Go::On }
    })
    .await?;
    Ok(is_there)
}

/// Sends one message, and only then deletes it: interrupted between the two, it is sent again, which does nothing twice.
/// Where it went, or why it can't go.
async fn send(
    args: &SendBackArgs,
    stack: &Stack,
    letters: &Letters<'_>,
    opened: Opened,
) -> Outcome<Result<String, String>> {
    let Opened { letter, sendable, .. } = opened;
    let (to, body) = match (&args.to, sendable) {
        (Some(to), Ok((_, body))) => (to.clone(), body),
        // Nobody has wrapped it.
        (Some(to), Err(_)) if stepladder_protocol::Parked::read(&letter.body).is_none() => {
            (to.clone(), body_to_resend(&letter.body, &letter.message_id))
        }
        (None, Ok((queue, body))) => (queue, body),
        (_, Err(why)) => {
            letters.release(vec![letter.receipt]).await?;
            return Ok(Err(why.to_owned()));
        }
    };
    let host = stack.protocol.host();
    let group = tenant_of_body(&body, host.settings());
    let outgoing = Outgoing::new(body, 0).of_group(group);
    let answers = host.queue().send(&queue_named(&to), &[outgoing]).await?;
    match answers.into_iter().next() {
        Some(Ok(())) => {}
        Some(Err(SendError::NoSuchQueue)) => {
            letters.release(vec![letter.receipt]).await?;
            return Ok(Err(format!(
                "the stack has no queue {to}; name another by --to, or deploy its function"
            )));
        }
        Some(Err(SendError::Failed(error))) => return Err(error.into()),
        None => {
            return Err(Failure::new(Exit::Bug, Code::Bug, "a message was sent, and nothing was answered"));
        }
    }
    letters.delete(&letter.receipt).await?;
    Ok(Ok(to))
}

/// The shape `stepladder.sent-back/1`: `{schema, id, about, to, refused}`.
fn tell(
    id: &str,
    abouts: &BTreeMap<&str, String>,
    answer: Result<&String, &String>,
    answers: &Answers<'_>,
    printer: &Printer,
) -> Outcome {
    let about = abouts.get(id).map_or("", String::as_str);
    if printer.is_json() {
        return answers.push(json!({
            "schema": "stepladder.sent-back/1",
            "id": id,
            "about": about,
            "to": answer.ok(),
            "refused": answer.err(),
        }));
    }
    let (glyph, style, said) = match answer {
        Ok(to) => (printer.glyphs.good, style::GOOD, format!("to {to}")),
        Err(why) => (printer.glyphs.bad, style::ERROR, format!("stays: {why}")),
    };
    printer.data(format!("{} {}  {}", paint(style, glyph), paint(style::ID, escaped(about)), escaped(&said)))
}
