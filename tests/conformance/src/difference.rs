//! Comparing what is expected, wildcards included, with what was found.

use serde_json::Value;

/// Where two values differ; `None` if they don't. Wildcards stand in `expected`; numbers compare by value, objects
/// without regard to the order of their members.
pub fn difference(expected: &Value, actual: &Value) -> Option<String> {
    differ_at("$", expected, actual)
}

fn differ_at(path: &str, expected: &Value, actual: &Value) -> Option<String> {
    let differs = || Some(format!("{path}: expected {expected}, found {actual}"));
    match (expected, actual) {
        (Value::String(pattern), _) if pattern == "<*>" => None,
        (Value::String(pattern), Value::String(text)) if pattern.contains("<*>") => {
            if is_glob(pattern, text) { None } else { differs() }
        }
        (Value::Number(expected), Value::Number(actual)) if expected.as_f64() == actual.as_f64() => None,
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.find_map(|(index, (expected, actual))| {
                differ_at(&format!("{path}[{index}]"), expected, actual)
            })
        }
        (Value::Object(members), Value::Object(found)) => {
            let extra = found.keys().find(|name| !members.contains_key(*name));
            if let Some(name) = extra {
                return Some(format!("{path}.{name} is there: {}", found[name]));
            }
            members.iter().find_map(|(name, expected)| {
                let path = format!("{path}.{name}");
                match found.get(name) {
                    Some(actual) => differ_at(&path, expected, actual),
                    None => Some(format!("{path} is missing: {expected}")),
                }
            })
        }
        (expected, actual) if expected == actual => None,
        _ => differs(),
    }
}

/// Whether the text fits the pattern, in which `<*>` stands for any run of characters.
pub fn is_glob(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split("<*>").collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn wildcards_match_what_they_should() {
        let check = |expected: Value, actual: Value, is_same: bool| {
            assert_eq!(difference(&expected, &actual).is_none(), is_same, "{expected} {actual}");
        };
        check(json!("<*>"), json!({ "any": 1 }), true);
        check(json!("a<*>c"), json!("abc"), true);
        check(json!("a<*>c<*>"), json!("ac"), true);
        check(json!("a<*>a"), json!("a"), false);
        check(json!("a<*>c"), json!("abd"), false);
        check(json!(1), json!(1.0), true);
        check(json!(1), json!("1"), false);
        check(json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), false);
        check(json!({ "a": 1, "b": 2 }), json!({ "b": 2, "a": 1 }), true);
        check(json!([1, 2]), json!([2, 1]), false);
    }
}
