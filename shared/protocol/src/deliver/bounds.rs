//! What a record may hold: its payloads, and the bounds of what it leads to.

use super::Job;
use crate::{
    Protocol,
    fan_out::BranchEnd,
    item::RunKey,
    json, limits,
    line::Line,
    payload::{self, Payload},
    traits::{Host, WorldResult},
};
use stepladder_asl::errors;
use stepladder_engine::{Branch, End, Next, Outcome, Phase, Position, Transition};

impl<H: Host> Protocol<H> {
    /// A record's payloads: its outcome and, of the last record of a branch, what the branch ended with.
    pub(crate) async fn record_payloads(
        &self,
        line: &Line<'_>,
        position: &Position,
        outcome: Vec<u8>,
        transition: &Transition,
    ) -> WorldResult<RecordPayloads> {
        let key = RunKey::of(line.run);
        let plain = plain_bytes_max(&key, &position.branch);
        let outcome = payload::store(self.host.blobs(), &key, outcome, plain).await?;
        let (Next::End(end), Some(enclosing)) = (&transition.next, line.enclosing.last()) else {
            return Ok(RecordPayloads { outcome, end: None });
        };
        let End { output, error, cause, events, .. } = end.clone();
        let own_events = events.saturating_sub(enclosing.events);
        let end = BranchEnd { output, error, cause, events, own_events };
        let end = self.packed(&key, &end, plain.saturating_sub(outcome.item_bytes())).await?;
        Ok(RecordPayloads { outcome, end: Some(end) })
    }

    /// The transition, its outcome and the outcome's JSON. A result that is too large or too deep, or that makes the
    /// data too large, becomes States.DataLimitExceeded.
    pub(super) fn bounded(
        &self,
        job: &Job,
        position: &Position,
        mut outcome: Outcome,
        now_ms: i64,
    ) -> WorldResult<(Transition, Outcome, Vec<u8>)> {
        let Job { message, definition, .. } = job;
        let encode = |outcome: &Outcome| {
            serde_json::to_vec(outcome)
                .map_err(|error| payload::unreadable("encode an outcome", &error.to_string()))
        };
        let mut json = encode(&outcome)?;
        let mut excess = self.size_excess("The result", json.len());
        let is_too_deep = match &outcome {
            Outcome::Succeeded { output: value }
            | Outcome::Responded { response: value }
            | Outcome::Submitted { response: value, .. } => json::is_too_deep(value),
            Outcome::Joined { results, .. } => results.iter().any(json::is_too_deep),
            _ => false,
        };
        if is_too_deep {
            let depth_max = limits::JSON_DEPTH_MAX;
            excess = Some(format!("The result is nested more than {depth_max} levels deep."));
        }
        // The result itself, then what it would make of the data; and where what a Catch makes of it is too large too,
        // the run is stopped.
        for last_resort in [false, false, true] {
            if let Some(cause) = excess.take() {
                let (error, cause) = (errors::DATA_LIMIT_EXCEEDED.to_owned(), Some(cause));
                outcome = match last_resort {
                    true => Outcome::Stopped { error: Some(error), cause },
                    false => Outcome::Failed { error, cause, phase: Phase::Run },
                };
                json = encode(&outcome)?;
            }
            let transition = self.advance(definition, message, position, &outcome, now_ms)?;
            excess = self.data_excess(&transition)?;
            if excess.is_none() {
                return Ok((transition, outcome, json));
            }
        }
        let operation = format!("go on from state '{}' of {}", position.state, message.run.id());
        Err(payload::unreadable(&operation, &excess.unwrap_or_default()))
    }

    /// Why the data that a transition leads to can't be carried on.
    pub(crate) fn data_excess(&self, transition: &Transition) -> WorldResult<Option<String>> {
        let (what, value) = match &transition.next {
            Next::Wait(next) => ("The state's data", Some(&next.data)),
            Next::End(end) => ("The run's output", end.output.as_ref()),
        };
        let Some(value) = value else { return Ok(None) };
        let bytes = json::size(value)
            .map_err(|error| payload::unreadable("measure a payload", &error.to_string()))?;
        Ok(self.size_excess(what, bytes.saturating_add(limits::WRAPPED_BYTES)))
    }

    pub(crate) fn size_excess(&self, what: &str, bytes: usize) -> Option<String> {
        let bytes_max = self.host.settings().payload_bytes_max;
        (bytes > bytes_max)
            .then(|| format!("{what} has {bytes} bytes; {bytes_max} is the most (payload_bytes_max)."))
    }
}

/// What the payloads of a record are stored as.
pub(crate) struct RecordPayloads {
    pub(crate) outcome: Payload,
    pub(crate) end: Option<Payload>,
}

/// What of a write unit is left for the payloads of an item of a branch.
pub(crate) fn plain_bytes_max(run: &RunKey, branch: &Branch) -> usize {
    let names = run.id.workflow.len() + run.id.name.len();
    let forks = branch.0.len() * limits::FORK_BYTES;
    limits::WRITE_UNIT_BYTES.saturating_sub(limits::RECORD_OVERHEAD_BYTES + names + forks)
}
