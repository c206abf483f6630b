//! Aliases of a workflow: made, changed and deleted.

use crate::{
    Protocol, limits,
    traits::{Clock, Host, Store, WorldResult},
    versions::{AliasItem, Route, Tagged, Versions},
    workflows::{TRIES, contended, uuid},
};

/// How an alias was written, or why it wasn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasWritten {
    /// It is there as it was asked for.
    Done(AliasItem),
    /// There is another one of the name; nothing has been changed.
    Exists(AliasItem),
    /// There is no such workflow, or no such alias.
    NotThere,
    /// There is no such version.
    NoVersion(u32),
    /// The workflow has [`limits::ALIASES_MAX`] of them.
    TooMany,
}

/// What is to become of an alias; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct AliasChange {
    pub description: Option<String>,
    /// To different versions.
    pub routes: Option<Vec<Route>>,
}

impl<H: Host> Protocol<H> {
    /// Makes an alias that leads to different versions. Repeating it changes nothing.
    pub async fn create_alias(
        &self,
        workflow: &str,
        name: &str,
        description: Option<String>,
        routes: Vec<Route>,
    ) -> WorldResult<AliasWritten> {
        let store = self.host.store();
        for _ in 0..TRIES {
            if store.workflow(workflow).await?.is_none() {
                return Ok(AliasWritten::NotThere);
            }
            if let Some(there) = store.alias(workflow, name).await? {
                let is_same = there.description == description && sorted(&there.routes) == sorted(&routes);
                return Ok(if is_same { AliasWritten::Done(there) } else { AliasWritten::Exists(there) });
            }
            if let Some(number) = self.missing_version(workflow, &routes).await? {
                return Ok(AliasWritten::NoVersion(number));
            }
            if store.aliases(workflow).await?.len() >= limits::ALIASES_MAX {
                return Ok(AliasWritten::TooMany);
            }
            let now_ms = self.host.clock().now_ms();
            let alias = AliasItem {
                workflow: workflow.to_owned(),
                name: name.to_owned(),
                description: description.clone(),
                routes: routes.clone(),
                created_ms: now_ms,
                updated_ms: now_ms,
                stamp: uuid(self.host.clock().random_u128()),
            };
            if store.put_alias(&alias, None).await? {
                return Ok(AliasWritten::Done(alias));
            }
        }
        Err(contended(
            Tagged::Workflow(workflow),
            "others changed its aliases at the same time, again and again",
        ))
    }

    /// Changes an alias. Where nothing would become another, nothing is written.
    pub async fn update_alias(
        &self,
        workflow: &str,
        name: &str,
        change: &AliasChange,
    ) -> WorldResult<AliasWritten> {
        let store = self.host.store();
        for _ in 0..TRIES {
            if store.workflow(workflow).await?.is_none() {
                return Ok(AliasWritten::NotThere);
            }
            let Some(there) = store.alias(workflow, name).await? else { return Ok(AliasWritten::NotThere) };
            let mut alias = there.clone();
            alias.description = change.description.clone().or(alias.description);
            alias.routes = change.routes.clone().unwrap_or(alias.routes);
            if let Some(number) = self.missing_version(workflow, &alias.routes).await? {
                return Ok(AliasWritten::NoVersion(number));
            }
            if alias == there {
                return Ok(AliasWritten::Done(there));
            }
            alias.updated_ms = self.host.clock().now_ms();
            alias.stamp = uuid(self.host.clock().random_u128());
            if store.put_alias(&alias, Some(&there)).await? {
                return Ok(AliasWritten::Done(alias));
            }
        }
        Err(contended(
            Tagged::Workflow(workflow),
            "others changed its aliases at the same time, again and again",
        ))
    }

    async fn missing_version(&self, workflow: &str, routes: &[Route]) -> WorldResult<Option<u32>> {
        for route in routes {
            if self.host.store().version(workflow, route.version).await?.is_none() {
                return Ok(Some(route.version));
            }
        }
        Ok(None)
    }
}

/// The order of the routes is shown, and makes no difference.
fn sorted(routes: &[Route]) -> Vec<Route> {
    let mut routes = routes.to_vec();
    routes.sort_unstable();
    routes
}
