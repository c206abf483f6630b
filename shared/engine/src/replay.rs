//! A run's history, computed again from what was recorded.

use crate::{
    advance::{Trace, advance_traced, start_traced},
    event::HistoryEvent,
    outcome::Outcome,
    position::Position,
    run::Run,
    transition::{Next, Transition},
};
use serde_json::Value;
use stepladder_asl::Definition;

/// What a replay needs of a record. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub outcome: Outcome,
    pub started_ms: Option<i64>,
    pub finished_ms: i64,
    /// The digest of where the transition led when it was recorded.
    pub digest: String,
}

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
    let mut run = Run { redrive_count: 0, ..run.clone() };
    let mut trace = Trace::default();
    let mut last = start_traced(definition, &run, input, run.started_ms, Some(&mut trace));
    let mut positions = Vec::with_capacity(records.len());
    for (seq, record) in records.iter().enumerate() {
        let seq = u32::try_from(seq).unwrap_or(u32::MAX);
        if let Outcome::Redriven { redrive_count } = record.outcome {
            run.redrive_count = redrive_count;
        }
        let Some(position) = pending(&last, seq, &record.outcome) else {
            return Err(ReplayError::AfterTheEnd { seq });
        };
        trace.started_ms = record.started_ms;
        last = advance_traced(
            definition,
            &run,
            &position,
            &record.outcome,
            record.finished_ms,
            Some(&mut trace),
        );
        let computed = last.digest();
        if computed != record.digest {
            let (state, recorded) = (position.state, record.digest.clone());
            return Err(ReplayError::Diverged { seq, state, recorded, computed });
        }
        positions.push(position);
    }
    Ok(Replay { events: trace.events, last, positions, redrive_count: run.redrive_count })
}

/// The position that the record `seq` ends: the one that the last transition led to, or, for a redrive, the end itself.
fn pending(last: &Transition, seq: u32, outcome: &Outcome) -> Option<Position> {
    match (&last.next, outcome) {
        (Next::Wait(position), _) => Some(position.clone()),
        (Next::End(end), Outcome::Redriven { .. }) => Some(end.redrive_position(seq)),
        (Next::End(_), _) => None,
    }
}
