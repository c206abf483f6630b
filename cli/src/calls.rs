//! What definitions call that are no steps, and whether a stack may.

use crate::{
    connect::Stack,
    exit::Exit,
    failure::{Code, Failure, Outcome},
};
use std::collections::BTreeSet;
use stepladder_asl::{Definition, Kind, Resource, Target};
use stepladder_infra::{CallFacts, INVOKE, Permissions, Place};
use stepladder_protocol::{Host, QueueName};

/// Where the function `invoke` is told what it may do.
const ALLOWED: &str = "STEPLADDER_INVOKE";

/// The calls of a definition. Functions that are steps have queues of their own, and no call.
pub fn of(definition: &Definition, is_step: impl Fn(&str) -> bool) -> BTreeSet<CallFacts> {
    let mut calls = BTreeSet::new();
    for (state, named) in &definition.states {
        let Kind::Task(task) = &named.kind else { continue };
        if task.resource.function().is_some_and(&is_step) {
            continue;
        }
        let call = |service: &str, action: &str, target: &Target| CallFacts {
            state: state.clone(),
            service: service.to_owned(),
            action: action.to_owned(),
            target: match target {
                Target::Named(name) => Some(name.clone()),
                Target::Computed => None,
            },
        };
        match &task.resource {
            Resource::Lambda { arn, .. } => {
                calls.insert(call("lambda", "invoke", &Target::Named(arn.clone())));
            }
            Resource::Service(service) if service.is_run() => {
                calls.extend(
                    service.targets.iter().map(|target| call(&service.service, &service.action, target)),
                );
            }
            Resource::Service(_) | Resource::Activity { .. } | Resource::Other { .. } => {}
        }
    }
    calls
}

/// The functions that are steps where their queues are there, and else called outside of the stack: those of `lambda:invoke`,
/// and those that are named with their account.
pub fn may_be_outside(definition: &Definition) -> BTreeSet<&str> {
    let tasks = definition.states.values().filter_map(|state| match &state.kind {
        Kind::Task(task) => Some(&task.resource),
        _ => None,
    });
    let may_be = |resource: &&Resource| {
        matches!(resource, Resource::Service(_)) || crate::definitions::is_of_an_account(resource)
    };
    tasks.filter(may_be).filter_map(Resource::function).collect()
}

/// Refuses definitions that call what the stack's function `invoke` may not.
///
/// `stepladder dev` has no roles.
pub async fn check_allowed<'d>(
    stack: &Stack,
    definitions: impl IntoIterator<Item = &'d Definition>,
) -> Outcome {
    if stack.target.is_dev {
        return Ok(());
    }
    let host = stack.protocol.host();
    let mut calls = BTreeSet::new();
    for definition in definitions {
        let mut steps = BTreeSet::new();
        for function in super::commands::deploy_definition::functions(definition) {
            if host.queue().url(&QueueName::Step(function.to_owned())).await?.is_some() {
                steps.insert(function);
            }
        }
        calls.extend(of(definition, |function| steps.contains(function)));
    }
    if calls.is_empty() {
        return Ok(());
    }
    let Some(live) = host.live_function(INVOKE).await? else {
        return Err(refused(
            format!("the stack {} has no function {INVOKE}", stack.target.stack()),
            Permissions::default().missing(&calls, &Place::default()),
        ));
    };
    let settings = host.settings();
    let place = Place {
        stack: &settings.stack,
        region: &settings.region,
        account: &settings.account,
        partition: live.arn.split(':').nth(1).unwrap_or("aws"),
        named: &[],
    };
    // A long list is not told; then IAM has the last word.
    let Some(allowed) = live.environment.get(ALLOWED).and_then(|json| Permissions::read(json)) else {
        return Ok(());
    };
    match allowed.missing(&calls, &place) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(refused(
            format!("the function {INVOKE} of the stack {} may not do all that is called", settings.stack),
            missing,
        )),
    }
}

fn refused(message: String, lines: Vec<String>) -> Failure {
    let failure = Failure::new(Exit::Bad, Code::NotBuilt, message)
        .hint("`stepladder deploy` allows what the definitions of the workspace name; add these lines to the Cargo.toml of a package of functions/* for all else, and deploy it; or put the definitions all the same: --force");
    lines.iter().flat_map(|lines| lines.lines()).fold(failure, Failure::detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definitions_calls_are_those_that_are_no_steps() {
        let text = r#"{"StartAt": "A", "States": {
            "A": {"Type": "Task", "Resource": "arn:aws:lambda:::function:pay", "Next": "B"},
            "B": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:other", "Next": "C"},
            "C": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "pay"}, "Next": "D"},
            "D": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {"QueueUrl": "https://q", "MessageBody.$": "$$.Task.Token"}, "Next": "E"},
            "E": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem",
                "Parameters": {"TableName.$": "$.t", "Key": {}}, "Next": "F"},
            "F": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution",
                "Parameters": {"StateMachineArn": "arn:m"}, "Next": "G"},
            "G": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "End": true}}}"#;
        let definition = Definition::parse(text).unwrap();
        let calls: Vec<_> = of(&definition, |function| function == "pay")
            .into_iter()
            .map(|call| (call.state, call.service, call.target))
            .collect();
        let call = |state: &str, service: &str, target: Option<&str>| {
            (state.to_owned(), service.to_owned(), target.map(str::to_owned))
        };
        assert_eq!(
            calls,
            [
                call("B", "lambda", Some("arn:aws:lambda:eu-west-1:123456789012:function:other")),
                call("D", "sqs", Some("https://q")),
                call("E", "dynamodb", None),
            ]
        );
    }
}
