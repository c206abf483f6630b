//! The stack on this machine: made as on AWS, by the same calls.

use super::readable;
use crate::{
    definitions::Checked,
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    project::{Function, Project},
    runs::running,
};
use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};
use stepladder_api::{ApiSettings, Refusals, Unsupported};
use stepladder_aws::{
    AwsHost, Environment, StackSpec, create_function_table, create_stack, tell_uploads, visibility_seconds,
};
use stepladder_infra::{Place, Text, UploadFacts};
use stepladder_local::{EventSourceMapping, FunctionConfig, Server};
use stepladder_protocol::{
    Clock, Host, Protocol, QueueName, RunId, SearchPaths, UploadRule, WorkflowSettings, WorldError,
    limits::RECEIVES_MAX,
};

/// The stack's name on this machine.
pub(super) const NAME: &str = "stepladder";
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";
/// How the target of a request to Step Functions begins.
const API_TARGET: &str = "AWSStepFunctions.";
/// How the paths of the REST API begin. No bucket can have that name here.
const API_PATH: &str = "/api/";
/// What asks the timer function for a sweep.
pub(super) const SWEEP: &str = r#"{"sweep":true}"#;
/// The functions that belong to a queue of the system, by the queue's name.
const SYSTEM: [&str; 3] = ["start", "timer", "dead-letter"];

/// The stack that this process holds.
#[derive(Debug)]
pub(super) struct LocalStack {
    pub protocol: Arc<Protocol<AwsHost>>,
}

impl LocalStack {
    /// Makes table, bucket and queues, publishes the definitions, and lets the queues trigger their functions.
    pub(super) async fn create(
        server: &Server,
        project: &Project,
        definitions: &[Checked],
        programs: &BTreeMap<String, PathBuf>,
    ) -> Outcome<Self> {
        for name in SYSTEM {
            if project.functions.get(name).is_none_or(|function| !function.is_system) {
                return Err(Failure::new(
                    Exit::NotFound,
                    Code::NotBuilt,
                    format!("the system function {name} is missing"),
                )
                .hint("it is a program of functions/system"));
            }
        }
        let endpoint = server.endpoint_url();
        let mut environment = Environment::local(&endpoint, NAME)
            .map_err(|error| Failure::new(Exit::Bug, Code::Bug, error.to_string()))?;
        environment.settings.workflows = own_settings(project);
        let host = AwsHost::connect(environment).await;
        // The function that calls services has a queue as a step has.
        let invoke = QueueName::Invoke;
        let invoke = project.functions.get(invoke.short()).filter(|function| function.is_system);
        let with_queues = project.steps().chain(invoke);
        let steps = with_queues.map(|step| (step.name.clone(), step.timeout_seconds)).collect();
        create_stack(&host, &StackSpec { steps, system_timeout_seconds: limits::FUNCTION_TIMEOUT_SECONDS })
            .await?;
        for table in &project.tables {
            create_function_table(&host, table).await?;
        }
        let uploads = uploads(project, definitions);
        tell_uploads(&host, &uploads).await?;
        let protocol = Protocol::new(host);
        for (workflow, definition) in readable(definitions) {
            protocol.publish(workflow, definition).await?;
        }
        let stack = Self { protocol: Arc::new(protocol) };
        for function in project.functions.values() {
            let Some(program) = programs.get(&function.name) else { continue };
            stack.add(server, function, program, &uploads)?;
        }
        Ok(stack)
    }

    /// Answers the Step Functions API and the REST API on the server's port, from now on.
    pub(super) fn serve_api(
        &self,
        server: &Server,
        refusals: Refusals,
        unsupported: Unsupported,
        reads_parquet: bool,
    ) {
        let drawn = ApiSettings::drawn(self.protocol.host().clock(), refusals);
        let settings = ApiSettings { unsupported, reads_parquet, ..drawn };
        let router = stepladder_api::router(Arc::clone(&self.protocol), settings);
        server.mount(API_TARGET, router.clone());
        server.mount(API_PATH, router);
    }

    /// `<stack>-<function>`, as on AWS.
    pub(super) fn function(&self, name: &str) -> String {
        format!("{NAME}-{name}")
    }

    /// `<stack>-<queue>`, as on AWS.
    pub(super) fn queue(&self, queue: &QueueName) -> String {
        format!("{NAME}-{}", queue.short())
    }

    fn add(
        &self,
        server: &Server,
        function: &Function,
        program: &PathBuf,
        uploads: &[UploadRule],
    ) -> Outcome {
        let failed = |error: String| {
            Failure::new(
                Exit::Bad,
                Code::LocalServer,
                format!("can't set up the function {}: {error}", function.name),
            )
        };
        let (queue, name) = (format!("{NAME}-{}", function.name), self.function(&function.name));
        // The stack was made with one timeout for all of the system's functions; each has its own.
        self.set_queue(server, &queue, function).map_err(failed)?;
        let mut config = FunctionConfig::new(&name, program);
        config.memory_mb = function.memory_mb;
        config.timeout_ms = u64::from(function.timeout_seconds) * 1_000;
        config.env = environment(&server.endpoint_url(), &self.protocol.host().settings().workflows);
        config.env.extend(function.flow_variables().map(|(name, value)| (name.to_owned(), value)));
        // The dead-letter function starts what the start function could not.
        if function.is_system
            && matches!(function.name.as_str(), "start" | "dead-letter")
            && !uploads.is_empty()
        {
            config.env.push(("STEPLADDER_UPLOADS".to_owned(), json!(uploads).to_string()));
        }
        server.lambda().register(config).map_err(|error| failed(error.to_string()))?;
        let mut mapping = EventSourceMapping::new(queue, name);
        mapping.batch_size = usize::try_from(function.batch_size).unwrap_or(usize::MAX);
        mapping.batching_window_ms = u64::from(function.batching_window_seconds) * 1_000;
        mapping.maximum_concurrency = function.maximum_concurrency;
        server.lambda().map_queue(mapping).map_err(|error| failed(error.to_string()))
    }

    fn set_queue(&self, server: &Server, queue: &str, function: &Function) -> Result<(), String> {
        let visibility =
            visibility_seconds(function.timeout_seconds).saturating_add(function.batching_window_seconds);
        let mut attributes = BTreeMap::from([("VisibilityTimeout".to_owned(), visibility.to_string())]);
        if function.receive_count != RECEIVES_MAX {
            let target = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.queue(&QueueName::DeadLetter));
            let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": function.receive_count.to_string() });
            attributes.insert("RedrivePolicy".to_owned(), policy.to_string());
        }
        let set = server.queues().with(|queues, now_ms| queues.set_attributes(queue, &attributes, now_ms));
        set.map_err(|error| error.message)
    }

    /// The queues were in memory: what runs wait for is sent again. How many went on, and those that could not, with the
    /// reason: they keep none of the others back.
    pub(super) async fn repair_running(&self) -> Outcome<(usize, Vec<(RunId, WorldError)>)> {
        let host = self.protocol.host();
        let (ids, mut left) = running(host.store(), host.clock().now_ms()).await?;
        let mut repairs = stream::iter(ids)
            .map(|id| async move {
                let repaired = self.protocol.repair(&id).await;
                (id, repaired)
            })
            .buffer_unordered(limits::READS_AT_ONCE);
        let mut repaired = 0;
        while let Some((id, repair)) = repairs.next().await {
            match repair {
                Ok(_) => repaired += 1,
                Err(error) => left.push((id, error)),
            }
        }
        Ok((repaired, left))
    }
}

/// What of single workflows' settings counts here too: whose a run is, and by what it is found. Nothing is kept for long, told to a
/// bus or left out of the log.
fn own_settings(project: &Project) -> BTreeMap<String, WorkflowSettings> {
    let settings = project.workflow_settings.iter().filter_map(|(name, settings)| {
        let tenant = settings.tenant.as_ref().and_then(|path| path.parse().ok());
        let search = SearchPaths::parse(&settings.search).ok()?;
        let is_set = tenant.is_some() || !search.is_empty();
        is_set.then(|| (name.clone(), WorkflowSettings { tenant, search, ..WorkflowSettings::default() }))
    });
    settings.collect()
}

/// The same as functions are told it; none where nothing is set.
pub(super) fn told_settings(workflows: &BTreeMap<String, WorkflowSettings>) -> Option<String> {
    let told = |(name, settings): (&String, &WorkflowSettings)| {
        let tenant = settings.tenant.as_ref().map(|path| ("tenant".to_owned(), json!(path.to_string())));
        let search: Vec<String> = settings.search.iter().map(ToString::to_string).collect();
        let search = (!search.is_empty()).then(|| ("search".to_owned(), json!(search)));
        (name.clone(), Value::Object(tenant.into_iter().chain(search).collect()))
    };
    let told: Map<String, Value> = workflows.iter().map(told).collect();
    (!told.is_empty()).then(|| Value::Object(told).to_string())
}

/// Which uploads start runs of the workflows that are published, as the functions are told.
fn uploads(project: &Project, definitions: &[Checked]) -> Vec<UploadRule> {
    let place = Place { stack: NAME, region: REGION, account: ACCOUNT, ..Place::default() };
    let settings = readable(definitions)
        .filter_map(|(workflow, _)| Some((workflow, project.workflow_settings.get(workflow)?)));
    let uploads = settings.flat_map(|(workflow, settings)| {
        settings.uploads.iter().map(move |UploadFacts { bucket, prefix, suffix }| UploadRule {
            workflow: workflow.to_owned(),
            bucket: Text::of(bucket).at(&place),
            prefix: prefix.clone(),
            suffix: suffix.clone(),
        })
    });
    uploads.collect()
}

/// What the functions' programs are told, beside what Lambda tells them. What they log is as this process was told.
fn environment(endpoint: &str, workflows: &BTreeMap<String, WorkflowSettings>) -> Vec<(String, String)> {
    const LOG: &str = "STEPLADDER_LOG";
    let log = std::env::var(LOG).ok();
    let log = log.as_deref().map(|level| (LOG, level));
    let own = told_settings(workflows);
    let own = own.as_deref().map(|own| ("STEPLADDER_WORKFLOWS", own));
    let set = HashMap::from([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("STEPLADDER_STACK", NAME),
        ("STEPLADDER_ACCOUNT_ID", ACCOUNT),
        ("STEPLADDER_LOG_SAMPLE", "1"),
    ]);
    set.into_iter().chain(log).chain(own).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stepladder_local::ServerConfig;
    use stepladder_protocol::{CreateRun, RunItem, StartRequest, Started, Store};

    const WAITS: &str = r#"{"StartAt":"Pause","States":{"Pause":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

    #[tokio::test]
    async fn a_run_that_can_not_go_on_keeps_no_other_back() {
        let server = Server::start(ServerConfig::default()).await.unwrap();
        let host = AwsHost::connect(Environment::local(&server.endpoint_url(), NAME).unwrap()).await;
        create_stack(&host, &StackSpec { steps: Vec::new(), system_timeout_seconds: 10 }).await.unwrap();
        let stack = LocalStack { protocol: Arc::new(Protocol::new(host)) };
        let definition = stepladder_asl::Definition::parse(WAITS).unwrap();
        stack.protocol.publish("pause", &definition).await.unwrap();
        let request = StartRequest { workflow: "pause".into(), name: "sound".into(), input: json!({}) };
        let Started::Created(sound) = stack.protocol.start(request).await.unwrap() else { panic!("there") };
        let without_definition = RunItem { definition: "0".repeat(32), ..sound.clone() };
        let newer = RunItem { version: sound.version + 1, ..sound.clone() };
        for (name, item) in [("broken", without_definition), ("newer", newer)] {
            let item = RunItem { id: RunId::new("pause", name), ..item };
            let created = stack.protocol.host().store().create_run(&item, item.started_ms).await.unwrap();
            assert_eq!(created, CreateRun::Created);
        }
        let (repaired, left) = stack.repair_running().await.unwrap();
        assert_eq!(repaired, 1);
        let mut names: Vec<String> = left.into_iter().map(|(id, _)| id.name).collect();
        names.sort();
        assert_eq!(names, ["broken", "newer"]);
        server.shutdown().await;
    }
}
