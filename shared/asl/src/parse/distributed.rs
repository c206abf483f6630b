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
        CSV_HEADERS_BYTES_MAX, LABEL_CHARS_MAX, MAX_INPUT_BYTES_PER_BATCH_MAX, MAX_ITEMS_MAX,
        MAX_ITEMS_PER_BATCH_MAX,
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
                self.fields(node, "`ReaderConfig`").and_then(|config| self.reader_config(&config)).map(Some)
            }
            None => Some(None),
        };
        Some(ItemReader {
            resource: resource?.to_string(),
            reader_config: reader_config?,
            arguments: arguments?,
        })
    }

    fn reader_config(&mut self, fields: &Fields) -> Option<Template> {
        self.known(
            fields,
            &[
                Both("InputType"),
                Both("Transformation"),
                Both("CSVHeaderLocation"),
                Both("CSVHeaders"),
                Both("CSVDelimiter"),
                Both("ManifestType"),
                Both("MaxItems"),
                JsonPath("MaxItemsPath"),
            ],
        );
        let input_type = self.one_of(fields, "InputType", &INPUT_TYPES);
        self.one_of(fields, "CSVDelimiter", &DELIMITERS);
        let transformation = self.one_of(fields, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
        for (name, value) in [("InputType", input_type), ("Transformation", transformation)] {
            if let Some(value @ ("MANIFEST" | "PARQUET" | "LOAD_AND_FLATTEN")) = value {
                let message = format!("this version cannot read items with `{name}` {value} yet");
                self.fault(FaultCode::NotYetRun, fields.span_of(name), message);
            }
        }
        self.one_of(fields, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
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

fn number_template(number: Number) -> Template {
    match number {
        Number::Constant(number) => Template::Literal(number.into()),
        Number::Path(path) => Template::Dynamic(Expression::Path(path)),
        Number::Expression(template) => template,
    }
}
