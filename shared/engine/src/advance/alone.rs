//! One state alone: it is entered, its work is answered, and nothing follows.

use super::{Flow, Origin, Walk};
use crate::{
    outcome::Outcome,
    position::Position,
    run::Run,
    trace::Trace,
    transition::{End, Next},
};
use serde_json::{Map, Value};
use stepladder_asl::{Budget, Definition};

/// Where a state that is run alone leads.
pub(crate) enum Came {
    /// To another state.
    Next {
        state: String,
        output: Value,
    },
    End(End),
    /// To its own work, to a wait, or to another attempt.
    Waits(Position),
    /// Nobody knows: an evaluation took too long.
    GaveUp,
}

/// Enters one state; answers with the variables after it.
pub(crate) fn enter_alone(
    definition: &Definition,
    run: &Run,
    state: &str,
    input: Value,
    variables: Map<String, Value>,
    now_ms: i64,
    trace: &mut Trace,
) -> (Came, Map<String, Value>) {
    let origin = Origin::default();
    let mut walk = Walk {
        definition,
        run,
        now_ms,
        draws: run.draws("start", 0),
        origin,
        variables,
        events: 1,
        entered: 0,
        gave_up: false,
        budget: Budget::new(),
        trace: Some(trace),
    };
    let flow = walk.enter(state, input);
    (Came::of(flow, walk.gave_up), walk.variables)
}

/// Answers what a state waits for.
pub(crate) fn settle_alone(
    definition: &Definition,
    run: &Run,
    position: &Position,
    outcome: &Outcome,
    now_ms: i64,
    trace: &mut Trace,
) -> (Came, Map<String, Value>) {
    let mut walk = Walk {
        definition,
        run,
        now_ms,
        draws: run.draws("", position.seq),
        origin: Origin { next_seq: position.seq.saturating_add(1), ..Origin::default() },
        variables: position.variables.clone(),
        events: position.events,
        entered: 0,
        gave_up: false,
        budget: Budget::new(),
        trace: Some(trace),
    };
    let flow = walk.flow(position, outcome);
    (Came::of(flow, walk.gave_up), walk.variables)
}

impl Came {
    fn of(flow: Flow, gave_up: bool) -> Came {
        match flow {
            _ if gave_up => Came::GaveUp,
            Flow::Go(state, output) => Came::Next { state, output },
            Flow::Stop(Next::End(end)) => Came::End(end),
            Flow::Stop(Next::Wait(position)) => Came::Waits(position),
        }
    }
}
