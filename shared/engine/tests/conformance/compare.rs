//! Compares what the engine made of a case with what AWS recorded.

use crate::script::Ran;
use serde_json::{Map, Value, json};
use stepladder_engine::HistoryEvent;

/// How closely a case is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Status, output, error.
    End,
    /// The cause. AWS's own wording is advisory where the error is States.Runtime, but data where a Catch takes it.
    Cause,
    /// The sequence of (type, name).
    Sequence,
    /// All members of all events.
    Members,
    /// The ids of the events, and of the one before each.
    Ids,
}

impl Level {
    pub(crate) const ALL: [Level; 5] =
        [Level::End, Level::Cause, Level::Sequence, Level::Members, Level::Ids];
}

/// Each level that the case can be compared at, with the first difference.
pub(crate) fn differences(case: &Value, ran: &Ran) -> Vec<(Level, Option<String>)> {
    let expected = &case["expect"];
    let mut levels = vec![
        (Level::End, end(case, expected, ran)),
        (Level::Cause, cause(expected, ran.end.cause.as_deref())),
    ];
    if let Some(history) = expected["history"].as_array() {
        if case["interleaved"] == true {
            let (sequence, members) = interleaved(case, history, &ran.events);
            levels.push((Level::Sequence, sequence));
            levels.extend(members.map(|members| (Level::Members, members)));
            return levels;
        }
        let sequence = sequence(history, &ran.events);
        let is_same_sequence = sequence.is_none();
        levels.push((Level::Sequence, sequence));
        // Of another sequence, nothing can be said about its events.
        if is_same_sequence {
            levels.push((Level::Members, members(case, history, &ran.events)));
            levels.push((Level::Ids, ids(history, &ran.events)));
        }
    }
    levels
}

fn end(case: &Value, expected: &Value, ran: &Ran) -> Option<String> {
    if let Some(complaint) = ran.complaints.first() {
        return Some(complaint.clone());
    }
    let actual = json!({ "status": ran.end.status, "error": ran.end.error, "output": ran.end.output });
    let actual = as_recorded(case, actual);
    let expected =
        json!({ "status": expected["status"], "error": expected["error"], "output": expected["output"] });
    difference(&expected, &actual)
}

fn cause(expected: &Value, actual: Option<&str>) -> Option<String> {
    match (expected.get("cause"), expected.get("cause_json")) {
        (Some(cause), _) => difference(cause, &json!(actual)),
        (None, Some(cause)) => match actual.map(serde_json::from_str::<Value>) {
            Some(Ok(actual)) => difference(cause, &actual),
            _ => Some(format!("the cause is {actual:?}, not JSON text of {cause}")),
        },
        (None, None) => actual.map(|actual| format!("there is a cause: {actual}")),
    }
}

fn sequence(history: &[Value], events: &[HistoryEvent]) -> Option<String> {
    let expected: Vec<String> = history.iter().map(heading).collect();
    let actual: Vec<String> = events.iter().map(|event| heading(&members_of(event))).collect();
    let at = (0..expected.len().max(actual.len())).find(|at| expected.get(*at) != actual.get(*at))?;
    Some(format!("event {}: expected {:?}, found {:?}", at + 1, expected.get(at), actual.get(at)))
}

fn heading(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("type"), text("name"))
}

/// An event with its details, and its ids as the cases name them.
fn members_of(event: &HistoryEvent) -> Value {
    let mut members = Map::new();
    members.insert("type".to_owned(), json!(event.event.type_name()));
    members.extend(event.event.details());
    members.insert("id".to_owned(), json!(event.id));
    members.insert("prev".to_owned(), json!(event.previous_id));
    Value::Object(members)
}

/// What the cases leave out of every event.
const LEFT_OUT: [&str; 3] = ["roleArn", "region", "workerName"];

/// The differences of a history whose branches run side by side: in their types and names, and in their members. Its
/// events have no order.
///
/// The recordings lost the last events of some Parallel states when they were brought into an order; the ids of those that
/// are left say how many.
fn interleaved(
    case: &Value,
    history: &[Value],
    events: &[HistoryEvent],
) -> (Option<String>, Option<Option<String>>) {
    let last_id = history.iter().filter_map(|event| event["id"].as_u64()).max().unwrap_or(0);
    let lost = last_id.saturating_sub(history.len() as u64);
    let mut left: Vec<&HistoryEvent> = events.iter().collect();
    let mut differing = None;
    for expected in history {
        let alike = |event: &&HistoryEvent| heading(&members_of(event)) == heading(expected);
        let Some(any) = left.iter().position(alike) else {
            return (Some(format!("there is no {:?}", heading(expected))), None);
        };
        let same = left.iter().position(|event| alike(event) && member(case, expected, event).is_none());
        let taken = left.remove(same.unwrap_or(any));
        if same.is_none() {
            differing = differing.or_else(|| member(case, expected, taken));
        }
    }
    let may_be_lost = |event: &&HistoryEvent| {
        ["ParallelStateSucceeded", "ParallelStateExited"].contains(&&*event.event.type_name())
    };
    let extra = left.iter().find(|event| !may_be_lost(event)).or(left.get(lost as usize));
    let extra = extra.map(|event| format!("{:?} is there", heading(&members_of(event))));
    match extra {
        Some(extra) => (Some(extra), None),
        None => (None, Some(differing)),
    }
}

fn members(case: &Value, history: &[Value], events: &[HistoryEvent]) -> Option<String> {
    history.iter().zip(events).find_map(|(expected, event)| member(case, expected, event))
}

fn member(case: &Value, expected: &Value, event: &HistoryEvent) -> Option<String> {
    let actual = as_recorded(case, members_of(event));
    let (mut expected, mut actual) = (expected.as_object()?.clone(), actual.as_object()?.clone());
    for name in ["id", "prev"] {
        expected.remove(name);
        actual.remove(name);
    }
    for name in LEFT_OUT {
        actual.remove(name);
    }
    // The recordings name every activity so.
    if expected.get("resource").is_some_and(|resource| resource == "activity_arn") {
        expected.remove("resource");
        actual.remove("resource");
    }
    if let Some(cause) = expected.remove("cause_json") {
        let text = actual.remove("cause");
        let found = text.as_ref().and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        expected.insert("cause".to_owned(), cause);
        actual.insert("cause".to_owned(), found.unwrap_or(json!(text)));
    }
    let difference = difference(&Value::Object(expected), &Value::Object(actual))?;
    Some(format!("event {} ({}): {difference}", event.id, event.event.type_name()))
}

fn ids(history: &[Value], events: &[HistoryEvent]) -> Option<String> {
    history.iter().zip(events).find_map(|(expected, event)| {
        let expected = (expected.get("id")?.as_u64()?, expected.get("prev")?.as_u64()?);
        let actual = (event.id, event.previous_id);
        (expected != actual).then(|| format!("expected id and previous id {expected:?}, found {actual:?}"))
    })
}

/// As it was when the case was recorded: the Context object has no RedriveCount before November 2023, when AWS
/// introduced redrive.
fn as_recorded(case: &Value, value: Value) -> Value {
    let recorded = case["recorded"].as_str().unwrap();
    let mut date = recorded.rsplit(' ').next().unwrap().split('-').rev();
    let (year, month) = (date.next().unwrap(), date.next().unwrap());
    if (year, month) < ("2023", "11") { without_redrive_count(value) } else { value }
}

fn without_redrive_count(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| name != "RedriveCount");
            members.map(|(name, value)| (name, without_redrive_count(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_redrive_count).collect(),
        value => value,
    }
}

/// Where two values differ; `None` if they don't. Wildcards stand in `expected`.
pub(crate) fn difference(expected: &Value, actual: &Value) -> Option<String> {
    let (expected, actual) = (without_envelope(expected), without_envelope(actual));
    differ_at("$", &expected, &actual)
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

fn is_glob(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split("<*>").collect();
    let (first, rest) = parts.split_first().unwrap();
    let (last, middle) = rest.split_last().unwrap();
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

/// Of the response of `lambda:invoke` only what a step decides: its headers and ids are Lambda's own.
fn without_envelope(value: &Value) -> Value {
    match value {
        Value::Object(members)
            if members.contains_key("Payload") && members.contains_key("SdkHttpMetadata") =>
        {
            json!({ "Payload": without_envelope(&members["Payload"]), "StatusCode": members.get("StatusCode") })
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_envelope(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_envelope).collect(),
        value => value.clone(),
    }
}

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
