//! The counter of an evaluation's work.

use crate::{
    budget::Budget,
    limits::{EVALUATION_BYTES_MAX, EVALUATION_WORK_MAX, JSONATA_SEQUENCE_ITEMS_MAX, JSONATA_WORK_PER_STEP},
};
use jsonata_core::{evaluator::EvaluatorError, value::JValue, value::with_stack};
use std::cell::Cell;

/// What errors of the meter begin with, so that they are told from the library's. `$error` cannot write it: its
/// messages have a code in front.
pub(super) const MARK: &str = "limit: ";

/// One unit is about a nanosecond of a release build on the machine that it was measured on; what matters is that it
/// is counted, not timed.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    items_max: usize,
}

impl Meter {
    /// With what is left of a budget, or with one of its own.
    pub(super) fn new(budget: Option<&Budget>) -> Meter {
        let left = budget.map_or(EVALUATION_WORK_MAX, Budget::left);
        Meter { left: Cell::new(left), items_max: JSONATA_SEQUENCE_ITEMS_MAX }
    }

    pub(super) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Counts without a limit.
    pub(super) fn unlimited() -> Meter {
        Meter { left: Cell::new(u64::MAX), items_max: usize::MAX }
    }

    pub(super) fn take(&self, units: u64) -> Result<(), EvaluatorError> {
        match self.left.get().checked_sub(units) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(limit(format!(
                "the expressions of the state need more than {EVALUATION_WORK_MAX} units of work"
            ))),
        }
    }

    /// A call, or one item of a loop, with the values that it gets.
    pub(super) fn step(&self, values: &[JValue]) -> Result<(), EvaluatorError> {
        self.take(JSONATA_WORK_PER_STEP)?;
        values.iter().try_for_each(|value| self.value(value))
    }

    /// The size of a value as if nothing in it were shared: one unit per value and per 4 bytes of text. An evaluation
    /// can make 2^60 values of 60 by placing one value twice; to count them is to refuse them.
    pub(super) fn value(&self, value: &JValue) -> Result<(), EvaluatorError> {
        match value {
            JValue::String(text) => {
                if text.len() > EVALUATION_BYTES_MAX {
                    return Err(limit(format!("a text is longer than {EVALUATION_BYTES_MAX} bytes")));
                }
                self.take(1 + text.len() as u64 / 4)
            }
            JValue::Array(items) => {
                self.length(items.len() as f64)?;
                self.take(1 + items.len() as u64)?;
                let nested =
                    || items.iter().filter(|item| is_large(item)).try_for_each(|item| self.value(item));
                with_stack(nested)
            }
            JValue::Object(members) => {
                self.take(1)?;
                with_stack(|| {
                    members.iter().try_for_each(|(name, member)| {
                        self.take(1 + name.len() as u64 / 4)?;
                        self.value(member)
                    })
                })
            }
            _ => self.take(1),
        }
    }

    /// A value from outside, which may be as large as it is.
    pub(super) fn given(&self, value: &JValue) -> Result<(), EvaluatorError> {
        match value {
            JValue::String(text) => self.take(1 + text.len() as u64 / 4),
            JValue::Array(items) => {
                self.take(1 + items.len() as u64)?;
                with_stack(|| {
                    items.iter().filter(|item| is_large(item)).try_for_each(|item| self.given(item))
                })
            }
            JValue::Object(members) => {
                self.take(1)?;
                with_stack(|| {
                    members.iter().try_for_each(|(name, member)| {
                        self.take(1 + name.len() as u64 / 4)?;
                        self.given(member)
                    })
                })
            }
            _ => self.take(1),
        }
    }

    /// An array that is about to be made, which takes several times as long as to look at one, and 32 bytes for each item.
    pub(super) fn items(&self, count: f64) -> Result<(), EvaluatorError> {
        self.length(count)?;
        self.take(count.max(0.0) as u64 * 8)
    }

    fn length(&self, count: f64) -> Result<(), EvaluatorError> {
        if count > self.items_max as f64 {
            return Err(limit(format!("a sequence has more than {} items", self.items_max)));
        }
        Ok(())
    }

    /// A text that is about to be made.
    pub(super) fn text(&self, bytes: f64) -> Result<(), EvaluatorError> {
        if bytes > EVALUATION_BYTES_MAX as f64 {
            return Err(limit(format!("a text is longer than {EVALUATION_BYTES_MAX} bytes")));
        }
        self.take((bytes.max(0.0) / 4.0) as u64)
    }
}

fn is_large(value: &JValue) -> bool {
    matches!(value, JValue::String(_) | JValue::Array(_) | JValue::Object(_))
}

pub(super) fn limit(message: String) -> EvaluatorError {
    EvaluatorError::EvaluationError(format!("{MARK}{message}"))
}
