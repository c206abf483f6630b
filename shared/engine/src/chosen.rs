//! A run that goes on, or begins, at a place that somebody has chosen.

use crate::present;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use stepladder_asl::Definition;

/// A state to go on from, and all that it sees there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    pub state: String,
    /// The state's raw input.
    pub data: Value,
    /// The variables as they are before it.
    #[serde(skip_serializing_if = "Map::is_empty", default)]
    pub variables: Map<String, Value>,
    /// The state's output, where the state is skipped.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub given: Option<Value>,
}

/// A state is skipped: somebody has said what it gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    pub output: Value,
}

impl Skipped {
    /// That with this output, if there is one.
    pub(crate) fn by(output: Option<Value>) -> Option<Box<Self>> {
        output.map(|output| Box::new(Self { output }))
    }
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Beginning {
    /// The run's input, which the Context object shows.
    pub input: Value,
    /// The place where a rerun begins; none: where the definition says, with the input.
    pub chosen: Option<Box<Chosen>>,
}

impl From<Value> for Beginning {
    fn from(input: Value) -> Self {
        Self { input, chosen: None }
    }
}

/// The definitions that a run has gone by: one, unless a redrive took another.
#[derive(Debug, Clone)]
pub struct RunDefinitions {
    pub first: Arc<Definition>,
    /// The redrives that took another one: the redrive count since which it is in force, in ascending order.
    pub later: Vec<(u32, Arc<Definition>)>,
}

impl RunDefinitions {
    pub fn all(&self) -> Definitions<'_> {
        Definitions { first: &self.first, later: &self.later }
    }

    /// The one that was in force while the run had this redrive count.
    pub fn at(&self, redrive_count: u32) -> &Arc<Definition> {
        let later = self.later.iter().rev().find(|(since, _)| *since <= redrive_count);
        later.map_or(&self.first, |(_, definition)| definition)
    }

    /// All of them, in their order.
    pub fn each(&self) -> impl Iterator<Item = &Arc<Definition>> {
        std::iter::once(&self.first).chain(self.later.iter().map(|(_, definition)| definition))
    }

    /// The one that is in force.
    pub fn last(&self) -> &Arc<Definition> {
        self.later.last().map_or(&self.first, |(_, definition)| definition)
    }
}

/// [`RunDefinitions`], borrowed: a definition alone is one too.
#[derive(Debug, Clone, Copy)]
pub struct Definitions<'a> {
    first: &'a Definition,
    later: &'a [(u32, Arc<Definition>)],
}

impl<'a> Definitions<'a> {
    /// The one that was in force while the run had this redrive count.
    pub fn at(self, redrive_count: u32) -> &'a Definition {
        let later = self.later.iter().rev().find(|(since, _)| *since <= redrive_count);
        later.map_or(self.first, |(_, definition)| definition)
    }

    /// Whether the redrive to this count took another definition, as far as is known here.
    pub(crate) fn changes_at(self, redrive_count: u32) -> bool {
        self.later.iter().any(|(since, _)| *since == redrive_count)
    }
}

impl<'a> From<&'a Definition> for Definitions<'a> {
    fn from(first: &'a Definition) -> Self {
        Self { first, later: &[] }
    }
}

impl<'a> From<&'a Arc<Definition>> for Definitions<'a> {
    fn from(first: &'a Arc<Definition>) -> Self {
        Self { first, later: &[] }
    }
}

impl<'a> From<&'a RunDefinitions> for Definitions<'a> {
    fn from(definitions: &'a RunDefinitions) -> Self {
        definitions.all()
    }
}
