//! Parallel and Map states.

use super::{
    Parser,
    fields::Fields,
    language::Known::{self, Both, JsonPath, Jsonata},
    state::{FILTERS, Read, THEN, WORK},
    variables::Sight,
};
use crate::{
    definition::{Items, Kind, Machine, Map, MapMode, Parallel, Parent, WorkflowType},
    fault::FaultCode,
    json::{Data, Node},
    path::Path,
};

const BRANCH: [Known; 3] = [Both("StartAt"), Both("States"), Both("Comment")];

const MAP: [Known; 19] = [
    Both("ItemProcessor"),
    Both("Iterator"),
    JsonPath("ItemsPath"),
    Jsonata("Items"),
    Both("ItemSelector"),
    Both("MaxConcurrency"),
    JsonPath("MaxConcurrencyPath"),
    Both("ToleratedFailureCount"),
    JsonPath("ToleratedFailureCountPath"),
    Both("ToleratedFailurePercentage"),
    JsonPath("ToleratedFailurePercentagePath"),
    Both("Label"),
    Both("ItemReader"),
    Both("ItemBatcher"),
    Both("ResultWriter"),
    JsonPath("Parameters"),
    JsonPath("ResultSelector"),
    JsonPath("ResultPath"),
    Both("Retry"),
];

impl Parser<'_> {
    pub(super) fn parallel(&mut self, name: &str, fields: &Fields) -> Option<Read> {
        self.known_of_state(fields, &[&FILTERS, &THEN, &WORK, &[Both("Branches")]]);
        let data = self.work(fields);
        let (retry, catch) = (self.retry(fields), self.catch(fields));
        self.check_matches(fields);
        let then = self.then(fields);
        let branches = self.branches(name, fields);
        let parallel = Parallel { branches: branches?, then: then? };
        Some(Read { data: data?, retry: retry?, catch: catch?, kind: Kind::Parallel(parallel) })
    }

    fn branches(&mut self, name: &str, fields: &Fields) -> Option<Vec<Machine>> {
        let node = self.required(fields, "Branches")?;
        let Some(items) = node.as_array() else {
            self.wrong_type(node, "an array of branches", "`Branches`");
            return None;
        };
        if items.is_empty() {
            let message = "a Parallel state needs at least one branch";
            self.fault(FaultCode::MissingField, node.span.clone(), message);
            return None;
        }
        let mut branches = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let branch = self.fields(item, "a branch").and_then(|branch| {
                self.known(&branch, &BRANCH);
                self.text(&branch, "Comment");
                self.nested(&branch, Parent { state: name.to_string(), branch: index }, Sight::Outer)
            });
            branches.push(branch);
        }
        branches.into_iter().collect()
    }

    pub(super) fn map(&mut self, name: &str, fields: &Fields) -> Option<Read> {
        self.known_of_state(fields, &[&FILTERS, &THEN, &MAP, &[Both("Catch")]]);
        self.at_most_one(fields, &["ItemProcessor", "Iterator"]);
        self.at_most_one(fields, &["ItemSelector", "Parameters"]);
        for (old, new) in [("Iterator", "ItemProcessor"), ("Parameters", "ItemSelector")] {
            if let (Some(member), None) = (fields.get(old).filter(|_| !self.is_jsonata()), fields.get(new)) {
                let message = format!("`{old}` of a Map state is now called `{new}`");
                self.fault(FaultCode::DeprecatedField, member.name_span.clone(), message);
            }
        }
        let mode = self.map_mode(fields);
        let items = self.items(fields);
        let selector = if fields.get("ItemSelector").is_some() { "ItemSelector" } else { "Parameters" };
        let item_selector = match selector {
            "Parameters" if self.is_jsonata() => Some(None),
            selector => self.any_template(fields, selector),
        };
        let max_concurrency = self.number(fields, "MaxConcurrency", 0..=u64::MAX);
        let tolerated_failure_count = self.number(fields, "ToleratedFailureCount", 0..=u64::MAX);
        let tolerated_failure_percentage = self.percentage(fields, "ToleratedFailurePercentage");
        let data = self.work_of_map(fields);
        let (retry, catch) = (self.retry(fields), self.catch(fields));
        self.check_matches(fields);
        let then = self.then(fields);
        let processor = self.processor(name, fields);
        let map = Map {
            processor: processor?,
            mode: mode?,
            items: items?,
            item_selector: item_selector?,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            then: then?,
        };
        Some(Read { data: data?, retry: retry?, catch: catch?, kind: Kind::Map(Box::new(map)) })
    }

    fn processor(&mut self, name: &str, fields: &Fields) -> Option<Machine> {
        let field = if fields.get("ItemProcessor").is_some() { "ItemProcessor" } else { "Iterator" };
        let Some(node) = fields.value(field) else {
            self.missing(fields, "ItemProcessor");
            return None;
        };
        let processor = self.fields(node, "an item processor")?;
        self.known(&processor, &[&BRANCH[..], &[Both("ProcessorConfig")]].concat());
        self.text(&processor, "Comment");
        let is_distributed = processor
            .value("ProcessorConfig")
            .and_then(|config| config.get("Mode"))
            .is_some_and(|mode| mode.as_str() == Some("DISTRIBUTED"));
        let sight = if is_distributed { Sight::Own } else { Sight::Outer };
        self.nested(&processor, Parent { state: name.to_string(), branch: 0 }, sight)
    }

    fn map_mode(&mut self, fields: &Fields) -> Option<MapMode> {
        let processor = fields.value("ItemProcessor").or_else(|| fields.value("Iterator"));
        let config = processor.and_then(|processor| processor.get("ProcessorConfig"));
        let mut execution_type = None;
        let mut is_distributed = false;
        if let Some(config) = config {
            let config = self.fields(config, "`ProcessorConfig`")?;
            self.known(&config, &[Both("Mode"), Both("ExecutionType")]);
            is_distributed = self.one_of(&config, "Mode", &["INLINE", "DISTRIBUTED"]) == Some("DISTRIBUTED");
            execution_type =
                self.one_of(&config, "ExecutionType", &["STANDARD", "EXPRESS"]).map(|kind| match kind {
                    "EXPRESS" => WorkflowType::Express,
                    _ => WorkflowType::Standard,
                });
            if is_distributed && config.get("ExecutionType").is_none() {
                let message = "`ProcessorConfig` needs `ExecutionType` where `Mode` is DISTRIBUTED";
                self.fault(FaultCode::MissingField, config.opening(), message);
            }
        }
        if is_distributed {
            let distributed = self.distributed(fields, execution_type.unwrap_or_default())?;
            if self.workflow_type == WorkflowType::Express {
                let message = "an EXPRESS workflow has no distributed Map states";
                self.fault(FaultCode::NotInExpress, fields.span_of("Type"), message);
            }
            return Some(MapMode::Distributed(Box::new(distributed)));
        }
        for name in ["ItemReader", "ItemBatcher", "ResultWriter", "Label"] {
            if let Some(member) = fields.get(name) {
                let hint = r#"set "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}"#;
                let message = format!("`{name}` has no effect in an inline Map state");
                let span = member.name_span.clone();
                self.fault_with_hint(FaultCode::IgnoredField, span, message, Some(hint.into()));
            }
        }
        Some(MapMode::Inline)
    }

    /// One of the words that a field may have.
    pub(super) fn one_of(
        &mut self,
        fields: &Fields,
        name: &str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let text = self.text(fields, name)?;
        let word = words.iter().find(|word| **word == text).copied();
        if word.is_none() {
            let hint = crate::nearest::nearest(text, words.iter().copied());
            let hint = hint.map(|near| format!("did you mean `{near}`?"));
            let message = format!("`{name}` is one of {}, and this is `{text}`", words.join(", "));
            self.fault_with_hint(FaultCode::InvalidValue, fields.span_of(name), message, hint);
        }
        word
    }

    fn items(&mut self, fields: &Fields) -> Option<Items> {
        if !self.is_jsonata() {
            return match fields.value("ItemsPath") {
                Some(node) => self.reference(node, "`ItemsPath`").map(Items::Path),
                None => Some(Items::Path(Path::whole_input())),
            };
        }
        let Some(node) = fields.value("Items") else {
            return Some(Items::Path(Path::whole_input()));
        };
        if let Some(template) = self.jsonata_only(node)? {
            return Some(Items::Template(template));
        }
        match node {
            Node { data: Data::Array(_) | Data::Object(_), .. } => self.template(node).map(Items::Template),
            _ => {
                self.wrong_type(node, "an array, an object or an expression", "`Items`");
                None
            }
        }
    }
}
