//! A request's members, and AWS's constraints on them.

use crate::{
    error::{ApiError, Kind},
    limits::PAGE_RESULTS,
};
use serde_json::{Map, Value};

/// The members of a request, or of an object in it. A member of the wrong JSON type is refused at once; what its model
/// forbids is gathered, and told together by [`Fields::check`]. Members that nobody asks for are passed over, as on AWS.
#[derive(Debug)]
pub(crate) struct Fields {
    members: Map<String, Value>,
    /// `mock.errorOutput.` and the like.
    path: String,
    faults: Vec<String>,
}

/// What a text may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    min: usize,
    max: usize,
    /// Whether its length is counted in bytes, and its value is no business of a message.
    is_data: bool,
    pattern: Option<Pattern>,
}

/// What a text has to match: as its model writes it, and whether it does.
#[derive(Debug, Clone, Copy)]
struct Pattern {
    written: &'static str,
    is_met: fn(&str) -> bool,
}

const ASCII: Pattern = Pattern { written: "\\p{ASCII}*", is_met: str::is_ascii };

/// ASCII that one sees.
const GRAPHIC: Pattern =
    Pattern { written: "[!-~]+", is_met: |text| text.bytes().all(|byte| byte.is_ascii_graphic()) };

/// The name of an alias: a number would be one of a version.
const RESTRICTED: Pattern = Pattern {
    written: "^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$",
    is_met: |text| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        text.bytes().all(is_allowed) && text.bytes().any(|byte| !byte.is_ascii_digit())
    },
};

/// What tags may be made of, as AWS describes it for all its services
/// (<https://docs.aws.amazon.com/resourcegroupstaggingapi/latest/APIReference/API_Tag.html>).
const TAG: Pattern = Pattern {
    written: "^([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)$",
    is_met: |text| {
        let is_allowed = |character: char| {
            character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
        };
        text.chars().all(is_allowed)
    },
};

impl Text {
    const fn chars(min: usize, max: usize) -> Self {
        Self { min, max, is_data: false, pattern: None }
    }

    /// Data of so many bytes at most: no message quotes it.
    pub(crate) const fn data(max: usize) -> Self {
        Self { min: 0, max, is_data: true, pattern: None }
    }

    pub(crate) const ARN: Text = Text::chars(1, 256);
    pub(crate) const LONG_ARN: Text = Text::chars(1, 2_000);
    pub(crate) const NAME: Text = Text::chars(1, 80);
    pub(crate) const TOKEN: Text = Text::chars(1, 1_024);
    pub(crate) const LIST_EXECUTIONS_TOKEN: Text = Text::chars(1, 3_096);
    pub(crate) const TASK_TOKEN: Text = Text { is_data: true, ..Text::chars(1, 2_048) };
    pub(crate) const DESCRIPTION: Text = Text::chars(0, 256);
    pub(crate) const ERROR: Text = Text { is_data: true, ..Text::chars(0, 256) };
    pub(crate) const CAUSE: Text = Text { is_data: true, ..Text::chars(0, 32_768) };
    pub(crate) const TRACE_HEADER: Text = Text { pattern: Some(ASCII), ..Text::chars(0, 256) };
    pub(crate) const ALIAS_NAME: Text = Text { pattern: Some(RESTRICTED), ..Text::chars(1, 80) };
    pub(crate) const REVISION: Text = Text::chars(0, 256);
    pub(crate) const TAG_KEY: Text = Text { pattern: Some(TAG), ..Text::chars(1, 128) };
    pub(crate) const TAG_VALUE: Text = Text { pattern: Some(TAG), ..Text::chars(0, 256) };
    pub(crate) const CLIENT_TOKEN: Text = Text { pattern: Some(GRAPHIC), ..Text::chars(1, 64) };
    pub(crate) const PLACE: Text = Text { is_data: true, ..Text::chars(1, 1_024) };
    pub(crate) const HASH: Text = Text::chars(1, 128);
    pub(crate) const DEFINITION: Text = Text { min: 1, ..Text::data(crate::limits::DEFINITION_BYTES_MAX) };
}

impl Fields {
    /// Reads the body of a request.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ApiError> {
        Self::of(serde_json::from_slice(body).unwrap_or_default())
    }

    pub(crate) fn of(body: Value) -> Result<Self, ApiError> {
        match body {
            Value::Object(members) => Ok(Self { members, path: String::new(), faults: Vec::new() }),
            _ => Err(ApiError::new(Kind::SerializationException, "The request's body is no JSON object")),
        }
    }

    pub(crate) fn text(&mut self, name: &str, text: Text) -> Result<Option<String>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(value) = value else { return Err(mistyped(&value, "String")) };
        self.check_text(name, &value, text);
        Ok(Some(value))
    }

    fn check_text(&mut self, name: &str, value: &str, text: Text) {
        let length = if text.is_data { value.len() } else { value.chars().count() };
        let shown = |what: String| match text.is_data {
            true => format!("Value at {what}"),
            false => format!("Value '{value}' at {what}"),
        };
        let constraint = if length < text.min {
            Some(format!("length greater than or equal to {}", text.min))
        } else if length > text.max {
            Some(format!("length less than or equal to {}", text.max))
        } else {
            None
        };
        if let Some(constraint) = &constraint {
            let at =
                format!("'{}{name}' failed to satisfy constraint: Member must have {constraint}", self.path);
            self.faults.push(shown(at));
        }
        if let Some(Pattern { written, is_met }) = text.pattern
            && constraint.is_none()
            && !is_met(value)
        {
            let at = format!(
                "'{}{name}' failed to satisfy constraint: Member must satisfy regular expression pattern: {written}",
                self.path
            );
            self.faults.push(shown(at));
        }
    }

    /// A text that has to be there; where it isn't, [`Fields::check`] will say so.
    pub(crate) fn required(&mut self, name: &str, text: Text) -> Result<String, ApiError> {
        let value = self.text(name, text)?;
        if value.is_none() {
            self.missing(name);
        }
        Ok(value.unwrap_or_default())
    }

    /// One of `names`.
    pub(crate) fn one_of<'n>(&mut self, name: &str, names: &[&'n str]) -> Result<Option<&'n str>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::String(value) = value else { return Err(mistyped(&value, "String")) };
        let known = names.iter().find(|known| **known == value);
        if known.is_none() {
            self.faults.push(format!(
                "Value '{value}' at '{}{name}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                self.path,
                names.join(", ")
            ));
        }
        Ok(known.copied())
    }

    pub(crate) fn integer(&mut self, name: &str, max: Option<u64>) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Value::Number(number) = &value else { return Err(mistyped(&value, "Integer")) };
        let constraint = match (number.as_i64(), max) {
            (None, None) => Some(("less than", i64::from(i32::MAX).unsigned_abs())),
            (None, Some(max)) => Some(("less than", max)),
            (Some(given), _) if given < 0 => Some(("greater than", 0)),
            (Some(given), Some(max)) if given.unsigned_abs() > max => Some(("less than", max)),
            _ => None,
        };
        if let Some((than, limit)) = constraint {
            self.faults.push(format!(
                "Value '{number}' at '{}{name}' failed to satisfy constraint: Member must have value {than} or equal to \
                 {limit}",
                self.path
            ));
        }
        Ok(number.as_u64())
    }

    /// A number from 0 to `max`, which may have a fraction.
    pub(crate) fn decimal(&mut self, name: &str, max: u32) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Some(number) = value.as_f64() else { return Err(mistyped(&value, "Float")) };
        if number < 0.0 {
            self.refuse(name, &value.to_string(), "value greater than or equal to 0");
        } else if number > f64::from(max) {
            self.refuse(name, &value.to_string(), &format!("value less than or equal to {max}"));
        }
        Ok(Some(number))
    }

    /// `maxResults`: 0 and none stand for the usual number.
    pub(crate) fn page_results(&mut self, usual: usize, max: usize) -> Result<usize, ApiError> {
        let given = self.integer("maxResults", Some(max as u64))?;
        let given = given.and_then(|given| usize::try_from(given).ok()).filter(|given| *given > 0);
        Ok(given.unwrap_or(usual))
    }

    /// `maxResults` of the lists.
    pub(crate) fn max_results(&mut self) -> Result<usize, ApiError> {
        self.page_results(PAGE_RESULTS, crate::limits::PAGE_RESULTS_MAX)
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(mistyped(&other, "Boolean")),
        }
    }

    /// The members of an object; its faults are given back by [`Fields::close`].
    pub(crate) fn open(&mut self, name: &str) -> Result<Option<Fields>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => {
                Ok(Some(Fields { members, path: format!("{}{name}.", self.path), faults: Vec::new() }))
            }
            Some(other) => Err(mistyped(&other, "Structure")),
        }
    }

    pub(crate) fn close(&mut self, inner: Fields) {
        self.faults.extend(inner.faults);
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(mistyped(&other, "List")),
        }
    }

    /// The members of each of a list's objects; the faults of each are given back by [`Fields::close`].
    pub(crate) fn objects(&mut self, name: &str) -> Result<Option<Vec<Fields>>, ApiError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let object = |(at, item)| match item {
            Value::Object(members) => {
                let path = format!("{}{name}.{}.member.", self.path, at + 1);
                Ok(Fields { members, path, faults: Vec::new() })
            }
            other => Err(mistyped(&other, "Structure")),
        };
        items.into_iter().enumerate().map(object).collect::<Result<_, _>>().map(Some)
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str, text: Text) -> Result<Option<Vec<String>>, ApiError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let mut texts = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let Value::String(value) = item else { return Err(mistyped(&item, "String")) };
            self.check_text(&format!("{name}.{}.member", at + 1), &value, text);
            texts.push(value);
        }
        Ok(Some(texts))
    }

    /// Notes a constraint that a member doesn't meet.
    pub(crate) fn refuse(&mut self, name: &str, shown: &str, constraint: &str) {
        self.faults.push(format!(
            "Value '{shown}' at '{}{name}' failed to satisfy constraint: Member must have {constraint}",
            self.path
        ));
    }

    /// Refuses the request if a constraint isn't met.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let count = self.faults.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        Err(ApiError::validation(format!("{count} validation {errors} detected: {}", self.faults.join("; "))))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    pub(crate) fn missing(&mut self, name: &str) {
        self.faults.push(format!(
            "Value null at '{}{name}' failed to satisfy constraint: Member must not be null",
            self.path
        ));
    }

    /// Any value, also null.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.members.shift_remove(name)
    }

    /// A null stands for nothing.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.get_mut(name).map(Value::take).filter(|value| !value.is_null())
    }
}

fn mistyped(value: &Value, wanted: &str) -> ApiError {
    let given = match value {
        Value::Null => "NULL",
        Value::Bool(_) => "TRUE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    ApiError::new(Kind::SerializationException, format!("{given} cannot be converted to {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: &Value) -> Fields {
        Fields::read(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_a_model_forbids_is_told_together() {
        let mut fields = fields(&json!({ "name": "x".repeat(81), "traceHeader": "é", "maxResults": 1001 }));
        fields.required("stateMachineArn", Text::ARN).unwrap();
        fields.text("name", Text::NAME).unwrap();
        fields.text("traceHeader", Text::TRACE_HEADER).unwrap();
        fields.max_results().unwrap();
        let message = fields.check().unwrap_err().message;
        assert_eq!(
            message,
            format!(
                "4 validation errors detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member must \
                 not be null; Value '{}' at 'name' failed to satisfy constraint: Member must have length less than or \
                 equal to 80; Value 'é' at 'traceHeader' failed to satisfy constraint: Member must satisfy regular \
                 expression pattern: \\p{{ASCII}}*; Value '1001' at 'maxResults' failed to satisfy constraint: Member \
                 must have value less than or equal to 1000",
                "x".repeat(81)
            )
        );
    }

    #[test]
    fn data_is_counted_in_bytes_and_not_quoted() {
        let mut fields = fields(&json!({ "input": "ééé", "definition": "" }));
        fields.text("input", Text::data(5)).unwrap();
        fields.required("definition", Text::DEFINITION).unwrap();
        let message = fields.check().unwrap_err().message;
        assert_eq!(
            message,
            "2 validation errors detected: Value at 'input' failed to satisfy constraint: Member must have length less \
             than or equal to 5; Value at 'definition' failed to satisfy constraint: Member must have length greater than \
             or equal to 1"
        );
    }

    #[test]
    fn a_member_of_the_wrong_type_is_refused_and_a_null_is_none() {
        let all = json!({ "a": 1, "b": "x", "c": [], "d": null, "e": { "f": {} }, "n": -1, "big": 1e300 });
        let kind = |error: ApiError| (error.kind, error.message);
        let serialization = |message: &str| (Kind::SerializationException, message.to_owned());
        let mut fields = fields(&all);
        let error = fields.text("a", Text::NAME).unwrap_err();
        assert_eq!(kind(error), serialization("NUMBER_VALUE cannot be converted to String"));
        let error = fields.boolean("b").unwrap_err();
        assert_eq!(kind(error), serialization("STRING_VALUE cannot be converted to Boolean"));
        let error = fields.open("c").unwrap_err();
        assert_eq!(kind(error), serialization("START_ARRAY cannot be converted to Structure"));
        assert_eq!(fields.text("d", Text::NAME).unwrap(), None);
        let mut inner = fields.open("e").unwrap().unwrap();
        inner.missing("g");
        fields.close(inner);
        assert_eq!(fields.integer("n", None).unwrap(), None);
        assert_eq!(fields.integer("big", None).unwrap(), None);
        let message = fields.check().unwrap_err().message;
        assert!(message.starts_with("3 validation errors detected: Value null at 'e.g' failed"), "{message}");
        for body in ["", "[]", "{", "null"] {
            assert_eq!(
                Fields::read(body.as_bytes()).unwrap_err().kind,
                Kind::SerializationException,
                "{body}"
            );
        }
    }
}
