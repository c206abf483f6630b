//! A stack of CloudFormation: its change sets, its resources, and waiting for it.

use crate::{
    aws_cli::{AwsCli, is_no_such_stack},
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits,
    parameters::Parameters,
    printer::Printer,
};
use serde_json::Value;

/// One line of a change set
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub action: String,
    pub logical_id: String,
    pub kind: String,
    /// The resource is made anew, or may be.
    pub is_replaced: bool,
}

/// One resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub logical_id: String,
    pub physical_id: String,
    pub kind: String,
}

impl Change {
    /// Whether what it takes away holds data or messages.
    pub fn loses_data(&self) -> bool {
        let holds = holds_data(&self.kind) || self.kind == "AWS::SQS::Queue" || self.is_stack();
        holds && (self.is_replaced || self.action == "Remove")
    }

    /// Whether it is a nested stack: what changes within is in no change set of the outer one.
    pub fn is_stack(&self) -> bool {
        self.kind == "AWS::CloudFormation::Stack"
    }
}

/// Tables and buckets: their templates say that they stay when their stack goes.
pub fn holds_data(kind: &str) -> bool {
    matches!(kind, "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" | "AWS::S3::Bucket")
}

/// The changes that a DescribeChangeSet answer holds.
pub fn changes(answer: &Value) -> Vec<Change> {
    let text =
        |change: &Value, name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = answer.get("Changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |change: &Value| {
        let change = change.get("ResourceChange")?;
        Some(Change {
            action: text(change, "Action"),
            logical_id: text(change, "LogicalResourceId"),
            kind: text(change, "ResourceType"),
            is_replaced: matches!(text(change, "Replacement").as_str(), "True" | "Conditional"),
        })
    };
    all.iter().filter_map(read).collect()
}

/// The stack's status, and its id; `None` if there is no such stack.
pub async fn status(aws: &AwsCli, stack: &str) -> Outcome<Option<(String, String)>> {
    let answer = match aws.json(&["cloudformation", "describe-stacks", "--stack-name", stack]).await {
        Ok(answer) => answer,
        Err(failure) if is_no_such_stack(&failure) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let text = |name: &str| {
        let found = answer.pointer(&format!("/Stacks/0/{name}")).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| {
            Failure::new(
                Exit::Bad,
                Code::StackFailed,
                format!("CloudFormation does not tell the {name} of {stack}"),
            )
        })
    };
    Ok(Some((text("StackStatus")?, text("StackId")?)))
}

/// What the stack's parameters are set to.
pub async fn parameters(aws: &AwsCli, stack: &str) -> Outcome<Parameters> {
    let answer = aws.json(&["cloudformation", "describe-stacks", "--stack-name", stack]).await?;
    Ok(parameters_of(&answer))
}

fn parameters_of(answer: &Value) -> Parameters {
    let all = answer.pointer("/Stacks/0/Parameters").and_then(Value::as_array).map(Vec::as_slice);
    let read = |parameter: &Value| {
        let text = |name: &str| parameter.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("ParameterKey")?, text("ParameterValue")?))
    };
    all.unwrap_or_default().iter().filter_map(read).collect()
}

/// The change sets of a stack that wait, by their ARNs.
pub async fn change_sets(aws: &AwsCli, stack: &str) -> Outcome<Vec<String>> {
    let answer = aws.json(&["cloudformation", "list-change-sets", "--stack-name", stack]).await?;
    let all = answer.get("Summaries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let id = |summary: &Value| summary.get("ChangeSetId").and_then(Value::as_str).map(str::to_owned);
    Ok(all.iter().filter_map(id).collect())
}

/// All resources of the stack.
pub async fn resources(aws: &AwsCli, stack: &str) -> Outcome<Vec<Resource>> {
    let answer = aws.json(&["cloudformation", "list-stack-resources", "--stack-name", stack]).await?;
    let all =
        answer.get("StackResourceSummaries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |resource: &Value, name: &str| {
        resource.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let read = |resource: &Value| Resource {
        logical_id: text(resource, "LogicalResourceId"),
        physical_id: text(resource, "PhysicalResourceId"),
        kind: text(resource, "ResourceType"),
    };
    Ok(all.iter().map(read).collect())
}

/// What CloudFormation says when all that is new is there, and it begins to delete what is there no more.
pub const CLEANUP: &str = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS";

/// Waits until nothing goes on in the stack any more; how it stands then, `None` if it is gone.
pub async fn settled(aws: &AwsCli, stack: &str, printer: &Printer) -> Outcome<Option<String>> {
    wait(aws, stack, printer, |status| !status.ends_with("_IN_PROGRESS")).await
}

/// The same, or until all that is new is there: [`CLEANUP`].
pub async fn updated(aws: &AwsCli, stack: &str, printer: &Printer) -> Outcome<Option<String>> {
    wait(aws, stack, printer, |status| !status.ends_with("_IN_PROGRESS") || status == CLEANUP).await
}

async fn wait(
    aws: &AwsCli,
    stack: &str,
    printer: &Printer,
    is_enough: impl Fn(&str) -> bool,
) -> Outcome<Option<String>> {
    let mut pause = limits::STACK_POLL_FIRST;
    loop {
        let Some((status, _)) = status(aws, stack).await? else {
            printer.clear_status();
            return Ok(None);
        };
        if is_enough(&status) {
            printer.clear_status();
            return Ok(Some(status));
        }
        printer.status(format!("{stack}: {status}"));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(limits::STACK_POLL_MAX);
    }
}

/// Why a stack ended so: the events that failed, the first one first.
pub async fn failed(aws: &AwsCli, stack: &str, status: &str) -> Failure {
    let message = format!("the stack {stack} ended {status}");
    let failure = Failure::new(Exit::Bad, Code::StackFailed, message).hint(
        "mend what the first line says, and deploy again; CloudFormation has put back what was there before",
    );
    let events = aws.json(&["cloudformation", "describe-stack-events", "--stack-name", stack]).await;
    // Without them there is nothing to add.
    let Ok(events) = events else { return failure };
    reasons(&events).into_iter().fold(failure, Failure::detail)
}

fn reasons(events: &Value) -> Vec<String> {
    let all = events.get("StackEvents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text =
        |event: &Value, name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    // The newest come first; those of an earlier deployment lie before its own start.
    let is_start = |event: &Value| {
        text(event, "ResourceType") == "AWS::CloudFormation::Stack"
            && text(event, "ResourceStatusReason") == "User Initiated"
    };
    let mut reasons: Vec<String> = all
        .iter()
        .take_while(|event| !is_start(event))
        .filter(|event| text(event, "ResourceStatus").ends_with("_FAILED"))
        .map(|event| format!("{}: {}", text(event, "LogicalResourceId"), text(event, "ResourceStatusReason")))
        .collect();
    reasons.reverse();
    reasons.truncate(limits::STACK_REASONS_MAX);
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_set_is_read() {
        let change = |action: &str, kind: &str, replacement: &str| {
            json!({ "Type": "Resource", "ResourceChange": { "Action": action, "LogicalResourceId": "X",
                "ResourceType": kind, "Replacement": replacement } })
        };
        let answer = json!({ "Changes": [
            change("Modify", "AWS::DynamoDB::Table", "True"),
            change("Modify", "AWS::Lambda::Function", "True"),
            change("Remove", "AWS::SQS::Queue", ""),
            change("Add", "AWS::S3::Bucket", ""),
            change("Modify", "AWS::CloudFormation::Stack", "False"),
            change("Remove", "AWS::CloudFormation::Stack", ""),
        ] });
        let losses: Vec<bool> = changes(&answer).iter().map(Change::loses_data).collect();
        assert_eq!(losses, [true, false, true, false, false, true]);
        assert_eq!(changes(&json!({})), []);
    }

    #[test]
    fn parameters_are_read() {
        let parameter = |name: &str, value: &str| json!({ "ParameterKey": name, "ParameterValue": value });
        let all = [parameter("PayloadDays", "400"), parameter("KmsKeyArn", "")];
        let read = parameters_of(&json!({ "Stacks": [{ "StackName": "orders", "Parameters": all }] }));
        assert_eq!((read.len(), read["PayloadDays"].as_str(), read["KmsKeyArn"].as_str()), (2, "400", ""));
        assert!(parameters_of(&json!({ "Stacks": [{ "StackName": "orders" }] })).is_empty());
    }

    #[test]
    fn only_what_failed_this_time_is_told_and_the_first_comes_first() {
        let event = |id: &str, kind: &str, status: &str, reason: &str| json!({ "LogicalResourceId": id, "ResourceType": kind, "ResourceStatus": status, "ResourceStatusReason": reason });
        let events = json!({ "StackEvents": [
            event("B", "AWS::SQS::Queue", "CREATE_FAILED", "Resource creation cancelled"),
            event("A", "AWS::SQS::Queue", "CREATE_FAILED", "it exists"),
            event("s", "AWS::CloudFormation::Stack", "UPDATE_IN_PROGRESS", "User Initiated"),
            event("Old", "AWS::SQS::Queue", "CREATE_FAILED", "long ago"),
        ] });
        assert_eq!(reasons(&events), ["A: it exists", "B: Resource creation cancelled"]);
    }
}
