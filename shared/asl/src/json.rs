//! JSON with the place of every value.
//!
//! `serde_json` judges the text, strictly and with its depth limit; `jsonc-parser` then gives the places.

use crate::{
    fault::{FaultCode, Lines},
    limits::{DEFINITION_BYTES_MAX, DEFINITION_DEPTH_MAX},
};
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, ast, common::Ranged};
use serde_json::{Number, Value};
use std::{collections::HashMap, ops::Range};

/// A value and its place in the source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) name_span: Range<usize>,
    pub(crate) value: Node,
}

/// What is wrong with a text.
#[derive(Debug, PartialEq)]
pub(crate) struct JsonFault {
    pub(crate) code: FaultCode,
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
}

/// The tree of a text, and the members that stand twice in an object (the first of them is kept).
pub(crate) fn parse(text: &str, lines: &Lines) -> Result<(Node, Vec<JsonFault>), JsonFault> {
    if text.len() > DEFINITION_BYTES_MAX {
        return Err(JsonFault {
            code: FaultCode::DefinitionTooLarge,
            span: 0..0,
            message: format!("the definition has {} bytes; {DEFINITION_BYTES_MAX} are allowed", text.len()),
        });
    }
    if text.trim_ascii().is_empty() {
        let message = "the text is empty".to_string();
        return Err(JsonFault { code: FaultCode::EmptyDefinition, span: 0..text.len(), message });
    }
    if let Err(error) = serde_json::from_str::<Value>(text) {
        return Err(syntax_fault(&error, text, lines));
    }
    let options = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let collect = CollectOptions { comments: CommentCollectionStrategy::Off, tokens: false };
    let parsed = jsonc_parser::parse_to_ast(text, &collect, &options).map_err(|error| {
        let range = error.range();
        JsonFault {
            code: FaultCode::InvalidJson,
            span: range.start..range.end,
            message: error.kind().to_string(),
        }
    })?;
    let mut duplicates = Vec::new();
    let value = parsed.value.as_ref().and_then(|value| node(value, &mut duplicates));
    value.map(|node| (node, duplicates)).ok_or_else(|| JsonFault {
        code: FaultCode::InvalidJson,
        span: 0..text.len(),
        message: "the text cannot be read".into(),
    })
}

fn syntax_fault(error: &serde_json::Error, text: &str, lines: &Lines) -> JsonFault {
    // serde_json counts the column in bytes, and gives 0 for the line feed itself.
    let at = lines.offset(error.line(), error.column());
    let end = text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |char| at + char.len_utf8());
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    if message.starts_with("recursion limit") {
        return JsonFault {
            code: FaultCode::NestedTooDeeply,
            span: at..end,
            message: format!("objects and arrays are nested more than {DEFINITION_DEPTH_MAX} levels deep"),
        };
    }
    JsonFault { code: FaultCode::InvalidJson, span: at..end, message: message.to_string() }
}

fn node(value: &ast::Value, duplicates: &mut Vec<JsonFault>) -> Option<Node> {
    let range = value.range();
    let data = match value {
        ast::Value::NullKeyword(_) => Data::Null,
        ast::Value::BooleanLit(literal) => Data::Bool(literal.value),
        ast::Value::NumberLit(literal) => Data::Number(serde_json::from_str(literal.value).ok()?),
        ast::Value::StringLit(literal) => Data::String(literal.value.to_string()),
        ast::Value::Array(array) => {
            Data::Array(array.elements.iter().map(|item| node(item, duplicates)).collect::<Option<_>>()?)
        }
        ast::Value::Object(object) => {
            let mut seen: HashMap<&str, ()> = HashMap::new();
            let mut members = Vec::with_capacity(object.properties.len());
            for property in &object.properties {
                let name = property.name.as_str();
                let name_range = property.name.range();
                let name_span = name_range.start..name_range.end;
                let value = node(&property.value, duplicates)?;
                if seen.insert(name, ()).is_some() {
                    duplicates.push(JsonFault {
                        code: FaultCode::DuplicateMember,
                        span: name_span,
                        message: format!("`{name}` stands here for the second time"),
                    });
                } else {
                    members.push(Member { name: name.to_string(), name_span, value });
                }
            }
            Data::Object(members)
        }
    };
    Some(Node { span: range.start..range.end, data })
}

impl Node {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Node]> {
        match &self.data {
            Data::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&[Member]> {
        match &self.data {
            Data::Object(members) => Some(members),
            _ => None,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.as_object()?.iter().find(|member| member.name == name).map(|member| &member.value)
    }

    /// What kind of value it is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "a boolean",
            Data::Number(_) => "a number",
            Data::String(_) => "a string",
            Data::Array(_) => "an array",
            Data::Object(_) => "an object",
        }
    }

    pub(crate) fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::String(text) => Value::String(text.clone()),
            Data::Array(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Data::Object(members) => Value::Object(
                members.iter().map(|member| (member.name.clone(), member.value.to_value())).collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuse(text: &str, code: FaultCode, start: usize) {
        let fault = parse(text, &Lines::new(text)).unwrap_err();
        assert_eq!((fault.code, fault.span.start), (code, start), "{text}: {}", fault.message);
    }

    #[test]
    fn only_strict_json_is_taken() {
        for (text, start) in [
            ("not a definition", 1),
            ("{\"a\": 1,}", 8),
            ("{\"a\": 1 // x\n}", 8),
            ("{'a': 1}", 1),
            ("{a: 1}", 1),
            ("[01]", 2),
            ("[+1]", 1),
            ("[1] 2", 4),
            ("[\"\\x41\"]", 3),
            ("[1e999]", 5),
            ("{\n\"a\": \"", 7),
        ] {
            refuse(text, FaultCode::InvalidJson, start);
        }
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(DEFINITION_DEPTH_MAX), &Lines::new("")).is_ok());
        for levels in [DEFINITION_DEPTH_MAX + 1, 100_000] {
            refuse(&nested(levels), FaultCode::NestedTooDeeply, DEFINITION_DEPTH_MAX);
        }
        refuse(&" ".repeat(DEFINITION_BYTES_MAX + 1), FaultCode::DefinitionTooLarge, 0);
        refuse("", FaultCode::EmptyDefinition, 0);
        refuse(" \n", FaultCode::EmptyDefinition, 0);
    }

    #[test]
    fn values_know_their_places() {
        let text = r#"{"ä": [1, "x"], "b": {"c": null}, "ä": 2}"#;
        let (root, duplicates) = parse(text, &Lines::new(text)).unwrap();
        let items = root.get("ä").unwrap().as_array().unwrap();
        assert_eq!(&text[items[1].span.clone()], "\"x\"");
        assert_eq!(&text[root.as_object().unwrap()[1].name_span.clone()], "\"b\"");
        assert_eq!(root.to_value().to_string(), r#"{"ä":[1,"x"],"b":{"c":null}}"#);
        assert_eq!(duplicates.len(), 1);
        assert_eq!(duplicates[0].span.start, text.rfind("\"ä\"").unwrap());
    }
}
