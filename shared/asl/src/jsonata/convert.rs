//! JSON values to the library's and back.

use super::{JsonataError, JsonataErrorKind, JsonataScope, States, references::names_after, walk};
use crate::limits::{EVALUATION_BYTES_MAX, VALUE_DEPTH_MAX};
use jsonata_core::{ast::AstNode, value::JValue};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// Which parts of which variables an expression may read. What it cannot read is not converted.
#[derive(Debug, Default)]
pub(super) struct Reads {
    variables: BTreeMap<String, Part>,
}

#[derive(Debug)]
enum Part {
    Whole,
    Members(BTreeMap<String, Part>),
}

impl Reads {
    /// Every mention counts, also of a name that the expression binds itself.
    pub(super) fn of(tree: &AstNode) -> Reads {
        // `%` climbs up again, to members that no name leads to.
        let climbs = walk::all(tree).any(|node| matches!(node, AstNode::Parent(_)));
        let mut reads = Reads::default();
        let mut left = vec![tree];
        while let Some(node) = left.pop() {
            let mut children = walk::children(node);
            match node {
                AstNode::Variable(name) => reads.add(name, Vec::new()),
                AstNode::Path { steps } => {
                    if let Some(AstNode::Variable(name)) = steps.first().map(|step| &step.node) {
                        let names = if climbs { Vec::new() } else { names_after(steps) };
                        reads.add(name, names);
                        children.remove(0);
                    }
                }
                _ => {}
            }
            left.extend(children);
        }
        reads
    }

    fn add(&mut self, variable: &str, names: Vec<String>) {
        let mut part =
            self.variables.entry(variable.to_string()).or_insert_with(|| Part::Members(BTreeMap::new()));
        for name in names {
            let Part::Members(members) = part else { return };
            part = members.entry(name).or_insert_with(|| Part::Members(BTreeMap::new()));
        }
        *part = Part::Whole;
    }

    /// The variables that are mentioned and exist, converted as far as they can be read.
    pub(super) fn bindings<'a>(
        &'a self,
        scope: &JsonataScope<'a>,
    ) -> impl Iterator<Item = (&'a str, JValue)> {
        let (states, variables) = (scope.states, scope.variables);
        self.variables.iter().filter_map(move |(name, part)| {
            let value = match name.as_str() {
                "states" => part.states(states),
                name => part.value_of(variables.get(name)?),
            };
            Some((name.as_str(), value))
        })
    }
}

impl Part {
    fn states(&self, states: States) -> JValue {
        let members = states.members().filter_map(|(name, value)| match self {
            Part::Whole => Some((name.to_string(), to_library(value))),
            Part::Members(parts) => Some((name.to_string(), parts.get(name)?.value_of(value))),
        });
        JValue::object(members.collect())
    }

    fn value_of(&self, value: &Value) -> JValue {
        match (self, value) {
            (Part::Members(parts), Value::Object(members)) => {
                let member = |(name, part): (&String, &Part)| {
                    members.get(name).map(|member| (name.clone(), part.value_of(member)))
                };
                JValue::object(parts.iter().filter_map(member).collect())
            }
            // A name that follows an array is looked up in each of its items.
            (Part::Members(_), Value::Array(items)) => {
                JValue::array(items.iter().map(|item| self.value_of(item)).collect())
            }
            _ => to_library(value),
        }
    }
}

pub(super) fn to_library(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(bool) => JValue::Bool(*bool),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(items) => JValue::array(items.iter().map(to_library).collect()),
        Value::Object(members) => {
            JValue::object(members.iter().map(|(name, member)| (name.clone(), to_library(member))).collect())
        }
    }
}

/// The result as JSON; `None` is undefined. It is bounded like every value that an evaluation makes.
pub(super) fn from_library(value: &JValue) -> Result<Option<Value>, JsonataError> {
    if value.is_undefined() {
        return Ok(None);
    }
    Output { bytes_left: EVALUATION_BYTES_MAX }.value(value, 0).map(Some)
}

struct Output {
    bytes_left: usize,
}

impl Output {
    fn value(&mut self, value: &JValue, depth: usize) -> Result<Value, JsonataError> {
        Ok(match value {
            JValue::Null => self.take(8, Value::Null)?,
            // As `JSON.stringify` writes an undefined item.
            JValue::Undefined => self.take(8, Value::Null)?,
            JValue::Bool(bool) => self.take(8, Value::Bool(*bool))?,
            JValue::Number(float) => self.take(8, number(*float))?,
            JValue::String(text) => {
                self.take(text.len() + 2, ())?;
                Value::String(text.to_string())
            }
            JValue::Array(items) => {
                self.enter(depth)?;
                Value::Array(items.iter().map(|item| self.value(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            JValue::Object(members) => {
                self.enter(depth)?;
                let mut object = Map::new();
                for (name, member) in members.iter().filter(|(_, member)| !member.is_undefined()) {
                    self.take(name.len() + 4, ())?;
                    object.insert(name.clone(), self.value(member, depth + 1)?);
                }
                Value::Object(object)
            }
            JValue::Lambda(_) | JValue::Builtin { .. } | JValue::Regex { .. } => {
                let message = "the result holds a function";
                return Err(JsonataError::new(JsonataErrorKind::UnsupportedResult, "", message));
            }
        })
    }

    fn enter(&mut self, depth: usize) -> Result<(), JsonataError> {
        if depth >= VALUE_DEPTH_MAX {
            return Err(JsonataError::limit(format!(
                "the result is nested more than {VALUE_DEPTH_MAX} levels deep"
            )));
        }
        self.take(2, ())
    }

    fn take<T>(&mut self, bytes: usize, made: T) -> Result<T, JsonataError> {
        let left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            JsonataError::limit(format!("the result is larger than {EVALUATION_BYTES_MAX} bytes"))
        })?;
        self.bytes_left = left;
        Ok(made)
    }
}

/// Whole numbers are written without a point, as JavaScript does.
fn number(float: f64) -> Value {
    let is_whole = float.fract() == 0.0 && float.abs() < 9.2e18;
    if is_whole {
        return Value::from(float as i64);
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}
