//! The differences that are known, each with its reason.

use crate::compare::Level;
use serde_json::Value;
use std::collections::BTreeSet;

struct Known {
    level: Level,
    reason: &'static str,
    is_it: fn(&Value) -> bool,
}

const DELETED_ACTIVITY: &str =
    "which activities there are is not known yet: the step of one that was deleted is called";

const KNOWN: &[Known] = &[
    Known { level: Level::End, reason: DELETED_ACTIVITY, is_it: has_deleted_activity },
    Known { level: Level::Cause, reason: DELETED_ACTIVITY, is_it: has_deleted_activity },
    Known { level: Level::Sequence, reason: DELETED_ACTIVITY, is_it: has_deleted_activity },
];

fn has_deleted_activity(case: &Value) -> bool {
    let cause = case["expect"]["cause"].as_str().unwrap_or_default();
    cause.contains("The activity ") && cause.ends_with(" does not exist.")
}

/// The first known reason for a difference of a case, with its place in the list.
pub(crate) fn reason(case: &Value, level: Level) -> Option<(usize, &'static str)> {
    let mut known = KNOWN.iter().enumerate();
    known
        .find(|(_, known)| known.level == level && (known.is_it)(case))
        .map(|(index, known)| (index, known.reason))
}

/// Reasons that no case needed.
pub(crate) fn unused(used: &BTreeSet<usize>) -> impl Iterator<Item = &'static str> {
    let unused = KNOWN.iter().enumerate().filter(|(index, _)| !used.contains(index));
    unused.map(|(_, known)| known.reason)
}
