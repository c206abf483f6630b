//! Random workflows.

use rand::{Rng, rngs::StdRng};
use serde_json::{Map, Value, json};
use stepladder_asl::Definition;

/// A workflow of so many states, with all that may follow a step: retries, catches, choices, waits of both kinds.
pub(crate) fn random(rng: &mut StdRng, states: usize, may_time_out: bool) -> Definition {
    let mut machine = Map::new();
    let last = states.saturating_sub(1);
    for index in 0..states {
        let next = if index == last { "Done".to_owned() } else { format!("S{}", index + 1) };
        let state = match rng.random_range(0..10) {
            0 => json!({ "Type": "Wait", "Seconds": *pick(rng, &[3, 3, 2000, 5000]), "Next": next }),
            1 if index > 0 => json!({
                "Type": "Choice",
                "Choices": [{ "Variable": "$.S0.n", "NumericGreaterThan": 4, "Next": next }],
                "Default": "Done",
            }),
            2 => json!({
                "Type": "Pass",
                "Parameters": { "uuid.$": "States.UUID()" },
                "ResultPath": format!("$.pass{index}"),
                "Next": next,
            }),
            _ => task(rng, index, &next),
        };
        // The choice looks at what the first state returned.
        let state = if index == 0 && rng.random_bool(0.9) { task(rng, 0, &next) } else { state };
        machine.insert(format!("S{index}"), state);
    }
    machine.insert("Done".to_owned(), json!({ "Type": "Succeed" }));
    machine.insert(
        "Recover".to_owned(),
        json!({ "Type": "Pass", "ResultPath": "$.recovered", "Next": "GiveUp" }),
    );
    machine.insert("GiveUp".to_owned(), json!({ "Type": "Fail", "Error": "GaveUp" }));
    let mut definition = json!({ "StartAt": "S0", "States": machine });
    if may_time_out && rng.random_bool(0.3) {
        definition["TimeoutSeconds"] = json!(*pick(rng, &[20, 120, 3000]));
    }
    keep_reachable(&mut definition);
    Definition::parse(&definition.to_string()).unwrap()
}

/// A chain of steps and nothing else.
pub(crate) fn chain(states: usize) -> Definition {
    let mut machine = Map::new();
    for index in 0..states {
        let mut state = json!({ "Type": "Task", "Resource": function(0), "ResultPath": null });
        match index + 1 < states {
            true => state["Next"] = json!(format!("S{}", index + 1)),
            false => state["End"] = json!(true),
        }
        machine.insert(format!("S{index}"), state);
    }
    Definition::parse(&json!({ "StartAt": "S0", "States": machine }).to_string()).unwrap()
}

pub(crate) fn task(rng: &mut StdRng, index: usize, next: &str) -> Value {
    // Few functions for many states, so that batches form.
    let mut task = json!({
        "Type": "Task",
        "Resource": function(index % 2),
        "ResultPath": format!("$.S{index}"),
        "Next": next,
    });
    if rng.random_bool(0.5) {
        task["Retry"] = json!([
            { "ErrorEquals": ["Flaky"], "IntervalSeconds": 2, "MaxAttempts": 2, "JitterStrategy": "FULL" },
            { "ErrorEquals": ["States.ALL"], "IntervalSeconds": *pick(rng, &[1, 1, 1200]), "MaxAttempts": 1 },
        ]);
    }
    if rng.random_bool(0.4) {
        task["Catch"] =
            json!([{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": "Recover" }]);
    }
    if rng.random_bool(0.3) {
        task["TimeoutSeconds"] = json!(5);
    }
    task
}

pub(crate) fn function(index: usize) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:step{index}")
}

/// Drops the states that nothing leads to.
fn keep_reachable(definition: &mut Value) {
    let text = definition.to_string();
    if let Some(states) = definition["States"].as_object_mut() {
        let is_target = |name: &str| text.matches(&format!(":\"{name}\"")).count() > 0;
        states.retain(|name, _| is_target(name));
        if !text.contains("\"Recover\"}") && !text.contains(":\"Recover\"") {
            states.retain(|name, _| name != "GiveUp");
        }
    }
}

pub(crate) fn pick<'a, T>(rng: &mut StdRng, of: &'a [T]) -> &'a T {
    &of[rng.random_range(0..of.len())]
}
