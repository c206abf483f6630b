//! The line that is being typed.

use crate::args::{Cli, Global};
use clap::Parser;

/// A command line as a shell hands it over: its words, and which of them is to be completed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Without quotes. The command itself is the first one.
    pub(super) words: Vec<String>,
    pub(super) index: usize,
    /// What stands before the part of the word that bash replaces.
    kept: String,
    /// Whether that part stands in quotes.
    is_quoted: bool,
}

impl Line {
    /// What this process was asked.
    pub(super) fn of_process() -> Self {
        let words = std::env::args_os().skip_while(|word| *word != "--").skip(1);
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        let index = index().unwrap_or(words.len().saturating_sub(1));
        // The script for bash sets it, and no other.
        match std::env::var_os("_CLAP_COMPLETE_COMP_TYPE") {
            Some(_) => Self::of_bash(words, index),
            None => Self::of_words(words, index),
        }
    }

    /// Words as they are meant.
    pub(super) fn of_words(mut words: Vec<String>, index: usize) -> Self {
        // zsh leaves an empty word out.
        if words.len() == index {
            words.push(String::new());
        }
        Self { words, index, ..Self::default() }
    }

    /// Words of bash, which splits at `=` and `:` too: `--env=test` is three of them. The word in question comes without the quote
    /// that it began with, all others as they were typed.
    pub(super) fn of_bash(words: Vec<String>, index: usize) -> Self {
        let mut line = Self::default();
        let mut is_after_break = false;
        for (at, word) in words.into_iter().enumerate() {
            let is_break = !word.is_empty() && word.chars().all(|character| "=:".contains(character));
            let plain = unquoted(&word);
            let is_current = at == index;
            if is_current {
                line.is_quoted = quoted(&plain) != word;
            }
            if at > 1
                && (is_break || is_after_break)
                && let Some(last) = line.words.last_mut()
            {
                if is_current {
                    line.kept.clone_from(last);
                }
                last.push_str(&plain);
            } else {
                line.words.push(plain);
            }
            if is_current {
                line.index = line.words.len().saturating_sub(1);
            }
            is_after_break = is_break;
        }
        line
    }

    /// A completed word as bash inserts it.
    pub(super) fn inserted(&self, word: &str) -> String {
        let part = word.strip_prefix(&self.kept).unwrap_or(word);
        if self.is_quoted { part.to_owned() } else { quoted(part) }
    }

    /// What is typed of the word in question.
    pub(super) fn current(&self) -> &str {
        self.words.get(self.index).map_or("", String::as_str)
    }

    /// All words but the command and the one in question.
    pub(super) fn others(&self) -> impl Iterator<Item = &str> {
        let words = self.words.iter().enumerate().skip(1).filter(move |(at, _)| *at != self.index);
        words.map(|(_, word)| word.as_str())
    }

    /// The value of an option such as `--env`, given as the next word or after `=`; the last one counts.
    pub(super) fn value_of(&self, option: &str) -> Option<&str> {
        self.words.iter().enumerate().rev().find_map(|(at, word)| {
            let (value_at, value) = match word.strip_prefix(option)? {
                "" => (at + 1, self.words.get(at + 1)?.as_str()),
                rest => (at, rest.strip_prefix('=')?),
            };
            (value_at != self.index).then_some(value)
        })
    }

    /// The options that name a stack, and what the environment variables say. `None`: they can't be used.
    pub(super) fn global(&self) -> Option<Global> {
        let mut words = vec!["stepladder".to_owned(), "version".to_owned()];
        for option in ["--env", "--endpoint"] {
            words.extend(self.value_of(option).map(|value| format!("{option}={value}")));
        }
        words.extend(self.others().find(|word| *word == "--local").map(str::to_owned));
        Cli::try_parse_from(words).ok().map(|cli| cli.global)
    }
}

/// Which word is to be completed, as bash, zsh and elvish say it, counted from 0. For the others it is the last one.
pub(super) fn index() -> Option<usize> {
    std::env::var("_CLAP_COMPLETE_INDEX").ok()?.parse().ok()
}

/// A word without bash's quotes and backslashes. A quote may still be open.
fn unquoted(word: &str) -> String {
    let (mut plain, mut open) = (String::with_capacity(word.len()), None);
    let mut characters = word.chars();
    while let Some(character) = characters.next() {
        match (character, open) {
            ('\\', None | Some('"')) => plain.extend(characters.next()),
            ('\'' | '"', None) => open = Some(character),
            (_, Some(quote)) if quote == character => open = None,
            _ => plain.push(character),
        }
    }
    plain
}

/// A word as bash reads it as one, with backslashes. `~` stays, for it stands for a folder.
fn quoted(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len());
    for character in word.chars() {
        if character.is_whitespace() || "'\"\\$`&;|<>()[]{}*?!#".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// What bash 5.2 hands over, the words that are meant, and where `completed` ends up on the line.
    #[track_caller]
    fn check(handed: &[&str], index: usize, meant: &[&str], completed: &str, inserted: &str) {
        let line = Line::of_bash(words(handed), index);
        assert_eq!(line.words, meant);
        assert_eq!(line.inserted(completed), inserted);
        assert_eq!(Some(line.current()), meant.get(line.index).copied());
    }

    #[test]
    fn what_bash_splits_is_put_together() {
        check(&["stepladder", "--env", "=", "pr"], 3, &["stepladder", "--env=pr"], "--env=prod", "prod");
        check(&["stepladder", "--env", ""], 2, &["stepladder", "--env", ""], "prod", "prod");
        let url = ["stepladder", "--endpoint", "http", ":", "//127.0.0.1", ":", "7700", "run", "show", "x"];
        let meant = ["stepladder", "--endpoint", "http://127.0.0.1:7700", "run", "show", "x"];
        check(&url, 9, &meant, "xyz", "xyz");
    }

    #[test]
    fn what_has_spaces_stays_one_word() {
        let state = "Enough stock?";
        check(&["stepladder", "-s", "Eno"], 2, &["stepladder", "-s", "Eno"], state, r"Enough\ stock\?");
        check(
            &["stepladder", "-s", r"Enough\ s"],
            2,
            &["stepladder", "-s", "Enough s"],
            state,
            r"Enough\ stock\?",
        );
        // The word began with a quote, which bash has taken away and closes by itself.
        check(&["stepladder", "-s", "Enough s"], 2, &["stepladder", "-s", "Enough s"], state, state);
        let quoted = ["stepladder", "'my flow.asl.json'", r#""a\"b""#, "x"];
        check(&quoted, 3, &["stepladder", "my flow.asl.json", "a\"b", "x"], "x", "x");
    }

    #[test]
    fn options_are_found_wherever_they_stand() {
        let line = Line::of_words(words(&["stepladder", "run", "show", "x", "--env", "a", "--env=b"]), 3);
        assert_eq!((line.value_of("--env"), line.value_of("--en"), line.current()), (Some("b"), None, "x"));
        let others: Vec<&str> = line.others().collect();
        assert_eq!(others, ["run", "show", "--env", "a", "--env=b"]);
        // What is being typed is no value yet.
        let line = Line::of_words(words(&["stepladder", "--env", "a", "--endpoint=h"]), 2);
        assert_eq!((line.value_of("--env"), line.value_of("--endpoint")), (None, Some("h")));
        let line = Line::of_words(words(&["stepladder", "--env"]), 2);
        assert_eq!((line.value_of("--env"), line.current(), line.words.len()), (None, "", 3));
    }

    fn named(line: &[&str]) -> Option<(Option<String>, Option<String>, bool)> {
        let global = Line::of_words(words(line), line.len() - 1).global()?;
        Some((global.env, global.endpoint, global.local))
    }

    #[test]
    fn a_line_names_a_stack() {
        let env = Some((Some("prod".to_owned()), None, false));
        assert_eq!(named(&["stepladder", "run", "stop", "--env", "prod", "a", "b"]), env);
        let endpoint = Some((None, Some("http://x:1".to_owned()), false));
        assert_eq!(named(&["stepladder", "--endpoint=http://x:1", "start", ""]), endpoint);
        assert_eq!(named(&["stepladder", "start", "--local", ""]), Some((None, None, true)));
        assert_eq!(named(&["stepladder", "start", "--local", "--env", "prod", ""]), None);
    }
}
