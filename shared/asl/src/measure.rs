//! Bounds on the data that evaluations make.

use crate::{
    errors,
    limits::{EVALUATION_BYTES_MAX, VALUE_DEPTH_MAX},
    scope::EvalError,
};
use serde_json::Value;

/// Counts what one evaluation makes, and stops it at the limits.
#[derive(Debug)]
pub(crate) struct Meter {
    bytes_left: usize,
}

impl Meter {
    pub(crate) fn new() -> Meter {
        Meter { bytes_left: EVALUATION_BYTES_MAX }
    }

    /// How much may still be made.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_left
    }

    /// Counts a value that is about to be placed `depth` levels below the root of the result.
    pub(crate) fn place(&mut self, value: &Value, depth: usize) -> Result<(), EvalError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.take(8),
            Value::String(text) => self.take(text.len() + 2),
            Value::Array(items) => {
                self.enter(depth + 1)?;
                items.iter().try_for_each(|item| self.place(item, depth + 1))
            }
            Value::Object(members) => {
                self.enter(depth + 1)?;
                members.iter().try_for_each(|(name, value)| {
                    self.take(name.len() + 4)?;
                    self.place(value, depth + 1)
                })
            }
        }
    }

    /// Counts an object or array that begins at this depth (1 at the root).
    pub(crate) fn enter(&mut self, depth: usize) -> Result<(), EvalError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(EvalError::named(
                errors::DATA_LIMIT_EXCEEDED,
                format!("The data is nested more than {VALUE_DEPTH_MAX} levels deep."),
            ));
        }
        self.take(2)
    }

    fn take(&mut self, bytes: usize) -> Result<(), EvalError> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(EvalError::named(
                errors::DATA_LIMIT_EXCEEDED,
                format!("The evaluation makes more than {EVALUATION_BYTES_MAX} bytes of data."),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn depth_is_bounded_where_the_limit_says() {
        assert_eq!(Meter::new().place(&nested(VALUE_DEPTH_MAX), 0), Ok(()));
        assert!(Meter::new().place(&nested(VALUE_DEPTH_MAX + 1), 0).is_err());
        assert!(Meter::new().place(&nested(VALUE_DEPTH_MAX), 1).is_err());
        // Far deeper data is refused on the way down, before it can exhaust the stack.
        assert!(Meter::new().place(&nested(2_000), 0).is_err());
    }

    #[test]
    fn bytes_are_bounded_over_the_whole_evaluation() {
        let mut meter = Meter::new();
        let text = Value::String("x".repeat(EVALUATION_BYTES_MAX / 2));
        assert_eq!(meter.place(&text, 0), Ok(()));
        assert!(meter.place(&text, 0).is_err());
    }
}
