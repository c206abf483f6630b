//! Filters: `[?(@.price < 10 && @.tag in ['a', 'b'])]`.
//!
//! The comparisons are Jayway's: a number equals the string that spells it, and a comparison with something that is not
//! there is false, except for `!=` and `nin`.

use super::{Step, select::Walk};
use crate::{equality::same_numbers, limits::PATH_REGEX_BYTES_MAX, scope::EvalError};
use serde_json::{Number, Value};
use std::{borrow::Cow, cmp::Ordering};

/// What a filter asks of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicate {
    pub(super) condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(FilterPath),
    Compare { left: Operand, operator: Operator, right: Operand },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Literal(Value),
    Pattern(Pattern),
    Path(FilterPath),
}

/// A path within a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilterPath {
    pub(super) from: From,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// `@`: the value that is being looked at
    Current,
    /// `$`: what the whole path starts from
    Root,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    /// `===`: equal, and of the same type
    Identical,
    NotIdentical,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    All,
    SubsetOf,
    AnyOf,
    NoneOf,
    Size,
    Empty,
}

/// A regular expression that must match the whole of a text.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    regex: regex_lite::Regex,
    /// Units of work for a byte of text, by the size of the compiled form.
    work: usize,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles an expression without its slashes; `flags` are Java's.
    pub(super) fn new(expression: &str, flags: &str) -> Result<Pattern, String> {
        if let Some(flag) = flags.chars().find(|flag| !matches!(flag, 'i' | 'm' | 's' | 'x')) {
            return Err(format!(
                "a regular expression has the flags i, m, s and x, and `{flag}` is none of them"
            ));
        }
        let flags = if flags.is_empty() { String::new() } else { format!("(?{flags})") };
        // Alone it must be an expression too: a stray parenthesis could close the group around it.
        compiled(&format!("{flags}{expression}"))?;
        // The line break ends a comment of the flag x.
        let text = format!(r"{flags}\A(?:{expression}{})\z", if flags.contains('x') { "\n" } else { "" });
        let (regex, bytes) = compiled(&text)?;
        Ok(Pattern { text, regex, work: 2 * bytes / REGEX_BYTES_MIN })
    }

    fn matches(&self, text: &str, walk: &mut Walk) -> Result<bool, EvalError> {
        walk.work((text.len() + 1).saturating_mul(self.work))?;
        Ok(self.regex.is_match(text))
    }

    /// A text, a number or a boolean that matches, or an array that holds one.
    fn matches_value(&self, value: &Value, walk: &mut Walk) -> Result<bool, EvalError> {
        match value {
            Value::String(text) => self.matches(text, walk),
            Value::Number(_) | Value::Bool(_) => self.matches(&value.to_string(), walk),
            Value::Array(items) => {
                for item in items {
                    if !item.is_array() && self.matches_value(item, walk)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::Null | Value::Object(_) => Ok(false),
        }
    }
}

/// The smallest size that is tried for the compiled form of an expression.
const REGEX_BYTES_MIN: usize = 512;

/// The compiled form, and the bytes that it fits into.
fn compiled(text: &str) -> Result<(regex_lite::Regex, usize), String> {
    let mut bytes = REGEX_BYTES_MIN;
    loop {
        match regex_lite::RegexBuilder::new(text).size_limit(bytes).build() {
            Ok(regex) => return Ok((regex, bytes)),
            Err(_) if bytes < PATH_REGEX_BYTES_MAX => bytes *= 2,
            Err(error) => return Err(format!("the regular expression cannot be used: {error}")),
        }
    }
}

impl Predicate {
    /// Whether it holds for a value.
    pub(super) fn holds<'a>(&self, current: &'a Value, walk: &mut Walk<'a>) -> Result<bool, EvalError> {
        self.condition.holds(current, walk)
    }
}

impl Condition {
    fn holds<'a>(&self, current: &'a Value, walk: &mut Walk<'a>) -> Result<bool, EvalError> {
        walk.work(1)?;
        match self {
            Condition::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(current, walk)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(current, walk)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Not(condition) => Ok(!condition.holds(current, walk)?),
            Condition::Exists(path) => walk.exists(path, current),
            Condition::Compare { left, operator: Operator::Matches, right } => match (left, right) {
                (Operand::Pattern(pattern), other) | (other, Operand::Pattern(pattern)) => {
                    match other.value(current, walk)? {
                        Some(value) => pattern.matches_value(&value, walk),
                        None => Ok(false),
                    }
                }
                _ => Ok(false),
            },
            Condition::Compare { left, operator, right } => {
                let (left, right) = (left.value(current, walk)?, right.value(current, walk)?);
                operator.compare(left.as_deref(), right.as_deref(), walk)
            }
        }
    }
}

impl Operand {
    /// Its value; none where a path finds nothing.
    fn value<'a, 'b>(
        &'b self,
        current: &'a Value,
        walk: &mut Walk<'a>,
    ) -> Result<Option<Cow<'b, Value>>, EvalError>
    where
        'a: 'b,
    {
        match self {
            Operand::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Operand::Pattern(_) => Ok(None),
            Operand::Path(path) => walk.value(path, current),
        }
    }
}

impl Operator {
    fn compare(
        self,
        left: Option<&Value>,
        right: Option<&Value>,
        walk: &mut Walk,
    ) -> Result<bool, EvalError> {
        let arrays = || Some((left?.as_array()?, right?.as_array()?));
        Ok(match self {
            Operator::Equal => are_equal(left, right, walk)?,
            Operator::NotEqual => !are_equal(left, right, walk)?,
            Operator::Identical => are_identical(left, right, walk)?,
            Operator::NotIdentical => !are_identical(left, right, walk)?,
            Operator::Less => ordered(left, right, walk)?.is_some_and(Ordering::is_lt),
            Operator::LessOrEqual => ordered(left, right, walk)?.is_some_and(Ordering::is_le),
            Operator::Greater => ordered(left, right, walk)?.is_some_and(Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(left, right, walk)?.is_some_and(Ordering::is_ge),
            Operator::In => is_in(left, right.and_then(Value::as_array), walk)?,
            Operator::NotIn => !is_in(left, right.and_then(Value::as_array), walk)?,
            Operator::Contains => match (left, right) {
                (Some(Value::String(text)), Some(Value::String(part))) => {
                    walk.work(text.len() / 64 + 1)?;
                    text.contains(part.as_str())
                }
                _ => is_in(right, left.and_then(Value::as_array), walk)?,
            },
            Operator::All => match arrays() {
                Some((left, right)) => count_in(right, left, walk)? == right.len(),
                None => false,
            },
            Operator::SubsetOf => match arrays() {
                Some((left, right)) => count_in(left, right, walk)? == left.len(),
                None => false,
            },
            Operator::AnyOf => match arrays() {
                Some((left, right)) => count_in(left, right, walk)? > 0,
                None => false,
            },
            Operator::NoneOf => match arrays() {
                Some((left, right)) => count_in(left, right, walk)? == 0,
                None => false,
            },
            Operator::Size => {
                let size = match left {
                    Some(Value::String(text)) => {
                        walk.work(text.len() / 16 + 1)?;
                        Some(text.encode_utf16().count())
                    }
                    Some(Value::Array(items)) => Some(items.len()),
                    _ => None,
                };
                let expected = right.and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
                size.is_some() && size == expected
            }
            Operator::Empty => {
                let is_empty = match left {
                    Some(Value::String(text)) => Some(text.is_empty()),
                    Some(Value::Array(items)) => Some(items.is_empty()),
                    Some(Value::Object(members)) => Some(members.is_empty()),
                    _ => None,
                };
                is_empty.is_some() && is_empty == right.and_then(Value::as_bool)
            }
            // It is decided where the pattern is at hand.
            Operator::Matches => false,
        })
    }
}

fn are_equal(left: Option<&Value>, right: Option<&Value>, walk: &mut Walk) -> Result<bool, EvalError> {
    match (left, right) {
        (Some(left), Some(right)) => equal(left, right, walk),
        _ => Ok(false),
    }
}

fn are_identical(left: Option<&Value>, right: Option<&Value>, walk: &mut Walk) -> Result<bool, EvalError> {
    let types = left.zip(right).map(|(a, b)| std::mem::discriminant(a) == std::mem::discriminant(b));
    Ok(types == Some(true) && are_equal(left, right, walk)?)
}

fn ordered(
    left: Option<&Value>,
    right: Option<&Value>,
    walk: &mut Walk,
) -> Result<Option<Ordering>, EvalError> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
    if let (Value::String(a), Value::String(b)) = (left, right) {
        walk.work(a.len().min(b.len()) / ORDERED_BYTES_PER_STEP)?;
    }
    walk.work(1)?;
    Ok(order((left, right)))
}

fn is_in(wanted: Option<&Value>, items: Option<&Vec<Value>>, walk: &mut Walk) -> Result<bool, EvalError> {
    let (Some(wanted), Some(items)) = (wanted, items) else { return Ok(false) };
    for item in items {
        if equal(wanted, item, walk)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many of the first are among the second.
fn count_in(wanted: &[Value], items: &[Value], walk: &mut Walk) -> Result<usize, EvalError> {
    let mut count = 0;
    for wanted in wanted {
        for item in items {
            if equal(wanted, item, walk)? {
                count += 1;
                break;
            }
        }
    }
    Ok(count)
}

/// So many bytes of equal texts are compared in the time of one step.
const EQUAL_BYTES_PER_STEP: usize = 1_024;

/// So many bytes of texts are brought into Java's order in the time of one step.
const ORDERED_BYTES_PER_STEP: usize = 16;

/// Equality as filters have it; all that it looks at is counted.
fn equal(a: &Value, b: &Value, walk: &mut Walk) -> Result<bool, EvalError> {
    walk.work(1)?;
    match (a, b) {
        (Value::Number(number), Value::String(text)) => {
            // No number that data can hold takes more characters; a longer text costs no time here.
            let spelled = Some(text).filter(|text| text.len() <= 400);
            Ok(spelled
                .and_then(|text| text.parse::<f64>().ok())
                .is_some_and(|spelled| number.as_f64() == Some(spelled)))
        }
        (Value::String(text), Value::Number(number)) => Ok(*text == number.to_string()),
        _ => same_counted(a, b, walk),
    }
}

/// [`crate::equality::same`], counted.
fn same_counted(a: &Value, b: &Value, walk: &mut Walk) -> Result<bool, EvalError> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Ok(same_numbers(a, b)),
        (Value::String(a), Value::String(b)) => {
            if a.len() == b.len() {
                walk.work(a.len() / EQUAL_BYTES_PER_STEP)?;
            }
            Ok(a == b)
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (a, b) in a.iter().zip(b) {
                walk.work(1)?;
                if !same_counted(a, b, walk)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            for (name, a) in a {
                walk.work(1 + name.len() / EQUAL_BYTES_PER_STEP)?;
                let Some(b) = b.get(name) else { return Ok(false) };
                if !same_counted(a, b, walk)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        _ => Ok(false),
    }
}

/// The order of two numbers or two strings; a number and a string are compared as strings.
fn order((a, b): (&Value, &Value)) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => order_numbers(a, b),
        // Java compares strings by their UTF-16 units.
        (Value::String(a), Value::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        (Value::String(a), Value::Number(b)) => Some(a.as_str().cmp(b.to_string().as_str())),
        (Value::Number(a), Value::String(b)) => Some(a.to_string().as_str().cmp(b.as_str())),
        _ => None,
    }
}

fn order_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

#[cfg(test)]
#[path = "filter_test.rs"]
mod tests;
