//! Who may do what, whatever the workspace.

use crate::support::{all, each_template, everything, function, stack, stem, templates, text, texts, whole};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use stepladder_infra::{PackageFacts, Place, Value};

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
    // No queue feeds the API's function.
    let functions = template.of_type("AWS::Serverless::Function").filter(|(id, _)| *id != "ApiFunction");
    for (id, function) in functions {
        let role = function["Role"]["Fn::GetAtt"][0].as_str().unwrap();
        let name = text(&template.properties(&format!("{}Queue", stem(id, "Function")))["QueueName"]);
        own.entry(role).or_default().insert(format!("arn:{{partition}}:sqs:{{region}}:{{account}}:{name}"));
    }
    assert_eq!(own.len(), 5);
    for (role, queues) in own {
        assert_eq!(texts(&template.statement(role, "Receive")["Resource"]), queues, "{role}");
    }
    // The API takes tasks of activities, and looks at letters.
    let letters = texts(&template.statement("ApiRole", "LookAtLetters")["Resource"]);
    let letter = |name: &str| format!("arn:{{partition}}:sqs:{{region}}:{{account}}:{{stack}}-{name}");
    assert_eq!(letters, ["dead-letter", "parked"].map(letter).into());
    let receivers = template.of_type("AWS::IAM::Role").filter(|(role, _)| {
        *role != "ApiRole"
            && template
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
    assert_eq!(keys("ShopRole", "Definitions"), set(&["W#shop"]));
    let all = ["charge-card", "check-stock", "parked", "ship", "timer"].map(queue);
    assert_eq!(sends("WarehouseRole"), all.clone().into());
    assert_eq!(keys("WarehouseRole", "Runs"), set(&["R#shop/*", "R#stock-taking/*", "R#sweep/*"]));
    let definitions = ["W#shop", "W#stock-taking", "W#sweep"];
    assert_eq!(keys("WarehouseRole", "Definitions"), set(&definitions));
    // Of the warehouse's steps one has a rate.
    assert_eq!(keys("WarehouseRole", "Paces"), set(&["P#check-stock"]));
    let objects = texts(&template.statement("ShopRole", "Payloads")["Resource"]);
    assert_eq!(objects, set(&["arn:{partition}:s3:::{stack}-{account}-{region}/runs/shop/*"]));

    for role in ["StartRole", "TimerRole", "DeadLetterRole"] {
        assert_eq!(sends(role), all.clone().into(), "{role}");
        assert_eq!(keys(role, "Runs"), set(&["R#*"]), "{role}");
        assert_eq!(keys(role, "Definitions"), set(&["W#*"]), "{role}");
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
    // A condition on no keys at all would hold for any.
    let of_runs = ["Runs", "Definitions", "Payloads"];
    let labels = template.statements("LabelsRole");
    assert!(labels.iter().all(|statement| !of_runs.contains(&statement["Sid"].as_str().unwrap())));
}

/// What each role may do, statement by statement. What is asked for is in `stepladder_aws`, and who asks in
/// `stepladder_protocol`: all records of a run are read for what comes by the timer queue (`repair.rs`, `stop.rs`), and the
/// lists by the sweep.
#[test]
fn a_role_may_do_what_its_functions_ask_for_and_no_more() {
    let template = whole();
    let common = [
        (
            "Receive",
            "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage",
        ),
        ("Send", "sqs:SendMessage"),
        ("Activities", "sqs:SendMessage"),
        ("FindQueues", "sqs:GetQueueUrl"),
        ("Definitions", "dynamodb:GetItem"),
        ("Logs", "logs:CreateLogStream logs:PutLogEvents"),
        ("Key", "kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey"),
    ];
    let check = |role: &str, own: &[(&str, &str)]| {
        let actions = |statement: &serde_json::Value| {
            let actions: Vec<String> = texts(&statement["Action"]).into_iter().collect();
            (statement["Sid"].as_str().unwrap().to_owned(), actions.join(" "))
        };
        let is: BTreeMap<String, String> = template.statements(role).iter().map(actions).collect();
        let pair = |(sid, actions): &(&str, &str)| ((*sid).to_owned(), (*actions).to_owned());
        let wanted: BTreeMap<String, String> = common.iter().chain(own).map(pair).collect();
        assert_eq!(is, wanted, "{role}");
    };
    let by_key = ("Runs", "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:UpdateItem");
    let whole_runs = (
        "Runs",
        "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
    );
    let payloads = ("Payloads", "s3:GetObject s3:PutObject");
    let find = ("FindPayloads", "s3:ListBucket");
    let tell = ("TellEnds", "events:PutEvents");
    let tables = (
        "OwnTables",
        "dynamodb:BatchGetItem dynamodb:BatchWriteItem dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
    );
    // Whoever runs code looks whether it is paused, and holds the message.
    let (look, hold) = (("Controls", "dynamodb:GetItem"), ("HoldMessages", "dynamodb:PutItem"));
    check("ShopRole", &[by_key, payloads, tables, ("Own1", "s3:GetObject"), look, hold]);
    let paces = ("Paces", "dynamodb:GetItem dynamodb:UpdateItem");
    check("WarehouseRole", &[by_key, payloads, paces, look, hold]);
    check("StartRole", &[by_key, ("Payloads", "s3:PutObject")]);
    let schedule = ("Schedule", "scheduler:CreateSchedule");
    let lists = [("ListRuns", "dynamodb:Query"), ("ListWorkflows", "dynamodb:Query")];
    let pass = ("PassSchedulerRole", "iam:PassRole");
    let resume = ("HeldMessages", "dynamodb:DeleteItem dynamodb:Query");
    check("TimerRole", &[whole_runs, payloads, find, tell, lists[0], lists[1], schedule, pass, look, resume]);
    let both = ("HeldMessages", "dynamodb:DeleteItem dynamodb:PutItem dynamodb:Query");
    let alone = ("TryAlone", "lambda:InvokeFunction");
    check("DeadLetterRole", &[whole_runs, payloads, find, tell, alone, look, both]);
    let held = |role: &str, sid: &str| {
        let conditions = &template.statement(role, sid)["Condition"]["ForAllValues:StringLike"];
        texts(&conditions["dynamodb:LeadingKeys"]).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(held("ShopRole", "HoldMessages"), ["C#paused#shop"]);
    assert_eq!(held("ShopRole", "Controls"), ["C#control"]);
    assert_eq!(held("TimerRole", "HeldMessages"), ["C#paused#*"]);
    let listed = &template.statement("TimerRole", "ListWorkflows")["Condition"]["ForAllValues:StringLike"];
    assert_eq!(listed["dynamodb:LeadingKeys"], "C#workflows");
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
    // Who parks a message, or shows a run, has to know that its payload is gone.
    assert_eq!(with("s3:ListBucket"), ["DeadLetterRole", "TimerRole", "ApiRole"]);
    let bucket = texts(&template.statement("DeadLetterRole", "FindPayloads")["Resource"]);
    assert_eq!(bucket, BTreeSet::from(["arn:{partition}:s3:::{stack}-{account}-{region}".to_owned()]));
    // The hourly sweep is the timer function's, and the API lists executions.
    let lists = |role: &&str| template.statements(role).iter().any(|s| s["Sid"] == "ListRuns");
    let roles = template.of_type("AWS::IAM::Role").map(|(role, _)| role);
    assert_eq!(roles.filter(lists).collect::<Vec<_>>(), ["TimerRole", "ApiRole"]);
    let pass = template.statement("TimerRole", "PassSchedulerRole");
    assert_eq!(
        pass["Condition"],
        json!({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}})
    );
    let trust = &template.properties("SchedulerRole")["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Condition"]["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}));
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
fn a_function_is_told_how_its_step_may_run() {
    let stack = stack(&everything());
    let flow = |name: &str| {
        let variables = &stack.function(name).unwrap().environment;
        let value = |variable: &str| match variables.get(variable) {
            Some(Value::Text(text)) => Some(text.at(&Place::default())),
            _ => None,
        };
        (value("STEPLADDER_RATE_PER_SECOND"), value("STEPLADDER_EXCLUSIVE"))
    };
    assert_eq!(flow("check-stock"), (Some("2.5".to_owned()), Some("true".to_owned())));
    assert_eq!(flow("ship"), (None, None));
    assert_eq!(flow("timer"), (None, None));
}
