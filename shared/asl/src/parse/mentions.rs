//! What a definition reads of the Context object, so that a position carries only what is needed.

use super::Parser;
use crate::{
    fault::FaultCode,
    jsonata::{Jsonata, Reference},
    path::Path,
};
use std::ops::Range;

impl Parser<'_> {
    /// Takes note of what a path reaches; `span` is where it stands.
    pub(super) fn note(&mut self, path: &Path, span: &Range<usize>) {
        if let Some(variable) = path.variable() {
            self.variable_used(variable, span.clone());
        }
        if let Some(function) = path.function() {
            let message = format!("a path finds nothing with `{function}`: it calls no functions");
            let hint = "use an intrinsic function, such as States.ArrayLength".to_string();
            self.fault_with_hint(FaultCode::MissingData, span.clone(), message, Some(hint));
        }
        self.mentions_execution_input |= path.reaches_execution_input();
        self.mentions_map_item |= path.reaches_map_item();
        self.mentions_context |= path.is_context();
    }

    /// Takes note of what an expression reaches.
    pub(super) fn note_jsonata(&mut self, jsonata: &Jsonata) {
        for reference in jsonata.references().iter().filter(|reference| reference.variable == "states") {
            self.mentions_execution_input |= reaches(reference, &["context", "Execution", "Input"]);
            self.mentions_map_item |= reaches(reference, &["context", "Map", "Item"]);
            self.mentions_context |= reaches(reference, &["context"]);
        }
    }
}

/// Whether what a reference gives can hold this place or a part of it.
fn reaches(reference: &Reference, place: &[&str]) -> bool {
    reference.path.iter().zip(place).all(|(name, wanted)| name == wanted)
}
