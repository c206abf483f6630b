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
    Object { object: SourceObject, format: ObjectFormat, items_max: Option<u64> },
    /// The rows of the objects that an object lists, one object after another.
    Manifest { object: SourceObject, manifest: Manifest, items_max: Option<u64> },
    /// The objects of a bucket whose keys begin with the prefix; or their rows, one object after another.
    Listing {
        bucket: String,
        prefix: String,
        expected_owner: Option<String>,
        rows: Option<ObjectFormat>,
        items_max: Option<u64>,
    },
}

/// An object in S3 that a state names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceObject {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
    /// The account that the bucket has to belong to, twelve digits.
    pub expected_owner: Option<String>,
}

/// How an object lists others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manifest {
    /// As S3 writes it of an inventory. Without `headers` it says itself how the fields of its files are called.
    Inventory { delimiter: u8, headers: Option<Vec<String>> },
    /// As Athena writes it of a query's results, whose files have this format.
    Athena(ObjectFormat),
}

/// How the items lie in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectFormat {
    /// The elements of one array: the one that the names of a JSON Pointer lead to, or the whole text.
    Json { pointer: Vec<String> },
    /// A value per line.
    JsonLines,
    /// Rows of fields. Without `headers` the first one names them.
    Csv { delimiter: u8, headers: Option<Vec<String>> },
    /// Rows in groups.
    Parquet,
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
        Ok(source_of(&reader.resource, &arguments, &config))
    }
}

/// What a reader's resource, arguments and configuration say.
fn source_of(resource: &str, arguments: &Value, config: &Value) -> Result<Source, String> {
    let items_max = match config.get("MaxItems").map(whole) {
        None => None,
        Some(Some(number)) if number >= 0 => u64::try_from(number).ok().filter(|number| *number > 0),
        Some(_) => return Err("field MaxItems must be positive".to_owned()),
    };
    let arguments = Arguments::new(arguments, "ItemReader");
    let bucket = arguments.required("Bucket")?;
    let expected_owner = arguments.text("ExpectedBucketOwner")?;
    let config = Config(config);
    if resource.ends_with(":s3:listObjectsV2") {
        let prefix = arguments.text("Prefix")?.unwrap_or_default();
        let is_loaded = config.text("Transformation") == Some("LOAD_AND_FLATTEN");
        let rows = is_loaded.then(|| config.format()).transpose()?;
        return Ok(Source::Listing { bucket, prefix, expected_owner, rows, items_max });
    }
    let (key, version) = (arguments.required("Key")?, arguments.text("VersionId")?);
    let object = SourceObject { bucket, key, version, expected_owner };
    let (delimiter, headers) = (config.delimiter(), config.headers());
    let manifest = match (config.text("ManifestType"), config.text("InputType")) {
        (Some("ATHENA_DATA"), _) => Manifest::Athena(config.format()?),
        (Some(_), _) | (None, Some("MANIFEST")) => Manifest::Inventory { delimiter, headers },
        (None, _) if object.version.is_some() && config.format()? == ObjectFormat::Parquet => {
            return Err("A VersionId can't be given for Parquet files.".to_owned());
        }
        (None, _) => return Ok(Source::Object { object, format: config.format()?, items_max }),
    };
    Ok(Source::Manifest { object, manifest, items_max })
}

/// `ReaderConfig`.
struct Config<'v>(&'v Value);

impl<'v> Config<'v> {
    fn text(&self, name: &str) -> Option<&'v str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn format(&self) -> Result<ObjectFormat, String> {
        Ok(match self.text("InputType") {
            Some("CSV") => ObjectFormat::Csv { delimiter: self.delimiter(), headers: self.headers() },
            Some("JSONL") => ObjectFormat::JsonLines,
            Some("PARQUET") => ObjectFormat::Parquet,
            _ => ObjectFormat::Json { pointer: self.pointer()? },
        })
    }

    /// The names of a JSON Pointer (RFC 6901).
    fn pointer(&self) -> Result<Vec<String>, String> {
        match self.text("ItemsPointer") {
            None | Some("") => Ok(Vec::new()),
            Some(pointer) => {
                let names =
                    pointer.strip_prefix('/').ok_or("The ItemReader's ItemsPointer must begin with '/'.")?;
                Ok(names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect())
            }
        }
    }

    fn delimiter(&self) -> u8 {
        match self.text("CSVDelimiter") {
            Some("PIPE") => b'|',
            Some("SEMICOLON") => b';',
            Some("SPACE") => b' ',
            Some("TAB") => b'\t',
            _ => b',',
        }
    }

    fn headers(&self) -> Option<Vec<String>> {
        (self.text("CSVHeaderLocation") == Some("GIVEN")).then(|| texts(self.0.get("CSVHeaders")))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GET: &str = "arn:aws:states:::s3:getObject";
    const LIST: &str = "arn:aws:states:::s3:listObjectsV2";

    #[track_caller]
    fn object(config: Value, expected: ObjectFormat) {
        match source_of(GET, &json!({ "Bucket": "b", "Key": "k" }), &config) {
            Ok(Source::Object { format, .. }) => assert_eq!(format, expected, "{config}"),
            other => panic!("{config}: {other:?}"),
        }
    }

    #[track_caller]
    fn manifest(config: Value, expected: Manifest) {
        match source_of(GET, &json!({ "Bucket": "b", "Key": "k", "VersionId": "v" }), &config) {
            Ok(Source::Manifest { object, manifest, items_max: None }) => {
                assert_eq!((manifest, object.version.as_deref()), (expected, Some("v")), "{config}");
            }
            other => panic!("{config}: {other:?}"),
        }
    }

    #[test]
    fn an_object_has_the_format_that_its_reader_says() {
        let pointer =
            |names: &[&str]| ObjectFormat::Json { pointer: names.iter().map(ToString::to_string).collect() };
        object(json!({ "InputType": "JSON" }), pointer(&[]));
        object(json!({ "InputType": "JSON", "ItemsPointer": "" }), pointer(&[]));
        object(
            json!({ "InputType": "JSON", "ItemsPointer": "/a/b~1c/~01/" }),
            pointer(&["a", "b/c", "~1", ""]),
        );
        object(json!({ "InputType": "JSONL" }), ObjectFormat::JsonLines);
        object(json!({ "InputType": "PARQUET" }), ObjectFormat::Parquet);
        let given = json!({ "InputType": "CSV", "CSVDelimiter": "TAB", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"] });
        object(given, ObjectFormat::Csv { delimiter: b'\t', headers: Some(vec!["a".to_owned()]) });
    }

    #[test]
    fn a_manifest_is_known_by_its_type_or_without_one() {
        let inventory = |delimiter, headers| Manifest::Inventory { delimiter, headers };
        manifest(json!({ "InputType": "MANIFEST" }), inventory(b',', None));
        manifest(json!({ "ManifestType": "S3_INVENTORY", "CSVDelimiter": "PIPE" }), inventory(b'|', None));
        let given = json!({ "InputType": "MANIFEST", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"] });
        manifest(given, inventory(b',', Some(vec!["a".to_owned()])));
        let athena = |input| json!({ "ManifestType": "ATHENA_DATA", "InputType": input });
        manifest(athena("JSONL"), Manifest::Athena(ObjectFormat::JsonLines));
        manifest(athena("PARQUET"), Manifest::Athena(ObjectFormat::Parquet));
    }

    #[test]
    fn a_listing_is_loaded_only_where_it_is_said() {
        let rows = |config: &Value| match source_of(LIST, &json!({ "Bucket": "b", "Prefix": "p/" }), config) {
            Ok(Source::Listing { rows, .. }) => rows,
            other => panic!("{other:?}"),
        };
        assert_eq!(rows(&json!({})), None);
        assert_eq!(rows(&json!({ "InputType": "JSONL", "Transformation": "NONE" })), None);
        let loaded = json!({ "InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN" });
        assert_eq!(rows(&loaded), Some(ObjectFormat::JsonLines));
    }

    #[test]
    fn what_can_not_be_read_is_told() {
        let told = |arguments: Value, config: Value| source_of(GET, &arguments, &config).unwrap_err();
        let versioned = json!({ "Bucket": "b", "Key": "k", "VersionId": "v" });
        assert_eq!(
            told(versioned, json!({ "InputType": "PARQUET" })),
            "A VersionId can't be given for Parquet files."
        );
        let named = json!({ "Bucket": "b", "Key": "k" });
        let pointer = json!({ "InputType": "JSON", "ItemsPointer": "a" });
        assert_eq!(told(named, pointer), "The ItemReader's ItemsPointer must begin with '/'.");
        assert_eq!(told(json!({ "Bucket": "b" }), json!({})), "The ItemReader needs a Key.");
    }
}
