//! The document of the REST API, made of its routes and of the shapes of their answers.

use super::{
    json,
    problem::Problem,
    routes::{Operation, Parameter, REFUSALS, ROUTES, Route, Schemas, Takes},
    shapes::ProblemDetails,
};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

/// 1 to [`REST_ANSWER_SECONDS_MAX`](crate::limits::REST_ANSWER_SECONDS_MAX).
const SECONDS: &str = "^([1-9][0-9]?|[12][0-9][0-9]|300)s$";

/// OpenAPI 3.1 (<https://spec.openapis.org/oas/v3.1.1.html>).
pub(super) fn document() -> Result<Value, Problem> {
    let (mut schemas, mut bodies) = (Schemas::new(), Schemas::new());
    let mut paths = Map::new();
    for route in &ROUTES {
        let method = route.method.as_str().to_ascii_lowercase();
        paths.insert(route.path.to_owned(), json!({ method: operation(route, &mut schemas, &mut bodies) }));
    }
    let mut components = Map::new();
    ProblemDetails::schemas(&mut schemas);
    schemas.push((ProblemDetails::name().into_owned(), ProblemDetails::schema()));
    for (name, schema) in schemas {
        let mut schema = json(&schema)?;
        require_all(&mut schema);
        components.insert(name, schema);
    }
    for (name, schema) in bodies {
        components.insert(name, json(&schema)?);
    }
    components.sort_keys();
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stepladder",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Runs, workflows and queues of a stack.",
            "description": "What AWS's Step Functions API has no word for. Times are RFC 3339 in UTC, durations milliseconds; what \
                            is unknown is null. Errors are problem details, RFC 9457.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": components, "responses": refusals() },
    }))
}

fn operation(route: &Route, schemas: &mut Schemas, bodies: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = path_parameters(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(route.query.iter().map(parameter));
    let mut responses = Map::new();
    let answer = json!({ "application/json": { "schema": reference(&(route.answer)(schemas)) } });
    if matches!(route.operation, Operation::StartRun | Operation::RedriveRun | Operation::RerunRun) {
        let description = "It goes on, and has not given what was asked for.";
        responses.insert("202".to_owned(), json!({ "description": description, "content": answer }));
    }
    responses.insert("200".to_owned(), json!({ "description": "The answer.", "content": answer }));
    for status in route.refusals() {
        responses
            .insert(status.to_string(), json!({ "$ref": format!("#/components/responses/Problem{status}") }));
    }
    let mut operation = json!({
        "operationId": route.name,
        "summary": route.summary,
        "description": route.description,
        "parameters": parameters,
        "responses": responses,
    });
    if let (Some(body), Some(members)) = (route.body, operation.as_object_mut()) {
        let content = json!({ "application/json": { "schema": reference(&body(bodies)) } });
        members.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}

/// What each status refuses with.
fn refusals() -> Map<String, Value> {
    let refusal = |(status, description)| {
        let content = json!({ "application/problem+json": { "schema": reference(&ProblemDetails::name()) } });
        (format!("Problem{status}"), json!({ "description": description, "content": content }))
    };
    REFUSALS.into_iter().map(refusal).collect()
}

/// The names in braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.takes {
        Takes::Text { chars_max } => json!({ "type": "string", "minLength": 1, "maxLength": chars_max }),
        Takes::Number { usual, max } => {
            json!({ "type": "integer", "minimum": 1, "maximum": max, "default": usual })
        }
        Takes::Seconds { usual } => {
            json!({ "type": "string", "pattern": SECONDS, "default": format!("{usual}s") })
        }
        Takes::OneOf(names) => json!({ "type": "string", "enum": names }),
        Takes::Several(names) => {
            json!({ "type": "array", "items": { "type": "string", "enum": names } })
        }
        Takes::Time => json!({ "type": "string", "format": "date-time" }),
        Takes::Flag { usual } => json!({ "type": "boolean", "default": usual }),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "required": false,
        "description": parameter.about,
        "schema": schema,
    })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An answer has all members of its shape, whatever their values.
fn require_all(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    let names = members.get("properties").and_then(Value::as_object);
    let names: Vec<String> = names.into_iter().flatten().map(|(name, _)| name.clone()).collect();
    if !names.is_empty() {
        members.insert("required".to_owned(), json!(names));
    }
    members.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten().for_each(require_all);
}
