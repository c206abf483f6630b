//! Bash: clap's script, and words as bash splits them.

use super::line::{self, Line};
use clap_complete::{engine::complete, env::EnvCompleter};
use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
};

/// As clap's own, but that a word may hold `=`, `:`, spaces and quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        clap_complete::env::Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        clap_complete::env::Bash.is(name)
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        command: &str,
        program: &str,
        script: &mut dyn Write,
    ) -> io::Result<()> {
        clap_complete::env::Bash.write_registration(variable, name, command, program, script)
    }

    fn write_complete(
        &self,
        command: &mut clap::Command,
        words: Vec<OsString>,
        here: Option<&Path>,
        answer: &mut dyn Write,
    ) -> io::Result<()> {
        let words = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let line = Line::of_bash(words, line::index().unwrap_or_default());
        let words = line.words.iter().map(OsString::from).collect();
        let separator = std::env::var("_CLAP_IFS").unwrap_or_else(|_| "\n".to_owned());
        let offered: Vec<String> = complete(command, words, line.index, here)?
            .iter()
            .map(|offer| offer.get_value().to_string_lossy())
            // A file's name may hold what would move the cursor.
            .filter(|word| !word.chars().any(char::is_control))
            .map(|word| line.inserted(&word))
            .collect();
        answer.write_all(offered.join(&separator).as_bytes())
    }
}
