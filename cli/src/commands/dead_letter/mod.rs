//! `stepladder dead-letter`: what was parked, and what the queues have given up.

mod act;
mod discard;
mod letter;
mod list;
mod look;
mod redrive;
mod send_back;
mod show;

use crate::{
    completion,
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
    text::parse_duration,
};
use letter::Shown;
use std::time::Duration;
use stepladder_aws::Letters;
use stepladder_protocol::QueueName;

pub use discard::DiscardArgs;
pub use list::ListArgs;
pub use send_back::SendBackArgs;
pub use show::ShowArgs;

#[derive(Debug, clap::Subcommand)]
pub enum DeadLetterCommand {
    #[command(visible_alias = "ls")]
    List(ListArgs),
    Show(ShowArgs),
    SendBack(SendBackArgs),
    Discard(DiscardArgs),
}

pub async fn run(
    command: DeadLetterCommand,
    stack: &Stack,
    printer: &Printer,
    may_assume_yes: bool,
) -> Outcome {
    match command {
        DeadLetterCommand::List(args) => list::run(args, stack, printer).await,
        DeadLetterCommand::Show(args) => show::run(args, stack, printer).await,
        DeadLetterCommand::SendBack(args) => send_back::run(args, stack, printer, may_assume_yes).await,
        DeadLetterCommand::Discard(args) => discard::run(args, stack, printer, may_assume_yes).await,
    }
}

/// The two queues in which messages stay that nobody could handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kept {
    /// Messages that nobody can handle: unreadable, of a newer version, without their definition
    Parked,
    /// Messages that their queues gave up; the function dead-letter goes on trying them by itself
    DeadLetter,
}

impl Kept {
    fn of_protocol(self) -> stepladder_protocol::Kept {
        match self {
            Kept::Parked => stepladder_protocol::Kept::Parked,
            Kept::DeadLetter => stepladder_protocol::Kept::DeadLetter,
        }
    }

    fn queue(self) -> QueueName {
        self.of_protocol().queue()
    }

    fn short(self) -> &'static str {
        self.of_protocol().short()
    }
}

/// Which messages are meant.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub struct Filter {
    /// Those of this run, workflow/name
    #[arg(long, value_name = "ID", add = completion::run_ids())]
    run: Option<String>,
    /// Those of this workflow's runs
    #[arg(long, value_name = "NAME", add = completion::workflows())]
    workflow: Option<String>,
    /// Those that are about this state
    #[arg(long, value_name = "NAME", add = completion::states())]
    state: Option<String>,
    /// Those that were in this queue: a function's name, start, timer or dead-letter
    #[arg(long, value_name = "QUEUE")]
    from: Option<String>,
    /// Those whose reason has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Those that have been there for longer, like 2h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    older_than: Option<Duration>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        let texts = [&self.run, &self.workflow, &self.state, &self.from, &self.reason];
        texts.iter().all(|text| text.is_none()) && self.older_than.is_none()
    }

    fn takes(&self, shown: &Shown, now_ms: i64) -> bool {
        let is = |wanted: &Option<String>, is: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| is == Some(wanted))
        };
        let workflow = shown.run.as_deref().and_then(|run| run.split('/').next());
        let reason = shown.reason.as_deref().unwrap_or_default();
        is(&self.run, shown.run.as_deref())
            && is(&self.workflow, workflow)
            && is(&self.state, shown.state.as_deref())
            && is(&self.from, shown.from.as_deref())
            && self.reason.as_deref().is_none_or(|text| reason.contains(text))
            && self.older_than.is_none_or(|older| {
                let age_ms = shown.sent_ms.map_or(0, |sent_ms| now_ms.saturating_sub(sent_ms));
                u128::try_from(age_ms).is_ok_and(|age_ms| age_ms > older.as_millis())
            })
    }
}

/// Which of them a command is to change.
#[derive(Debug, Clone, clap::Args)]
pub struct Which {
    /// Ids of messages, or their first letters, as `dead-letter list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All that there are
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// The queue to look into
    #[arg(long, value_enum, default_value_t = Kept::Parked)]
    queue: Kept,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Which {
    /// Refuses a command that names nothing: it would mean everything.
    fn check(&self) -> Outcome {
        if self.ids.is_empty() && !self.all && self.filter.is_empty() {
            return Err(Failure::new(Exit::Usage, Code::InvalidOption, "no message is named")
                .hint("name ids, filters such as --workflow, or --all"));
        }
        Ok(())
    }
}

async fn letters<'s>(stack: &'s Stack, kept: Kept) -> Outcome<Letters<'s>> {
    use stepladder_protocol::Protocol;
    let protocol: &Protocol<_> = &stack.protocol;
    protocol.host().letters(kept.queue()).await?.ok_or_else(|| {
        let name = format!("{}-{}", stack.target.stack(), kept.short());
        Failure::new(Exit::NotFound, Code::StackFailed, format!("there is no queue {name}"))
            .hint("is the stack deployed in this region and account? `stepladder doctor` says more")
    })
}

/// A queue of the stack by its short name.
fn queue_named(short: &str) -> QueueName {
    QueueName::SYSTEM
        .into_iter()
        .find(|queue| queue.short() == short)
        .unwrap_or_else(|| QueueName::Step(short.to_owned()))
}
