//! From the text of a path to its steps.

use super::{Path, Root, Step};
use crate::limits::PATH_STEPS_MAX;
use std::fmt;

/// A text is no path, or one that this version does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// Byte offset in the path's text.
    pub at: usize,
    pub kind: PathErrorKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathErrorKind {
    Invalid,
    /// A valid path with a feature that is still missing here.
    Unsupported,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PathError {}

pub(super) fn compile(text: &str) -> Result<Path, PathError> {
    let mut compiler = Compiler { text, at: 0 };
    let root = compiler.root()?;
    let mut steps = Vec::new();
    while compiler.at < text.len() {
        compiler.step(&mut steps)?;
        if steps.len() > PATH_STEPS_MAX {
            return Err(compiler.invalid(format!("a path has at most {PATH_STEPS_MAX} steps")));
        }
    }
    Ok(Path { text: text.to_string(), root, steps })
}

struct Compiler<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Compiler<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn skip_spaces(&mut self) {
        while self.take(" ") {}
    }

    fn invalid(&self, message: impl Into<String>) -> PathError {
        PathError { at: self.at.min(self.text.len()), kind: PathErrorKind::Invalid, message: message.into() }
    }

    fn unsupported(&self, message: impl Into<String>) -> PathError {
        PathError { kind: PathErrorKind::Unsupported, ..self.invalid(message) }
    }

    fn root(&mut self) -> Result<Root, PathError> {
        let root = match (self.take("$$"), self.take("$")) {
            (true, false) => Root::Context,
            (false, true) => Root::Input,
            _ => return Err(self.invalid("a path starts with `$` (the input) or `$$` (the Context object)")),
        };
        match self.peek() {
            None | Some('.' | '[') => Ok(root),
            Some(first) if root == Root::Input && (first.is_alphabetic() || first == '_') => {
                Err(self.unsupported("variables are not supported by this version"))
            }
            Some(_) => Err(self.invalid("`.` or `[` must follow here")),
        }
    }

    fn step(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
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
        let end = rest.find(['.', '[', ' ', '(']).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        match rest.get(end..).and_then(|rest| rest.chars().next()) {
            Some('(') => {
                return Err(self.unsupported("functions in a path are not supported by this version"));
            }
            Some(' ') => {
                return Err(
                    self.invalid("a name that holds a space must be written in brackets: ['my name']")
                );
            }
            _ if name.is_empty() => return Err(self.invalid("a name, `*` or `[` must follow here")),
            _ => {}
        }
        steps.push(Step::Child(name.to_string()));
        self.at += end;
        Ok(())
    }

    /// After `[`.
    fn bracketed(&mut self) -> Result<Step, PathError> {
        self.skip_spaces();
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some('?') => return Err(self.unsupported("filters in a path are not supported by this version")),
            Some('(') => {
                return Err(self.unsupported("expressions in a path are not supported by this version"));
            }
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
    fn name(&mut self, quote: char) -> Result<String, PathError> {
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
                (Some(':'), ..) => Err(self.invalid("a slice has no step: [from:to]")),
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
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, root: Root, steps: &[Step]) {
        let path = compile(text).unwrap();
        assert_eq!((path.root, path.steps.as_slice()), (root, steps), "{text}");
    }

    fn child(name: &str) -> Step {
        Step::Child(name.into())
    }

    #[test]
    fn paths_compile() {
        check("$", Root::Input, &[]);
        check("$$", Root::Context, &[]);
        check("$.a.b-c", Root::Input, &[child("a"), child("b-c")]);
        check("$$.Execution.Id", Root::Context, &[child("Execution"), child("Id")]);
        check("$['a b'][\"c\"]", Root::Input, &[child("a b"), child("c")]);
        check(r"$['it\'s']", Root::Input, &[child("it's")]);
        check(r#"$['Test\""Name"']"#, Root::Input, &[child(r#"Test\""Name""#)]);
        check("$[0][-1]", Root::Input, &[Step::Index(0), Step::Index(-1)]);
        check(
            "$.a[1:5].b",
            Root::Input,
            &[child("a"), Step::Slice { from: Some(1), to: Some(5) }, child("b")],
        );
        check("$[:1]", Root::Input, &[Step::Slice { from: None, to: Some(1) }]);
        check("$[-2:]", Root::Input, &[Step::Slice { from: Some(-2), to: None }]);
        check("$[ 0 , 2 ]", Root::Input, &[Step::Indexes(vec![0, 2])]);
        check("$['a','b']", Root::Input, &[Step::Children(vec!["a".into(), "b".into()])]);
        check("$.*[*]", Root::Input, &[Step::Wildcard, Step::Wildcard]);
        check("$..a", Root::Input, &[Step::Descend, child("a")]);
        check("$..[0]", Root::Input, &[Step::Descend, Step::Index(0)]);
        check("$.ключ.名前", Root::Input, &[child("ключ"), child("名前")]);
    }

    #[track_caller]
    fn refuse(text: &str, kind: PathErrorKind, at: usize) {
        let error = compile(text).unwrap_err();
        assert_eq!((error.kind, error.at), (kind, at), "{text}: {error}");
    }

    #[test]
    fn what_is_no_path_is_refused_with_its_place() {
        use PathErrorKind::Invalid;
        for (text, at) in [
            ("", 0),
            ("a", 0),
            (" $", 0),
            ("bug$.library", 0),
            ("$$23", 2),
            ("$ ", 1),
            ("$.", 2),
            ("$..", 3),
            ("$...", 3),
            ("$.a.", 4),
            ("$.a b", 2),
            ("$[", 2),
            ("$[a]", 2),
            ("$[0", 3),
            ("$['a]", 3),
            ("$['a',]", 6),
            ("$['a',\"b\"]", 6),
            ("$[1:2:3]", 5),
            ("$[:]", 3),
            ("$[99999999999]", 2),
            ("$[-]", 2),
            ("$[0]a", 4),
        ] {
            refuse(text, Invalid, at);
        }
    }

    #[test]
    fn what_comes_later_is_refused_as_such() {
        refuse("$.a[?(@.b == 1)]", PathErrorKind::Unsupported, 4);
        refuse("$.a[(@.length-1)]", PathErrorKind::Unsupported, 4);
        refuse("$.a.length()", PathErrorKind::Unsupported, 4);
        refuse("$order.id", PathErrorKind::Unsupported, 1);
    }

    #[test]
    fn a_path_has_a_bounded_number_of_steps() {
        assert!(compile(&format!("${}", ".a".repeat(PATH_STEPS_MAX))).is_ok());
        assert!(compile(&format!("${}", ".a".repeat(PATH_STEPS_MAX + 1))).is_err());
    }
}
