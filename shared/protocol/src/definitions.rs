//! Definitions: immutable, named by their hash, and cached for ever.

use crate::{
    Protocol,
    item::{Redefined, RunItem},
    traits::{Clock, Host, Retry, Store, WorldError, WorldResult},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_asl::Definition;
use stepladder_engine::RunDefinitions;

/// What is kept in memory. Bounded: a stack has hundreds of definitions, not thousands.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    by_hash: Mutex<HashMap<String, Arc<Definition>>>,
    /// What new runs of a workflow take, and until when that is believed, in milliseconds since the epoch.
    current: Mutex<HashMap<String, (Taken, i64)>>,
}

/// The hash of a definition, and a role.
type Taken = (String, Option<String>);

/// What new runs of a workflow take.
#[derive(Debug, Clone)]
pub struct Current {
    pub hash: String,
    pub definition: Arc<Definition>,
    /// The workflow's own role, where it has one.
    pub role_arn: Option<String>,
}

const DEFINITIONS_MAX: usize = 1_000;
/// A new definition is taken by new runs within this time, in milliseconds.
const CURRENT_MS: i64 = 5_000;

impl<H: Host> Protocol<H> {
    /// The definition of that hash.
    pub async fn definition(&self, workflow: &str, hash: &str) -> WorldResult<Arc<Definition>> {
        if let Some(definition) = lock(&self.definitions.by_hash).get(hash) {
            return Ok(definition.clone());
        }
        let error = |message: String| WorldError {
            operation: format!("get the definition {hash} of workflow {workflow}"),
            message,
            retry: Retry::Never,
        };
        let text = self.host.store().definition(workflow, hash).await?;
        let text = text.ok_or_else(|| error("it is not there".to_owned()))?;
        let definition = Arc::new(Definition::parse(&text).map_err(|faults| error(faults.to_string()))?);
        let mut by_hash = lock(&self.definitions.by_hash);
        if by_hash.len() >= DEFINITIONS_MAX {
            by_hash.clear();
        }
        by_hash.insert(hash.to_owned(), definition.clone());
        Ok(definition)
    }

    /// All definitions that a run has gone by.
    pub async fn definitions_of(&self, item: &RunItem) -> WorldResult<RunDefinitions> {
        let workflow = &item.id.workflow;
        let first = self.definition(workflow, &item.definition).await?;
        let mut later = Vec::with_capacity(item.redefined.len());
        for Redefined { redrive_count, definition } in &item.redefined {
            later.push((*redrive_count, self.definition(workflow, definition).await?));
        }
        Ok(RunDefinitions { first, later })
    }

    /// What new runs of the workflow take; `None` if there is no such workflow.
    pub async fn current_definition(&self, workflow: &str) -> WorldResult<Option<Current>> {
        let now_ms = self.host.clock().now_ms();
        let known = lock(&self.definitions.current).get(workflow).cloned();
        let (hash, role_arn) = match known {
            Some((taken, until_ms)) if now_ms < until_ms => taken,
            _ => {
                let Some(item) = self.host.store().workflow(workflow).await? else {
                    return Ok(None);
                };
                let taken = (item.definition, item.role_arn);
                let mut current = lock(&self.definitions.current);
                if current.len() >= DEFINITIONS_MAX {
                    current.clear();
                }
                current.insert(workflow.to_owned(), (taken.clone(), now_ms + CURRENT_MS));
                taken
            }
        };
        let definition = self.definition(workflow, &hash).await?;
        Ok(Some(Current { hash, definition, role_arn }))
    }

    /// The next run of the workflow looks again at what it takes.
    pub(crate) fn forget_current(&self, workflow: &str) {
        lock(&self.definitions.current).remove(workflow);
    }
}

/// A poisoned cache is still a cache: what is in it was whole when it was put there.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
