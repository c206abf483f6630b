//! The events of a history in AWS's shapes.

use crate::{
    answer::{data, seconds},
    error::ApiError,
};
use serde_json::{Map, Value, json};
use stepladder_engine::{Event, HistoryEvent};

/// Whether a history is shown with the data of its executions and tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Data {
    Shown,
    LeftOut,
}

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html>
pub(super) fn shape(event: &HistoryEvent, shown: Data) -> Result<Value, ApiError> {
    let kind = event.event.type_name();
    let mut shape = Map::new();
    shape.insert("timestamp".to_owned(), seconds(event.time_ms));
    shape.insert("type".to_owned(), json!(kind));
    shape.insert("id".to_owned(), json!(event.id));
    shape.insert("previousEventId".to_owned(), json!(event.previous_id));
    if let Some(name) = details_name(&event.event, &kind) {
        let mut details = Map::new();
        for (name, value) in event.event.details() {
            detail(&mut details, &name, value, shown)?;
        }
        shape.insert(name, Value::Object(details));
    }
    Ok(Value::Object(shape))
}

/// The member that an event's details stand in; none for events without any.
fn details_name(event: &Event, kind: &str) -> Option<String> {
    let first = match event {
        Event::LambdaFunctionStarted
        | Event::StateAborted { .. }
        | Event::MapStateSucceeded
        | Event::MapStateFailed
        | Event::MapRunSucceeded
        | Event::MapRunAborted
        | Event::ParallelStateStarted
        | Event::ParallelStateSucceeded
        | Event::ParallelStateFailed => return None,
        Event::StateEntered { .. } => "StateEntered",
        Event::StateExited { .. } => "StateExited",
        _ => kind,
    };
    let mut letters = first.chars();
    let initial = letters.next().map(|letter| letter.to_ascii_lowercase());
    Some(initial.into_iter().chain(letters).chain("EventDetails".chars()).collect())
}

/// Values become JSON texts, as AWS has them.
fn detail(details: &mut Map<String, Value>, name: &str, value: Value, shown: Data) -> Result<(), ApiError> {
    match name {
        "input" | "output" | "parameters" | "assignedVariables" if shown == Data::LeftOut => {}
        "input" | "output" => {
            let text = data(&value)?;
            details.insert(format!("{name}Details"), json!({ "truncated": text.is_none() }));
            details.extend(text.map(|text| (name.to_owned(), json!(text))));
        }
        "parameters" => details.extend(data(&value)?.map(|text| (name.to_owned(), json!(text)))),
        "assignedVariables" => {
            let mut texts = Map::new();
            let mut is_cut = false;
            for (variable, value) in value.as_object().into_iter().flatten() {
                match data(value)? {
                    Some(text) => drop(texts.insert(variable.clone(), json!(text))),
                    None => is_cut = true,
                }
            }
            details.insert(name.to_owned(), Value::Object(texts));
            details.insert(format!("{name}Details"), json!({ "truncated": is_cut }));
        }
        _ => drop(details.insert(name.to_owned(), value)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: Event, shown: Data, expected: Value) {
        let event = HistoryEvent { id: 3, previous_id: 2, time_ms: 1_500, event };
        let mut shape = shape(&event, shown).unwrap();
        let shape = shape.as_object_mut().unwrap();
        for (name, value) in [("timestamp", json!(1.5)), ("id", json!(3)), ("previousEventId", json!(2))] {
            assert_eq!(shape.shift_remove(name), Some(value));
        }
        assert_eq!(Value::Object(shape.clone()), expected);
    }

    #[test]
    fn data_is_json_text_and_says_that_it_is_whole() {
        let exited = || Event::StateExited {
            state_type: "Pass",
            name: "P".into(),
            output: json!({ "a": [1] }),
            assigned: Some(Map::from_iter([("x".to_owned(), json!("y"))])),
        };
        check(
            exited(),
            Data::Shown,
            json!({ "type": "PassStateExited", "stateExitedEventDetails": {
                "name": "P", "output": "{\"a\":[1]}", "outputDetails": { "truncated": false },
                "assignedVariables": { "x": "\"y\"" }, "assignedVariablesDetails": { "truncated": false },
            } }),
        );
        let without = json!({ "type": "PassStateExited", "stateExitedEventDetails": { "name": "P" } });
        check(exited(), Data::LeftOut, without);
    }

    #[test]
    fn what_is_too_large_for_an_answer_is_left_out_and_said_so() {
        let text = "x".repeat(crate::limits::DATA_BYTES_MAX);
        check(
            Event::ExecutionSucceeded { output: json!(text) },
            Data::Shown,
            json!({ "type": "ExecutionSucceeded", "executionSucceededEventDetails": { "outputDetails": { "truncated": true } } }),
        );
    }

    #[test]
    fn each_event_has_its_details_where_aws_has_them() {
        check(Event::ParallelStateStarted, Data::Shown, json!({ "type": "ParallelStateStarted" }));
        check(Event::StateAborted { state_type: "Wait" }, Data::Shown, json!({ "type": "WaitStateAborted" }));
        check(
            Event::MapIterationStarted { name: "M".into(), index: 4 },
            Data::Shown,
            json!({ "type": "MapIterationStarted", "mapIterationStartedEventDetails": { "name": "M", "index": 4 } }),
        );
        check(
            Event::ExecutionAborted { error: None, cause: None },
            Data::Shown,
            json!({ "type": "ExecutionAborted", "executionAbortedEventDetails": {} }),
        );
    }
}
