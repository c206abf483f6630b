//! Functions, their queues, what connects the two, and what sends to queues by itself.

use super::{
    roles::{document, tls_only},
    words::{There, named, snake, text},
};
use crate::{
    build::API_REASON,
    hcl::{Body, Value, quoted, raw},
    limits::KMS_REUSE_SECONDS,
    model::{Api, Function, Mapping, Queue, Stack, Trigger, Value as Variable, When},
    text::Text,
};

pub(super) fn queues(stack: &Stack) -> Body {
    stack.queues.iter().fold(Body::new(), |body, queue| body.and(self::queue(queue, stack)))
}

fn queue(queue: &Queue, stack: &Stack) -> Body {
    let id = snake(&queue.name);
    let redrive = queue.receives_max.map(|receives| {
        let policy = vec![
            ("deadLetterTargetArn".to_owned(), raw("aws_sqs_queue.dead_letter.arn")),
            ("maxReceiveCount".to_owned(), receives.into()),
        ];
        Value::Call("jsonencode", Box::new(Value::Object(policy)))
    });
    let resource = Body::new()
        .with("name", named(&queue.name))
        .with("visibility_timeout_seconds", queue.visibility_seconds)
        .with("message_retention_seconds", queue.retention_seconds)
        .maybe("redrive_policy", redrive)
        .with("sqs_managed_sse_enabled", raw("local.has_key ? null : true"))
        .with("kms_master_key_id", raw("local.has_key ? var.kms_key_arn : null"))
        .with(
            "kms_data_key_reuse_period_seconds",
            raw(format!("local.has_key ? {KMS_REUSE_SECONDS} : null")),
        );
    let arn = || raw(format!("aws_sqs_queue.{id}.arn"));
    let mut statements = vec![Value::Object(tls_only("sqs:*", vec![arn()]))];
    if stack.takes_triggers(queue) {
        let arn_of = |trigger| raw(format!("aws_cloudwatch_event_rule.{}.arn", rule_id(trigger)));
        let rules = Value::List(stack.triggers.iter().map(arn_of).collect());
        let from = Value::Object(vec![("\"aws:SourceArn\"".to_owned(), rules)]);
        statements.push(Value::Object(vec![
            ("Sid".to_owned(), quoted("Triggers")),
            ("Effect".to_owned(), quoted("Allow")),
            (
                "Principal".to_owned(),
                Value::Object(vec![("Service".to_owned(), quoted("events.amazonaws.com"))]),
            ),
            ("Action".to_owned(), quoted("sqs:SendMessage")),
            ("Resource".to_owned(), arn()),
            ("Condition".to_owned(), Value::Object(vec![("ArnEquals".to_owned(), from)])),
        ]));
    }
    let buckets = stack.telling_buckets(queue);
    if !buckets.is_empty() {
        let from = Value::List(buckets.iter().map(text).collect());
        let of = Value::Object(vec![("\"aws:SourceArn\"".to_owned(), from)]);
        let ours = vec![("\"aws:SourceAccount\"".to_owned(), text(&Text::of("${Account}")))];
        statements.push(Value::Object(vec![
            ("Sid".to_owned(), quoted("Uploads")),
            ("Effect".to_owned(), quoted("Allow")),
            ("Principal".to_owned(), Value::Object(vec![("Service".to_owned(), quoted("s3.amazonaws.com"))])),
            ("Action".to_owned(), quoted("sqs:SendMessage")),
            ("Resource".to_owned(), arn()),
            (
                "Condition".to_owned(),
                Value::Object(vec![
                    ("ArnEquals".to_owned(), of),
                    ("StringEquals".to_owned(), Value::Object(ours)),
                ]),
            ),
        ]));
    }
    let policy = Body::new()
        .with("queue_url", raw(format!("aws_sqs_queue.{id}.id")))
        .with("policy", document(statements));
    Body::new()
        .comment(queue.purpose)
        .block(format!("resource \"aws_sqs_queue\" \"{id}\""), resource)
        .block(format!("resource \"aws_sqs_queue_policy\" \"{id}\""), policy)
}

pub(super) fn functions(stack: &Stack) -> Body {
    let body = stack.functions.iter().fold(Body::new(), |body, function| {
        let mapping = stack.mappings.iter().find(|mapping| mapping.name == function.name);
        body.and(self::function(function, mapping, There::Always))
    });
    let body = stack.api.iter().fold(body, |body, api| body.and(self::api(api)));
    // A chain of calls goes by queues, and none feeds the API's function.
    let names = stack.functions.iter().map(|function| {
        let id = snake(&function.name);
        (id.clone(), raw(format!("aws_lambda_function.{id}.function_name")))
    });
    let recursion = Body::new()
        .with("for_each", Value::Object(names.collect()))
        .with("function_name", raw("each.value"))
        .with("recursive_loop", quoted("Allow"));
    body.comment(crate::build::RECURSION_REASON)
        .block("resource \"aws_lambda_function_recursion_config\" \"all\"", recursion)
}

/// The API's function with its URL. No permission for anybody: IAM's policies of the callers give it.
fn api(api: &Api) -> Body {
    let there = There::WithApi;
    let url = there
        .body()
        .with("function_name", raw(format!("aws_lambda_function.{}.function_name", there.named("api"))))
        .with("authorization_type", quoted(Api::AUTH))
        .with("invoke_mode", quoted("BUFFERED"));
    function(&api.function, None, there)
        .comment(API_REASON)
        .block("resource \"aws_lambda_function_url\" \"api\"", url)
}

fn function(function: &Function, mapping: Option<&Mapping>, there: There) -> Body {
    let id = snake(&function.name);
    let group = Text::of(format!("/aws/lambda/${{Stack}}-{}", function.name));
    let logs = there
        .body()
        .with("name", text(&group))
        .with("retention_in_days", raw("tonumber(var.log_retention_days)"));
    let zip = format!("${{var.zips}}/{}/bootstrap.zip", function.name);
    let variables = function.environment.iter().map(|(name, value)| (name.clone(), variable(value)));
    let logging = Body::new()
        .with("log_group", raw(format!("aws_cloudwatch_log_group.{}.name", there.named(&id))))
        .with("log_format", quoted("JSON"))
        .with("application_log_level", quoted("INFO"))
        .with("system_log_level", quoted("WARN"));
    let role = there.named(&snake(&function.role));
    let resource = there
        .body()
        .with("function_name", named(&function.name))
        .with("filename", raw(format!("\"{zip}\"")))
        .with("source_code_hash", raw(format!("filebase64sha256(\"{zip}\")")))
        .with("role", raw(format!("aws_iam_role.{role}.arn")))
        .with("runtime", quoted("provided.al2023"))
        .with("handler", quoted("bootstrap"))
        .with("architectures", Value::List(vec![raw("var.architecture")]))
        .with("memory_size", function.memory_mb)
        .with("timeout", function.timeout_seconds)
        .maybe("reserved_concurrent_executions", function.reserved_concurrency)
        .block("environment", Body::new().with("variables", Value::Object(variables.collect())))
        .block("logging_config", logging);
    let body = Body::new()
        .block(format!("resource \"aws_cloudwatch_log_group\" \"{id}\""), logs)
        .block(format!("resource \"aws_lambda_function\" \"{id}\""), resource);
    match mapping {
        Some(mapping) => {
            let head = format!("resource \"aws_lambda_event_source_mapping\" \"{id}\"");
            body.block(head, self::mapping(mapping, &id, &function.role))
        }
        None => body,
    }
}

fn variable(value: &Variable) -> Value {
    match value {
        Variable::Text(value) => text(value),
        // The functions take an empty one for one that is not set.
        Variable::Parameter("LogSample") => raw("var.log_sample"),
        Variable::Parameter(name) => raw(format!("tostring(var.{})", snake(name))),
    }
}

fn mapping(mapping: &Mapping, id: &str, role: &str) -> Body {
    let window = mapping.batching_window_seconds;
    let mut body = Body::new()
        .with("event_source_arn", raw(format!("aws_sqs_queue.{id}.arn")))
        .with("function_name", raw(format!("aws_lambda_function.{id}.arn")))
        .with("function_response_types", Value::List(vec![quoted("ReportBatchItemFailures")]))
        .with("batch_size", mapping.batch_size)
        .maybe("maximum_batching_window_in_seconds", (window > 0).then_some(window))
        // Lambda looks at the role before it polls.
        .with("depends_on", Value::List(vec![raw(format!("aws_iam_role_policy.{}", snake(role)))]));
    if let Some(most) = mapping.maximum_concurrency {
        body = body.block("scaling_config", Body::new().with("maximum_concurrency", most));
    }
    if let Some(pollers) = mapping.provisioned_pollers {
        let pollers =
            Body::new().with("minimum_pollers", pollers.minimum).with("maximum_pollers", pollers.maximum);
        body = body.block("provisioned_poller_config", pollers);
    }
    body
}

pub(super) fn triggers(stack: &Stack) -> Body {
    let group = Body::new().with("name", text(&Text::of("${Stack}")));
    let target = Body::new()
        .with("arn", raw("aws_sqs_queue.timer.arn"))
        .with("role_arn", raw("aws_iam_role.scheduler.arn"))
        .with("input", quoted(r#"{"sweep": true}"#));
    let sweep = Body::new()
        .with("name", named("sweep"))
        .with("group_name", raw("aws_scheduler_schedule_group.stack.name"))
        .with("schedule_expression", quoted("rate(1 hour)"))
        .block("flexible_time_window", Body::new().with("mode", quoted("OFF")))
        .block("target", target);
    let body = Body::new()
        .comment("Waits beyond 15 minutes are one-time schedules in this group.")
        .block("resource \"aws_scheduler_schedule_group\" \"stack\"", group)
        .comment("Once an hour the timer function looks for runs that nothing moves any more.")
        .block("resource \"aws_scheduler_schedule\" \"sweep\"", sweep);
    stack.triggers.iter().fold(body, |body, trigger| body.and(self::trigger(trigger)))
}

fn rule_id(trigger: &Trigger) -> String {
    let kind = match trigger.when {
        When::Schedule(_) => "schedule",
        When::Event(_) => "event",
    };
    format!("{}_{kind}", snake(&trigger.workflow))
}

fn trigger(trigger: &Trigger) -> Body {
    let id = rule_id(trigger);
    let (name, value) = match &trigger.when {
        When::Schedule(expression) => ("schedule_expression", quoted(expression)),
        When::Event(pattern) => ("event_pattern", quoted(&pattern.to_string())),
    };
    let rule = Body::new().with("name_prefix", raw("\"${var.stack}-\"")).with(name, value);
    let transformer = Body::new()
        .with("input_paths", Value::Object(vec![("id".to_owned(), quoted("$.id"))]))
        .with("input_template", quoted(&crate::build::trigger_input(&trigger.workflow)));
    let target = Body::new()
        .with("rule", raw(format!("aws_cloudwatch_event_rule.{id}.name")))
        .with("arn", raw("aws_sqs_queue.start.arn"))
        // A rule that may not send yet would not try again.
        .with(
            "depends_on",
            Value::List(vec![raw("aws_sqs_queue_policy.start"), raw("aws_sqs_queue_policy.dead_letter")]),
        )
        .block("input_transformer", transformer)
        .comment(crate::build::UNDELIVERED_REASON)
        .block("dead_letter_config", Body::new().with("arn", raw("aws_sqs_queue.dead_letter.arn")));
    Body::new()
        .comment(crate::build::TRIGGER_REASON)
        .block(format!("resource \"aws_cloudwatch_event_rule\" \"{id}\""), rule)
        .block(format!("resource \"aws_cloudwatch_event_target\" \"{id}\""), target)
}
