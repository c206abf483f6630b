//! Colours and glyphs. Each colour comes with a glyph or a word: it is never the only sign.

use anstyle::{AnsiColor, Style};
use stepladder_engine::Status;

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default();
pub const HINT: Style = AnsiColor::Cyan.on_default();
pub const ID: Style = AnsiColor::Cyan.on_default();
pub const DIM: Style = Style::new().dimmed();
pub const BOLD: Style = Style::new().bold();

/// The text in that style; whether escapes reach the terminal is the printer's decision.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// One glyph per kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    pub good: &'static str,
    pub bad: &'static str,
    pub running: &'static str,
    pub waiting: &'static str,
    pub stopped: &'static str,
    pub retry: &'static str,
    pub skipped: &'static str,
    pub warning: &'static str,
    pub arrow: &'static str,
}

/// For terminals that know UTF-8.
pub const UNICODE: Glyphs = Glyphs {
    good: "✓",
    bad: "✗",
    running: "▷",
    waiting: "⧖",
    stopped: "■",
    retry: "↻",
    skipped: "–",
    warning: "!",
    arrow: "→",
};
/// For all others.
pub const ASCII: Glyphs = Glyphs {
    good: "+",
    bad: "x",
    running: ">",
    waiting: "~",
    stopped: "#",
    retry: "retry",
    skipped: "-",
    warning: "!",
    arrow: "->",
};

impl Glyphs {
    /// By the locale, as POSIX reads it: the first of LC_ALL, LC_CTYPE and LANG that is set. Without any the terminals of
    /// today are taken to know UTF-8.
    pub fn of_locale(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| lookup(name).filter(|value| !value.is_empty()));
        match set {
            Some(locale) => {
                let locale = locale.to_lowercase();
                if locale.contains("utf-8") || locale.contains("utf8") { UNICODE } else { ASCII }
            }
            None => UNICODE,
        }
    }

    /// The glyph and the colour of a run with this status.
    pub fn status(&self, status: Status) -> (&'static str, Style) {
        match status {
            Status::Running => (self.running, HINT),
            Status::Succeeded => (self.good, GOOD),
            Status::Failed | Status::TimedOut => (self.bad, ERROR),
            Status::Aborted => (self.stopped, WARNING),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_follow_the_locale() {
        let of = |set: &'static [(&str, &str)]| {
            Glyphs::of_locale(|name| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), UNICODE);
        assert_eq!(of(&[("LANG", "C")]), ASCII);
        assert_eq!(of(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "")]), UNICODE);
        assert_eq!(of(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "POSIX")]), ASCII);
        assert_eq!(of(&[("LC_CTYPE", "C.utf8")]), UNICODE);
    }
}
