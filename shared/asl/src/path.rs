//! JSONPath as AWS reads it, which is how the Java library Jayway reads it.
//!
//! A definite path (children, indexes) gives the one value that it names, or a [`Miss`]; an indefinite one (wildcards,
//! slices, unions, filters, `..`) gives an array of whatever it finds. AWS takes Jayway's functions (`$.items.length()`)
//! for names of members, so they find nothing; docs/decisions/0012 says how this is known.

mod compile;
mod compile_filter;
mod filter;
mod select;

use crate::{
    errors,
    limits::CAUSE_CHARS_MAX,
    scope::{EvalError, Scope},
};
use serde_json::Value;
use std::fmt;

pub use compile::PathError;
pub use filter::Predicate;
pub use select::Miss;

/// A compiled JSONPath.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

/// What a path starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// `$`
    Input,
    /// `$$`, the Context object
    Context,
    /// `$name`, a workflow variable; its name without `$`
    Variable(String),
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name`, `['name']`
    Child(String),
    /// `[2]`; a negative one counts from the end
    Index(i64),
    /// `['a', 'b']`: one object that holds these members; AWS takes it as the last step only
    Children(Vec<String>),
    /// `[0, 2]`
    Indexes(Vec<i64>),
    /// `[1:3]`, `[:3]`, `[1:]`
    Slice { from: Option<i64>, to: Option<i64> },
    /// `.*`, `[*]`
    Wildcard,
    /// `..`: the next step is tried on every object and array below, itself included
    Descend,
    /// `[?(@.price < 10)]`: the elements of an array that it holds for, or the object itself
    Filter(Box<Predicate>),
    /// `.length()`: the member of that very name, which is what AWS looks for
    Function(String),
}

/// A path of children and indexes only: it names one place, to read or to write.
///
/// Source: <https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html>.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePath {
    pub(crate) text: String,
    pub(crate) steps: Vec<ReferenceStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceStep {
    Child(String),
    Index(usize),
}

impl Path {
    /// Compiles a path. The error says where in `text` it stops being one.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        compile::compile(text)
    }

    /// `$`
    pub fn whole_input() -> Path {
        Path { text: "$".to_owned(), root: Root::Input, steps: Vec::new() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The name of the workflow variable that it starts from.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// The first function that it calls, as written: `length()`. AWS accepts such a definition and finds nothing when
    /// it runs; whoever wrote it wants an intrinsic function.
    pub fn function(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| match step {
            Step::Function(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Whether AWS calls it a Reference Path: children and indexes only, from any root.
    ///
    /// Source: <https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html>.
    pub fn is_reference(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Child(_) => true,
            Step::Index(at) => *at >= 0,
            _ => false,
        })
    }

    /// Whether it names one place, so that it gives a value and not an array of findings.
    pub fn is_definite(&self) -> bool {
        self.steps.iter().all(|step| match step {
            Step::Child(_) | Step::Index(_) | Step::Function(_) | Step::Children(_) => true,
            Step::Indexes(_) | Step::Slice { .. } | Step::Wildcard | Step::Descend | Step::Filter(_) => false,
        })
    }

    /// Whether it starts from the Context object.
    pub fn is_context(&self) -> bool {
        self.root == Root::Context
    }

    /// Whether what it gives can hold `$$.Execution.Input` or a part of it.
    ///
    /// A filter counts as reaching it, for `$` within the filter is the whole Context object.
    pub fn reaches_execution_input(&self) -> bool {
        self.reaches(&["Execution", "Input"])
    }

    /// Whether what it gives can hold the item of the enclosing Map state, or a part of it.
    pub fn reaches_map_item(&self) -> bool {
        self.reaches(&["Map", "Item"])
    }

    /// Whether what it gives can hold this place of the Context object or a part of it.
    fn reaches(&self, place: &[&str]) -> bool {
        if self.steps.iter().any(|step| matches!(step, Step::Filter(_))) {
            return self.root == Root::Context;
        }
        let mut wanted = place.iter();
        for step in &self.steps {
            let Some(name) = wanted.next() else { break };
            match step {
                Step::Child(child) if child != name => return false,
                Step::Children(children) if !children.iter().any(|child| child == name) => return false,
                Step::Descend => break,
                _ => {}
            }
        }
        self.root == Root::Context
    }

    /// What it starts from in this scope; none for a variable that is not set.
    pub fn start<'a>(&self, scope: &Scope<'a>) -> Option<&'a Value> {
        match &self.root {
            Root::Input => Some(scope.input),
            Root::Context => Some(scope.context),
            Root::Variable(name) => scope.variables.get(name.as_str()),
        }
    }

    /// The data that a cause quotes when the path finds nothing in it.
    pub(crate) fn quoted_start(&self, scope: &Scope) -> String {
        quoted(self.start(scope).unwrap_or(scope.input))
    }

    /// The errors that do not depend on where the path stands: nothing to look in, or too much.
    fn general_error(&self, miss: &Miss, scope: &Scope) -> Option<EvalError> {
        let is_null = self.start(scope).is_some_and(Value::is_null);
        let text = "Unable to apply Path transformation to null or empty input.";
        miss.limit_error().or_else(|| is_null.then(|| EvalError::runtime(text)))
    }

    /// AWS's error for a path in a payload template, `ErrorPath` or `CausePath` that finds nothing.
    pub(crate) fn not_found_error(&self, miss: &Miss, field: &str, scope: &Scope) -> EvalError {
        self.general_error(miss, scope).unwrap_or_else(|| {
            EvalError::runtime(format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{}'",
                self.text,
                self.quoted_start(scope)
            ))
        })
    }

    /// AWS's error for `InputPath`, `OutputPath`, `TimeoutSecondsPath` and their like.
    pub(crate) fn invalid_path_error(&self, miss: &Miss, scope: &Scope) -> EvalError {
        let invalid = || EvalError::runtime(format!("Invalid path '{}' : {miss}", self.text));
        self.general_error(miss, scope).unwrap_or_else(invalid)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ReferencePath {
    /// Compiles a Reference Path. It starts at `$`, never at `$$`.
    pub fn parse(text: &str) -> Result<ReferencePath, PathError> {
        let path = Path::parse(text)?;
        let refused = |what: &str| PathError {
            at: 0,
            message: format!("a Reference Path takes only children and indexes, and this has {what}"),
        };
        if path.root != Root::Input {
            return Err(PathError {
                at: 0,
                    message: "a Reference Path starts at `$`: neither the Context object nor a variable can be written here"
                    .into(),
            });
        }
        let steps = path.steps.into_iter().map(|step| match step {
            Step::Child(name) => Ok(ReferenceStep::Child(name)),
            Step::Index(index) => {
                usize::try_from(index).map(ReferenceStep::Index).map_err(|_| refused("a negative index"))
            }
            Step::Children(_) | Step::Indexes(_) => Err(refused("a union")),
            Step::Slice { .. } => Err(refused("a slice")),
            Step::Wildcard => Err(refused("a wildcard")),
            Step::Descend => Err(refused("`..`")),
            Step::Filter(_) => Err(refused("a filter")),
            Step::Function(_) => Err(refused("a function")),
        });
        Ok(ReferencePath { steps: steps.collect::<Result<_, _>>()?, text: path.text })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn steps(&self) -> &[ReferenceStep] {
        &self.steps
    }

    /// AWS reports this one without the sentence that names the state, and under a name of its own.
    pub(crate) fn conflict_error(&self, input: &Value) -> EvalError {
        EvalError {
            bare: true,
            ..EvalError::named(
                errors::REFERENCE_PATH_CONFLICT,
                format!("Unable to apply ReferencePath {} to input {}", self.text, quoted(input)),
            )
        }
    }
}

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Data as a cause quotes it: compact JSON, cut where AWS cuts causes.
pub(crate) fn quoted(value: &Value) -> String {
    cut(value.to_string())
}

/// A text, cut where AWS cuts causes.
fn cut(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(CAUSE_CHARS_MAX) {
        text.truncate(cut);
    }
    text
}

#[cfg(test)]
#[path = "path/fuzz_test.rs"]
pub(crate) mod fuzz;

#[cfg(test)]
#[path = "path/oracle_test.rs"]
mod oracle;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_whether_it_can_reach_the_execution_input() {
        for (path, expected) in [
            ("$", false),
            ("$.Execution.Input", false),
            ("$$", true),
            ("$$.Execution", true),
            ("$$.Execution.Input", true),
            ("$$.Execution.Input.order[0]", true),
            ("$$['Execution']['Input']", true),
            ("$$.*", true),
            ("$$..x", true),
            ("$$.Execution.*", true),
            ("$$.Execution.Name", false),
            ("$$.State.EnteredTime", false),
            ("$$.Map.Item.Value", false),
        ] {
            assert_eq!(Path::parse(path).unwrap().reaches_execution_input(), expected, "{path}");
        }
    }

    #[test]
    fn a_reference_path_takes_children_and_indexes_only() {
        for path in ["$", "$.a", "$.a.b-c[0]", "$['a b'][3].c"] {
            assert!(ReferencePath::parse(path).is_ok(), "{path}");
        }
        for path in [
            "$$",
            "$$.a",
            "$.a[*]",
            "$..a",
            "$.a[1:2]",
            "$.a[-1]",
            "$['a','b']",
            ".guid",
            "..guid",
            "()",
            "$...",
        ] {
            assert!(ReferencePath::parse(path).is_err(), "{path}");
        }
    }
}
