//! Texts that look like paths where no path is read: AWS's own warnings.

use super::Parser;
use crate::{
    fault::FaultCode,
    intrinsic::Call,
    json::{Data, Node},
};

impl Parser<'_> {
    /// A member of a payload template whose name doesn't end in `.$`.
    pub(super) fn no_dollar(&mut self, node: &Node, name: &str) {
        if node.as_str().is_some_and(looks_dynamic) {
            let message =
                format!("the value of `{name}` looks like a path or a function, and is taken as text");
            let hint = format!("to evaluate it, name the member `{name}.$`");
            self.fault_with_hint(FaultCode::NoDollar, node.span.clone(), message, Some(hint));
        }
    }

    /// A field that has a sibling with `Path` at the end.
    pub(super) fn no_path(&mut self, node: &Node, name: &str) {
        if node.as_str().is_some_and(looks_dynamic) {
            let message = format!("the value of `{name}` looks like a path, and is taken as text");
            let hint = format!("to read it from the data, write `{name}Path`");
            self.fault_with_hint(FaultCode::NoPath, node.span.clone(), message, Some(hint));
        }
    }

    /// `Result` of a Pass state.
    pub(super) fn static_result(&mut self, node: &Node) {
        match &node.data {
            Data::String(text) if looks_dynamic(text) => {
                let message = "a `Result` is never evaluated: this is taken as text";
                let hint = "to read the input, use `Parameters` in place of `Result`".to_string();
                self.fault_with_hint(FaultCode::StaticResult, node.span.clone(), message, Some(hint));
            }
            Data::Array(items) => items.iter().for_each(|item| self.static_result(item)),
            Data::Object(members) => members.iter().for_each(|member| self.static_result(&member.value)),
            _ => {}
        }
    }
}

fn looks_dynamic(text: &str) -> bool {
    let is_path = ["$.", "$[", "$$"].iter().any(|start| text.starts_with(start));
    text == "$" || is_path || Call::looks_like(text) && text.ends_with(')')
}
