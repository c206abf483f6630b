//! Roles and policies.

use super::words::{There, snake, text};
use crate::{
    hcl::{Body, Value, quoted, raw},
    model::{Role, Stack, Statement},
    text::Text,
};

pub(super) fn body(stack: &Stack) -> Body {
    let body = stack.roles.iter().fold(Body::new(), |body, role| body.and(self::role(role, There::Always)));
    stack.api.iter().fold(body, |body, api| body.and(role(&api.role, There::WithApi)))
}

/// `jsonencode` of a policy.
pub(super) fn document(statements: Vec<Value>) -> Value {
    let document =
        vec![("Version".to_owned(), quoted("2012-10-17")), ("Statement".to_owned(), Value::List(statements))];
    Value::Call("jsonencode", Box::new(Value::Object(document)))
}

/// Nobody gets in without TLS, whatever else they may do.
pub(super) fn tls_only(action: &str, resources: Vec<Value>) -> Vec<(String, Value)> {
    let insecure = vec![("\"aws:SecureTransport\"".to_owned(), quoted("false"))];
    vec![
        ("Sid".to_owned(), quoted("TlsOnly")),
        ("Effect".to_owned(), quoted("Deny")),
        ("Principal".to_owned(), quoted("*")),
        ("Action".to_owned(), quoted(action)),
        ("Resource".to_owned(), Value::List(resources)),
        ("Condition".to_owned(), Value::Object(vec![("Bool".to_owned(), Value::Object(insecure))])),
    ]
}

fn role(role: &Role, there: There) -> Body {
    let id = snake(&role.name);
    let mut trust = vec![
        ("Effect".to_owned(), quoted("Allow")),
        ("Principal".to_owned(), Value::Object(vec![("Service".to_owned(), quoted(role.service))])),
        ("Action".to_owned(), quoted("sts:AssumeRole")),
    ];
    if let Some(source) = &role.source_arn {
        let equals = vec![
            ("\"aws:SourceAccount\"".to_owned(), raw("local.account")),
            ("\"aws:SourceArn\"".to_owned(), text(source)),
        ];
        let condition = vec![("StringEquals".to_owned(), Value::Object(equals))];
        trust.push(("Condition".to_owned(), Value::Object(condition)));
    }
    let prefix = format!("\"${{substr(\"${{var.stack}}-{}\", 0, 37)}}-\"", role.name);
    let resource = there
        .body()
        .with("name_prefix", raw(prefix))
        .with("assume_role_policy", document(vec![Value::Object(trust)]));
    let (keyed, plain): (Vec<&Statement>, Vec<&Statement>) =
        role.statements.iter().partition(|statement| statement.needs_key);
    let policy = |statements: Vec<&Statement>| {
        let statements = statements.into_iter().map(statement).collect();
        Body::new()
            .with("role", raw(format!("aws_iam_role.{}.id", there.named(&id))))
            .with("policy", document(statements))
    };
    let reasons: Vec<String> = plain
        .iter()
        .filter_map(|statement| Some(format!("{}: {}", statement.sid, statement.reason?)))
        .collect();
    let body = Body::new()
        .block(format!("resource \"aws_iam_role\" \"{id}\""), resource)
        .comment(&reasons.join("\n"))
        .block(
            format!("resource \"aws_iam_role_policy\" \"{id}\""),
            there.body().with("name", quoted("stepladder")).and_attributes(policy(plain)),
        );
    if keyed.is_empty() {
        return body;
    }
    let count = match there {
        There::Always => "local.has_key ? 1 : 0",
        There::WithApi => "var.api_enabled && local.has_key ? 1 : 0",
    };
    let key = Body::new()
        .with("count", raw(count))
        .with("name", quoted("stepladder-key"))
        .and_attributes(policy(keyed));
    body.block(format!("resource \"aws_iam_role_policy\" \"{id}_key\""), key)
}

fn statement(statement: &Statement) -> Value {
    let texts = |texts: &[Text]| Value::List(texts.iter().map(text).collect());
    let mut members = vec![
        ("Sid".to_owned(), quoted(&statement.sid)),
        ("Effect".to_owned(), quoted("Allow")),
        ("Action".to_owned(), Value::List(statement.actions.iter().map(|action| quoted(action)).collect())),
        ("Resource".to_owned(), texts(&statement.resources)),
    ];
    if !statement.conditions.is_empty() {
        let condition = |condition: &crate::model::Condition| {
            let values = vec![(format!("\"{}\"", condition.key), texts(&condition.values))];
            (format!("\"{}\"", condition.operator), Value::Object(values))
        };
        members.push((
            "Condition".to_owned(),
            Value::Object(statement.conditions.iter().map(condition).collect()),
        ));
    }
    Value::Object(members)
}
