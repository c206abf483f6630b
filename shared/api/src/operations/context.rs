//! The Context object that TestState is given.

use crate::error::ApiError;
use serde_json::Value;
use stepladder_asl::{Kind, Resource, State};

/// What a member has to be.
#[derive(Debug, Clone, Copy)]
enum Is {
    Text,
    Number,
    Anything,
}

/// Its members (<https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html>).
const OBJECTS: [(&str, &[(&str, Is)]); 4] = [
    (
        "Execution",
        &[
            ("Id", Is::Text),
            ("Input", Is::Anything),
            ("Name", Is::Text),
            ("RoleArn", Is::Text),
            ("StartTime", Is::Text),
            ("RedriveCount", Is::Number),
            ("RedriveTime", Is::Text),
        ],
    ),
    ("State", &[("Name", Is::Text), ("EnteredTime", Is::Text), ("RetryCount", Is::Number)]),
    ("StateMachine", &[("Id", Is::Text), ("Name", Is::Text)]),
    ("Task", &[("Token", Is::Text)]),
];

/// Whether the state could have this Context object. Nothing has to be in it.
///
/// # Errors
///
/// What AWS says of the first member that can't be there.
pub(super) fn check(context: &Value, state: &State) -> Result<(), ApiError> {
    match fault(context, state) {
        None => Ok(()),
        Some(why) => Err(ApiError::validation(format!("Invalid Context object provided: {why}"))),
    }
}

fn fault(context: &Value, state: &State) -> Option<String> {
    let Some(members) = context.as_object() else {
        return Some("Context object must be an object".to_owned());
    };
    members.iter().find_map(|(name, value)| match name.as_str() {
        "Map" => Some("'Map' field is not supported when mocking a Context object".to_owned()),
        "Task" if !has_task(state) => Some(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service \
             integration pattern"
                .to_owned(),
        ),
        _ => match OBJECTS.iter().find(|(object, _)| object == name) {
            Some((object, known)) => fault_within(object, value, known),
            None => Some(not_allowed(name)),
        },
    })
}

fn fault_within(object: &str, value: &Value, known: &[(&str, Is)]) -> Option<String> {
    let Some(members) = value.as_object() else { return Some(format!("{object} must be an object")) };
    members.iter().find_map(|(name, value)| match known.iter().find(|(known, _)| known == name) {
        None => Some(not_allowed(name)),
        Some((_, Is::Text)) if !value.is_string() => Some(format!("{object}.{name} must be a string")),
        Some((_, Is::Number)) if !value.is_number() => Some(format!("{object}.{name} must be a number")),
        Some((_, Is::Text | Is::Number | Is::Anything)) => None,
    })
}

fn not_allowed(name: &str) -> String {
    format!("Field '{name}' is not allowed")
}

fn has_task(state: &State) -> bool {
    match &state.kind {
        Kind::Task(task) => {
            matches!(&task.resource, Resource::Service(service) if service.pattern.waits())
        }
        _ => false,
    }
}
