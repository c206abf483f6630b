//! Intrinsic functions: `States.Format('{} {}', $.first, States.ArrayGetItem($.names, 1))`.
//!
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html>.

mod compile;
mod functions;
mod hash;
mod signature;

use crate::{
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
        self.invocation.evaluate(scope).map_err(|message| {
            EvalError::runtime(format!("The function '{}' had the following error: {message}", self.text))
        })
    }
}

impl Invocation {
    fn evaluate(&self, scope: &Scope) -> Result<Value, String> {
        let values = self.arguments.iter().map(|argument| argument.evaluate(scope));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let template = match self.arguments.first() {
            Some(Argument::Text { written, .. }) => Some(written.as_str()),
            _ => None,
        };
        functions::apply(self.function, &values, template, scope.draws)
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
    fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, String> {
        match self {
            Argument::Text { value, .. } | Argument::Constant(value) => Ok(Cow::Borrowed(value)),
            Argument::Call(invocation) => invocation.evaluate(scope).map(Cow::Owned),
            Argument::Path(path) => path.select(scope).map_err(|_| {
                format!(
                    "The JsonPath argument for the field '{path}' could not be found in the input '{}'",
                    path.quoted_start(scope)
                )
            }),
        }
    }
}
