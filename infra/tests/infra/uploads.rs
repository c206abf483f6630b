//! Uploads that start runs: who may tell the start queue, and which functions know what they start.

use crate::{
    support::{everything, stack, templates, workflow},
    terraform::{attribute, blocks, labels, rendered},
};
use serde_json::{Value, json};
use stepladder_infra::{Facts, Stack};

fn with_uploads() -> Facts {
    let mut facts = everything();
    let uploads = json!({ "uploads": [
        { "bucket": "uploads-${Account}", "prefix": "in/", "suffix": ".csv" },
        { "bucket": "uploads-${Account}", "prefix": "more/" },
        { "bucket": "other" },
    ] });
    facts.workflows.push(workflow("load", &["ship"], uploads));
    facts
}

/// The statements of a queue's policy that are about uploads.
fn statements(facts: &Facts, queue: &str) -> Vec<Value> {
    let template = &templates(&stack(facts))[0];
    let policy = template.properties(&format!("{queue}Policy"));
    let all = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    all.iter().filter(|statement| statement["Sid"] == "Uploads").cloned().collect()
}

#[test]
fn only_the_accounts_own_buckets_may_tell_and_only_the_start_queue() {
    let facts = with_uploads();
    let [statement] = <[Value; 1]>::try_from(statements(&facts, "StartQueue")).unwrap();
    let expected = json!({
        "Sid": "Uploads", "Effect": "Allow", "Principal": { "Service": "s3.amazonaws.com" }, "Action": "sqs:SendMessage",
        "Resource": { "Fn::GetAtt": ["StartQueue", "Arn"] },
        "Condition": {
            "ArnEquals": { "aws:SourceArn": [
                { "Fn::Sub": "arn:${AWS::Partition}:s3:::other" },
                { "Fn::Sub": "arn:${AWS::Partition}:s3:::uploads-${AWS::AccountId}" },
            ] },
            "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } },
        },
    });
    assert_eq!(statement, expected);
    for queue in ["DeadLetterQueue", "TimerQueue", "ShipQueue"] {
        assert_eq!(statements(&facts, queue), Vec::<Value>::new(), "{queue}");
    }
    assert_eq!(statements(&everything(), "StartQueue"), Vec::<Value>::new());
}

#[test]
fn who_takes_starts_knows_which_workflow_takes_which_upload() {
    let template = &templates(&stack(&with_uploads()))[0];
    let told = |function: &str| {
        let variables = &template.properties(&format!("{function}Function"))["Environment"]["Variables"];
        variables.get("STEPLADDER_UPLOADS").map(|value| value["Fn::Sub"].as_str().unwrap().to_owned())
    };
    let expected = json!([
        { "workflow": "load", "bucket": "uploads-${AWS::AccountId}", "prefix": "in/", "suffix": ".csv" },
        { "workflow": "load", "bucket": "uploads-${AWS::AccountId}", "prefix": "more/", "suffix": "" },
        { "workflow": "load", "bucket": "other", "prefix": "", "suffix": "" },
    ]);
    for function in ["Start", "DeadLetter"] {
        let told: Value = serde_json::from_str(&told(function).unwrap()).unwrap();
        assert_eq!(told, expected, "{function}");
    }
    for function in ["Timer", "Ship", "ChargeCard"] {
        assert_eq!(told(function), None, "{function}");
    }
}

#[test]
fn terraform_says_the_same() {
    let stack = stack(&with_uploads());
    let blocks = blocks(&stack);
    let policy = blocks.iter().find(|block| labels(block) == ["aws_sqs_queue_policy", "start"]).unwrap();
    let policy = attribute(policy.body(), "policy").unwrap().to_string();
    assert!(policy.contains("s3.amazonaws.com") && policy.contains("aws:SourceAccount"), "{policy}");
    let text = rendered(&stack)["queues.tf"].clone();
    assert_eq!(text.matches("\"Uploads\"").count(), 1, "{text}");
    assert!(text.contains("s3:::uploads-${local.account}") && text.contains("s3:::other"), "{text}");
}

#[track_caller]
fn check_refused(upload: Value, expected: &str) {
    let mut facts = everything();
    facts.workflows.push(workflow("load", &["ship"], json!({ "uploads": [upload] })));
    let errors: Vec<String> = Stack::of(&facts).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(errors.len() == 1 && errors[0].contains(expected), "{errors:#?}");
}

#[test]
fn an_upload_is_to_one_bucket_that_a_policy_can_name() {
    for bucket in ["", "*", "uploads-*", "arn:aws:s3:::uploads", "uploads/in", "${Bucket}"] {
        check_refused(
            json!({ "bucket": bucket }),
            "of the uploads of workflow load must be one bucket's name",
        );
    }
    check_refused(json!({ "bucket": "b", "prefix": "${Stack}/" }), "have the prefix or suffix \"${Stack}/\"");
    check_refused(json!({ "bucket": "b", "suffix": "x".repeat(1_025) }), "it takes 1024 bytes at most");
}
