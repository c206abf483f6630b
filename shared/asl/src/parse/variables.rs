//! Variables: their names, and the scopes that they live in
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html>).
//!
//! Each machine is a scope. An inner one sees the variables of the outer ones, but may not assign them; a distributed
//! Map state's children see only their own. Whether an assignment comes before a use is a matter of the run: a use is
//! reported only where no state of its scopes assigns the variable at all.

use super::Parser;
use crate::{
    fault::{FaultCode, Severity},
    limits::{HINT_CANDIDATES_MAX, VARIABLE_NAME_CHARS_MAX},
    nearest::nearest,
};
use std::{collections::HashSet, ops::Range};

/// What a nested machine sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// The variables of the machines around it too.
    Outer,
    Own,
}

/// All that a definition says of variables.
#[derive(Debug)]
pub(super) struct Variables {
    scopes: Vec<Scope>,
    current: usize,
    assignments: Vec<Mention>,
    uses: Vec<Mention>,
}

#[derive(Debug, Default)]
struct Scope {
    outer: Option<usize>,
    assigned: HashSet<String>,
}

#[derive(Debug)]
struct Mention {
    scope: usize,
    name: String,
    span: Range<usize>,
    state: Option<String>,
}

impl Default for Variables {
    fn default() -> Self {
        Variables { scopes: vec![Scope::default()], current: 0, assignments: Vec::new(), uses: Vec::new() }
    }
}

impl Variables {
    /// Opens the scope of a nested machine, and gives the one to go back to.
    pub(super) fn enter(&mut self, sight: Sight) -> usize {
        let outer = self.current;
        self.scopes.push(Scope { outer: (sight == Sight::Outer).then_some(outer), ..Scope::default() });
        self.current = self.scopes.len() - 1;
        outer
    }

    pub(super) fn leave(&mut self, outer: usize) {
        self.current = outer;
    }

    fn outer_scopes(&self, of: usize) -> impl Iterator<Item = &Scope> {
        let mut next = self.scopes.get(of).and_then(|scope| scope.outer);
        std::iter::from_fn(move || {
            let scope = self.scopes.get(next?)?;
            next = scope.outer;
            Some(scope)
        })
    }

    /// The scope itself and those around it.
    fn visible(&self, from: usize) -> impl Iterator<Item = &Scope> {
        self.scopes.get(from).into_iter().chain(self.outer_scopes(from))
    }
}

impl Parser<'_> {
    /// Takes note of a variable that the state assigns.
    pub(super) fn assigned(&mut self, name: &str, span: Range<usize>) {
        let chars = name.chars().count();
        if name == "states" {
            let message = "`states` is no name for a variable: `$states` is what AWS gives to an expression";
            self.fault(FaultCode::InvalidVariable, span.clone(), message);
        } else if chars == 0 || chars > VARIABLE_NAME_CHARS_MAX {
            let message = format!("a variable's name has 1 to {VARIABLE_NAME_CHARS_MAX} characters");
            self.fault(FaultCode::InvalidVariable, span.clone(), message);
        } else if !is_identifier(name) {
            let message = format!("`{name}` is no identifier, so no expression can refer to it");
            let hint = "begin with a letter, and go on with letters, digits and `_`".to_string();
            self.fault_with_hint(FaultCode::VariableSyntax, span.clone(), message, Some(hint));
        }
        let scope = self.variables.current;
        if let Some(scope) = self.variables.scopes.get_mut(scope) {
            scope.assigned.insert(name.to_string());
        }
        let mention = Mention { scope, name: name.to_string(), span, state: self.state.clone() };
        self.variables.assignments.push(mention);
    }

    /// Takes note of a variable that is read.
    pub(super) fn variable_used(&mut self, name: &str, span: Range<usize>) {
        let scope = self.variables.current;
        self.variables.uses.push(Mention { scope, name: name.to_string(), span, state: self.state.clone() });
    }

    /// When everything is read.
    pub(super) fn check_variables(&mut self) {
        let variables = std::mem::take(&mut self.variables);
        for Mention { scope, name, span, state } in &variables.assignments {
            if variables.outer_scopes(*scope).any(|outer| outer.assigned.contains(name)) {
                self.state.clone_from(state);
                let message =
                    format!("`{name}` is a variable of an outer scope, which an inner one may only read");
                self.fault(FaultCode::ShadowedVariable, span.clone(), message);
            }
        }
        for Mention { scope, name, span, state } in &variables.uses {
            if variables.visible(*scope).any(|scope| scope.assigned.contains(name)) {
                continue;
            }
            if self.is_full(Severity::Warning) {
                break;
            }
            self.state.clone_from(state);
            let known = variables.visible(*scope).flat_map(|scope| scope.assigned.iter().map(String::as_str));
            let mut known: Vec<&str> = known.take(HINT_CANDIDATES_MAX).collect();
            known.sort_unstable();
            let hint = nearest(name, known).map(|near| format!("did you mean `${near}`?"));
            let message = format!("no state assigns the variable `{name}` where this one can see it");
            self.fault_with_hint(FaultCode::UndefinedVariable, span.clone(), message, hint);
        }
        self.state = None;
    }
}

/// Near to Unicode's identifiers, which AWS's documentation asks for.
fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(char::is_alphabetic)
        && chars.all(|char| char.is_alphanumeric() || matches!(char, '_' | '\u{203f}' | '\u{2040}'))
}
