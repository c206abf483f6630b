//! ValidateStateMachineDefinition, and what is wrong with a definition in AWS's form.

use super::create::{TYPES, workflow_type};
use crate::{
    answer::Answer,
    error::{ApiError, Kind},
    fields::{Fields, Text},
    limits::DIAGNOSTICS_MAX,
};
use serde_json::Value;
use stepladder_asl::{Definition, Fault, FaultCode, Options, Refusal, Resource, Severity};
use stepladder_protocol::{QueueName, WorkflowType};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html>
///
/// The codes are AWS's where it has one, and else Stepladder's own; what this version can't run yet is a warning here.
pub(super) fn validate(mut fields: Fields) -> Result<Value, ApiError> {
    let text = fields.required("definition", Text::DEFINITION)?;
    let workflow_type = workflow_type(fields.one_of("type", &TYPES)?);
    let severity = fields.one_of("severity", &["ERROR", "WARNING"])?;
    let results = fields.page_results(DIAGNOSTICS_MAX, DIAGNOSTICS_MAX)?;
    fields.check()?;
    let checked = Definition::check(&text, &Options { workflow_type, ..Options::default() });
    let result = if checked.errors.is_empty() { "OK" } else { "FAIL" };
    let warnings = checked.warnings.iter().filter(|_| severity == Some("WARNING"));
    let all: Vec<&Fault> = checked.errors.iter().chain(warnings).collect();
    let diagnostics: Vec<Value> = all.iter().take(results).map(|fault| diagnostic(fault)).collect();
    Ok(Answer::default()
        .set("result", result)
        .set("diagnostics", diagnostics)
        .set("truncated", all.len() > results)
        .into_value())
}

fn diagnostic(fault: &Fault) -> Value {
    let severity = match fault.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
    };
    Answer::default()
        .set("severity", severity)
        .set("code", code(fault))
        .set("message", fault.message.as_str())
        .set_some("location", (!fault.path.is_empty()).then_some(fault.path.as_str()))
        .into_value()
}

fn code(fault: &Fault) -> &'static str {
    fault.aws_code.unwrap_or_else(|| fault.code.code())
}

/// A definition that can be run here.
///
/// # Errors
///
/// All that is wrong with it, and all that this version can't run yet: a state must not fail for it later.
pub(super) fn runnable(text: &str, workflow_type: WorkflowType) -> Result<Definition, Vec<Fault>> {
    let checked = Definition::check(text, &Options { workflow_type, judge: &judge });
    let is_told = |fault: &Fault| checked.errors.iter().any(|error| error.state == fault.state);
    let is_refused = |fault: &&Fault| fault.code == FaultCode::NotYetRun && !is_told(fault);
    let refused: Vec<Fault> = checked.warnings.iter().filter(is_refused).cloned().collect();
    match checked.definition {
        Some(definition) if refused.is_empty() => Ok(definition),
        _ => Err(checked.errors.into_iter().chain(refused).collect()),
    }
}

/// What a state calls has to be a step: a function by its ARN, or by `lambda:invoke` with a constant name.
fn judge(resource: &Resource) -> Result<(), Refusal> {
    let refuse = |message: String, hint: &str| {
        Err(Refusal { code: FaultCode::Unsupported, message, hint: Some(hint.to_owned()) })
    };
    let system =
        [QueueName::Start, QueueName::Timer, QueueName::DeadLetter, QueueName::Parked, QueueName::Status];
    match resource.function() {
        Some(function) if system.iter().any(|queue| queue.short() == function) => refuse(
            format!("`{function}` is the name of a system queue, and can't name a step"),
            "give the function another name",
        ),
        Some(_) => Ok(()),
        None if resource.is_lambda_invoke() => refuse(
            "a `FunctionName` that is not a constant is not supported by this version".to_owned(),
            "write the function's name as a text",
        ),
        None => refuse(
            format!("`{}` is not supported by this version", resource.arn()),
            "this version calls Lambda functions: by their ARN, or by arn:aws:states:::lambda:invoke",
        ),
    }
}

/// The most faults that an error tells: a message has to be read.
const FAULTS_TOLD_MAX: usize = 20;

/// As CreateStateMachine and its like refuse a definition.
pub(super) fn invalid_definition(faults: Vec<Fault>) -> ApiError {
    let told = |fault: &Fault| match fault.path.as_str() {
        "" => format!("{}: {}", code(fault), fault.message),
        path => format!("{}: {} at {path}", code(fault), fault.message),
    };
    let told: Vec<String> = faults.iter().take(FAULTS_TOLD_MAX).map(told).collect();
    ApiError::new(Kind::InvalidDefinition, format!("Invalid State Machine Definition: '{}'", told.join(", ")))
}
