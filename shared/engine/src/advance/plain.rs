//! States that do no work of their own: Pass, Choice, Wait, Succeed, Fail.

use super::{Flow, Leaving, Step, Walk, data::written};
use crate::{call::Passed, position::Position, run::Visit};
use serde_json::Value;
use std::borrow::Cow;
use stepladder_asl::{
    Choice, EvalError, Fail, Pass, QueryLanguage, ResultPath, Scope, State, Text, Then, Wait, errors,
};

impl Walk<'_> {
    fn entering<'a>(&self, state: &'a State) -> Visit<'a> {
        Visit { state: &state.name, entered_ms: self.now_ms, ..Visit::default() }
    }

    /// JSONata has no InputPath.
    fn see_filtered(&self, state: &State, input: &Value) {
        if state.query_language == QueryLanguage::JsonPath {
            self.probe().see(|inspection| inspection.after_input_path = Some(input.clone()));
        }
    }

    pub(super) fn pass(&self, state: &State, pass: &Pass, data: &Value) -> Result<Step, EvalError> {
        let leaving = match state.query_language {
            QueryLanguage::JsonPath => self.passed(state, pass, data)?,
            QueryLanguage::Jsonata => self.through(state, self.now_ms, data)?,
        };
        Ok(Step::Leave(pass.then.clone(), leaving))
    }

    fn passed(&self, state: &State, pass: &Pass, data: &Value) -> Result<Leaving, EvalError> {
        let probe = self.probe();
        self.with_scope(&self.entering(state), data, |scope| {
            let flow = &state.data;
            let input = flow.input_path.select("InputPath", scope)?;
            let scope = Scope { input: &input, ..*scope };
            // With a Result, the parameters are evaluated all the same: what is wrong with them is an error on AWS too.
            let parameters = flow.arguments.as_ref().map(|template| template.evaluate("Parameters", &scope));
            let parameters = parameters.transpose()?.map_or(Cow::Borrowed(&*input), Cow::Owned);
            // Of a state with a Result AWS shows that, of another one what came before.
            probe.see(|inspection| match &pass.result {
                Some(result) => inspection.result = Some(result.clone()),
                None => {
                    inspection.after_input_path = Some((*input).clone());
                    inspection.after_parameters = Some((*parameters).clone());
                }
            });
            let result = match &pass.result {
                Some(result) => Cow::Borrowed(result),
                None => parameters,
            };
            probe.see(|inspection| inspection.after_result_selector = Some((*result).clone()));
            let assigned = match &state.assign {
                Some(_) => {
                    self.assigned(state.assign.as_ref(), "Assign", &Scope { input: &result, ..scope })?
                }
                None => None,
            };
            let merged = match &flow.result_path {
                ResultPath::Whole => result,
                ResultPath::Discard => Cow::Borrowed(data),
                path => Cow::Owned(path.apply(data, result.into_owned())?),
            };
            probe.see(|inspection| inspection.after_result_path = Some((*merged).clone()));
            let output = flow.output_path.select("OutputPath", &Scope { input: &merged, ..scope })?;
            Ok(Leaving { output: Passed::of(output, data), assigned })
        })
    }

    pub(super) fn choose(&self, state: &State, choice: &Choice, data: &Value) -> Result<Step, EvalError> {
        let (next, leaving) = self.with_scope(&self.entering(state), data, |scope| {
            let input = state.data.input_path.select("InputPath", scope)?;
            self.see_filtered(state, &input);
            let scope = Scope { input: &input, ..*scope };
            let (next, assign, output, place) = match choice.choose(&scope)? {
                Some((index, rule)) => {
                    (Some(&rule.next), &rule.assign, &rule.output, format!("Choices[{index}]/"))
                }
                // The state's own Assign and Output go with its Default.
                None => (choice.default.as_ref(), &state.assign, &state.data.output, String::new()),
            };
            let Some(next) = next else {
                return Err(EvalError::named(
                    errors::NO_CHOICE_MATCHED,
                    format!("No Choice Rule matched in the state '{}', and it has no Default.", state.name),
                ));
            };
            let assigned = self.assigned(assign.as_ref(), &format!("{place}Assign"), &scope)?;
            let output = match state.query_language {
                QueryLanguage::JsonPath => {
                    Passed::of(state.data.output_path.select("OutputPath", &scope)?, data)
                }
                QueryLanguage::Jsonata => written(output.as_ref(), &format!("{place}Output"), &scope)?,
            };
            Ok((next.clone(), Leaving { output, assigned }))
        })?;
        Ok(Step::Leave(Then::Next(next), leaving))
    }

    pub(super) fn fail(&self, state: &State, fail: &Fail, data: &Value) -> Result<Step, EvalError> {
        self.see_filtered(state, data);
        self.with_scope(&self.entering(state), data, |scope| {
            let text = |text: &Option<Text>, field| {
                text.as_ref().map(|text| text.evaluate(field, scope)).transpose()
            };
            Ok(Step::Fail { error: text(&fail.error, "ErrorPath")?, cause: text(&fail.cause, "CausePath")? })
        })
    }

    pub(super) fn wait(&self, state: &State, wait: &Wait, data: &Value) -> Result<Step, EvalError> {
        self.with_scope(&self.entering(state), data, |scope| {
            let input = state.data.input_path.select("InputPath", scope)?;
            self.see_filtered(state, &input);
            let due_ms = wait.until.due_ms(self.now_ms, &Scope { input: &input, ..*scope })?;
            Ok(Step::Wait { due_ms })
        })
    }

    pub(super) fn waited(&mut self, state: &State, wait: &Wait, position: &Position) -> Flow {
        match self.through(state, position.entered_ms, &position.data) {
            Ok(Leaving { output, assigned }) => {
                self.exit(state, &wait.then, output.into_or(|| position.data.clone()), assigned)
            }
            Err(error) => self.failed_evaluation(state, position, &error),
        }
    }
}
