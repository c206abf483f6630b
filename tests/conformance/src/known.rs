//! What is known to differ: `known.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// By section, which is the name of a report; in it by the case's id, with the reason.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Known(BTreeMap<String, BTreeMap<String, String>>);

impl Known {
    pub(crate) fn read() -> Known {
        toml::from_str(include_str!("../known.toml")).expect("known.toml is readable")
    }

    /// Why the case is known to fail.
    pub(crate) fn reason(&self, section: &str, id: &str) -> Option<&str> {
        self.0.get(section)?.get(id).map(String::as_str)
    }
}
