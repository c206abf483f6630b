//! `stepladder completions`.

use crate::{args::Cli, failure::Outcome, printer::Printer};
use clap::CommandFactory;
use clap_complete::Shell;

/// Print the completions of a shell
///
/// For bash: source <(stepladder completions bash)
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(args: CompletionsArgs, printer: &Printer) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "stepladder", &mut script);
    printer.data(String::from_utf8_lossy(&script).trim_end())
}
