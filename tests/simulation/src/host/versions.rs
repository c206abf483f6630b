//! Versions, aliases and tags in memory.

use super::{MemoryHost, State};
use std::collections::BTreeMap;
use stepladder_protocol::{
    AliasItem, Beside, Tagged, TagsItem, VersionItem, Versions, WorkflowBefore, WorkflowItem, WorldResult,
};

/// What belongs to workflows.
#[derive(Debug, Default)]
pub(crate) struct Items {
    versions: BTreeMap<(String, u32), VersionItem>,
    aliases: BTreeMap<(String, String), AliasItem>,
    tags: BTreeMap<String, TagsItem>,
    /// The marks of workflows that are being deleted.
    marks: BTreeMap<String, String>,
}

impl State {
    fn is_marked(&self, workflow: &str, mark: &str) -> bool {
        self.versions.marks.get(workflow).is_some_and(|there| there == mark)
    }
}

impl Versions for MemoryHost {
    async fn put_workflow_with(
        &self,
        workflow: &WorkflowItem,
        before: WorkflowBefore<'_>,
        beside: Beside<'_>,
    ) -> WorldResult<bool> {
        self.op("put workflow", |state| {
            let name = &workflow.name;
            let state_of = |item: &WorkflowItem| {
                (item.created_ms, item.revision.clone(), item.last_version, item.published)
            };
            let there = state.workflows.get(name).map(state_of);
            let fits = match before {
                WorkflowBefore::Absent => there.is_none() && !state.versions.marks.contains_key(name),
                WorkflowBefore::Is(before) => there == Some(state_of(before)),
            };
            let of_version = |version: &VersionItem| (version.workflow.clone(), version.number);
            let is_taken = beside
                .version
                .is_some_and(|version| state.versions.versions.contains_key(&of_version(version)));
            if !fits || is_taken {
                return Ok(false);
            }
            state.workflows.insert(name.clone(), workflow.clone());
            state.versions.versions.extend(beside.version.map(|new| (of_version(new), new.clone())));
            state.versions.tags.extend(beside.tags.map(|tags| (name.clone(), tags.clone())));
            Ok(true)
        })
        .await
    }

    async fn begin_deletion(&self, workflow: &str, mark: &str) -> WorldResult<Option<String>> {
        self.op("begin deletion", |state| {
            if state.workflows.remove(workflow).is_some() {
                state.versions.marks.insert(workflow.to_owned(), mark.to_owned());
            }
            Ok(state.versions.marks.get(workflow).cloned())
        })
        .await
    }

    async fn deletion(&self, workflow: &str) -> WorldResult<Option<String>> {
        self.op("get deletion", |state| Ok(state.versions.marks.get(workflow).cloned())).await
    }

    async fn finish_deletion(&self, workflow: &str, mark: &str) -> WorldResult<()> {
        // One transaction after another: whoever does it may be cut short between any two of them.
        self.op("delete aliases", |state| {
            if state.is_marked(workflow, mark) {
                state.versions.aliases.retain(|(of, _), _| of != workflow);
            }
            Ok(())
        })
        .await?;
        self.op("delete versions", |state| {
            if state.is_marked(workflow, mark) {
                state.versions.versions.retain(|(of, _), _| of != workflow);
            }
            Ok(())
        })
        .await?;
        self.op("delete workflow", |state| {
            if state.is_marked(workflow, mark) {
                state.versions.tags.remove(workflow);
                state.versions.marks.remove(workflow);
            }
            Ok(())
        })
        .await
    }

    async fn version(&self, workflow: &str, number: u32) -> WorldResult<Option<VersionItem>> {
        self.op("get version", |state| {
            Ok(state.versions.versions.get(&(workflow.to_owned(), number)).cloned())
        })
        .await
    }

    async fn versions_before(
        &self,
        workflow: &str,
        before: Option<u32>,
        limit: usize,
    ) -> WorldResult<Vec<VersionItem>> {
        self.op("list versions", |state| {
            let range = (workflow.to_owned(), 0)..(workflow.to_owned(), before.unwrap_or(u32::MAX));
            let highest_first = state.versions.versions.range(range).rev().take(limit);
            Ok(highest_first.map(|(_, version)| version.clone()).collect())
        })
        .await
    }

    async fn delete_version(&self, version: &VersionItem) -> WorldResult<bool> {
        self.op("delete version", |state| {
            let key = (version.workflow.clone(), version.number);
            let is_it = state.versions.versions.get(&key).is_some_and(|there| there.stamp == version.stamp);
            if is_it {
                state.versions.versions.remove(&key);
            }
            Ok(is_it)
        })
        .await
    }

    async fn alias(&self, workflow: &str, name: &str) -> WorldResult<Option<AliasItem>> {
        let key = (workflow.to_owned(), name.to_owned());
        self.op("get alias", |state| Ok(state.versions.aliases.get(&key).cloned())).await
    }

    async fn aliases(&self, workflow: &str) -> WorldResult<Vec<AliasItem>> {
        self.op("list aliases", |state| {
            let all = state.versions.aliases.values();
            Ok(all.filter(|alias| alias.workflow == workflow).cloned().collect())
        })
        .await
    }

    async fn put_alias(&self, alias: &AliasItem, before: Option<&AliasItem>) -> WorldResult<bool> {
        self.op("put alias", |state| {
            let key = (alias.workflow.clone(), alias.name.clone());
            let there = state.versions.aliases.get(&key).map(|there| there.stamp.as_str());
            let version = |number: u32| (alias.workflow.clone(), number);
            let has_all =
                alias.routes.iter().all(|to| state.versions.versions.contains_key(&version(to.version)));
            if there != before.map(|before| before.stamp.as_str())
                || !has_all
                || !state.workflows.contains_key(&alias.workflow)
            {
                return Ok(false);
            }
            for route in &alias.routes {
                if let Some(version) = state.versions.versions.get_mut(&version(route.version)) {
                    version.stamp.clone_from(&alias.stamp);
                }
            }
            state.versions.aliases.insert(key, alias.clone());
            Ok(true)
        })
        .await
    }

    async fn delete_alias(&self, workflow: &str, name: &str) -> WorldResult<()> {
        self.op("delete alias", |state| {
            state.versions.aliases.remove(&(workflow.to_owned(), name.to_owned()));
            Ok(())
        })
        .await
    }

    async fn tags(&self, of: Tagged<'_>) -> WorldResult<Option<TagsItem>> {
        self.op("get tags", |state| {
            Ok(match of {
                Tagged::Workflow(workflow) => state.versions.tags.get(workflow).cloned(),
                Tagged::Activity(activity) => {
                    state.activities.get(activity).and_then(|(_, tags)| tags.clone())
                }
            })
        })
        .await
    }

    async fn put_tags(&self, of: Tagged<'_>, tags: &TagsItem, before: Option<&str>) -> WorldResult<bool> {
        fn stamp(tags: Option<&TagsItem>) -> Option<&str> {
            tags.map(|tags| tags.stamp.as_str())
        }
        self.op("put tags", |state| match of {
            Tagged::Workflow(workflow) => {
                let there = state.versions.tags.get(workflow);
                let fits = stamp(there) == before && state.workflows.contains_key(workflow);
                if fits {
                    state.versions.tags.insert(workflow.to_owned(), tags.clone());
                }
                Ok(fits)
            }
            Tagged::Activity(activity) => {
                let Some((_, there)) = state.activities.get_mut(activity) else { return Ok(false) };
                let fits = stamp(there.as_ref()) == before;
                if fits {
                    *there = Some(tags.clone());
                }
                Ok(fits)
            }
        })
        .await
    }
}
