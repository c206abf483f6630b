//! Whether a stack has room in what AWS measures only when it is deployed: a role's policy, a function's variables, a
//! template; and in the time that the dead-letter function has.
//! All names that a deployment chooses are taken at their longest.

use crate::{
    facts::{INVOKE, SettingError},
    limits,
    model::{Function, Role, Stack, Statement, Value},
    text::{Place, Text},
};
use serde_json::{Map, json};
use std::collections::{BTreeMap, BTreeSet};

/// Policies that IAM or SQS would refuse, variables that Lambda would, templates that CloudFormation would; and steps that
/// nobody can wait for.
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
    let of_api = || stack.api.iter();
    let roles = stack.roles.iter().chain(of_api().map(|api| &api.role));
    let policies = roles.filter_map(|role| policy(role, &place));
    let functions = stack.functions.iter().chain(of_api().map(|api| &api.function));
    let environments = functions.filter_map(|function| environment(function, &place));
    policies
        .chain(environments)
        .chain(solo_trials(stack))
        .chain(triggers(stack))
        .chain(templates(stack))
        .collect()
}

/// Steps that may take longer than the dead-letter function can wait. It hands a message that was received too often to its
/// step once more; if it is cut off before the step is, the message comes back to it, and that for two weeks.
fn solo_trials(stack: &Stack) -> Vec<SettingError> {
    let Some(waits) = stack.function("dead-letter").map(|function| function.timeout_seconds) else {
        return Vec::new();
    };
    let most = waits.saturating_sub(limits::SOLO_SECONDS_LEFT);
    let is_solo = |function: &Function| !function.is_system || function.name == INVOKE;
    let too_long =
        stack.functions.iter().filter(|function| is_solo(function) && function.timeout_seconds > most);
    let fault = |function: &Function| SettingError {
        message: format!(
            "the timeout (seconds) of {} is {}; it can be at most {most}: the dead-letter function, which has {waits}, hands a message that failed too often to its step once more, waits for the answer and needs {} for the rest. Otherwise a step that hangs never comes to its Catch",
            function.name,
            function.timeout_seconds,
            limits::SOLO_SECONDS_LEFT
        ),
    };
    too_long.map(fault).collect()
}

fn triggers(stack: &Stack) -> Option<SettingError> {
    let buckets: BTreeSet<&Text> = stack.uploads.iter().map(|upload| &upload.bucket).collect();
    let count = stack.triggers.len() + buckets.len();
    (count > limits::TRIGGERS_MAX).then(|| SettingError {
        message: format!(
            "the workflows have {count} schedules and event patterns, or buckets with uploads, and the policy of the start queue has room for {}: deploy some of the workflows as a stack of their own",
            limits::TRIGGERS_MAX
        ),
    })
}

/// Templates that are too large although each package has its own.
fn templates(stack: &Stack) -> Vec<SettingError> {
    let sizes = crate::sam::sizes(stack).into_iter();
    let too_large = sizes.filter(|(_, resources)| *resources > limits::TEMPLATE_RESOURCES_MAX);
    let fault = |(package, resources): (Option<&str>, usize)| {
        let most = limits::TEMPLATE_RESOURCES_MAX;
        let message = match package {
            Some(package) => format!(
                "the template of the package {package} would have {resources} resources, and {most} are the most; each step takes five: put its steps into several packages"
            ),
            None => format!(
                "the template would have {resources} resources beside those of the steps, and {most} are the most: deploy some of the packages as a stack of their own"
            ),
        };
        SettingError { message }
    };
    too_large.map(fault).collect()
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
