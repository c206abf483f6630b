//! The Terraform configuration, parsed. Its providers are not needed for that: names and references are checked here.

use crate::support::{everything, large, stack};
use hcl::{Block, Body, Expression};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_infra::{Part, Stack, Text, terraform};

pub(crate) fn rendered(stack: &Stack) -> BTreeMap<String, String> {
    terraform::render(stack)
}

/// All blocks of all files.
pub(crate) fn blocks(stack: &Stack) -> Vec<Block> {
    let parsed = rendered(stack).into_iter().map(|(file, text)| {
        let body: Body = hcl::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        body.into_blocks().collect::<Vec<Block>>()
    });
    parsed.flatten().collect()
}

pub(crate) fn labels(block: &Block) -> Vec<&str> {
    block.labels().iter().map(|label| label.as_str()).collect()
}

fn resources<'b>(blocks: &'b [Block], kind: &'b str) -> impl Iterator<Item = (&'b str, &'b Body)> {
    let of_kind =
        blocks.iter().filter(move |block| block.identifier() == "resource" && labels(block)[0] == kind);
    of_kind.map(|block| (labels(block)[1], block.body()))
}

pub(crate) fn attribute<'b>(body: &'b Body, name: &str) -> Option<&'b Expression> {
    body.attributes().find(|attribute| attribute.key() == name).map(|attribute| attribute.expr())
}

fn number(body: &Body, name: &str) -> u64 {
    match attribute(body, name) {
        Some(Expression::Number(number)) => number.as_u64().unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn every_name_is_given_once_and_whatever_is_used_is_there() {
    for facts in [everything(), large()] {
        let stack = stack(&facts);
        let blocks = blocks(&stack);
        let mut there = BTreeSet::new();
        for block in &blocks {
            let name = match (block.identifier(), &labels(block)[..]) {
                ("resource", [kind, name]) => format!("{kind}.{name}"),
                ("data", [kind, name]) => format!("data.{kind}.{name}"),
                ("variable", [name]) => format!("var.{name}"),
                _ => continue,
            };
            assert!(there.insert(name.clone()), "{name} is there twice");
        }
        let locals = blocks.iter().find(|block| block.identifier() == "locals").unwrap();
        there.extend(locals.body().attributes().map(|local| format!("local.{}", local.key())));

        let mut used = BTreeSet::new();
        for text in rendered(&stack).into_values() {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
            for word in words {
                let parts: Vec<&str> = word.split('.').collect();
                match parts[..] {
                    [kind @ ("var" | "local"), name, ..] => {
                        used.insert(format!("{kind}.{name}"));
                    }
                    ["data", kind, name, ..] => {
                        used.insert(format!("data.{kind}.{name}"));
                    }
                    [kind, name, ..] if kind.starts_with("aws_") => {
                        used.insert(format!("{kind}.{name}"));
                    }
                    _ => {}
                }
            }
        }
        let missing: Vec<_> = used.difference(&there).collect();
        assert!(missing.is_empty(), "used, and not there: {missing:?}");
        let variables = there.iter().filter(|name| name.starts_with("var."));
        let unused: Vec<_> = variables.filter(|name| !used.contains(*name)).collect();
        // No workflow has status events in one of the two.
        assert!(unused.iter().all(|name| *name == "var.event_bus_name"), "unused: {unused:?}");
    }
}

#[test]
fn it_holds_what_the_model_holds() {
    let stack = stack(&everything());
    let blocks = blocks(&stack);
    let count = |kind: &str| resources(&blocks, kind).count();
    let functions = stack.functions.len() + stack.api.iter().len();
    assert_eq!(count("aws_lambda_function"), functions);
    assert_eq!(count("aws_cloudwatch_log_group"), functions);
    assert_eq!(count("aws_lambda_event_source_mapping"), stack.mappings.len());
    assert_eq!(count("aws_sqs_queue"), stack.queues.len());
    assert_eq!(count("aws_sqs_queue_policy"), stack.queues.len());
    assert_eq!(count("aws_dynamodb_table"), stack.tables.len());
    assert_eq!(count("aws_iam_role"), stack.roles.len() + stack.api.iter().len());
    assert_eq!(count("aws_cloudwatch_metric_alarm"), stack.alarms.len());
    assert_eq!(count("aws_cloudwatch_event_rule"), stack.triggers.len());
    for (id, body) in resources(&blocks, "aws_dynamodb_table").chain(resources(&blocks, "aws_s3_bucket")) {
        let lifecycle = body.blocks().find(|block| block.identifier() == "lifecycle").unwrap();
        assert_eq!(attribute(lifecycle.body(), "prevent_destroy"), Some(&Expression::Bool(true)), "{id}");
    }
}

#[test]
fn a_message_is_hidden_for_six_timeouts_and_the_window() {
    let blocks = blocks(&stack(&everything()));
    let of = |kind: &'static str, wanted: &str| {
        resources(&blocks, kind).find(|(id, _)| *id == wanted).map(|(_, body)| body).unwrap()
    };
    for (id, mapping) in resources(&blocks, "aws_lambda_event_source_mapping") {
        let window = attribute(mapping, "maximum_batching_window_in_seconds")
            .map_or(0, |_| number(mapping, "maximum_batching_window_in_seconds"));
        let visibility = number(of("aws_sqs_queue", id), "visibility_timeout_seconds");
        assert!(visibility >= 6 * number(of("aws_lambda_function", id), "timeout") + window, "{id}");
        assert!(number(mapping, "batch_size") <= 10 || window >= 1, "{id}");
    }
}

#[test]
fn no_function_takes_a_long_run_for_a_loop() {
    let stack = stack(&everything());
    let blocks = blocks(&stack);
    let [(_, config)] = resources(&blocks, "aws_lambda_function_recursion_config").collect::<Vec<_>>()[..]
    else {
        panic!("one for all")
    };
    assert_eq!(attribute(config, "recursive_loop"), Some(&Expression::from("Allow")));
    let Some(Expression::Object(of)) = attribute(config, "for_each") else { panic!("{config:?}") };
    let names: Vec<String> = of.values().map(shown).collect();
    let function = |name: &str| format!("aws_lambda_function.{}.function_name", name.replace('-', "_"));
    assert_eq!(names, stack.functions.iter().map(|of| function(&of.name)).collect::<Vec<_>>());
}

/// An expression as a text, without the quotes of one that is a text.
pub(crate) fn shown(expression: &Expression) -> String {
    match expression {
        Expression::String(text) => text.clone(),
        other => hcl::format::to_string(other).unwrap().trim().trim_matches('"').to_owned(),
    }
}

fn list(expression: &Expression) -> Vec<String> {
    match expression {
        Expression::Array(list) => list.iter().map(shown).collect(),
        other => panic!("{other:?} is no list"),
    }
}

/// The members of an object, by name.
fn members(expression: &Expression) -> BTreeMap<String, &Expression> {
    let Expression::Object(members) = expression else { panic!("{expression:?} is no object") };
    members.iter().map(|(key, value)| (key.to_string().trim_matches('"').to_owned(), value)).collect()
}

/// The statements of the policy in `jsonencode(…)`.
fn statements(body: &Body, name: &str) -> Vec<Expression> {
    let Some(Expression::FuncCall(call)) = attribute(body, name) else { panic!("{name} of {body:?}") };
    match members(&call.args[0])["Statement"] {
        Expression::Array(list) => list.clone(),
        other => panic!("{other:?}"),
    }
}

/// What the model says, with its gaps as Terraform has them.
fn modelled(text: &Text) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.clone(),
        Part::Stack => "${var.stack}".to_owned(),
        Part::Region => "${local.region}".to_owned(),
        Part::Account => "${local.account}".to_owned(),
        Part::Partition => "${local.partition}".to_owned(),
        Part::RoleArn(role) => format!("aws_iam_role.{role}.arn"),
        Part::Parameter(name) if name == "KmsKeyArn" => "var.kms_key_arn".to_owned(),
        Part::Parameter(name) if name == "EventBusName" => "${var.event_bus_name}".to_owned(),
        Part::Parameter(name) => panic!("{name}"),
    };
    text.0.iter().map(part).collect()
}

#[test]
fn a_role_may_do_what_the_model_says() {
    for facts in [everything(), large()] {
        let stack = stack(&facts);
        let blocks = blocks(&stack);
        let policies: BTreeMap<&str, &Body> = resources(&blocks, "aws_iam_role_policy").collect();
        let mut seen = 0;
        for role in stack.roles.iter().chain(stack.api.iter().map(|api| &api.role)) {
            let id = role.name.replace('-', "_");
            let keyed = format!("{id}_key");
            let plain = statements(policies[id.as_str()], "policy");
            let with_key = statements(policies[keyed.as_str()], "policy");
            let switch = if id == "api" { "var.api_enabled && " } else { "" };
            let count = shown(attribute(policies[keyed.as_str()], "count").unwrap());
            assert_eq!(count, format!("{switch}local.has_key ? 1 : 0"));
            let (mut plain, mut with_key) = (plain.iter(), with_key.iter());
            for wanted in &role.statements {
                let is = if wanted.needs_key { with_key.next() } else { plain.next() };
                let is = members(is.unwrap());
                assert_eq!((shown(is["Sid"]), shown(is["Effect"])), (wanted.sid.clone(), "Allow".to_owned()));
                assert_eq!(list(is["Action"]), wanted.actions, "{id}");
                let texts = |texts: &[Text]| texts.iter().map(modelled).collect::<Vec<String>>();
                assert_eq!(list(is["Resource"]), texts(&wanted.resources), "{id}");
                let conditions =
                    is.get("Condition").map(|conditions| members(conditions)).unwrap_or_default();
                assert_eq!(conditions.len(), wanted.conditions.len(), "{id}: {}", wanted.sid);
                for condition in &wanted.conditions {
                    let values = members(conditions[condition.operator]);
                    assert_eq!(list(values[condition.key]), texts(&condition.values), "{id}: {}", wanted.sid);
                }
                seen += 1;
            }
            assert_eq!((plain.next(), with_key.next()), (None, None), "{id}: more than the model has");
        }
        assert!(seen > 30, "{seen}");
    }
}

#[test]
fn a_text_with_terraforms_own_marks_stays_as_it_is() {
    let functions = &rendered(&stack(&everything()))["functions.tf"];
    assert!(functions.contains(r#""$${Hello}, \"you\" %%{x}""#), "{functions}");
}

#[test]
fn what_is_written_for_every_setting() {
    let files = rendered(&stack(&everything()));
    // What roles may do is compared with the model instead.
    for name in ["functions", "monitoring", "queues", "storage", "triggers", "variables"] {
        insta::assert_snapshot!(name, files[&format!("{name}.tf")]);
    }
}
