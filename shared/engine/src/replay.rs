//! A run's history, computed again from what was recorded.

use crate::{
    advance::{advance_traced, start_traced},
    event::HistoryEvent,
    outcome::Outcome,
    position::{Branch, Opening, Position},
    run::Run,
    trace::{Link, Trace, Traced, Wanted},
    transition::{Next, Transition},
};
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::Definition;

/// What a replay needs of a record. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub outcome: Outcome,
    pub started_ms: Option<i64>,
    pub finished_ms: i64,
    /// The digest of where the transition led when it was recorded.
    pub digest: String,
    /// Of the first record of a branch: what its first position was started with.
    pub opening: Option<Opening>,
}

/// The records of a run, by their branches; each branch's in the order of their seq, from 0 on without a gap.
pub type Records = BTreeMap<Branch, Vec<Recorded>>;

/// A run, as far as its records tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub events: Vec<HistoryEvent>,
    /// The last transition: its effect is the one that may have to be done again.
    pub last: Transition,
    /// The position of each record, in order.
    pub positions: Vec<Position>,
    /// The redrive count that the records lead to.
    pub redrive_count: u32,
}

/// Why a replay stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The engine arrives elsewhere than the recorded run did.
    #[error(
        "the replay of record {seq} (state '{state}') leads elsewhere than the recorded run did \
         (recorded {recorded}, computed {computed}); the definition or the engine is not the one it ran on"
    )]
    Diverged { seq: u32, state: String, recorded: String, computed: String },
    /// A record follows the end of the run, and doesn't redrive it.
    #[error("record {seq} follows the end of the run")]
    AfterTheEnd { seq: u32 },
}

/// Replays the root branch's records, in the order of their seq from 0 on without a gap.
///
/// `run.redrive_count` may be anything: the count that each record was made with comes from the records.
pub fn replay(
    definition: &Definition,
    run: &Run,
    input: Value,
    records: &[Recorded],
) -> Result<Replay, ReplayError> {
    let mut follower = Follower::traced(definition, run, input);
    let mut positions = Vec::with_capacity(records.len());
    for record in records {
        positions.push(follower.push(record)?);
    }
    let Follower { trace, last, run, .. } = follower;
    let events = trace.map(|trace| numbered(trace.events)).unwrap_or_default();
    Ok(Replay { events, last, positions, redrive_count: run.redrive_count })
}

/// Follows a run record by record. It keeps the last transition only, so that a long run takes no more memory than a
/// short one.
#[derive(Debug)]
pub struct Follower<'a> {
    definition: &'a Definition,
    run: Run,
    last: Transition,
    next_seq: u32,
    trace: Option<Trace>,
}

impl<'a> Follower<'a> {
    /// A run before its first record. `run.redrive_count` may be anything, as in [`replay`].
    pub fn new(definition: &'a Definition, run: &Run, input: Value) -> Self {
        Self::start(definition, run, input, None)
    }

    fn traced(definition: &'a Definition, run: &Run, input: Value) -> Self {
        Self::start(definition, run, input, Some(Trace::new(Link::Nothing, Wanted::All)))
    }

    fn start(definition: &'a Definition, run: &Run, input: Value, mut trace: Option<Trace>) -> Self {
        let run = Run { redrive_count: 0, ..run.clone() };
        let last = start_traced(definition, &run, input, run.started_ms, trace.as_mut());
        Self { definition, run, last, next_seq: 0, trace }
    }

    /// Follows the next record; answers with the position that it ended.
    pub fn push(&mut self, record: &Recorded) -> Result<Position, ReplayError> {
        let seq = self.next_seq;
        if let Outcome::Redriven { redrive_count } = record.outcome {
            self.run.redrive_count = redrive_count;
        }
        let Some(position) = pending(&self.last, seq, &record.outcome) else {
            return Err(ReplayError::AfterTheEnd { seq });
        };
        if let Some(trace) = &mut self.trace {
            trace.started_ms = record.started_ms;
        }
        let trace = self.trace.as_mut();
        self.last =
            advance_traced(self.definition, &self.run, &position, &record.outcome, record.finished_ms, trace);
        let computed = self.last.digest();
        if computed != record.digest {
            let (state, recorded) = (position.state, record.digest.clone());
            return Err(ReplayError::Diverged { seq, state, recorded, computed });
        }
        self.next_seq = seq.saturating_add(1);
        Ok(position)
    }

    /// Where the run is now.
    pub fn last(&self) -> &Transition {
        &self.last
    }

    /// Where the run is now, once there is nothing more to follow.
    pub fn into_last(self) -> Transition {
        self.last
    }

    /// The seq of the next record.
    pub fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// The redrive count that the records lead to.
    pub fn redrive_count(&self) -> u32 {
        self.run.redrive_count
    }
}

/// The position that the record `seq` ends: the one that the last transition led to, or, for a redrive, the end itself.
fn pending(last: &Transition, seq: u32, outcome: &Outcome) -> Option<Position> {
    match (&last.next, outcome) {
        (Next::Wait(position), _) => Some(position.clone()),
        (Next::End(end), Outcome::Redriven { .. }) => Some(end.redrive_position(seq)),
        (Next::End(_), _) => None,
    }
}

fn numbered(events: Vec<Traced>) -> Vec<HistoryEvent> {
    let numbered = (1..).zip(events).filter_map(|(id, Traced { previous, time_ms, event })| {
        let previous_id = if let Link::Event(id) = previous { id } else { 0 };
        Some(HistoryEvent { id, previous_id, time_ms, event: event? })
    });
    numbered.collect()
}
