//! What a distributed Map state has beside
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html>).

use super::{
    Parser,
    fields::Fields,
    language::Known::{Both, JsonPath, Jsonata},
};
use crate::{
    definition::{Distributed, ItemBatcher, ItemReader, Number, ResultWriter, WorkflowType},
    fault::FaultCode,
    json::{Data, Node},
    limits::{
        CSV_HEADERS_BYTES_MAX, ITEMS_POINTER_CHARS, LABEL_CHARS_MAX, MAX_INPUT_BYTES_PER_BATCH_MAX,
        MAX_ITEMS_MAX, MAX_ITEMS_PER_BATCH_MAX,
    },
    template::{Expression, Template},
};

const INPUT_TYPES: [&str; 5] = ["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"];
const DELIMITERS: [&str; 5] = ["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"];

impl Parser<'_> {
    pub(super) fn distributed(
        &mut self,
        fields: &Fields,
        execution_type: WorkflowType,
    ) -> Option<Distributed> {
        let label = self.label(fields);
        let item_reader = self.part(fields, "ItemReader", "an item reader", Parser::item_reader);
        let item_batcher = self.part(fields, "ItemBatcher", "an item batcher", Parser::item_batcher);
        let result_writer = self.part(fields, "ResultWriter", "a result writer", Parser::result_writer);
        Some(Distributed {
            execution_type,
            label,
            item_reader: item_reader?,
            item_batcher: item_batcher?,
            result_writer: result_writer?,
        })
    }

    fn part<T>(
        &mut self,
        fields: &Fields,
        name: &str,
        what: &'static str,
        read: impl Fn(&mut Self, &Fields) -> Option<T>,
    ) -> Option<Option<T>> {
        let Some(node) = fields.value(name) else {
            return Some(None);
        };
        let part = self.fields(node, what)?;
        read(self, &part).map(Some)
    }

    fn label(&mut self, fields: &Fields) -> Option<String> {
        let label = self.text(fields, "Label")?;
        let is_plain = |char: char| !char.is_whitespace() && !char.is_control() && !FORBIDDEN.contains(char);
        let chars = label.chars().count();
        if chars == 0 || chars > LABEL_CHARS_MAX || !label.chars().all(is_plain) {
            let message = format!(
                "a `Label` has 1 to {LABEL_CHARS_MAX} characters, none of them white space or one of {FORBIDDEN}"
            );
            self.fault(FaultCode::InvalidLabel, fields.span_of("Label"), message);
        }
        if !self.labels.insert(label.to_string()) {
            let message = format!("another Map state has the label `{label}` already");
            self.fault(FaultCode::DuplicateLabel, fields.span_of("Label"), message);
        }
        Some(label.to_string())
    }

    fn item_reader(&mut self, fields: &Fields) -> Option<ItemReader> {
        self.known(
            fields,
            &[Both("Resource"), Both("ReaderConfig"), JsonPath("Parameters"), Jsonata("Arguments")],
        );
        let resource = self.required_text(fields, "Resource");
        self.s3_resource(fields, &["s3:getObject", "s3:listObjectsV2"]);
        let arguments = self.arguments(fields);
        let reader_config = match fields.value("ReaderConfig") {
            Some(node) => {
                let config = self.fields(node, "`ReaderConfig`");
                config.and_then(|config| self.reader_config(&config, fields)).map(Some)
            }
            None => Some(None),
        };
        Some(ItemReader {
            resource: resource?.to_string(),
            reader_config: reader_config?,
            arguments: arguments?,
        })
    }

    /// `reader` is what it is the configuration of.
    fn reader_config(&mut self, fields: &Fields, reader: &Fields) -> Option<Template> {
        self.known(
            fields,
            &[
                Both("InputType"),
                Both("Transformation"),
                Both("CSVHeaderLocation"),
                Both("CSVHeaders"),
                Both("CSVDelimiter"),
                Both("ManifestType"),
                Both("ItemsPointer"),
                Both("MaxItems"),
                JsonPath("MaxItemsPath"),
            ],
        );
        let input_type = self.one_of(fields, "InputType", &INPUT_TYPES);
        self.one_of(fields, "CSVDelimiter", &DELIMITERS);
        let transformation = self.one_of(fields, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
        let manifest_type = self.one_of(fields, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
        self.loaded(fields, reader, transformation, input_type);
        self.manifest(fields, reader, manifest_type, input_type);
        self.items_pointer(fields, input_type);
        if input_type == Some("PARQUET") {
            self.parquet(fields, reader);
        }
        let location = self.one_of(fields, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
        if location == Some("GIVEN") && fields.get("CSVHeaders").is_none() {
            let message = "`ReaderConfig` needs `CSVHeaders` where `CSVHeaderLocation` is GIVEN";
            self.fault(FaultCode::MissingField, fields.opening(), message);
        }
        if let Some(node) = fields.value("CSVHeaders") {
            self.csv_headers(node);
        }
        let max_items = self.number(fields, "MaxItems", 0..=MAX_ITEMS_MAX);
        let mut members = Vec::new();
        for member in fields.members {
            let template = match member.name.as_str() {
                "MaxItems" | "MaxItemsPath" => continue,
                _ => Template::Literal(member.value.to_value()),
            };
            members.push((member.name.clone(), template));
        }
        if let Some(number) = max_items {
            members.push(("MaxItems".to_string(), number_template(number)));
        }
        Some(Template::Object(members))
    }

    /// Objects of a listing whose rows are the items.
    fn loaded(
        &mut self,
        fields: &Fields,
        reader: &Fields,
        transformation: Option<&str>,
        input_type: Option<&str>,
    ) {
        if transformation != Some("LOAD_AND_FLATTEN") {
            return;
        }
        if input_type == Some("MANIFEST") {
            let message =
                "`InputType` is CSV, JSON, JSONL or PARQUET where `Transformation` is LOAD_AND_FLATTEN";
            self.fault(FaultCode::InvalidValue, fields.span_of("InputType"), message);
        }
        if fields.get("InputType").is_none() {
            let message = "`ReaderConfig` needs `InputType` where `Transformation` is LOAD_AND_FLATTEN";
            self.fault(FaultCode::MissingField, fields.opening(), message);
        }
        if reads(reader, ":s3:getObject") {
            let message =
                "`Transformation` has no effect here: only objects that s3:listObjectsV2 lists are loaded";
            self.fault(FaultCode::IgnoredField, fields.span_of("Transformation"), message);
        }
    }

    /// An object that lists others. AWS knows one without `ManifestType` as well: `InputType` MANIFEST.
    fn manifest(
        &mut self,
        fields: &Fields,
        reader: &Fields,
        manifest_type: Option<&str>,
        input_type: Option<&str>,
    ) {
        match manifest_type {
            None => return,
            Some("S3_INVENTORY") if fields.get("InputType").is_some() => {
                let message = "`InputType` can't be given where `ManifestType` is S3_INVENTORY";
                self.fault(FaultCode::ConflictingFields, fields.span_of("InputType"), message);
            }
            Some("ATHENA_DATA") if fields.get("InputType").is_none() => {
                let message = "`ReaderConfig` needs `InputType` where `ManifestType` is ATHENA_DATA";
                self.fault(FaultCode::MissingField, fields.opening(), message);
            }
            Some("ATHENA_DATA") if matches!(input_type, Some("JSON" | "MANIFEST")) => {
                let message = "`InputType` is CSV, JSONL or PARQUET where `ManifestType` is ATHENA_DATA";
                self.fault(FaultCode::InvalidValue, fields.span_of("InputType"), message);
            }
            Some(_) => {}
        }
        if reads(reader, ":s3:listObjectsV2") {
            let message = "`ManifestType` has no effect here: s3:getObject reads manifests";
            self.fault(FaultCode::IgnoredField, fields.span_of("ManifestType"), message);
        }
    }

    /// Where in an object of JSON the items are.
    fn items_pointer(&mut self, fields: &Fields, input_type: Option<&str>) {
        let Some(pointer) = self.text(fields, "ItemsPointer") else {
            return;
        };
        let chars = pointer.chars().count();
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let message = "`ItemsPointer` is a JSON Pointer, which begins with `/`";
            self.fault(FaultCode::InvalidValue, fields.span_of("ItemsPointer"), message);
        }
        if chars >= ITEMS_POINTER_CHARS {
            let message = format!(
                "`ItemsPointer` has {chars} characters; fewer than {ITEMS_POINTER_CHARS} are allowed"
            );
            self.fault(FaultCode::OutOfRange, fields.span_of("ItemsPointer"), message);
        }
        if input_type != Some("JSON") && fields.get("InputType").is_some() {
            let message =
                "`ItemsPointer` has no effect here: it leads into objects whose `InputType` is JSON";
            self.fault(FaultCode::IgnoredField, fields.span_of("ItemsPointer"), message);
        }
    }

    fn parquet(&mut self, fields: &Fields, reader: &Fields) {
        if !self.reads_parquet {
            let message = "the functions of this stack read no Parquet";
            let hint = "build them with the feature `parquet`: default = [\"parquet\"] in functions/system/Cargo.toml";
            let span = fields.span_of("InputType");
            self.fault_with_hint(FaultCode::NotYetRun, span, message, Some(hint.to_string()));
        }
        let arguments = reader.get("Parameters").or_else(|| reader.get("Arguments"));
        let arguments = arguments.and_then(|arguments| arguments.value.as_object()).unwrap_or_default();
        let version =
            arguments.iter().find(|member| matches!(member.name.as_str(), "VersionId" | "VersionId.$"));
        if let Some(version) = version {
            let message = "`VersionId` can't be given for Parquet files";
            self.fault(FaultCode::ConflictingFields, version.name_span.clone(), message);
        }
    }

    /// `arn:aws:states:::s3:getObject` and its like, or a placeholder.
    fn s3_resource(&mut self, fields: &Fields, actions: &[&str]) {
        let Some(arn) = fields.value("Resource").and_then(Node::as_str) else {
            return;
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let is_known = match parts.as_slice() {
            ["arn", _, "states", "", "", resource] => actions.contains(resource),
            _ => arn.starts_with("${") && arn.ends_with('}'),
        };
        if !is_known {
            let known: Vec<String> =
                actions.iter().map(|action| format!("arn:aws:states:::{action}")).collect();
            let message = format!("`{arn}` is no resource of {}: write {}", fields.what, known.join(" or "));
            self.fault(FaultCode::InvalidResource, fields.span_of("Resource"), message);
        }
    }

    fn csv_headers(&mut self, node: &Node) {
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array of strings", "`CSVHeaders`");
            return;
        };
        for item in items {
            if !matches!(item.data, Data::String(_)) {
                self.wrong_type(item, "a string", "a name in `CSVHeaders`");
            }
        }
        let bytes: usize = items.iter().filter_map(Node::as_str).map(str::len).sum();
        if bytes > CSV_HEADERS_BYTES_MAX {
            let message = format!("`CSVHeaders` has {bytes} bytes; {CSV_HEADERS_BYTES_MAX} are allowed");
            self.fault(FaultCode::OutOfRange, node.span.clone(), message);
        }
    }

    fn item_batcher(&mut self, fields: &Fields) -> Option<ItemBatcher> {
        self.known(
            fields,
            &[
                Both("BatchInput"),
                Both("MaxItemsPerBatch"),
                JsonPath("MaxItemsPerBatchPath"),
                Both("MaxInputBytesPerBatch"),
                JsonPath("MaxInputBytesPerBatchPath"),
            ],
        );
        let limits = [
            "MaxItemsPerBatch",
            "MaxItemsPerBatchPath",
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
        ];
        if limits.iter().all(|limit| fields.get(limit).is_none()) {
            let message = "an item batcher needs `MaxItemsPerBatch` or `MaxInputBytesPerBatch`";
            self.fault(FaultCode::MissingField, fields.opening(), message);
        }
        let max_items_per_batch = self.number(fields, "MaxItemsPerBatch", 1..=MAX_ITEMS_PER_BATCH_MAX);
        let max_input_bytes_per_batch =
            self.number(fields, "MaxInputBytesPerBatch", 1..=MAX_INPUT_BYTES_PER_BATCH_MAX);
        let batch_input = self.object_template(fields, "BatchInput");
        Some(ItemBatcher { batch_input: batch_input?, max_items_per_batch, max_input_bytes_per_batch })
    }

    fn result_writer(&mut self, fields: &Fields) -> Option<ResultWriter> {
        self.known(
            fields,
            &[Both("Resource"), Both("WriterConfig"), JsonPath("Parameters"), Jsonata("Arguments")],
        );
        let resource = self.owned_text(fields, "Resource");
        self.s3_resource(fields, &["s3:putObject"]);
        let arguments = self.arguments(fields);
        let has_place = fields.get("Parameters").or_else(|| fields.get("Arguments")).is_some();
        match (fields.get("Resource").is_some(), has_place, fields.get("WriterConfig").is_some()) {
            (false, false, false) => {
                let message = "a result writer needs `WriterConfig`, or `Resource` and where it is to write";
                self.fault(FaultCode::MissingField, fields.opening(), message);
            }
            (true, false, _) => {
                self.missing(fields, if self.is_jsonata() { "Arguments" } else { "Parameters" })
            }
            (false, true, _) => self.missing(fields, "Resource"),
            _ => {}
        }
        let writer_config = self.part(fields, "WriterConfig", "`WriterConfig`", |parser, config| {
            parser.known(config, &[Both("OutputType"), Both("Transformation")]);
            parser.one_of(config, "OutputType", &["JSON", "JSONL"]);
            parser.one_of(config, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
            for name in ["OutputType", "Transformation"] {
                parser.required(config, name);
            }
            Some(Template::Literal(config.node.to_value()))
        });
        Some(ResultWriter { resource, arguments: arguments?, writer_config: writer_config? })
    }
}

/// What a `Label` may not hold, beside white space.
const FORBIDDEN: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

/// Whether the reader's resource is known to be this one.
fn reads(reader: &Fields, action: &str) -> bool {
    let resource = reader.value("Resource").and_then(Node::as_str);
    resource.is_some_and(|resource| resource.ends_with(action))
}

fn number_template(number: Number) -> Template {
    match number {
        Number::Constant(number) => Template::Literal(number.into()),
        Number::Path(path) => Template::Dynamic(Expression::Path(path)),
        Number::Expression(template) => template,
    }
}
