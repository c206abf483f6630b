//! `stepladder completions`.

use crate::{
    completion,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    printer::Printer,
};
use clap_complete::Shell;

/// Print the completions of a shell
///
/// They know names too: environments, workflows, states, and the newest runs of the stack that the line means, where it answers
/// within a second. The shell asks this program at each Tab, so that they are never those of an older one.
#[derive(Debug, clap::Args)]
#[command(after_help = "For the shell that runs now; a line in its start-up file makes it last:
  source <(stepladder completions bash)                                          also zsh
  stepladder completions fish | source
  stepladder completions powershell | Out-String | Invoke-Expression
  eval (stepladder completions elvish | slurp)")]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(args: CompletionsArgs, printer: &Printer) -> Outcome {
    let script = completion::script(args.shell).map_err(|error| {
        Failure::new(Exit::Bug, Code::Bug, format!("can't write the completions: {error}"))
    })?;
    printer.data(script)
}
