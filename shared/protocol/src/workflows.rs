//! What a workflow is: made, changed, and taken by its new runs.

use crate::{
    Protocol,
    item::WorkflowItem,
    limits,
    traits::{Clock, Host, Retry, Store, WorkflowBefore, WorldError, WorldResult},
    versions::{Beside, Tagged, VersionItem, Versions},
};
use serde_json::Value;
use std::collections::BTreeMap;
use stepladder_asl::{Definition, WorkflowType};

/// What is to become of a workflow; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct WorkflowChange<'a> {
    pub definition: Option<&'a Definition>,
    pub role_arn: Option<String>,
    pub logging: Option<Value>,
    pub tracing: Option<Value>,
}

/// What is known of a version before it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewVersion {
    pub description: Option<String>,
}

/// What a workflow is made with.
#[derive(Debug, Clone, Default)]
pub struct MadeWith {
    /// Its first version.
    pub version: Option<NewVersion>,
    pub tags: BTreeMap<String, String>,
}

/// How making a workflow went.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkflowCreated {
    Created(WorkflowItem),
    /// There was one already; this is it, and nothing has been changed.
    Exists(WorkflowItem),
}

/// How a change went, or why nothing has been changed.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkflowChanged {
    /// The workflow, and the version that is just like it, where one was asked for.
    Done(WorkflowItem, Option<Box<VersionItem>>),
    NotThere,
    /// It has another revision than was asked for.
    Outdated(WorkflowItem),
    /// It has [`limits::VERSIONS_MAX`] of them.
    TooManyVersions,
}

/// How often a change is tried again when another one was faster.
pub(crate) const TRIES: u32 = 8;

/// The revision of a workflow that has never been changed, as whoever publishes it names it.
const INITIAL: &str = "INITIAL";

impl<H: Host> Protocol<H> {
    /// Stores a definition and makes it what new runs take. Repeating it changes nothing. A workflow that isn't there is
    /// made, of type STANDARD.
    pub async fn publish(&self, workflow: &str, definition: &Definition) -> WorldResult<()> {
        let change = || WorkflowChange { definition: Some(definition), ..WorkflowChange::default() };
        if self.update_workflow(workflow, change()).await?.is_some() {
            return Ok(());
        }
        let created = self.create_workflow(workflow, WorkflowType::Standard, definition, change()).await?;
        match created {
            WorkflowCreated::Created(_) => Ok(()),
            WorkflowCreated::Exists(_) => self.update_workflow(workflow, change()).await.map(|_| ()),
        }
    }

    /// Makes a workflow unless there is one of the name. `name` has passed [`check_name`](crate::check_name), and
    /// `definition` is what counts, whatever `change` says.
    pub async fn create_workflow(
        &self,
        name: &str,
        workflow_type: WorkflowType,
        definition: &Definition,
        change: WorkflowChange<'_>,
    ) -> WorldResult<WorkflowCreated> {
        self.create_workflow_with(name, workflow_type, definition, change, MadeWith::default()).await
    }

    /// [`Protocol::create_workflow`] with a first version and tags, or nothing at all.
    pub async fn create_workflow_with(
        &self,
        name: &str,
        workflow_type: WorkflowType,
        definition: &Definition,
        change: WorkflowChange<'_>,
        with: MadeWith,
    ) -> WorldResult<WorkflowCreated> {
        let store = self.host.store();
        let now_ms = self.host.clock().now_ms();
        let mut item = WorkflowItem {
            name: name.to_owned(),
            workflow_type,
            definition: definition.hash.clone(),
            created_ms: Some(now_ms),
            updated_ms: Some(now_ms),
            revision: None,
            role_arn: change.role_arn,
            logging: change.logging,
            tracing: change.tracing,
            last_version: 0,
            published: None,
        };
        let version = with.version.map(|new| self.version_of(&mut item, 1, &new));
        let tags = self.new_tags(with.tags);
        for _ in 0..TRIES {
            if let Some(there) = store.workflow(name).await? {
                return Ok(WorkflowCreated::Exists(there));
            }
            store.put_definition(name, &definition.hash, &definition.canonical).await?;
            let beside = Beside { version: version.as_ref(), tags: tags.as_ref() };
            if store.put_workflow_with(&item, WorkflowBefore::Absent, beside).await? {
                self.forget_current(name);
                return Ok(WorkflowCreated::Created(item));
            }
            // Another one was faster, or a deletion was cut short: then the name is still taken.
            if let Some(mark) = store.deletion(name).await? {
                store.finish_deletion(name, &mark).await?;
            }
        }
        Err(contended(Tagged::Workflow(name), "it was there, and a moment later it wasn't, again and again"))
    }

    /// Changes a workflow; `None` if there is none of the name. Where nothing would become another, nothing is written, and
    /// the revision stays. Runs that have started go on as they are.
    pub async fn update_workflow(
        &self,
        name: &str,
        change: WorkflowChange<'_>,
    ) -> WorldResult<Option<WorkflowItem>> {
        match self.change_workflow(name, &change, None, None).await? {
            WorkflowChanged::Done(item, _) => Ok(Some(item)),
            _ => Ok(None),
        }
    }

    /// [`Protocol::update_workflow`], and a version of what has come of it, or neither.
    pub async fn update_and_publish(
        &self,
        name: &str,
        change: WorkflowChange<'_>,
        version: &NewVersion,
    ) -> WorldResult<WorkflowChanged> {
        self.change_workflow(name, &change, Some(version), None).await
    }

    /// Makes a version of what the workflow is, unless there is one already; only if it has the given revision.
    pub async fn publish_version(
        &self,
        name: &str,
        revision: Option<&str>,
        version: &NewVersion,
    ) -> WorldResult<WorkflowChanged> {
        self.change_workflow(name, &WorkflowChange::default(), Some(version), revision).await
    }

    async fn change_workflow(
        &self,
        name: &str,
        change: &WorkflowChange<'_>,
        publish: Option<&NewVersion>,
        revision: Option<&str>,
    ) -> WorldResult<WorkflowChanged> {
        let store = self.host.store();
        for _ in 0..TRIES {
            let Some(there) = store.workflow(name).await? else { return Ok(WorkflowChanged::NotThere) };
            if revision.is_some_and(|asked| asked != there.revision.as_deref().unwrap_or(INITIAL)) {
                return Ok(WorkflowChanged::Outdated(there));
            }
            if let Some(definition) = change.definition {
                // Also where it is the current one: who publishes it again wants to be sure that it can be read.
                store.put_definition(name, &definition.hash, &definition.canonical).await?;
            }
            let mut item = self.changed(&there, change);
            let mut version = None;
            let mut new = None;
            if let Some(publish) = publish {
                version = self.published(&item).await?;
                if version.is_none() {
                    let Some(number) = self.next_version(&item).await? else {
                        return Ok(WorkflowChanged::TooManyVersions);
                    };
                    version = Some(self.version_of(&mut item, number, publish));
                    new = version.as_ref();
                }
            }
            let beside = Beside { version: new, tags: None };
            if item == there || store.put_workflow_with(&item, WorkflowBefore::Is(&there), beside).await? {
                self.forget_current(name);
                return Ok(WorkflowChanged::Done(item, version.map(Box::new)));
            }
        }
        Err(contended(Tagged::Workflow(name), "others changed it at the same time, again and again"))
    }

    /// Deletes a workflow with its versions, aliases and tags. Repeating it finishes what was cut short. Its runs go on to
    /// their ends.
    pub async fn delete_workflow(&self, name: &str) -> WorldResult<()> {
        let store = self.host.store();
        let mark = uuid(self.host.clock().random_u128());
        if let Some(mark) = store.begin_deletion(name, &mark).await? {
            self.forget_current(name);
            store.finish_deletion(name, &mark).await?;
        }
        self.forget_current(name);
        Ok(())
    }

    /// The workflow with the change; the same where nothing becomes another.
    fn changed(&self, there: &WorkflowItem, change: &WorkflowChange<'_>) -> WorkflowItem {
        let mut item = there.clone();
        if let Some(definition) = change.definition {
            item.definition.clone_from(&definition.hash);
        }
        item.role_arn = change.role_arn.clone().or(item.role_arn);
        item.logging = change.logging.clone().or(item.logging);
        item.tracing = change.tracing.clone().or(item.tracing);
        if item != *there {
            let now_ms = self.host.clock().now_ms();
            item.created_ms = item.created_ms.or(Some(now_ms));
            item.updated_ms = Some(now_ms);
            item.revision = Some(uuid(self.host.clock().random_u128()));
            item.published = None;
        }
        item
    }

    /// `None`: there are as many as there may be.
    async fn next_version(&self, item: &WorkflowItem) -> WorldResult<Option<u32>> {
        let store = self.host.store();
        let newest = store.versions_before(&item.name, None, 1).await?;
        // A program from before there were versions keeps no count of them.
        let last = newest.first().map_or(0, |version| version.number).max(item.last_version);
        let limit = limits::VERSIONS_MAX;
        let is_full = usize::try_from(last).is_ok_and(|last| last >= limit)
            && store.versions_before(&item.name, None, limit).await?.len() >= limit;
        Ok((!is_full).then_some(last.saturating_add(1)))
    }

    /// A version of what the workflow is; its item counts it.
    fn version_of(&self, item: &mut WorkflowItem, number: u32, new: &NewVersion) -> VersionItem {
        item.last_version = number;
        item.published = Some(number);
        VersionItem {
            workflow: item.name.clone(),
            number,
            description: new.description.clone(),
            created_ms: self.host.clock().now_ms(),
            workflow_type: item.workflow_type,
            definition: item.definition.clone(),
            updated_ms: item.updated_ms,
            revision: item.revision.clone(),
            role_arn: item.role_arn.clone(),
            logging: item.logging.clone(),
            tracing: item.tracing.clone(),
            stamp: uuid(self.host.clock().random_u128()),
        }
    }
}

/// Sixteen random bytes as a UUID, version 4 (<https://www.rfc-editor.org/rfc/rfc9562#section-5.4>): what AWS names
/// revisions and unnamed executions by.
pub fn uuid(random: u128) -> String {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

pub(crate) fn contended(changed: Tagged<'_>, message: &str) -> WorldError {
    WorldError { operation: format!("change {changed}"), message: message.to_owned(), retry: Retry::Later }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
