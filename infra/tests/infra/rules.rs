//! Rules that hold for every template, whatever the workspace.

use crate::support::{
    each_template, everything, function, large, number, stack, stem, templates, text, texts, workflow,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_infra::{Facts, PackageFacts};

#[test]
fn a_message_is_hidden_for_six_timeouts_and_the_window() {
    each_template(|_, template| {
        for (id, mapping) in template.of_type("AWS::Lambda::EventSourceMapping") {
            let stem = stem(id, "Mapping");
            let timeout = number(&template.properties(&format!("{stem}Function"))["Timeout"]);
            let visibility = number(&template.properties(&format!("{stem}Queue"))["VisibilityTimeout"]);
            let window = mapping.get("MaximumBatchingWindowInSeconds").map_or(0, number);
            assert!(visibility >= 6 * timeout + window, "{id}: {visibility} s");
            // SQS takes no more.
            assert!(visibility <= 43_200, "{id}: {visibility} s");
        }
    });
}

#[test]
fn a_mapping_tells_failures_one_by_one_and_waits_for_large_batches() {
    each_template(|_, template| {
        for (id, mapping) in template.of_type("AWS::Lambda::EventSourceMapping") {
            assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id}");
            let window = mapping.get("MaximumBatchingWindowInSeconds").map_or(0, number);
            assert!(number(&mapping["BatchSize"]) <= 10 || window >= 1, "{id}");
            assert!(
                mapping.get("ScalingConfig").is_none() || mapping.get("ProvisionedPollerConfig").is_none(),
                "{id}"
            );
            let stem = stem(id, "Mapping");
            assert_eq!(mapping["EventSourceArn"], json!({"Fn::GetAtt": [format!("{stem}Queue"), "Arn"]}));
            assert_eq!(mapping["FunctionName"], json!({"Ref": format!("{stem}Function")}));
        }
    });
}

#[test]
fn a_step_is_five_resources() {
    let count = |facts: &Facts| -> usize {
        templates(&stack(facts)).iter().map(|template| template.resources().len()).sum()
    };
    let without = everything();
    let mut with = everything();
    with.functions.push(function("pack", "warehouse"));
    with.workflows[0].functions.insert("pack".into());
    assert_eq!(count(&with) - count(&without), 5);
}

#[test]
fn no_queue_and_no_bucket_is_open_to_anybody_without_tls() {
    each_template(|_, template| {
        let mut covered = BTreeSet::new();
        for (id, policy) in template.of_type("AWS::SQS::QueuePolicy") {
            let queue = &policy["Queues"][0]["Ref"];
            let statement = &policy["PolicyDocument"]["Statement"][0];
            assert_eq!(statement["Effect"], "Deny", "{id}");
            assert_eq!(statement["Principal"], "*", "{id}");
            assert_eq!(statement["Action"], "sqs:*", "{id}");
            assert_eq!(statement["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}), "{id}");
            assert_eq!(statement["Resource"], json!([{"Fn::GetAtt": [queue, "Arn"]}]), "{id}");
            covered.insert(queue.as_str().unwrap().to_owned());
        }
        let queues: BTreeSet<String> =
            template.of_type("AWS::SQS::Queue").map(|(id, _)| id.to_owned()).collect();
        assert_eq!(covered, queues);
        for (id, _) in template.of_type("AWS::S3::Bucket") {
            let policy = template.properties(&format!("{id}Policy"));
            let statement = &policy["PolicyDocument"]["Statement"][0];
            assert_eq!((&statement["Effect"], &statement["Action"]), (&json!("Deny"), &json!("s3:*")));
            assert_eq!(texts(&statement["Resource"]).len(), 2);
        }
    });
}

#[test]
fn every_function_has_its_own_log_group_and_says_little_of_itself() {
    each_template(|_, template| {
        for (id, function) in template.of_type("AWS::Serverless::Function") {
            let group = format!("{}Logs", stem(id, "Function"));
            let logging = json!({
                "LogGroup": {"Ref": group}, "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN",
            });
            assert_eq!(function["LoggingConfig"], logging);
            let name = text(&template.properties(&group)["LogGroupName"]);
            assert_eq!(name, format!("/aws/lambda/{}", text(&function["FunctionName"])));
            assert_eq!(template.properties(&group)["RetentionInDays"], json!({"Ref": "LogRetentionDays"}));
            assert!(template.json["Globals"]["Function"]["Architectures"][0]["Ref"] == "Architecture");
        }
    });
}

#[test]
fn no_function_takes_a_long_run_for_a_loop() {
    each_template(|_, template| {
        assert_eq!(template.json["Globals"]["Function"]["RecursiveLoop"], "Allow", "{}", template.file);
        for (id, function) in template.of_type("AWS::Serverless::Function") {
            assert!(function.get("RecursiveLoop").is_none(), "{id}");
        }
    });
}

#[test]
fn what_holds_data_stays_when_the_stack_goes() {
    each_template(|_, template| {
        for (id, resource) in template.resources() {
            if ["AWS::DynamoDB::Table", "AWS::S3::Bucket"].iter().any(|kind| resource["Type"] == *kind) {
                assert_eq!(resource["DeletionPolicy"], "Retain", "{id}");
                assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
            }
        }
    });
}

#[test]
fn whatever_is_named_is_there() {
    each_template(|_, template| {
        let section = |name: &str| -> BTreeSet<String> {
            let section = template.json.get(name).and_then(Value::as_object);
            section.into_iter().flat_map(|section| section.keys().cloned()).collect()
        };
        let (resources, parameters, conditions) =
            (section("Resources"), section("Parameters"), section("Conditions"));
        let mut used = Used::default();
        used.look(&template.json["Resources"]);
        used.look(&template.json["Globals"]);
        used.look(&template.json["Conditions"]);
        template.json.get("Outputs").into_iter().for_each(|outputs| used.look(outputs));
        for name in &used.names {
            let is_there = resources.contains(name) || parameters.contains(name) || name.starts_with("AWS::");
            assert!(is_there, "{}: {name} is not there", template.file);
        }
        assert_eq!(used.conditions, conditions, "{}: conditions used, and there", template.file);
        let unused: Vec<_> = parameters.difference(&used.names).collect();
        assert!(unused.is_empty(), "{}: unused parameters {unused:?}", template.file);
    });
}

/// The names that a template uses.
#[derive(Default)]
struct Used {
    names: BTreeSet<String>,
    conditions: BTreeSet<String>,
}

impl Used {
    fn look(&mut self, value: &Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| self.look(value)),
            Value::Object(members) => {
                for (key, value) in members {
                    match (key.as_str(), value) {
                        ("Ref", Value::String(name)) => {
                            self.names.insert(name.clone());
                        }
                        ("Fn::GetAtt", Value::Array(parts)) => {
                            self.names.insert(parts[0].as_str().unwrap().to_owned());
                        }
                        ("Fn::Sub", Value::String(text)) => {
                            let gaps = text.split("${").skip(1).filter(|gap| !gap.starts_with('!'));
                            let name = |gap: &str| gap.split(['}', '.']).next().unwrap().to_owned();
                            self.names.extend(gaps.map(name));
                        }
                        ("Fn::If", Value::Array(parts)) => {
                            self.conditions.insert(parts[0].as_str().unwrap().to_owned());
                            self.look(value);
                        }
                        ("Condition", Value::String(name)) => {
                            self.conditions.insert(name.clone());
                        }
                        _ => self.look(value),
                    }
                }
            }
            _ => {}
        }
    }
}

#[test]
fn payloads_are_kept_longer_than_the_longest_retention() {
    let days = |facts: &Facts| {
        let stack = stack(facts);
        let parameter = stack.parameters.iter().find(|parameter| parameter.name == "PayloadDays");
        parameter.unwrap().default.clone()
    };
    let mut facts = everything();
    assert_eq!(days(&facts), "460");
    facts.workflows[0].settings.retention_days = Some(3_650);
    assert_eq!(days(&facts), "4020");
    facts.workflows[0].settings.retention_days = Some(7);
    assert_eq!(days(&facts), "400");
}

#[test]
fn an_idle_stack_of_eight_queues_costs_little() {
    let mut facts = everything();
    facts.workflows = vec![workflow("order", &[], json!({}))];
    facts.functions.extend([function("pack", "shop"), function("weigh", "shop")]);
    let stack = stack(&facts);
    assert_eq!(stack.mappings.len(), 8);
    let counted = |kind: &str| -> usize {
        let is_on = |alarm: &&stepladder_infra::Alarm| alarm.queue_alarms.is_none_or(|of| of == kind);
        stack.alarms.iter().filter(is_on).map(|alarm| alarm.metrics.len()).sum()
    };
    // Ten metrics are free, each further one costs $0.10 a month.
    assert_eq!((counted("none"), counted("age"), counted("stuck")), (4, 12, 20));
    assert!(stack.alarms.iter().all(|alarm| alarm.metrics.len() <= 10));
}

#[test]
fn a_small_workspace_is_one_template() {
    let files: Vec<String> =
        templates(&stack(&everything())).into_iter().map(|template| template.file).collect();
    assert_eq!(files, ["template.yaml"]);
}

#[test]
fn a_large_workspace_is_a_template_per_package_and_none_is_full() {
    let templates = templates(&stack(&large()));
    let files: Vec<&str> = templates.iter().map(|template| template.file.as_str()).collect();
    assert_eq!(files, ["alpha.yaml", "beta.yaml", "delta.yaml", "gamma.yaml", "template.yaml"]);
    let total: usize = templates.iter().map(|template| template.resources().len()).sum();
    assert!(total > 450, "{total}");
    for template in &templates {
        assert!(template.resources().len() <= 450, "{}: {}", template.file, template.resources().len());
    }
    let root = templates.last().unwrap();
    for (id, properties) in root.of_type("AWS::CloudFormation::Stack") {
        let file = properties["TemplateURL"].as_str().unwrap();
        let nested = templates.iter().find(|template| template.file == file).unwrap();
        let given: BTreeSet<&String> = properties["Parameters"].as_object().unwrap().keys().collect();
        let taken: BTreeSet<&String> = nested.json["Parameters"].as_object().unwrap().keys().collect();
        assert_eq!(given, taken, "{id}");
    }
}

#[test]
fn a_stacks_name_leaves_room_for_the_functions() {
    let mut facts = everything();
    assert_eq!(stack(&facts).check_name("shop-1"), Ok(()));
    for bad in ["Shop", "1shop", "shop-", "shop_1", ""] {
        assert!(stack(&facts).check_name(bad).is_err(), "{bad}");
    }
    facts.packages.push(PackageFacts { name: "long".into(), ..PackageFacts::default() });
    facts.functions.push(function(&"x".repeat(50), "long"));
    assert_eq!(stack(&facts).check_name("thirteen-long"), Ok(()));
    assert!(stack(&facts).check_name("fourteen-longs").unwrap_err().contains("more than 13 characters"));
}
