//! How a row becomes an item. AWS doesn't say how it does; here whatever JSON has no type of is text.

use crate::limits::ROW_BYTES_MAX;
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, date},
};
use parquet::record::{Field, Row};
use serde_json::{Map, Number, Value};

/// A row as an item; or why it is none, in words that go on from "row 7: ".
pub(crate) fn item(row: Row) -> Result<Value, String> {
    let mut left = Some(ROW_BYTES_MAX);
    let value = object(row, &mut left)?;
    match left {
        Some(_) => Ok(value),
        None => Err(format!("it is larger than {ROW_BYTES_MAX} bytes")),
    }
}

/// `left` are the bytes that the item may still have; none once they are not enough.
fn object(row: Row, left: &mut Option<usize>) -> Result<Value, String> {
    let mut object = Map::new();
    for (name, field) in row.into_columns() {
        take(left, name.len() + 4);
        object.insert(name, value(field, left)?);
    }
    Ok(Value::Object(object))
}

fn take(left: &mut Option<usize>, bytes: usize) {
    *left = left.and_then(|left| left.checked_sub(bytes));
}

fn value(field: Field, left: &mut Option<usize>) -> Result<Value, String> {
    let value: Value = match field {
        Field::Null => Value::Null,
        Field::Bool(value) => value.into(),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value.into(),
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value.into(),
        Field::Float16(value) => float(value.to_f64()),
        // Its shortest digits, and not those of a number of twice its size.
        Field::Float(value) => value.to_string().parse().map_or(Value::Null, float),
        Field::Double(value) => float(value),
        decimal @ Field::Decimal(_) => decimal.to_string().into(),
        Field::Str(text) => text.into(),
        Field::Bytes(bytes) => BASE64_STANDARD.encode(bytes.data()).into(),
        Field::Date(days) => day(days)?.to_string().into(),
        Field::TimeMillis(ms) => time(SignedDuration::from_millis(ms.into()))?.to_string().into(),
        Field::TimeMicros(us) => time(SignedDuration::from_micros(us))?.to_string().into(),
        Field::TimestampMillis(ms) => instant(Timestamp::from_millisecond(ms))?.to_string().into(),
        Field::TimestampMicros(us) => instant(Timestamp::from_microsecond(us))?.to_string().into(),
        Field::Group(row) => return object(row, left),
        Field::ListInternal(list) => {
            let mut values = Vec::new();
            for element in list.elements() {
                take(left, 1);
                if left.is_none() {
                    break;
                }
                values.push(self::value(element.clone(), left)?);
            }
            return Ok(Value::Array(values));
        }
        Field::MapInternal(map) => {
            let mut members = Map::new();
            for (key, field) in map.entries() {
                let key = match self::value(key.clone(), left)? {
                    Value::String(key) => key,
                    key => key.to_string(),
                };
                take(left, 2);
                members.insert(key, value(field.clone(), left)?);
            }
            return Ok(Value::Object(members));
        }
    };
    take(
        left,
        match &value {
            Value::String(text) => text.len() + 2,
            _ => 1,
        },
    );
    Ok(value)
}

/// What is no number has none.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn day(days: i32) -> Result<Date, String> {
    let day = date(1970, 1, 1).checked_add(SignedDuration::from_hours(i64::from(days) * 24));
    day.map_err(|_| format!("{days} days from 1970 is no date"))
}

fn time(since_midnight: SignedDuration) -> Result<Time, String> {
    let time = Time::midnight().checked_add(since_midnight);
    time.map_err(|_| "a time of day has more than 24 hours".to_owned())
}

fn instant(instant: Result<Timestamp, jiff::Error>) -> Result<Timestamp, String> {
    instant.map_err(|_| "a timestamp is beyond the years that there are".to_owned())
}
