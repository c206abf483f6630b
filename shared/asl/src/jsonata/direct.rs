//! The commonest expressions are plain paths: `$states.input.order.id`. They are followed in the JSON value itself,
//! which costs nanoseconds, copies the result alone and keeps the digits of large integers.

use super::JsonataScope;
use jsonata_core::ast::AstNode;
use serde_json::Value;

#[derive(Debug)]
pub(super) struct Direct {
    variable: String,
    names: Vec<String>,
}

impl Direct {
    /// `None`: the expression is more than a variable followed by names.
    pub(super) fn of(tree: &AstNode) -> Option<Direct> {
        let AstNode::Path { steps } = tree else {
            let AstNode::Variable(variable) = tree else { return None };
            return is_named(variable).then(|| Direct { variable: variable.clone(), names: Vec::new() });
        };
        let is_plain = steps
            .iter()
            .all(|step| step.stages.is_empty() && step.focus.is_none() && step.index_var.is_none());
        let (first, rest) = steps.split_first().filter(|_| is_plain)?;
        let AstNode::Variable(variable) = &first.node else { return None };
        let names = rest.iter().map(|step| match &step.node {
            AstNode::Name(name) => Some(name.clone()),
            _ => None,
        });
        let names = names.collect::<Option<Vec<String>>>()?;
        is_named(variable).then(|| Direct { variable: variable.clone(), names })
    }

    /// `None`: the path meets an array on its way (which JSONata maps over), or the name is no variable, so the
    /// library has to say what it means.
    pub(super) fn follow<'a>(&self, scope: &JsonataScope<'a>) -> Option<Option<&'a Value>> {
        let (mut value, names) = match (self.variable.as_str(), self.names.split_first()) {
            // The library puts the whole of it together.
            ("states", None) => return None,
            ("states", Some((first, rest))) => match scope.states.member(first) {
                Some(member) => (member, rest),
                None => return Some(None),
            },
            (variable, _) => (scope.variables.get(variable)?, self.names.as_slice()),
        };
        for name in names {
            value = match value {
                Value::Object(members) => match members.get(name) {
                    Some(member) => member,
                    None => return Some(None),
                },
                Value::Array(_) => return None,
                _ => return Some(None),
            };
        }
        Some(Some(value))
    }
}

/// `$` and `$$` are no variables.
fn is_named(variable: &str) -> bool {
    !variable.is_empty() && !variable.starts_with('$')
}
