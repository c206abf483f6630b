//! What a run must end with: the engine alone, with no queue and no fault.

use crate::{
    answers::{Answer, scripted},
    reading,
    scenario::Faults,
    told::{Path, Told},
};
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::Definition;
use stepladder_engine::{
    Awaiting, End, FanOut, Limit, Next, Opening, Outcome, Phase, Position, Recorded, Rehearsal, Run, Status,
    Transition, Waiting, advance, start, start_branch, step_call, waits_for_answer,
};

/// A run without faults, but for what depends on times: which attempts were so slow that they ran into a limit because
/// their process was frozen, and which of several failed branches was noticed first.
pub(crate) struct Oracle<'a> {
    seed: u64,
    faults: &'a Faults,
    definition: &'a Definition,
    run: &'a Run,
    slow: BTreeMap<(Path, String, u64), Outcome>,
    /// What became of tasks that somebody else answers, and of their calls: who answers what depends on times.
    answered: BTreeMap<(Path, String, u64, bool), Outcome>,
    /// By the branch, and the how-manieth fan-out of it.
    first_failed: BTreeMap<(Path, usize), u32>,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(
        seed: u64,
        faults: &'a Faults,
        definition: &'a Definition,
        run: &'a Run,
        branches: &[Told<'_>],
    ) -> Self {
        let (mut slow, mut first_failed, mut answered) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for Told { path, positions, recorded } in branches {
            let mut fan_outs = 0;
            for (position, Recorded { outcome, .. }) in positions.iter().zip(*recorded) {
                if waits_for_answer(definition, &position.state) {
                    let is_call = matches!(position.awaiting, Awaiting::Step { .. });
                    let key = (path.clone(), position.state.clone(), position.attempt(), is_call);
                    answered.insert(key, outcome.clone());
                }
                if timed_out(outcome) {
                    let key = (path.clone(), position.state.clone(), position.attempt());
                    slow.insert(key, outcome.clone());
                }
                if let Outcome::BranchFailed { index, .. } = outcome {
                    // As the state counts: an update numbers those that are left anew.
                    let child = position.branch.child(position.seq, *index);
                    let is_it =
                        |told: &&Told<'_>| told.positions.first().is_some_and(|first| first.branch == child);
                    let told = branches.iter().find(is_it);
                    let index = told.and_then(|told| told.path.last()).map_or(*index, |(_, index)| *index);
                    first_failed.insert((path.clone(), fan_outs), index);
                }
                // It goes on as the same fan-out.
                let is_updated = matches!(outcome, Outcome::Updated { .. });
                fan_outs += usize::from(position.fan_out().is_some() && !is_updated);
            }
        }
        Self { seed, faults, definition, run, slow, answered, first_failed }
    }

    /// Status, and output or error, of the run's end; an error where the run can't have gone as it did.
    pub(crate) fn expected(&self, input: Value) -> Result<(Status, Value), String> {
        let first = start(self.definition, self.run, input, self.run.started_ms);
        self.branch(&Path::new(), first).map(|(end, _)| comparable(&end))
    }

    /// The end of a branch, and when it ended.
    fn branch(&self, path: &Path, mut transition: Transition) -> Result<(End, i64), String> {
        let mut fan_outs = 0;
        loop {
            let position = match transition.next {
                Next::End(end) => return Ok((end, transition.now_ms)),
                Next::Wait(position) => position,
            };
            let mut now_ms = transition.now_ms.max(position.due_ms());
            let outcome = match position.awaiting {
                Awaiting::Branches(fan_out) => {
                    let (outcome, ended_ms) = self.fan_out(path, fan_outs, fan_out, &position, now_ms)?;
                    fan_outs += 1;
                    now_ms = ended_ms;
                    outcome
                }
                Awaiting::Step { .. } | Awaiting::Answer { .. }
                    if waits_for_answer(self.definition, &position.state) =>
                {
                    now_ms = transition.now_ms;
                    self.answered(path, &position)
                }
                Awaiting::Step { .. } => self.answer(path, &position),
                Awaiting::Items => reading::outcome(self.definition, self.run, &position),
                _ => Outcome::TimerFired,
            };
            transition = advance(self.definition, self.run, &position, &outcome, now_ms);
        }
    }

    /// As it was recorded; where nobody waited for it, anything.
    fn answered(&self, path: &Path, position: &Position) -> Outcome {
        let is_call = matches!(position.awaiting, Awaiting::Step { .. });
        let key = (path.clone(), position.state.clone(), position.attempt(), is_call);
        let or_else = || match is_call {
            true => Outcome::Submitted { response: Value::Null, started_ms: None },
            false => Outcome::Succeeded { output: Value::Null },
        };
        self.answered.get(&key).cloned().unwrap_or_else(or_else)
    }

    fn answer(&self, path: &Path, position: &Position) -> Outcome {
        let call = step_call(self.definition, self.run, position).unwrap();
        let failed =
            |error: &str| Outcome::Failed { error: error.to_owned(), cause: None, phase: Phase::Run };
        let slow = self.slow.get(&(path.clone(), position.state.clone(), call.attempt));
        let indexes: Vec<u32> = path.iter().map(|(_, index)| *index).collect();
        match scripted(self.seed, self.faults, self.run, &indexes, &position.state, call.attempt) {
            Answer::Hang if call.timeout_seconds.is_some() => Outcome::TimedOut { limit: Limit::Task },
            Answer::Hang => failed("Sandbox.Timedout"),
            _ if slow.is_some() => slow.cloned().unwrap(),
            Answer::Output(output) => Outcome::Succeeded { output },
            Answer::Error(error, _) => failed(error),
            Answer::Panic => failed("Panic"),
            Answer::Kill => failed("Lambda.Unknown"),
        }
    }

    /// All branches to their ends, also those that nobody would have waited for.
    fn fan_out(
        &self,
        path: &Path,
        ordinal: usize,
        fan_out: FanOut,
        position: &Position,
        now_ms: i64,
    ) -> Result<(Outcome, i64), String> {
        let inputs = match reading::inputs(self.definition, self.run, position) {
            Ok(inputs) => inputs,
            Err(error) => {
                let (error, cause) = (error.error.to_string(), Some(error.cause));
                return Ok((Outcome::Failed { error, cause, phase: Phase::Schedule }, now_ms));
            }
        };
        let opening = Opening { started_ms: now_ms, events: position.events };
        let (mut ends, mut ended_ms) = (Vec::new(), now_ms);
        for input in inputs {
            let mut path = path.clone();
            path.push((ordinal, input.index));
            let first = start_branch(self.definition, self.run, position, input, opening);
            let (end, at_ms) = self.branch(&path, first)?;
            ended_ms = ended_ms.max(at_ms);
            ends.push(end);
        }
        let is_failed = |end: &End| end.status != Status::Succeeded;
        let weight = |end: &End| if end.is_unread { 1 } else { fan_out.failure_items as usize };
        let failures: usize = ends.iter().filter(|end| is_failed(end)).map(weight).sum();
        if failures <= fan_out.failures_tolerated as usize {
            let results = ends.into_iter().filter_map(|end| end.output).collect();
            return Ok((Outcome::Joined { results, events: 0 }, ended_ms));
        }
        let noticed = self.first_failed.get(&(path.clone(), ordinal)).copied();
        let index = match noticed {
            Some(index) if is_failed(&ends[index as usize]) => index,
            Some(index) => {
                return Err(format!("branch {index} of {path:?}, {ordinal} should not have failed"));
            }
            // It wasn't waited for.
            None => u32::try_from(ends.iter().position(is_failed).unwrap()).unwrap(),
        };
        let End { error, cause, events, .. } = ends.swap_remove(index as usize);
        Ok((Outcome::BranchFailed { index, error, cause, events }, ended_ms))
    }
}

/// The end of a run in which nothing fails and nobody is slow, by the engine's own rehearsal.
pub(crate) fn rehearsed(
    seed: u64,
    faults: &Faults,
    definition: &Definition,
    run: &Run,
    input: Value,
) -> (Status, Value) {
    let mut rehearsal = Rehearsal::start(definition, run, input);
    while let Some(Waiting { branch, position, due_ms }) = rehearsal.next() {
        let branch = branch.clone();
        if position.awaiting == Awaiting::Items {
            let rows = reading::rehearsed(definition, rehearsal.run(), position);
            rehearsal.read(&branch, Ok(rows), due_ms).unwrap();
            continue;
        }
        let outcome = match position.awaiting {
            Awaiting::Step { .. } => {
                let indexes: Vec<u32> = branch.0.iter().map(|fork| fork.index).collect();
                let attempt = position.attempt();
                match scripted(seed, faults, run, &indexes, &position.state, attempt) {
                    Answer::Output(output) => Outcome::Succeeded { output },
                    other => panic!("a fault without faults: {other:?}"),
                }
            }
            _ => Outcome::TimerFired,
        };
        rehearsal.settle(&branch, outcome, None, due_ms).unwrap();
    }
    comparable(rehearsal.end().unwrap())
}

fn timed_out(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::TimedOut { .. } => true,
        Outcome::Failed { error, .. } => error == "Sandbox.Timedout",
        _ => false,
    }
}

/// What of an end doesn't depend on times: status, and output or error without causes and drawn values.
pub(crate) fn comparable(end: &End) -> (Status, Value) {
    let mut value = end.output.clone().unwrap_or_else(|| end.error.clone().into());
    strip(&mut value);
    (end.status, value)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "Cause" && name != "uuid");
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
