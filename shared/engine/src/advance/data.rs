//! What a state's expressions see, and what it leaves behind: its output and its variables.

use super::{Leaving, Walk};
use crate::{call::Passed, limits::VARIABLES_BYTES_MAX, position::Position, run::Visit};
use serde_json::{Map, Value};
use std::borrow::Cow;
use stepladder_asl::{EvalError, QueryLanguage, ResultPath, Scope, State, Template, errors};

impl Walk<'_> {
    /// Evaluates with `data` as the input.
    pub(super) fn with_scope<T>(
        &self,
        visit: &Visit,
        data: &Value,
        evaluate: impl FnOnce(&Scope<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        // Where nobody reads the Context object, nobody has to make one.
        let context = match self.definition.mentions_context {
            true => self.run.context(visit),
            false => Value::Null,
        };
        evaluate(&Scope {
            variables: &self.variables,
            now_ms: self.now_ms,
            budget: Some(&self.budget),
            ..Scope::new(data, &context, &self.draws)
        })
    }

    /// What a state without a result leaves: InputPath, then OutputPath; or Output.
    pub(super) fn through(&self, state: &State, entered_ms: i64, data: &Value) -> Result<Leaving, EvalError> {
        let visit = Visit { state: &state.name, entered_ms, ..Visit::default() };
        self.with_scope(&visit, data, |scope| match state.query_language {
            QueryLanguage::JsonPath => {
                let input = state.data.input_path.select("InputPath", scope)?;
                self.probe().see(|inspection| inspection.after_input_path = Some((*input).clone()));
                let scope = Scope { input: &input, ..*scope };
                let assigned = self.assigned(state.assign.as_ref(), "Assign", &scope)?;
                let output = state.data.output_path.select("OutputPath", &scope)?;
                Ok(Leaving { output: Passed::of(output, data), assigned })
            }
            QueryLanguage::Jsonata => Ok(Leaving {
                assigned: self.assigned(state.assign.as_ref(), "Assign", scope)?,
                output: written(state.data.output.as_ref(), "Output", scope)?,
            }),
        })
    }

    /// What a state with a result leaves: ResultSelector, ResultPath, OutputPath; or Output, which is the result where it
    /// is not set.
    pub(super) fn result(
        &self,
        state: &State,
        position: &Position,
        result: Cow<'_, Value>,
    ) -> Result<(Value, Option<Map<String, Value>>), EvalError> {
        let data = &position.data;
        self.with_scope(&position.visit(), data, |scope| match state.query_language {
            QueryLanguage::JsonPath => {
                let scope = &Scope { input: &result, ..*scope };
                let selected = match &state.data.result_selector {
                    Some(template) => Cow::Owned(template.evaluate("ResultSelector", scope)?),
                    None => Cow::Borrowed(&*result),
                };
                self.probe().see(|inspection| inspection.after_result_selector = Some((*selected).clone()));
                let assigned = match &state.assign {
                    Some(_) => {
                        let scope = Scope { input: &selected, ..*scope };
                        self.assigned(state.assign.as_ref(), "Assign", &scope)?
                    }
                    None => None,
                };
                let merged = match &state.data.result_path {
                    ResultPath::Discard => Cow::Borrowed(data),
                    path => Cow::Owned(path.apply(data, selected.into_owned())?),
                };
                self.probe().see(|inspection| inspection.after_result_path = Some((*merged).clone()));
                let output =
                    state.data.output_path.select("OutputPath", &Scope { input: &merged, ..*scope })?;
                let output = match Passed::of(output, &merged) {
                    Passed::Same => merged.into_owned(),
                    Passed::Other(output) => output,
                };
                Ok((output, assigned))
            }
            QueryLanguage::Jsonata => {
                let scope = &Scope { result: Some(&result), ..*scope };
                let assigned = self.assigned(state.assign.as_ref(), "Assign", scope)?;
                let output = match &state.data.output {
                    Some(template) => template.evaluate("Output", scope)?,
                    None => (*result).clone(),
                };
                Ok((output, assigned))
            }
        })
    }

    /// The variables that an Assign sets. `field` is its name in a cause.
    pub(super) fn assigned(
        &self,
        assign: Option<&Template>,
        field: &str,
        scope: &Scope,
    ) -> Result<Option<Map<String, Value>>, EvalError> {
        let Some(assign) = assign else { return Ok(None) };
        let Value::Object(assigned) = assign.evaluate(field, scope)? else { return Ok(None) };
        let kept = self.variables.iter().filter(|(name, _)| !assigned.contains_key(*name));
        let bytes: usize = kept.chain(&assigned).map(|(name, value)| name.len() + bytes(value)).sum();
        if bytes > VARIABLES_BYTES_MAX {
            return Err(EvalError::named(
                errors::DATA_LIMIT_EXCEEDED,
                format!("The variables have {bytes} bytes; {VARIABLES_BYTES_MAX} are allowed."),
            ));
        }
        Ok(Some(assigned).filter(|assigned| !assigned.is_empty()))
    }
}

/// JSONata's Output; the input itself, where it is not set.
pub(super) fn written(output: Option<&Template>, field: &str, scope: &Scope) -> Result<Passed, EvalError> {
    match output {
        Some(template) => template.evaluate(field, scope).map(Passed::Other),
        None => Ok(Passed::Same),
    }
}

/// About as many as its JSON text has.
fn bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| bytes(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + bytes(value) + 4).sum::<usize>() + 2
        }
    }
}
