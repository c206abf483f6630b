//! Members of JSON that may be absent, and may hold `null`: to serde both are `None`, and here they are not the same.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// For `#[serde(default, deserialize_with = …)]`: what is there is `Some`, also where it is `null`; only what is absent is
/// `None`.
///
/// # Errors
///
/// It is no JSON.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
