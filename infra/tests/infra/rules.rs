//! Rules that hold for every template, whatever the workspace.

use crate::support::{Template, everything, function, large, stack, templates, text, texts, workflow};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use stepladder_infra::{Facts, PackageFacts, Stack};

/// Each rule is held against these.
fn all() -> Vec<(Stack, Vec<Template>)> {
    let facts = [everything(), large()];
    facts
        .iter()
        .map(stack)
        .map(|stack| (templates(&stack), stack))
        .map(|(templates, stack)| (stack, templates))
        .collect()
}

fn each_template(check: impl Fn(&Stack, &Template)) {
    for (stack, templates) in all() {
        templates.iter().for_each(|template| check(&stack, template));
    }
}

/// `ChargeCardQueue` and `Queue` give `ChargeCard`.
fn stem<'i>(id: &'i str, suffix: &str) -> &'i str {
    id.strip_suffix(suffix).unwrap_or_else(|| panic!("{id} does not end with {suffix}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

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
fn nobody_may_do_anything_to_everything() {
    each_template(|_, template| {
        for (role, _) in template.of_type("AWS::IAM::Role") {
            for statement in template.statements(role) {
                for resource in texts(&statement["Resource"]) {
                    assert!(resource != "*" && !resource.ends_with(":*:*"), "{role}: {resource}");
                }
                for action in texts(&statement["Action"]) {
                    assert!(!action.contains('*'), "{role}: {action}");
                }
            }
        }
    });
}

#[test]
fn a_role_takes_from_its_own_queues_only() {
    let stack = stack(&everything());
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let mut own: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (id, function) in template.of_type("AWS::Serverless::Function") {
        let role = function["Role"]["Fn::GetAtt"][0].as_str().unwrap();
        let name = text(&template.properties(&format!("{}Queue", stem(id, "Function")))["QueueName"]);
        own.entry(role).or_default().insert(format!("arn:{{partition}}:sqs:{{region}}:{{account}}:{name}"));
    }
    assert_eq!(own.len(), 5);
    for (role, queues) in own {
        assert_eq!(texts(&template.statement(role, "Receive")["Resource"]), queues, "{role}");
    }
    let receivers = template.of_type("AWS::IAM::Role").filter(|(role, _)| {
        template
            .statements(role)
            .iter()
            .any(|statement| texts(&statement["Action"]).contains("sqs:ReceiveMessage"))
    });
    assert_eq!(receivers.count(), 5);
}

#[test]
fn a_packages_role_reaches_what_its_workflows_need() {
    let stack = stack(&everything());
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let queue = |name: &str| format!("arn:{{partition}}:sqs:{{region}}:{{account}}:{{stack}}-{name}");
    let sends = |role: &str| texts(&template.statement(role, "Send")["Resource"]);
    let keys = |role: &str, sid: &str| {
        let conditions = &template.statement(role, sid)["Condition"];
        assert_eq!(conditions["Null"]["dynamodb:LeadingKeys"], "false");
        texts(&conditions["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();

    // `charge-card` stands in one workflow, the warehouse's steps in both.
    assert_eq!(sends("ShopRole"), ["charge-card", "check-stock", "parked", "timer"].map(queue).into());
    assert_eq!(keys("ShopRole", "Runs"), set(&["R#shop/*"]));
    assert_eq!(keys("ShopRole", "Definitions"), set(&["W#shop", "C#control"]));
    let all = ["charge-card", "check-stock", "parked", "ship", "timer"].map(queue);
    assert_eq!(sends("WarehouseRole"), all.clone().into());
    assert_eq!(keys("WarehouseRole", "Runs"), set(&["R#shop/*", "R#stock-taking/*", "R#sweep/*"]));
    let definitions = ["W#shop", "W#stock-taking", "W#sweep", "C#control"];
    assert_eq!(keys("WarehouseRole", "Definitions"), set(&definitions));
    let objects = texts(&template.statement("ShopRole", "Payloads")["Resource"]);
    assert_eq!(objects, set(&["arn:{partition}:s3:::{stack}-{account}-{region}/runs/shop/*"]));

    for role in ["StartRole", "TimerRole", "DeadLetterRole"] {
        assert_eq!(sends(role), all.clone().into(), "{role}");
        assert_eq!(keys(role, "Runs"), set(&["R#*"]), "{role}");
        assert_eq!(keys(role, "Definitions"), set(&["W#*", "C#*"]), "{role}");
    }
    let groups = texts(&template.statement("ShopRole", "Logs")["Resource"]);
    assert_eq!(
        groups,
        set(&["arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{stack}-charge-card:*"])
    );
    let tables = texts(&template.statement("ShopRole", "OwnTables")["Resource"]);
    assert_eq!(tables, set(&["arn:{partition}:dynamodb:{region}:{account}:table/{stack}-orders"]));
    let own = template.statement("ShopRole", "Own1");
    assert_eq!(texts(&own["Resource"]), set(&["arn:{partition}:s3:::rates-{account}/*"]));
    // Also one that is gone: a function that may not be called could not be told from it.
    let alone = texts(&template.statement("DeadLetterRole", "TryAlone")["Resource"]);
    assert_eq!(alone, set(&["arn:{partition}:lambda:{region}:{account}:function:{stack}-*"]));
}

#[test]
fn a_step_that_only_an_older_version_names_can_still_be_reached() {
    let mut facts = everything();
    // No current version names it; a run keeps the version that it began with.
    facts.functions.push(function("refund", "shop"));
    // No current version names any step of this package, of which one is the folder's own.
    facts.functions.extend([function("weigh", "scales"), function("print", "labels")]);
    facts.packages.push(PackageFacts {
        name: "scales".into(),
        folder: "stock-taking".into(),
        ..PackageFacts::default()
    });
    facts.packages.push(PackageFacts { name: "labels".into(), ..PackageFacts::default() });
    let stack = stack(&facts);
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let queue = |name: &str| format!("arn:{{partition}}:sqs:{{region}}:{{account}}:{{stack}}-{name}");
    let sends = |role: &str| texts(&template.statement(role, "Send")["Resource"]);
    let all =
        ["charge-card", "check-stock", "parked", "print", "refund", "ship", "timer", "weigh"].map(queue);
    for role in ["StartRole", "TimerRole", "DeadLetterRole"] {
        assert_eq!(sends(role), all.clone().into(), "{role}");
    }
    let shop = ["charge-card", "check-stock", "parked", "refund", "timer"].map(queue);
    assert_eq!(sends("ShopRole"), shop.into());
    // The workflow of its own folder is a package's, whatever the current version names.
    let scales = ["check-stock", "parked", "ship", "timer", "weigh"].map(queue);
    assert_eq!(sends("ScalesRole"), scales.into());
    let keys = &template.statement("ScalesRole", "Runs")["Condition"];
    assert_eq!(
        texts(&keys["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]),
        BTreeSet::from(["R#stock-taking/*".to_owned()])
    );
    // Another package's steps reach those of the workflow's own folder.
    let warehouse = ["charge-card", "check-stock", "parked", "refund", "ship", "timer", "weigh"].map(queue);
    assert_eq!(sends("WarehouseRole"), warehouse.into());
    assert_eq!(sends("LabelsRole"), ["parked", "print", "timer"].map(queue).into());
    assert!(template.statements("LabelsRole").iter().all(|statement| statement["Sid"] != "Runs"));
}

#[test]
fn no_function_writes_definitions_or_deletes_runs() {
    each_template(|_, template| {
        for (role, _) in template.of_type("AWS::IAM::Role") {
            for statement in template.statements(role) {
                let actions = texts(&statement["Action"]);
                if statement["Sid"] == "Definitions" {
                    assert_eq!(
                        actions,
                        ["dynamodb:GetItem", "dynamodb:Query"].map(str::to_owned).into(),
                        "{role}"
                    );
                } else if statement["Sid"] != "OwnTables" {
                    assert!(!actions.contains("dynamodb:DeleteItem"), "{role}");
                }
            }
        }
    });
}

#[test]
fn only_who_needs_it_schedules_and_tells_of_ends() {
    let stack = stack(&everything());
    let [template] = &templates(&stack)[..] else { panic!("one template") };
    let with = |action: &str| -> Vec<&str> {
        let roles = template.of_type("AWS::IAM::Role").map(|(role, _)| role);
        let has =
            |role: &&str| template.statements(role).iter().any(|s| texts(&s["Action"]).contains(action));
        roles.filter(has).collect()
    };
    assert_eq!(with("scheduler:CreateSchedule"), ["TimerRole"]);
    assert_eq!(with("iam:PassRole"), ["TimerRole"]);
    assert_eq!(with("events:PutEvents"), ["DeadLetterRole", "TimerRole"]);
    assert_eq!(with("lambda:InvokeFunction"), ["DeadLetterRole"]);
    // Who parks a message has to know that its payload is gone.
    assert_eq!(with("s3:ListBucket"), ["DeadLetterRole", "TimerRole"]);
    let bucket = texts(&template.statement("DeadLetterRole", "FindPayloads")["Resource"]);
    assert_eq!(bucket, BTreeSet::from(["arn:{partition}:s3:::{stack}-{account}-{region}".to_owned()]));
    // The hourly sweep is the timer function's.
    let lists = |role: &&str| template.statements(role).iter().any(|s| s["Sid"] == "ListRuns");
    let roles = template.of_type("AWS::IAM::Role").map(|(role, _)| role);
    assert_eq!(roles.filter(lists).collect::<Vec<_>>(), ["TimerRole"]);
    let pass = template.statement("TimerRole", "PassSchedulerRole");
    assert_eq!(
        pass["Condition"],
        json!({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}})
    );
    let trust = &template.properties("SchedulerRole")["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Condition"]["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}));
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
fn a_role_has_room_for_its_policy() {
    // All inline policies of a role have 10,240 characters together, white space not counted; names at their longest.
    for (stack, _) in all() {
        for role in &stack.roles {
            let place = stepladder_infra::Place {
                stack: "a-stack-with-32-characters-in-it",
                region: "ap-southeast-7",
                account: "123456789012",
                ..Default::default()
            };
            let statement = |statement: &stepladder_infra::Statement| {
                let resources: usize = statement.resources.iter().map(|text| text.at(&place).len() + 3).sum();
                let actions: usize = statement.actions.iter().map(|action| action.len() + 3).sum();
                let conditions = statement.conditions.iter().flat_map(|condition| &condition.values);
                100 + resources + actions + conditions.map(|text| text.at(&place).len() + 60).sum::<usize>()
            };
            let characters: usize = role.statements.iter().map(statement).sum();
            assert!(characters < 10_240, "{}: {characters}", role.name);
        }
    }
}

#[test]
fn what_iam_or_lambda_would_refuse_is_no_stack() {
    let refused = |facts: &Facts| -> Vec<String> {
        Stack::of(facts).unwrap_err().into_iter().map(|error| error.message).collect()
    };
    // Fifteen queues of the longest names are listed, and there is room.
    let steps: Vec<String> = (10..25).map(|n| format!("{n}{}", "-step".repeat(11))).collect();
    let mut facts = everything();
    facts.functions.extend(steps.iter().map(|step| function(step, "shared")));
    facts.packages.push(PackageFacts { name: "shared".into(), ..PackageFacts::default() });
    let names = ["check-stock"].into_iter().chain(steps.iter().map(String::as_str)).collect::<Vec<_>>();
    facts.workflows.push(workflow("many-steps", &names, json!({})));
    assert!(Stack::of(&facts).is_ok());
    // Forty workflows use one package: their keys and prefixes are more than a policy holds.
    for n in 10..50 {
        let name = format!("{n}{}", "-workflow".repeat(6));
        facts.workflows.push(workflow(&name, &[steps[0].as_str()], json!({})));
    }
    let errors = refused(&facts);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].contains("the policy of the role of shared can have"), "{errors:#?}");

    // What is set of single workflows is told to every function.
    let mut facts = everything();
    let settings = json!({"retention_days": 90, "log_sample": 0.25, "status_events": "failures"});
    facts.workflows.extend((0..60).map(|n| workflow(&format!("order-{n:02}"), &[], settings.clone())));
    let errors = refused(&facts);
    assert_eq!(errors.len(), facts.functions.len(), "{errors:#?}");
    assert!(errors.iter().all(|error| error.contains("and Lambda takes 4096")), "{errors:#?}");
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
