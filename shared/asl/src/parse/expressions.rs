//! What a JSONata expression refers to: `$states`, variables, functions.

use super::Parser;
use crate::{fault::FaultCode, json::Node, jsonata::Jsonata, nearest::nearest};
use std::ops::Range;

impl Parser<'_> {
    /// `offset` is where the expression begins in the text of `node`.
    pub(super) fn check_expression(&mut self, node: &Node, text: &str, offset: usize, jsonata: &Jsonata) {
        let place = |parser: &Self, written: &str| match jsonata.as_str().find(written) {
            Some(at) => parser.piece_of(node, text, offset + at, written.len()),
            None => node.span.clone(),
        };
        for name in jsonata.top_level_names() {
            let message =
                format!("`{name}` reads an input, and there is none at the top level of an expression");
            let hint = format!("write `$states.input.{name}`, or `${name}` for a variable");
            let span = place(self, name);
            self.fault_with_hint(FaultCode::UnsupportedReference, span, message, Some(hint));
        }
        if jsonata.mentions_root() {
            let hint = "the state's input is `$states.input`, the Context object `$states.context`";
            let span = place(self, "$$");
            let message = "`$$` is not supported: an expression has no input";
            self.fault_with_hint(FaultCode::UnsupportedReference, span, message, Some(hint.into()));
        }
        for reference in jsonata.references() {
            let written = format!("${}", reference.variable);
            match (reference.variable.as_str(), reference.path.first()) {
                ("states", Some(member)) => {
                    let span = place(self, &format!("$states.{member}"));
                    self.states_member(member, span);
                }
                ("states", None) => {}
                (variable, _) => {
                    let span = place(self, &written);
                    self.variable_used(variable, span);
                }
            }
        }
        for function in jsonata.unknown_functions() {
            let span = place(self, &format!("${function}"));
            let message = format!("there is no function `${function}`; a call of it fails");
            self.fault(FaultCode::UnknownJsonataFunction, span, message);
        }
        for newer in jsonata.newer_than_aws() {
            let span = self.piece_of(node, text, offset + newer.position, newer.operator.len());
            let message = format!(
                "`{}` came with JSONata {}; AWS's version does not know it",
                newer.operator, newer.since
            );
            self.fault(FaultCode::NewerJsonata, span, message);
        }
    }

    fn states_member(&mut self, member: &str, span: Range<usize>) {
        let here = ["input", "context"].into_iter().chain(self.states_members.iter().copied());
        if here.clone().any(|known| known == member) {
            return;
        }
        let is_catcher = self.states_members.contains(&"errorOutput");
        let (code, message) = match member {
            "result" if is_catcher => {
                (FaultCode::UnknownMember, "`$states.result` is not there where the work itself has failed")
            }
            "result" => (
                FaultCode::UnsupportedReference,
                "`$states.result` exists in `Output` and `Assign` of Task, Parallel and Map states only",
            ),
            "errorOutput" => (
                FaultCode::UnsupportedReference,
                "`$states.errorOutput` exists in `Output` and `Assign` of a catcher only",
            ),
            _ => (
                FaultCode::UnknownMember,
                "`$states` has only `input`, `context`, `result` and `errorOutput`",
            ),
        };
        let hint = nearest(member, here).map(|near| format!("did you mean `$states.{near}`?"));
        self.fault_with_hint(code, span, message, hint);
    }

    /// The span of a piece of a string's text; the whole string where escapes make the two differ.
    fn piece_of(&self, node: &Node, text: &str, at: usize, length: usize) -> Range<usize> {
        let first = self.span_in(node, text, at);
        if first == node.span { first } else { first.start..first.start + length }
    }
}
