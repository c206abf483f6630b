//! Whoever has a task's token: other systems, workers, people. They answer once, early, late or never; they say that they
//! are at work; and what they were told is true must be what the run goes on with.

use crate::{host::State, told::Told, workflows::pick};
use rand::{Rng, rngs::StdRng};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use stepladder_asl::Definition;
use stepladder_engine::{Awaiting, Limit, Outcome, Phase, step_call, waits_for_answer};
use stepladder_protocol::{QueueName, RunView, TaskDone};

/// The activity that some states wait for.
pub(crate) const ACTIVITY: &str = "a";
/// The workflow that some states start and wait for.
pub(crate) const CHILD: &str = "child";

/// Whoever has one token.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    /// When it does something next, in milliseconds since the epoch.
    pub(crate) due_ms: i64,
    /// So many heartbeats come before the answer.
    pub(crate) beats: u32,
    pub(crate) beat_gap_ms: i64,
    /// None: it never answers.
    pub(crate) done: Option<TaskDone>,
    pub(crate) is_through: bool,
    /// How often its answer was taken.
    pub(crate) accepted: u32,
}

pub(crate) type Holders = BTreeMap<String, Holder>;

impl State {
    /// A token is given away. Who has one already does as it was going to. `may_stay_silent`: a limit ends the wait.
    pub(crate) fn give_away(&mut self, token: &str, state: &str, may_stay_silent: bool) {
        if self.holders.contains_key(token) {
            return;
        }
        let rng = &mut self.rng;
        let delay_ms = match rng.random_range(0..10) {
            0..3 => rng.random_range(0..50),
            3..8 => rng.random_range(0..20_000),
            _ => rng.random_range(0..400_000),
        };
        let done = match rng.random_range(0..10) {
            0..6 => TaskDone::Succeeded(json!({ "by": state, "n": rng.random_range(0..10) })),
            6..8 => TaskDone::Failed { error: Some("Flaky".to_owned()), cause: None },
            _ => TaskDone::Failed { error: None, cause: Some("said no".to_owned()) },
        };
        let is_silent = may_stay_silent && rng.random_bool(0.2);
        let holder = Holder {
            due_ms: self.now_ms + delay_ms,
            beats: if rng.random_bool(0.4) { rng.random_range(1..6) } else { 0 },
            beat_gap_ms: rng.random_range(5_000..80_000),
            done: (!is_silent).then_some(done),
            is_through: false,
            accepted: 0,
        };
        self.holders.insert(token.to_owned(), holder);
    }

    /// When one of them does something next, or a worker could take a task.
    pub(crate) fn next_held_ms(&self) -> Option<i64> {
        let holders = self.holders.values().filter(|holder| !holder.is_through).map(|holder| holder.due_ms);
        let tasks = self.queues.messages(&QueueName::activity(ACTIVITY)).into_iter();
        holders.chain(tasks.map(|(_, queued)| queued.visible_ms)).min()
    }
}

/// Makes tasks that somebody else answers of some of the steps of a definition.
pub(crate) fn hand_out(rng: &mut StdRng, definition: &Definition) -> Definition {
    let mut machine: Value = serde_json::from_str(&definition.canonical).unwrap();
    hand_out_in(rng, &mut machine);
    Definition::parse(&machine.to_string()).unwrap_or_else(|faults| panic!("{faults}\n{machine:#}"))
}

fn hand_out_in(rng: &mut StdRng, value: &mut Value) {
    match value {
        Value::Object(members) => {
            let speaks_json_path = members.get("QueryLanguage") != Some(&json!("JSONata"));
            if members.get("Type") == Some(&json!("Task")) && speaks_json_path && rng.random_bool(0.6) {
                handed_out(rng, members);
            }
            members.values_mut().for_each(|value| hand_out_in(rng, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| hand_out_in(rng, value)),
        _ => {}
    }
}

fn handed_out(rng: &mut StdRng, task: &mut Map<String, Value>) {
    let timeout = match rng.random_range(0..10) {
        0..5 => {
            task["Resource"] = json!("arn:aws:states:::lambda:invoke.waitForTaskToken");
            let function = format!("step{}", rng.random_range(0..2));
            let payload = json!({ "token.$": "$$.Task.Token" });
            task.insert("Parameters".to_owned(), json!({ "FunctionName": function, "Payload": payload }));
            rng.random_bool(0.5).then(|| *pick(rng, &[30, 300, 2_000]))
        }
        5..7 => {
            task["Resource"] = json!(format!("arn:aws:states:us-east-1:000000000000:activity:{ACTIVITY}"));
            Some(*pick(rng, &[30, 300, 2_000]))
        }
        _ => {
            task["Resource"] = json!("arn:aws:states:::states:startExecution.sync:2");
            let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{CHILD}");
            task.insert("Parameters".to_owned(), json!({ "StateMachineArn": arn, "Input": { "n": 1 } }));
            task.insert("ResultSelector".to_owned(), json!({ "Status.$": "$.Status", "n": 4 }));
            rng.random_bool(0.3).then(|| *pick(rng, &[30, 2_000]))
        }
    };
    task.remove("TimeoutSeconds");
    if let Some(seconds) = timeout {
        task.insert("TimeoutSeconds".to_owned(), json!(seconds));
        if rng.random_bool(0.4) && seconds > 60 {
            task.insert("HeartbeatSeconds".to_owned(), json!(60));
        }
    }
}

/// What a child does.
pub(crate) fn child() -> Definition {
    let step = |name: &str, next: &str| {
        json!({
            "Type": "Task", "Resource": format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"),
            "ResultPath": null, "Next": next,
        })
    };
    let states = json!({ "A": step("step0", "W"), "W": { "Type": "Wait", "Seconds": 2, "Next": "B" },
        "B": step("step1", "Z"), "Z": { "Type": "Succeed" } });
    Definition::parse(&json!({ "StartAt": "A", "States": states }).to_string()).unwrap()
}

/// What became of the tasks of a branch: each answer that was taken decided, and no other was recorded.
pub(crate) fn judge_tasks(state: &mut State, view: &RunView, branch: &Told<'_>) {
    for (recorded, position) in branch.recorded.iter().zip(&branch.positions) {
        if !waits_for_answer(&view.definition, &position.state) {
            continue;
        }
        let Ok(call) = step_call(&view.definition, &view.run, position) else { continue };
        let Some(holder) = call.task_token.and_then(|token| state.holders.get(&token).cloned()) else {
            continue;
        };
        let given = holder.done.clone().map(|done| match done {
            TaskDone::Succeeded(output) => Outcome::Succeeded { output },
            TaskDone::Failed { error, cause } => {
                Outcome::Failed { error: error.unwrap_or_default(), cause, phase: Phase::Run }
            }
        });
        let is_answer = matches!(position.awaiting, Awaiting::Answer { .. });
        match &recorded.outcome {
            Outcome::Succeeded { .. } if given.as_ref() != Some(&recorded.outcome) => {
                state.watch.breaks("an answer was recorded that nobody gave");
            }
            Outcome::Succeeded { .. }
            | Outcome::Failed { .. }
            | Outcome::TimedOut { limit: Limit::Task | Limit::Heartbeat }
                if holder.accepted > 0 && (!is_answer || given.as_ref() != Some(&recorded.outcome)) =>
            {
                state.watch.breaks("an answer that was taken was lost");
            }
            _ => {}
        }
    }
}
