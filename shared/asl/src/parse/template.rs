//! Payload templates of JSONPath states, and the expressions in them.

use super::Parser;
use crate::{
    fault::FaultCode,
    intrinsic::{Call, CallErrorKind},
    json::{Data, Node},
    path::Path,
    template::{Expression, Template},
};
use std::collections::HashSet;

impl Parser<'_> {
    /// A template, with each part of it that is not dynamic as a literal.
    pub(super) fn path_template(&mut self, node: &Node) -> Option<Template> {
        match &node.data {
            Data::Object(members) => {
                let mut names = HashSet::new();
                let mut entries = Vec::with_capacity(members.len());
                let mut is_whole = true;
                for member in members {
                    let (name, template) = match member.name.strip_suffix(".$") {
                        Some(name) => {
                            (name, self.expression(&member.value, &member.name).map(Template::Dynamic))
                        }
                        None => {
                            self.no_dollar(&member.value, &member.name);
                            (member.name.as_str(), self.path_template(&member.value))
                        }
                    };
                    if !names.insert(name) {
                        let message = format!(
                            "the template already has a member `{name}`; without `.$` the names are equal"
                        );
                        self.fault(FaultCode::DuplicateAfterRename, member.name_span.clone(), message);
                    }
                    match template {
                        Some(template) => entries.push((name.to_string(), template)),
                        None => is_whole = false,
                    }
                }
                let is_literal = entries.iter().all(|(_, template)| matches!(template, Template::Literal(_)));
                match (is_whole, is_literal) {
                    (false, _) => None,
                    (true, true) => Some(Template::Literal(node.to_value())),
                    (true, false) => Some(Template::Object(entries)),
                }
            }
            Data::Array(items) => {
                // Every item is read, so that all of their faults are found.
                let templates: Vec<Option<Template>> =
                    items.iter().map(|item| self.path_template(item)).collect();
                let templates = templates.into_iter().collect::<Option<Vec<_>>>()?;
                let is_literal = templates.iter().all(|template| matches!(template, Template::Literal(_)));
                Some(if is_literal { Template::Literal(node.to_value()) } else { Template::Array(templates) })
            }
            _ => Some(Template::Literal(node.to_value())),
        }
    }

    /// The value of a member whose name ends in `.$`, of `ErrorPath` or of `CausePath`.
    pub(super) fn expression(&mut self, node: &Node, name: &str) -> Option<Expression> {
        let Some(text) = node.as_str() else {
            self.wrong_type(node, "a path or a call of an intrinsic function", &format!("`{name}`"));
            return None;
        };
        if Call::looks_like(text) {
            return self.call(node, text).map(Expression::Call);
        }
        if !text.starts_with('$') {
            let message = format!("the value of `{name}` must be a path or a call of an intrinsic function");
            let plain = name
                .strip_suffix(".$")
                .map(|plain| format!("to set the text itself, name the field `{plain}`"));
            self.fault_with_hint(FaultCode::InvalidPath, node.span.clone(), message, plain);
            return None;
        }
        match Path::parse(text) {
            Ok(path) => {
                self.note(&path, &node.span);
                Some(Expression::Path(path))
            }
            Err(error) => {
                self.path_fault(node, text, &error);
                None
            }
        }
    }

    fn call(&mut self, node: &Node, text: &str) -> Option<Call> {
        match Call::parse(text) {
            Ok(call) => {
                call.paths().into_iter().for_each(|path| self.note(path, &node.span));
                Some(call)
            }
            Err(error) => {
                let code = match error.kind {
                    CallErrorKind::Invalid => FaultCode::InvalidFunction,
                    CallErrorKind::UnknownFunction => FaultCode::UnknownFunction,
                };
                let span = self.span_in(node, text, error.at);
                self.fault_with_hint(code, span, error.message, error.hint);
                None
            }
        }
    }
}
