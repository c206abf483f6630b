//! Drives the engine through one case: scripted answers of its steps, and a clock that jumps to what is due.

use crate::objects;
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::{Definition, Kind, Resource};
use stepladder_engine::{
    Awaiting, Branch, End, HistoryEvent, Limit, Outcome, Phase, Position, Rehearsal, Run, replay, step_call,
};

/// What the engine made of a case.
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) events: Vec<HistoryEvent>,
    /// What is wrong beside the end and the history: an unexpected call, answers that nobody asked for.
    pub(crate) complaints: Vec<String>,
}

/// No recorded run needs as many transitions.
const TRANSITIONS_MAX: usize = 10_000;

pub(crate) fn run(case: &Value, definition: &Definition) -> Ran {
    let mut run = context(case);
    if definition.mentions_execution_input {
        run.input = Some(case["input"].clone());
    }
    let mut script = Script::new(case);
    let mut complaints = Vec::new();
    let mut rehearsal = Rehearsal::start(definition, &run, case["input"].clone());
    let mut now_ms = run.started_ms;
    for transitions in 0.. {
        assert!(transitions < TRANSITIONS_MAX, "the run doesn't end");
        // An answer comes at once; what has none waits for its limit.
        let answered = rehearsal.waiting().find(|waiting| script.pending.contains_key(waiting.branch));
        let Some(waiting) = answered.or_else(|| rehearsal.next()) else { break };
        let started_ms = if answered.is_some() { now_ms } else { now_ms.max(waiting.due_ms) };
        now_ms = started_ms;
        let position = waiting.position.clone();
        if position.awaiting == Awaiting::Items {
            let rows = objects::rows(case, definition, &run, &position);
            rehearsal.read(&position.branch, rows, now_ms).expect("it waits");
            continue;
        }
        let outcome = match position.awaiting {
            Awaiting::Step { .. } => {
                begin(definition, &run, &position, &mut script, &mut now_ms, &mut complaints)
            }
            Awaiting::Answer { .. } => match script.pending.remove(&position.branch) {
                // The engine decides which limit has passed.
                None => Outcome::TimerFired,
                Some(scripted) => end(&scripted, &mut now_ms),
            },
            _ => Outcome::TimerFired,
        };
        rehearsal.settle(&position.branch, outcome, Some(started_ms), now_ms).expect("it waits");
    }
    complaints.extend(script.left());
    let end = rehearsal.end().expect("nothing waits, so it has ended").clone();
    let replayed = replay(definition, &run, case["input"].clone(), rehearsal.records())
        .expect("the replay follows the run");
    assert_eq!(
        replayed.last.next,
        stepladder_engine::Next::End(end.clone()),
        "the replay leads to the same end"
    );
    if replayed.branches.is_empty() {
        assert_eq!(replayed.events.len() as u64, end.events, "every event is counted once");
    }
    Ran { end, events: replayed.events, complaints }
}

/// What a call comes to at first: its end, or that it was submitted or taken.
fn begin(
    definition: &Definition,
    run: &Run,
    position: &Position,
    script: &mut Script,
    now_ms: &mut i64,
    complaints: &mut Vec<String>,
) -> Outcome {
    let call = match step_call(definition, run, position) {
        Ok(call) => call,
        Err(error) => {
            let (error, cause) = (error.error.to_string(), Some(error.cause));
            return Outcome::Failed { error, cause, phase: Phase::Schedule };
        }
    };
    let Some(scripted) = script.next(&position.state, position.iterations(definition)) else {
        complaints.push(format!("unexpected task call of state '{}'", position.state));
        return Outcome::Failed { error: "Unexpected".to_owned(), cause: None, phase: Phase::Run };
    };
    let never = scripted.get("never").is_some();
    if let Some(response) = scripted.get("submitted") {
        let response = response.clone();
        script.answer(&position.branch, (!never).then_some(scripted));
        return Outcome::Submitted { response, started_ms: None };
    }
    let kind = definition.state(&position.state).map(|state| &state.kind);
    if matches!(kind, Some(Kind::Task(task)) if matches!(task.resource, Resource::Activity { .. })) {
        script.answer(&position.branch, (!never).then_some(scripted));
        return Outcome::Started { worker: None };
    }
    if never {
        *now_ms += call.timeout_seconds.map_or(0, |seconds| seconds as i64 * 1000);
        return Outcome::TimedOut { limit: Limit::Task };
    }
    end(&scripted, now_ms)
}

fn end(scripted: &Value, now_ms: &mut i64) -> Outcome {
    *now_ms += 1;
    if let Some(response) = scripted.get("ok") {
        return Outcome::Responded { response: response.clone() };
    }
    let text = |name: &str| scripted.get(name).and_then(Value::as_str).map(str::to_owned);
    let event = text("event").unwrap_or_default();
    let phase = match event.as_str() {
        event if event.ends_with("ScheduleFailed") => Phase::Schedule,
        event if event.ends_with("StartFailed") => Phase::Start,
        event if event.ends_with("SubmitFailed") => Phase::Submit,
        _ => Phase::Run,
    };
    Outcome::Failed { error: text("error").unwrap_or_default(), cause: text("cause"), phase }
}

/// The run that the case's Context object belongs to.
fn context(case: &Value) -> Run {
    let text =
        |pointer: &str| case["context"].pointer(pointer).and_then(Value::as_str).unwrap_or("any").to_owned();
    let arn = text("/StateMachine/Id");
    let part = |index: usize, or: &str| arn.split(':').nth(index).unwrap_or(or).to_owned();
    Run {
        region: part(3, "us-east-1"),
        account: part(4, "111111111111"),
        role_arn: text("/Execution/RoleArn"),
        started_ms: 1_700_000_000_000,
        ..Run::for_test(&text("/StateMachine/Name"), &text("/Execution/Name"))
    }
}

/// The scripted outcomes that are left, by state and iterations.
struct Script {
    outcomes: BTreeMap<(String, Vec<u64>), Vec<Value>>,
    /// How the tasks that were submitted or taken will end; never, where there is nothing.
    pending: BTreeMap<Branch, Value>,
}

impl Script {
    fn new(case: &Value) -> Self {
        let tasks = case["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outcomes = tasks.iter().map(|task| {
            let mut outcomes = task["outcomes"].as_array().unwrap().clone();
            outcomes.reverse();
            let iterations = task["iteration"].as_array().map(Vec::as_slice).unwrap_or_default();
            let iterations = iterations.iter().map(|index| index.as_u64().unwrap()).collect();
            ((task["state"].as_str().unwrap().to_owned(), iterations), outcomes)
        });
        Self { outcomes: outcomes.collect(), pending: BTreeMap::new() }
    }

    fn next(&mut self, state: &str, iterations: Vec<u64>) -> Option<Value> {
        self.outcomes.get_mut(&(state.to_owned(), iterations))?.pop()
    }

    fn answer(&mut self, branch: &Branch, scripted: Option<Value>) {
        if let Some(scripted) = scripted {
            self.pending.insert(branch.clone(), scripted);
        }
    }

    fn left(&self) -> impl Iterator<Item = String> {
        let left = self.outcomes.iter().filter(|(_, outcomes)| !outcomes.is_empty());
        left.map(|((state, iterations), outcomes)| {
            format!("{} answers of state '{state}' {iterations:?} were not asked for", outcomes.len())
        })
    }
}
