//! From the text of a path to its steps.

use super::{Path, Root, Step};
use crate::limits::{PATH_STEPS_MAX, VARIABLE_NAME_CHARS_MAX};
use std::fmt;

/// A text is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// Byte offset in the path's text.
    pub at: usize,
    pub message: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PathError {}

pub(super) fn compile(text: &str) -> Result<Path, PathError> {
    let mut compiler = Compiler { text, at: 0, parts: 0, depth: 0 };
    let root = compiler.root()?;
    let mut steps = Vec::new();
    while compiler.at < text.len() {
        compiler.step(&mut steps)?;
    }
    Ok(Path { text: text.to_string(), root, steps })
}

pub(super) struct Compiler<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// Steps and conditions so far, those within filters too.
    parts: usize,
    /// Filters and parentheses around this place.
    pub(super) depth: usize,
}

impl<'a> Compiler<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    pub(super) fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Counts a step or a condition.
    pub(super) fn count_part(&mut self) -> Result<(), PathError> {
        self.parts += 1;
        if self.parts > PATH_STEPS_MAX {
            return Err(self.invalid(format!("a path has at most {PATH_STEPS_MAX} steps and conditions")));
        }
        Ok(())
    }

    pub(super) fn invalid(&self, message: impl Into<String>) -> PathError {
        PathError { at: self.at.min(self.text.len()), message: message.into() }
    }

    fn root(&mut self) -> Result<Root, PathError> {
        let root = match (self.take("$$"), self.take("$")) {
            (true, false) => Root::Context,
            (false, true) => match self.variable()? {
                Some(name) => Root::Variable(name),
                None => Root::Input,
            },
            _ => {
                return Err(self.invalid(
                    "a path starts with `$` (the input), `$$` (the Context object) or `$` and the name of a variable",
                ));
            }
        };
        match self.peek() {
            None | Some('.' | '[') => Ok(root),
            Some(_) => Err(self.invalid("`.` or `[` must follow here")),
        }
    }

    /// The name of a variable, after its `$`.
    fn variable(&mut self) -> Result<Option<String>, PathError> {
        if !self.peek().is_some_and(|first| first.is_alphabetic() || first == '_') {
            return Ok(None);
        }
        let rest = self.rest();
        let end = rest.find(|char: char| !(char.is_alphanumeric() || char == '_')).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if name.chars().nth(VARIABLE_NAME_CHARS_MAX).is_some() {
            let message = format!("the name of a variable has at most {VARIABLE_NAME_CHARS_MAX} characters");
            return Err(self.invalid(message));
        }
        self.at += end;
        Ok(Some(name.to_string()))
    }

    /// Reads what stands between two dots or in one pair of brackets.
    pub(super) fn step(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
        self.count_part()?;
        if self.take("..") {
            steps.push(Step::Descend);
            if self.peek() == Some('[') {
                return Ok(());
            }
            return self.dotted(steps);
        }
        if self.take(".") {
            // Jayway takes `$.['a']` as well.
            if self.peek() == Some('[') {
                return Ok(());
            }
            return self.dotted(steps);
        }
        if self.take("[") {
            steps.push(self.bracketed()?);
            return Ok(());
        }
        Err(self.invalid("`.` or `[` must follow here"))
    }

    fn dotted(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
        if self.take("*") {
            steps.push(Step::Wildcard);
            return Ok(());
        }
        let rest = self.rest();
        let end = rest.find(|char| self.ends_name(char)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        let next = rest.get(end..).and_then(|rest| rest.chars().next());
        if name.is_empty() {
            return Err(self.invalid("a name, `*` or `[` must follow here"));
        }
        match next {
            Some('(') => steps.push(Step::Function(self.function(end)?)),
            Some(char) if char.is_whitespace() && self.depth == 0 => {
                return Err(
                    self.invalid("a name that holds a space must be written in brackets: ['my name']")
                );
            }
            _ => {
                steps.push(Step::Child(name.to_string()));
                self.at += end;
            }
        }
        Ok(())
    }

    fn ends_name(&self, char: char) -> bool {
        matches!(char, '.' | '[' | '(')
            || char.is_whitespace()
            || self.depth > 0 && matches!(char, ')' | ']' | ',' | '<' | '>' | '=' | '~' | '!' | '&' | '|')
    }

    /// A function with its arguments, up to the parenthesis that closes it. `opening` is where its `(` stands.
    fn function(&mut self, opening: usize) -> Result<String, PathError> {
        let rest = self.rest();
        let mut depth = 0usize;
        let closing = rest.char_indices().skip_while(|(at, _)| *at < opening).find(|(_, char)| {
            match char {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let Some((closing, _)) = closing else {
            self.at += opening;
            return Err(self.invalid("the function's `(` has no `)`"));
        };
        self.at += closing + 1;
        Ok(rest.get(..=closing).unwrap_or_default().to_string())
    }

    /// After `[`.
    fn bracketed(&mut self) -> Result<Step, PathError> {
        self.skip_spaces();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some('?') => {
                self.at += 1;
                Step::Filter(Box::new(self.filter()?))
            }
            Some('(') => self.distance_from_end()?,
            Some(quote @ ('\'' | '"')) => self.names(quote)?,
            Some('-' | ':' | '0'..='9') => self.numbers()?,
            _ => return Err(self.invalid("an index, a slice, `*` or a name in quotes must follow here")),
        };
        self.skip_spaces();
        if !self.take("]") {
            return Err(self.invalid("`]` must follow here"));
        }
        Ok(step)
    }

    /// `(@.length-1)`, the old way to count from the end: `-1`.
    fn distance_from_end(&mut self) -> Result<Step, PathError> {
        let start = self.at;
        let rest = self.rest();
        let inner = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let offset = inner.and_then(|(inner, _)| {
            let offset = inner.trim().strip_prefix("@.length")?.trim_start().strip_prefix('-')?.trim();
            offset.parse::<i32>().ok().filter(|offset| *offset > 0)
        });
        match (offset, inner) {
            (Some(offset), Some((inner, _))) => {
                self.at = start + inner.len() + 2;
                Ok(Step::Index(-i64::from(offset)))
            }
            _ => {
                Err(self
                    .invalid("the only expression that an index may be is `(@.length-1)`, with any number"))
            }
        }
    }

    fn names(&mut self, quote: char) -> Result<Step, PathError> {
        let mut names = vec![self.name(quote)?];
        loop {
            self.skip_spaces();
            if !self.take(",") {
                break;
            }
            self.skip_spaces();
            match self.peek() {
                Some(next) if next == quote => names.push(self.name(quote)?),
                _ => return Err(self.invalid("another name in quotes must follow here")),
            }
        }
        match (names.pop(), names.is_empty()) {
            (Some(only), true) => Ok(Step::Child(only)),
            (last, _) => Ok(Step::Children(names.into_iter().chain(last).collect())),
        }
    }

    /// A name in quotes. A backslash escapes the quote and itself; before anything else it stands for itself, which is
    /// how AWS reads it.
    pub(super) fn name(&mut self, quote: char) -> Result<String, PathError> {
        self.at += quote.len_utf8();
        let mut name = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((offset, char)) = chars.next() {
            if char == quote {
                self.at += offset + quote.len_utf8();
                return Ok(name);
            }
            let mut ahead = chars.clone();
            match (char, ahead.next()) {
                ('\\', Some((_, escaped))) if escaped == quote || escaped == '\\' => {
                    name.push(escaped);
                    chars = ahead;
                }
                _ => name.push(char),
            }
        }
        Err(self.invalid(format!("the name has no closing {quote}")))
    }

    fn numbers(&mut self) -> Result<Step, PathError> {
        let first = self.number()?;
        self.skip_spaces();
        if self.take(":") {
            self.skip_spaces();
            let to = self.number()?;
            self.skip_spaces();
            return match (self.peek(), first, to) {
                (Some(':'), ..) => Err(self.invalid("a slice has no step here: [from:to]")),
                (_, None, None) => Err(self.invalid("a slice needs a start or an end")),
                (_, from, to) => Ok(Step::Slice { from, to }),
            };
        }
        let Some(first) = first else {
            return Err(self.invalid("a number must follow here"));
        };
        let mut indexes = vec![first];
        while self.take(",") {
            self.skip_spaces();
            match self.number()? {
                Some(index) => indexes.push(index),
                None => return Err(self.invalid("another index must follow here")),
            }
            self.skip_spaces();
        }
        match indexes.as_slice() {
            [only] => Ok(Step::Index(*only)),
            _ => Ok(Step::Indexes(indexes)),
        }
    }

    /// A number, or none where something else follows.
    fn number(&mut self) -> Result<Option<i64>, PathError> {
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest.chars().skip(sign).take_while(char::is_ascii_digit).count();
        if digits == 0 {
            return if sign == 0 { Ok(None) } else { Err(self.invalid("digits must follow `-`")) };
        }
        let number = rest.get(..sign + digits).and_then(|text| text.parse::<i32>().ok());
        let number = number.ok_or_else(|| self.invalid("an index must fit into 32 bits"))?;
        self.at += sign + digits;
        Ok(Some(i64::from(number)))
    }
}

#[cfg(test)]
#[path = "compile_test.rs"]
mod tests;
