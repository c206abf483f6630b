//! Intrinsic functions: `States.Format('{} {}', $.first, States.ArrayGetItem($.names, 1))`.
//!
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>.

mod compile;
mod functions;
mod hash;
mod signature;

use crate::{
    measure::Meter,
    path::Path,
    scope::{EvalError, Scope},
};
use serde_json::Value;
use std::borrow::Cow;

pub use compile::{CallError, CallErrorKind};
pub(crate) use functions::uuid;
pub(crate) use hash::{hex as digest_hex, to_hex};
pub use signature::Function;

/// A compiled call with everything nested in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    text: String,
    invocation: Invocation,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invocation {
    function: Function,
    arguments: Vec<Argument>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument {
    /// A string with its escapes resolved, and as it was written between its quotes.
    Text {
        value: Value,
        written: String,
    },
    /// A number, `true`, `false` or `null`.
    Constant(Value),
    Path(Path),
    Call(Invocation),
}

impl Call {
    /// Whether a text is meant as a call, right or wrong.
    pub fn looks_like(text: &str) -> bool {
        text.starts_with("States.")
    }

    /// Compiles a call. The error says where in `text` it stops being one.
    pub fn parse(text: &str) -> Result<Call, CallError> {
        compile::compile(text)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The outermost function.
    pub fn function(&self) -> Function {
        self.invocation.function
    }

    /// Every path in it, those of nested calls too.
    pub fn paths(&self) -> Vec<&Path> {
        let mut found = Vec::new();
        self.invocation.collect_paths(&mut found);
        found
    }

    /// The value of the call. Its causes are AWS's: they quote the whole expression.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvalError> {
        self.invocation.evaluate(scope, &mut Meter::new()).map_err(|failure| match failure {
            Failure::Limit(error) => error,
            Failure::Function(message) => {
                EvalError::runtime(format!("The function '{}' had the following error: {message}", self.text))
            }
        })
    }
}

/// Why a call has no value.
enum Failure {
    /// What AWS says of the function, without the sentence around it.
    Function(String),
    /// One of this project's limits.
    Limit(EvalError),
}

impl Invocation {
    fn evaluate(&self, scope: &Scope, copies: &mut Meter) -> Result<Value, Failure> {
        let values = self.arguments.iter().map(|argument| argument.evaluate(scope, copies));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        if self.function.copies_arguments() {
            // What a function makes is at most a few times what it is given, so that is counted before it is made.
            values.iter().try_for_each(|value| copies.place(value, 1)).map_err(Failure::Limit)?;
        }
        let template = match self.arguments.first() {
            Some(Argument::Text { written, .. }) => Some(written.as_str()),
            _ => None,
        };
        functions::apply(self.function, &values, template, scope.draws).map_err(Failure::Function)
    }

    fn collect_paths<'a>(&'a self, found: &mut Vec<&'a Path>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => found.push(path),
                Argument::Call(invocation) => invocation.collect_paths(found),
                Argument::Text { .. } | Argument::Constant(_) => {}
            }
        }
    }
}

impl Argument {
    fn evaluate<'a>(&'a self, scope: &Scope<'a>, copies: &mut Meter) -> Result<Cow<'a, Value>, Failure> {
        match self {
            Argument::Text { value, .. } | Argument::Constant(value) => Ok(Cow::Borrowed(value)),
            Argument::Call(invocation) => invocation.evaluate(scope, copies).map(Cow::Owned),
            Argument::Path(path) => {
                path.select(scope).map_err(|miss| match (miss.limit_error(), miss.impossible()) {
                    (Some(error), _) => Failure::Limit(error),
                    (None, Some(text)) => Failure::Function(text.to_string()),
                    (None, None) => Failure::Function(format!(
                        "The JsonPath argument for the field '{path}' could not be found in the input '{}'",
                        path.quoted_start(scope)
                    )),
                })
            }
        }
    }
}

#[cfg(test)]
#[path = "fuzz_test.rs"]
mod fuzz;
