//! What a JSONPath state's input can look like, as far as the states before it decide it: a path that can't find
//! anything there fails when it runs.
//!
//! Only sure faults are reported. The run's input, results of tasks and whatever a function or an expression gives can
//! be anything; members that a `Pass` or a payload template makes are known, and where ways meet, all of theirs count.

use crate::{
    limits::SHAPE_DEPTH_MAX,
    path::{Path, Root, Step},
    template::{Expression, Template},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a value can be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Any,
    /// An object with no members but these; each may be absent.
    Object(BTreeMap<String, Shape>),
    /// Text, number, boolean or null: it has no members.
    Leaf,
}

impl Shape {
    pub(super) fn empty() -> Shape {
        Shape::Object(BTreeMap::new())
    }

    /// The error output that a catcher gets.
    pub(super) fn error_output() -> Shape {
        let members = ["Error", "Cause"].map(|name| (name.to_string(), Shape::Any));
        Shape::Object(members.into_iter().collect())
    }

    pub(super) fn of_value(value: &Value) -> Shape {
        Shape::of_value_at(value, 0)
    }

    fn of_value_at(value: &Value, depth: usize) -> Shape {
        match value {
            Value::Object(members) if depth < SHAPE_DEPTH_MAX => {
                let member =
                    |(name, value): (&String, &Value)| (name.clone(), Shape::of_value_at(value, depth + 1));
                Shape::Object(members.iter().map(member).collect())
            }
            Value::Object(_) | Value::Array(_) => Shape::Any,
            _ => Shape::Leaf,
        }
    }

    /// What a template makes of an input. In JSONata an expression can give anything.
    pub(super) fn of_template(template: &Template, input: &Shape) -> Shape {
        Shape::of_template_at(template, input, 0)
    }

    fn of_template_at(template: &Template, input: &Shape, depth: usize) -> Shape {
        match template {
            Template::Literal(value) => Shape::of_value_at(value, depth),
            Template::Object(members) if depth < SHAPE_DEPTH_MAX => {
                let member = |(name, member): &(String, Template)| {
                    (name.clone(), Shape::of_template_at(member, input, depth + 1))
                };
                Shape::Object(members.iter().map(member).collect())
            }
            Template::Dynamic(Expression::Path(path)) => {
                input.at(path).unwrap_or(Shape::Any).cut(SHAPE_DEPTH_MAX.saturating_sub(depth))
            }
            _ => Shape::Any,
        }
    }

    /// What a path finds; `None`: surely nothing.
    pub(super) fn at(&self, path: &Path) -> Option<Shape> {
        if *path.root() != Root::Input {
            return Some(Shape::Any);
        }
        let mut shape = self;
        for step in path.steps() {
            let (Step::Child(name), Shape::Object(members)) = (step, shape) else {
                // A member of a scalar is nothing; everything else isn't known here.
                let is_member = matches!(step, Step::Child(_)) && *shape == Shape::Leaf;
                return (!is_member).then_some(Shape::Any);
            };
            shape = members.get(name)?;
        }
        Some(shape.clone())
    }

    /// This with a value put at a place of named members.
    pub(super) fn with<'n>(self, mut names: impl Iterator<Item = &'n str>, value: Shape) -> Shape {
        let Some(name) = names.next() else {
            return value;
        };
        match self {
            Shape::Object(mut members) => {
                let inner = members.remove(name).unwrap_or_else(Shape::empty);
                members.insert(name.to_string(), inner.with(names, value));
                Shape::Object(members).cut(SHAPE_DEPTH_MAX)
            }
            // A value in a scalar is a failure of its own.
            Shape::Any | Shape::Leaf => Shape::Any,
        }
    }

    /// Either of two.
    pub(super) fn or(self, other: Shape) -> Shape {
        match (self, other) {
            (Shape::Object(mut members), Shape::Object(others)) => {
                for (name, shape) in others {
                    let joined = match members.remove(&name) {
                        Some(own) => own.or(shape),
                        None => shape,
                    };
                    members.insert(name, joined);
                }
                Shape::Object(members)
            }
            (Shape::Leaf, Shape::Leaf) => Shape::Leaf,
            _ => Shape::Any,
        }
    }

    /// At most so many levels; what lies deeper can be anything.
    fn cut(self, levels: usize) -> Shape {
        match self {
            Shape::Object(_) if levels == 0 => Shape::Any,
            Shape::Object(members) => Shape::Object(
                members.into_iter().map(|(name, shape)| (name, shape.cut(levels - 1))).collect(),
            ),
            other => other,
        }
    }

    /// How many values it tells apart: the measure of the work with it.
    pub(super) fn size(&self) -> usize {
        match self {
            Shape::Object(members) => 1 + members.values().map(Shape::size).sum::<usize>(),
            Shape::Any | Shape::Leaf => 1,
        }
    }
}
