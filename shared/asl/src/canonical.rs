//! The canonical text of a definition, and the hash that names it.

use crate::intrinsic::to_hex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Members whose content is data: the order in it shows in outputs, and in `States.JsonToString`, so it is kept.
const DATA: [&str; 10] = [
    "Parameters",
    "Result",
    "ResultSelector",
    "ItemSelector",
    "BatchInput",
    "Arguments",
    "Output",
    "Assign",
    "Items",
    "Credentials",
];

/// JSON without white space and with sorted members, except within [`DATA`].
pub(crate) fn canonical(definition: &Value) -> String {
    sorted(definition).to_string()
}

/// The first 32 hex digits of the SHA-256.
pub(crate) fn hash(canonical: &str) -> String {
    let mut hex = to_hex(&Sha256::digest(canonical.as_bytes()));
    hex.truncate(32);
    hex
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(members) => sort_members(members, |name, value| match name {
            // What stands here are names of states, even where they are those of fields.
            "States" => value
                .as_object()
                .map_or_else(|| value.clone(), |states| sort_members(states, |_, state| sorted(state))),
            _ if DATA.contains(&name) => value.clone(),
            _ => sorted(value),
        }),
        other => other.clone(),
    }
}

fn sort_members(members: &Map<String, Value>, inner: impl Fn(&str, &Value) -> Value) -> Value {
    let mut members: Vec<(&String, &Value)> = members.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    Value::Object(members.into_iter().map(|(name, value)| (name.clone(), inner(name, value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_except_in_data() {
        let value: Value = serde_json::from_str(
            r#"{"States": {"B": {"Type": "Pass", "Result": {"z": 1, "a": 2}, "End": true}}, "StartAt": "B"}"#,
        )
        .unwrap();
        let text = canonical(&value);
        assert_eq!(
            text,
            r#"{"StartAt":"B","States":{"B":{"End":true,"Result":{"z":1,"a":2},"Type":"Pass"}}}"#
        );
        assert_eq!(canonical(&serde_json::from_str(&text).unwrap()), text);
        assert_eq!(hash(&text).len(), 32);
    }

    #[test]
    fn a_state_whose_name_is_that_of_a_field_is_sorted_too() {
        let value: Value = serde_json::from_str(
            r#"{"States": {"Result": {"Type": "Pass", "End": true, "Result": {"Type": 1, "B": 2, "A": 3}}}}"#,
        )
        .unwrap();
        assert_eq!(
            canonical(&value),
            r#"{"States":{"Result":{"End":true,"Result":{"Type":1,"B":2,"A":3},"Type":"Pass"}}}"#
        );
    }
}
