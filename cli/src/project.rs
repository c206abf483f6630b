//! The workspace: its workflows, the programs behind their steps, and what each is set to.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};
pub use stepladder_infra::FunctionFacts as Function;
use stepladder_infra::{
    CallFacts, Facts, ObjectFacts, PackageFacts, PolicyFacts, ProvisionedPollers, SettingError,
    WorkflowFacts, WorkflowSettings,
};
use stepladder_protocol::{SearchPaths, TenantPath};

/// A cargo workspace with a folder `functions/`.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    pub root: PathBuf,
    pub target_dir: PathBuf,
    /// The programs of `functions/*`, by name.
    pub functions: BTreeMap<String, Function>,
    /// Tables of the functions' own, `<stack>-<name>`, from `[[package.metadata.stepladder.table]]`.
    pub tables: BTreeSet<String>,
    /// What each package with functions brings beside them.
    pub package_facts: Vec<PackageFacts>,
    /// `[package.metadata.stepladder.workflow.NAME]`, by the workflow's name.
    pub workflow_settings: BTreeMap<String, WorkflowSettings>,
    /// Whether this command is a member of the workspace.
    pub has_cli: bool,
    /// Whether the system's functions are built with the feature `parquet`.
    pub reads_parquet: bool,
}

/// What a definition names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named {
    /// Steps.
    pub functions: BTreeSet<String>,
    /// What is called that is no step.
    pub calls: BTreeSet<CallFacts>,
    /// What is done with objects of the users' own.
    pub objects: BTreeSet<ObjectFacts>,
}

/// A definition in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowFile {
    /// The folder's name.
    pub name: String,
    pub path: PathBuf,
}

/// The folder of the system's functions.
const SYSTEM: &str = "functions/system";
/// Names of the system's own queues: a step's queue can't have them.
pub const SYSTEM_QUEUES: [&str; 6] =
    ["start", "timer", "dead-letter", "parked", "status", stepladder_infra::INVOKE];
/// The feature of the system's functions with which item readers read Parquet.
const PARQUET: &str = "parquet";
/// The file in a workflow's folder.
pub const DEFINITION_FILE: &str = "workflow.asl.json";

impl Project {
    /// The workspace around a folder, as cargo finds it.
    pub fn find(from: &Path) -> Outcome<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let answer = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(from)
            .output()
            .map_err(|error| {
                Failure::new(Exit::NotFound, Code::NoWorkspace, format!("can't run cargo: {error}"))
                    .hint("Rust is needed to build the functions: https://rustup.rs")
            })?;
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            let failure =
                Failure::new(Exit::NotFound, Code::NoWorkspace, "cargo can't read a workspace here")
                    .hint("run this inside a Stepladder workspace");
            return Err(said.lines().take(20).fold(failure, |failure, line| failure.detail(line)));
        }
        Self::from_metadata(&answer.stdout)
    }

    fn from_metadata(json: &[u8]) -> Outcome<Self> {
        let invalid = |message: String| Failure::new(Exit::Bad, Code::CheckFailed, message);
        let metadata: Metadata = serde_json::from_slice(json)
            .map_err(|error| invalid(format!("can't read what `cargo metadata` says: {error}")))?;
        let root = metadata.workspace_root;
        let mut project = Self {
            functions: BTreeMap::new(),
            tables: BTreeSet::new(),
            package_facts: Vec::new(),
            workflow_settings: BTreeMap::new(),
            reads_parquet: false,
            has_cli: metadata.packages.iter().any(|package| package.name == env!("CARGO_PKG_NAME")),
            target_dir: metadata.target_directory,
            root,
        };
        for package in metadata.packages {
            let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
            if !folder.starts_with(project.root.join("functions")) {
                continue;
            }
            let is_system = folder == project.root.join(SYSTEM);
            project.reads_parquet |= is_system && is_default(&package.features, PARQUET);
            let mut settings = read_settings(&package.name, package.metadata)?;
            let inside = folder.strip_prefix(project.root.join("functions")).ok();
            let own = inside.and_then(|inside| inside.iter().next());
            let own = own.map(|own| own.to_string_lossy().into_owned()).unwrap_or_default();
            let facts = settings.package_facts(&package.name, own);
            project.tables.extend(facts.tables.iter().cloned());
            for (workflow, set) in std::mem::take(&mut settings.stepladder.workflow) {
                if project.workflow_settings.insert(workflow.clone(), set).is_some() {
                    return Err(invalid(format!("two packages have settings of the workflow {workflow}")));
                }
            }
            project.package_facts.push(facts);
            for target in
                package.targets.into_iter().filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            {
                let name = target.name;
                if !is_system && SYSTEM_QUEUES.contains(&name.as_str()) {
                    return Err(invalid(format!(
                        "the program {name} of {} has the name of a system queue",
                        package.name
                    ))
                    .hint("give it another name"));
                }
                let function = settings.function(&name, &package.name, is_system);
                if let Some(other) = project.functions.insert(name.clone(), function) {
                    let (a, b) = (other.package, &package.name);
                    return Err(invalid(format!("two programs are named {name}: one in {a}, one in {b}")));
                }
            }
        }
        let faults = project.manifest_facts().check().into_iter();
        let faults = faults.chain(project.tenant_faults()).chain(project.search_faults());
        match refused(faults.collect()) {
            Some(failure) => Err(failure),
            None => Ok(project),
        }
    }

    /// What a stack is made from. `named` is what a workflow's definition names.
    pub fn facts(&self, named: impl Fn(&str) -> Named) -> Outcome<Facts> {
        let workflows = self.workflows()?;
        let is_there = |name: &&String| workflows.iter().any(|workflow| workflow.name == **name);
        if let Some(stray) = self.workflow_settings.keys().find(|name| !is_there(name)) {
            let message =
                format!("[package.metadata.stepladder.workflow.{stray}] is of a workflow that isn't there");
            return Err(Failure::new(Exit::Bad, Code::CheckFailed, message)
                .hint(format!("its definition would be functions/{stray}/{DEFINITION_FILE}")));
        }
        let mut facts = self.manifest_facts();
        facts.workflows = workflows
            .into_iter()
            .map(|WorkflowFile { name, .. }| {
                let Named { functions, calls, objects } = named(&name);
                let settings = self.workflow_settings.get(&name).cloned().unwrap_or_default();
                WorkflowFacts { name, functions, calls, objects, settings }
            })
            .collect();
        Ok(facts)
    }

    /// What the manifests say alone: of workflows, their settings.
    fn manifest_facts(&self) -> Facts {
        let workflow = |(name, settings): (&String, &WorkflowSettings)| WorkflowFacts {
            name: name.clone(),
            settings: settings.clone(),
            ..WorkflowFacts::default()
        };
        Facts {
            functions: self.functions.values().cloned().collect(),
            packages: self.package_facts.clone(),
            workflows: self.workflow_settings.iter().map(workflow).collect(),
        }
    }

    /// The workflows whose setting `tenant` is no path.
    fn tenant_faults(&self) -> impl Iterator<Item = SettingError> {
        self.workflow_settings.iter().filter_map(|(name, settings)| {
            let tenant = settings.tenant.as_ref()?;
            let error = tenant.parse::<TenantPath>().err()?;
            let message = format!(
                "the tenant of workflow {name} is {tenant:?}; it must be a path into the run's input, like \"$.customer_id\": {error}"
            );
            Some(SettingError { message })
        })
    }

    /// The workflows whose setting `search` is no list of paths, or of too many.
    fn search_faults(&self) -> impl Iterator<Item = SettingError> {
        self.workflow_settings.iter().filter_map(|(name, settings)| {
            let error = SearchPaths::parse(&settings.search).err()?;
            let message = format!(
                "the search attributes of workflow {name} must be paths into the run's input, like \"$.order_id\": {error}"
            );
            Some(SettingError { message })
        })
    }

    /// The definitions, `functions/*/workflow.asl.json`, by name.
    pub fn workflows(&self) -> Outcome<Vec<WorkflowFile>> {
        workflow_files(&self.root)
    }

    /// The names of the programs that a Task state may name.
    pub fn steps(&self) -> impl Iterator<Item = &Function> {
        self.functions.values().filter(|function| !function.is_system)
    }

    /// The packages that hold functions, each once.
    pub fn packages(&self) -> BTreeSet<&str> {
        self.functions.values().map(|function| function.package.as_str()).collect()
    }

    /// The path as a person would type it in the workspace.
    pub fn shown<'p>(&self, path: &'p Path) -> std::path::Display<'p> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// The definitions under a workspace's root, `functions/*/workflow.asl.json`, by name.
pub fn workflow_files(root: &Path) -> Outcome<Vec<WorkflowFile>> {
    let folder = root.join("functions");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| Failure::file("read the folder", &folder, &error))?;
    let mut workflows = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Failure::file("read the folder", &folder, &error))?;
        let path = entry.path().join(DEFINITION_FILE);
        if path.is_file() {
            workflows.push(WorkflowFile { name: entry.file_name().to_string_lossy().into_owned(), path });
        }
    }
    workflows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(workflows)
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
    metadata: Option<PackageMetadata>,
}

/// Whether a package is built with a feature unless one asks for others: nobody does.
fn is_default(features: &BTreeMap<String, Vec<String>>, feature: &str) -> bool {
    features.get("default").is_some_and(|default| default.iter().any(|named| named == feature))
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// `[package.metadata]`: cargo-lambda's part, of which other tools may read more, and our own.
#[derive(Debug, Default, Deserialize)]
struct PackageMetadata {
    lambda: Option<serde_json::Value>,
    stepladder: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
struct LambdaMetadata {
    #[serde(default)]
    bin: BTreeMap<String, LambdaBin>,
}

#[derive(Debug, Default, Deserialize)]
struct LambdaBin {
    #[serde(default)]
    deploy: LambdaDeploy,
}

#[derive(Debug, Default, Deserialize)]
struct LambdaDeploy {
    /// MB
    memory: Option<u32>,
    /// Seconds
    timeout: Option<u32>,
    #[serde(default)]
    env: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepladderMetadata {
    #[serde(default)]
    bin: BTreeMap<String, StepladderBin>,
    #[serde(default)]
    table: Vec<TableMetadata>,
    #[serde(default)]
    policy: Vec<PolicyFacts>,
    #[serde(default)]
    invoke: Vec<PolicyFacts>,
    #[serde(default)]
    workflow: BTreeMap<String, WorkflowSettings>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepladderBin {
    batch_size: Option<u32>,
    /// Seconds
    batching_window: Option<u32>,
    maximum_concurrency: Option<u32>,
    receive_count: Option<u32>,
    provisioned_pollers: Option<ProvisionedPollers>,
    reserved_concurrency: Option<u32>,
    rate_per_second: Option<f64>,
    #[serde(default)]
    exclusive: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableMetadata {
    name: String,
}

/// What a crate's Cargo.toml says about its functions.
struct Settings {
    lambda: LambdaMetadata,
    stepladder: StepladderMetadata,
}

fn read_settings(package: &str, metadata: Option<PackageMetadata>) -> Outcome<Settings> {
    let metadata = metadata.unwrap_or_default();
    let read = |section: &str, error: serde_json::Error| {
        Failure::new(
            Exit::Bad,
            Code::CheckFailed,
            format!("[package.metadata.{section}] of {package}: {error}"),
        )
    };
    let lambda = match metadata.lambda {
        Some(lambda) => serde_json::from_value(lambda).map_err(|error| read("lambda", error))?,
        None => LambdaMetadata::default(),
    };
    let stepladder = match metadata.stepladder {
        Some(stepladder) => serde_json::from_value(stepladder).map_err(|error| read("stepladder", error))?,
        None => StepladderMetadata::default(),
    };
    Ok(Settings { lambda, stepladder })
}

impl Settings {
    fn package_facts(&mut self, package: &str, folder: String) -> PackageFacts {
        PackageFacts {
            name: package.to_owned(),
            folder,
            tables: std::mem::take(&mut self.stepladder.table).into_iter().map(|table| table.name).collect(),
            policies: std::mem::take(&mut self.stepladder.policy),
            invoke: std::mem::take(&mut self.stepladder.invoke),
        }
    }

    fn function(&self, name: &str, package: &str, is_system: bool) -> Function {
        let deploy = self.lambda.bin.get(name).map(|bin| &bin.deploy);
        let ours = self.stepladder.bin.get(name);
        let receive_count = ours.and_then(|ours| ours.receive_count);
        // A message in the dead-letter queue is handled alone: it may be the one that kills its function.
        let batch_size = if is_system && name == "dead-letter" { 1 } else { 10 };
        Function {
            name: name.to_owned(),
            package: package.to_owned(),
            is_system,
            timeout_seconds: deploy
                .and_then(|deploy| deploy.timeout)
                .unwrap_or(limits::FUNCTION_TIMEOUT_SECONDS),
            memory_mb: deploy.and_then(|deploy| deploy.memory).unwrap_or(limits::FUNCTION_MEMORY_MB),
            environment: deploy.map(|deploy| deploy.env.clone()).unwrap_or_default(),
            batch_size: ours.and_then(|ours| ours.batch_size).unwrap_or(batch_size),
            batching_window_seconds: ours.and_then(|ours| ours.batching_window).unwrap_or(0),
            maximum_concurrency: ours.and_then(|ours| ours.maximum_concurrency),
            receive_count: receive_count.unwrap_or(stepladder_protocol::limits::RECEIVES_MAX),
            provisioned_pollers: ours.and_then(|ours| ours.provisioned_pollers),
            reserved_concurrency: ours.and_then(|ours| ours.reserved_concurrency),
            rate_per_second: ours.and_then(|ours| ours.rate_per_second),
            exclusive: ours.is_some_and(|ours| ours.exclusive),
        }
    }
}

/// The failure that tells what is wrong with the settings, all at once; none if nothing is.
pub fn refused(errors: Vec<SettingError>) -> Option<Failure> {
    let mut errors = errors.into_iter().map(|error| error.message);
    let first = errors.next()?;
    let failure = Failure::new(Exit::Bad, Code::CheckFailed, first)
        .hint("the settings stand under [package.metadata] in the Cargo.toml of functions/*");
    Some(errors.fold(failure, |failure, error| failure.detail(format!("also: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn metadata(functions: Value) -> Outcome<Project> {
        let json = json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "packages": [
                {"name": "order", "manifest_path": "/w/functions/order/Cargo.toml", "metadata": functions, "targets": [
                    {"name": "order", "kind": ["lib"]}, {"name": "pay", "kind": ["bin"]}, {"name": "ship", "kind": ["bin"]}]},
                {"name": "sys", "manifest_path": "/w/functions/system/Cargo.toml", "metadata": null, "targets": [
                    {"name": "timer", "kind": ["bin"]}, {"name": "dead-letter", "kind": ["bin"]}]},
                {"name": "tool", "manifest_path": "/w/tools/Cargo.toml", "targets": [{"name": "tool", "kind": ["bin"]}]},
            ],
        });
        Project::from_metadata(json.to_string().as_bytes())
    }

    #[test]
    fn the_programs_under_functions_are_functions_with_their_settings() {
        let project = metadata(json!({
            "lambda": {"bin": {"pay": {"deploy": {"memory": 512, "timeout": 30, "tracing": "active"}}}},
            "stepladder": {"bin": {"pay": {"batch_size": 3, "receive_count": 2}}, "table": [{"name": "orders"}]},
        }))
        .unwrap();
        let names: Vec<&str> = project.functions.keys().map(String::as_str).collect();
        assert_eq!(names, ["dead-letter", "pay", "ship", "timer"]);
        let pay = &project.functions["pay"];
        assert_eq!((pay.memory_mb, pay.timeout_seconds, pay.batch_size, pay.receive_count), (512, 30, 3, 2));
        let ship = &project.functions["ship"];
        assert_eq!(
            (ship.memory_mb, ship.timeout_seconds, ship.batch_size, ship.receive_count),
            (256, 10, 10, 5)
        );
        assert_eq!(project.functions["dead-letter"].batch_size, 1);
        assert_eq!(project.steps().count(), 2);
        assert_eq!(project.packages().into_iter().collect::<Vec<_>>(), ["order", "sys"]);
        assert!(project.tables.contains("orders"));
    }

    #[test]
    fn parquet_is_read_where_the_systems_functions_are_built_with_it() {
        let named = |folder: &str, default: &[&str]| {
            let json = json!({
                "workspace_root": "/w",
                "target_directory": "/w/target",
                "packages": [{
                    "name": "p", "manifest_path": format!("/w/functions/{folder}/Cargo.toml"), "metadata": null, "targets": [],
                    "features": {"default": default, "parquet": ["stepladder/parquet"]},
                }],
            });
            Project::from_metadata(json.to_string().as_bytes()).unwrap().reads_parquet
        };
        assert!(named("system", &["parquet"]));
        assert!(!named("system", &[]));
        assert!(!named("order", &["parquet"]));
        assert!(!metadata(json!({})).unwrap().reads_parquet);
    }

    #[test]
    fn what_a_deployment_needs_is_read() {
        let project = metadata(json!({
            "lambda": {"bin": {"pay": {"deploy": {"env": {"CURRENCY": "EUR"}}}}},
            "stepladder": {
                "bin": {
                    "pay": {"provisioned_pollers": {"minimum": 2, "maximum": 5}, "reserved_concurrency": 7, "rate_per_second": 5},
                    "ship": {"rate_per_second": 0.5, "exclusive": true},
                },
                "policy": [{"actions": ["s3:GetObject"], "resources": ["arn:${Partition}:s3:::rates/*"]}],
                "workflow": {"order": {"schedule": "rate(1 hour)", "status_events": "failures", "retention_days": 90, "tenant": "$.customer.id", "search": ["$.order_id"]}},
            },
        }))
        .unwrap();
        let pay = &project.functions["pay"];
        assert_eq!(pay.environment["CURRENCY"], "EUR");
        assert_eq!(pay.provisioned_pollers, Some(ProvisionedPollers { minimum: 2, maximum: 5 }));
        assert_eq!(pay.reserved_concurrency, Some(7));
        let ship = &project.functions["ship"];
        assert_eq!((pay.rate_per_second, pay.exclusive), (Some(5.0), false));
        assert_eq!((ship.rate_per_second, ship.exclusive), (Some(0.5), true));
        assert_eq!(project.package_facts[0].policies.len(), 1);
        let folders: Vec<_> = project.package_facts.iter().map(|package| package.folder.as_str()).collect();
        assert_eq!(folders, ["order", "system"]);
        assert_eq!(project.workflow_settings["order"].retention_days, Some(90));
        assert_eq!(project.workflow_settings["order"].tenant.as_deref(), Some("$.customer.id"));
        assert_eq!(project.workflow_settings["order"].search, ["$.order_id"]);
    }

    #[test]
    fn the_programs_take_every_rate_that_a_manifest_may_set() {
        use stepladder_protocol::limits::{RATE_PER_SECOND_MAX, RATE_PER_SECOND_MIN};
        assert_eq!(stepladder_infra::limits::RATE_PER_SECOND, RATE_PER_SECOND_MIN..=RATE_PER_SECOND_MAX);
    }

    #[test]
    fn a_slip_in_the_settings_is_told() {
        let failure = metadata(json!({"stepladder": {"bin": {"pay": {"batchsize": 3}}}})).unwrap_err();
        assert!(failure.message.contains("[package.metadata.stepladder] of order"), "{failure}");
        assert!(failure.message.contains("batchsize"), "{failure}");
        let failure =
            metadata(json!({"lambda": {"bin": {"pay": {"deploy": {"timeout": 901}}}}})).unwrap_err();
        assert!(failure.message.contains("901"), "{failure}");
        for (slip, expected) in [
            (json!({"exclusive": "yes"}), "expected a boolean"),
            (json!({"rate_per_second": "fast"}), "expected f64"),
            (json!({"rate_per_second": 0}), "the rate_per_second of pay must be a number from 0.001 to 1000"),
            (json!({"rate_per_second": -0.5}), "the rate_per_second of pay must be a number"),
        ] {
            let failure = metadata(json!({"stepladder": {"bin": {"pay": slip}}})).unwrap_err();
            assert!(failure.message.contains(expected), "{failure}");
        }
        let failure =
            metadata(json!({"stepladder": {"workflow": {"order": {"tenant": "$.rows[*].id"}}}})).unwrap_err();
        let expected = "the tenant of workflow order is \"$.rows[*].id\"; it must be a path into the run's input, like \"$.customer_id\"";
        assert!(failure.message.contains(expected) && failure.message.contains("a wildcard"), "{failure}");
        let six: Vec<String> = (0..6).map(|n| format!("$.a{n}")).collect();
        for (search, expected) in
            [(json!(["id"]), "\"id\" is no path"), (json!(six), "there are 6 paths; 5 is the most")]
        {
            let failure =
                metadata(json!({"stepladder": {"workflow": {"order": {"search": search}}}})).unwrap_err();
            let of = "the search attributes of workflow order must be paths into the run's input";
            assert!(failure.message.contains(of) && failure.message.contains(expected), "{failure}");
        }
        let two = json!({"stepladder": {
            "bin": {"pay": {"batch_size": 11, "reserved_concurrency": 0}},
            "policy": [{"actions": ["s3:GetObject"], "resources": ["*"]}],
        }});
        let failure = metadata(two).unwrap_err();
        assert!(failure.message.contains("batching_window"), "{failure}");
        assert_eq!(failure.details.len(), 2, "{:?}", failure.details);
    }
}
