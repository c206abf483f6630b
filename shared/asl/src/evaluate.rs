//! Evaluating the fields that several states share.

use crate::{
    definition::{Filter, Number, Percentage, ResultPath, Text, Until},
    limits::SECONDS_MAX,
    measure::Meter,
    path::{Path, ReferencePath, ReferenceStep, quoted},
    scope::{EvalError, Scope},
    template::{Expected, Expression, Template},
    timestamp,
};
use serde_json::{Map, Value};
use std::borrow::Cow;

impl Filter {
    /// The part of the scope's input that a state works on, or passes on; borrowed where it is a part of the data, and `$`
    /// costs nothing.
    ///
    /// AWS's cause for a path that finds nothing names the path, not the field; `field` is there for whoever reads a
    /// call.
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
    /// A whole number that is not negative. `field` is the one that holds a path, such as `TimeoutSecondsPath`; the
    /// field of a JSONata expression has no `Path` at its end.
    pub fn evaluate(&self, field: &str, scope: &Scope) -> Result<u64, EvalError> {
        match self {
            Number::Constant(number) => Ok(*number),
            Number::Expression(template) => {
                let field = without_path(field);
                let value = template.evaluate_as(Expected::Number, field, scope)?;
                whole_number(&value).ok_or_else(|| {
                    let cause = format!(
                        "The {field} field evaluates to value \"{}\" which is not a valid integer",
                        quoted(&value)
                    );
                    EvalError::query(cause, field)
                })
            }
            Number::Path(path) => {
                let value = path.select(scope).map_err(|miss| path.invalid_path_error(&miss, scope))?;
                whole_number(&value).ok_or_else(|| not_a_valid("integer", field, path, &value))
            }
        }
    }
}

impl Percentage {
    /// A number; whether it lies between 0 and 100 is for the caller to say.
    pub fn evaluate(&self, field: &str, scope: &Scope) -> Result<f64, EvalError> {
        match self {
            Percentage::Constant(number) => Ok(*number),
            Percentage::Expression(template) => {
                let value = template.evaluate_as(Expected::Number, without_path(field), scope)?;
                Ok(value.as_f64().unwrap_or_default())
            }
            Percentage::Path(path) => {
                let value = path.select(scope).map_err(|miss| path.invalid_path_error(&miss, scope))?;
                value.as_f64().ok_or_else(|| not_a_valid("float", field, path, &value))
            }
        }
    }
}

fn without_path(field: &str) -> &str {
    field.strip_suffix("Path").unwrap_or(field)
}

fn not_a_valid(number: &str, field: &str, path: &Path, value: &Value) -> EvalError {
    EvalError::runtime(format!(
        "The {field} field refers to value \"{}\" which is not a valid {number}: {path}",
        shown(value)
    ))
}

impl Text {
    /// A string. `field` is the one that holds a path, such as `CausePath`.
    pub fn evaluate(&self, field: &str, scope: &Scope) -> Result<String, EvalError> {
        let (value, expression) = match self {
            Text::Constant(text) => return Ok(text.clone()),
            Text::Expression(template @ Template::Dynamic(Expression::Jsonata(_))) => {
                (template.evaluate_as(Expected::String, without_path(field), scope)?, None)
            }
            Text::Expression(template) => (template.evaluate(field, scope)?, None),
            Text::Path(path) => match path.select(scope) {
                Ok(value) => (value.into_owned(), Some(path)),
                Err(miss) => return Err(path.not_found_error(&miss, field, scope)),
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
            Until::SecondsPath(path) => {
                let value = wait_value("SecondsPath", path, scope)?;
                seconds(&value).map(|seconds| after(now_ms, seconds)).map_err(|problem| {
                    let found = format!("{path} == {}", shown(&value));
                    EvalError::runtime(format!("The SecondsPath parameter {problem}: {found}"))
                })
            }
            Until::SecondsExpression(template) => {
                let value = template.evaluate_as(Expected::Number, "Seconds", scope)?;
                seconds(&value).map(|seconds| after(now_ms, seconds)).map_err(|problem| {
                    let cause = format!("The Seconds field {problem}: {}", shown(&value));
                    EvalError::query(cause, "Seconds")
                })
            }
            Until::TimestampExpression(template) => {
                let value = template.evaluate_as(Expected::String, "Timestamp", scope)?;
                value.as_str().and_then(timestamp::parse).ok_or_else(|| {
                    let cause = format!(
                        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format \
                         string: {}",
                        shown(&value)
                    );
                    EvalError::query(cause, "Timestamp")
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

/// The seconds of a wait, or how AWS's cause goes on.
fn seconds(value: &Value) -> Result<u64, String> {
    if let Some(seconds) = whole_number(value).filter(|seconds| *seconds <= SECONDS_MAX) {
        return Ok(seconds);
    }
    Err(match value.as_f64() {
        Some(number) if number > SECONDS_MAX as f64 => {
            format!("references a value greater than {SECONDS_MAX}")
        }
        Some(number) if number < 0.0 => "references a negative value".to_owned(),
        _ => "cannot be parsed as a long value".to_owned(),
    })
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
