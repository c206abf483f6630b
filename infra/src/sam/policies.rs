//! Roles and policies.

use super::words::{Scope, only_if, role_id};
use crate::{
    model::{Role, Statement},
    tree::{Map, Node},
};

pub(super) fn document(statements: Vec<Node>) -> Map {
    Map::new().with("Version", "2012-10-17").with("Statement", statements)
}

/// Nobody gets in without TLS, whatever else they may do.
pub(super) fn tls_only(action: &str, resources: Vec<Node>) -> Map {
    let insecure = Map::new().with("aws:SecureTransport", "false");
    Map::new()
        .with("Sid", "TlsOnly")
        .with("Effect", "Deny")
        .with("Principal", "*")
        .with("Action", action)
        .with("Resource", resources)
        .with("Condition", Map::new().with("Bool", insecure))
}

pub(super) fn role(role: &Role, scope: Scope) -> (String, Map) {
    let mut trust = Map::new()
        .with("Effect", "Allow")
        .with("Principal", Map::new().with("Service", role.service))
        .with("Action", "sts:AssumeRole");
    if let Some(source) = &role.source_arn {
        let account = crate::text::Text::of("${Account}");
        let equals = Map::new()
            .with("aws:SourceAccount", scope.text(&account))
            .with("aws:SourceArn", scope.text(source));
        trust = trust.with("Condition", Map::new().with("StringEquals", equals));
    }
    let statements = role.statements.iter().map(|statement| self::statement(statement, scope)).collect();
    let policy = Map::new().with("PolicyName", "stepladder").with("PolicyDocument", document(statements));
    let properties = Map::new()
        .with("AssumeRolePolicyDocument", document(vec![trust.into()]))
        .with("Policies", vec![policy]);
    let role_resource = Map::new().with("Type", "AWS::IAM::Role").with("Properties", properties);
    (role_id(&role.name), role_resource)
}

fn statement(statement: &Statement, scope: Scope) -> Node {
    let texts =
        |texts: &[crate::text::Text]| texts.iter().map(|text| scope.text(text)).collect::<Vec<Node>>();
    let mut map = Map::new()
        .with("Sid", statement.sid.as_str())
        .commented(statement.reason.unwrap_or_default())
        .with("Effect", "Allow")
        .with("Action", statement.actions.iter().map(String::as_str).collect::<Vec<_>>())
        .with("Resource", texts(&statement.resources));
    if !statement.conditions.is_empty() {
        let conditions = statement.conditions.iter().fold(Map::new(), |all, condition| {
            let values = Map::new().with(condition.key, one_or_more(texts(&condition.values)));
            all.with(condition.operator, values)
        });
        map = map.with("Condition", conditions);
    }
    if statement.needs_key { only_if("HasKey", map) } else { map.into() }
}

fn one_or_more(mut values: Vec<Node>) -> Node {
    match values.len() {
        1 => values.remove(0),
        _ => Node::List(values),
    }
}
