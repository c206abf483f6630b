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

/// Each level that the case can be compared at, with the first difference.
pub(crate) fn differences(case: &Value, ran: &Ran) -> Vec<(Level, Option<String>)> {
    let expected = &case["expect"];
    let mut levels = vec![
        (Level::End, end(case, expected, ran)),
        (Level::Cause, cause(expected, ran.end.cause.as_deref())),
    ];
    if let Some(history) = expected["history"].as_array() {
        if case["interleaved"] == true {
            levels.extend(interleaved(case, history, &ran.events));
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
const LEFT_OUT: [&str; 4] = ["mapRunArn", "roleArn", "region", "workerName"];

/// The levels of a history whose branches run side by side: its events have no order between the branches.
///
/// The recordings lost the last events of some Parallel states when they were brought into an order; the ids of those that
/// are left say how many.
fn interleaved(case: &Value, history: &[Value], events: &[HistoryEvent]) -> Vec<(Level, Option<String>)> {
    let last_id = history.iter().filter_map(|event| event["id"].as_u64()).max().unwrap_or(0);
    let lost = last_id.saturating_sub(history.len() as u64);
    let mut left: Vec<&HistoryEvent> = events.iter().collect();
    let (mut differing, mut misplaced) = (None, None);
    for expected in history {
        let alike = |event: &&HistoryEvent| heading(&members_of(event)) == heading(expected);
        let Some(any) = left.iter().position(alike) else {
            return vec![(Level::Sequence, Some(format!("there is no {:?}", heading(expected))))];
        };
        let same = left.iter().position(|event| alike(event) && member(case, expected, event).is_none());
        let taken = left.remove(same.unwrap_or(any));
        if same.is_none() {
            differing = differing.or_else(|| member(case, expected, taken));
        }
        misplaced = misplaced.or_else(|| id(expected, taken));
    }
    const LOST: [&str; 4] =
        ["ParallelStateSucceeded", "ParallelStateFailed", "ParallelStateAborted", "ParallelStateExited"];
    let extra = left.iter().find(|event| !LOST.contains(&&*event.event.type_name()));
    let sequence = match extra {
        Some(extra) => Some(format!("{:?} is there", heading(&members_of(extra)))),
        None if left.len() as u64 != lost => {
            Some(format!("{lost} events were lost when it was recorded, and {} are left over", left.len()))
        }
        None => return vec![(Level::Sequence, None), (Level::Members, differing), (Level::Ids, misplaced)],
    };
    vec![(Level::Sequence, sequence)]
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
    history.iter().zip(events).find_map(|(expected, event)| id(expected, event))
}

fn id(expected: &Value, event: &HistoryEvent) -> Option<String> {
    let expected = (expected.get("id")?.as_u64()?, expected.get("prev")?.as_u64()?);
    let actual = (event.id, event.previous_id);
    (expected != actual).then(|| format!("expected id and previous id {expected:?}, found {actual:?}"))
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

/// Where two values differ, but for what Lambda itself puts into a response.
pub(crate) fn difference(expected: &Value, actual: &Value) -> Option<String> {
    stepladder_conformance::difference(&without_envelope(expected), &without_envelope(actual))
}

/// The response of `lambda:invoke` without its headers and ids, which are Lambda's own; that they are there still counts.
fn without_envelope(value: &Value) -> Value {
    const OWN: [&str; 2] = ["SdkHttpMetadata", "SdkResponseMetadata"];
    match value {
        Value::Object(members)
            if members.contains_key("Payload") && OWN.iter().any(|own| members.contains_key(*own)) =>
        {
            let kept = members.iter().map(|(name, value)| {
                let value = if OWN.contains(&name.as_str()) { Value::Null } else { without_envelope(value) };
                (name.clone(), value)
            });
            kept.collect()
        }
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_envelope(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_envelope).collect(),
        value => value.clone(),
    }
}
