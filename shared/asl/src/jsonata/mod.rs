//! JSONata, the query language of states with `"QueryLanguage": "JSONata"`.
//!
//! [`Jsonata::parse`] compiles the text between `{%` and `%}`; [`Jsonata::evaluate`] gives it `$states`, the workflow's
//! variables, the time and the randomness, and nothing else: `$` and `$$` are undefined, as on AWS
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html>).
//!
//! The language is `jsonata-core`'s. Ours are AWS's own functions (`functions.rs`), the counted limits that are woven
//! into each expression (`weave.rs`, `meter.rs`), what an expression reads (`references.rs`) and the conversions.

mod convert;
mod direct;
mod error;
mod fault;
mod functions;
mod guard;
mod meter;
mod references;
mod run;
mod top_level;
mod walk;
mod weave;
mod wording;

pub use error::{JsonataError, JsonataErrorKind};
pub use fault::JsonataFault;
pub use references::{Newer, Reference};
pub use run::JsonataLanguage;

use crate::{budget::Budget, scope::Draws};
use direct::Direct;
use jsonata_core::ast::AstNode;
use serde_json::{Map, Value};
use std::{fmt, sync::Arc};

/// A compiled JSONata expression. Cheap to clone; two are equal when their texts are.
#[derive(Clone)]
pub struct Jsonata {
    compiled: Arc<Compiled>,
}

struct Compiled {
    text: String,
    /// A plain path from a variable is followed without the library.
    direct: Option<Direct>,
    /// With the counted limits woven in.
    tree: AstNode,
    /// Which parts of which variables the expression may read.
    reads: convert::Reads,
    /// Names of functions of ours that it mentions.
    ours: Vec<&'static str>,
    /// Guards that stand in the tree.
    guards: Vec<guard::Guard>,
    references: Vec<Reference>,
    unknown_functions: Vec<String>,
    newer: Vec<Newer>,
    top_level_names: Vec<String>,
    mentions_root: bool,
}

/// What an expression of a state can see.
#[derive(Debug, Clone, Copy)]
pub struct JsonataScope<'a> {
    /// `$states`.
    pub states: States<'a>,
    /// The workflow's variables, without `$`.
    pub variables: &'a Map<String, Value>,
    /// `$now()` and `$millis()`: milliseconds since 1970.
    pub now_ms: i64,
    /// `$random()`, `$uuid()` and `$shuffle()`.
    pub draws: &'a Draws,
    /// As in [`crate::Scope`].
    pub budget: Option<&'a Budget>,
}

/// `$states`, in its parts: an expression that reads one of them copies nothing of the others.
#[derive(Debug, Clone, Copy)]
pub struct States<'a> {
    pub input: &'a Value,
    pub context: &'a Value,
    /// Where there is one.
    pub result: Option<&'a Value>,
    /// In a catcher.
    pub error_output: Option<&'a Value>,
}

impl<'a> States<'a> {
    /// Its members in their order.
    fn members(self) -> impl Iterator<Item = (&'static str, &'a Value)> {
        let members = [
            ("input", Some(self.input)),
            ("context", Some(self.context)),
            ("result", self.result),
            ("errorOutput", self.error_output),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    fn member(self, name: &str) -> Option<&'a Value> {
        self.members().find_map(|(member, value)| (member == name).then_some(value))
    }
}

impl Jsonata {
    /// # Errors
    ///
    /// The text is no expression, or longer than [`crate::limits::JSONATA_TEXT_BYTES_MAX`].
    pub fn parse(text: &str) -> Result<Jsonata, JsonataFault> {
        Jsonata::compile(text, weave::weave)
    }

    fn compile(text: &str, weave: fn(AstNode) -> AstNode) -> Result<Jsonata, JsonataFault> {
        let tree = fault::parse(text)?;
        let analysis = references::analyse(&tree, text);
        let (direct, reads) = (Direct::of(&tree), convert::Reads::of(&tree));
        let (top_level_names, mentions_root) = (top_level::names(&tree), top_level::mentions_root(&tree));
        let tree = weave(tree);
        let compiled = Compiled {
            text: text.to_string(),
            direct,
            reads,
            guards: guard::used(&tree),
            ours: functions::mentioned(&analysis.mentioned),
            references: analysis.references,
            unknown_functions: analysis.unknown_functions,
            newer: analysis.newer,
            top_level_names,
            mentions_root,
            tree,
        };
        Ok(Jsonata { compiled: Arc::new(compiled) })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.compiled.text
    }

    /// The value; `Ok(None)` is JSONata's undefined. The same scope gives the same outcome everywhere, except for an
    /// error of kind [`JsonataErrorKind::Clock`].
    ///
    /// # Errors
    ///
    /// See [`JsonataErrorKind`].
    pub fn evaluate(&self, scope: &JsonataScope) -> Result<Option<Value>, JsonataError> {
        run::in_state(&self.compiled, scope)
    }

    /// For JSONata's official test suite: an evaluation with an input (`None`: undefined) and variables, of the
    /// language as AWS has it or with `$eval`, and with a limit on the depth of calls.
    ///
    /// # Errors
    ///
    /// As [`Jsonata::evaluate`].
    pub fn evaluate_on(
        &self,
        input: Option<&Value>,
        variables: &Map<String, Value>,
        language: JsonataLanguage,
    ) -> Result<Option<Value>, JsonataError> {
        run::on_input(&self.compiled, input, variables, language)
    }

    /// What the expression reads from outside: variables that it does not bind itself, with the members that follow,
    /// without duplicates, in the order of the text.
    pub fn references(&self) -> Vec<Reference> {
        self.compiled.references.clone()
    }

    /// Functions that are called but exist neither in JSONata nor on AWS, without `$`; `eval`, which AWS took out, is
    /// one of them. A call fails with T1006.
    pub fn unknown_functions(&self) -> Vec<String> {
        self.compiled.unknown_functions.clone()
    }

    /// Names that are read of an input, though there is none at the top level: AWS refuses the definition.
    pub fn top_level_names(&self) -> &[String] {
        &self.compiled.top_level_names
    }

    /// Whether `$$`, which AWS refuses too, stands in it.
    pub fn mentions_root(&self) -> bool {
        self.compiled.mentions_root
    }

    /// What AWS's version of the language (2.0.6) does not have.
    pub fn newer_than_aws(&self) -> Vec<Newer> {
        self.compiled.newer.clone()
    }
}

impl PartialEq for Jsonata {
    fn eq(&self, other: &Jsonata) -> bool {
        self.compiled.text == other.compiled.text
    }
}

impl Eq for Jsonata {}

impl fmt::Debug for Jsonata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Jsonata").field(&self.compiled.text).finish()
    }
}

#[cfg(test)]
mod functions_test;
#[cfg(test)]
mod fuzz_test;
#[cfg(test)]
mod limits_test;
#[cfg(test)]
mod mod_test;
