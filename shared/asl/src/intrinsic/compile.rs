//! From the text of a call to its tree.

use super::{Argument, Call, Function, Invocation, signature::Takes};
use crate::{limits::INTRINSIC_CALLS_MAX, nearest::nearest, path::Path};
use serde_json::Value;
use std::fmt;

/// A text is no call, or one that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// Byte offset in the call's text.
    pub at: usize,
    pub kind: CallErrorKind,
    pub message: String,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    Invalid,
    UnknownFunction,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CallError {}

pub(super) fn compile(text: &str) -> Result<Call, CallError> {
    let mut compiler = Compiler { text, at: 0, calls: 0 };
    let invocation = compiler.invocation()?;
    compiler.skip_spaces();
    if compiler.at < text.len() {
        return Err(compiler.invalid("nothing may follow the call"));
    }
    Ok(Call { text: text.to_string(), invocation })
}

struct Compiler<'a> {
    text: &'a str,
    at: usize,
    calls: usize,
}

impl<'a> Compiler<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, char: char) -> bool {
        let found = self.peek() == Some(char);
        if found {
            self.at += char.len_utf8();
        }
        found
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += self.peek().map_or(0, char::len_utf8);
        }
    }

    /// The text up to the first character that `ends` it.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let word = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        self.at += word.len();
        word
    }

    fn error(&self, kind: CallErrorKind, at: usize, message: impl Into<String>) -> CallError {
        CallError { at: at.min(self.text.len()), kind, message: message.into(), hint: None }
    }

    fn invalid(&self, message: impl Into<String>) -> CallError {
        self.error(CallErrorKind::Invalid, self.at, message)
    }

    fn invocation(&mut self) -> Result<Invocation, CallError> {
        self.calls += 1;
        if self.calls > INTRINSIC_CALLS_MAX {
            return Err(
                self.invalid(format!("an expression has at most {INTRINSIC_CALLS_MAX} intrinsic functions"))
            );
        }
        let start = self.at;
        let name = self.word(|char| !(char.is_ascii_alphanumeric() || char == '.' || char == '_'));
        if name.is_empty() {
            return Err(self.invalid("the name of an intrinsic function must stand here"));
        }
        let function = Function::by_name(name).ok_or_else(|| CallError {
            hint: nearest(name, Function::names()).map(|near| format!("did you mean `{near}`?")),
            ..self.error(
                CallErrorKind::UnknownFunction,
                start,
                format!("there is no intrinsic function `{name}`"),
            )
        })?;
        if !self.take('(') {
            return Err(self.invalid(format!("`(` must follow `{name}`")));
        }
        let arguments = self.arguments(function)?;
        let (needed, optional, rest) = function.signature();
        let count = arguments.len();
        if count < needed.len() || rest.is_none() && count > needed.len() + optional.len() {
            let expected = match (optional.len(), rest) {
                (0, None) => needed.len().to_string(),
                (more, None) => format!("{} to {}", needed.len(), needed.len() + more),
                (_, Some(_)) => format!("at least {}", needed.len()),
            };
            let message = format!("`{name}` takes {expected} arguments, and this has {count}");
            return Err(self.error(CallErrorKind::Invalid, start, message));
        }
        if let (Function::Format, Some(Argument::Text { written, .. })) = (function, arguments.first()) {
            let places = super::functions::placeholders(written);
            if places != count - 1 {
                let message = format!("the text has {places} `{{}}`, and {} arguments follow it", count - 1);
                return Err(self.error(CallErrorKind::Invalid, start, message));
            }
        }
        Ok(Invocation { function, arguments })
    }

    /// After `(`, up to and with `)`.
    fn arguments(&mut self, function: Function) -> Result<Vec<Argument>, CallError> {
        let mut arguments = Vec::new();
        self.skip_spaces();
        if self.take(')') {
            return Ok(arguments);
        }
        loop {
            self.skip_spaces();
            let start = self.at;
            let argument = self.argument()?;
            let takes = takes(function, arguments.len());
            if !fits(&argument, takes) {
                let message = format!("`{}` takes {} here", function.name(), takes.name());
                return Err(self.error(CallErrorKind::Invalid, start, message));
            }
            arguments.push(argument);
            self.skip_spaces();
            if self.take(')') {
                return Ok(arguments);
            }
            if !self.take(',') {
                return Err(self.invalid("`,` or `)` must follow here"));
            }
        }
    }

    fn argument(&mut self) -> Result<Argument, CallError> {
        match self.peek() {
            Some('\'') => self.text(),
            Some('$') => self.path(),
            Some('-' | '0'..='9') => self.number(),
            Some(_) if self.rest().starts_with("States.") => Ok(Argument::Call(self.invocation()?)),
            _ => self.keyword(),
        }
    }

    /// Between single quotes; a backslash escapes `'`, `{`, `}` and itself, and nothing else.
    fn text(&mut self) -> Result<Argument, CallError> {
        let start = self.at;
        self.at += 1;
        let written_from = self.at;
        let mut value = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((offset, char)) = chars.next() {
            match char {
                '\'' => {
                    let written = self.rest().get(..offset).unwrap_or_default().to_string();
                    self.at = written_from + offset + 1;
                    return Ok(Argument::Text { value: Value::String(value), written });
                }
                '\\' => match chars.next() {
                    Some((_, escaped @ ('\'' | '{' | '}' | '\\'))) => value.push(escaped),
                    _ => {
                        let message = r"a backslash escapes only `'`, `{`, `}` and `\`";
                        return Err(self.error(CallErrorKind::Invalid, written_from + offset, message));
                    }
                },
                _ => value.push(char),
            }
        }
        Err(self.error(CallErrorKind::Invalid, start, "the string has no closing `'`"))
    }

    /// A path ends at the comma or parenthesis that is outside of its brackets.
    fn path(&mut self) -> Result<Argument, CallError> {
        let start = self.at;
        let (mut depth, mut quote, mut escaped) = (0usize, None, false);
        let rest = self.rest();
        let end = rest.find(|char: char| match (quote, char) {
            _ if escaped => {
                escaped = false;
                false
            }
            (Some(_), '\\') => {
                escaped = true;
                false
            }
            (Some(open), _) => {
                if char == open {
                    quote = None;
                }
                false
            }
            (None, '\'' | '"') => {
                quote = Some(char);
                false
            }
            (None, '[' | '(') => {
                depth += 1;
                false
            }
            (None, ']' | ')') if depth > 0 => {
                depth -= 1;
                false
            }
            (None, ',' | ')') => depth == 0,
            _ => false,
        });
        let written = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += written.len();
        match Path::parse(written.trim_end()) {
            Ok(path) => Ok(Argument::Path(path)),
            Err(error) => Err(self.error(CallErrorKind::Invalid, start + error.at, error.message)),
        }
    }

    fn number(&mut self) -> Result<Argument, CallError> {
        let start = self.at;
        let word = self.word(|char| !(char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '+')));
        match serde_json::from_str::<Value>(word) {
            Ok(value @ Value::Number(_)) => Ok(Argument::Constant(value)),
            _ => Err(self.error(CallErrorKind::Invalid, start, format!("`{word}` is no number"))),
        }
    }

    fn keyword(&mut self) -> Result<Argument, CallError> {
        let start = self.at;
        let value = match self.word(|char| !char.is_ascii_alphanumeric()) {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => {
                let message =
                    "an argument is a string in single quotes, a number, true, false, null, a path or a call";
                return Err(self.error(CallErrorKind::Invalid, start, message));
            }
        };
        Ok(Argument::Constant(value))
    }
}

fn takes(function: Function, index: usize) -> Takes {
    let (needed, optional, rest) = function.signature();
    needed.iter().chain(optional).nth(index).copied().or(rest).unwrap_or(Takes::Any)
}

/// Whether a constant can be what the function takes; of paths and calls nothing is known yet.
fn fits(argument: &Argument, takes: Takes) -> bool {
    match (argument, takes) {
        (Argument::Path(_) | Argument::Call(_), _) | (_, Takes::Any) => true,
        (Argument::Text { .. }, takes) => takes == Takes::Text,
        (Argument::Constant(value), Takes::Number) => value.is_number(),
        (Argument::Constant(value), Takes::Boolean) => value.is_boolean(),
        (Argument::Constant(_), Takes::Array | Takes::Object | Takes::Text) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_compile() {
        for text in [
            "States.UUID()",
            "States.UUID( )",
            "States.UUID()  ",
            "States.Array()",
            "States.Array(1, -2.5, true, null, 'it\\'s', $.a, $['b, c'][0], $$.Execution.Id)",
            "States.ArrayGetItem(States.StringSplit($$.StateMachine.Name, '-'), States.MathAdd(States.ArrayLength($.a), -1))",
            r"States.Format('{} \{\} {}', 1, 'x')",
            "States.StringToJson('{\"text\": \"x\"}')",
            "States.StringSplit('Hello\nWorld', '\n')",
            "States.MathRandom(1, 9, $.seed)",
            "States.Format('{}{}', $name, $other.a[0])",
            "States.ArrayGetItem($.a[?(@.b == 'x, y' && (@.c))].d, 0)",
        ] {
            assert!(compile(text).is_ok(), "{text}: {:?}", compile(text));
        }
    }

    #[track_caller]
    fn refuse(text: &str, kind: CallErrorKind, at: usize) {
        let error = compile(text).unwrap_err();
        assert_eq!((error.kind, error.at), (kind, at), "{text}: {error}");
    }

    #[test]
    fn what_is_no_call_is_refused_with_its_place() {
        use CallErrorKind::*;
        refuse("", Invalid, 0);
        refuse(" States.UUID()", Invalid, 0);
        refuse("States.UUID", Invalid, 11);
        refuse("States.UUID()x", Invalid, 13);
        refuse("States.UUID(1)", Invalid, 0);
        refuse("States. ", UnknownFunction, 0);
        refuse("States.Nothing()", UnknownFunction, 0);
        refuse("JsonToString($)", UnknownFunction, 0);
        refuse("States.JsonToString($", Invalid, 21);
        refuse("States.StringToJson $.a)", Invalid, 19);
        refuse("States.Array(1,)", Invalid, 15);
        refuse("States.Array(x)", Invalid, 13);
        refuse("States.Array('x)", Invalid, 13);
        refuse(r#"States.Array('\"')"#, Invalid, 14);
        refuse("States.Array($.a b)", Invalid, 15);
        refuse("States.MathAdd(1,'-1')", Invalid, 17);
        refuse("States.Format('{}')", Invalid, 0);
        refuse("States.JsonMerge($.a, $.b)", Invalid, 0);
    }

    #[test]
    fn a_wrong_name_gets_a_hint() {
        assert_eq!(
            compile("States.Fromat('x')").unwrap_err().hint.as_deref(),
            Some("did you mean `States.Format`?")
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let nest = |calls: usize| "States.Array(".repeat(calls) + &")".repeat(calls);
        assert!(compile(&nest(INTRINSIC_CALLS_MAX)).is_ok());
        assert!(compile(&nest(INTRINSIC_CALLS_MAX + 1)).is_err());
        assert!(compile(&nest(100_000)).is_err());
    }
}
