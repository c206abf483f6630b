//! What a step is called with.

use crate::{
    inspect::Probe,
    position::{Awaiting, Position},
    run::{Run, Visit},
};
use serde_json::{Value, json};
use std::borrow::Cow;
use stepladder_asl::{
    Budget, Definition, EvalError, Kind, QueryLanguage, Resource, Scope, Service, State, Task,
};

/// What a step is called with, computed from the position alone.
#[derive(Debug, Clone, PartialEq)]
pub struct StepCall {
    /// The function's short name; `None` where the resource is not a Lambda function.
    pub function: Option<String>,
    /// The service that is called with the input as its parameters; `None` where a step of the stack is called.
    pub service: Option<CalledService>,
    pub input: Value,
    /// Counted from the step's start.
    pub timeout_seconds: Option<u64>,
    /// Counted from the step's start, and from each heartbeat.
    pub heartbeat_seconds: Option<u64>,
    /// By which somebody else answers; only where somebody else does.
    pub task_token: Option<String>,
    pub attempt: u64,
    /// The same on every delivery of the same attempt.
    pub idempotency_key: String,
    /// The same for all attempts of one visit to the state.
    pub operation_key: String,
}

/// A service, as a call names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledService {
    /// `lambda`, `sqs`.
    pub service: String,
    /// `invoke`, `sendMessage`: without the pattern.
    pub action: String,
    /// What is asked for is the `Payload` of the response alone: the state names a function by its ARN.
    pub wants_payload: bool,
}

/// The call of whatever is no step of the stack: with all parameters, as the service takes them. Errors are as those of
/// [`step_call`].
pub fn service_call(definition: &Definition, run: &Run, position: &Position) -> Result<StepCall, EvalError> {
    let call = step_call(definition, run, position)?;
    let Some((state, task)) = task(definition, &position.state) else { return Ok(call) };
    Ok(match &task.resource {
        Resource::Service(service) => {
            let prepared =
                Prepared::new(definition, state, task, run, position, &Budget::new(), Probe::NONE)?;
            let service = CalledService {
                service: service.service.clone(),
                action: service.action.clone(),
                wants_payload: false,
            };
            let input = prepared.parameters.into_or(|| position.data.clone());
            StepCall { service: Some(service), input, ..call }
        }
        Resource::Lambda { arn, .. } => {
            let service = CalledService {
                service: "lambda".to_owned(),
                action: "invoke".to_owned(),
                wants_payload: true,
            };
            let input = json!({ "FunctionName": arn, "Payload": call.input });
            StepCall { service: Some(service), input, ..call }
        }
        Resource::Activity { .. } | Resource::Other { .. } => call,
    })
}

/// The call that the position waits for. An error is the state's own: the caller records it as the call's outcome.
pub fn step_call(definition: &Definition, run: &Run, position: &Position) -> Result<StepCall, EvalError> {
    let branch = position.branch.to_string();
    let Some((state, task)) = task(definition, &position.state) else {
        return Err(EvalError::runtime(format!("The state '{}' is not a Task state.", position.state)));
    };
    let prepared = Prepared::new(definition, state, task, run, position, &Budget::new(), Probe::NONE)?;
    Ok(StepCall {
        function: task.resource.function().map(str::to_owned),
        service: None,
        timeout_seconds: prepared.timeout_seconds,
        heartbeat_seconds: prepared.heartbeat_seconds,
        task_token: task.resource.has_token().then(|| run.token(position.task())),
        input: step_input(&task.resource, prepared.parameters.into_or(|| position.data.clone())),
        attempt: position.attempt(),
        idempotency_key: run.key("attempt", &branch, position.seq),
        operation_key: run.key("operation", &branch, position.entered_seq),
    })
}

/// Who is called for a Task state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee<'a> {
    /// A Lambda function, by its short name.
    Function(&'a str),
    /// A worker that takes tasks of this activity, by its ARN.
    Activity(&'a str),
    /// Another service.
    Service(&'a Service),
}

/// Who is called for a state; `None` where it is no Task, or names something else.
pub fn callee<'a>(definition: &'a Definition, state: &str) -> Option<Callee<'a>> {
    let resource = &task(definition, state)?.1.resource;
    match (resource.function(), resource) {
        (Some(function), _) => Some(Callee::Function(function)),
        (None, Resource::Activity { arn }) => Some(Callee::Activity(arn)),
        (None, Resource::Service(service)) => Some(Callee::Service(service)),
        (None, Resource::Lambda { .. } | Resource::Other { .. }) => None,
    }
}

/// The resource of a Task state, as it is written; `None` where the state is none.
pub fn resource_of<'a>(definition: &'a Definition, state: &str) -> Option<&'a str> {
    Some(task(definition, state)?.1.resource.arn())
}

/// Whether somebody else than who is called gives the state's answer: who has the token, a worker, what was begun.
pub fn waits_for_answer(definition: &Definition, state: &str) -> bool {
    task(definition, state).is_some_and(|(_, task)| task.resource.waits())
}

/// The function behind a state's step; `None` where the state has none.
pub fn function_of<'a>(definition: &'a Definition, state: &str) -> Option<&'a str> {
    task(definition, state)?.1.resource.function()
}

fn task<'a>(definition: &'a Definition, state: &str) -> Option<(&'a State, &'a Task)> {
    let state = definition.state(state)?;
    match &state.kind {
        Kind::Task(task) => Some((state, task)),
        _ => None,
    }
}

/// A Task state's fields, evaluated.
pub(crate) struct Prepared {
    /// What the resource is called with, as the history shows it; the position's own data where nothing changes it.
    pub(crate) parameters: Passed,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) heartbeat_seconds: Option<u64>,
    /// `{"roleArn": …}`.
    pub(crate) credentials: Option<Value>,
}

impl Prepared {
    /// The fields of the call that the position waits for. They are the same whenever they are computed for the same
    /// attempt: their time is that of the attempt, not of the computation.
    pub(crate) fn new(
        definition: &Definition,
        state: &State,
        task: &Task,
        run: &Run,
        position: &Position,
        budget: &Budget,
        probe: Probe,
    ) -> Result<Self, EvalError> {
        let attempt = position.attempt();
        let branch = position.branch.to_string();
        let context = match definition.mentions_context {
            true => run.context(&Visit {
                token: task.resource.waits_for_token().then(|| run.token(position.task())),
                ..position.visit()
            }),
            false => Value::Null,
        };
        let draws = run.call_draws(&branch, position.entered_seq, attempt);
        let scope = &Scope {
            variables: &position.variables,
            now_ms: match position.awaiting {
                Awaiting::Step { due_ms } => due_ms,
                _ => position.entered_ms,
            },
            budget: Some(budget),
            ..Scope::new(&position.data, &context, &draws)
        };
        let input = state.data.input_path.select("InputPath", scope)?;
        if state.query_language == QueryLanguage::JsonPath {
            probe.see(|inspection| inspection.after_input_path = Some((*input).clone()));
        }
        let scope = &Scope { input: &input, ..*scope };
        let field = match state.query_language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        let parameters = match &state.data.arguments {
            Some(template) => Passed::Other(template.evaluate(field, scope)?),
            None => Passed::of(Cow::Borrowed(&*input), &position.data),
        };
        probe.see(|inspection| {
            let value = Some(parameters.peek(&position.data).clone());
            match state.query_language {
                QueryLanguage::JsonPath => inspection.after_parameters = value,
                QueryLanguage::Jsonata => inspection.after_arguments = value,
            }
        });
        let seconds = |number: &Option<stepladder_asl::Number>, field| {
            number.as_ref().map(|number| number.evaluate(field, scope)).transpose()
        };
        let credentials = task.credentials.as_ref().map(|template| template.evaluate("Credentials", scope));
        Ok(Self {
            timeout_seconds: seconds(&task.timeout_seconds, "TimeoutSecondsPath")?,
            heartbeat_seconds: seconds(&task.heartbeat_seconds, "HeartbeatSecondsPath")?,
            credentials: credentials.transpose()?.map(|value| json!({ "roleArn": value.get("RoleArn") })),
            parameters,
        })
    }
}

/// What the function itself receives: all of it, or the `Payload` of `lambda:invoke`.
fn step_input(resource: &Resource, parameters: Value) -> Value {
    match resource {
        Resource::Service(service) if service.is("lambda", "invoke") => match parameters {
            Value::Object(mut members) => members.swap_remove("Payload").unwrap_or_else(|| json!({})),
            _ => json!({}),
        },
        _ => parameters,
    }
}

/// What a state passes on: the data as it came, or something else. Most states change nothing, and copying a large
/// input for each of them would be most of a transition's time.
#[derive(Debug)]
pub(crate) enum Passed {
    Same,
    Other(Value),
}

impl Passed {
    /// A value selected from `data`: the same, if it is all of it.
    pub(crate) fn of(selected: Cow<'_, Value>, data: &Value) -> Self {
        match selected {
            Cow::Borrowed(value) if std::ptr::eq(value, data) => Passed::Same,
            selected => Passed::Other(selected.into_owned()),
        }
    }

    pub(crate) fn peek<'a>(&'a self, data: &'a Value) -> &'a Value {
        match self {
            Passed::Same => data,
            Passed::Other(value) => value,
        }
    }

    pub(crate) fn into_or(self, data: impl FnOnce() -> Value) -> Value {
        match self {
            Passed::Same => data(),
            Passed::Other(value) => value,
        }
    }
}
