//! Terraform's own words: names, and texts with gaps.

use crate::{
    hcl::{Body, Value, escaped, quoted, raw},
    text::{Part, Text},
};

/// `KmsKeyArn` and `charge-payment` as Terraform's names are.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            'A'..='Z' => {
                if !out.is_empty() && !out.ends_with('_') {
                    out.push('_');
                }
                out.push(c.to_ascii_lowercase());
            }
            c if c.is_ascii_alphanumeric() => out.push(c),
            _ if out.ends_with('_') => {}
            _ => out.push('_'),
        }
    }
    // A name begins with a letter.
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("n{out}") } else { out }
}

pub(super) fn text(text: &Text) -> Value {
    match text.0.as_slice() {
        [Part::Literal(text)] => quoted(text),
        [part] => raw(expression(part)),
        parts => {
            let parts = parts.iter().map(|part| match part {
                Part::Literal(text) => escaped(text),
                part => format!("${{{}}}", expression(part)),
            });
            raw(format!("\"{}\"", parts.collect::<String>()))
        }
    }
}

/// A name of the stack's, `<stack>-<name>`.
pub(super) fn named(name: &str) -> Value {
    text(&Text::of(format!("${{Stack}}-{name}")))
}

fn expression(part: &Part) -> String {
    match part {
        Part::Literal(text) => format!("\"{}\"", escaped(text)),
        Part::Stack => "var.stack".to_owned(),
        Part::Region => "local.region".to_owned(),
        Part::Account => "local.account".to_owned(),
        Part::Partition => "local.partition".to_owned(),
        Part::RoleArn(role) => format!("aws_iam_role.{}.arn", snake(role)),
        Part::Parameter(name) => format!("var.{}", snake(name)),
    }
}

/// Whether a resource is there: always, or where the API is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    Always,
    WithApi,
}

impl There {
    /// What a resource of its kind begins with.
    pub(super) fn body(self) -> Body {
        match self {
            There::Always => Body::new(),
            There::WithApi => Body::new().with("count", raw("var.api_enabled ? 1 : 0")),
        }
    }

    /// A resource's name, as others refer to it.
    pub(super) fn named(self, id: &str) -> String {
        match self {
            There::Always => id.to_owned(),
            There::WithApi => format!("{id}[0]"),
        }
    }
}
