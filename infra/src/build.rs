//! From facts to a stack.

use crate::{
    alarms,
    calls::Permissions,
    dashboard,
    facts::{Facts, FunctionFacts, INVOKE, StatusEvents, UploadFacts, WorkflowFacts, visibility_seconds},
    limits,
    model::{
        Api, Function, Index, Mapping, Parameter, ParameterKind, Queue, Stack, Table, Trigger, Upload, Value,
        When,
    },
    roles,
    text::Text,
};
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// The names of the indexes and attributes are `stepladder_aws`'s; a test of the command compares them.
const RUNS_INDEX: &str = "runs";
const ATTENTION_INDEX: &str = "attention";
const EXPIRES: &str = "expires";

pub(crate) fn stack(facts: &Facts) -> Stack {
    let mut facts = facts.clone();
    facts.workflows.sort_by(|a, b| a.name.cmp(&b.name));
    if !facts.needs_invoke() {
        facts.functions.retain(|function| !(function.is_system && function.name == INVOKE));
    }
    let facts = &facts;
    let (api, mut functions): (Vec<&FunctionFacts>, Vec<_>) =
        facts.functions.iter().partition(|function| function.is_api());
    let api = api.first().map(|api| Api { function: function(api, facts), role: roles::api_role(facts) });
    // The system's first, then by name: an added step moves no other.
    functions.sort_by_key(|function| (!function.is_system, function.name.as_str()));
    let has_status_events = sends_status_events(facts);
    let mut stack = Stack {
        parameters: parameters(has_status_events, api.is_some(), payload_days(facts)),
        tables: tables(facts),
        queues: queues(&functions),
        functions: functions.iter().map(|function| self::function(function, facts)).collect(),
        mappings: functions.iter().map(|function| mapping(function)).collect(),
        roles: roles::roles(facts),
        api,
        triggers: facts.workflows.iter().flat_map(triggers).collect(),
        uploads: facts.workflows.iter().flat_map(uploads).collect(),
        alarms: Vec::new(),
        dashboard: serde_json::Value::Null,
        workflows: facts
            .workflows
            .iter()
            .map(|workflow| (workflow.name.clone(), workflow.functions.clone()))
            .collect(),
    };
    stack.alarms = alarms::alarms(&stack);
    stack.dashboard = dashboard::dashboard(&stack);
    stack
}

/// Whether some workflow's ends are told to EventBridge.
pub(crate) fn sends_status_events(facts: &Facts) -> bool {
    let status_events = |workflow: &WorkflowFacts| workflow.settings.status_events.unwrap_or_default();
    facts.workflows.iter().any(|workflow| status_events(workflow) != StatusEvents::Off)
}

/// For how many days payloads are kept unless a deployment says otherwise: longer than any run's items.
fn payload_days(facts: &Facts) -> u32 {
    let set = facts.workflows.iter().filter_map(|workflow| workflow.settings.retention_days);
    let longest = set.fold(limits::RETENTION_DAYS_DEFAULT, u32::max);
    longest.saturating_add(limits::PAYLOAD_DAYS_BEYOND)
}

fn parameters(has_status_events: bool, has_api: bool, payload_days: u32) -> Vec<Parameter> {
    use ParameterKind::{Number, OneOf, Pattern};
    const SWITCH: ParameterKind = OneOf(&["true", "false"]);
    // What CloudWatch Logs takes, up to a year
    // (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
    const LOG_DAYS: &[&str] = &["1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365"];
    let parameter = |name, kind, default: &str, description| Parameter {
        name,
        kind,
        default: default.to_owned(),
        description,
    };
    let bus = parameter(
        "EventBusName",
        Pattern("[A-Za-z0-9_./-]{1,256}"),
        "default",
        "The EventBridge bus that is told of ended runs.",
    );
    let mut parameters = vec![
        parameter(
            "Architecture",
            OneOf(&["arm64", "x86_64"]),
            "arm64",
            "What the zips were built for. arm64 is a fifth cheaper; x86_64 is for emulators and for machines that build nothing else.",
        ),
        parameter(
            "RetentionDays",
            Number(*limits::RETENTION_DAYS.start(), *limits::RETENTION_DAYS.end()),
            &limits::RETENTION_DAYS_DEFAULT.to_string(),
            "For how many days a run's items are kept after they were written.",
        ),
        parameter(
            "PayloadDays",
            Number(2, 10_000),
            &payload_days.to_string(),
            "After how many days a large payload is deleted from the bucket. More than the longest run takes and the longest retention together.",
        ),
        parameter("LogRetentionDays", OneOf(LOG_DAYS), "14", "For how many days log lines are kept."),
        parameter(
            "LogSample",
            Pattern("|0|1|0?[.][0-9]{1,6}"),
            "",
            "Which part of the messages that went well is logged, 0 to 1. Empty: 0.05.",
        ),
        parameter(
            "PointInTimeRecovery",
            SWITCH,
            "true",
            "Whether the tables can be restored to any second of the last 35 days; $0.20 per GB and month.",
        ),
        parameter(
            "DeletionProtection",
            SWITCH,
            "true",
            "Whether DynamoDB refuses to delete the tables, whoever asks.",
        ),
        parameter(
            "TableWarmReadUnits",
            Number(limits::WARM_READ_UNITS_MIN, 1_000_000),
            "12000",
            "The reads per second that the runs' table and each of its indexes are ready for at once. 12000 is what each begins with; more is paid for once, and can't be lowered again.",
        ),
        parameter(
            "TableWarmWriteUnits",
            Number(limits::WARM_WRITE_UNITS_MIN, 1_000_000),
            "4000",
            "The writes per second that the runs' table and each of its indexes are ready for at once. 4000 is what each begins with; more is paid for once, and can't be lowered again.",
        ),
        parameter(
            "KmsKeyArn",
            Pattern("|arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+"),
            "",
            "A customer-managed key for tables, queues and bucket. Empty: keys that AWS owns and that cost nothing.",
        ),
        parameter(
            "AlarmTopicArn",
            Pattern("|arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+"),
            "",
            "The SNS topic that alarms are told to. Empty: they only show.",
        ),
        parameter(
            "QueueAlarms",
            OneOf(&["age", "stuck", "none"]),
            "age",
            "age: an alarm when a message is older than 30 minutes, one metric per queue. stuck: when a queue has visible messages and none in flight in 8 of 10 minutes, two metrics per queue. A metric of an alarm costs $0.10 a month beyond the account's first ten.",
        ),
    ];
    parameters.extend(has_status_events.then_some(bus));
    parameters.extend(has_api.then(|| {
        parameter(
            Api::SWITCH,
            SWITCH,
            "false",
            "Whether the Step Functions API is answered at a function URL, to callers that IAM knows and lets.",
        )
    }));
    parameters
}

fn tables(facts: &Facts) -> Vec<Table> {
    let mut tables = vec![Table {
        name: None,
        attributes: vec![("pk", "S"), ("sk", "S"), ("lp", "S"), ("t0", "N"), ("ap", "S"), ("t1", "N")],
        partition_key: "pk",
        sort_key: "sk",
        indexes: vec![
            Index { name: RUNS_INDEX, partition_key: "lp", sort_key: "t0" },
            Index { name: ATTENTION_INDEX, partition_key: "ap", sort_key: "t1" },
        ],
        ttl: Some(EXPIRES),
    }];
    let mut names: Vec<&String> = facts.packages.iter().flat_map(|package| &package.tables).collect();
    names.sort();
    names.dedup();
    tables.extend(names.into_iter().map(|name| Table {
        name: Some(name.clone()),
        attributes: vec![("pk", "S"), ("sk", "S")],
        partition_key: "pk",
        sort_key: "sk",
        indexes: Vec::new(),
        ttl: None,
    }));
    tables
}

/// A queue per function, and the parked queue, which feeds none.
fn queues(functions: &[&FunctionFacts]) -> Vec<Queue> {
    let mut queues: Vec<Queue> = functions.iter().map(|function| queue(function)).collect();
    queues.push(Queue {
        name: "parked".to_owned(),
        // Who looks at a message by hand has so long to decide.
        visibility_seconds: 60,
        retention_seconds: limits::DEAD_RETENTION_SECONDS,
        receives_max: None,
        purpose: "Messages that nobody can handle, each with its reason.",
    });
    queues
}

fn queue(function: &FunctionFacts) -> Queue {
    let is_dead_letter = function.is_system && function.name == "dead-letter";
    let purpose = match function.name.as_str() {
        _ if !function.is_system => "Messages of the step.",
        "start" => "Asks for runs.",
        "timer" => "What is due later, and what needs no step.",
        INVOKE => "What states call that is no step.",
        _ => "What was received too often, from all queues.",
    };
    Queue {
        name: function.name.clone(),
        visibility_seconds: visibility_seconds(function.timeout_seconds, function.batching_window_seconds),
        retention_seconds: if is_dead_letter {
            limits::DEAD_RETENTION_SECONDS
        } else {
            limits::RETENTION_SECONDS
        },
        // Its own messages stay until they are handled, or two weeks old.
        receives_max: (!is_dead_letter).then_some(function.receive_count),
        purpose,
    }
}

fn function(function: &FunctionFacts, facts: &Facts) -> Function {
    Function {
        name: function.name.clone(),
        package: function.package.clone(),
        is_system: function.is_system,
        timeout_seconds: function.timeout_seconds,
        memory_mb: function.memory_mb,
        reserved_concurrency: function.reserved_concurrency,
        role: roles::role_of(function).to_owned(),
        environment: environment(function, facts),
    }
}

fn environment(function: &FunctionFacts, facts: &Facts) -> BTreeMap<String, Value> {
    let text = |text: &str| Value::Text(Text::of(text));
    let mut variables = BTreeMap::from([
        ("STEPLADDER_STACK", text("${Stack}")),
        ("STEPLADDER_TABLE", text("${Stack}")),
        ("STEPLADDER_BUCKET", text(crate::roles::BUCKET)),
        ("STEPLADDER_ACCOUNT_ID", text("${Account}")),
        ("STEPLADDER_METRICS", text("emf")),
        ("STEPLADDER_RETENTION_DAYS", Value::Parameter("RetentionDays")),
        ("STEPLADDER_LOG_SAMPLE", Value::Parameter("LogSample")),
    ]);
    let workflows = workflow_settings(facts);
    if !workflows.is_empty() {
        let json = serde_json::Value::Object(workflows).to_string();
        variables.insert("STEPLADDER_WORKFLOWS", Value::Text(Text::literal(json)));
    }
    if sends_status_events(facts) {
        variables.insert("STEPLADDER_EVENT_BUS", Value::Parameter("EventBusName"));
    }
    for (name, value) in function.flow_variables() {
        variables.insert(name, Value::Text(Text::literal(value)));
    }
    // The dead-letter function starts what the start function could not.
    if function.is_system && matches!(function.name.as_str(), "start" | "dead-letter") {
        let uploads: Vec<serde_json::Value> = facts
            .workflows
            .iter()
            .flat_map(uploads)
            .map(|upload| {
                let Upload { workflow, bucket, prefix, suffix } = upload;
                json!({ "workflow": workflow, "bucket": bucket, "prefix": prefix, "suffix": suffix })
            })
            .collect();
        if !uploads.is_empty() {
            variables.insert("STEPLADDER_UPLOADS", text(&json!(uploads).to_string()));
        }
    }
    if function.is_system && function.name == "timer" {
        variables.insert("STEPLADDER_SCHEDULE_GROUP", text("${Stack}"));
        let role = Value::Text(Text::role_arn(roles::SCHEDULER));
        variables.insert("STEPLADDER_SCHEDULE_ROLE_ARN", role);
    }
    if function.is_system && function.name == INVOKE {
        // Who deploys a further definition reads here what it may call. Without room for it nobody can tell.
        let permissions = Permissions::of(facts).to_json();
        if permissions.len() <= limits::INVOKE_BYTES_MAX {
            variables.insert("STEPLADDER_INVOKE", Value::Text(Text::of(permissions)));
        }
    }
    let own =
        function.environment.iter().map(|(name, value)| (name.clone(), Value::Text(Text::literal(value))));
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(own).collect()
}

/// What differs from the stack's own settings, workflow by workflow.
fn workflow_settings(facts: &Facts) -> Map<String, serde_json::Value> {
    let mut workflows = Map::new();
    for WorkflowFacts { name, settings, .. } in &facts.workflows {
        let mut set = Map::new();
        if let Some(events) = settings.status_events.filter(|events| *events != StatusEvents::Off) {
            set.insert("status_events".to_owned(), json!(events));
        }
        if let Some(days) = settings.retention_days {
            set.insert("retention_days".to_owned(), json!(days));
        }
        if let Some(sample) = settings.log_sample {
            set.insert("log_sample".to_owned(), json!(sample));
        }
        if let Some(tenant) = &settings.tenant {
            set.insert("tenant".to_owned(), json!(tenant));
        }
        if !settings.search.is_empty() {
            set.insert("search".to_owned(), json!(settings.search));
        }
        if !set.is_empty() {
            workflows.insert(name.clone(), serde_json::Value::Object(set));
        }
    }
    workflows
}

fn mapping(function: &FunctionFacts) -> Mapping {
    Mapping {
        name: function.name.clone(),
        batch_size: function.batch_size,
        batching_window_seconds: function.batching_window_seconds,
        maximum_concurrency: function.maximum_concurrency,
        provisioned_pollers: function.provisioned_pollers,
    }
}

fn triggers(workflow: &WorkflowFacts) -> Vec<Trigger> {
    let WorkflowFacts { name, settings, .. } = workflow;
    let schedule = settings.schedule.clone().map(When::Schedule);
    let event = settings.event_pattern.clone().map(When::Event);
    let trigger = |when| Trigger { workflow: name.clone(), when };
    schedule.into_iter().chain(event).map(trigger).collect()
}

fn uploads(workflow: &WorkflowFacts) -> Vec<Upload> {
    let upload = |upload: &UploadFacts| Upload {
        workflow: workflow.name.clone(),
        bucket: Text::of(&upload.bucket),
        prefix: upload.prefix.clone(),
        suffix: upload.suffix.clone(),
    };
    workflow.settings.uploads.iter().map(upload).collect()
}

/// Why triggers are rules and no schedules of EventBridge Scheduler.
pub(crate) const TRIGGER_REASON: &str = "Starts a run named by the event's id. A rule and no schedule of EventBridge Scheduler: a repeated delivery of an event keeps its id, and so starts no second run; Scheduler's execution id is one per attempt.";

/// Why a rule has a dead-letter queue, and this one.
pub(crate) const UNDELIVERED_REASON: &str = "What the start queue didn't take. The dead-letter function starts it, or parks it where only the event is left of it.";

/// Why the API's URL has no permission beside it.
pub(crate) const API_REASON: &str = "Callers sign for the service lambda, and need lambda:InvokeFunctionUrl and lambda:InvokeFunction in policies of their own.";

/// Why Lambda is not to look for loops (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>).
pub(crate) const RECURSION_REASON: &str = "A run goes from queue to function to queue, as often as its definition says. Lambda would take a chain of about 16 calls of one function for a mistake, and drop its message.";

/// What a rule sends to the start queue: `<id>` is the event's id, `<aws.events.event.json>` the event
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>).
pub(crate) fn trigger_input(workflow: &str) -> String {
    let workflow = serde_json::Value::String(workflow.to_owned());
    format!(r#"{{"workflow": {workflow}, "name": "<id>", "input": <aws.events.event.json>}}"#)
}
