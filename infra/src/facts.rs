//! What a workspace says: its programs with their settings, and its workflows.

use crate::{calls::CallFacts, limits, objects::ObjectFacts};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

/// Everything that a stack is made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    pub functions: Vec<FunctionFacts>,
    /// The packages that hold functions.
    pub packages: Vec<PackageFacts>,
    pub workflows: Vec<WorkflowFacts>,
}

impl Facts {
    /// Keeps these workflows, the functions they name, the system's own, and the packages of both.
    pub fn keep(&mut self, workflows: &[String]) {
        self.workflows.retain(|workflow| workflows.contains(&workflow.name));
        let is_named =
            |name: &String| self.workflows.iter().any(|workflow| workflow.functions.contains(name));
        self.functions.retain(|function| function.is_system || is_named(&function.name));
        self.packages
            .retain(|package| self.functions.iter().any(|function| function.package == package.name));
    }
}

/// A program that is deployed as a Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionFacts {
    /// The program's name, without the stack's.
    pub name: String,
    pub package: String,
    /// One of the system's own: start, timer, dead-letter; or api.
    pub is_system: bool,
    pub timeout_seconds: u32,
    pub memory_mb: u32,
    /// What the program is told beside what every function is told.
    pub environment: BTreeMap<String, String>,
    pub batch_size: u32,
    pub batching_window_seconds: u32,
    pub maximum_concurrency: Option<u32>,
    /// How often a message is received before it goes to the dead-letter queue.
    pub receive_count: u32,
    pub provisioned_pollers: Option<ProvisionedPollers>,
    pub reserved_concurrency: Option<u32>,
    /// How often its step begins at most.
    pub rate_per_second: Option<f64>,
    /// Whether its step's code never runs twice at once for the same position.
    pub exclusive: bool,
}

/// Pollers that are always there, and paid for by the hour
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionedPollers {
    pub minimum: u32,
    pub maximum: u32,
}

/// A package that holds functions: they share a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageFacts {
    pub name: String,
    /// Its folder under `functions/`: the workflow of this name, if there is one, is the package's own.
    pub folder: String,
    /// Tables of its own, `<stack>-<name>`.
    pub tables: Vec<String>,
    /// What its functions may do beside what every step may.
    pub policies: Vec<PolicyFacts>,
    /// What states may call where their definitions don't name it: `[[package.metadata.stepladder.invoke]]`.
    pub invoke: Vec<PolicyFacts>,
}

/// `[[package.metadata.stepladder.policy]]`, and `[[package.metadata.stepladder.invoke]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFacts {
    pub actions: Vec<String>,
    /// ARNs, in which `${Stack}`, `${Region}`, `${Account}` and `${Partition}` may stand.
    pub resources: Vec<String>,
}

/// A workflow: its definition's functions, and its settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowFacts {
    pub name: String,
    /// The short names of the functions that its Task states name.
    pub functions: BTreeSet<String>,
    /// What its Task states call that is no step.
    pub calls: BTreeSet<CallFacts>,
    /// What its distributed Map states do with objects of the users' own.
    pub objects: BTreeSet<ObjectFacts>,
    pub settings: WorkflowSettings,
}

/// `[package.metadata.stepladder.workflow.NAME]`. What isn't set is as the stack has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSettings {
    /// `cron(…)` or `rate(…)`, in UTC: starts a run each time.
    pub schedule: Option<String>,
    /// An EventBridge pattern: starts a run for each event of the account's default bus that fits.
    pub event_pattern: Option<serde_json::Value>,
    pub retention_days: Option<u32>,
    /// Which part of the messages that went well is logged, 0 to 1.
    pub log_sample: Option<f64>,
    pub status_events: Option<StatusEvents>,
    /// The buckets that its distributed Map states may read and write beside those that the definition names: names, in
    /// which `*` may stand for any text, and `${Stack}`, `${Region}` and `${Account}`.
    #[serde(default)]
    pub buckets: Vec<String>,
    /// Where the input of its runs names whose they are: a path like `$.customer_id`. Whoever reads the manifests sees that
    /// it is one: this crate knows no paths.
    pub tenant: Option<String>,
    /// By what of their input its runs are found: paths like `$.order_id`. Checked where `tenant` is.
    #[serde(default)]
    pub search: Vec<String>,
    /// Uploads that start a run each.
    #[serde(default)]
    pub uploads: Vec<UploadFacts>,
}

/// Objects of a bucket of the users' own whose keys begin and end so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadFacts {
    /// The bucket's name, in which `${Stack}`, `${Region}` and `${Account}` may stand.
    pub bucket: String,
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub suffix: String,
}

/// Which ends of runs are told to EventBridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusEvents {
    #[default]
    Off,
    Failures,
    All,
}

/// The names of the system's functions, each with the queue that feeds it.
pub const SYSTEM_FUNCTIONS: [&str; 3] = ["start", "timer", "dead-letter"];

/// The system's function that calls what is no step, with the queue that feeds it. A stack without such calls has neither.
pub const INVOKE: &str = "invoke";

/// The name of the system's function that a stack may have, at a URL of its own. No queue feeds it.
pub const API_FUNCTION: &str = "api";

const RATE_VARIABLE: &str = "STEPLADDER_RATE_PER_SECOND";
const EXCLUSIVE_VARIABLE: &str = "STEPLADDER_EXCLUSIVE";

impl FunctionFacts {
    /// Whether it is the system's function that answers the API.
    pub fn is_api(&self) -> bool {
        self.is_system && self.name == API_FUNCTION
    }

    /// What its program is told of how its step may run: variables of its environment.
    pub fn flow_variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let rate = self.rate_per_second.map(|rate| (RATE_VARIABLE, rate.to_string()));
        rate.into_iter().chain(self.exclusive.then(|| (EXCLUSIVE_VARIABLE, "true".to_owned())))
    }
}

/// A setting that AWS would refuse, or that would not do what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingError {
    pub message: String,
}

impl Facts {
    /// The system's functions that are not there: without each of them no stack works.
    pub fn missing(&self) -> Vec<SettingError> {
        let is_missing = |name: &&str| {
            !self.functions.iter().any(|function| function.is_system && function.name == **name)
        };
        let missing = |name| SettingError {
            message: format!("the system function {name} is missing: it is a program of functions/system"),
        };
        let needed = SYSTEM_FUNCTIONS.into_iter().chain(self.needs_invoke().then_some(INVOKE));
        needed.filter(is_missing).map(missing).collect()
    }

    /// All faults of all settings, in order.
    pub fn check(&self) -> Vec<SettingError> {
        let mut faults = Faults::default();
        let mut logical = BTreeMap::new();
        for function in &self.functions {
            faults.function(function);
            if let Some(other) = logical.insert(crate::model::logical(&function.name), &function.name) {
                faults.add(format!(
                    "the programs {other} and {} differ in hyphens and underscores only; templates tell resources apart by letters and digits",
                    function.name
                ));
            }
        }
        let mut packages = BTreeMap::new();
        for package in &self.packages {
            faults.package(package);
            if let Some(other) = packages.insert(crate::model::logical(&package.name), &package.name) {
                faults.add(format!(
                    "the packages {other} and {} differ in hyphens and underscores only",
                    package.name
                ));
            }
        }
        // Two packages may name the same table: then they share it.
        let mut tables = BTreeMap::new();
        for table in self.packages.iter().flat_map(|package| &package.tables) {
            let other = tables.insert(crate::model::logical(table), table);
            if let Some(other) = other.filter(|other| *other != table) {
                faults.add(format!(
                    "the tables {other} and {table} differ in hyphens, dots and underscores only"
                ));
            }
        }
        let mut workflows = BTreeMap::new();
        for workflow in &self.workflows {
            faults.workflow(workflow);
            if let Some(other) = workflows.insert(crate::model::logical(&workflow.name), &workflow.name) {
                faults.add(format!(
                    "the workflows {other} and {} differ in other characters than letters and digits only",
                    workflow.name
                ));
            }
        }
        faults.0.extend(self.unnamed_calls());
        faults.0.extend(self.unnamed_buckets());
        faults.0
    }
}

#[derive(Default)]
struct Faults(Vec<SettingError>);

impl Faults {
    fn add(&mut self, message: String) {
        self.0.push(SettingError { message });
    }

    fn range(&mut self, what: &str, of: &str, value: u32, range: &RangeInclusive<u32>) {
        if !range.contains(&value) {
            self.add(format!(
                "the {what} of {of} is {value}; it can be {} to {}",
                range.start(),
                range.end()
            ));
        }
    }

    fn function(&mut self, function: &FunctionFacts) {
        let FunctionFacts { name, .. } = function;
        // One letter of a stack's name and a hyphen stand before it.
        let longest = limits::FUNCTION_NAME_CHARS_MAX - 2;
        if name.is_empty()
            || name.len() > longest
            || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            self.add(format!(
                "the program {name:?} can't name a function: it takes 1 to {longest} letters, digits, hyphens and underscores"
            ));
        }
        self.range("timeout (seconds)", name, function.timeout_seconds, &limits::TIMEOUT_SECONDS);
        self.range("memory (MB)", name, function.memory_mb, &limits::MEMORY_MB);
        self.range("batch_size", name, function.batch_size, &limits::BATCH_SIZE);
        let window = function.batching_window_seconds;
        self.range("batching_window (seconds)", name, window, &limits::BATCHING_WINDOW_SECONDS);
        self.range("receive_count", name, function.receive_count, &limits::RECEIVE_COUNT);
        if function.batch_size > limits::BATCH_SIZE_WITHOUT_WINDOW_MAX && window == 0 {
            self.add(format!(
                "the batch_size of {name} is {}; beyond {} Lambda wants a batching_window of at least 1 second",
                function.batch_size,
                limits::BATCH_SIZE_WITHOUT_WINDOW_MAX
            ));
        }
        if let Some(reserved) = function.reserved_concurrency {
            self.range("reserved_concurrency", name, reserved, &limits::RESERVED_CONCURRENCY);
        }
        if let Some(most) = function.maximum_concurrency {
            self.range("maximum_concurrency", name, most, &limits::MAXIMUM_CONCURRENCY);
            if function.reserved_concurrency.is_some_and(|reserved| reserved < most) {
                self.add(format!(
                    "the maximum_concurrency of {name} is {most}, more than its reserved_concurrency: what is beyond is throttled, and counts as received"
                ));
            }
        }
        let batches = BatchLimits {
            maximum_concurrency: function.maximum_concurrency,
            pollers_maximum: function.provisioned_pollers.map(|pollers| pollers.maximum),
            reserved_concurrency: function.reserved_concurrency,
        }
        .batches_at_once();
        if batches.saturating_mul(function.batch_size) > limits::IN_FLIGHT_MAX {
            self.add(format!(
                "{batches} batches of {} messages of {name} are more than the {} messages that a queue lets be in flight: lower batch_size, or set a maximum_concurrency or a maximum of provisioned_pollers that fits",
                function.batch_size,
                limits::IN_FLIGHT_MAX
            ));
        }
        if let Some(ProvisionedPollers { minimum, maximum }) = function.provisioned_pollers {
            self.range("provisioned_pollers.minimum", name, minimum, &limits::POLLERS_MINIMUM);
            self.range("provisioned_pollers.maximum", name, maximum, &limits::POLLERS_MAXIMUM);
            if minimum > maximum {
                self.add(format!("provisioned_pollers of {name}: the minimum is above the maximum"));
            }
            if function.maximum_concurrency.is_some() {
                self.add(format!(
                    "{name} has provisioned_pollers and a maximum_concurrency; Lambda takes one of them"
                ));
            }
        }
        self.flow(function);
        self.environment(function);
    }

    fn flow(&mut self, function: &FunctionFacts) {
        let name = &function.name;
        let (least, most) = (limits::RATE_PER_SECOND.start(), limits::RATE_PER_SECOND.end());
        if function.rate_per_second.is_some_and(|rate| !limits::RATE_PER_SECOND.contains(&rate)) {
            self.add(format!(
                "the rate_per_second of {name} must be a number from {least} to {most}, such as 20 or 0.5"
            ));
        }
        if function.is_system && (function.rate_per_second.is_some() || function.exclusive) {
            self.add(format!("{name} runs no step: a rate_per_second and exclusive are settings of steps"));
        }
    }

    fn environment(&mut self, function: &FunctionFacts) {
        let name = &function.name;
        for variable in function.environment.keys() {
            // Lambda keeps AWS_ and some others for itself
            // (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html).
            if ["AWS_", "STEPLADDER_", "LAMBDA_", "_"].iter().any(|kept| variable.starts_with(kept)) {
                self.add(format!("the variable {variable} of {name} is set by Lambda or by Stepladder; give it another name"));
            } else if !variable.starts_with(|c: char| c.is_ascii_alphabetic())
                || !variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            {
                self.add(format!("the variable {variable:?} of {name} must be a letter, and then letters, digits and underscores"));
            }
        }
        let bytes: usize = function.environment.iter().map(|(name, value)| name.len() + value.len()).sum();
        // Half of it is left to the variables that every function has.
        if bytes > limits::ENVIRONMENT_BYTES_MAX / 2 {
            self.add(format!(
                "the variables of {name} take {bytes} bytes; {} are left to them",
                limits::ENVIRONMENT_BYTES_MAX / 2
            ));
        }
    }

    fn package(&mut self, package: &PackageFacts) {
        let name = &package.name;
        // As templates name it: `dead_letter` is `dead-letter` there.
        let is_same = |taken: &str| crate::model::logical(taken) == crate::model::logical(name);
        let taken = SYSTEM_FUNCTIONS.into_iter().chain([API_FUNCTION, INVOKE, crate::roles::SCHEDULER]);
        if taken.into_iter().any(is_same) {
            self.add(format!(
                "the package {name} has the name of a role of the system; give it another name"
            ));
        }
        for table in &package.tables {
            if table.is_empty()
                || !table.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            {
                self.add(format!(
                    "the table {table:?} of {name} must be letters, digits, hyphens, dots and underscores"
                ));
            }
        }
        for policy in package.policies.iter().chain(&package.invoke) {
            if policy.actions.is_empty() || policy.resources.is_empty() {
                self.add(format!("a policy of {name} has no actions or no resources"));
            }
            for action in &policy.actions {
                if action.contains('*') || !action.contains(':') {
                    self.add(format!(
                        "the action {action:?} in a policy of {name} must be one action of one service, like s3:GetObject: each function should be able to do what it needs, and no more"
                    ));
                }
            }
            for resource in &policy.resources {
                if !resource.starts_with("arn:")
                    || resource.split(':').count() < 6
                    || resource.ends_with(":*:*")
                {
                    self.add(format!(
                        "the resource {resource:?} in a policy of {name} must be an ARN, like arn:${{Partition}}:s3:::my-bucket/invoices/*; all resources of all services are too many"
                    ));
                }
            }
        }
    }

    fn workflow(&mut self, workflow: &WorkflowFacts) {
        let WorkflowFacts { name, settings, .. } = workflow;
        if let Some(days) = settings.retention_days {
            self.range("retention_days", &format!("workflow {name}"), days, &limits::RETENTION_DAYS);
        }
        if settings.log_sample.is_some_and(|sample| !(0.0..=1.0).contains(&sample)) {
            self.add(format!("the log_sample of workflow {name} must be a number from 0 to 1"));
        }
        if let Some(schedule) = &settings.schedule {
            let inner = ["cron(", "rate("].iter().find_map(|kind| schedule.strip_prefix(kind));
            let fields =
                inner.and_then(|inner| inner.strip_suffix(')')).map(|inner| inner.split(' ').count());
            let wanted = if schedule.starts_with("cron(") { 6 } else { 2 };
            if fields != Some(wanted) || schedule.len() > limits::SCHEDULE_CHARS_MAX {
                self.add(format!(
                    "the schedule of workflow {name} is {schedule:?}; it must be cron(minute hour day month weekday year) or rate(5 minutes), in UTC"
                ));
            }
        }
        for bucket in settings.buckets.iter().filter(|bucket| !crate::objects::is_bucket(bucket)) {
            self.add(format!(
                "the bucket {bucket:?} of workflow {name} must be a bucket's name, in which * may stand for any text, but not at its beginning, like \"orders-*\" or \"orders-${{Account}}\""
            ));
        }
        for UploadFacts { bucket, prefix, suffix } in &settings.uploads {
            if bucket.contains('*') || !crate::objects::is_bucket(bucket) {
                self.add(format!(
                    "the bucket {bucket:?} of the uploads of workflow {name} must be one bucket's name, like \"uploads-${{Account}}\""
                ));
            }
            let is_key = |text: &String| text.len() <= limits::KEY_BYTES_MAX && !text.contains("${");
            if let Some(text) = [prefix, suffix].into_iter().find(|text| !is_key(text)) {
                self.add(format!(
                    "the uploads of workflow {name} have the prefix or suffix {text:?}; it takes {} bytes at most, and no gaps",
                    limits::KEY_BYTES_MAX
                ));
            }
        }
        if let Some(pattern) = &settings.event_pattern {
            let is_object = pattern.as_object().is_some_and(|members| !members.is_empty());
            if !is_object || pattern.to_string().chars().count() > limits::EVENT_PATTERN_CHARS_MAX {
                self.add(format!(
                    "the event_pattern of workflow {name} must be an object with at least one member and {} characters at most, like {{ source = [\"aws.s3\"] }}",
                    limits::EVENT_PATTERN_CHARS_MAX
                ));
            }
        }
    }
}

/// What limits the batches of a queue that are under way at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchLimits {
    pub maximum_concurrency: Option<u32>,
    /// The most pollers of provisioned mode.
    pub pollers_maximum: Option<u32>,
    /// The function's.
    pub reserved_concurrency: Option<u32>,
}

impl BatchLimits {
    /// The most batches that can be under way at once.
    pub fn batches_at_once(self) -> u32 {
        let of_pollers = self.pollers_maximum.map(|most| most.saturating_mul(limits::POLLER_CONCURRENCY));
        let of_mapping = of_pollers.or(self.maximum_concurrency).unwrap_or(limits::MAPPING_CONCURRENCY_MAX);
        self.reserved_concurrency.map_or(of_mapping, |reserved| reserved.min(of_mapping))
    }
}

/// How long a queue hides a message that its function has received, in seconds: six times the function's timeout, so that
/// a batch that is throttled has time to come back, and the window in which batches are gathered
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
pub fn visibility_seconds(timeout_seconds: u32, batching_window_seconds: u32) -> u32 {
    timeout_seconds.saturating_mul(limits::VISIBILITY_TIMEOUTS).saturating_add(batching_window_seconds)
}

#[cfg(test)]
#[path = "facts_test.rs"]
mod tests;
