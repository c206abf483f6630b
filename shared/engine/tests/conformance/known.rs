//! The differences that are known, each with its reason. The end of a run is never among them.

use crate::compare::Level;
use serde_json::Value;
use std::collections::BTreeSet;

struct Known {
    level: Level,
    reason: &'static str,
    is_it: fn(&Value) -> bool,
}

const KNOWN: &[Known] = &[];

/// The first known reason for a difference of a case, with its place in the list.
pub(crate) fn reason(case: &Value, level: Level) -> Option<(usize, &'static str)> {
    let mut known = KNOWN.iter().enumerate();
    known
        .find(|(_, known)| known.level == level && level != Level::End && (known.is_it)(case))
        .map(|(index, known)| (index, known.reason))
}

/// Reasons that no case needed.
pub(crate) fn unused(used: &BTreeSet<usize>) -> impl Iterator<Item = &'static str> {
    let unused = KNOWN.iter().enumerate().filter(|(index, _)| !used.contains(index));
    unused.map(|(_, known)| known.reason)
}
