//! What a definition reads of the Context object, so that a position carries only what is needed.

use super::Parser;
use crate::{
    jsonata::{Jsonata, Reference},
    path::Path,
};

impl Parser<'_> {
    /// Takes note of what a path reaches.
    pub(super) fn note(&mut self, path: &Path) {
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
