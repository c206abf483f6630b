//! What is known of a live stack.

use crate::{connect::Stack, failure::Outcome, limits, project::Project};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_asl::Definition;
use stepladder_aws::{LiveBucket, LiveFunction, LiveQueue, LiveTable, LiveUrl};
use stepladder_infra as infra;
use stepladder_protocol::Store;

/// A live stack. What isn't there is missing in the maps, or `None`.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub stack: String,
    pub region: String,
    pub account: String,
    pub bucket_name: String,
    /// The account and the ARN of the credentials in use; `None` where an emulator doesn't tell.
    pub caller: Option<(String, String)>,
    /// By short name.
    pub queues: BTreeMap<String, LiveQueue>,
    /// Those of functions that definitions in the stack name, and that the workspace doesn't have.
    pub other_queues: BTreeSet<String>,
    /// By short name.
    pub functions: BTreeMap<String, LiveFunction>,
    /// Of the function that answers the API.
    pub api_url: Option<LiveUrl>,
    /// By whole name.
    pub tables: BTreeMap<String, LiveTable>,
    pub bucket: Option<LiveBucket>,
    /// By name: the workflows of the stack, and those of the workspace.
    pub workflows: BTreeMap<String, Versions>,
}

/// The versions of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// The hash of the workspace's definition; `None`: the workspace doesn't have this workflow.
    pub workspace: Option<String>,
    /// What new runs take; `None`: the stack has no such workflow.
    pub current: Option<String>,
    /// Whether that version can be read.
    pub is_readable: bool,
    /// The functions that the current version names.
    pub functions: BTreeSet<String>,
}

impl Facts {
    /// Reads the stack, resource by resource.
    pub async fn gather(
        stack: &Stack,
        model: &infra::Stack,
        project: &Project,
        definitions: &BTreeMap<String, Definition>,
    ) -> Outcome<Self> {
        let host = stack.protocol.host();
        let environment = host.environment();
        let settings = &environment.settings;
        let mut facts = Self {
            stack: settings.stack.clone(),
            region: settings.region.clone(),
            account: settings.account.clone(),
            bucket_name: environment.bucket.clone(),
            ..Self::default()
        };
        facts.caller = match stack.target.access.caller().await {
            Ok(caller) => Some((caller.account, caller.arn)),
            Err(_) if stack.target.access.is_local() => None,
            Err(error) => return Err(error.into()),
        };
        let at_once = limits::RESOURCES_READ_AT_ONCE;
        facts.queues =
            stream::iter(&model.queues)
                .map(|queue| async move {
                    host.live_queue(&queue.name).await.map(|live| (queue.name.clone(), live))
                })
                .buffer_unordered(at_once)
                .try_filter_map(|(name, live)| async move { Ok(live.map(|live| (name, live))) })
                .try_collect()
                .await?;
        let of_api = model.api.iter().map(|api| &api.function);
        facts.functions = stream::iter(model.functions.iter().chain(of_api))
            .map(|function| async move {
                host.live_function(&function.name).await.map(|live| (function.name.clone(), live))
            })
            .buffer_unordered(at_once)
            .try_filter_map(|(name, live)| async move { Ok(live.map(|live| (name, live))) })
            .try_collect()
            .await?;
        if facts.functions.contains_key(infra::API_FUNCTION) {
            facts.api_url = host.live_url(infra::API_FUNCTION).await?;
        }
        let mut tables = vec![environment.table.clone()];
        tables.extend(project.tables.iter().map(|name| format!("{}-{name}", facts.stack)));
        for name in tables {
            if let Some(live) = host.live_table(&name).await? {
                facts.tables.insert(name, live);
            }
        }
        facts.bucket = host.live_bucket().await?;
        if facts.tables.contains_key(&environment.table) {
            facts.workflows = versions(stack, definitions).await?;
        }
        let named: BTreeSet<&String> =
            facts.workflows.values().flat_map(|versions| &versions.functions).collect();
        let elsewhere: Vec<String> =
            named.into_iter().filter(|name| model.queue(name).is_none()).cloned().collect();
        for name in elsewhere {
            if host.live_queue(&name).await?.is_some() {
                facts.other_queues.insert(name);
            }
        }
        Ok(facts)
    }

    /// `aws`, `aws-cn` or `aws-us-gov`: that of whatever is there.
    pub fn partition(&self) -> &str {
        let queues = self.queues.values().map(|queue| &queue.arn);
        let roles = self.functions.values().map(|function| &function.role_arn);
        let mut partitions = queues.chain(roles).filter_map(|arn| arn.split(':').nth(1));
        partitions.find(|partition| !partition.is_empty()).unwrap_or("aws")
    }

    /// The ARN of one of the stack's queues.
    pub fn queue_arn(&self, short: &str) -> String {
        match self.queues.get(short) {
            Some(live) => live.arn.clone(),
            None => format!(
                "arn:{}:sqs:{}:{}:{}-{short}",
                self.partition(),
                self.region,
                self.account,
                self.stack
            ),
        }
    }

    /// A table's whole name.
    pub fn table_name(&self, table: &infra::Table) -> String {
        match &table.name {
            Some(name) => format!("{}-{name}", self.stack),
            None => self.stack.clone(),
        }
    }
}

async fn versions(
    stack: &Stack,
    definitions: &BTreeMap<String, Definition>,
) -> Outcome<BTreeMap<String, Versions>> {
    let store = stack.store();
    let mut names: BTreeSet<String> = store.workflows().await?.into_iter().collect();
    names.extend(definitions.keys().cloned());
    let mut all = BTreeMap::new();
    for name in names {
        let mut versions = Versions {
            workspace: definitions.get(&name).map(|definition| definition.hash.clone()),
            current: store.current(&name).await?,
            ..Versions::default()
        };
        if let Some(hash) = &versions.current
            && let Some(text) = store.definition(&name, hash).await?
            && let Ok(definition) = Definition::parse(&text)
        {
            versions.is_readable = true;
            let functions = crate::commands::deploy_definition::functions(&definition);
            versions.functions = functions.into_iter().map(str::to_owned).collect();
        }
        all.insert(name, versions);
    }
    Ok(all)
}
