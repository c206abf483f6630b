//! Reads the members of an object, and keeps a reason for each that can't be read.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::limits::{EXCERPT_CHARS_MAX, REASONS_MAX};

/// What is wrong with an order: at most [`REASONS_MAX`] reasons, the rest is counted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Reasons {
    kept: Vec<String>,
    more: usize,
}

impl Reasons {
    /// The reasons that are kept, in the order in which they were found.
    pub fn as_slice(&self) -> &[String] {
        &self.kept
    }

    /// True for an order without a fault.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn add(&mut self, reason: String) {
        if self.kept.len() < REASONS_MAX {
            self.kept.push(reason);
        } else {
            self.more += 1;
        }
    }
}

/// The reasons, separated by `; `.
impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kept.join("; "))?;
        if self.more > 0 {
            write!(f, "; and {} more", self.more)?;
        }
        Ok(())
    }
}

/// The members of one object. `place` is what stands before a member's name in a reason: `customer.`, `lines[2].`.
pub(super) struct Reader<'a, 'r> {
    object: &'a Map<String, Value>,
    place: &'r str,
    reasons: &'r mut Reasons,
}

impl<'a, 'r> Reader<'a, 'r> {
    pub(super) fn new(object: &'a Map<String, Value>, place: &'r str, reasons: &'r mut Reasons) -> Self {
        Self { object, place, reasons }
    }

    /// Notes a reason about a member.
    pub(super) fn fault(&mut self, key: &str, fault: &str) {
        self.reasons.add(format!("{}{key}: {fault}", self.place));
    }

    /// True where the member is there and not null: only what may be absent asks.
    pub(super) fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(|value| !value.is_null())
    }

    /// A text of 1 to `chars_max` characters, without control characters, not only blanks.
    pub(super) fn text(&mut self, key: &str, chars_max: usize) -> Option<&'a str> {
        let value = self.member(key)?;
        let Value::String(text) = value else {
            self.fault(key, &format!("{} is not a text", excerpt(value)));
            return None;
        };
        // Bytes first: a text of megabytes isn't counted through.
        let is_too_long = text.len() > chars_max * 4 || text.chars().count() > chars_max;
        if is_too_long {
            self.fault(key, &format!("is longer than {chars_max} characters"));
        } else if text.trim().is_empty() {
            self.fault(key, "is empty");
        } else if text.chars().any(char::is_control) {
            self.fault(key, "has control characters");
        } else {
            return Some(text);
        }
        None
    }

    /// A whole number within the range.
    pub(super) fn integer(&mut self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.member(key)?;
        let Value::Number(number) = value else {
            self.fault(key, &format!("{} is not a number", excerpt(value)));
            return None;
        };
        let is_whole = number.is_i64() || number.is_u64();
        match number.as_i64() {
            Some(integer) if range.contains(&integer) => return Some(integer),
            None if !is_whole => self.fault(key, &format!("{} is not a whole number", excerpt(value))),
            _ => {
                let (least, most) = (range.start(), range.end());
                self.fault(key, &format!("{} is not between {least} and {most}", excerpt(value)));
            }
        }
        None
    }

    pub(super) fn object(&mut self, key: &str) -> Option<&'a Map<String, Value>> {
        let value = self.member(key)?;
        if value.as_object().is_none() {
            self.fault(key, &format!("{} is not an object", excerpt(value)));
        }
        value.as_object()
    }

    pub(super) fn array(&mut self, key: &str) -> Option<&'a [Value]> {
        let value = self.member(key)?;
        if value.as_array().is_none() {
            self.fault(key, &format!("{} is not an array", excerpt(value)));
        }
        value.as_array().map(Vec::as_slice)
    }

    fn member(&mut self, key: &str) -> Option<&'a Value> {
        let value = self.object.get(key);
        if value.is_none() {
            self.fault(key, "is missing");
        }
        value
    }
}

/// A value as a reason repeats it: short, whatever was sent.
pub(super) fn excerpt(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string().chars().take(EXCERPT_CHARS_MAX).collect(),
        Value::String(text) => {
            let start: String = text.chars().take(EXCERPT_CHARS_MAX).collect();
            if start.len() < text.len() { format!("{start:?}…") } else { format!("{start:?}") }
        }
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
