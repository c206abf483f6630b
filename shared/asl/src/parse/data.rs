//! The fields that shape a state's data.

use super::{Parser, fields::Fields};
use crate::{
    definition::ResultPath,
    json::{Data, Node},
    template::Template,
};

impl Parser<'_> {
    /// Reads fields for which `$states` has more than `input` and `context`.
    pub(super) fn with_states<T>(
        &mut self,
        members: &'static [&'static str],
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = std::mem::replace(&mut self.states_members, members);
        let read = read(self);
        self.states_members = before;
        read
    }

    /// A template in the state's language.
    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        if self.is_jsonata() { self.jsonata_template(node) } else { self.path_template(node) }
    }

    /// A template of any shape. `None`: it has faults. `Some(None)`: it is not set.
    pub(super) fn any_template(&mut self, fields: &Fields, name: &str) -> Option<Option<Template>> {
        fields.value(name).map_or(Some(None), |node| self.template(node).map(Some))
    }

    /// A template that is an object, or, in JSONata, an expression for one.
    pub(super) fn object_template(&mut self, fields: &Fields, name: &str) -> Option<Option<Template>> {
        let Some(node) = fields.value(name) else {
            return Some(None);
        };
        if let Some(template) = self.jsonata_only(node)? {
            return Some(Some(template));
        }
        match node.data {
            Data::Object(_) => self.template(node).map(Some),
            _ => {
                self.wrong_type(node, "an object", &format!("`{name}`"));
                None
            }
        }
    }

    /// `Parameters` or `Arguments`: AWS takes arrays and plain values too.
    pub(super) fn arguments(&mut self, fields: &Fields) -> Option<Option<Template>> {
        self.any_template(fields, if self.is_jsonata() { "Arguments" } else { "Parameters" })
    }

    pub(super) fn result_selector(&mut self, fields: &Fields) -> Option<Option<Template>> {
        if self.is_jsonata() { Some(None) } else { self.object_template(fields, "ResultSelector") }
    }

    pub(super) fn output(&mut self, fields: &Fields) -> Option<Option<Template>> {
        if self.is_jsonata() { self.any_template(fields, "Output") } else { Some(None) }
    }

    /// `Credentials`: the role that a task assumes, in `RoleArn`.
    pub(super) fn credentials(&mut self, fields: &Fields) -> Option<Option<Template>> {
        if let Some(role) = fields.value("Credentials").and_then(|credentials| credentials.get("RoleArn"))
            && role.as_str().is_none()
        {
            self.wrong_type(role, "a string", "`RoleArn`");
        }
        self.object_template(fields, "Credentials")
    }

    /// `Assign`: an object of variable names and their values.
    pub(super) fn assign(&mut self, fields: &Fields) -> Option<Option<Template>> {
        let Some(node) = fields.value("Assign") else {
            return Some(None);
        };
        let Some(members) = node.as_object() else {
            self.wrong_type(node, "an object", "`Assign`");
            return None;
        };
        for member in members {
            let name = match member.name.strip_suffix(".$").filter(|_| !self.is_jsonata()) {
                Some(name) => name,
                None => &member.name,
            };
            self.assigned(name, member.name_span.clone());
        }
        self.template(node).map(Some)
    }

    pub(super) fn result_path(&mut self, fields: &Fields) -> Option<ResultPath> {
        let Some(node) = fields.value("ResultPath").filter(|_| !self.is_jsonata()) else {
            return Some(ResultPath::Whole);
        };
        match &node.data {
            Data::Null => Some(ResultPath::Discard),
            Data::String(text) if text == "$" => Some(ResultPath::Whole),
            Data::String(text) => self.reference_path_at(node, text).map(ResultPath::At),
            _ => {
                self.wrong_type(node, "a Reference Path or null", "`ResultPath`");
                None
            }
        }
    }
}
