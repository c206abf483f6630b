//! ValidateStateMachineDefinition, and what is wrong with a definition in AWS's form.

use super::create::{TYPES, workflow_type};
use crate::{
    answer::Answer,
    error::{ApiError, Kind},
    fields::{Fields, Text},
    limits::DIAGNOSTICS_MAX,
};
use serde_json::Value;
use stepladder_asl::{Definition, Fault, FaultCode, Options, Refusal, Resource, Severity, Unsupported};
use stepladder_protocol::{QueueName, WorkflowType};

/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html>
///
/// The codes are AWS's where it has one, and else Stepladder's own; what this version can't run yet is a warning here.
pub(super) fn validate(mut fields: Fields, reads_parquet: bool) -> Result<Value, ApiError> {
    let text = fields.required("definition", Text::DEFINITION)?;
    let workflow_type = workflow_type(fields.one_of("type", &TYPES)?);
    let severity = fields.one_of("severity", &["ERROR", "WARNING"])?;
    let results = fields.page_results(DIAGNOSTICS_MAX, DIAGNOSTICS_MAX)?;
    fields.check()?;
    let options = Options { workflow_type, reads_parquet, ..Options::default() };
    let checked = Definition::check(&text, &options);
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
        .set("message", message(fault))
        .set_some("location", location(fault))
        .into_value()
}

/// AWS's words where they are known.
fn message(fault: &Fault) -> &str {
    fault.aws_message.as_deref().unwrap_or(&fault.message)
}

/// AWS's place: the state that speaks another language, and none in a text of nothing.
fn location(fault: &Fault) -> Option<&str> {
    match fault.code {
        FaultCode::EmptyDefinition => None,
        FaultCode::LanguageDowngrade => fault.path.strip_suffix("/QueryLanguage"),
        _ => Some(fault.path.as_str()).filter(|path| !path.is_empty()),
    }
}

fn code(fault: &Fault) -> &'static str {
    fault.aws_code.unwrap_or_else(|| fault.code.code())
}

/// A definition that can be run here.
///
/// # Errors
///
/// All that is wrong with it, and all that this version can't run, unless that is taken.
pub(super) fn runnable(
    text: &str,
    workflow_type: WorkflowType,
    unsupported: Unsupported,
    reads_parquet: bool,
) -> Result<Definition, Vec<Fault>> {
    let judge = |resource: &Resource| judge(resource, unsupported);
    let options = Options { workflow_type, judge: &judge, reads_parquet };
    let checked = Definition::check(text, &options).to_run(unsupported);
    checked.definition.ok_or_else(|| checked.errors.into_iter().collect())
}

/// A function is a step or one outside of the stack, and its queue tells which; that of another name is the system's.
fn judge(resource: &Resource, unsupported: Unsupported) -> Result<(), Refusal> {
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
        None if resource.has_placeholder() && unsupported == Unsupported::Refused => {
            refuse(format!("`{}` doesn't say yet what it is", resource.arn()), "replace what stands in ${}")
        }
        _ => Ok(()),
    }
}

/// The most faults that an error tells: a message has to be read.
const FAULTS_TOLD_MAX: usize = 20;

/// As CreateStateMachine and its like refuse a definition.
pub(super) fn invalid_definition(faults: Vec<Fault>) -> ApiError {
    let told = |fault: &Fault| match location(fault) {
        None => format!("{}: {}", code(fault), message(fault)),
        Some(path) => format!("{}: {} at {path}", code(fault), message(fault)),
    };
    let told: Vec<String> = faults.iter().take(FAULTS_TOLD_MAX).map(told).collect();
    ApiError::new(Kind::InvalidDefinition, format!("Invalid State Machine Definition: '{}'", told.join(", ")))
}
