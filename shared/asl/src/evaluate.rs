//! Evaluating the fields that several states share.

use crate::{
    definition::{Filter, Number, ResultPath, Text, Until},
    limits::SECONDS_MAX,
    measure::Meter,
    path::{Path, ReferencePath, ReferenceStep, quoted},
    scope::{EvalError, Scope},
    timestamp,
};
use serde_json::{Map, Value};
use std::borrow::Cow;

impl Filter {
    /// The part of the scope's input that a state works on, or passes on.
    ///
    /// AWS's cause for a path that finds nothing names the path, not the field; `field` is there for whoever reads a
    /// call.
    pub fn apply(&self, field: &'static str, scope: &Scope) -> Result<Value, EvalError> {
        self.select(field, scope).map(Cow::into_owned)
    }

    /// The same, borrowed where it is a part of the data; `$` costs nothing.
    pub fn select<'a>(&self, _field: &'static str, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
        match self {
            Filter::Empty => Ok(Cow::Owned(Value::Object(Map::new()))),
            Filter::Path(path) => path.select(scope).map_err(|miss| path.invalid_path_error(&miss, scope)),
        }
    }
}

impl ResultPath {
    /// Puts a state's result into its raw input. Objects that are missing on the way are made; a step that meets
    /// anything else than an object (or an array that has the index) is AWS's `States.ReferencePathConflict`.
    pub fn apply(&self, raw: &Value, result: Value) -> Result<Value, EvalError> {
        match self {
            ResultPath::Whole => Ok(result),
            ResultPath::Discard => Ok(raw.clone()),
            ResultPath::At(path) => {
                // What is put together may not double without bound from state to state.
                let mut meter = Meter::new();
                meter.place(raw, 0)?;
                meter.place(&result, path.steps().len())?;
                let mut output = raw.clone();
                insert(&mut output, path, result).map_err(|Conflict| path.conflict_error(raw))?;
                Ok(output)
            }
        }
    }
}

struct Conflict;

fn insert(output: &mut Value, path: &ReferencePath, result: Value) -> Result<(), Conflict> {
    let mut place = output;
    for step in path.steps() {
        place = match (step, place) {
            (ReferenceStep::Child(name), Value::Object(members)) => {
                members.entry(name.as_str()).or_insert_with(|| Value::Object(Map::new()))
            }
            (ReferenceStep::Index(index), Value::Array(items)) => items.get_mut(*index).ok_or(Conflict)?,
            _ => return Err(Conflict),
        };
    }
    *place = result;
    Ok(())
}

impl Number {
    /// A whole number that is not negative.
    pub fn evaluate(&self, field: &'static str, scope: &Scope) -> Result<u64, EvalError> {
        match self {
            Number::Constant(number) => Ok(*number),
            Number::Expression(template) => {
                let value = template.evaluate(field, scope)?;
                whole_number(&value).ok_or_else(|| {
                    let shown = quoted(&value);
                    EvalError::runtime(format!(
                        "The {field} field evaluates to {shown}, which is no whole number."
                    ))
                })
            }
            Number::Path(path) => {
                let value = path.select(scope).map_err(|miss| path.invalid_path_error(&miss, scope))?;
                whole_number(&value).ok_or_else(|| {
                    let shown = match &*value {
                        Value::String(text) => text.clone(),
                        other => quoted(other),
                    };
                    EvalError::runtime(format!(
                        "The {field} field refers to value \"{shown}\" which is not a valid integer: {path}"
                    ))
                })
            }
        }
    }
}

impl Text {
    /// A string.
    pub fn evaluate(&self, field: &'static str, scope: &Scope) -> Result<String, EvalError> {
        let (value, expression) = match self {
            Text::Constant(text) => return Ok(text.clone()),
            Text::Expression(template) => (template.evaluate(field, scope)?, None),
            Text::Path(path) => match path.select(scope) {
                Ok(value) => (value.into_owned(), Some(path)),
                Err(_) => return Err(path.not_found_error(field, scope)),
            },
        };
        match value {
            Value::String(text) => Ok(text),
            other => Err(EvalError::runtime(match expression {
                Some(path) => format!(
                    "The {field} field refers to a value that is not a string: {path} == {}",
                    quoted(&other)
                ),
                None => {
                    format!("The {field} field evaluates to a value that is not a string: {}", quoted(&other))
                }
            })),
        }
    }
}

impl Until {
    /// When the wait ends, in epoch milliseconds. A timestamp in the past gives that time.
    pub fn due_ms(&self, now_ms: i64, scope: &Scope) -> Result<i64, EvalError> {
        match self {
            Until::Seconds(seconds) => Ok(after(now_ms, *seconds)),
            Until::SecondsPath(path) => Ok(after(now_ms, seconds_at(path, scope)?)),
            Until::SecondsExpression(template) => {
                Ok(after(now_ms, Number::Expression(template.clone()).evaluate("Seconds", scope)?))
            }
            Until::TimestampExpression(template) => {
                let value = template.evaluate("Timestamp", scope)?;
                value.as_str().and_then(timestamp::parse).ok_or_else(|| {
                    let shown = quoted(&value);
                    EvalError::runtime(format!("The Timestamp field evaluates to {shown}, which is no timestamp."))
                })
            }
            Until::Timestamp(text) => timestamp::parse(text).ok_or_else(|| {
                EvalError::runtime(format!(
                    "The Timestamp parameter is not a valid ISO-8601 extended offset date-time format string: {text}"
                ))
            }),
            Until::TimestampPath(path) => {
                let value = wait_value("TimestampPath", path, scope)?;
                value.as_str().and_then(timestamp::parse).ok_or_else(|| {
                    EvalError::runtime(format!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time \
                         format string: {path} == {}",
                        shown(&value)
                    ))
                })
            }
        }
    }
}

fn seconds_at(path: &Path, scope: &Scope) -> Result<u64, EvalError> {
    let value = wait_value("SecondsPath", path, scope)?;
    if let Some(seconds) = whole_number(&value).filter(|seconds| *seconds <= SECONDS_MAX) {
        return Ok(seconds);
    }
    let found = format!("{path} == {}", shown(&value));
    Err(EvalError::runtime(match value.as_f64() {
        Some(number) if number > SECONDS_MAX as f64 => {
            format!("The SecondsPath parameter references a value greater than {SECONDS_MAX}: {found}")
        }
        Some(number) if number < 0.0 => {
            format!("The SecondsPath parameter references a negative value: {found}")
        }
        _ => format!("The SecondsPath parameter cannot be parsed as a long value: {found}"),
    }))
}

fn wait_value(field: &str, path: &Path, scope: &Scope) -> Result<Value, EvalError> {
    let value = path.select(scope).map_err(|_| {
        EvalError::runtime(format!("The {field} parameter does not reference an input value: {path}"))
    })?;
    Ok(value.into_owned())
}

fn whole_number(value: &Value) -> Option<u64> {
    let number = value.as_number()?;
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        (float >= 0.0 && float.fract() == 0.0 && float < 9e15).then_some(float as u64)
    })
}

/// A value as a cause shows it after `==`: a string without its quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => quoted(other),
    }
}

fn after(now_ms: i64, seconds: u64) -> i64 {
    now_ms.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
}

#[cfg(test)]
#[path = "evaluate_test.rs"]
mod tests;
