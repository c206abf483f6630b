//! The two query languages: which of them a state speaks, which fields belong to it, and its expressions.

use super::{Parser, fields::Fields};
use crate::{
    definition::QueryLanguage,
    fault::FaultCode,
    json::{Data, Node},
    jsonata::Jsonata,
    nearest::nearest,
    template::{Expression, Template},
};

/// A field that an object may have, and the language it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    Both(&'static str),
    JsonPath(&'static str),
    Jsonata(&'static str),
}

impl Known {
    pub(super) fn name(self) -> &'static str {
        match self {
            Known::Both(name) | Known::JsonPath(name) | Known::Jsonata(name) => name,
        }
    }

    fn is_in(self, language: QueryLanguage) -> bool {
        match self {
            Known::Both(_) => true,
            Known::JsonPath(_) => language == QueryLanguage::JsonPath,
            Known::Jsonata(_) => language == QueryLanguage::Jsonata,
        }
    }
}

/// How a string stands to `{%` and `%}`.
enum Marks<'t> {
    None,
    Both(&'t str),
    OnlyOne,
}

impl Parser<'_> {
    /// The language that an object chooses, if it does and rightly.
    pub(super) fn query_language(&mut self, fields: &Fields) -> Option<QueryLanguage> {
        let language = self.text(fields, "QueryLanguage")?;
        match language {
            "JSONPath" => Some(QueryLanguage::JsonPath),
            "JSONata" => Some(QueryLanguage::Jsonata),
            other => {
                let hint =
                    nearest(other, ["JSONata", "JSONPath"]).map(|near| format!("did you mean `{near}`?"));
                let message =
                    format!("there is no query language `{other}`: write \"JSONPath\" or \"JSONata\"");
                let span = fields.span_of("QueryLanguage");
                self.fault_with_hint(FaultCode::InvalidValue, span, message, hint);
                None
            }
        }
    }

    /// A fault for every member that the object doesn't have, or that belongs to the other language.
    pub(super) fn known(&mut self, fields: &Fields, known: &[Known]) {
        for member in fields.members {
            let name = member.name.as_str();
            let Some(field) = known.iter().find(|field| field.name() == name) else {
                let candidates =
                    known.iter().filter(|field| field.is_in(self.language)).map(|field| field.name());
                let hint = nearest(name, candidates)
                    .filter(|near| fields.get(near).is_none())
                    .map(|near| format!("did you mean `{near}`?"));
                let message = format!("{} has no field `{name}`", fields.what);
                self.fault_with_hint(FaultCode::UnknownField, member.name_span.clone(), message, hint);
                continue;
            };
            if !field.is_in(self.language) {
                let (other, own) = match self.language {
                    QueryLanguage::JsonPath => ("JSONata", "JSONPath"),
                    QueryLanguage::Jsonata => ("JSONPath", "JSONata"),
                };
                let message = format!("`{name}` is a field of {other}, and the state speaks {own}");
                let hint = counterpart(name).map(|counterpart| format!("in {own} write `{counterpart}`"));
                self.fault_with_hint(FaultCode::OtherLanguage, member.name_span.clone(), message, hint);
            }
        }
    }

    pub(super) fn is_jsonata(&self) -> bool {
        self.language == QueryLanguage::Jsonata
    }

    /// A string of a JSONata state: an expression, or the text itself.
    pub(super) fn jsonata_text(&mut self, node: &Node, text: &str) -> Option<Template> {
        match marks(text) {
            Marks::None => Some(Template::Literal(node.to_value())),
            Marks::Both(inner) => {
                self.jsonata(node, text, inner).map(|jsonata| Template::Dynamic(Expression::Jsonata(jsonata)))
            }
            Marks::OnlyOne => {
                let message =
                    "an expression begins with `{%` and ends with `%}`, without anything around them";
                self.fault(FaultCode::UnclosedExpression, node.span.clone(), message);
                None
            }
        }
    }

    /// A string that must be an expression. Whatever else it is, is the caller's fault to report: `None` inside.
    pub(super) fn jsonata_only(&mut self, node: &Node) -> Option<Option<Template>> {
        let Some(text) = node.as_str().filter(|_| self.is_jsonata()) else {
            return Some(None);
        };
        match self.jsonata_text(node, text)? {
            Template::Literal(_) => Some(None),
            template => Some(Some(template)),
        }
    }

    fn jsonata(&mut self, node: &Node, text: &str, inner: &str) -> Option<Jsonata> {
        let trimmed = inner.trim();
        let offset = 2 + (inner.len() - inner.trim_start().len());
        match Jsonata::parse(trimmed) {
            Ok(jsonata) => {
                self.note_jsonata(&jsonata);
                self.check_expression(node, text, offset, &jsonata);
                Some(jsonata)
            }
            Err(fault) => {
                let span = self.span_in(node, text, offset + fault.position.min(trimmed.len()));
                self.fault(
                    FaultCode::InvalidJsonata,
                    span,
                    format!("this is no JSONata expression: {fault}"),
                );
                None
            }
        }
    }

    /// A template of a JSONata state: strings between `{%` and `%}` are expressions, at any depth.
    pub(super) fn jsonata_template(&mut self, node: &Node) -> Option<Template> {
        match &node.data {
            Data::String(text) => self.jsonata_text(node, text),
            Data::Array(items) => {
                let items: Vec<Option<Template>> =
                    items.iter().map(|item| self.jsonata_template(item)).collect();
                let items = items.into_iter().collect::<Option<Vec<_>>>()?;
                let is_literal = items.iter().all(|item| matches!(item, Template::Literal(_)));
                Some(if is_literal { Template::Literal(node.to_value()) } else { Template::Array(items) })
            }
            Data::Object(members) => {
                let entries: Vec<Option<(String, Template)>> = members
                    .iter()
                    .map(|member| Some((member.name.clone(), self.jsonata_template(&member.value)?)))
                    .collect();
                let entries = entries.into_iter().collect::<Option<Vec<_>>>()?;
                let is_literal = entries.iter().all(|(_, entry)| matches!(entry, Template::Literal(_)));
                Some(if is_literal { Template::Literal(node.to_value()) } else { Template::Object(entries) })
            }
            _ => Some(Template::Literal(node.to_value())),
        }
    }
}

fn marks(text: &str) -> Marks<'_> {
    match (text.starts_with("{%"), text.ends_with("%}")) {
        (false, false) => Marks::None,
        (true, true) => match text.get(2..text.len().saturating_sub(2)) {
            Some(inner) => Marks::Both(inner),
            // `{%}` is both its beginning and its end.
            None => Marks::OnlyOne,
        },
        _ => Marks::OnlyOne,
    }
}

/// The field that does the same in the other language.
fn counterpart(name: &str) -> Option<&'static str> {
    Some(match name {
        "Parameters" => "Arguments",
        "ResultSelector" | "OutputPath" | "ResultPath" => "Output",
        "ItemsPath" => "Items",
        "Items" => "ItemsPath",
        "Arguments" => "Parameters",
        "Output" => "ResultSelector",
        "Condition" => "Variable",
        "TimeoutSecondsPath" => "TimeoutSeconds",
        "HeartbeatSecondsPath" => "HeartbeatSeconds",
        "SecondsPath" => "Seconds",
        "TimestampPath" => "Timestamp",
        "ErrorPath" => "Error",
        "CausePath" => "Cause",
        "MaxConcurrencyPath" => "MaxConcurrency",
        "ToleratedFailureCountPath" => "ToleratedFailureCount",
        "ToleratedFailurePercentagePath" => "ToleratedFailurePercentage",
        "MaxItemsPath" => "MaxItems",
        "MaxItemsPerBatchPath" => "MaxItemsPerBatch",
        "MaxInputBytesPerBatchPath" => "MaxInputBytesPerBatch",
        _ => return None,
    })
}
