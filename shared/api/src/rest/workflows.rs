//! Workflows: the list, one with its definition, and its graph.

use super::{
    asked::Asked,
    json,
    problem::Problem,
    shapes::{DefinitionDetails, Workflow, WorkflowDetails, WorkflowGraph, Workflows},
};
use crate::Api;
use serde_json::{Value, json};
use std::sync::Arc;
use stepladder_asl::{Definition, timestamp};
use stepladder_codes::Code;
use stepladder_graph::Graph;
use stepladder_protocol::{Clock, Host, Store, WorkflowItem, check_name};

/// `GET /workflows`
pub(super) async fn list<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let (host, limit, question) = (api.protocol.host(), asked.number("limit"), json!(["GET workflows"]));
    let now_ms = host.clock().now_ms();
    let after = asked.text("cursor").map(|cursor| api.tokens.open(&question, cursor, now_ms)).transpose()?;
    let mut listed = host.store().workflows_after(after.as_ref().and_then(Value::as_str), limit + 1).await?;
    let is_last = listed.len() <= limit;
    listed.truncate(limit);
    let next = match (is_last, listed.last()) {
        (false, Some(last)) => Some(api.tokens.seal(&question, &json!(last.name), now_ms)?),
        _ => None,
    };
    let workflows = listed.into_iter().map(|listed| Workflow {
        kind: listed.workflow_type.as_str(),
        created_at: listed.created_ms.map(timestamp::format),
        name: listed.name,
    });
    json(&Workflows { workflows: workflows.collect(), next })
}

/// `GET /workflows/{workflow}`
pub(super) async fn get<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let item = find(api, asked).await?;
    let (hash, definition) = definition(api, asked, &item).await?;
    let paused = api.protocol.is_paused(&item.name).await?;
    let states_language = serde_json::from_str(&definition.canonical)
        .map_err(|_| Problem::new(500, Code::StackFailed, format!("the definition {hash} is no JSON")))?;
    json(&WorkflowDetails {
        updated_at: item.updated_ms.map(timestamp::format),
        definition: DefinitionDetails { is_current: hash == item.definition, hash, states_language },
        workflow: Workflow {
            kind: item.workflow_type.as_str(),
            created_at: item.created_ms.map(timestamp::format),
            name: item.name,
        },
        revision: item.revision,
        paused,
    })
}

/// `GET /workflows/{workflow}/graph`
pub(super) async fn graph<H: Host>(api: &Api<H>, asked: &Asked) -> Result<Value, Problem> {
    let item = find(api, asked).await?;
    let (hash, definition) = definition(api, asked, &item).await?;
    json(&WorkflowGraph {
        graph: Graph::new(item.name.as_str(), &definition),
        workflow: item.name,
        definition: hash,
    })
}

async fn find<H: Host>(api: &Api<H>, asked: &Asked) -> Result<WorkflowItem, Problem> {
    let name = asked.path("workflow");
    // No workflow has a name that isn't allowed.
    let item = match check_name(name) {
        Ok(()) => api.protocol.host().store().workflow(name).await?,
        Err(_) => None,
    };
    item.ok_or_else(|| Problem::no_workflow(name))
}

/// The definition that was asked for, and its hash.
async fn definition<H: Host>(
    api: &Api<H>,
    asked: &Asked,
    item: &WorkflowItem,
) -> Result<(String, Arc<Definition>), Problem> {
    let hash = asked.text("definition").unwrap_or(&item.definition);
    if hash != item.definition {
        let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_there = is_hash && api.protocol.host().store().definition(&item.name, hash).await?.is_some();
        if !is_there {
            let detail = format!("'{}' never had the definition '{hash}'", item.name);
            return Err(Problem::new(404, Code::UnknownWorkflow, detail));
        }
    }
    Ok((hash.to_owned(), api.protocol.definition(&item.name, hash).await?))
}
