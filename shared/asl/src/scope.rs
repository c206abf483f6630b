//! What an evaluation sees, and how it fails.

use crate::{
    budget::Budget,
    errors::{self, ErrorName},
    jsonata::States,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{cell::Cell, sync::LazyLock};

/// What an evaluation can see.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// What `$` means; `$states.input` in JSONata.
    pub input: &'a Value,
    /// The Context object, `$$`; `$states.context` in JSONata.
    pub context: &'a Value,
    /// The workflow's variables, by their names without `$`.
    pub variables: &'a Map<String, Value>,
    /// `$states.result`, where there is one.
    pub result: Option<&'a Value>,
    /// `$states.errorOutput`, where there is one.
    pub error_output: Option<&'a Value>,
    /// What `$now()` and `$millis()` give, in milliseconds since the epoch.
    pub now_ms: i64,
    pub draws: &'a Draws,
    /// What the evaluations that share it may do together; without one, each of them has a budget of its own.
    pub budget: Option<&'a Budget>,
}

impl<'a> Scope<'a> {
    /// A scope of an input and nothing else.
    pub fn new(input: &'a Value, context: &'a Value, draws: &'a Draws) -> Scope<'a> {
        Scope {
            input,
            context,
            variables: no_variables(),
            result: None,
            error_output: None,
            now_ms: 0,
            draws,
            budget: None,
        }
    }

    /// `$states` of JSONata.
    pub(crate) fn states(&self) -> States<'a> {
        let Scope { input, context, result, error_output, .. } = *self;
        States { input, context, result, error_output }
    }
}

/// The variables of a run that has none.
pub fn no_variables() -> &'static Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    &NONE
}

/// Randomness as an argument: draw number n is SHA-256(seed, n), so the same seed gives the same values again.
#[derive(Debug)]
pub struct Draws {
    seed: [u8; 32],
    next: Cell<u64>,
}

/// A state could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct EvalError {
    pub error: ErrorName,
    /// AWS's text without "An error occurred while executing the state 'X' (entered at the event id #n). ", which
    /// [`EvalError::cause_in`] puts in front.
    pub cause: String,
    /// AWS reports some causes without that sentence.
    pub bare: bool,
    /// Where the field stands in the state that could not be evaluated, such as `Output/order/lines[2]`: the
    /// `location` of an EvaluationFailed event.
    pub location: Option<Box<str>>,
    /// The evaluation took longer than the process is given for it. That says nothing about the state: it is never an
    /// outcome, and whoever meets it gives the message back.
    pub gave_up: bool,
}

impl EvalError {
    /// A `States.Runtime`: no Retry and no Catch applies to it.
    pub fn runtime(cause: impl Into<String>) -> EvalError {
        EvalError::named(errors::RUNTIME, cause)
    }

    pub fn named(error: &'static str, cause: impl Into<String>) -> EvalError {
        EvalError {
            error: ErrorName::from(error),
            cause: cause.into(),
            bare: false,
            location: None,
            gave_up: false,
        }
    }

    /// A `States.QueryEvaluationError`: a JSONata state's field could not be evaluated. Retry and Catch may take it.
    pub fn query(cause: impl Into<String>, location: impl Into<Box<str>>) -> EvalError {
        let location = Some(location.into());
        EvalError { location, ..EvalError::named(errors::QUERY_EVALUATION_ERROR, cause) }
    }

    /// The whole cause as AWS reports it for a state and the id of its StateEntered event.
    pub fn cause_in(&self, state: &str, entered_event_id: u64) -> String {
        if self.bare {
            return self.cause.clone();
        }
        format!(
            "An error occurred while executing the state '{state}' (entered at the event id #{entered_event_id}). {}",
            self.cause
        )
    }
}

impl Draws {
    pub fn new(seed: [u8; 32]) -> Draws {
        Draws { seed, next: Cell::new(0) }
    }

    /// The next 128 bits.
    pub fn u128(&self) -> u128 {
        let n = self.next.get();
        self.next.set(n.wrapping_add(1));
        draw(&self.seed, &n.to_be_bytes())
    }

    /// The next number in [0, 1).
    pub fn unit_f64(&self) -> f64 {
        unit_f64(self.u128())
    }
}

/// 128 bits that depend on nothing but the two arguments.
pub(crate) fn draw(seed: &[u8], n: &[u8]) -> u128 {
    let digest = Sha256::new().chain_update(seed).chain_update(n).finalize();
    digest.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

/// The upper 53 bits as a number in [0, 1): every double of that spacing is equally likely.
pub(crate) fn unit_f64(bits: u128) -> f64 {
    (bits >> 75) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_and_each_draw_differs() {
        let (a, b) = (Draws::new([7; 32]), Draws::new([7; 32]));
        let first: Vec<u128> = (0..10).map(|_| a.u128()).collect();
        let second: Vec<u128> = (0..10).map(|_| b.u128()).collect();
        assert_eq!(first, second);
        assert!(first.windows(2).all(|pair| pair[0] != pair[1]));
        assert_ne!(Draws::new([8; 32]).u128(), first[0]);
    }

    #[test]
    fn a_unit_number_stays_below_one() {
        assert!(unit_f64(u128::MAX) < 1.0);
        assert_eq!(unit_f64(0), 0.0);
    }

    #[test]
    fn a_bare_cause_has_no_sentence_in_front() {
        let mut error = EvalError::runtime("Text.");
        assert_eq!(
            error.cause_in("S", 4),
            "An error occurred while executing the state 'S' (entered at the event id #4). Text."
        );
        error.bare = true;
        assert_eq!(error.cause_in("S", 4), "Text.");
    }
}
