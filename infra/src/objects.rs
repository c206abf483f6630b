//! Objects of the users' own that distributed Map states read and write, and the permissions that it takes.

use crate::{
    facts::{Facts, SettingError, WorkflowFacts},
    text::{Part, Text},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a definition does with objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectFacts {
    pub state: String,
    pub access: ObjectAccess,
    /// As the definition has it; none: the data says it.
    pub bucket: Option<String>,
    /// A key; or with `*` at the end what keys begin with, `*` alone being any. Of a listing nothing is asked.
    pub keys: String,
}

/// How objects are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectAccess {
    Read,
    /// A version that isn't the newest, or may not be.
    ReadVersion,
    /// Of the bucket: its keys, and whether a key is there at all.
    List,
    Write,
}

impl ObjectAccess {
    /// The action in IAM's words (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>).
    pub fn permission(self) -> &'static str {
        match self {
            ObjectAccess::Read => "s3:GetObject",
            ObjectAccess::ReadVersion => "s3:GetObjectVersion",
            ObjectAccess::List => "s3:ListBucket",
            ObjectAccess::Write => "s3:PutObject",
        }
    }
}

impl ObjectFacts {
    /// The bucket, where the definition names one that a permission can name.
    fn bucket(&self) -> Option<&str> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        self.bucket.as_deref().filter(|name| !name.is_empty() && name.bytes().all(is_plain))
    }

    /// The ARN of what is used.
    fn resource(&self, bucket: Text, keys: &str) -> Text {
        let mut resource = Text::of("arn:${Partition}:s3:::");
        resource.0.extend(bucket.0);
        if self.access != ObjectAccess::List {
            resource.0.push(Part::Literal(format!("/{}", pattern(keys))));
        }
        resource
    }

    /// Those of the bucket that the definition names, and those of the buckets that the workflow's settings name beside.
    fn resources(&self, workflow: &WorkflowFacts) -> Vec<Text> {
        let named = self.bucket().map(|bucket| self.resource(Text::literal(bucket), &self.keys));
        let set = workflow.settings.buckets.iter().map(|bucket| self.resource(Text::of(bucket), "*"));
        named.into_iter().chain(set).collect()
    }
}

/// Keys as a policy can hold them: what it takes none of
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>), or takes for a variable, is any text.
fn pattern(keys: &str) -> String {
    let is_taken = |char: char| matches!(char, ' '..='\u{7e}' | '\u{a1}'..='\u{ff}');
    keys.replace("${", "*").chars().map(|char| if is_taken(char) { char } else { '*' }).collect()
}

/// What the definitions' states do to objects: actions, each with the resources that it is done to.
pub(crate) fn permissions(facts: &Facts) -> BTreeMap<&'static str, BTreeSet<Text>> {
    let mut permissions: BTreeMap<&'static str, BTreeSet<Text>> = BTreeMap::new();
    for workflow in &facts.workflows {
        for object in &workflow.objects {
            let resources = object.resources(workflow);
            permissions.entry(object.access.permission()).or_default().extend(resources);
        }
    }
    permissions
}

/// Whether a setting names a bucket, or those whose names begin alike: `orders`, `orders-*`, `orders-${Account}`.
pub(crate) fn is_bucket(setting: &str) -> bool {
    let Text(parts) = Text::of(setting);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'*');
    let is_known = |part: &Part| match part {
        Part::Literal(text) => text.bytes().all(is_plain),
        Part::Stack | Part::Region | Part::Account | Part::Partition => true,
        Part::RoleArn(_) | Part::Parameter(_) => false,
    };
    !parts.is_empty() && !setting.starts_with('*') && parts.iter().all(is_known)
}

impl Facts {
    /// Buckets that only the data names, in workflows that don't say which they may be.
    pub(crate) fn unnamed_buckets(&self) -> Vec<SettingError> {
        let without = self.workflows.iter().filter(|workflow| workflow.settings.buckets.is_empty());
        let unnamed = |workflow: &WorkflowFacts| {
            let object = workflow.objects.iter().find(|object| object.bucket().is_none())?;
            Some(SettingError {
                message: format!(
                    "the state {:?} of workflow {name} does {} in a bucket that its definition doesn't name; say in the Cargo.toml of a package of functions/* which buckets that may be:\n[package.metadata.stepladder.workflow.{name}]\nbuckets = [\"NAME\"]",
                    object.state,
                    object.access.permission(),
                    name = workflow.name,
                ),
            })
        };
        without.filter_map(unnamed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_policy_can_not_hold_is_any_that_is_like_it() {
        assert_eq!(pattern("in/orders 2026+é.json"), "in/orders 2026+é.json");
        assert_eq!(pattern("in/ő\n/${x*"), "in/**/*x*");
    }

    #[test]
    fn a_setting_names_a_bucket_or_those_that_begin_alike() {
        for bucket in ["orders", "orders-*", "orders.${Account}-${Region}", "${Stack}-in"] {
            assert!(is_bucket(bucket), "{bucket}");
        }
        for other in ["", "*", "*-orders", "orders/in", "arn:aws:s3:::orders", "${Bucket}", "my orders"] {
            assert!(!is_bucket(other), "{other}");
        }
    }
}
