//! Drives the engine through one case: scripted answers of its steps, and a clock that jumps to what is due.

use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::{Definition, Kind, Resource};
use stepladder_engine::{
    Awaiting, End, HistoryEvent, Limit, Next, Outcome, Phase, Position, Recorded, Run, advance, replay,
    start, step_call,
};

/// Whether this version can't drive the case's tasks: a callback's token and an activity's worker are yet to come.
pub(crate) fn is_beyond(definition: &Definition) -> bool {
    definition.states.values().any(|state| match &state.kind {
        Kind::Task(task) => {
            let arn = task.resource.arn();
            arn.ends_with(".waitForTaskToken") || arn.contains(":activity:")
        }
        _ => false,
    })
}

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
    let mut records: Vec<Recorded> = Vec::new();
    let mut now_ms = run.started_ms;
    let mut last = start(definition, &run, case["input"].clone(), now_ms);
    let end = loop {
        let position = match &last.next {
            Next::End(end) => break end.clone(),
            Next::Wait(position) => position.clone(),
        };
        assert!(records.len() < TRANSITIONS_MAX, "the run doesn't end");
        now_ms = now_ms.max(position.due_ms());
        let started_ms = now_ms;
        let outcome = match position.awaiting {
            Awaiting::Turn | Awaiting::Timer { .. } | Awaiting::Branches(_) => Outcome::TimerFired,
            Awaiting::Step { .. } => {
                answer(definition, &run, &position, &mut script, &mut now_ms, &mut complaints)
            }
        };
        last = advance(definition, &run, &position, &outcome, now_ms);
        records.push(Recorded {
            outcome,
            started_ms: Some(started_ms),
            finished_ms: now_ms,
            digest: last.digest(),
        });
    };
    complaints.extend(script.left());
    let replayed =
        replay(definition, &run, case["input"].clone(), &records).expect("the replay follows the run");
    assert_eq!(replayed.last, last, "the replay leads to the same end");
    assert_eq!(replayed.events.len() as u64, end.events, "every event is counted once");
    Ran { end, events: replayed.events, complaints }
}

fn answer(
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
    let Some(scripted) = script.next(&position.state) else {
        complaints.push(format!("unexpected task call of state '{}'", position.state));
        return Outcome::Failed { error: "Unexpected".to_owned(), cause: None, phase: Phase::Run };
    };
    if scripted.get("never").is_some() {
        *now_ms += call.timeout_seconds.map_or(0, |seconds| seconds as i64 * 1000);
        return Outcome::TimedOut { limit: Limit::Task };
    }
    *now_ms += 1;
    if let Some(output) = scripted.get("ok") {
        return Outcome::Succeeded { output: unwrapped(definition, &position.state, output) };
    }
    let text = |name: &str| scripted.get(name).and_then(Value::as_str).map(str::to_owned);
    let event = text("event").unwrap_or_default();
    let phase = match event.as_str() {
        event if event.ends_with("ScheduleFailed") => Phase::Schedule,
        event if event.ends_with("StartFailed") => Phase::Start,
        _ => Phase::Run,
    };
    Outcome::Failed { error: text("error").unwrap_or_default(), cause: text("cause"), phase }
}

/// The script has the whole response of `lambda:invoke`; the engine puts its own envelope around a step's output.
fn unwrapped(definition: &Definition, state: &str, output: &Value) -> Value {
    let kind = definition.state(state).map(|state| &state.kind);
    match kind {
        Some(Kind::Task(task)) if matches!(task.resource, Resource::LambdaInvoke { .. }) => {
            output["Payload"].clone()
        }
        _ => output.clone(),
    }
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

/// The scripted outcomes of each state that are left.
struct Script(BTreeMap<String, Vec<Value>>);

impl Script {
    fn new(case: &Value) -> Self {
        let tasks = case["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outcomes = tasks.iter().map(|task| {
            let mut outcomes = task["outcomes"].as_array().unwrap().clone();
            outcomes.reverse();
            (task["state"].as_str().unwrap().to_owned(), outcomes)
        });
        Self(outcomes.collect())
    }

    fn next(&mut self, state: &str) -> Option<Value> {
        self.0.get_mut(state)?.pop()
    }

    fn left(&self) -> impl Iterator<Item = String> {
        let left = self.0.iter().filter(|(_, outcomes)| !outcomes.is_empty());
        left.map(|(state, outcomes)| {
            format!("{} answers of state '{state}' were not asked for", outcomes.len())
        })
    }
}
