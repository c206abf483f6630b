//! Users that choose where a run goes on, have one done again, or stop one by a state that undoes.

use super::{Wanted, World};
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_asl::{Definition, Kind};
use stepladder_protocol::{Choice, RerunRequest, RunId, RunItem};

/// So many runs are done again in a world.
const RERUNS_MAX: usize = 3;

impl World {
    pub(super) fn redrive_somehow(&mut self, wanted: &Wanted) {
        let id = wanted.id.clone();
        let choice = match self.faults.choose > 0.0 && self.rng.random_bool(self.faults.choose) {
            true => choice(&mut self.rng, &wanted.definition),
            false => Choice::default(),
        };
        let protocol = self.environment();
        self.user(async move { drop(protocol.request_redrive_from(&id, None, &choice).await) });
    }

    pub(super) fn rerun(&mut self, wanted: &Wanted) {
        let reruns = self.host.state().runs.values().filter(|item| item.rerun_of.is_some()).count();
        if reruns >= RERUNS_MAX {
            return;
        }
        let mut choice = choice(&mut self.rng, &wanted.definition);
        if self.rng.random_bool(0.3) {
            choice = Choice { from: None, given: None, set: Vec::new(), ..choice };
        }
        let token = Some(self.rng.random_range(0..2).to_string());
        let request = RerunRequest { id: wanted.id.clone(), name: None, token, choice };
        let protocol = self.environment();
        self.user(async move { drop(protocol.rerun(request).await) });
    }

    pub(super) fn compensate(&mut self, id: RunId, wanted: &Wanted) {
        let state = any_state(&mut self.rng, &wanted.definition, |definition, state| {
            definition.state(state).is_some_and(|state| state.parent.is_none())
        });
        let protocol = self.environment();
        self.user(async move { drop(protocol.request_compensation(&id, &state).await) });
    }

    /// The runs that were done again, as wanted ones.
    pub(super) fn reruns(&self, wanted: &[Wanted]) -> Vec<(Wanted, RunItem)> {
        let state = self.host.state();
        let reruns = state.runs.values().filter_map(|item| {
            // The names are used again once all has expired.
            let rerun_of = item.rerun_of.as_ref().filter(|_| item.expires_s >= state.now_ms / 1000)?;
            let old = wanted
                .iter()
                .find(|wanted| wanted.id.workflow == item.id.workflow && wanted.id.name == rerun_of.name)?;
            let definition = match item.definition == old.definition.hash {
                true => Arc::clone(&old.definition),
                false => Arc::new(extended(&old.definition)),
            };
            Some((Wanted { id: item.id.clone(), definition, ..old.clone() }, item.clone()))
        });
        reruns.collect()
    }
}

fn any_state(rng: &mut StdRng, definition: &Definition, is_it: impl Fn(&Definition, &str) -> bool) -> String {
    let names: Vec<&String> = definition.states.keys().filter(|name| is_it(definition, name)).collect();
    names[rng.random_range(0..names.len())].clone()
}

/// What somebody chooses. The run may never have been there.
fn choice(rng: &mut StdRng, definition: &Definition) -> Choice {
    let state = any_state(rng, definition, |_, _| true);
    let from = path(rng, definition, &state);
    let mut choice = Choice { from: Some(from), ..Choice::default() };
    match rng.random_range(0..6) {
        0 => choice.given = Some(json!({ "given": rng.random_range(0..9) })),
        1 => choice.set = vec![("$.patched".to_owned(), json!(rng.random_range(0..9)))],
        2 => choice.from = None,
        _ => {}
    }
    if rng.random_bool(0.3) {
        let other = [definition.hash.clone(), extended(definition).hash];
        choice.definition = Some(other[rng.random_range(0..2)].clone());
    }
    choice
}

fn path(rng: &mut StdRng, definition: &Definition, state: &str) -> String {
    let mut path = state.to_owned();
    let mut at = definition.state(state);
    while let Some(parent) = at.and_then(|at| at.parent.as_ref()) {
        let around = definition.state(&parent.state).unwrap();
        let index = match around.kind {
            Kind::Map(_) => rng.random_range(0..4),
            _ => parent.branch,
        };
        path = format!("{}[{index}].{path}", parent.state);
        at = Some(around);
    }
    path
}

/// The same states in another definition: each Task sets a variable, so that whoever takes the wrong one of the two leads elsewhere.
pub(super) fn extended(definition: &Definition) -> Definition {
    let mut json: Value = serde_json::from_str(&definition.canonical).unwrap();
    extend(&mut json);
    Definition::parse(&json.to_string()).unwrap_or_else(|faults| panic!("{faults}\n{json:#}"))
}

fn extend(machine: &mut Value) {
    let Some(states) = machine.get_mut("States").and_then(Value::as_object_mut) else { return };
    for (name, state) in states {
        if state["Type"] == "Task" && state.get("Assign").is_none() {
            state["Assign"] = json!({ format!("x{name}"): 1 });
        }
        for processor in ["ItemProcessor", "Iterator"] {
            if let Some(processor) = state.get_mut(processor) {
                extend(processor);
            }
        }
        for branch in state.get_mut("Branches").and_then(Value::as_array_mut).into_iter().flatten() {
            extend(branch);
        }
    }
}
