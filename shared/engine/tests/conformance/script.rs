//! Drives the engine through one case: scripted answers of its steps, and a clock that jumps to what is due.

use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::{Definition, Kind, Resource};
use stepladder_engine::{
    Awaiting, End, HistoryEvent, Limit, Next, Outcome, Phase, Position, Recorded, Run, advance, replay,
    start, step_call,
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
    let mut records: Vec<Recorded> = Vec::new();
    let mut now_ms = run.started_ms;
    let mut last = start(definition, &run, case["input"].clone(), now_ms);
    let end = loop {
        let position = match &last.next {
            Next::End(end) => break end.clone(),
            Next::Wait(position) => position.clone(),
        };
        assert!(records.len() < TRANSITIONS_MAX, "the run doesn't end");
        let due_ms = position.due_ms();
        let started_ms = now_ms.max(due_ms);
        let outcome = match position.awaiting {
            Awaiting::Turn | Awaiting::Timer { .. } | Awaiting::Branches(_) => {
                now_ms = started_ms;
                Outcome::TimerFired
            }
            Awaiting::Step { .. } => {
                now_ms = started_ms;
                begin(definition, &run, &position, &mut script, &mut now_ms, &mut complaints)
            }
            Awaiting::Answer { .. } => match script.pending.take() {
                // The engine decides which limit has passed.
                None => {
                    now_ms = started_ms;
                    Outcome::TimerFired
                }
                Some(scripted) => end(&scripted, &mut now_ms),
            },
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
    let Some(scripted) = script.next(&position.state) else {
        complaints.push(format!("unexpected task call of state '{}'", position.state));
        return Outcome::Failed { error: "Unexpected".to_owned(), cause: None, phase: Phase::Run };
    };
    let never = scripted.get("never").is_some();
    if let Some(response) = scripted.get("submitted") {
        let response = response.clone();
        script.pending = (!never).then_some(scripted);
        return Outcome::Submitted { response };
    }
    let kind = definition.state(&position.state).map(|state| &state.kind);
    if matches!(kind, Some(Kind::Task(task)) if matches!(task.resource, Resource::Activity { .. })) {
        script.pending = (!never).then_some(scripted);
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

/// The scripted outcomes of each state that are left.
struct Script {
    outcomes: BTreeMap<String, Vec<Value>>,
    /// How the task that was submitted or taken will end; never, where there is nothing.
    pending: Option<Value>,
}

impl Script {
    fn new(case: &Value) -> Self {
        let tasks = case["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outcomes = tasks.iter().map(|task| {
            let mut outcomes = task["outcomes"].as_array().unwrap().clone();
            outcomes.reverse();
            (task["state"].as_str().unwrap().to_owned(), outcomes)
        });
        Self { outcomes: outcomes.collect(), pending: None }
    }

    fn next(&mut self, state: &str) -> Option<Value> {
        self.outcomes.get_mut(state)?.pop()
    }

    fn left(&self) -> impl Iterator<Item = String> {
        let left = self.outcomes.iter().filter(|(_, outcomes)| !outcomes.is_empty());
        left.map(|(state, outcomes)| {
            format!("{} answers of state '{state}' were not asked for", outcomes.len())
        })
    }
}
