//! Functions, their queues, what connects the two, and what sends to queues by itself.

use super::{
    HAS_API,
    policies::{document, role, tls_only},
    words::{Scope, choose, get_att, only_if, reference, role_id},
};
use crate::{
    build::API_REASON,
    limits::KMS_REUSE_SECONDS,
    model::{Api, Function, Mapping, Queue, Stack, Trigger, Value, When, logical},
    text::Text,
    tree::{Map, Node},
};
use std::collections::BTreeMap;

/// What all functions have in common.
pub(super) fn globals(stack: &Stack, scope: Scope) -> Map {
    let function = Map::new()
        .with("Runtime", "provided.al2023")
        .with("Handler", "bootstrap")
        .with("Architectures", vec![reference("Architecture")])
        .with("RecursiveLoop", "Allow")
        .comment(crate::build::RECURSION_REASON)
        .with("Environment", variables(&common(stack), scope));
    Map::new().with("Function", function)
}

/// The variables that each function of the stack has, with the same value.
fn common(stack: &Stack) -> BTreeMap<String, Value> {
    let Some(first) = stack.functions.first() else { return BTreeMap::new() };
    let is_common = |(name, value): &(&String, &Value)| {
        stack.functions.iter().all(|function| function.environment.get(*name) == Some(value))
    };
    let common = first.environment.iter().filter(is_common);
    common.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn variables(variables: &BTreeMap<String, Value>, scope: Scope) -> Map {
    let variables = variables.iter().fold(Map::new(), |all, (name, value)| {
        let value = match value {
            Value::Text(text) => scope.text(text),
            Value::Parameter("LogSample") => only_if("HasLogSample", reference("LogSample")),
            Value::Parameter(parameter) => reference(parameter).into(),
        };
        all.with(name, value)
    });
    Map::new().with("Variables", variables)
}

pub(super) fn function(resources: &mut Vec<(String, Map)>, function: &Function, stack: &Stack, scope: Scope) {
    let id = logical(&function.name);
    let group = format!("{id}Logs");
    let properties = Map::new()
        .with("LogGroupName", scope.text(&Text::of(format!("/aws/lambda/${{Stack}}-{}", function.name))))
        .with("RetentionInDays", reference("LogRetentionDays"));
    let logs = Map::new()
        .with("Type", "AWS::Logs::LogGroup")
        .with("DeletionPolicy", "Delete")
        .with("UpdateReplacePolicy", "Delete")
        .with("Properties", properties);
    resources.push((group.clone(), logs));

    let logging = Map::new()
        .with("LogGroup", reference(&group))
        .with("LogFormat", "JSON")
        .with("ApplicationLogLevel", "INFO")
        .with("SystemLogLevel", "WARN");
    let mut properties = Map::new()
        .with("FunctionName", scope.named(&function.name))
        .with("CodeUri", format!("../../target/lambda/{}/bootstrap.zip", function.name))
        .with("Role", get_att(&role_id(&function.role), "Arn"))
        .with("MemorySize", function.memory_mb)
        .with("Timeout", function.timeout_seconds)
        .maybe("ReservedConcurrentExecutions", function.reserved_concurrency)
        .with("LoggingConfig", logging);
    let common = common(stack);
    let is_own = |(name, _): &(&String, &Value)| !common.contains_key(*name);
    let own: BTreeMap<String, Value> = function
        .environment
        .iter()
        .filter(is_own)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !own.is_empty() {
        properties = properties.with("Environment", variables(&own, scope));
    }
    let resource = Map::new().with("Type", "AWS::Serverless::Function").with("Properties", properties);
    resources.push((format!("{id}Function"), resource));

    if let Some(mapping) = stack.mappings.iter().find(|mapping| mapping.name == function.name) {
        resources.push((format!("{id}Mapping"), self::mapping(mapping, &id)));
    }
}

/// The API's function with its role and its URL. All of it only where it is switched on, and no permission for anybody: IAM's
/// policies of the callers give it.
pub(super) fn api(resources: &mut Vec<(String, Map)>, api: &Api, stack: &Stack, scope: Scope) {
    let mut own = vec![role(&api.role, scope)];
    function(&mut own, &api.function, stack, scope);
    let url = Map::new()
        .with("AuthType", Api::AUTH)
        .with("TargetFunctionArn", get_att("ApiFunction", "Arn"))
        .with("InvokeMode", "BUFFERED");
    own.push((
        "ApiUrl".to_owned(),
        Map::new().with("Type", "AWS::Lambda::Url").commented(API_REASON).with("Properties", url),
    ));
    resources.extend(own.into_iter().map(|(id, resource)| (id, resource.only_if(HAS_API))));
}

fn mapping(mapping: &Mapping, id: &str) -> Map {
    let window = mapping.batching_window_seconds;
    let most = |most: u32| Map::new().with("MaximumConcurrency", most);
    let pollers = mapping.provisioned_pollers.map(|pollers| {
        Map::new().with("MinimumPollers", pollers.minimum).with("MaximumPollers", pollers.maximum)
    });
    let properties = Map::new()
        .with("EventSourceArn", get_att(&format!("{id}Queue"), "Arn"))
        .with("FunctionName", reference(&format!("{id}Function")))
        .with("FunctionResponseTypes", vec!["ReportBatchItemFailures"])
        .with("BatchSize", mapping.batch_size)
        .maybe("MaximumBatchingWindowInSeconds", (window > 0).then_some(window))
        .maybe("ScalingConfig", mapping.maximum_concurrency.map(most))
        .maybe("ProvisionedPollerConfig", pollers);
    Map::new().with("Type", "AWS::Lambda::EventSourceMapping").with("Properties", properties)
}

/// A queue and its policy.
pub(super) fn queue(resources: &mut Vec<(String, Map)>, queue: &Queue, stack: &Stack, scope: Scope) {
    let id = format!("{}Queue", logical(&queue.name));
    let redrive = queue.receives_max.map(|receives| {
        let target = if scope.is_nested {
            scope.text(&Text::of("arn:${Partition}:sqs:${Region}:${Account}:${Stack}-dead-letter"))
        } else {
            get_att("DeadLetterQueue", "Arn").into()
        };
        Map::new().with("deadLetterTargetArn", target).with("maxReceiveCount", receives)
    });
    let properties = Map::new()
        .with("QueueName", scope.named(&queue.name))
        .with("VisibilityTimeout", queue.visibility_seconds)
        .with("MessageRetentionPeriod", queue.retention_seconds)
        .maybe("RedrivePolicy", redrive)
        .with("SqsManagedSseEnabled", choose("HasKey", false, true))
        .with("KmsMasterKeyId", only_if("HasKey", reference("KmsKeyArn")))
        .with("KmsDataKeyReusePeriodSeconds", only_if("HasKey", KMS_REUSE_SECONDS));
    let resource = Map::new().with("Type", "AWS::SQS::Queue").commented(queue.purpose);
    resources.push((id.clone(), resource.with("Properties", properties)));

    let mut statements = vec![Node::from(tls_only("sqs:*", vec![get_att(&id, "Arn").into()]))];
    if stack.takes_triggers(queue) {
        // Not by a pattern: CloudFormation names a rule, and may shorten the stack's name in it.
        let rules: Vec<Map> =
            stack.triggers.iter().map(|trigger| get_att(&rule_id(trigger), "Arn")).collect();
        let statement = Map::new()
            .with("Sid", "Triggers")
            .with("Effect", "Allow")
            .with("Principal", Map::new().with("Service", "events.amazonaws.com"))
            .with("Action", "sqs:SendMessage")
            .with("Resource", get_att(&id, "Arn"))
            .with("Condition", Map::new().with("ArnEquals", Map::new().with("aws:SourceArn", rules)));
        statements.push(statement.into());
    }
    let buckets = stack.telling_buckets(queue);
    if !buckets.is_empty() {
        let from: Vec<Node> = buckets.iter().map(|arn| scope.text(arn)).collect();
        let condition = Map::new()
            .with("ArnEquals", Map::new().with("aws:SourceArn", from))
            .with("StringEquals", Map::new().with("aws:SourceAccount", reference("AWS::AccountId")));
        let statement = Map::new()
            .with("Sid", "Uploads")
            .with("Effect", "Allow")
            .with("Principal", Map::new().with("Service", "s3.amazonaws.com"))
            .with("Action", "sqs:SendMessage")
            .with("Resource", get_att(&id, "Arn"))
            .with("Condition", condition);
        statements.push(statement.into());
    }
    let properties =
        Map::new().with("Queues", vec![reference(&id)]).with("PolicyDocument", document(statements));
    let policy = Map::new().with("Type", "AWS::SQS::QueuePolicy").with("Properties", properties);
    resources.push((format!("{id}Policy"), policy));
}

/// The hourly sweep, the group of waits beyond 15 minutes, and what starts runs by itself.
pub(super) fn triggers(resources: &mut Vec<(String, Map)>, stack: &Stack, scope: Scope) {
    let name = scope.text(&Text::of("${Stack}"));
    let group = Map::new()
        .with("Type", "AWS::Scheduler::ScheduleGroup")
        .commented("Waits beyond 15 minutes are one-time schedules in this group.")
        .with("Properties", Map::new().with("Name", name));
    resources.push(("ScheduleGroup".to_owned(), group));

    let target = Map::new()
        .with("Arn", get_att("TimerQueue", "Arn"))
        .with("RoleArn", get_att("SchedulerRole", "Arn"))
        .with("Input", r#"{"sweep": true}"#);
    let properties = Map::new()
        .with("Name", scope.named("sweep"))
        .with("GroupName", reference("ScheduleGroup"))
        .with("ScheduleExpression", "rate(1 hour)")
        .with("FlexibleTimeWindow", Map::new().with("Mode", "OFF"))
        .with("Target", target);
    let sweep = Map::new()
        .with("Type", "AWS::Scheduler::Schedule")
        .commented("Once an hour the timer function looks for runs that nothing moves any more.")
        .with("Properties", properties);
    resources.push(("SweepSchedule".to_owned(), sweep));

    resources.extend(stack.triggers.iter().map(trigger));
}

fn rule_id(trigger: &Trigger) -> String {
    let kind = match trigger.when {
        When::Schedule(_) => "Schedule",
        When::Event(_) => "Event",
    };
    format!("{}{kind}Rule", logical(&trigger.workflow))
}

fn trigger(trigger: &Trigger) -> (String, Map) {
    let input = crate::build::trigger_input(&trigger.workflow);
    let transformer =
        Map::new().with("InputPathsMap", Map::new().with("id", "$.id")).with("InputTemplate", input);
    let target = Map::new()
        .with("Id", "start")
        .with("Arn", get_att("StartQueue", "Arn"))
        .with("DeadLetterConfig", Map::new().with("Arn", get_att("DeadLetterQueue", "Arn")))
        .comment(crate::build::UNDELIVERED_REASON)
        .with("InputTransformer", transformer);
    let when = match &trigger.when {
        When::Schedule(expression) => Map::new().with("ScheduleExpression", expression.as_str()),
        When::Event(pattern) => Map::new().with("EventPattern", Node::from(pattern)),
    };
    let resource = Map::new()
        .with("Type", "AWS::Events::Rule")
        .commented(crate::build::TRIGGER_REASON)
        .with("Properties", when.with("Targets", vec![target]));
    (rule_id(trigger), resource)
}
