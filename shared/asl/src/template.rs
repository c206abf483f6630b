//! Payload templates: `Parameters`, `ResultSelector` and their like.
//!
//! A member whose name ends in `.$` holds a path or a call of an intrinsic function, at any depth, also in arrays;
//! everything else is taken as it stands.

use crate::{
    intrinsic::Call,
    measure::Meter,
    path::Path,
    scope::{EvalError, Scope},
};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A compiled payload template.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// Nothing in it is dynamic.
    Literal(Value),
    Object(Vec<(String, Template)>),
    Array(Vec<Template>),
    Dynamic(Expression),
}

/// What stands in a member that ends in `.$`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Path(Path),
    Call(Call),
}

impl Template {
    /// The effective value. `field` is the name that a cause gives to an expression that is not the member of an object.
    pub fn evaluate(&self, field: &'static str, scope: &Scope) -> Result<Value, EvalError> {
        self.fill(field, scope, &mut Meter::new(), 0)
    }

    fn fill(&self, field: &str, scope: &Scope, meter: &mut Meter, depth: usize) -> Result<Value, EvalError> {
        match self {
            Template::Literal(value) => {
                meter.place(value, depth)?;
                Ok(value.clone())
            }
            Template::Dynamic(expression) => {
                let value = expression.evaluate(field, scope)?;
                meter.place(&value, depth)?;
                Ok(value.into_owned())
            }
            Template::Array(items) => {
                meter.enter(depth + 1)?;
                let items = items.iter().map(|item| item.fill(field, scope, meter, depth + 1));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Template::Object(members) => {
                meter.enter(depth + 1)?;
                let mut filled = Map::with_capacity(members.len());
                for (name, member) in members {
                    let value = match member {
                        Template::Dynamic(_) => member.fill(&format!("{name}.$"), scope, meter, depth + 1),
                        _ => member.fill(field, scope, meter, depth + 1),
                    };
                    filled.insert(name.clone(), value?);
                }
                Ok(Value::Object(filled))
            }
        }
    }
}

impl Expression {
    /// An index beyond the end of an array gives `null` here, where a missing member is an error; AWS does so too.
    pub fn evaluate<'a>(&self, field: &str, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
        match self {
            Expression::Call(call) => call.evaluate(scope).map(Cow::Owned),
            Expression::Path(path) => match path.select(scope) {
                Ok(value) => Ok(value),
                Err(miss) if miss.is_last_index() => Ok(Cow::Owned(Value::Null)),
                Err(miss) => Err(path.not_found_error(&miss, field, scope)),
            },
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Expression::Path(path) => path.as_str(),
            Expression::Call(call) => call.as_str(),
        }
    }

    /// Every path in it.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Expression::Path(path) => vec![path],
            Expression::Call(call) => call.paths(),
        }
    }
}
