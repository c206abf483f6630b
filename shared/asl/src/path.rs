//! JSONPath as AWS reads it, which is how the Java library Jayway reads it.
//!
//! A definite path (children, indexes) gives the one value that it names, or a [`Miss`]; an indefinite one (wildcards,
//! slices, unions, `..`) gives an array of whatever it finds. Filters and functions are refused when a path is compiled.

mod compile;
mod select;

use crate::{
    errors,
    limits::CAUSE_CHARS_MAX,
    scope::{EvalError, Scope},
};
use serde_json::Value;
use std::fmt;

pub use compile::{PathError, PathErrorKind};
pub use select::Miss;

/// A compiled JSONPath.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

/// What a path starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `$`
    Input,
    /// `$$`, the Context object
    Context,
}

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name`, `['name']`
    Child(String),
    /// `[2]`; a negative one counts from the end
    Index(i64),
    /// `['a', 'b']`: as the last step one object that holds these members, before that each of them
    Children(Vec<String>),
    /// `[0, 2]`
    Indexes(Vec<i64>),
    /// `[1:3]`, `[:3]`, `[1:]`
    Slice { from: Option<i64>, to: Option<i64> },
    /// `.*`, `[*]`
    Wildcard,
    /// `..`: the next step is tried on every object and array below, itself included
    Descend,
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

    pub fn root(&self) -> Root {
        self.root
    }

    /// `$`: the whole input, unchanged.
    pub fn is_whole_input(&self) -> bool {
        self.root == Root::Input && self.steps.is_empty()
    }

    /// Whether it names one place, so that it gives a value and not an array of findings.
    pub fn is_definite(&self) -> bool {
        let last = self.steps.len().saturating_sub(1);
        self.steps.iter().enumerate().all(|(index, step)| match step {
            Step::Child(_) | Step::Index(_) => true,
            Step::Children(_) => index == last,
            Step::Indexes(_) | Step::Slice { .. } | Step::Wildcard | Step::Descend => false,
        })
    }

    /// Whether it starts from the Context object.
    pub fn is_context(&self) -> bool {
        self.root == Root::Context
    }

    /// Whether what it gives can hold `$$.Execution.Input` or a part of it.
    pub fn reaches_execution_input(&self) -> bool {
        self.reaches(&["Execution", "Input"])
    }

    /// Whether what it gives can hold the item of the enclosing Map state, or a part of it.
    pub fn reaches_map_item(&self) -> bool {
        self.reaches(&["Map", "Item"])
    }

    /// Whether what it gives can hold this place of the Context object or a part of it.
    fn reaches(&self, place: &[&str]) -> bool {
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

    /// What it starts from in this scope.
    pub fn start<'a>(&self, scope: &Scope<'a>) -> &'a Value {
        match self.root {
            Root::Input => scope.input,
            Root::Context => scope.context,
        }
    }

    /// AWS's cause for every path that finds nothing because there is nothing at all.
    fn null_input_error(&self, scope: &Scope) -> Option<EvalError> {
        let text = "Unable to apply Path transformation to null or empty input.";
        self.start(scope).is_null().then(|| EvalError::runtime(text))
    }

    /// AWS's error for a path in a payload template, `ErrorPath` or `CausePath` that finds nothing.
    pub(crate) fn not_found_error(&self, field: &str, scope: &Scope) -> EvalError {
        self.null_input_error(scope).unwrap_or_else(|| {
            EvalError::runtime(format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{}'",
                self.text,
                quoted(self.start(scope))
            ))
        })
    }

    /// AWS's error for `InputPath`, `OutputPath`, `TimeoutSecondsPath` and their like.
    pub(crate) fn invalid_path_error(&self, miss: &Miss, scope: &Scope) -> EvalError {
        let invalid = || EvalError::runtime(format!("Invalid path '{}' : {miss}", self.text));
        self.null_input_error(scope).unwrap_or_else(invalid)
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
            kind: PathErrorKind::Invalid,
            message: format!("a Reference Path takes only children and indexes, and this has {what}"),
        };
        if path.root != Root::Input {
            return Err(PathError {
                at: 0,
                kind: PathErrorKind::Invalid,
                message: "a Reference Path starts at `$`; the Context object cannot be written".into(),
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
    let mut text = value.to_string();
    if let Some((cut, _)) = text.char_indices().nth(CAUSE_CHARS_MAX) {
        text.truncate(cut);
    }
    text
}

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
