//! The commonest expressions are plain paths: `$states.input.order.id`. They are followed in the JSON value itself,
//! which costs nanoseconds, copies the result alone and keeps the digits of large integers.

use super::states::View;
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

    /// `None`: the path meets an array on its way (which JSONata maps over), is `$states` itself, or begins with a name
    /// that is no variable, so the library has to say what it means.
    pub(super) fn follow<'a>(&self, view: &View<'a>) -> Option<Option<&'a Value>> {
        let (mut value, rest) = if self.variable == "states" {
            let (first, rest) = self.names.split_first()?;
            let Some(member) = view.states.member(first) else { return Some(None) };
            (member, rest)
        } else {
            (view.variables.get(&self.variable)?, self.names.as_slice())
        };
        for name in rest {
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
