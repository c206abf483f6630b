//! What each intrinsic function does.

use super::{Function, hash};
use crate::{
    equality::same,
    java::{Random, push_java_text, round_half_up},
    limits::{ARRAY_RANGE_ITEMS_MAX, INTRINSIC_TEXT_CHARS_MAX},
    scope::{self, Draws},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Number, Value};
use std::{borrow::Cow, collections::HashSet};

/// Applies a function to its arguments, whose number was checked when the call was compiled. `template` is the first
/// argument as written, where it is a constant text: there a backslash escapes braces.
pub(super) fn apply(
    function: Function,
    arguments: &[Cow<Value>],
    template: Option<&str>,
    draws: &Draws,
) -> Result<Value, String> {
    let mut given = arguments.iter().map(Cow::as_ref);
    let mut next = || given.next().unwrap_or(&Value::Null);
    match function {
        Function::Array => Ok(Value::Array(given.cloned().collect())),
        Function::ArrayContains => {
            let (items, wanted) = (array(next())?, next());
            Ok(Value::Bool(items.iter().any(|item| same(item, wanted))))
        }
        Function::ArrayGetItem => {
            let (items, index) = (array(next())?, rounded(next())?);
            let item = usize::try_from(index).ok().and_then(|index| items.get(index));
            item.cloned().ok_or_else(|| {
                format!("The index {index} is outside of the array, which has {} items.", items.len())
            })
        }
        Function::ArrayLength => Ok(Value::from(array(next())?.len())),
        Function::ArrayPartition => partition(array(next())?, rounded(next())?),
        Function::ArrayRange => range(rounded(next())?, rounded(next())?, rounded(next())?),
        Function::ArrayUnique => Ok(unique(array(next())?)),
        Function::Base64Encode => Ok(Value::String(STANDARD.encode(bounded(text(next())?)?))),
        Function::Base64Decode => {
            let bytes = STANDARD
                .decode(bounded(text(next())?)?)
                .map_err(|_| "The text is not Base64.".to_string())?;
            String::from_utf8(bytes)
                .map(Value::String)
                .map_err(|_| "The decoded bytes are not UTF-8.".to_string())
        }
        Function::Format => {
            let whole = text(next())?;
            let values: Vec<&Value> = given.collect();
            match template {
                Some(written) => format(written, &values, Backslash::Escapes),
                None => format(whole, &values, Backslash::IsText),
            }
        }
        Function::Hash => {
            let (data, algorithm) = (next(), text(next())?);
            let data = match data {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(other.to_string()),
            };
            hash::hex(bounded(&data)?, algorithm).map(Value::String).ok_or_else(|| {
                format!("There is no algorithm '{algorithm}': use MD5, SHA-1, SHA-256, SHA-384 or SHA-512.")
            })
        }
        Function::JsonMerge => merge(next(), next(), next()),
        Function::JsonToString => Ok(Value::String(next().to_string())),
        Function::MathAdd => Ok(Value::from(int(next())? + int(next())?)),
        Function::MathRandom => {
            random(rounded(next())?, rounded(next())?, arguments.get(2).map(Cow::as_ref), draws)
        }
        Function::StringSplit => {
            let (whole, dividers) = (text(next())?, text(next())?);
            let dividers: HashSet<char> = dividers.chars().collect();
            let parts = whole.split(|char| dividers.contains(&char)).filter(|part| !part.is_empty());
            Ok(Value::Array(parts.map(Value::from).collect()))
        }
        Function::StringToJson => match text(next())?.trim() {
            "" => Ok(Value::Null),
            json => serde_json::from_str(json).map_err(|error| format!("The text is not JSON: {error}.")),
        },
        Function::Uuid => Ok(Value::String(uuid(draws.u128()))),
    }
}

/// The number of `{}` in a text as written, where a backslash escapes braces.
pub(super) fn placeholders(written: &str) -> usize {
    pieces(written, Backslash::Escapes).filter(|piece| *piece == Piece::Place).count()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    Escapes,
    IsText,
}

#[derive(PartialEq, Eq)]
enum Piece {
    Char(char),
    Place,
    /// A `{` that nothing closes.
    Open,
}

fn pieces(text: &str, backslash: Backslash) -> impl Iterator<Item = Piece> {
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        let char = chars.next()?;
        match char {
            '\\' if backslash == Backslash::Escapes => Some(Piece::Char(chars.next().unwrap_or(char))),
            '{' if chars.next_if_eq(&'}').is_some() => Some(Piece::Place),
            '{' => Some(Piece::Open),
            _ => Some(Piece::Char(char)),
        }
    })
}

fn format(text: &str, values: &[&Value], backslash: Backslash) -> Result<Value, String> {
    let mut result = String::new();
    let mut used = 0;
    for piece in pieces(text, backslash) {
        match piece {
            Piece::Char(char) => result.push(char),
            Piece::Place => {
                if let Some(value) = values.get(used) {
                    push_java_text(&mut result, value);
                }
                used += 1;
            }
            // AWS's text, as its users have published it.
            Piece::Open => {
                return Err("Invalid template in States.Format: matching '}' not found for '{'.".into());
            }
        }
    }
    if used != values.len() {
        return Err(
            "Invalid arguments in States.Format: number of arguments do not match the occurrences of {}."
                .to_string(),
        );
    }
    Ok(Value::String(result))
}

fn partition(items: &[Value], size: i64) -> Result<Value, String> {
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or("The chunk size must be a positive integer.")?;
    Ok(Value::Array(items.chunks(size).map(|chunk| Value::Array(chunk.to_vec())).collect()))
}

fn range(first: i64, last: i64, step: i64) -> Result<Value, String> {
    if step == 0 {
        return Err("The step must not be zero.".into());
    }
    let (first, last, step) = (i128::from(first), i128::from(last), i128::from(step));
    let count = (last - first).div_euclid(step) + 1;
    // Euclid rounds towards the wrong side where the step is negative and does not divide the distance.
    let count = if step < 0 { (first - last).div_euclid(-step) + 1 } else { count };
    if count > i128::from(ARRAY_RANGE_ITEMS_MAX) {
        return Err(format!("The array would have {count} items; {ARRAY_RANGE_ITEMS_MAX} are allowed."));
    }
    let items = (0..count.max(0)).filter_map(|n| i64::try_from(first + n * step).ok());
    Ok(Value::Array(items.map(Value::from).collect()))
}

/// Keeps the first of equal items. Items are compared by their text after the numbers are brought to one form, so that
/// a long array takes time in proportion to its size.
fn unique(items: &[Value]) -> Value {
    let mut seen = HashSet::new();
    Value::Array(items.iter().filter(|item| seen.insert(comparable(item).to_string())).cloned().collect())
}

fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(items) => Value::Array(items.iter().map(comparable).collect()),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| (name.clone(), comparable(value))).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}

fn merge(first: &Value, second: &Value, deep: &Value) -> Result<Value, String> {
    match (first, second, deep) {
        (Value::Object(first), Value::Object(second), Value::Bool(false)) => {
            let mut merged: Map<String, Value> = first.clone();
            merged.extend(second.iter().map(|(name, value)| (name.clone(), value.clone())));
            Ok(Value::Object(merged))
        }
        (Value::Object(_), Value::Object(_), Value::Bool(true)) => {
            Err("Only the shallow merge is supported: the third argument must be false.".into())
        }
        (Value::Object(_), Value::Object(_), _) => Err("The third argument must be a boolean.".into()),
        _ => Err("The first two arguments must be objects.".into()),
    }
}

/// `from` is included, `to` is not. With a seed the same number comes out each time.
fn random(from: i64, to: i64, seed: Option<&Value>, draws: &Draws) -> Result<Value, String> {
    if from >= to {
        return Err(format!("The start {from} must be less than the end {to}."));
    }
    let bits = match (seed.map(rounded).transpose()?, i32::try_from(i128::from(to) - i128::from(from))) {
        (Some(seed), Ok(span)) => return Ok(Value::from(from + i64::from(Random::new(seed).next_int(span)))),
        (Some(seed), Err(_)) => scope::draw(&seed.to_be_bytes(), b"MathRandom"),
        (None, _) => draws.u128(),
    };
    let span = (i128::from(to) - i128::from(from)) as f64;
    let number = i128::from(from) + (scope::unit_f64(bits) * span) as i128;
    Ok(Value::from(i64::try_from(number).unwrap_or(from)))
}

/// A version 4 UUID of the given bits.
pub(crate) fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn array(value: &Value) -> Result<&[Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| mismatch("an array", value))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| mismatch("a string", value))
}

fn bounded(text: &str) -> Result<&str, String> {
    if text.chars().nth(INTRINSIC_TEXT_CHARS_MAX).is_some() {
        return Err(format!("The text has more than {INTRINSIC_TEXT_CHARS_MAX} characters."));
    }
    Ok(text)
}

/// The nearest integer; halves go up, as Java's `Math.round` does it.
fn rounded(value: &Value) -> Result<i64, String> {
    let number: &Number = value.as_number().ok_or_else(|| mismatch("a number", value))?;
    if let Some(integer) = number.as_i64() {
        return Ok(integer);
    }
    let float = round_half_up(number.as_f64().unwrap_or(f64::NAN));
    if float.abs() < 9.2e18 {
        Ok(float as i64)
    } else {
        Err(mismatch("a number that fits into 64 bits", value))
    }
}

/// `MathAdd` takes 32-bit integers (AWS: -2147483648 to 2147483647).
fn int(value: &Value) -> Result<i64, String> {
    let integer = rounded(value)?;
    i32::try_from(integer).map(i64::from).map_err(|_| mismatch("an integer of 32 bits", value))
}

fn mismatch(expected: &str, value: &Value) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    match value {
        Value::Number(number) => format!("An argument must be {expected}, and is {number}."),
        _ => format!("An argument must be {expected}, and is {kind}."),
    }
}

#[cfg(test)]
#[path = "functions_test.rs"]
mod tests;
