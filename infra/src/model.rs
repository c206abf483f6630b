//! What a stack consists of, whatever the format of its template.

use crate::{
    facts::{Facts, ProvisionedPollers, SettingError},
    text::Text,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A stack: all that a template deploys, and what a live one is compared with. Names are without the stack's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stack {
    pub parameters: Vec<Parameter>,
    /// The runs' table first, named as the stack; then the functions' own, `<stack>-<name>`.
    pub tables: Vec<Table>,
    pub queues: Vec<Queue>,
    pub functions: Vec<Function>,
    pub mappings: Vec<Mapping>,
    pub roles: Vec<Role>,
    /// None: the workspace has no such program.
    pub api: Option<Api>,
    pub triggers: Vec<Trigger>,
    pub uploads: Vec<Upload>,
    pub alarms: Vec<Alarm>,
    pub dashboard: serde_json::Value,
    /// Workflow by workflow, the functions that its definition names.
    pub workflows: BTreeMap<String, BTreeSet<String>>,
}

/// What a deployment may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// As CloudFormation's parameters are named; Terraform's are the same in snake case.
    pub name: &'static str,
    pub kind: ParameterKind,
    pub default: String,
    /// A sentence or two, and the unit.
    pub description: &'static str,
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ParameterKind {
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A whole number from the first to the second.
    Number(u32, u32),
    /// A text that fits this regular expression.
    Pattern(&'static str),
}

/// A DynamoDB table, on demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// None: the runs' table, which has the stack's name.
    pub name: Option<String>,
    /// Name and type, `S` or `N`, of each attribute that a key uses.
    pub attributes: Vec<(&'static str, &'static str)>,
    pub partition_key: &'static str,
    pub sort_key: &'static str,
    pub indexes: Vec<Index>,
    /// The attribute that holds when an item expires.
    pub ttl: Option<&'static str>,
}

/// A global secondary index of keys only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Index {
    pub name: &'static str,
    pub partition_key: &'static str,
    pub sort_key: &'static str,
}

/// An SQS queue. Everyone has to use TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub name: String,
    pub visibility_seconds: u32,
    pub retention_seconds: u32,
    /// After so many receives a message goes to the dead-letter queue.
    pub receives_max: Option<u32>,
    /// What it is for.
    pub purpose: &'static str,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Function {
    pub name: String,
    /// The package of its program.
    pub package: String,
    pub is_system: bool,
    pub timeout_seconds: u32,
    pub memory_mb: u32,
    pub reserved_concurrency: Option<u32>,
    /// The name of its [`Role`].
    pub role: String,
    pub environment: BTreeMap<String, Value>,
}

/// The Step Functions API at a URL: only where the parameter [`Api::SWITCH`] says `true`. AWS asks who calls; nobody gets in
/// unsigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Api {
    pub function: Function,
    pub role: Role,
}

impl Api {
    /// The parameter that switches it on.
    pub const SWITCH: &str = "ApiEnabled";
    /// Who may call the URL: those whom IAM lets (<https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>).
    pub const AUTH: &str = "AWS_IAM";
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Value {
    Text(Text),
    /// What the parameter of this name says; not set if it is empty.
    Parameter(&'static str),
}

/// What hands a queue's messages to a function; it reports partial batch failures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The queue's and the function's name, which are the same.
    pub name: String,
    pub batch_size: u32,
    pub batching_window_seconds: u32,
    pub maximum_concurrency: Option<u32>,
    #[serde(skip)]
    pub provisioned_pollers: Option<ProvisionedPollers>,
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Role {
    pub name: String,
    /// The service that assumes it.
    pub service: &'static str,
    /// Only on behalf of this resource, where the service tells.
    pub source_arn: Option<Text>,
    pub statements: Vec<Statement>,
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Letters and digits.
    pub sid: String,
    /// Why it is there, where that isn't plain.
    pub reason: Option<&'static str>,
    pub actions: Vec<String>,
    pub resources: Vec<Text>,
    pub conditions: Vec<Condition>,
    /// Only where a customer-managed key is set.
    pub needs_key: bool,
}

/// A condition of a [`Statement`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// `StringEquals`, and so on.
    pub operator: &'static str,
    pub key: &'static str,
    pub values: Vec<Text>,
}

/// What starts runs of a workflow by itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trigger {
    pub workflow: String,
    pub when: When,
}

/// When a [`Trigger`] starts a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum When {
    /// `cron(…)` or `rate(…)`, in UTC.
    Schedule(String),
    /// An event of the default bus that fits the pattern.
    Event(serde_json::Value),
}

/// Uploads to a bucket that isn't the stack's, of which each starts a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Upload {
    pub workflow: String,
    pub bucket: Text,
    pub prefix: String,
    pub suffix: String,
}

/// A CloudWatch alarm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    pub name: String,
    /// What is wrong when it goes off, and what to do.
    pub description: String,
    /// A metric; or several, and an expression over their ids.
    pub metrics: Vec<Metric>,
    pub expression: Option<String>,
    /// It goes off above this.
    pub threshold: u32,
    /// So many periods are looked at, and so many of them have to be above it.
    pub periods: u32,
    pub datapoints: u32,
    /// Only where the parameter QueueAlarms has this value.
    pub queue_alarms: Option<&'static str>,
}

/// A metric of an [`Alarm`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its name in the alarm's expression.
    pub id: String,
    pub namespace: &'static str,
    pub name: &'static str,
    pub dimension: (&'static str, Text),
    pub statistic: &'static str,
    pub period_seconds: u32,
}

impl Stack {
    /// The stack that a workspace leads to. The errors are all that is wrong with its settings.
    pub fn of(facts: &Facts) -> Result<Self, Vec<SettingError>> {
        let faults: Vec<SettingError> = facts.missing().into_iter().chain(facts.check()).collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let stack = crate::build::stack(facts);
        let faults = crate::room::faults(&stack);
        if faults.is_empty() { Ok(stack) } else { Err(faults) }
    }

    /// How long a stack's name can be, in characters: its functions' names, with the stack's, have to fit too.
    pub(crate) fn name_chars_max(&self) -> usize {
        let of_api = self.api.iter().map(|api| &api.function);
        let longest =
            self.functions.iter().chain(of_api).map(|function| function.name.len()).max().unwrap_or(0);
        let left = crate::limits::FUNCTION_NAME_CHARS_MAX.saturating_sub(longest + 1);
        crate::limits::STACK_NAME_CHARS_MAX.min(left)
    }

    /// Whether a stack can have this name: CloudFormation, its resources' names and the bucket's must allow it. The error
    /// is a sentence.
    pub fn check_name(&self, name: &str) -> Result<(), String> {
        let is_allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let most = self.name_chars_max();
        if !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.bytes().all(is_allowed)
            || name.ends_with('-')
        {
            return Err(format!(
                "the stack's name {name:?} must be lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen: tables, queues and a bucket are named after it"
            ));
        }
        if name.len() > most {
            return Err(format!(
                "the stack's name {name:?} has more than {most} characters; a function's name, with the stack's, has at most {}",
                crate::limits::FUNCTION_NAME_CHARS_MAX
            ));
        }
        Ok(())
    }

    /// Whether the rules of triggers send to a queue: to the start queue, and to the dead-letter queue what that didn't
    /// take.
    pub(crate) fn takes_triggers(&self, queue: &Queue) -> bool {
        !self.triggers.is_empty() && matches!(queue.name.as_str(), "start" | "dead-letter")
    }

    /// The ARNs of the buckets that tell a queue of uploads: only the start queue is told.
    pub(crate) fn telling_buckets(&self, queue: &Queue) -> BTreeSet<Text> {
        let uploads = self.uploads.iter().filter(|_| queue.name == "start");
        let arn = |upload: &Upload| {
            let mut arn = Text::of("arn:${Partition}:s3:::");
            arn.0.extend(upload.bucket.0.iter().cloned());
            arn
        };
        uploads.map(arn).collect()
    }

    pub fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.name == name)
    }

    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }
}

/// A name as CloudFormation's logical ids are: `charge-payment` is `ChargePayment`.
pub(crate) fn logical(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        })
        .collect()
}
