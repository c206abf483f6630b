//! Applying a path to data.

use super::{Path, Step};
use crate::{
    limits::{PATH_NODES_MAX, VALUE_DEPTH_MAX},
    measure::Meter,
    scope::Scope,
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// A definite path found nothing. Its text is Jayway's, which AWS puts into causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    kind: MissKind,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissKind {
    /// The last step is an index beyond the end of an array.
    LastIndex,
    Other,
}

impl Miss {
    /// Whether all was there but the element that the last step names. A payload template takes that for `null`.
    pub fn is_last_index(&self) -> bool {
        self.kind == MissKind::LastIndex
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Path {
    /// The value that the path names, borrowed where it is a part of the data; `$` costs nothing.
    ///
    /// An indefinite path gives an array, which is empty where it finds nothing.
    pub fn select<'a>(&self, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Miss> {
        let start = self.start(scope);
        if self.is_definite() {
            self.definite(start)
        } else {
            Ok(Cow::Owned(Value::Array(self.indefinite(start)?)))
        }
    }

    fn definite<'a>(&self, start: &'a Value) -> Result<Cow<'a, Value>, Miss> {
        let mut value = start;
        for (index, step) in self.steps.iter().enumerate() {
            let is_last = index + 1 == self.steps.len();
            value = match (step, value) {
                (Step::Child(name), Value::Object(members)) => match members.get(name) {
                    Some(member) => member,
                    None if is_last => return Err(self.no_results(MissKind::Other)),
                    None => {
                        return Err(
                            self.miss(format!("Missing property in path {}", self.bracketed(index + 1)))
                        );
                    }
                },
                (Step::Children(names), Value::Object(members)) => {
                    let found =
                        names.iter().filter_map(|name| Some((name.clone(), members.get(name)?.clone())));
                    return Ok(Cow::Owned(Value::Object(found.collect::<Map<_, _>>())));
                }
                (Step::Child(_) | Step::Children(_), other) => {
                    return Err(self.miss(format!(
                        "Expected to find an object with property {} in path {} but found '{}'. This is not a json \
                         object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                        bracketed_step(step),
                        self.bracketed(index),
                        java_type(other)
                    )));
                }
                (Step::Index(at), Value::Array(items)) => match element(items, *at) {
                    Some(item) => item,
                    None if is_last => return Err(self.no_results(MissKind::LastIndex)),
                    None => return Err(self.no_results(MissKind::Other)),
                },
                (_, Value::Null) => {
                    return Err(self.miss(format!("The path {} is null", self.bracketed(index))));
                }
                (step, other) => {
                    return Err(self.miss(format!(
                        "Filter: {} can only be applied to arrays. Current context is: {}",
                        bracketed_step(step),
                        super::quoted(other)
                    )));
                }
            };
        }
        Ok(Cow::Borrowed(value))
    }

    /// Every step is tried on every value found so far. What it does not fit is left out.
    fn indefinite(&self, start: &Value) -> Result<Vec<Value>, Miss> {
        let mut found = vec![start];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                apply(step, value, &mut next);
                if next.len() > PATH_NODES_MAX {
                    return Err(self.miss(format!("The path finds more than {PATH_NODES_MAX} values.")));
                }
            }
            found = next;
        }
        // One value can be found many times, so what the copies take is counted before they are made.
        let mut meter = Meter::new();
        found.iter().try_for_each(|value| meter.place(value, 1)).map_err(|error| self.miss(error.cause))?;
        Ok(found.into_iter().cloned().collect())
    }

    fn miss(&self, text: String) -> Miss {
        Miss { kind: MissKind::Other, text }
    }

    fn no_results(&self, kind: MissKind) -> Miss {
        Miss { kind, text: format!("No results for path: {}", self.bracketed(self.steps.len())) }
    }

    /// The first `count` steps as Jayway writes them: `$['a'][0]`.
    fn bracketed(&self, count: usize) -> String {
        self.steps.iter().take(count).fold("$".to_string(), |text, step| text + &bracketed_step(step))
    }
}

fn apply<'a>(step: &Step, value: &'a Value, found: &mut Vec<&'a Value>) {
    match (step, value) {
        (Step::Child(name), Value::Object(members)) => found.extend(members.get(name)),
        (Step::Children(names), Value::Object(members)) => {
            found.extend(names.iter().filter_map(|name| members.get(name)));
        }
        (Step::Wildcard, Value::Object(members)) => found.extend(members.values()),
        (Step::Wildcard, Value::Array(items)) => found.extend(items),
        (Step::Index(at), Value::Array(items)) => found.extend(element(items, *at)),
        (Step::Indexes(indexes), Value::Array(items)) => {
            found.extend(indexes.iter().filter_map(|at| element(items, *at)));
        }
        (Step::Slice { from, to }, Value::Array(items)) => {
            let end = |at: Option<i64>, absent: usize| match at {
                None => absent,
                Some(at) if at < 0 => items.len().saturating_sub(at.unsigned_abs() as usize),
                Some(at) => (at as usize).min(items.len()),
            };
            found.extend(items.get(end(*from, 0)..end(*to, items.len())).unwrap_or_default());
        }
        (Step::Descend, value) => descend(value, found, 0),
        _ => {}
    }
}

/// The value itself and every object and array below it, parents first.
fn descend<'a>(value: &'a Value, found: &mut Vec<&'a Value>, depth: usize) {
    // Deeper data than an evaluation can make is no data of ours; the bound keeps the stack safe all the same.
    if found.len() > PATH_NODES_MAX || depth > 2 * VALUE_DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(members) => {
            found.push(value);
            members.values().for_each(|value| descend(value, found, depth + 1));
        }
        Value::Array(items) => {
            found.push(value);
            items.iter().for_each(|value| descend(value, found, depth + 1));
        }
        _ => {}
    }
}

fn element(items: &[Value], at: i64) -> Option<&Value> {
    let at = if at < 0 { i64::try_from(items.len()).ok()? + at } else { at };
    items.get(usize::try_from(at).ok()?)
}

fn bracketed_step(step: &Step) -> String {
    let list = |parts: Vec<String>| format!("[{}]", parts.join(","));
    let number = |at: &Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
    match step {
        Step::Child(name) => format!("['{name}']"),
        Step::Children(names) => list(names.iter().map(|name| format!("'{name}'")).collect()),
        Step::Index(at) => format!("[{at}]"),
        Step::Indexes(indexes) => list(indexes.iter().map(i64::to_string).collect()),
        Step::Slice { from, to } => format!("[{}:{}]", number(from), number(to)),
        Step::Wildcard => "[*]".into(),
        Step::Descend => "..".into(),
    }
}

fn java_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(_) => "java.lang.Integer",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Draws;
    use serde_json::json;

    fn select(path: &str, input: &Value) -> Result<Value, String> {
        let (context, draws) = (json!({"Execution": {"Name": "run"}}), Draws::new([0; 32]));
        let scope = Scope::new(input, &context, &draws);
        let selected = Path::parse(path).unwrap().select(&scope);
        selected.map(Cow::into_owned).map_err(|miss| miss.to_string())
    }

    #[track_caller]
    fn check(path: &str, input: Value, expected: Value) {
        assert_eq!(select(path, &input), Ok(expected), "{path} on {input}");
    }

    #[test]
    fn definite_paths_give_the_value() {
        check("$", json!([1]), json!([1]));
        check("$.a.b", json!({"a": {"b": null}}), json!(null));
        check("$[0].a", json!([{"a": 1}]), json!(1));
        check("$[-1]", json!([1, 2, 3]), json!(3));
        check("$['a b']", json!({"a b": 1}), json!(1));
        check("$$.Execution.Name", json!({}), json!("run"));
        check("$['a','c']", json!({"a": 1, "b": 2, "c": 3}), json!({"a": 1, "c": 3}));
    }

    #[test]
    fn indefinite_paths_give_an_array() {
        let items = json!({"items": [{"n": 1}, {"n": 2}, {"m": 3}]});
        check("$.items[*].n", items.clone(), json!([1, 2]));
        check("$.items[1:]", items.clone(), json!([{"n": 2}, {"m": 3}]));
        check("$.items[:1].n", items.clone(), json!([1]));
        check("$.items[-1:]", items.clone(), json!([{"m": 3}]));
        check("$.items[1:99]", items.clone(), json!([{"n": 2}, {"m": 3}]));
        check("$.items[2:1]", items.clone(), json!([]));
        check("$.items[0,2]", items.clone(), json!([{"n": 1}, {"m": 3}]));
        check("$..n", items.clone(), json!([1, 2]));
        check("$.nothing[*]", items.clone(), json!([]));
        check("$.items.*.m", items, json!([3]));
        check("$..*", json!({"a": [1]}), json!([[1], 1]));
    }

    #[track_caller]
    fn miss(path: &str, input: Value, expected: &str) {
        assert_eq!(select(path, &input), Err(expected.to_string()), "{path} on {input}");
    }

    #[test]
    fn a_definite_path_that_finds_nothing_says_so_as_aws_does() {
        miss("$.NoSuch", json!({}), "No results for path: $['NoSuch']");
        miss("$.no.such.path", json!({}), "Missing property in path $['no']");
        miss("$.a.b.c", json!({"a": {}}), "Missing property in path $['a']['b']");
        miss("$.a[5]", json!({"a": [1]}), "No results for path: $['a'][5]");
        miss("$[0]", json!(null), "The path $ is null");
        assert!(
            select("$.a.b", &json!({"a": 1})).unwrap_err().starts_with("Expected to find an object with")
        );
        assert!(select("$.a[0]", &json!({"a": {}})).unwrap_err().contains("can only be applied to arrays"));
    }

    #[test]
    fn deep_data_does_not_exhaust_the_stack() {
        let deep = (0..1_000).fold(Value::Null, |inner, _| json!([inner]));
        assert!(select("$..*", &deep).is_err());
        assert!(select("$..x", &deep).is_ok());
    }

    #[test]
    fn a_path_that_multiplies_what_it_finds_is_stopped() {
        let wide = json!((0..200).map(|n| json!([n, [n, [n]]])).collect::<Vec<_>>());
        let text = json!({"a": (0..50).fold(json!("x".repeat(100_000)), |inner, _| json!([inner]))});
        assert!(select("$..*..*..*", &wide).is_ok());
        assert!(select("$..*..*", &text).unwrap_err().contains("more than"));
    }
}
