//! What definitions do with objects of the users' own: what their item readers read, and their result writers write.

use serde_json::Value;
use std::collections::BTreeSet;
use stepladder_asl::{Definition, ItemReader, Kind, ResultWriter, Template};
use stepladder_infra::{ObjectAccess, ObjectFacts};

/// The objects of a definition's distributed Map states.
pub fn of(definition: &Definition) -> BTreeSet<ObjectFacts> {
    let mut objects = BTreeSet::new();
    for (state, named) in &definition.states {
        let Kind::Map(map) = &named.kind else { continue };
        let Some(distributed) = map.distributed() else { continue };
        let mut add = |access, bucket: &Given, keys: String| {
            let bucket = bucket.constant().map(str::to_owned);
            objects.insert(ObjectFacts { state: state.clone(), access, bucket, keys });
        };
        if let Some(reader) = &distributed.item_reader {
            read(reader, &mut add);
        }
        if let Some(writer) = &distributed.result_writer {
            write(writer, &mut add);
        }
    }
    objects
}

fn read(reader: &ItemReader, add: &mut impl FnMut(ObjectAccess, &Given, String)) {
    let argument = |name| Given::of(reader.arguments.as_ref(), name);
    let config = |name, value| Given::of(reader.reader_config.as_ref(), name).constant() == Some(value);
    let bucket = argument("Bucket");
    add(ObjectAccess::List, &bucket, String::new());
    if reader.resource.ends_with(":listObjectsV2") {
        if config("Transformation", "LOAD_AND_FLATTEN") {
            add(ObjectAccess::Read, &bucket, beginning(argument("Prefix").constant().unwrap_or_default()));
        }
        return;
    }
    // A manifest names further objects: beside it, or in a bucket that the author has to name.
    let manifest_type = Given::of(reader.reader_config.as_ref(), "ManifestType");
    let is_manifest = manifest_type != Given::Absent || config("InputType", "MANIFEST");
    let key = argument("Key");
    let key = key.constant().filter(|_| !is_manifest).unwrap_or("*");
    add(ObjectAccess::Read, &bucket, key.to_owned());
    if argument("VersionId") != Given::Absent {
        add(ObjectAccess::ReadVersion, &bucket, key.to_owned());
    }
}

fn write(writer: &ResultWriter, add: &mut impl FnMut(ObjectAccess, &Given, String)) {
    // Without it results are only formatted.
    if writer.resource.is_none() {
        return;
    }
    let argument = |name| Given::of(writer.arguments.as_ref(), name);
    let prefix = argument("Prefix");
    // What is written lies in a folder of that name.
    let folder = prefix.constant().unwrap_or_default().trim_end_matches('/');
    let keys = if folder.is_empty() { beginning("") } else { beginning(&format!("{folder}/")) };
    add(ObjectAccess::Write, &argument("Bucket"), keys);
}

/// All keys that begin so.
fn beginning(prefix: &str) -> String {
    format!("{prefix}*")
}

/// What a template says about one of its members, as far as the definition tells.
#[derive(Debug, PartialEq)]
enum Given {
    Absent,
    Constant(String),
    /// The data says it, or a deployment has yet to.
    Computed,
}

impl Given {
    fn of(template: Option<&Template>, name: &str) -> Self {
        let literal = |value: &Value| match value {
            Value::String(text) if !text.contains("${") => Given::Constant(text.clone()),
            _ => Given::Computed,
        };
        let member = match template {
            None => return Given::Absent,
            Some(Template::Literal(Value::Object(members))) => members.get(name).map(literal),
            Some(Template::Object(members)) => {
                let found = members.iter().find(|(known, _)| known == name);
                found.map(|(_, member)| match member {
                    Template::Literal(value) => literal(value),
                    _ => Given::Computed,
                })
            }
            Some(_) => Some(Given::Computed),
        };
        member.unwrap_or(Given::Absent)
    }

    fn constant(&self) -> Option<&str> {
        match self {
            Given::Constant(text) => Some(text),
            Given::Absent | Given::Computed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ObjectAccess::{List, Read, ReadVersion, Write};
    use serde_json::json;

    /// `language` is the state's, and `parts` are what a distributed Map state has beside.
    fn objects(language: &str, parts: Value) -> Vec<(ObjectAccess, Option<String>, String)> {
        let mut state = json!({"Type": "Map", "QueryLanguage": language, "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "I", "States": {"I": {"Type": "Succeed"}}}});
        state.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        let text = json!({"StartAt": "Each", "States": {"Each": state}}).to_string();
        let objects = of(&Definition::parse(&text).unwrap()).into_iter();
        objects.map(|object| (object.access, object.bucket, object.keys)).collect()
    }

    #[track_caller]
    fn check(language: &str, parts: Value, expected: &[(ObjectAccess, Option<&str>, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(access, bucket, keys)| (*access, bucket.map(str::to_owned), (*keys).to_owned()))
            .collect();
        assert_eq!(objects(language, parts), expected);
    }

    fn get(arguments: Value) -> Value {
        json!({"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
            "Parameters": arguments}})
    }

    #[test]
    fn a_reader_reads_what_it_names() {
        let b = Some("b");
        check("JSONPath", get(json!({"Bucket": "b", "Key": "in/k"})), &[(Read, b, "in/k"), (List, b, "")]);
        let dynamic = get(json!({"Bucket": "b", "Key.$": "$.key", "VersionId.$": "$.version"}));
        check("JSONPath", dynamic, &[(Read, b, "*"), (ReadVersion, b, "*"), (List, b, "")]);
        let data = get(json!({"Bucket.$": "$.bucket", "Key": "k"}));
        check("JSONPath", data, &[(Read, None, "k"), (List, None, "")]);
        let later = get(json!({"Bucket": "${Bucket}", "Key": "k"}));
        check("JSONPath", later, &[(Read, None, "k"), (List, None, "")]);
    }

    #[test]
    fn a_manifest_leads_to_other_objects() {
        let mut manifest = get(json!({"Bucket": "b", "Key": "manifest.json"}));
        manifest["ItemReader"]["ReaderConfig"] = json!({"InputType": "MANIFEST", "MaxItems": 5});
        check("JSONPath", manifest.clone(), &[(Read, Some("b"), "*"), (List, Some("b"), "")]);
        manifest["ItemReader"]["ReaderConfig"] = json!({"ManifestType": "S3_INVENTORY"});
        check("JSONPath", manifest, &[(Read, Some("b"), "*"), (List, Some("b"), "")]);
    }

    #[test]
    fn a_listing_reads_objects_only_where_it_loads_them() {
        let mut listing = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": "b", "Prefix": "in/"}}});
        check("JSONata", listing.clone(), &[(List, Some("b"), "")]);
        listing["ItemReader"]["ReaderConfig"] =
            json!({"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"});
        check("JSONata", listing, &[(Read, Some("b"), "in/*"), (List, Some("b"), "")]);
        let whole = json!({"ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": "{% $states.input %}"}});
        check("JSONata", whole, &[(List, None, "")]);
    }

    #[test]
    fn a_writer_writes_below_its_prefix() {
        let writer = |arguments: Value| json!({"ItemsPath": "$.x", "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": arguments}});
        check("JSONPath", writer(json!({"Bucket": "b", "Prefix": "out/"})), &[(Write, Some("b"), "out/*")]);
        check("JSONPath", writer(json!({"Bucket": "b", "Prefix": "out"})), &[(Write, Some("b"), "out/*")]);
        check("JSONPath", writer(json!({"Bucket": "b"})), &[(Write, Some("b"), "*")]);
        check("JSONPath", writer(json!({"Bucket.$": "$.b", "Prefix.$": "$.p"})), &[(Write, None, "*")]);
        let formatted =
            json!({"ResultWriter": {"WriterConfig": {"OutputType": "JSON", "Transformation": "FLATTEN"}}});
        check("JSONPath", formatted, &[]);
    }
}
