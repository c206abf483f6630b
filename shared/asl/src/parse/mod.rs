//! From a text to a [`Definition`], or to all of its faults.

mod choice;
mod data;
mod distributed;
mod fan_out;
mod fields;
mod graph;
mod language;
mod machine;
mod mentions;
mod retry;
mod state;
mod template;
mod values;

use crate::{
    canonical,
    definition::{Definition, Parent, QueryLanguage, State},
    fault::{Fault, FaultCode, Faults, Lines},
    json::{self, JsonFault, Node},
    limits::FAULTS_MAX,
    resource::Resource,
};
use indexmap::IndexMap;
use std::ops::Range;

impl Definition {
    /// Parses and validates a definition: JSON without comments or trailing commas, of at most 1 MiB.
    ///
    /// On failure all of its faults are reported at once, in the order of their places.
    pub fn parse(text: &str) -> Result<Definition, Faults> {
        Definition::parse_with(text, &|_| Ok(()))
    }

    /// [`Definition::parse`], and `judge` may refuse what a Task state calls: because nothing of that name is there, or
    /// because the place where it is to run can't call it. Its refusals stand among the other faults, with their places.
    pub fn parse_with(
        text: &str,
        judge: &dyn Fn(&Resource) -> Result<(), Refusal>,
    ) -> Result<Definition, Faults> {
        let lines = Lines::new(text);
        let mut parser = Parser {
            source: text,
            lines,
            faults: Vec::new(),
            state: None,
            parent: None,
            default_language: QueryLanguage::default(),
            language: QueryLanguage::default(),
            states_members: &[],
            states: IndexMap::new(),
            mentions_execution_input: false,
            mentions_context: false,
            mentions_map_item: false,
            judge,
        };
        let definition = parser.definition(text);
        match definition {
            Some(definition) if parser.faults.is_empty() => Ok(definition),
            _ => Err(parser.into_faults()),
        }
    }
}

/// What one parse gathers.
struct Parser<'s> {
    source: &'s str,
    lines: Lines<'s>,
    faults: Vec<Fault>,
    /// The state that is being read.
    state: Option<String>,
    /// The fan-out state whose machine is being read.
    parent: Option<Parent>,
    /// The definition's own language, which all of its states have unless they choose another one.
    default_language: QueryLanguage,
    /// The language of what is being read.
    language: QueryLanguage,
    /// What `$states` has beside `input` and `context` in the field that is being read.
    states_members: &'static [&'static str],
    /// All states, at any depth; `None` for those with faults.
    states: IndexMap<String, Option<State>>,
    mentions_execution_input: bool,
    mentions_context: bool,
    mentions_map_item: bool,
    judge: &'s dyn Fn(&Resource) -> Result<(), Refusal>,
}

/// Why a resource is refused by whoever is to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: FaultCode,
    pub message: String,
    pub hint: Option<String>,
}

impl Parser<'_> {
    fn definition(&mut self, text: &str) -> Option<Definition> {
        let root = match json::parse(text, &self.lines) {
            Ok((root, duplicates)) => {
                duplicates.into_iter().for_each(|fault| self.json_fault(fault));
                root
            }
            Err(fault) => {
                self.json_fault(fault);
                return None;
            }
        };
        let (head, machine) = self.head(&root)?;
        let canonical = canonical::canonical(&root.to_value());
        let states = std::mem::take(&mut self.states);
        Some(Definition {
            comment: head.comment,
            version: head.version,
            timeout_seconds: head.timeout_seconds,
            machine,
            states: states.into_iter().filter_map(|(name, state)| Some((name, state?))).collect(),
            hash: canonical::hash(&canonical),
            canonical,
            mentions_execution_input: self.mentions_execution_input,
            mentions_context: self.mentions_context,
            mentions_map_item: self.mentions_map_item,
            warnings: Faults::default(),
        })
    }

    fn json_fault(&mut self, fault: JsonFault) {
        self.fault(fault.code, fault.span, fault.message);
    }

    fn fault(&mut self, code: FaultCode, span: Range<usize>, message: impl Into<String>) {
        self.fault_with_hint(code, span, message, None);
    }

    fn fault_with_hint(
        &mut self,
        code: FaultCode,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        // One more than is shown, so that the report can say that there are more.
        if self.faults.len() <= FAULTS_MAX {
            let (line, column) = self.lines.place(span.start);
            let state = self.state.clone();
            self.faults.push(Fault { code, span, line, column, state, message: message.into(), hint });
        }
    }

    fn into_faults(mut self) -> Faults {
        let is_cut = self.faults.len() > FAULTS_MAX;
        self.faults.truncate(FAULTS_MAX);
        self.faults.sort_by_key(|fault| (fault.span.start, fault.span.end, fault.code));
        if is_cut {
            self.state = None;
            let end = self.source.len();
            self.fault(
                FaultCode::TooManyFaults,
                end..end,
                format!("only the first {FAULTS_MAX} faults are shown"),
            );
        }
        Faults(self.faults)
    }

    /// The span of a place in a string's text; the whole string where escapes make the two differ.
    fn span_in(&self, node: &Node, text: &str, at: usize) -> Range<usize> {
        let inner = node.span.start + 1..node.span.end.saturating_sub(1);
        if self.source.get(inner.clone()) != Some(text) {
            return node.span.clone();
        }
        let start = inner.start + at;
        let length = text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        start..start + length
    }
}

#[cfg(test)]
#[path = "../parse_test.rs"]
mod tests;

#[cfg(test)]
#[path = "../parse_fuzz_test.rs"]
mod fuzz;

#[cfg(test)]
#[path = "../parse_state_test.rs"]
mod state_tests;
