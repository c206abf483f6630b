//! The Step Functions API at a URL: nothing of it unless it is switched on, and never open to anybody.

use crate::{
    support::{Template, each_template, everything, large, stack, texts, whole},
    terraform::{attribute, blocks, labels, rendered, shown},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const RESOURCES: [(&str, &str); 4] = [
    ("ApiFunction", "AWS::Serverless::Function"),
    ("ApiLogs", "AWS::Logs::LogGroup"),
    ("ApiRole", "AWS::IAM::Role"),
    ("ApiUrl", "AWS::Lambda::Url"),
];

/// What of a template is there only where the API is.
fn switched(template: &Template) -> BTreeMap<&str, &Value> {
    let is_switched = |(_, resource): &(&String, &Value)| resource["Condition"] == "HasApi";
    template.resources().iter().filter(is_switched).map(|(id, resource)| (id.as_str(), resource)).collect()
}

#[test]
fn function_url_and_role_are_there_only_where_it_is_switched_on() {
    let template = whole();
    let kinds: BTreeMap<&str, &str> =
        switched(&template).into_iter().map(|(id, of)| (id, of["Type"].as_str().unwrap())).collect();
    assert_eq!(kinds, BTreeMap::from(RESOURCES));
    let is_on = json!({"Fn::Equals": [{"Ref": "ApiEnabled"}, "true"]});
    assert_eq!(template.json["Conditions"]["HasApi"], is_on);
    let parameter = &template.json["Parameters"]["ApiEnabled"];
    assert_eq!(
        (&parameter["Default"], &parameter["AllowedValues"]),
        (&json!("false"), &json!(["true", "false"]))
    );
    let output = &template.json["Outputs"]["ApiUrl"];
    assert_eq!(
        (&output["Condition"], &output["Value"]),
        (&json!("HasApi"), &json!({"Fn::GetAtt": ["ApiUrl", "FunctionUrl"]}))
    );

    // Nothing else hangs on them: no queue, no mapping, no alarm.
    let mut rest = template.json.clone();
    for (id, _) in RESOURCES {
        rest["Resources"].as_object_mut().unwrap().remove(id).unwrap();
    }
    rest["Outputs"].as_object_mut().unwrap().remove("ApiUrl").unwrap();
    let rest = rest.to_string();
    for (id, _) in RESOURCES {
        assert!(!rest.contains(&format!("\"{id}\"")) && !rest.contains(&format!("${{{id}")), "{id}");
    }
}

#[test]
fn a_workspace_without_the_program_has_nothing_of_it() {
    let stack = stack(&large());
    assert_eq!(stack.api, None);
    for (file, text) in stepladder_infra::sam::render(&stack).into_iter().chain(rendered(&stack)) {
        let text = text.to_lowercase();
        for word in ["apienabled", "api_enabled", "hasapi", "lambda::url", "function_url"] {
            assert!(!text.contains(word), "{file}: {word}");
        }
    }
}

#[test]
fn only_whom_iam_knows_may_call_and_nobody_is_given_a_permission() {
    each_template(|_, template| {
        for (id, url) in template.of_type("AWS::Lambda::Url") {
            assert_eq!(url["AuthType"], "AWS_IAM", "{id}");
            assert!(url.get("Cors").is_none(), "{id}");
            assert_eq!(url["TargetFunctionArn"], json!({"Fn::GetAtt": ["ApiFunction", "Arn"]}));
        }
        assert_eq!(template.of_type("AWS::Lambda::Permission").count(), 0);
        for (id, function) in template.of_type("AWS::Serverless::Function") {
            // SAM would make URLs and permissions of these.
            assert!(function.get("FunctionUrlConfig").is_none() && function.get("Events").is_none(), "{id}");
        }
    });
}

#[test]
fn its_role_does_what_the_api_does_and_no_more() {
    let template = whole();
    let actions = |statement: &Value| {
        let actions: Vec<String> = texts(&statement["Action"]).into_iter().collect();
        (statement["Sid"].as_str().unwrap().to_owned(), actions.join(" "))
    };
    let is: BTreeMap<String, String> = template.statements("ApiRole").iter().map(actions).collect();
    let wanted = [
        ("Send", "sqs:SendMessage"),
        ("FindQueues", "sqs:GetQueueUrl"),
        (
            "Runs",
            "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        ),
        ("ListRuns", "dynamodb:Query"),
        (
            "Definitions",
            "dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        ),
        ("ListWorkflows", "dynamodb:DeleteItem dynamodb:PutItem dynamodb:Query"),
        (
            "ListActivities",
            "dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        ),
        (
            "WorkOnActivities",
            "sqs:ChangeMessageVisibility sqs:CreateQueue sqs:DeleteMessage sqs:DeleteQueue sqs:ReceiveMessage sqs:SendMessage",
        ),
        ("Controls", "dynamodb:GetItem dynamodb:UpdateItem"),
        ("HoldMessages", "dynamodb:PutItem"),
        ("CountMessages", "sqs:GetQueueAttributes"),
        ("LookAtLetters", "sqs:ChangeMessageVisibility sqs:ReceiveMessage"),
        ("Tokens", "dynamodb:GetItem dynamodb:PutItem"),
        ("Payloads", "s3:GetObject s3:PutObject"),
        ("FindPayloads", "s3:ListBucket"),
        ("Logs", "logs:CreateLogStream logs:PutLogEvents"),
        ("Key", "kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey"),
    ];
    let wanted: BTreeMap<String, String> =
        wanted.into_iter().map(|(sid, actions)| (sid.to_owned(), actions.to_owned())).collect();
    assert_eq!(is, wanted);
    let keys = |sid: &str| {
        let conditions = &template.statement("ApiRole", sid)["Condition"];
        assert_eq!(conditions["Null"]["dynamodb:LeadingKeys"], "false", "{sid}");
        texts(&conditions["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    };
    let one = |key: &str| BTreeSet::from([key.to_owned()]);
    assert_eq!(keys("Runs"), one("R#*"));
    assert_eq!(keys("Definitions"), one("W#*"));
    assert_eq!(keys("ListWorkflows"), one("C#workflows"));
    assert_eq!(keys("Tokens"), one("C#api"));
    assert_eq!(keys("Controls"), one("C#control"));
    assert_eq!(keys("HoldMessages"), one("C#paused#*"));
    assert_eq!(keys("ListActivities"), one("C#activities"));
    let activities = texts(&template.statement("ApiRole", "WorkOnActivities")["Resource"]);
    assert_eq!(activities, one("arn:{partition}:sqs:{region}:{account}:{stack}-activity-*"));
    let queue = |name: &str| format!("arn:{{partition}}:sqs:{{region}}:{{account}}:{{stack}}-{name}");
    let sends = texts(&template.statement("ApiRole", "Send")["Resource"]);
    assert_eq!(sends, ["charge-card", "check-stock", "parked", "ship", "timer"].map(queue).into());
    // Nobody else learns the key of its tokens.
    for (role, _) in template.of_type("AWS::IAM::Role").filter(|(role, _)| *role != "ApiRole") {
        let statements = template.statements(role);
        assert!(!statements.iter().any(|statement| statement.to_string().contains("C#api")), "{role}");
    }
}

#[test]
fn terraform_counts_all_of_it_by_the_variable() {
    let stack = stack(&everything());
    let blocks = blocks(&stack);
    let mut kinds = BTreeSet::new();
    for block in blocks.iter().filter(|block| block.identifier() == "resource") {
        let [kind, name] = labels(block)[..] else { panic!("{block:?}") };
        assert_ne!(kind, "aws_lambda_permission");
        if kind == "aws_lambda_function_url" {
            assert_eq!(shown(attribute(block.body(), "authorization_type").unwrap()), "AWS_IAM");
        }
        if name == "api" {
            kinds.insert(kind);
            assert_eq!(shown(attribute(block.body(), "count").unwrap()), "var.api_enabled ? 1 : 0", "{kind}");
        }
    }
    let expected = [
        "aws_cloudwatch_log_group",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_lambda_function",
        "aws_lambda_function_url",
    ];
    assert_eq!(kinds, expected.into());
    let is_variable =
        |block: &&hcl::Block| block.identifier() == "variable" && labels(block)[0] == "api_enabled";
    let variable = blocks.iter().find(is_variable).unwrap();
    assert_eq!(attribute(variable.body(), "default"), Some(&hcl::Expression::Bool(false)));
    // What is counted is named by its number.
    for text in rendered(&stack).into_values() {
        for (at, _) in text.match_indices("aws_lambda_function.api") {
            assert!(text[at..].starts_with("aws_lambda_function.api[0]."), "{}", &text[at..at + 60]);
        }
        for kind in ["aws_iam_role.api", "aws_cloudwatch_log_group.api", "aws_lambda_function_url.api"] {
            assert!(
                text.match_indices(kind).all(|(at, _)| text[at + kind.len()..].starts_with("[0].")),
                "{kind}"
            );
        }
    }
}
