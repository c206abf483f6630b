//! `$states`, in one piece or in the parts that a state has at hand, so that nothing has to be copied to ask for it.

use super::JsonataScope;
use crate::scope::{Draws, Scope};
use serde_json::{Map, Value};

/// What an evaluation sees.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) states: States<'a>,
    pub(super) variables: &'a Map<String, Value>,
    pub(super) now_ms: i64,
    pub(super) draws: &'a Draws,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum States<'a> {
    Whole(&'a Value),
    Parts { input: &'a Value, context: &'a Value, result: Option<&'a Value>, error_output: Option<&'a Value> },
}

impl<'a> States<'a> {
    pub(super) fn member(self, name: &str) -> Option<&'a Value> {
        match (self, name) {
            (States::Whole(states), _) => states.get(name),
            (States::Parts { input, .. }, "input") => Some(input),
            (States::Parts { context, .. }, "context") => Some(context),
            (States::Parts { result, .. }, "result") => result,
            (States::Parts { error_output, .. }, "errorOutput") => error_output,
            (States::Parts { .. }, _) => None,
        }
    }

    pub(super) fn members(self) -> Vec<(&'a str, &'a Value)> {
        match self {
            States::Whole(states) => states
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, member)| (name.as_str(), member))
                .collect(),
            States::Parts { .. } => {
                let names = ["input", "context", "result", "errorOutput"];
                names.into_iter().filter_map(|name| Some((name, self.member(name)?))).collect()
            }
        }
    }
}

impl<'a> From<&JsonataScope<'a>> for View<'a> {
    fn from(scope: &JsonataScope<'a>) -> View<'a> {
        let JsonataScope { states, variables, now_ms, draws } = *scope;
        View { states: States::Whole(states), variables, now_ms, draws }
    }
}

impl<'a> From<&Scope<'a>> for View<'a> {
    fn from(scope: &Scope<'a>) -> View<'a> {
        let Scope { input, context, variables, result, error_output, now_ms, draws } = *scope;
        View { states: States::Parts { input, context, result, error_output }, variables, now_ms, draws }
    }
}
