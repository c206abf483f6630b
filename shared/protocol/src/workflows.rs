//! What a workflow is: made, changed, and taken by its new runs.

use crate::{
    Protocol,
    item::WorkflowItem,
    traits::{Clock, Host, Retry, Store, WorkflowBefore, WorldError, WorldResult},
};
use serde_json::Value;
use stepladder_asl::{Definition, WorkflowType};

/// What is to become of a workflow; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct WorkflowChange<'a> {
    pub definition: Option<&'a Definition>,
    pub role_arn: Option<String>,
    pub logging: Option<Value>,
    pub tracing: Option<Value>,
}

/// How making a workflow went.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkflowCreated {
    Created(WorkflowItem),
    /// There was one already; this is it, and nothing has been changed.
    Exists(WorkflowItem),
}

/// How often a change is tried again when another one was faster.
const TRIES: u32 = 8;

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
        let store = self.host.store();
        if let Some(there) = store.workflow(name).await? {
            return Ok(WorkflowCreated::Exists(there));
        }
        store.put_definition(name, &definition.hash, &definition.canonical).await?;
        let now_ms = self.host.clock().now_ms();
        let item = WorkflowItem {
            name: name.to_owned(),
            workflow_type,
            definition: definition.hash.clone(),
            created_ms: Some(now_ms),
            updated_ms: Some(now_ms),
            revision: None,
            role_arn: change.role_arn,
            logging: change.logging,
            tracing: change.tracing,
        };
        if store.put_workflow(&item, WorkflowBefore::Absent).await? {
            self.forget_current(name);
            return Ok(WorkflowCreated::Created(item));
        }
        match store.workflow(name).await? {
            Some(there) => Ok(WorkflowCreated::Exists(there)),
            None => Err(contended(name, "it was there, and a moment later it wasn't")),
        }
    }

    /// Changes a workflow; `None` if there is none of the name. Where nothing would become another, nothing is written, and
    /// the revision stays. Runs that have started go on as they are.
    pub async fn update_workflow(
        &self,
        name: &str,
        change: WorkflowChange<'_>,
    ) -> WorldResult<Option<WorkflowItem>> {
        let store = self.host.store();
        for _ in 0..TRIES {
            let Some(there) = store.workflow(name).await? else { return Ok(None) };
            let mut item = there.clone();
            if let Some(definition) = change.definition {
                // Also where it is the current one: who publishes it again wants to be sure that it can be read.
                store.put_definition(name, &definition.hash, &definition.canonical).await?;
                item.definition.clone_from(&definition.hash);
            }
            item.role_arn = change.role_arn.clone().or(item.role_arn);
            item.logging = change.logging.clone().or(item.logging);
            item.tracing = change.tracing.clone().or(item.tracing);
            if item == there {
                self.forget_current(name);
                return Ok(Some(item));
            }
            let now_ms = self.host.clock().now_ms();
            item.created_ms = item.created_ms.or(Some(now_ms));
            item.updated_ms = Some(now_ms);
            item.revision = Some(uuid(self.host.clock().random_u128()));
            if store.put_workflow(&item, WorkflowBefore::Revision(there.revision.as_deref())).await? {
                self.forget_current(name);
                return Ok(Some(item));
            }
        }
        Err(contended(name, "others changed it at the same time, again and again"))
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

fn contended(name: &str, message: &str) -> WorldError {
    WorldError {
        operation: format!("change the workflow {name}"),
        message: message.to_owned(),
        retry: Retry::Later,
    }
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
