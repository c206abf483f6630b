//! What a template is made of: maps that keep their order, lists, and scalars.

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Map(Map),
    List(Vec<Node>),
    Text(String),
    Number(serde_json::Number),
    Switch(bool),
}

/// Names and values, in the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Map(pub(crate) Vec<Entry>);

/// A name and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Node,
    /// Why it is as it is; empty if that is plain.
    pub(crate) comment: String,
}

impl Map {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(crate) fn with(mut self, key: impl Into<String>, value: impl Into<Node>) -> Self {
        self.0.push(Entry { key: key.into(), value: value.into(), comment: String::new() });
        self
    }

    /// The same, with a value that may not be there.
    #[must_use]
    pub(crate) fn maybe(self, key: &str, value: Option<impl Into<Node>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// The same resource, where a condition of the template holds.
    #[must_use]
    pub(crate) fn only_if(mut self, condition: &str) -> Self {
        // Behind its type.
        let at = self.0.len().min(1);
        let entry = Entry { key: "Condition".to_owned(), value: condition.into(), comment: String::new() };
        self.0.insert(at, entry);
        self
    }

    /// Comments the entry that was added last.
    #[must_use]
    pub(crate) fn comment(mut self, text: impl Into<String>) -> Self {
        if let Some(last) = self.0.last_mut() {
            last.comment = text.into();
        }
        self
    }

    /// Comments the first entry: where it stands in a list, the whole of it.
    #[must_use]
    pub(crate) fn commented(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.0.first_mut() {
            first.comment = text.into();
        }
        self
    }
}

#[cfg(test)]
impl Node {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Node::Map(map) => {
                let entries = map.0.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                serde_json::Value::Object(entries.collect())
            }
            Node::List(list) => list.iter().map(Node::to_json).collect(),
            Node::Text(text) => text.as_str().into(),
            Node::Number(number) => number.clone().into(),
            Node::Switch(on) => (*on).into(),
        }
    }
}

impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl<T: Into<Node>> From<Vec<T>> for Node {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Node {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i32> for Node {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Node {
    fn from(on: bool) -> Self {
        Self::Switch(on)
    }
}

impl From<&serde_json::Value> for Node {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Text(String::new()),
            serde_json::Value::Bool(on) => Self::Switch(*on),
            serde_json::Value::Number(number) => Self::Number(number.clone()),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(list) => Self::List(list.iter().map(Into::into).collect()),
            serde_json::Value::Object(members) => {
                let entries = members.iter().map(|(key, value)| Entry {
                    key: key.clone(),
                    value: value.into(),
                    comment: String::new(),
                });
                Self::Map(Map(entries.collect()))
            }
        }
    }
}

/// Writes a comment's lines: both formats begin one with `#`.
pub(crate) fn write_comment(out: &mut String, indent: usize, text: &str) {
    for line in wrapped(text, 110 - indent.min(60)) {
        pad(out, indent);
        out.push_str("# ");
        out.push_str(&line);
        out.push('\n');
    }
}

pub(crate) fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// The lines of a text, none longer than `width` where a space lets it be cut.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
