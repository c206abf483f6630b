//! One case of JSONata's official test suite: how it is run, and whether its outcome is the expected one.
//!
//! The format is that of `jsonata.jsonl` in the folder with the recorded cases (see its README.md).

use serde_json::{Map, Value};
use stepladder_asl::{
    Jsonata,
    jsonata::{JsonataError, JsonataErrorKind, JsonataLanguage},
};

/// As deep as a case without a limit of its own may go.
const DEPTH_MAX: usize = 30_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Value(Value),
    Undefined,
    Error {
        code: String,
        message: String,
    },
    /// The evaluation took too long.
    Clock,
}

/// Runs one case; `None` means that its outcome is the expected one.
pub(crate) fn disagreement(case: &Value) -> Option<Outcome> {
    let outcome = run(case);
    (!agrees(&case["expect"], case["unordered"] == true, &outcome)).then_some(outcome)
}

pub(crate) fn run(case: &Value) -> Outcome {
    let text = case["expr"].as_str().unwrap_or_default();
    let expression = match Jsonata::parse(text) {
        Ok(expression) => expression,
        Err(fault) => return Outcome::Error { code: fault.code, message: fault.message },
    };
    let none = Map::new();
    let variables = case["bindings"].as_object().unwrap_or(&none);
    let depth_max = case["limits"]["depth"].as_u64().map_or(DEPTH_MAX, |depth| depth as usize);
    match expression.evaluate_on(case.get("data"), variables, JsonataLanguage::Whole { depth_max }) {
        Ok(Some(value)) => Outcome::Value(value),
        Ok(None) => Outcome::Undefined,
        // A function is no value of JSON: the suite's reference leaves it out of its output.
        Err(JsonataError { kind: JsonataErrorKind::UnsupportedResult, .. }) => Outcome::Undefined,
        Err(JsonataError { kind: JsonataErrorKind::Clock, .. }) => Outcome::Clock,
        Err(error) => Outcome::Error { code: error.code, message: error.message },
    }
}

fn agrees(expect: &Value, is_unordered: bool, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Value(value) => expect.get("result").is_some_and(|expected| {
            if is_unordered { same_items(expected, value) } else { same(expected, value) }
        }),
        Outcome::Undefined => expect["undefined"] == true,
        Outcome::Error { code, .. } => {
            let expected = expect["error"].as_str().unwrap_or_default();
            // The suite's runner has one code for an expression that its limits stopped.
            expected == code || expected == "U1001" && code == "D1011"
        }
        // The clock is no limit of the language: that it stopped an expression proves nothing.
        Outcome::Clock => false,
    }
}

/// Equal JSON; numbers by value.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(pattern), _) if pattern == "<*>" => true,
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => expected == found,
    }
}

fn same_items(expected: &Value, found: &Value) -> bool {
    let (Value::Array(expected), Value::Array(found)) = (expected, found) else {
        return same(expected, found);
    };
    let mut left: Vec<&Value> = found.iter().collect();
    let all_found = expected.iter().all(|item| {
        let at = left.iter().position(|other| same(item, other));
        at.map(|at| left.swap_remove(at)).is_some()
    });
    all_found && left.is_empty()
}
