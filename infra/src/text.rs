//! Text that holds what only a deployment knows.

use std::fmt;

/// A text with gaps: the stack's name, the region, and so on. Each format of template fills them in its own way.
///
/// ```
/// use stepladder_infra::{Place, Text};
///
/// let arn = Text::of("arn:${Partition}:sqs:${Region}:${Account}:${Stack}-start");
/// let place = Place { stack: "shop", region: "eu-central-1", account: "123456789012", ..Place::default() };
/// assert_eq!(arn.at(&place), "arn:aws:sqs:eu-central-1:123456789012:shop-start");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(pub Vec<Part>);

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Literal(String),
    Stack,
    Region,
    Account,
    Partition,
    /// The ARN of a role of the stack, by the role's name in the model.
    RoleArn(String),
    /// What a parameter of the template says, by the parameter's name.
    Parameter(String),
}

/// What fills the gaps of a [`Text`] in a live stack.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub stack: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'a str,
    /// Parameters and role ARNs, by name; one that isn't there gives an empty text.
    pub named: &'a [(&'a str, &'a str)],
}

impl Default for Place<'_> {
    fn default() -> Self {
        Self { stack: "", region: "", account: "", partition: "aws", named: &[] }
    }
}

impl Text {
    /// Reads `${Stack}`, `${Region}`, `${Account}`, `${Partition}`; any other name in braces is a parameter's.
    pub fn of(text: impl AsRef<str>) -> Self {
        let mut parts = Vec::new();
        let mut rest = text.as_ref();
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else { break };
            push_literal(&mut parts, before);
            parts.push(match name {
                "Stack" => Part::Stack,
                "Region" => Part::Region,
                "Account" => Part::Account,
                "Partition" => Part::Partition,
                other => Part::Parameter(other.to_owned()),
            });
            rest = behind;
        }
        push_literal(&mut parts, rest);
        Self(parts)
    }

    /// A text without gaps, whatever it holds.
    pub fn literal(text: impl Into<String>) -> Self {
        Self(vec![Part::Literal(text.into())])
    }

    /// The ARN of a role of the model.
    pub fn role_arn(role: impl Into<String>) -> Self {
        Self(vec![Part::RoleArn(role.into())])
    }

    /// The text of a live stack.
    pub fn at(&self, place: &Place<'_>) -> String {
        let named = |name: &str| {
            let found = place.named.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value).unwrap_or_default().to_owned()
        };
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Stack => place.stack.to_owned(),
            Part::Region => place.region.to_owned(),
            Part::Account => place.account.to_owned(),
            Part::Partition => place.partition.to_owned(),
            Part::RoleArn(name) | Part::Parameter(name) => named(name),
        };
        self.0.iter().map(part).collect()
    }
}

/// With its gaps as [`Text::of`] reads them.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Stack => f.write_str("${Stack}"),
            Part::Region => f.write_str("${Region}"),
            Part::Account => f.write_str("${Account}"),
            Part::Partition => f.write_str("${Partition}"),
            Part::RoleArn(name) | Part::Parameter(name) => write!(f, "${{{name}}}"),
        })
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn gaps_are_read_and_shown() {
        let text = Text::of("a-${Stack}-${KmsKeyArn}$");
        let parts = [
            Part::Literal("a-".into()),
            Part::Stack,
            Part::Literal("-".into()),
            Part::Parameter("KmsKeyArn".into()),
            Part::Literal("$".into()),
        ];
        assert_eq!(text.0, parts);
        assert_eq!(text.to_string(), "a-${Stack}-${KmsKeyArn}$");
        let place = Place { stack: "shop", named: &[("KmsKeyArn", "key")], ..Place::default() };
        assert_eq!(text.at(&place), "a-shop-key$");
    }

    #[test]
    fn a_literal_has_no_gaps() {
        assert_eq!(Text::literal("${Stack}").at(&Place::default()), "${Stack}");
        assert_eq!(Text::of("${open").0, [Part::Literal("${open".into())]);
    }
}
