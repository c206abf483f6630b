//! CloudFormation's own words: references, and texts with gaps.

use crate::{
    model::logical,
    text::{Part, Text},
    tree::{Map, Node},
};

/// Which template something stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// What gives the stack's name.
    stack: &'static str,
    pub(super) is_nested: bool,
}

impl Scope {
    pub(super) fn root() -> Self {
        Self { stack: "AWS::StackName", is_nested: false }
    }

    /// A nested stack has another name; it is told the stack's.
    pub(super) fn nested() -> Self {
        Self { stack: "Stack", is_nested: true }
    }

    pub(super) fn text(self, text: &Text) -> Node {
        match text.0.as_slice() {
            [] => "".into(),
            [Part::Literal(text)] => text.as_str().into(),
            [Part::RoleArn(role)] => get_att(&role_id(role), "Arn").into(),
            [part] => reference(&self.gap(part)).into(),
            parts => {
                let parts = parts.iter().map(|part| match part {
                    // `${!` is Sub's way to write `${`.
                    Part::Literal(text) => text.replace("${", "${!"),
                    part => format!("${{{}}}", self.gap(part)),
                });
                Map::new().with("Fn::Sub", parts.collect::<String>()).into()
            }
        }
    }

    /// A name of the stack's, `<stack>-<name>`.
    pub(super) fn named(self, name: &str) -> Node {
        self.text(&Text::of(format!("${{Stack}}-{name}")))
    }

    fn gap(self, part: &Part) -> String {
        match part {
            Part::Literal(text) => text.clone(),
            Part::Stack => self.stack.to_owned(),
            Part::Region => "AWS::Region".to_owned(),
            Part::Account => "AWS::AccountId".to_owned(),
            Part::Partition => "AWS::Partition".to_owned(),
            Part::RoleArn(role) => format!("{}.Arn", role_id(role)),
            Part::Parameter(name) => name.clone(),
        }
    }
}

pub(super) fn role_id(role: &str) -> String {
    format!("{}Role", logical(role))
}

pub(super) fn reference(name: &str) -> Map {
    Map::new().with("Ref", name)
}

pub(super) fn get_att(resource: &str, attribute: &str) -> Map {
    Map::new().with("Fn::GetAtt", vec![resource, attribute])
}

/// One of two values.
pub(super) fn choose(condition: &str, yes: impl Into<Node>, no: impl Into<Node>) -> Node {
    Map::new().with("Fn::If", vec![Node::from(condition), yes.into(), no.into()]).into()
}

/// A value, or none.
pub(super) fn only_if(condition: &str, yes: impl Into<Node>) -> Node {
    choose(condition, yes, reference("AWS::NoValue"))
}
