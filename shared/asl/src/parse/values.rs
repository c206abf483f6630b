//! Numbers and texts that are constants, or come from the data.

use super::{Parser, fields::Fields};
use crate::{
    definition::{Number, Percentage, Text},
    fault::FaultCode,
    json::{Data, Node},
    path::Path,
    template::{Expression, Template},
    timestamp,
};
use std::ops::RangeInclusive;

/// What stands in a field that takes a constant, or an expression in JSONata.
enum Either<'n> {
    Expression(Template),
    Constant(&'n Node),
    Nothing,
}

impl Parser<'_> {
    /// The field as an expression, or what else it is. `None`: it has faults.
    fn either<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<Either<'n>> {
        let Some(node) = fields.value(name) else {
            return Some(Either::Nothing);
        };
        Some(self.jsonata_only(node)?.map_or(Either::Constant(node), Either::Expression))
    }

    /// `…Path`, which excludes `name`. In JSONata it is a fault of its own.
    fn path_beside(&mut self, fields: &Fields, name: &str) -> Option<Path> {
        if self.is_jsonata() {
            return None;
        }
        let path = format!("{name}Path");
        self.at_most_one(fields, &[name, &path]);
        self.path(fields, &path)
    }

    /// `name`, or `…Path` in JSONPath; at most one of them.
    pub(super) fn number(
        &mut self,
        fields: &Fields,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<Number> {
        let from_path = self.path_beside(fields, name).map(Number::Path);
        match self.either(fields, name)? {
            Either::Expression(template) => Some(Number::Expression(template)),
            Either::Constant(_) => self.whole_number(fields, name, range).map(Number::Constant),
            Either::Nothing => from_path,
        }
    }

    /// The same for a percentage, which need not be whole.
    pub(super) fn percentage(&mut self, fields: &Fields, name: &str) -> Option<Percentage> {
        let from_path = self.path_beside(fields, name).map(Percentage::Path);
        let node = match self.either(fields, name)? {
            Either::Expression(template) => return Some(Percentage::Expression(template)),
            Either::Nothing => return from_path,
            Either::Constant(node) => node,
        };
        let Data::Number(number) = &node.data else {
            self.wrong_type(node, "a number", &format!("`{name}`"));
            return None;
        };
        let percentage = number.as_f64().filter(|percentage| (0.0..=100.0).contains(percentage));
        if percentage.is_none() {
            let message = format!("`{name}` must lie between 0 and 100, and this is {number}");
            self.fault(FaultCode::OutOfRange, node.span.clone(), message);
        }
        percentage.map(Percentage::Constant)
    }

    /// `Error` and `Cause`, with `…Path` in JSONPath, where a call of an intrinsic function may stand too.
    pub(super) fn dynamic_text(&mut self, fields: &Fields, name: &str) -> Option<Text> {
        let path = format!("{name}Path");
        if !self.is_jsonata() {
            self.at_most_one(fields, &[name, &path]);
        }
        match self.either(fields, name)? {
            Either::Expression(template) => return Some(Text::Expression(template)),
            Either::Constant(node) => {
                self.no_path(node, name);
                return self.owned_text(fields, name).map(Text::Constant);
            }
            Either::Nothing => {}
        }
        let node = fields.value(&path).filter(|_| !self.is_jsonata())?;
        match self.expression(node, &path)? {
            Expression::Path(found) => Some(Text::Path(found)),
            Expression::Call(call) if call.function().may_give_text() => {
                Some(Text::Expression(Template::Dynamic(Expression::Call(call))))
            }
            Expression::Call(call) => {
                let message = format!("`{path}` needs a string, and `{}` gives none", call.function().name());
                self.fault(FaultCode::InvalidFunction, node.span.clone(), message);
                None
            }
            // A path is read in JSONPath states only.
            Expression::Jsonata(_) => None,
        }
    }

    /// `Timestamp`: RFC 3339, or an expression.
    pub(super) fn timestamp(&mut self, fields: &Fields, name: &str) -> Option<Text> {
        match self.either(fields, name)? {
            Either::Expression(template) => return Some(Text::Expression(template)),
            Either::Constant(_) | Either::Nothing => {}
        }
        let text = self.text(fields, name)?;
        if timestamp::parse(text).is_none() {
            let hint = "write it like 2026-11-24T21:52:17Z".to_string();
            let message = format!("`{text}` is not a timestamp of RFC 3339");
            let (span, aws_message) = (fields.span_of(name), "String does not match RFC3339 timestamp");
            self.add(FaultCode::InvalidTimestamp, span, message, Some(hint), Some(aws_message.to_string()));
            return None;
        }
        Some(Text::Constant(text.to_string()))
    }
}
