//! The versions, aliases and tags of workflows, and what the store does with them.
//!
//! A version is a workflow as it was when somebody published it, under a number that is never given again. An alias is a
//! name for one or two versions. All of them lie beside the workflow and go with it.
//!
//! A workflow is deleted in this order, so that a deletion that was cut short is finished by its repetition:
//!
//! 1. The workflow's item is marked, and its place in the list is deleted, in one transaction. From then on nobody finds it,
//!    and nothing of it is made or changed: every such write demands a workflow without a mark.
//! 2. Aliases, versions and tags are deleted, each only while the mark stands.
//! 3. The marked item is deleted, and only now the name is free: so nothing of a new workflow of the name is ever deleted.
//!
//! Definitions stay: runs are pinned to them.

use crate::{
    item::WorkflowItem,
    traits::{WorkflowBefore, WorldResult},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt, future::Future};
use stepladder_asl::WorkflowType;

/// A workflow as it was when the version was made. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionItem {
    pub workflow: String,
    /// From 1 on.
    pub number: u32,
    pub description: Option<String>,
    pub created_ms: i64,
    pub workflow_type: WorkflowType,
    /// The hash of its definition.
    pub definition: String,
    /// When the workflow had become what it was.
    pub updated_ms: Option<i64>,
    pub revision: Option<String>,
    pub role_arn: Option<String>,
    pub logging: Option<Value>,
    pub tracing: Option<Value>,
    /// All else of a version stays as it is; this is drawn anew whenever an alias is led to it, so that whoever deletes the
    /// version because no alias leads to it sees that.
    pub stamp: String,
}

/// A name that leads to one or two versions of a workflow. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasItem {
    pub workflow: String,
    pub name: String,
    pub description: Option<String>,
    pub routes: Vec<Route>,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// Names this state of it.
    pub stamp: String,
}

/// One of the versions that an alias leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub version: u32,
    /// In percent.
    pub weight: u32,
}

impl AliasItem {
    /// The version of a new run, drawn by the weights.
    pub fn draw(&self, random: u128) -> Option<u32> {
        let total: u128 = self.routes.iter().map(|route| u128::from(route.weight)).sum();
        let mut left = random.checked_rem(total)?;
        for route in &self.routes {
            match left.checked_sub(u128::from(route.weight)) {
                Some(rest) => left = rest,
                None => return Some(route.version),
            }
        }
        None
    }

    /// The version of the most weight; of equals the first.
    pub fn main_version(&self) -> Option<u32> {
        let heavier = |a: Route, b: &Route| if b.weight > a.weight { *b } else { a };
        let first = *self.routes.first()?;
        Some(self.routes.iter().fold(first, heavier).version)
    }

    pub fn leads_to(&self, version: u32) -> bool {
        self.routes.iter().any(|route| route.version == version)
    }
}

/// What can follow a workflow's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Qualifier {
    Version(u32),
    Alias(String),
}

/// What can have tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tagged<'a> {
    Workflow(&'a str),
    Activity(&'a str),
}

impl fmt::Display for Tagged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tagged::Workflow(name) => write!(f, "the workflow {name}"),
            Tagged::Activity(name) => write!(f, "the activity {name}"),
        }
    }
}

/// The tags of something, by their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagsItem {
    pub tags: BTreeMap<String, String>,
    /// Names this state of them.
    pub stamp: String,
}

/// What is written in one transaction with a workflow's item.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// A new version.
    pub version: Option<&'a VersionItem>,
    /// The tags of a new workflow.
    pub tags: Option<&'a TagsItem>,
}

/// Versions, aliases and tags, and the end of a workflow. A workflow with a mark counts as absent.
pub trait Versions: Send + Sync {
    /// Writes a workflow's item, if what is there is what `before` says, and what comes with it: from then on it is in the
    /// lists, and new runs take its definition. False, and nothing is written: it isn't, or the version is there.
    fn put_workflow_with(
        &self,
        workflow: &WorkflowItem,
        before: WorkflowBefore<'_>,
        beside: Beside<'_>,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// Marks a workflow as one that is being deleted, and takes it out of the list. The mark that it has now, which may be
    /// an earlier one; `None`: there is no such workflow.
    fn begin_deletion(
        &self,
        workflow: &str,
        mark: &str,
    ) -> impl Future<Output = WorldResult<Option<String>>> + Send;

    /// The mark of a workflow that is being deleted.
    fn deletion(&self, workflow: &str) -> impl Future<Output = WorldResult<Option<String>>> + Send;

    /// Deletes what belongs to a workflow, and then the workflow, as long as it has this mark. Repeating it changes nothing.
    fn finish_deletion(&self, workflow: &str, mark: &str) -> impl Future<Output = WorldResult<()>> + Send;

    fn version(
        &self,
        workflow: &str,
        number: u32,
    ) -> impl Future<Output = WorldResult<Option<VersionItem>>> + Send;

    /// The versions with numbers below `before`, highest first, at most `limit`: fewer only where there are no more.
    fn versions_before(
        &self,
        workflow: &str,
        before: Option<u32>,
        limit: usize,
    ) -> impl Future<Output = WorldResult<Vec<VersionItem>>> + Send;

    /// Deletes a version if it has the stamp of this one. False: it hasn't, or isn't there.
    fn delete_version(&self, version: &VersionItem) -> impl Future<Output = WorldResult<bool>> + Send;

    fn alias(
        &self,
        workflow: &str,
        name: &str,
    ) -> impl Future<Output = WorldResult<Option<AliasItem>>> + Send;

    /// All aliases of a workflow, by name.
    fn aliases(&self, workflow: &str) -> impl Future<Output = WorldResult<Vec<AliasItem>>> + Send;

    /// Writes an alias if the one there has the stamp of `before`, or there is none. The versions that it leads to get its
    /// stamp. False, and nothing is written: it hasn't, or the workflow or one of the versions is absent.
    fn put_alias(
        &self,
        alias: &AliasItem,
        before: Option<&AliasItem>,
    ) -> impl Future<Output = WorldResult<bool>> + Send;

    /// Repeating it changes nothing.
    fn delete_alias(&self, workflow: &str, name: &str) -> impl Future<Output = WorldResult<()>> + Send;

    /// `None`: it never had any.
    fn tags(&self, of: Tagged<'_>) -> impl Future<Output = WorldResult<Option<TagsItem>>> + Send;

    /// Writes all tags of something if those there have this stamp, or there are none. False: they haven't, or what they
    /// belong to is absent.
    fn put_tags(
        &self,
        of: Tagged<'_>,
        tags: &TagsItem,
        before: Option<&str>,
    ) -> impl Future<Output = WorldResult<bool>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(routes: &[(u32, u32)]) -> AliasItem {
        AliasItem {
            workflow: "w".to_owned(),
            name: "PROD".to_owned(),
            description: None,
            routes: routes
                .iter()
                .map(|(version, weight)| Route { version: *version, weight: *weight })
                .collect(),
            created_ms: 0,
            updated_ms: 0,
            stamp: String::new(),
        }
    }

    #[test]
    fn of_a_hundred_draws_each_version_gets_its_weight() {
        for routes in [vec![(3, 100)], vec![(3, 90), (7, 10)], vec![(3, 0), (7, 100)], vec![(3, 1), (7, 99)]]
        {
            let drawn: Vec<u32> = (0..100).map(|random| alias(&routes).draw(random).unwrap()).collect();
            for (version, weight) in &routes {
                let times = drawn.iter().filter(|drawn| *drawn == version).count();
                assert_eq!(times, *weight as usize, "version {version} of {routes:?}");
            }
        }
        assert_eq!(alias(&[]).draw(5), None);
        assert_eq!(alias(&[(1, 0)]).draw(5), None);
    }

    #[test]
    fn the_main_version_has_the_most_weight_and_comes_first() {
        assert_eq!(alias(&[(3, 10), (7, 90)]).main_version(), Some(7));
        assert_eq!(alias(&[(3, 50), (7, 50)]).main_version(), Some(3));
        assert_eq!(alias(&[]).main_version(), None);
    }
}
