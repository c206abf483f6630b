//! What the steps themselves have noted: the proof that no transition happened twice.
//!
//! Each call of `probe-step` with a trail draws an id, notes it in the table `<stack>-calls` beside the trail that it was
//! called with, and appends it to the trail. A step may be called more than once; but had a transition happened twice, with
//! the answers of two calls, then what follows would have been called with two different trails.

use crate::Stack;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The table's name, after the stack's.
pub const TABLE: &str = "calls";

/// One call of a step, as it lies in the table under `pk` = the run's name and `sk` = `<state>#<id>`, as JSON in `call`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub run: String,
    pub state: String,
    pub id: String,
    /// The same for all attempts of one visit to the state.
    pub operation_key: String,
    /// The same for all deliveries of one attempt.
    pub idempotency_key: String,
    /// What it was called with: the ids of the calls before it, or a digest of something else.
    pub seen: Vec<String>,
}

/// All calls of all runs of the stack, by run.
pub async fn calls(stack: &Stack) -> BTreeMap<String, Vec<Call>> {
    let mut by_run = BTreeMap::<String, Vec<Call>>::new();
    let table = format!("{}-{TABLE}", stack.name);
    let mut items = stack.host().dynamodb().scan().table_name(table).into_paginator().items().send();
    while let Some(item) = items.next().await {
        let item = item.unwrap();
        let call: Call =
            serde_json::from_str(item.get("call").map(AttributeValue::as_s).unwrap().unwrap()).unwrap();
        by_run.entry(call.run.clone()).or_default().push(call);
    }
    by_run
}

/// What [`check_trail`] counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub calls: usize,
    /// Calls beyond the first of each state: deliveries and attempts that were repeated.
    pub repeated: usize,
}

/// Asserts that a run went through `states` once each, whatever was repeated on its way.
pub fn check_trail(run: &str, output: &Value, calls: &[Call], states: &[&str]) -> Counted {
    let trail: Vec<String> = serde_json::from_value(output["trail"].clone()).unwrap();
    assert_eq!(trail.len(), states.len(), "{run}: one id per state, {output}");
    for (at, state) in states.iter().enumerate() {
        let of_state: Vec<&Call> = calls.iter().filter(|call| call.state == *state).collect();
        assert!(
            of_state.iter().any(|call| call.id == trail[at]),
            "{run}: the answer of {state} is that of one of its calls: {of_state:#?}"
        );
        for call in &of_state {
            assert_eq!(call.seen, trail[..at], "{run}: each call of {state} follows the one way of the run");
        }
        let visits: BTreeSet<&str> = of_state.iter().map(|call| call.operation_key.as_str()).collect();
        assert_eq!(visits.len(), 1, "{run}: {state} was visited once");
    }
    let known = calls.iter().filter(|call| states.contains(&call.state.as_str())).count();
    assert_eq!(known, calls.len(), "{run}: no other state was called");
    Counted { calls: calls.len(), repeated: calls.len() - states.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(state: &str, id: &str, seen: &[&str]) -> Call {
        Call {
            run: "r".to_owned(),
            state: state.to_owned(),
            id: id.to_owned(),
            operation_key: format!("visit of {state}"),
            idempotency_key: format!("attempt of {id}"),
            seen: seen.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    #[test]
    fn repeated_calls_with_one_way_are_right() {
        let calls = [call("A", "1", &[]), call("A", "2", &[]), call("B", "3", &["2"])];
        let counted = check_trail("r", &json!({ "trail": ["2", "3"] }), &calls, &["A", "B"]);
        assert_eq!(counted, Counted { calls: 3, repeated: 1 });
    }

    #[test]
    #[should_panic(expected = "follows the one way of the run")]
    fn a_transition_with_two_answers_is_found() {
        let calls =
            [call("A", "1", &[]), call("A", "2", &[]), call("B", "3", &["1"]), call("B", "4", &["2"])];
        check_trail("r", &json!({ "trail": ["1", "3"] }), &calls, &["A", "B"]);
    }

    #[test]
    #[should_panic(expected = "was visited once")]
    fn a_second_visit_is_found() {
        let again = Call { operation_key: "another visit".to_owned(), ..call("A", "2", &[]) };
        check_trail("r", &json!({ "trail": ["1"] }), &[call("A", "1", &[]), again], &["A"]);
    }
}
