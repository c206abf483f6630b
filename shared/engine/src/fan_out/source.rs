//! `ItemReader`: what a distributed Map state reads its items from
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html>).

use super::Seen;
use crate::{position::Position, run::Run};
use serde_json::{Map as Members, Value};
use stepladder_asl::{Budget, Definition, EvalError, ItemReader, Kind};

/// What items are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The rows of an object in S3.
    Object {
        bucket: String,
        key: String,
        version: Option<String>,
        /// The account that the bucket has to belong to, twelve digits.
        expected_owner: Option<String>,
        format: ObjectFormat,
        /// So many items are taken at most.
        items_max: Option<u64>,
    },
    /// The objects of a bucket whose keys begin with the prefix.
    Listing { bucket: String, prefix: String, expected_owner: Option<String>, items_max: Option<u64> },
}

/// How the items lie in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectFormat {
    /// The elements of one array.
    Json,
    /// A value per line.
    JsonLines,
    /// Rows of fields. Without `headers` the first one names them.
    Csv { delimiter: u8, headers: Option<Vec<String>> },
}

/// What the position reads, that waits for its items.
///
/// # Errors
///
/// As in [`Inputs::new`](crate::Inputs::new): the state's own, and never where it has begun to wait.
pub fn source(definition: &Definition, run: &Run, position: &Position) -> Result<Source, EvalError> {
    let no_state = || EvalError::runtime(format!("The state '{}' reads no items.", position.state));
    let state = definition.state(&position.state).ok_or_else(no_state)?;
    let source = Seen::new(definition, run, state, position).source(&Budget::new())?;
    source.map_err(EvalError::runtime)
}

impl Seen<'_> {
    pub(crate) fn reader(&self) -> Option<&ItemReader> {
        let Kind::Map(map) = &self.state.kind else { return None };
        map.distributed()?.item_reader.as_ref()
    }

    /// What the state reads its items from. The inner error is that of the reader, which fails the Map Run.
    pub(crate) fn source(&self, budget: &Budget) -> Result<Result<Source, String>, EvalError> {
        let Some(reader) = self.reader() else {
            return Err(EvalError::runtime(format!("The state '{}' reads no items.", self.state.name)));
        };
        let arguments = match &reader.arguments {
            Some(template) => {
                self.field("ItemReader", budget, |scope| template.evaluate("ItemReader", scope))?
            }
            None => Value::Null,
        };
        let config = match &reader.reader_config {
            Some(template) => {
                self.field("ReaderConfig", budget, |scope| template.evaluate("ReaderConfig", scope))?
            }
            None => Value::Null,
        };
        Ok(self.source_of(reader, &arguments, &config))
    }

    fn source_of(&self, reader: &ItemReader, arguments: &Value, config: &Value) -> Result<Source, String> {
        let items_max = match config.get("MaxItems").map(whole) {
            None => None,
            Some(Some(number)) if number >= 0 => u64::try_from(number).ok().filter(|number| *number > 0),
            Some(_) => return Err("field MaxItems must be positive".to_owned()),
        };
        let arguments = Arguments::new(arguments, "ItemReader");
        let bucket = arguments.required("Bucket")?;
        let expected_owner = arguments.text("ExpectedBucketOwner")?;
        if reader.resource.ends_with(":s3:listObjectsV2") {
            let prefix = arguments.text("Prefix")?.unwrap_or_default();
            return Ok(Source::Listing { bucket, prefix, expected_owner, items_max });
        }
        let text = |name: &str| config.get(name).and_then(Value::as_str);
        let format = match text("InputType") {
            Some("CSV") => ObjectFormat::Csv {
                delimiter: match text("CSVDelimiter") {
                    Some("PIPE") => b'|',
                    Some("SEMICOLON") => b';',
                    Some("SPACE") => b' ',
                    Some("TAB") => b'\t',
                    _ => b',',
                },
                headers: match text("CSVHeaderLocation") {
                    Some("GIVEN") => Some(texts(config.get("CSVHeaders"))),
                    _ => None,
                },
            },
            Some("JSONL") => ObjectFormat::JsonLines,
            _ => ObjectFormat::Json,
        };
        let key = arguments.required("Key")?;
        let version = arguments.text("VersionId")?;
        Ok(Source::Object { bucket, key, version, expected_owner, format, items_max })
    }
}

/// `Parameters` or `Arguments` of a reader or a writer.
pub(super) struct Arguments<'v> {
    members: Option<&'v Members<String, Value>>,
    whose: &'static str,
}

impl<'v> Arguments<'v> {
    pub(super) fn new(arguments: &'v Value, whose: &'static str) -> Self {
        Self { members: arguments.as_object(), whose }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.members.and_then(|members| members.get(name)) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => {
                let whose = self.whose;
                Err(format!("The {whose}'s {name} must be a string, and is {}.", kind_of(other)))
            }
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, String> {
        self.text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| format!("The {} needs a {name}.", self.whose))
    }
}

/// A whole number, also as text: AWS takes both.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
