//! Drives a run from outside, as queues, timers and steps do.

use super::mocks::{Answer, Answered, Mocks, NoAnswer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use stepladder_asl::{Definition, Kind, Resource};
use stepladder_engine::{
    Awaiting, Branch, End, HistoryEvent, ItemRow, Limit, Outcome, Phase, Position, Rehearsal, RehearsalError,
    ReplayError, Run, StepCall, replay, step_call,
};

/// How far the clock may go, and how many outcomes there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// When the run starts, in milliseconds since the epoch.
    pub started_ms: i64,
    pub outcomes_max: usize,
    /// Of all branches together.
    pub events_max: u64,
}

/// A run as far as it came.
#[derive(Debug)]
pub struct Rehearsed {
    /// Its end, or why it has none.
    pub end: Result<End, Stop>,
    pub events: Vec<HistoryEvent>,
    /// When the last thing happened, in milliseconds since the epoch.
    pub now_ms: i64,
}

/// Why a run did not come to its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    Mock(Box<MissingMock>),
    /// So many outcomes, and no end.
    TooLong(usize),
    /// So many events, and no end: a loop of states that wait for nothing makes them without any outcome from outside.
    TooManyEvents(u64),
    /// An evaluation took too long on this machine; the text says which.
    TooSlow(String),
    /// Nothing that could still happen would ever happen: a task never answers, and has no timeout.
    Stuck {
        state: String,
    },
}

/// A task was called that has no answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingMock {
    pub state: String,
    /// The indexes of the enclosing Map iterations, outermost first.
    pub iterations: Vec<u64>,
    pub why: NoAnswer,
    /// What it was called with.
    pub input: Value,
}

/// Runs a definition to its end. Times of the run's own are skipped: the clock jumps to whatever comes next.
///
/// # Errors
///
/// The history can't be computed again from the run's own records: a bug.
pub fn rehearse(
    definition: &Definition,
    run: &Run,
    input: &Value,
    mocks: &mut Mocks,
    clock: Clock,
) -> Result<Rehearsed, ReplayError> {
    let mut driver = Driver {
        definition,
        run,
        mocks,
        rehearsal: Rehearsal::start_within(definition, run, input.clone(), clock.events_max),
        calls: BTreeMap::new(),
        under_way: BTreeSet::new(),
        now_ms: run.started_ms,
    };
    let end = driver.go(clock);
    let now_ms = driver.now_ms;
    if let Err(Stop::TooSlow(_)) = end {
        // Nor would a replay be faster.
        return Ok(Rehearsed { end, events: Vec::new(), now_ms });
    }
    let replayed = replay(definition, run, input.clone(), driver.rehearsal.records())?;
    Ok(Rehearsed { end, events: replayed.events, now_ms })
}

struct Driver<'a> {
    definition: &'a Definition,
    run: &'a Run,
    mocks: &'a mut Mocks,
    rehearsal: Rehearsal<'a>,
    /// The ends of the calls that are under way, by their times.
    calls: BTreeMap<(i64, Branch), Call>,
    under_way: BTreeSet<Branch>,
    now_ms: i64,
}

/// A call that is under way.
struct Call {
    /// The record that it ends: a call of a branch that was stopped ends nothing.
    seq: u32,
    started_ms: i64,
    outcome: Outcome,
}

/// What comes next.
enum Turn {
    Ends((i64, Branch)),
    Due(Box<Position>, i64),
}

impl Driver<'_> {
    fn go(&mut self, clock: Clock) -> Result<End, Stop> {
        let Clock { outcomes_max, events_max, .. } = clock;
        for _ in 0..outcomes_max {
            match self.rehearsal.is_sound() {
                Ok(()) => {}
                Err(RehearsalError::TooManyEvents { events_max }) => {
                    return Err(Stop::TooManyEvents(events_max));
                }
                Err(error) => return Err(Stop::TooSlow(error.to_string())),
            }
            if let Some(end) = self.rehearsal.end() {
                return Ok(end.clone());
            }
            if self.rehearsal.events() > events_max {
                return Err(Stop::TooManyEvents(events_max));
            }
            match self.turn()? {
                Turn::Ends(key) => self.end_call(&key),
                Turn::Due(position, due_ms) => {
                    self.now_ms = self.now_ms.max(due_ms);
                    self.due(&position)?;
                }
            }
        }
        self.rehearsal.end().cloned().ok_or(Stop::TooLong(outcomes_max))
    }

    /// The call that ends first, or the wait that is over first.
    fn turn(&self) -> Result<Turn, Stop> {
        let call = self.calls.keys().next();
        let waiting = self.rehearsal.waiting().find(|waiting| !self.under_way.contains(waiting.branch));
        match (call, waiting) {
            (Some(call), Some(waiting)) if waiting.due_ms.max(self.now_ms) < call.0 => {
                Ok(Turn::Due(Box::new(waiting.position.clone()), waiting.due_ms))
            }
            (Some(call), _) if call.0 < i64::MAX => Ok(Turn::Ends(call.clone())),
            (None, Some(waiting)) if waiting.due_ms < i64::MAX => {
                Ok(Turn::Due(Box::new(waiting.position.clone()), waiting.due_ms))
            }
            _ => {
                let stuck = self.rehearsal.next().map(|waiting| waiting.position.state.clone());
                Err(Stop::Stuck { state: stuck.unwrap_or_default() })
            }
        }
    }

    fn end_call(&mut self, key: &(i64, Branch)) {
        let Some(call) = self.calls.remove(key) else { return };
        let (ends_ms, branch) = key;
        self.under_way.remove(branch);
        let is_waiting = self
            .rehearsal
            .waiting()
            .any(|waiting| waiting.branch == branch && waiting.position.seq == call.seq);
        if is_waiting {
            self.now_ms = self.now_ms.max(*ends_ms);
            self.settle(branch, call.outcome, Some(call.started_ms));
        }
    }

    fn settle(&mut self, branch: &Branch, outcome: Outcome, started_ms: Option<i64>) {
        // It waits: it was asked for just now. What took too long or went too far is told at the next turn.
        let _ = self.rehearsal.settle(branch, outcome, started_ms, self.now_ms);
    }

    /// A wait is over: a step is to be called, or a time has come.
    fn due(&mut self, position: &Position) -> Result<(), Stop> {
        let branch = &position.branch;
        if position.is_past_deadline(self.now_ms) {
            self.settle(branch, Outcome::TimedOut { limit: Limit::Run }, None);
            return Ok(());
        }
        if position.awaiting == Awaiting::Items {
            return self.read(position);
        }
        if !matches!(position.awaiting, Awaiting::Step { .. }) {
            // Of a task that has not answered, the engine knows which of its limits has passed.
            self.settle(branch, Outcome::TimerFired, None);
            return Ok(());
        }
        let call = match step_call(self.definition, self.run, position) {
            Ok(call) => call,
            Err(error) if error.gave_up => return Err(Stop::TooSlow(error.to_string())),
            Err(error) => {
                let (error, cause) = (error.error.to_string(), Some(error.cause));
                self.settle(branch, Outcome::Failed { error, cause, phase: Phase::Schedule }, None);
                return Ok(());
            }
        };
        let answer = self.answer(position, &call)?;
        self.begin(position, &call, answer);
        Ok(())
    }

    /// Items are read: the mock of their state is the array of them, or the error that reading ends with.
    fn read(&mut self, position: &Position) -> Result<(), Stop> {
        let iterations = position.iterations(self.definition);
        let missing = |why| {
            let (state, iterations, input) = (position.state.clone(), iterations.clone(), Value::Null);
            Stop::Mock(Box::new(MissingMock { state, iterations, why, input }))
        };
        let answer = self.mocks.next(&position.state, &iterations).map_err(missing)?;
        let rows = match answer.result {
            Answered::Return(Value::Array(items)) | Answered::Respond(Value::Array(items)) => {
                Ok(items.into_iter().map(|item| ItemRow { line: None, item: Ok(item) }).collect())
            }
            Answered::Return(_) | Answered::Respond(_) => {
                Err("the mock of a Map state with an ItemReader is the array of its items".to_owned())
            }
            Answered::Throw { cause, error } => Err(cause.unwrap_or(error)),
            Answered::Never => Err("it is never read".to_owned()),
        };
        // It waits: it was asked for just now.
        let _ = self.rehearsal.read(&position.branch, rows, self.now_ms);
        Ok(())
    }

    fn answer(&mut self, position: &Position, call: &StepCall) -> Result<Answer, Stop> {
        let iterations = position.iterations(self.definition);
        match self.mocks.next(&position.state, &iterations) {
            Ok(answer) => Ok(answer),
            Err(NoAnswer::Unknown) if self.mocks.echo => {
                Ok(Answer { result: Answered::Return(call.input.clone()), after_ms: 0, submitted: None })
            }
            Err(why) => Err(Stop::Mock(Box::new(MissingMock {
                state: position.state.clone(),
                iterations,
                why,
                input: call.input.clone(),
            }))),
        }
    }

    /// Calls a step: it ends when the answer says so, when its time is over, or when the run's is.
    fn begin(&mut self, position: &Position, call: &StepCall, answer: Answer) {
        let branch = &position.branch;
        let started_ms = self.now_ms;
        let outcome = match answer.result {
            Answered::Return(output) => Some(Outcome::Succeeded { output }),
            Answered::Respond(response) => Some(Outcome::Responded { response }),
            Answered::Throw { error, cause } => Some(Outcome::Failed { error, cause, phase: Phase::Run }),
            Answered::Never => None,
        };
        let mut seq = position.seq;
        // Its limits are in the position that it then waits at, and the engine looks at them.
        let has_answer = match self.resource(position) {
            Some(Resource::Service(service)) if service.pattern.waits() => {
                let response = answer.submitted.unwrap_or_else(|| serde_json::json!({}));
                self.settle(branch, Outcome::Submitted { response, started_ms: None }, Some(started_ms));
                true
            }
            Some(Resource::Activity { .. }) => {
                self.settle(branch, Outcome::Started { worker: None }, Some(started_ms));
                true
            }
            _ => false,
        };
        let mut limit_ms = i64::MAX;
        if has_answer {
            let now = self.rehearsal.waiting().find(|waiting| waiting.branch == branch);
            // The response may have ended it: a filter of its fields can fail.
            let Some(waiting) =
                now.filter(|waiting| matches!(waiting.position.awaiting, Awaiting::Answer { .. }))
            else {
                return;
            };
            seq = waiting.position.seq;
            limit_ms = waiting.due_ms;
        } else if let Some(seconds) = call.timeout_seconds {
            limit_ms = started_ms.saturating_add(milliseconds(seconds));
        }
        let deadline_ms = position.deadline_ms.unwrap_or(i64::MAX);
        let answered = outcome.map(|outcome| (started_ms.saturating_add(answer.after_ms), outcome));
        let limited = if has_answer { Outcome::TimerFired } else { Outcome::TimedOut { limit: Limit::Task } };
        let (ends_ms, outcome) = match answered {
            Some((ends_ms, outcome)) if ends_ms < limit_ms.min(deadline_ms) => (ends_ms, outcome),
            _ if deadline_ms <= limit_ms => (deadline_ms, Outcome::TimedOut { limit: Limit::Run }),
            _ => (limit_ms, limited),
        };
        self.under_way.insert(branch.clone());
        self.calls.insert((ends_ms, branch.clone()), Call { seq, started_ms, outcome });
    }

    fn resource(&self, position: &Position) -> Option<&Resource> {
        match &self.definition.state(&position.state)?.kind {
            Kind::Task(task) => Some(&task.resource),
            _ => None,
        }
    }
}

fn milliseconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000)
}

#[cfg(test)]
#[path = "drive_test.rs"]
mod tests;
