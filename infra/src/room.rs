//! Whether a stack has room in what AWS measures only when it is deployed: a role's policy, a function's variables.
//! All names that a deployment chooses are taken at their longest.

use crate::{
    facts::SettingError,
    limits,
    model::{Function, Role, Stack, Statement, Value},
    text::{Place, Text},
};
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// Policies that IAM would refuse, and variables that Lambda would.
pub(crate) fn faults(stack: &Stack) -> Vec<SettingError> {
    let name = "s".repeat(stack.name_chars_max());
    let bus = "b".repeat(limits::BUS_NAME_CHARS_MAX);
    let role_arn =
        format!("arn:aws-us-gov:iam::123456789012:role/{}", "r".repeat(limits::ROLE_NAME_CHARS_MAX));
    let days = limits::RETENTION_DAYS.end().to_string();
    // Of all regions' names with their partitions' the longest.
    let place = Place {
        stack: &name,
        region: "us-gov-west-1",
        account: "123456789012",
        partition: "aws-us-gov",
        named: &[
            ("EventBusName", bus.as_str()),
            (
                "KmsKeyArn",
                "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-00000000000000000000000000000000",
            ),
            ("LogSample", "0.000001"),
            ("RetentionDays", days.as_str()),
            (crate::roles::SCHEDULER, role_arn.as_str()),
        ],
    };
    let policies = stack.roles.iter().filter_map(|role| policy(role, &place));
    policies.chain(stack.functions.iter().filter_map(|function| environment(function, &place))).collect()
}

fn policy(role: &Role, place: &Place<'_>) -> Option<SettingError> {
    let statements: Vec<_> =
        role.statements.iter().map(|statement| self::statement(statement, place)).collect();
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    // Written without white space, as IAM counts it.
    let chars = document.to_string().chars().count();
    (chars > limits::POLICY_CHARS_MAX).then(|| SettingError {
        message: format!(
            "the policy of the role of {} can have {chars} characters, and IAM takes {}: put its steps into several packages, or give fewer or shorter names to the workflows that use them",
            role.name,
            limits::POLICY_CHARS_MAX
        ),
    })
}

fn statement(statement: &Statement, place: &Place<'_>) -> serde_json::Value {
    let texts = |texts: &[Text]| texts.iter().map(|text| text.at(place)).collect::<Vec<String>>();
    let mut conditions = Map::new();
    for condition in &statement.conditions {
        let of_key = BTreeMap::from([(condition.key, texts(&condition.values))]);
        conditions.insert(condition.operator.to_owned(), json!(of_key));
    }
    json!({
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": statement.actions,
        "Resource": texts(&statement.resources),
        "Condition": conditions,
    })
}

fn environment(function: &Function, place: &Place<'_>) -> Option<SettingError> {
    let value = |value: &Value| match value {
        Value::Text(text) => text.at(place),
        Value::Parameter(name) => Text::of(format!("${{{name}}}")).at(place),
    };
    let variables: BTreeMap<&str, String> =
        function.environment.iter().map(|(name, of)| (name.as_str(), value(of))).collect();
    // Lambda measures them as JSON: "String measured: {...}" is how it refuses them.
    let bytes = json!(variables).to_string().len();
    (bytes > limits::ENVIRONMENT_BYTES_MAX).then(|| SettingError {
        message: format!(
            "the variables of {} can take {bytes} bytes, and Lambda takes {}: shorten its own, or set less of single workflows, which stands in STEPLADDER_WORKFLOWS of every function",
            function.name,
            limits::ENVIRONMENT_BYTES_MAX
        ),
    })
}
