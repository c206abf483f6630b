//! What a shell completes: commands and options as clap knows them, and names as the workspace and the stack do.
//!
//! The script of `stepladder completions` calls this program with `STEPLADDER_COMPLETE=<shell>` at each Tab. An answer comes within
//! [`COMPLETION_TIMEOUT`](crate::limits::COMPLETION_TIMEOUT) and changes nothing. Where there is none it is empty: an error would
//! stand in the midst of the line that somebody types.

mod bash;
mod line;
mod offers;

use crate::args::Cli;
use clap::{Arg, Command, CommandFactory};
use clap_complete::{
    ArgValueCompleter, CompleteEnv, Shell,
    env::{Elvish, Fish, Powershell, Shells, Zsh},
};
use line::Line;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

/// The variable by which a shell asks, and names itself.
const VARIABLE: &str = "STEPLADDER_COMPLETE";

/// The command that is completed.
const COMMAND: &str = "stepladder";

const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// Answers the shell that asks. False: none does, and this is a command like any other.
pub fn answered() -> bool {
    let asked = std::env::var_os(VARIABLE).unwrap_or_default();
    let name = Path::new(&asked).file_stem().unwrap_or_default().to_string_lossy();
    let shells = SHELLS;
    if shells.completer(&name).is_none() {
        return false;
    }
    // Not even a bug is told.
    std::panic::set_hook(Box::new(|_| {}));
    let _ = std::panic::catch_unwind(|| {
        let line = Line::of_process();
        let here = std::env::current_dir().ok();
        let environment = CompleteEnv::with_factory(|| command(&line)).var(VARIABLE).shells(SHELLS);
        let _ =
            environment.bin(COMMAND).completer(program()).try_complete(std::env::args_os(), here.as_deref());
    });
    true
}

/// What a shell runs once, so that it asks from then on.
pub fn script(shell: Shell) -> io::Result<String> {
    let (name, shells) = (shell.to_string(), SHELLS);
    let completer =
        shells.completer(&name).ok_or_else(|| io::Error::other(format!("{name} is not known")))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, COMMAND, COMMAND, &program(), &mut script)?;
    Ok(String::from_utf8_lossy(&script).trim_end().to_owned())
}

/// This program as a shell finds it again. One that was found in the path is left to be found there, for a newer one may come.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_else(|| OsString::from(COMMAND));
    let called = PathBuf::from(called);
    let path = match std::env::current_dir() {
        Ok(here) if called.components().count() > 1 => here.join(called),
        _ => called,
    };
    path.to_string_lossy().into_owned()
}

/// What may be typed, for this line.
fn command(line: &Line) -> Command {
    match line.current().is_empty() {
        true => with_options_last(Cli::command()),
        false => Cli::command(),
    }
}

/// The same command, whose options are offered only where nothing else is: of one name and twenty options none is completed.
fn with_options_last(command: Command) -> Command {
    let hidden = |arg: Arg| if arg.is_positional() { arg } else { arg.hide(true) };
    command.disable_help_flag(true).mut_args(hidden).mut_subcommands(with_options_last)
}

/// Environments of `stepladder.toml`.
pub fn envs() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::envs)
}

/// Workflows of this workspace and of the stack.
pub fn workflows() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::workflows)
}

/// Workflows of this workspace alone.
pub fn workspace_workflows() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::workspace_workflows)
}

/// The newest runs, as `workflow/name`, or as a name.
pub fn runs() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::runs)
}

/// The same, those alone that still go.
pub fn running() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::running)
}

/// The newest runs that ended badly.
pub fn redrivable() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::redrivable)
}

/// The newest runs, as `workflow/name` alone.
pub fn run_ids() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::run_ids)
}

/// Codes of errors.
pub fn codes() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::codes)
}

/// States of the definition on the line; of all definitions of this workspace where there is none.
pub fn states() -> ArgValueCompleter {
    ArgValueCompleter::new(offers::states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::engine::complete;

    /// What is offered for the last word. No name is asked of a workspace or a stack.
    fn offered(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let index = words.len() - 1;
        let mut command = command(&Line::of_words(words.clone(), index));
        let words = words.into_iter().map(OsString::from).collect();
        let offered = complete(&mut command, words, index, None).unwrap();
        offered.iter().map(|offer| offer.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn commands_come_before_options() {
        let offered_first = offered(&["stepladder", "run", ""]);
        assert_eq!(offered_first, ["list", "show", "history", "redrive", "rerun", "stop", "pause", "resume"]);
        assert!(offered(&["stepladder", "doctor", ""]).contains(&"--no-permissions".to_owned()));
        assert_eq!(offered(&["stepladder", "run", "list", "--stat"]), ["--status"]);
        let all = offered(&["stepladder", "run", "list", "-"]);
        assert!(all.contains(&"-h".to_owned()) && all.contains(&"--env".to_owned()), "{all:?}");
    }

    #[test]
    fn values_that_are_listed_are_offered() {
        assert_eq!(offered(&["stepladder", "run", "list", "--status", "ti"]), ["timed-out"]);
        assert_eq!(offered(&["stepladder", "completions", "po"]), ["powershell"]);
    }

    #[test]
    fn codes_are_offered() {
        assert_eq!(offered(&["stepladder", "explain", "SL120"]).len(), 9);
        assert_eq!(offered(&["stepladder", "explain", "SL0601"]), ["SL0601"]);
    }

    #[test]
    fn each_shell_has_a_script_that_asks_this_program() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let script = script(shell).unwrap();
            assert!(script.contains(VARIABLE) && script.contains(&shell.to_string()), "{script}");
        }
    }
}
