//! What issue C lists under "per stack", clause by clause, in the text read back.

use crate::support::{Template, each_template, everything, number, stack, text, whole};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use stepladder_infra::{Stack, sam};

fn parameter(name: &str) -> Value {
    json!({"Ref": name})
}

/// A value that is there only with a customer-managed key.
fn with_key(value: Value) -> Value {
    json!({"Fn::If": ["HasKey", value, {"Ref": "AWS::NoValue"}]})
}

fn tables(template: &Template) -> Vec<(&str, &Value)> {
    template.of_type("AWS::DynamoDB::Table").collect()
}

/// The main template of each stack: it has whatever there is once.
fn each_root(check: impl Fn(&Stack, &Template)) {
    each_template(|stack, template| {
        if template.file == sam::TEMPLATE {
            check(stack, template);
        }
    });
}

#[test]
fn tables_are_paid_by_request_can_be_restored_and_are_hard_to_delete() {
    each_root(|stack, template| {
        assert_eq!(tables(template).len(), stack.tables.len());
        for (id, table) in tables(template) {
            assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{id}");
            let recovery = &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
            assert_eq!(recovery, &parameter("PointInTimeRecovery"), "{id}");
            let protection = json!({"Fn::If": ["IsProtected", true, false]});
            assert_eq!(table["DeletionProtectionEnabled"], protection, "{id}");
        }
        let protected = json!({"Fn::Equals": [parameter("DeletionProtection"), "true"]});
        assert_eq!(template.json["Conditions"]["IsProtected"], protected);
        for name in ["PointInTimeRecovery", "DeletionProtection"] {
            assert_eq!(template.json["Parameters"][name]["Default"], "true", "{name}");
        }
    });
}

#[test]
fn items_of_runs_expire() {
    each_root(|_, template| {
        let ttl = &template.properties("Table")["TimeToLiveSpecification"];
        assert_eq!(ttl, &json!({"AttributeName": "expires", "Enabled": true}));
    });
}

#[test]
fn the_runs_table_and_its_indexes_are_equally_warm() {
    each_root(|_, template| {
        let warm = json!({
            "ReadUnitsPerSecond": parameter("TableWarmReadUnits"),
            "WriteUnitsPerSecond": parameter("TableWarmWriteUnits"),
        });
        let table = template.properties("Table");
        assert_eq!(table["WarmThroughput"], warm);
        let indexes = table["GlobalSecondaryIndexes"].as_array().unwrap();
        let names: Vec<&str> = indexes.iter().map(|index| index["IndexName"].as_str().unwrap()).collect();
        assert_eq!(names, ["runs", "attention"]);
        let equals = |name: &str, begun: &str| json!({"Fn::Equals": [parameter(name), begun]});
        let as_begun = json!({"Fn::And": [equals("TableWarmReadUnits", "12000"), equals("TableWarmWriteUnits", "4000")]});
        assert_eq!(template.json["Conditions"]["HasMoreWarmth"], json!({"Fn::Not": [as_begun]}));
        for index in indexes {
            let set = json!({"Fn::If": ["HasMoreWarmth", warm, {"Ref": "AWS::NoValue"}]});
            assert_eq!(index["WarmThroughput"], set, "{}", index["IndexName"]);
            assert_eq!(index["Projection"]["ProjectionType"], "KEYS_ONLY");
        }
    });
}

#[test]
fn what_is_stored_is_encrypted_with_the_customers_key_if_there_is_one() {
    each_template(|_, template| {
        for (id, table) in tables(template) {
            let key = json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": parameter("KmsKeyArn")});
            assert_eq!(table["SSESpecification"], with_key(key), "{id}");
        }
        for (id, queue) in template.of_type("AWS::SQS::Queue") {
            assert_eq!(queue["SqsManagedSseEnabled"], json!({"Fn::If": ["HasKey", false, true]}), "{id}");
            assert_eq!(queue["KmsMasterKeyId"], with_key(parameter("KmsKeyArn")), "{id}");
            assert_eq!(queue["KmsDataKeyReusePeriodSeconds"], with_key(json!(3_600)), "{id}");
        }
        for (id, bucket) in template.of_type("AWS::S3::Bucket") {
            let by_key = json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": parameter("KmsKeyArn")});
            let by_default = json!({"Fn::If": ["HasKey", by_key, {"SSEAlgorithm": "AES256"}]});
            let rules = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"];
            assert_eq!(rules[0]["ServerSideEncryptionByDefault"], by_default, "{id}");
        }
        let has_key = json!({"Fn::Not": [{"Fn::Equals": [parameter("KmsKeyArn"), ""]}]});
        assert_eq!(template.json["Conditions"]["HasKey"], has_key);
    });
}

#[test]
fn the_bucket_is_closed_to_the_public_and_lets_payloads_go() {
    each_root(|_, template| {
        let bucket = template.properties("Bucket");
        let closed = json!({
            "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
        });
        assert_eq!(bucket["PublicAccessBlockConfiguration"], closed);
        assert_eq!(bucket["OwnershipControls"]["Rules"], json!([{"ObjectOwnership": "BucketOwnerEnforced"}]));
        let payloads = &bucket["LifecycleConfiguration"]["Rules"][0];
        assert_eq!((&payloads["Status"], &payloads["Prefix"]), (&json!("Enabled"), &json!("runs/")));
        assert_eq!(payloads["ExpirationInDays"], parameter("PayloadDays"));
    });
}

#[test]
fn what_is_given_up_or_parked_waits_for_two_weeks_and_goes_nowhere() {
    each_root(|_, template| {
        for id in ["DeadLetterQueue", "ParkedQueue"] {
            let queue = template.properties(id);
            assert_eq!(queue["MessageRetentionPeriod"], 14 * 86_400, "{id}");
            assert!(queue.get("RedrivePolicy").is_none(), "{id}");
        }
    });
    each_template(|_, template| {
        for (id, queue) in template.of_type("AWS::SQS::Queue") {
            if ["DeadLetterQueue", "ParkedQueue"].contains(&id) {
                continue;
            }
            assert_eq!(queue["MessageRetentionPeriod"], 4 * 86_400, "{id}");
            let target = &queue["RedrivePolicy"]["deadLetterTargetArn"];
            let by_name = "arn:{partition}:sqs:{region}:{account}:{stack}-dead-letter";
            assert!(
                target == &json!({"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}) || text(target) == by_name,
                "{id}: {target}"
            );
        }
    });
}

#[test]
fn once_an_hour_the_timer_function_is_asked_to_sweep() {
    each_root(|_, template| {
        let schedule = template.properties("SweepSchedule");
        assert_eq!(schedule["ScheduleExpression"], "rate(1 hour)");
        assert_eq!(schedule["FlexibleTimeWindow"], json!({"Mode": "OFF"}));
        assert_eq!(schedule["GroupName"], json!({"Ref": "ScheduleGroup"}));
        let target = &schedule["Target"];
        assert_eq!(target["Arn"], json!({"Fn::GetAtt": ["TimerQueue", "Arn"]}));
        assert_eq!(target["RoleArn"], json!({"Fn::GetAtt": ["SchedulerRole", "Arn"]}));
        let input: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
        assert_eq!(input, json!({"sweep": true}));
    });
}

#[test]
fn a_trigger_starts_a_run_that_is_named_by_its_event() {
    let template = whole();
    let rules: Vec<(&str, &Value)> = template.of_type("AWS::Events::Rule").collect();
    let ids: Vec<&str> = rules.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["ShopScheduleRule", "StockTakingEventRule", "SweepScheduleRule"]);
    assert_eq!(rules[0].1["ScheduleExpression"], "cron(0 6 ? * MON-FRI *)");
    // Numbers stay numbers: EventBridge compares no text.
    let numeric = &rules[1].1["EventPattern"]["detail"]["size"][0]["numeric"];
    assert_eq!(numeric, &json!([">", 0.5, "<=", 7]));
    for ((id, rule), workflow) in rules.iter().zip(["shop", "stock-taking", "sweep"]) {
        let [target] = &rule["Targets"].as_array().unwrap()[..] else { panic!("{id}: one target") };
        assert_eq!(target["Arn"], json!({"Fn::GetAtt": ["StartQueue", "Arn"]}), "{id}");
        let lost = &target["DeadLetterConfig"]["Arn"];
        assert_eq!(lost, &json!({"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}), "{id}");
        let transformer = &target["InputTransformer"];
        assert_eq!(transformer["InputPathsMap"], json!({"id": "$.id"}), "{id}");
        // As EventBridge fills it in.
        let filled = transformer["InputTemplate"].as_str().unwrap().replace("<id>", "6a7e8feb");
        let filled = filled.replace("<aws.events.event.json>", r#"{"id": "6a7e8feb"}"#);
        let start: Value = serde_json::from_str(&filled).unwrap();
        let wanted = json!({"workflow": workflow, "name": "6a7e8feb", "input": {"id": "6a7e8feb"}});
        assert_eq!(start, wanted, "{id}");
    }
}

#[test]
fn only_the_stacks_own_rules_send_and_only_to_two_queues() {
    let template = whole();
    let rules: Vec<Value> =
        template.of_type("AWS::Events::Rule").map(|(id, _)| json!({"Fn::GetAtt": [id, "Arn"]})).collect();
    let mut senders = BTreeSet::new();
    for (id, policy) in template.of_type("AWS::SQS::QueuePolicy") {
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
        for statement in statements.iter().filter(|statement| statement["Effect"] == "Allow") {
            assert_eq!(statement["Principal"], json!({"Service": "events.amazonaws.com"}), "{id}");
            assert_eq!(statement["Action"], "sqs:SendMessage", "{id}");
            let queue = policy["Queues"][0]["Ref"].as_str().unwrap();
            assert_eq!(statement["Resource"], json!({"Fn::GetAtt": [queue, "Arn"]}), "{id}");
            let mut named = statement["Condition"]["ArnEquals"]["aws:SourceArn"].as_array().unwrap().clone();
            named.sort_by_key(Value::to_string);
            assert_eq!(named, rules, "{id}");
            senders.insert(queue);
        }
    }
    assert_eq!(senders, BTreeSet::from(["StartQueue", "DeadLetterQueue"]));
}

#[test]
fn alarms_watch_what_they_are_named_for() {
    let template = whole();
    let alarm = |id: &str| template.properties(id).clone();
    let own = |id: &str, metric: &str| {
        let alarm = alarm(id);
        assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&json!("Stepladder"), &json!(metric)));
        let stack = json!([{"Name": "Stack", "Value": {"Ref": "AWS::StackName"}}]);
        assert_eq!((&alarm["Dimensions"], &alarm["Statistic"]), (&stack, &json!("Sum")), "{id}");
    };
    own("RunsFailedAlarm", "RunsFailed");
    own("RepairsAlarm", "Repairs");
    own("ThrottlesAlarm", "Throttles");
    let parked = alarm("ParkedAlarm");
    assert_eq!(
        (&parked["Namespace"], &parked["MetricName"], &parked["Statistic"]),
        (&json!("AWS/SQS"), &json!("ApproximateNumberOfMessagesVisible"), &json!("Maximum"))
    );
    assert_eq!(parked["Dimensions"][0]["Name"], "QueueName");
    assert_eq!(text(&parked["Dimensions"][0]["Value"]), "{stack}-parked");
    for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold", "{id}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{id}");
        let limit = if id == "QueueAgeAlarm" { 1_800 } else { 0 };
        assert_eq!(number(&alarm["Threshold"]), limit, "{id}");
        let told = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]});
        assert_eq!((&alarm["AlarmActions"], &alarm["OKActions"]), (&told, &told), "{id}");
    }
}

/// The metrics of an alarm with an expression: id, queue, metric.
fn watched(alarm: &Value) -> Vec<(String, String, String)> {
    let metrics = alarm["Metrics"].as_array().unwrap().iter().filter(|metric| metric["Id"] != "result");
    let watched = |metric: &Value| {
        let shape = &metric["MetricStat"]["Metric"];
        assert_eq!(
            (&shape["Namespace"], &shape["Dimensions"][0]["Name"]),
            (&json!("AWS/SQS"), &json!("QueueName"))
        );
        let id = metric["Id"].as_str().unwrap().to_owned();
        let name = shape["MetricName"].as_str().unwrap().to_owned();
        (id, text(&shape["Dimensions"][0]["Value"]), name)
    };
    metrics.map(watched).collect()
}

#[test]
fn a_queue_that_is_stuck_or_old_is_told_by_visible_messages_and_ages() {
    let stack = stack(&everything());
    let template = whole();
    let polled: BTreeSet<String> =
        stack.mappings.iter().map(|mapping| format!("{{stack}}-{}", mapping.name)).collect();
    let expression = |alarm: &Value| alarm["Metrics"][0]["Expression"].as_str().unwrap().to_owned();
    let (mut old, mut stuck) = (BTreeSet::new(), BTreeSet::new());
    for (id, alarm) in
        template.of_type("AWS::CloudWatch::Alarm").filter(|(_, alarm)| !alarm["Metrics"].is_null())
    {
        let condition = &template.resources()[id]["Condition"];
        let watched = watched(alarm);
        assert_eq!(alarm["Metrics"][0]["Id"], "result");
        if id.starts_with("QueueAge") {
            assert_eq!(condition, "HasAgeAlarms");
            assert!(watched.iter().all(|(_, _, metric)| metric == "ApproximateAgeOfOldestMessage"));
            let terms: Vec<String> = watched.iter().map(|(id, ..)| format!("FILL({id}, 0)")).collect();
            assert_eq!(expression(alarm), format!("MAX([{}])", terms.join(", ")));
            old.extend(watched.into_iter().map(|(_, queue, _)| queue));
        } else {
            assert_eq!(condition, "HasStuckAlarms");
            let terms: Vec<String> = watched
                .chunks(2)
                .map(|pair| {
                    let [(v, queue, visible), (f, same, in_flight)] = pair else { panic!("{pair:?}") };
                    assert_eq!(queue, same);
                    assert_eq!(visible, "ApproximateNumberOfMessagesVisible");
                    assert_eq!(in_flight, "ApproximateNumberOfMessagesNotVisible");
                    stuck.insert(queue.clone());
                    format!("IF(FILL({v}, 0) > 0 AND FILL({f}, 0) == 0, 1, 0)")
                })
                .collect();
            assert_eq!(expression(alarm), terms.join(" + "));
        }
    }
    assert_eq!((&old, &stuck), (&polled, &polled));
}

/// FILL may give the newest point its own value, because the metric is late.
#[test]
fn no_alarm_with_fill_hangs_on_its_newest_point() {
    each_root(|_, template| {
        for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
            let (points, periods) = (&alarm["DatapointsToAlarm"], number(&alarm["EvaluationPeriods"]));
            match id {
                _ if id.starts_with("QueueAge") => assert_eq!((number(points), periods), (1, 3), "{id}"),
                _ if id.starts_with("QueueStuck") => assert_eq!((number(points), periods), (8, 10), "{id}"),
                _ => {
                    assert!(alarm["Metrics"].is_null(), "{id}");
                    assert_eq!((points, periods), (&Value::Null, 1), "{id}");
                }
            }
        }
    });
}
