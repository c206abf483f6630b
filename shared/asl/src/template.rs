//! Payload templates: `Parameters`, `Arguments`, `Assign` and their like.
//!
//! In JSONPath a member whose name ends in `.$` holds a path or a call of an intrinsic function; in JSONata every text
//! between `{%` and `%}` is an expression. At any depth, also in arrays; everything else is taken as it stands.

use crate::{
    intrinsic::Call,
    jsonata::{Jsonata, JsonataError, JsonataErrorKind, JsonataScope},
    measure::Meter,
    path::{Path, quoted},
    scope::{EvalError, Scope},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// A compiled payload template.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// Nothing in it is dynamic.
    Literal(Value),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
    Dynamic(Expression),
}

/// What is evaluated: what stands in a member that ends in `.$`, or between `{%` and `%}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Path(Path),
    Call(Call),
    Jsonata(Jsonata),
}

/// The type that a field needs, as AWS's causes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Array,
    Boolean,
    Number,
    String,
}

impl Template {
    /// The effective value. `field` is the name that a cause gives to the template: `Parameters`, `Choices[0]/Output`.
    pub fn evaluate(&self, field: &str, scope: &Scope) -> Result<Value, EvalError> {
        let mut filling = Filling { scope, meter: Meter::new() };
        filling.fill(self, &Place::Field(field), 0).map(Cow::into_owned)
    }

    /// The effective value of a field that takes one type only. In JSONata another type is AWS's
    /// `States.QueryEvaluationError`; in JSONPath the caller has a cause of its own for it.
    pub fn evaluate_as(&self, expected: Expected, field: &str, scope: &Scope) -> Result<Value, EvalError> {
        let value = self.evaluate(field, scope)?;
        match self {
            Template::Dynamic(Expression::Jsonata(jsonata)) if !expected.fits(&value) => {
                Err(unexpected_type(jsonata, field, expected, &value))
            }
            _ => Ok(value),
        }
    }
}

/// One evaluation of a template.
struct Filling<'a, 's> {
    scope: &'a Scope<'s>,
    meter: Meter,
}

impl<'s> Filling<'_, 's> {
    fn fill<'t: 's>(
        &mut self,
        template: &'t Template,
        place: &Place,
        depth: usize,
    ) -> Result<Cow<'s, Value>, EvalError> {
        match template {
            Template::Literal(value) => {
                self.meter.place(value, depth)?;
                Ok(Cow::Borrowed(value))
            }
            Template::Dynamic(expression) => {
                let value = match expression {
                    Expression::Jsonata(jsonata) => Cow::Owned(self.jsonata(jsonata, place)?),
                    expression => expression.evaluate(&place.json_path_field(), self.scope)?,
                };
                self.meter.place(&value, depth)?;
                Ok(value)
            }
            Template::Array(items) => {
                self.meter.enter(depth + 1)?;
                let mut filled = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let value = self.fill(item, &Place::Item(place, index), depth + 1)?;
                    filled.push(value.into_owned());
                }
                Ok(Cow::Owned(Value::Array(filled)))
            }
            Template::Object(members) => {
                self.meter.enter(depth + 1)?;
                let mut filled = Map::with_capacity(members.len());
                for (name, member) in members {
                    let value = self.fill(member, &Place::Member(place, name), depth + 1)?;
                    filled.insert(name.clone(), value.into_owned());
                }
                Ok(Cow::Owned(Value::Object(filled)))
            }
        }
    }

    fn jsonata(&self, jsonata: &Jsonata, place: &Place) -> Result<Value, EvalError> {
        let scope = JsonataScope {
            states: self.scope.states(),
            variables: self.scope.variables,
            now_ms: self.scope.now_ms,
            draws: self.scope.draws,
            budget: self.scope.budget,
        };
        match jsonata.evaluate(&scope) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(jsonata_error(jsonata, place, "returned nothing (undefined).")),
            Err(error) => Err(EvalError {
                gave_up: error.kind == JsonataErrorKind::Clock,
                ..jsonata_error(jsonata, place, &failure(&error))
            }),
        }
    }
}

/// How AWS's cause goes on for an expression that failed.
fn failure(error: &JsonataError) -> String {
    match error.kind {
        JsonataErrorKind::UnsupportedResult => "returned an unsupported result type.".to_owned(),
        JsonataErrorKind::Thrown => format!("threw an error during evaluation. {error}"),
        JsonataErrorKind::Limit | JsonataErrorKind::Clock => {
            format!("threw an error during evaluation: {error}")
        }
    }
}

fn jsonata_error(jsonata: &Jsonata, place: &dyn fmt::Display, what: &str) -> EvalError {
    let location = place.to_string();
    let cause =
        format!("The JSONata expression '{}' specified for the field '{location}' {what}", jsonata.as_str());
    EvalError::query(cause, location)
}

fn unexpected_type(jsonata: &Jsonata, field: &str, expected: Expected, value: &Value) -> EvalError {
    let what = format!(
        "returned an unexpected result type. Expected '{}', but was '{}' for value: {}",
        expected.name(),
        type_name(value),
        quoted(value)
    );
    jsonata_error(jsonata, &field, &what)
}

/// The type of a value, as AWS's causes name it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Expected {
    fn name(self) -> &'static str {
        match self {
            Expected::Array => "array",
            Expected::Boolean => "boolean",
            Expected::Number => "number",
            Expected::String => "string",
        }
    }

    fn fits(self, value: &Value) -> bool {
        type_name(value) == self.name()
    }
}

/// Where in a state's fields an expression stands. It is written out only for a cause.
enum Place<'a> {
    Field(&'a str),
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    /// The name that a cause in JSONPath gives to it: that of the member alone, or of the whole field.
    fn json_path_field(&self) -> Cow<'_, str> {
        match self {
            Place::Field(field) => Cow::Borrowed(field),
            Place::Member(_, name) => Cow::Owned(format!("{name}.$")),
            Place::Item(place, _) => place.json_path_field(),
        }
    }
}

impl fmt::Display for Place<'_> {
    /// `Output/order/lines[2]`, relative to the state.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Field(field) => f.write_str(field),
            Place::Member(place, name) => write!(f, "{place}/{name}"),
            Place::Item(place, index) => write!(f, "{place}[{index}]"),
        }
    }
}

impl Expression {
    /// The value of an expression that stands alone. An index beyond the end of an array gives `null` here, where a
    /// missing member is an error; AWS does so too.
    pub fn evaluate<'a>(&self, field: &str, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
        match self {
            Expression::Call(call) => call.evaluate(scope).map(Cow::Owned),
            Expression::Path(path) => match path.select(scope) {
                Ok(value) => Ok(value),
                Err(miss) if miss.is_last_index() => Ok(Cow::Owned(Value::Null)),
                Err(miss) => Err(path.not_found_error(&miss, field, scope)),
            },
            Expression::Jsonata(jsonata) => {
                let filling = Filling { scope, meter: Meter::new() };
                filling.jsonata(jsonata, &Place::Field(field)).map(Cow::Owned)
            }
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Expression::Path(path) => path.as_str(),
            Expression::Call(call) => call.as_str(),
            Expression::Jsonata(jsonata) => jsonata.as_str(),
        }
    }

    /// Every path in it.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Expression::Path(path) => vec![path],
            Expression::Call(call) => call.paths(),
            Expression::Jsonata(_) => Vec::new(),
        }
    }
}
