//! Definitions: immutable, named by their hash, and cached for ever.

use crate::{
    Protocol,
    traits::{Clock, Host, Retry, Store, WorldError, WorldResult},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use stepladder_asl::Definition;

/// What is kept in memory. Bounded: a stack has hundreds of definitions, not thousands.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    by_hash: Mutex<HashMap<String, Arc<Definition>>>,
    /// What new runs of a workflow take, and until when that is believed, in milliseconds since the epoch.
    current: Mutex<HashMap<String, (String, i64)>>,
}

const DEFINITIONS_MAX: usize = 1_000;
/// A new definition is taken by new runs within this time, in milliseconds.
const CURRENT_MS: i64 = 5_000;

impl<H: Host> Protocol<H> {
    /// Stores a definition and makes it what new runs take. Repeating it changes nothing.
    pub async fn publish(&self, workflow: &str, definition: &Definition) -> WorldResult<()> {
        let store = self.host.store();
        store.put_definition(workflow, &definition.hash, &definition.canonical).await?;
        store.set_current(workflow, &definition.hash).await?;
        lock(&self.definitions.current).remove(workflow);
        Ok(())
    }

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

    /// What new runs of the workflow take; `None` if there is no such workflow.
    pub async fn current_definition(&self, workflow: &str) -> WorldResult<Option<(String, Arc<Definition>)>> {
        let now_ms = self.host.clock().now_ms();
        let known = lock(&self.definitions.current).get(workflow).cloned();
        let hash = match known {
            Some((hash, until_ms)) if now_ms < until_ms => hash,
            _ => {
                let Some(hash) = self.host.store().current(workflow).await? else {
                    return Ok(None);
                };
                let mut current = lock(&self.definitions.current);
                if current.len() >= DEFINITIONS_MAX {
                    current.clear();
                }
                current.insert(workflow.to_owned(), (hash.clone(), now_ms + CURRENT_MS));
                hash
            }
        };
        let definition = self.definition(workflow, &hash).await?;
        Ok(Some((hash, definition)))
    }
}

/// A poisoned cache is still a cache: what is in it was whole when it was put there.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
