//! Versions of a workflow: what a run with one is pinned to, and how one goes.

use crate::{
    Protocol,
    definitions::Current,
    traits::{Clock, Host, Store, WorldResult},
    versions::{Qualifier, Tagged, VersionItem, Versions},
    workflows::{TRIES, contended},
};

/// What a run is started with.
pub(crate) struct Pin {
    pub(crate) current: Current,
    pub(crate) version: Option<u32>,
    pub(crate) alias: Option<String>,
}

/// How deleting a version went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionDeleted {
    /// It is not there, now or from the beginning.
    Done,
    /// These aliases lead to it; it stays.
    Aliased(Vec<String>),
}

impl<H: Host> Protocol<H> {
    /// What a new run of the workflow takes; `None`: the workflow, the version or the alias isn't there.
    pub(crate) async fn pin(
        &self,
        workflow: &str,
        qualifier: Option<&Qualifier>,
    ) -> WorldResult<Option<Pin>> {
        let Some(qualifier) = qualifier else {
            let current = self.current_definition(workflow).await?;
            return Ok(current.map(|current| Pin { current, version: None, alias: None }));
        };
        let store = self.host.store();
        let (number, alias) = match qualifier {
            Qualifier::Version(number) => (Some(*number), None),
            Qualifier::Alias(name) => {
                let alias = store.alias(workflow, name).await?;
                // Drawn for each start; a repeated one finds the run of the first.
                let number = alias.and_then(|alias| alias.draw(self.host.clock().random_u128()));
                (number, Some(name.clone()))
            }
        };
        let Some(number) = number else { return Ok(None) };
        let (found, version) =
            futures::future::try_join(store.workflow(workflow), store.version(workflow, number)).await?;
        let (Some(_), Some(version)) = (found, version) else { return Ok(None) };
        let definition = self.definition(workflow, &version.definition).await?;
        let current = Current { hash: version.definition, definition, role_arn: version.role_arn };
        Ok(Some(Pin { current, version: Some(number), alias }))
    }

    /// Deletes a version that no alias leads to. Runs that it was started with go on.
    pub async fn delete_version(&self, workflow: &str, number: u32) -> WorldResult<VersionDeleted> {
        let store = self.host.store();
        for _ in 0..TRIES {
            let Some(version) = store.version(workflow, number).await? else {
                return Ok(VersionDeleted::Done);
            };
            let aliases = store.aliases(workflow).await?.into_iter().filter(|alias| alias.leads_to(number));
            let names: Vec<String> = aliases.map(|alias| alias.name).collect();
            if !names.is_empty() {
                return Ok(VersionDeleted::Aliased(names));
            }
            // An alias that was led to it meanwhile has changed the version's stamp.
            if store.delete_version(&version).await? {
                return Ok(VersionDeleted::Done);
            }
        }
        Err(contended(
            Tagged::Workflow(workflow),
            "aliases were led to its version at the same time, again and again",
        ))
    }

    /// The version of a workflow that is just like its item, if there is one.
    pub(crate) async fn published(&self, workflow: &crate::WorkflowItem) -> WorldResult<Option<VersionItem>> {
        let Some(number) = workflow.published else { return Ok(None) };
        let version = self.host.store().version(&workflow.name, number).await?;
        let is_like = |version: &VersionItem| {
            version.definition == workflow.definition && version.revision == workflow.revision
        };
        Ok(version.filter(is_like))
    }
}
