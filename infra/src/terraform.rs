//! The stack as Terraform configuration.
//!
//! The same model as the SAM template's, for those whose account is Terraform's. The providers' documentation of each
//! resource: <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>.

mod functions;
mod monitoring;
mod roles;
mod storage;
mod words;

use crate::{
    hcl::{Body, Value, quoted, raw, write},
    model::{Parameter, ParameterKind, Stack},
    roles::BUCKET,
    text::Text,
};
use std::collections::BTreeMap;
use words::{snake, text};

/// Where the folder stands from the workspace's.
pub const FOLDER: &str = "infra/terraform";

const HEAD: &str =
    "Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
Change those, not this file: a test compares them. infra/README.md says how it is used.";

/// All files, by name. Equal stacks give equal bytes.
pub fn render(stack: &Stack) -> BTreeMap<String, String> {
    let files = [
        ("versions.tf", versions()),
        ("variables.tf", variables(stack)),
        ("storage.tf", storage::body(stack)),
        ("queues.tf", functions::queues(stack)),
        ("functions.tf", functions::functions(stack)),
        ("roles.tf", roles::body(stack)),
        ("triggers.tf", functions::triggers(stack)),
        ("monitoring.tf", monitoring::body(stack)),
        ("outputs.tf", outputs(stack)),
    ];
    files.into_iter().map(|(name, body)| (name.to_owned(), write(HEAD, &body))).collect()
}

fn versions() -> Body {
    let aws = Value::Object(vec![
        ("source".to_owned(), quoted("hashicorp/aws")),
        // The first one with a table's warm_throughput is 6.13.
        ("version".to_owned(), quoted(">= 6.13")),
    ]);
    let settings = Body::new()
        .with("required_version", quoted(">= 1.5"))
        .block("required_providers", Body::new().with("aws", aws));
    let locals = Body::new()
        .with("account", raw("data.aws_caller_identity.current.account_id"))
        .with("region", raw("data.aws_region.current.region"))
        .with("partition", raw("data.aws_partition.current.partition"))
        .with("has_key", raw("var.kms_key_arn != \"\""))
        .with("alarm_actions", raw("var.alarm_topic_arn == \"\" ? [] : [var.alarm_topic_arn]"));
    Body::new()
        .block("terraform", settings)
        .block("data \"aws_caller_identity\" \"current\"", Body::new())
        .block("data \"aws_region\" \"current\"", Body::new())
        .block("data \"aws_partition\" \"current\"", Body::new())
        .block("locals", locals)
}

fn variables(stack: &Stack) -> Body {
    let name = Body::new()
        .with("condition", raw("can(regex(\"^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$\", var.stack))"))
        .with(
            "error_message",
            quoted("At most 32 lower-case letters, digits and hyphens; first a letter, last no hyphen."),
        );
    let stack_name = Body::new()
        .with("type", raw("string"))
        .with("description", quoted("The stack's name: the first part of all names."))
        .block("validation", name);
    let zips = Body::new()
        .with("type", raw("string"))
        .with(
            "description",
            quoted("The folder with <function>/bootstrap.zip, as cargo lambda build writes it."),
        )
        .with("default", quoted("../../target/lambda"));
    let first = Body::new().block("variable \"stack\"", stack_name).block("variable \"zips\"", zips);
    stack.parameters.iter().fold(first, |all, parameter| {
        all.block(format!("variable \"{}\"", snake(parameter.name)), variable(parameter))
    })
}

fn variable(parameter: &Parameter) -> Body {
    let Parameter { name, kind, default, description } = parameter;
    let name = format!("var.{}", snake(name));
    let is_switch = matches!(kind, ParameterKind::OneOf(values) if *values == ["true", "false"]);
    let is_number = matches!(kind, ParameterKind::Number(..));
    let kind_is = match kind {
        _ if is_switch => "bool",
        _ if is_number => "number",
        _ => "string",
    };
    let default = if is_switch || is_number { raw(default.as_str()) } else { quoted(default) };
    let body = Body::new()
        .with("type", raw(kind_is))
        .with("description", quoted(description))
        .with("default", default);
    let (condition, message) = match kind {
        _ if is_switch => return body,
        ParameterKind::OneOf(values) => {
            let list: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
            (format!("contains([{}], {name})", list.join(", ")), format!("One of {}.", values.join(", ")))
        }
        ParameterKind::Number(least, most) => {
            (format!("{name} >= {least} && {name} <= {most}"), format!("A number from {least} to {most}."))
        }
        ParameterKind::Pattern(pattern) => {
            (format!("can(regex(\"^({pattern})$\", {name}))"), format!("It must fit the pattern {pattern}."))
        }
    };
    let validation = Body::new().with("condition", raw(condition)).with("error_message", quoted(&message));
    body.block("validation", validation)
}

fn outputs(stack: &Stack) -> Body {
    let output = |body: Body, name: &str, description: &str, value: Value| {
        let output = Body::new().with("description", quoted(description)).with("value", value);
        body.block(format!("output \"{name}\""), output)
    };
    let page = "https://${Region}.console.aws.amazon.com/cloudwatch/home?region=${Region}#dashboards/dashboard/${Stack}-${Region}";
    let body = output(Body::new(), "table", "The table of runs.", raw("aws_dynamodb_table.runs.name"));
    let body = output(body, "bucket", "The bucket of large payloads.", text(&Text::of(BUCKET)));
    let queues = [
        ("start", "Where runs are asked for."),
        ("parked", "Messages that nobody can handle."),
        ("dead_letter", "Messages that were received too often."),
    ];
    let body = queues.into_iter().fold(body, |body, (name, description)| {
        output(body, &format!("{name}_queue_url"), description, raw(format!("aws_sqs_queue.{name}.url")))
    });
    let body = output(body, "dashboard", "The page of graphs.", text(&Text::of(page)));
    if stack.api.is_none() {
        return body;
    }
    let url = raw("var.api_enabled ? aws_lambda_function_url.api[0].function_url : null");
    output(body, "api_url", "The Step Functions API. Requests are signed for the service lambda.", url)
}
