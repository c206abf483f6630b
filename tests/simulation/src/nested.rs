//! Random workflows with Parallel and Map states in each other.

use crate::reading;
use crate::workflows::{function, pick, task};
use rand::{Rng, rngs::StdRng};
use serde_json::{Map, Value, json};
use stepladder_asl::Definition;

/// How large the fan-outs of a workflow may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FanOuts {
    /// So deep they may lie in each other.
    pub depth_max: u32,
    /// The most branches of an outer one.
    pub branches_max: usize,
    pub handling: Handling,
    /// Whether all outer Map states are distributed, with a small MaxConcurrency.
    pub map_runs: bool,
}

/// What a workflow does about errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// States that retry, catch and put up with failures are among the others.
    Any,
    /// Nothing: whatever fails ends the run.
    None,
}

/// A workflow of so many states, at least one of which fans out.
pub(crate) fn random(rng: &mut StdRng, states: usize, shape: FanOuts, may_time_out: bool) -> Definition {
    let mut generator = Generator { rng, shape, names: 0, variables: Vec::new() };
    let mut definition = generator.machine(states, 0);
    if may_time_out && rng.random_bool(0.3) {
        definition["TimeoutSeconds"] = json!(*pick(rng, &[20, 120, 3000]));
    }
    Definition::parse(&definition.to_string()).unwrap_or_else(|faults| panic!("{faults}\n{definition:#}"))
}

/// What such a workflow is started with.
pub(crate) fn input(rng: &mut StdRng, index: usize, shape: FanOuts) -> Value {
    let items = match shape.map_runs {
        // Enough for an update to find some that have not begun.
        true => (0..rng.random_range(4..=shape.branches_max)).collect::<Vec<_>>().into(),
        false => items(rng, shape.branches_max),
    };
    json!({ "index": index, "items": items })
}

fn items(rng: &mut StdRng, max: usize) -> Value {
    let count = match rng.random_range(0..20) {
        0 => 0,
        1..12 => rng.random_range(1..=4),
        12..19 => rng.random_range(1..=12),
        _ => rng.random_range(1..=200),
    };
    // Null is an item like any other.
    let item = |index: usize| if index % 3 == 1 { Value::Null } else { index.into() };
    (0..count.min(max)).map(item).collect::<Vec<_>>().into()
}

struct Generator<'a> {
    rng: &'a mut StdRng,
    shape: FanOuts,
    names: usize,
    /// Those that are set wherever the generator is: by states before, also around it.
    variables: Vec<String>,
}

impl Generator<'_> {
    /// States one after another. Their input has an array `items`, and keeps it.
    fn machine(&mut self, states: usize, depth: u32) -> Value {
        let names: Vec<String> = (0..states).map(|_| self.name()).collect();
        let (done, recover, give_up) = (self.name(), self.name(), self.name());
        let may_nest = depth < self.shape.depth_max;
        let outer = self.variables.len();
        let fan_out = (depth == 0).then(|| self.rng.random_range(0..states));
        let mut machine = Map::new();
        for (index, name) in names.iter().enumerate() {
            let next = names.get(index + 1).unwrap_or(&done);
            let mut state = match self.rng.random_range(0..14) {
                _ if fan_out == Some(index) => self.fan_out(name, next, &recover, depth),
                0 => json!({ "Type": "Wait", "Seconds": *pick(self.rng, &[3, 3, 2000, 5000]), "Next": next }),
                1 if index > 0 => json!({
                    "Type": "Choice",
                    "Choices": [{ "Variable": format!("$.{}.n", names[0]), "NumericGreaterThan": 4, "Next": next }],
                    "Default": done,
                }),
                2 => json!({
                    "Type": "Pass",
                    "Parameters": self.read_of_variables(),
                    "ResultPath": format!("$.{name}"),
                    "Next": next,
                }),
                12 => json!({
                    "Type": "Pass",
                    "QueryLanguage": "JSONata",
                    "Output": merged(name, "$count($states.input.items)"),
                    "Next": next,
                }),
                13 => self.jsonata_task(name, next, &recover),
                3 | 4 if may_nest && depth > 0 => self.fan_out(name, next, &recover, depth),
                _ => self.task(name, next, &recover),
            };
            self.assign(name, &mut state);
            if let (Handling::None, Some(members)) = (self.shape.handling, state.as_object_mut()) {
                for field in ["Retry", "Catch", "ToleratedFailureCount"] {
                    members.remove(field);
                }
            }
            machine.insert(name.clone(), state);
        }
        // What a branch has set isn't seen outside.
        self.variables.truncate(outer);
        // Some branches have no result but null, which is one too.
        machine.insert(
            done,
            match depth > 0 && self.names.is_multiple_of(4) {
                true => json!({ "Type": "Pass", "Result": null, "End": true }),
                false => json!({ "Type": "Succeed" }),
            },
        );
        machine.insert(recover, json!({ "Type": "Pass", "ResultPath": "$.recovered", "Next": give_up }));
        machine.insert(
            give_up,
            match self.rng.random_bool(0.5) {
                true => json!({ "Type": "Fail", "Error": "GaveUp" }),
                false => json!({ "Type": "Succeed" }),
            },
        );
        let mut machine = json!({ "StartAt": names[0], "States": machine });
        keep_reachable(&mut machine);
        machine
    }

    fn task(&mut self, name: &str, next: &str, recover: &str) -> Value {
        // Few functions for many states, so that batches form.
        let mut task = task(self.rng, 0, next);
        task["Resource"] = json!(function(self.names % 2));
        task["ResultPath"] = json!(format!("$.{name}"));
        if let Some(caught) = task.get_mut("Catch") {
            caught[0]["Next"] = json!(recover);
        }
        task
    }

    fn jsonata_task(&mut self, name: &str, next: &str, recover: &str) -> Value {
        let mut task = json!({
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": function(self.names % 2),
            "Arguments": { "items": "{% $states.input.items %}" },
            "Output": merged(name, "$states.result"),
            "Next": next,
        });
        if self.rng.random_bool(0.5) {
            task["Catch"] = json!([{
                "ErrorEquals": ["States.ALL"], "Output": merged("caught", "true"), "Next": recover,
            }]);
        }
        task
    }

    /// Sets a variable, from the data or from another variable.
    fn assign(&mut self, name: &str, state: &mut Value) {
        let kind = state["Type"].as_str().unwrap_or_default();
        if !matches!(kind, "Pass" | "Task" | "Wait" | "Map" | "Parallel") || self.rng.random_bool(0.7) {
            return;
        }
        let is_jsonata = state.get("QueryLanguage").is_some();
        let other = match self.variables.is_empty() {
            true => None,
            false => Some(pick(self.rng, &self.variables).clone()),
        };
        let variable = format!("v{name}");
        state["Assign"] = match (is_jsonata, other) {
            (true, Some(other)) => json!({ (variable.as_str()): format!("{{% ${other} %}}") }),
            (true, None) => json!({ (variable.as_str()): format!("{{% '{name}' %}}") }),
            (false, Some(other)) => json!({ (format!("{variable}.$")): format!("${other}") }),
            (false, None) => json!({ (variable.as_str()): name }),
        };
        self.variables.push(variable);
    }

    fn fan_out(&mut self, name: &str, next: &str, recover: &str, depth: u32) -> Value {
        let is_parallel = self.rng.random_bool(0.3) && !(self.shape.map_runs && depth == 0);
        let mut state = match is_parallel {
            true => self.parallel(depth),
            false => self.map(depth),
        };
        state["ResultPath"] = json!(format!("$.{name}"));
        state["Next"] = json!(next);
        if self.rng.random_bool(0.2) {
            state["Retry"] =
                json!([{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "MaxAttempts": 1 }]);
        }
        if self.rng.random_bool(0.3) {
            state["Catch"] =
                json!([{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.caught", "Next": recover }]);
        }
        state
    }

    /// A drawn value, and all variables that are set.
    fn read_of_variables(&self) -> Value {
        let mut members = Map::from_iter([("uuid.$".to_owned(), json!("States.UUID()"))]);
        for variable in &self.variables {
            members.insert(format!("{variable}.$"), json!(format!("${variable}")));
        }
        members.into()
    }

    fn parallel(&mut self, depth: u32) -> Value {
        let branches: Vec<Value> = (0..self.rng.random_range(1..=4)).map(|_| self.branch(depth)).collect();
        json!({ "Type": "Parallel", "Branches": branches })
    }

    fn map(&mut self, depth: u32) -> Value {
        // Inner fan-outs stay small, or there are too many branches.
        let inner = items(self.rng, 5);
        // Not drawn, so that a seed leads to the same workflow but for this. Its children see no variables of the run's.
        let is_distributed = self.names % 4 == 1 || self.shape.map_runs;
        let reads = self.names % 8 == 1;
        let around = is_distributed.then(|| std::mem::take(&mut self.variables));
        let mut processor = self.branch(depth);
        if let Some(around) = around {
            self.variables = around;
            processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
        }
        let mut map = json!({
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {
                "index.$": "$$.Map.Item.Index",
                "value.$": "$$.Map.Item.Value",
                "items": inner,
            },
            "ItemProcessor": processor,
        });
        if is_distributed && reads {
            map["ItemReader"] = reading::reader(self.names);
            if self.names.is_multiple_of(3) {
                map["ItemBatcher"] = json!({ "MaxItemsPerBatch": 3, "BatchInput": { "items": [1, 2] } });
            }
        }
        let all = match self.shape.map_runs {
            true => [Some(1), Some(1), Some(2), Some(3), None, None],
            false => [None, None, Some(1), Some(3), Some(7), Some(40)],
        };
        if let Some(concurrency) = *pick(self.rng, &all) {
            map["MaxConcurrency"] = json!(concurrency);
        }
        if let Some(tolerated) = *pick(self.rng, &[None, None, Some(1), Some(2), Some(100)]) {
            map["ToleratedFailureCount"] = json!(tolerated);
        }
        map
    }

    fn branch(&mut self, depth: u32) -> Value {
        let states = *pick(self.rng, &[1, 1, 1, 2, 3]);
        self.machine(states, depth + 1)
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("S{}", self.names)
    }
}

/// The state's input with one more member.
fn merged(name: &str, expression: &str) -> String {
    format!("{{% $merge([$states.input, {{ '{name}': {expression} }}]) %}}")
}

/// Drops the states that nothing leads to.
fn keep_reachable(machine: &mut Value) {
    loop {
        let text = machine.to_string();
        let Some(states) = machine["States"].as_object_mut() else { return };
        let before = states.len();
        states.retain(|name, _| text.contains(&format!(":\"{name}\"")));
        if states.len() == before {
            return;
        }
    }
}
