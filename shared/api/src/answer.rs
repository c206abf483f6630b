//! What answers are made of.

use crate::{error::ApiError, limits::DATA_BYTES_MAX};
use serde_json::{Map, Value, json};
use stepladder_protocol::json;

/// The members of an answer; those without a value are left out.
#[derive(Debug, Default)]
pub(crate) struct Answer(Map<String, Value>);

impl Answer {
    pub(crate) fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn set_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// A time, as the protocol writes it: seconds since the epoch, with their fraction.
    pub(crate) fn set_time(self, name: &str, ms: Option<i64>) -> Self {
        self.set_some(name, ms.map(seconds))
    }

    /// An execution's input or output, and whether it is in the answer: what is too large for one is not.
    pub(crate) fn set_data(self, name: &str, value: &Value) -> Result<Self, ApiError> {
        let text = data(value)?;
        let included = text.is_some();
        Ok(self.set_some(name, text).set(&format!("{name}Details"), json!({ "included": included })))
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// The JSON text of a value; none where it is too large for an answer.
pub(crate) fn data(value: &Value) -> Result<Option<String>, ApiError> {
    let size = json::size(value).map_err(|_| ApiError::internal("a value could not be written"))?;
    Ok((size <= DATA_BYTES_MAX).then(|| value.to_string()))
}

pub(crate) fn seconds(ms: i64) -> Value {
    // Exact: a double has 53 bits.
    json!(ms as f64 / 1000.0)
}
