//! Map Runs: what a distributed Map state starts its children in.

use super::{Seen, items, valid};
use crate::{
    position::{Branch, Fork, Position},
    run::Run,
};
use stepladder_asl::{Budget, Definition, EvalError, Kind, MapMode, State};

/// The Map Run of a distributed Map state, as it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRun {
    /// The Map state's label.
    pub label: String,
    /// A UUID, which its ARN ends in.
    pub id: String,
    /// Where it began: the branch, and the seq at which the state opened its first fan-out, or began to read its items.
    pub branch: Branch,
    pub seq: u32,
    /// What started it: the root, or the child of a distributed Map state that the state lies in.
    pub execution: Branch,
}

/// What a distributed Map state says of its Map Run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MapRunLimits {
    /// 0: the state sets none.
    pub max_concurrency: u64,
    pub failures_tolerated: u64,
    /// 0 to 100.
    pub failures_tolerated_percentage: f64,
    /// Only where items are put together: so many of them make a child at most, and so many there are; none where they are
    /// read from elsewhere.
    pub batch: Option<u32>,
    pub items: Option<u64>,
}

/// The Map Run that a position belongs to which waits for its children, or for its items; none of any other position.
pub fn map_run(definition: &Definition, run: &Run, position: &Position) -> Option<MapRun> {
    let state = definition.state(&position.state)?;
    let Kind::Map(map) = &state.kind else { return None };
    let label = map.label(&state.name)?;
    let (branch, seq) = match (&position.resumes, &position.reading, position.fan_out()) {
        (Some(resumes), _, _) => resumes.first(),
        (None, Some(reading), _) => (&position.branch, reading.seq),
        (None, None, Some(fan_out)) => (&position.branch, fan_out.inputs_seq.unwrap_or(position.seq)),
        (None, None, None) => return None,
    };
    let execution = execution_of(definition, state, branch);
    Some(MapRun {
        label,
        id: run.map_run_id(&branch.to_string(), seq),
        branch: branch.clone(),
        seq,
        execution,
    })
}

/// The execution that a state of a branch belongs to.
fn execution_of(definition: &Definition, state: &State, branch: &Branch) -> Branch {
    let (mut state, mut forks): (&State, &[Fork]) = (state, &branch.0);
    while let Some(parent) = &state.parent {
        let Some(around) = definition.state(&parent.state) else { break };
        if matches!(&around.kind, Kind::Map(map) if map.mode != MapMode::Inline) {
            return Branch(forks.to_vec());
        }
        state = around;
        forks = forks.split_last().map_or(&[], |(_, outer)| outer);
    }
    Branch::default()
}

/// What the state of such a position says of its Map Run.
///
/// # Errors
///
/// An evaluation took too long. What can't be evaluated otherwise couldn't be when the state was entered.
pub fn map_run_limits(
    definition: &Definition,
    run: &Run,
    position: &Position,
) -> Result<MapRunLimits, EvalError> {
    let Some(state) = definition.state(&position.state) else { return Ok(MapRunLimits::default()) };
    let Kind::Map(map) = &state.kind else { return Ok(MapRunLimits::default()) };
    let (seen, budget) = (Seen::new(definition, run, state, position), Budget::new());
    let failures_tolerated = seen.number("ToleratedFailureCount", &budget, &map.tolerated_failure_count)?;
    let percentage = match &map.tolerated_failure_percentage {
        Some(percentage) => {
            seen.field("ToleratedFailurePercentage", &budget, |scope| valid(percentage, scope))?
        }
        None => 0.0,
    };
    let batch = match seen.batcher() {
        Some((_, batcher)) => Some(seen.batch_limits(batcher, &budget)?.0),
        None => None,
    };
    let items = match batch {
        Some(_) if seen.reader().is_none() => Some(seen.field("Items", &budget, |scope| {
            Ok(items(state, map, scope)?.as_array().map_or(0, |items| items.len() as u64))
        })?),
        _ => None,
    };
    Ok(MapRunLimits {
        max_concurrency: seen.number("MaxConcurrency", &budget, &map.max_concurrency)?.unwrap_or(0),
        failures_tolerated: failures_tolerated.unwrap_or(0),
        failures_tolerated_percentage: percentage,
        batch,
        items,
    })
}
