//! Reading the members of an object, with a fault for each that is not as it should be.

use super::Parser;
use crate::{
    fault::FaultCode,
    json::{Data, Member, Node},
    path::{Path, PathError, ReferencePath},
};
use std::ops::{Range, RangeInclusive};

/// The members of an object in the definition.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
    pub(super) members: &'n [Member],
    /// What the object is, for messages: "a Task state".
    pub(super) what: &'static str,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Member> {
        self.members.iter().find(|member| member.name == name)
    }

    pub(super) fn value(&self, name: &str) -> Option<&'n Node> {
        self.get(name).map(|member| &member.value)
    }

    /// The value's place, or the opening brace.
    pub(super) fn span_of(&self, name: &str) -> Range<usize> {
        self.value(name).map_or_else(|| self.opening(), |node| node.span.clone())
    }

    /// The opening brace: where something that is missing is reported.
    pub(super) fn opening(&self) -> Range<usize> {
        self.node.span.start..self.node.span.start + 1
    }
}

impl Parser<'_> {
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        match node.as_object() {
            Some(members) => Some(Fields { node, members, what }),
            None => {
                self.wrong_type(node, "an object", what);
                None
            }
        }
    }

    pub(super) fn wrong_type(&mut self, node: &Node, expected: &str, what: &str) {
        let message = format!("{what} must be {expected}, and this is {}", node.kind());
        self.fault(FaultCode::WrongType, node.span.clone(), message);
    }

    pub(super) fn missing(&mut self, fields: &Fields, name: &str) {
        let message = format!("{} needs the field `{name}`", fields.what);
        let aws_message = format!("These fields are required: [{name}]");
        self.fault_as_aws(FaultCode::MissingField, fields.opening(), message, aws_message);
    }

    pub(super) fn required<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n Node> {
        let value = fields.value(name);
        if value.is_none() {
            self.missing(fields, name);
        }
        value
    }

    /// A fault where more than one of the fields is set.
    pub(super) fn at_most_one(&mut self, fields: &Fields, names: &[&str]) {
        let mut set = fields.members.iter().filter(|member| names.contains(&member.name.as_str()));
        let first = set.next();
        for second in set {
            let first = first.map_or("", |member| member.name.as_str());
            let message = format!("`{}` excludes `{first}`: only one of them may be set", second.name);
            self.fault(FaultCode::ConflictingFields, second.name_span.clone(), message);
        }
    }

    pub(super) fn text<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n str> {
        let node = fields.value(name)?;
        let text = node.as_str();
        if text.is_none() {
            self.wrong_type(node, "a string", &format!("`{name}`"));
        }
        text
    }

    pub(super) fn owned_text(&mut self, fields: &Fields, name: &str) -> Option<String> {
        self.text(fields, name).map(str::to_string)
    }

    pub(super) fn required_text<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n str> {
        self.required(fields, name)?;
        self.text(fields, name)
    }

    pub(super) fn whole_number(
        &mut self,
        fields: &Fields,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let node = fields.value(name)?;
        let Data::Number(number) = &node.data else {
            self.wrong_type(node, "a whole number", &format!("`{name}`"));
            return None;
        };
        let float = number.as_f64().unwrap_or(f64::NAN);
        if float.fract() != 0.0 {
            let message = format!("`{name}` must be a whole number, and this is {number}");
            self.fault(FaultCode::WrongType, node.span.clone(), message);
            return None;
        }
        let whole = number.as_u64().or_else(|| (0.0..9e15).contains(&float).then_some(float as u64));
        let in_range = whole.filter(|whole| range.contains(whole));
        if in_range.is_none() {
            let message = format!(
                "`{name}` must lie between {} and {}, and this is {number}",
                range.start(),
                range.end()
            );
            self.fault(FaultCode::OutOfRange, node.span.clone(), message);
        }
        in_range
    }

    /// [`Parser::reference`] in a field.
    pub(super) fn path(&mut self, fields: &Fields, name: &str) -> Option<Path> {
        let node = fields.value(name)?;
        self.reference(node, &format!("`{name}`"))
    }

    pub(super) fn path_at(&mut self, node: &Node, what: &str) -> Option<Path> {
        let Some(text) = node.as_str() else {
            self.wrong_type(node, "a path", what);
            return None;
        };
        match Path::parse(text) {
            Ok(path) => {
                self.note(&path, &node.span);
                Some(path)
            }
            Err(error) => {
                self.path_fault(node, text, &error);
                None
            }
        }
    }

    /// A path of children and indexes, from `$`, `$$` or a variable.
    pub(super) fn reference(&mut self, node: &Node, what: &str) -> Option<Path> {
        let path = self.path_at(node, what)?;
        if !path.is_reference() {
            let message = format!(
                "{what} must be a Reference Path: names and indexes only, without `*`, `..`, `?`, `:` and functions"
            );
            self.fault(FaultCode::InvalidPath, node.span.clone(), message);
        }
        Some(path)
    }

    pub(super) fn reference_path_at(&mut self, node: &Node, text: &str) -> Option<ReferencePath> {
        match ReferencePath::parse(text) {
            Ok(path) => Some(path),
            Err(error) => {
                self.path_fault(node, text, &error);
                None
            }
        }
    }

    pub(super) fn path_fault(&mut self, node: &Node, text: &str, error: &PathError) {
        let span = self.span_in(node, text, error.at);
        self.fault(FaultCode::InvalidPath, span, format!("`{text}` is not a valid path: {}", error.message));
    }
}
