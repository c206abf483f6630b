//! Equality of data by value.

use serde_json::{Number, Value};

/// Equality by value: `1` is `1.0`, and the order of members does not count.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_numbers(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

pub(crate) fn same_numbers(a: &Number, b: &Number) -> bool {
    a == b || a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64())
}
