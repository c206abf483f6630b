//! Writes Terraform configuration as `terraform fmt` leaves it: two spaces, and the equals signs of neighbours in a column.

use crate::tree::{pad, write_comment};

/// A block's content.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body(Vec<Item>);

#[derive(Debug, Clone)]
enum Item {
    Attribute { name: String, value: Value },
    Block { head: String, body: Body },
    Comment(String),
    Blank,
}

/// The value of an attribute.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Written as it is: an expression, a number, a quoted text.
    Raw(String),
    List(Vec<Value>),
    /// The names are written as they are, quoted where that is needed.
    Object(Vec<(String, Value)>),
    /// `name(value)`.
    Call(&'static str, Box<Value>),
}

impl Body {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.push(Item::Attribute { name: name.to_owned(), value: value.into() });
        self
    }

    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// A block, with an empty line before it unless it is the first.
    #[must_use]
    pub(crate) fn block(mut self, head: impl Into<String>, body: Body) -> Self {
        if !matches!(self.0.last(), None | Some(Item::Comment(_))) {
            self.0.push(Item::Blank);
        }
        self.0.push(Item::Block { head: head.into(), body });
        self
    }

    /// A comment above what comes next; nothing if it is empty.
    #[must_use]
    pub(crate) fn comment(mut self, text: &str) -> Self {
        if text.is_empty() {
            return self;
        }
        if !self.0.is_empty() {
            self.0.push(Item::Blank);
        }
        self.0.push(Item::Comment(text.to_owned()));
        self
    }

    /// The same, and another's attributes beside the last one.
    #[must_use]
    pub(crate) fn and_attributes(mut self, other: Body) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The same, and what another has, an empty line below.
    #[must_use]
    pub(crate) fn and(mut self, other: Body) -> Self {
        if !self.0.is_empty() && !other.0.is_empty() {
            self.0.push(Item::Blank);
        }
        self.0.extend(other.0);
        self
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Raw(number.to_string())
    }
}

impl From<bool> for Value {
    fn from(on: bool) -> Self {
        Self::Raw(on.to_string())
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Self::List(list)
    }
}

/// An expression.
pub(crate) fn raw(text: impl Into<String>) -> Value {
    Value::Raw(text.into())
}

/// A text without gaps.
pub(crate) fn quoted(text: &str) -> Value {
    Value::Raw(format!("\"{}\"", escaped(text)))
}

/// What stands between quotes for this text
/// (<https://developer.hashicorp.com/terraform/language/expressions/strings>).
pub(crate) fn escaped(text: &str) -> String {
    let json = serde_json::Value::String(text.to_owned()).to_string();
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
    inner.replace("${", "$${").replace("%{", "%%{")
}

pub(crate) fn write(head: &str, body: &Body) -> String {
    let mut out = String::new();
    write_comment(&mut out, 0, head);
    out.push('\n');
    items(&mut out, 0, &body.0);
    out
}

fn items(out: &mut String, indent: usize, items: &[Item]) {
    let mut rest = items;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            Item::Attribute { .. } => {
                let count = rest.iter().take_while(|item| is_in_column(item)).count();
                // An attribute of several lines stands in no column.
                let (column, after) = rest.split_at(count.max(1));
                let width = if count == 0 { 0 } else { column.iter().map(name_length).max().unwrap_or(0) };
                column.iter().for_each(|item| attribute(out, indent, item, width));
                after
            }
            Item::Block { head, body } => {
                pad(out, indent);
                out.push_str(head);
                if body.0.is_empty() {
                    out.push_str(" {}\n");
                } else {
                    out.push_str(" {\n");
                    self::items(out, indent + 2, &body.0);
                    pad(out, indent);
                    out.push_str("}\n");
                }
                after
            }
            Item::Comment(text) => {
                write_comment(out, indent, text);
                after
            }
            Item::Blank => {
                out.push('\n');
                after
            }
        };
    }
}

fn is_in_column(item: &Item) -> bool {
    matches!(item, Item::Attribute { value, .. } if is_one_line(value))
}

fn name_length(item: &Item) -> usize {
    match item {
        Item::Attribute { name, .. } => name.chars().count(),
        _ => 0,
    }
}

fn attribute(out: &mut String, indent: usize, item: &Item, width: usize) {
    let Item::Attribute { name, value } = item else { return };
    pad(out, indent);
    out.push_str(name);
    pad(out, width.saturating_sub(name.chars().count()));
    out.push_str(" = ");
    self::value(out, indent, value);
    out.push('\n');
}

/// Lists of more than one thing, and objects, are written over several lines.
fn is_one_line(value: &Value) -> bool {
    match value {
        Value::Raw(_) => true,
        Value::List(list) => match list.as_slice() {
            [] => true,
            [one] => matches!(one, Value::Raw(_)),
            _ => false,
        },
        Value::Object(members) => members.is_empty(),
        Value::Call(_, value) => is_one_line(value),
    }
}

fn value(out: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Raw(text) => out.push_str(text),
        Value::Call(name, inner) => {
            out.push_str(name);
            out.push('(');
            self::value(out, indent, inner);
            out.push(')');
        }
        Value::List(list) if is_one_line(value) => {
            out.push('[');
            list.iter().for_each(|value| self::value(out, indent, value));
            out.push(']');
        }
        Value::List(list) => {
            out.push_str("[\n");
            for value in list {
                pad(out, indent + 2);
                self::value(out, indent + 2, value);
                out.push_str(",\n");
            }
            pad(out, indent);
            out.push(']');
        }
        Value::Object(members) if members.is_empty() => out.push_str("{}"),
        Value::Object(members) => {
            out.push_str("{\n");
            let body = members
                .iter()
                .map(|(name, value)| Item::Attribute { name: name.clone(), value: value.clone() });
            items(out, indent + 2, &body.collect::<Vec<_>>());
            pad(out, indent);
            out.push('}');
        }
    }
}
