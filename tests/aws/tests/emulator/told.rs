//! The ends of runs, on an event bus and from there in a queue: a workspace that asks for them, deployed.

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};
use stepladder_aws_tests::{Ended, Folder, Stack, link, until, workspace};
use stepladder_engine::Status;
use stepladder_protocol::{StartRequest, Started};

const ORDERS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);
const WORKFLOW: &str = "order-processing";

/// Of every end of an order, and of the pickups that fail.
const SETTINGS: &str = r#"
[package.metadata.stepladder.workflow.order-processing]
status_events = "all"

[package.metadata.stepladder.workflow.pickups]
status_events = "failures"
"#;

/// A workflow that needs no step.
const PICKUPS: &str = r#"{
    "StartAt": "IsThere",
    "States": {
        "IsThere": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.is_there", "BooleanEquals": true, "Next": "Collected" }],
            "Default": "Missed"
        },
        "Collected": { "Type": "Succeed" },
        "Missed": { "Type": "Fail", "Error": "Missed", "Cause": "nobody \"was\" at the door <ä>" }
    }
}"#;

/// One end of one run: its execution's ARN, and its status.
type End = (String, String);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn ends_are_told_as_the_settings_say_and_rules_find_them() {
    let stack = deployed().await;
    let every = json!({
        "source": ["stepladder"],
        "detail-type": ["Step Functions Execution Status Change"],
    });
    let every = queue_of_rule(&stack, "every", &every).await;
    let failures = queue_of_rule(&stack, "failures", &pattern_of_the_page()).await;

    let mut names = vec![("pickups", "collected".to_owned()), ("pickups", "missed".to_owned())];
    let pickups = [("collected", true), ("missed", false)];
    let pickups = pickups.map(|(name, is_there)| (name.to_owned(), json!({ "is_there": is_there })));
    stack.send_starts("pickups", &pickups).await;
    let orders = orders();
    stack.send_starts(WORKFLOW, &orders).await;
    names.extend(orders.into_iter().map(|(name, _)| (WORKFLOW, name)));
    let mut runs = BTreeMap::new();
    for (workflow, name) in names {
        let ended = stack.ended(workflow, &name, PATIENCE).await;
        runs.insert((workflow, name), ended);
    }
    stop_one(&stack).await;
    runs.insert((WORKFLOW, "stopped".to_owned()), stack.ended(WORKFLOW, "stopped", PATIENCE).await);

    let statuses: BTreeSet<&str> = runs.values().map(|run| run.item.status.as_str()).collect();
    assert_eq!(Vec::from_iter(statuses), ["ABORTED", "FAILED", "SUCCEEDED"], "every kind is among them");
    // Of pickups the one that succeeded is not told.
    let expected: BTreeMap<End, &Ended> = runs
        .iter()
        .filter(|((workflow, _), run)| *workflow == WORKFLOW || run.item.status != Status::Succeeded)
        .map(|((workflow, name), run)| (end(workflow, name, run), run))
        .collect();
    let ends: BTreeSet<End> = expected.keys().cloned().collect();
    let seen = told(&stack, &every, &ends).await;
    for (end, run) in &expected {
        check(&seen[end], run);
    }
    let is_of_page = |(arn, status): &End| arn.contains(WORKFLOW) && status != "SUCCEEDED";
    let of_page: BTreeSet<End> = ends.into_iter().filter(is_of_page).collect();
    assert!(of_page.len() > 1 && of_page.len() < expected.len(), "{of_page:?}");
    told(&stack, &failures, &of_page).await;
    assert_eq!(stack.parked().await, []);
}

/// The workspace with these settings: its template, deployed with a bus of its own.
async fn deployed() -> Stack {
    let stack = Stack::named("told").await;
    let folder = Folder::new("told");
    link("", folder.path(), &["target", "functions", "stepladder.toml"]);
    let functions = folder.path().join("functions");
    link("functions", &functions, &[WORKFLOW]);
    link(&format!("functions/{WORKFLOW}"), &functions.join(WORKFLOW), &["Cargo.toml"]);
    let manifest = format!("functions/{WORKFLOW}/Cargo.toml");
    folder.write(&manifest, fs::read_to_string(workspace().join(&manifest)).unwrap() + SETTINGS);
    fs::create_dir(functions.join("pickups")).unwrap();
    folder.write("functions/pickups/workflow.asl.json", PICKUPS);
    let synth = ["synth", "--format", "sam", "--to", "rendered"];
    stack.cli_of_workspace(folder.path(), &synth).await.assert_code(0);

    stack.aws("events", "create_event_bus", &json!({ "Name": stack.name })).await;
    let template = folder.path().join("rendered/sam/template.yaml");
    let bus = format!("EventBusName={}", stack.name);
    stack.deploy_template(&template, &[bus.as_str()]).await;
    for workflow in [WORKFLOW, "pickups"] {
        let definition = functions.join(workflow).join("workflow.asl.json");
        let definition = fs::read_to_string(definition).unwrap();
        stack.publish(workflow, &serde_json::from_str(&definition).unwrap()).await;
    }
    stack
}

/// The rule that docs/operating.md shows.
fn pattern_of_the_page() -> Value {
    let page = fs::read_to_string(workspace().join("docs/operating.md")).unwrap();
    let mut blocks = page.split("\n```json\n").skip(1).filter_map(|block| Some(block.split_once("\n```")?.0));
    let pattern = blocks.find(|block| block.contains("stateMachineArn")).expect("the page has one");
    serde_json::from_str(pattern).unwrap()
}

/// Makes a rule on the stack's bus, and the queue that it sends to; its URL.
async fn queue_of_rule(stack: &Stack, name: &str, pattern: &Value) -> String {
    let name = format!("{}-{name}", stack.name);
    let queue = stack.host().sqs().create_queue().queue_name(&name).send().await.unwrap();
    let rule = json!({ "Name": name, "EventBusName": stack.name, "EventPattern": pattern.to_string() });
    stack.aws("events", "put_rule", &rule).await;
    let target = json!({ "Id": "queue", "Arn": format!("arn:aws:sqs:us-east-1:000000000000:{name}") });
    let targets = json!({ "Rule": name, "EventBusName": stack.name, "Targets": [target] });
    let answer = stack.aws("events", "put_targets", &targets).await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    queue.queue_url.unwrap()
}

fn orders() -> Vec<(String, Value)> {
    let samples = workspace().join("functions/order-processing/samples/orders.jsonl");
    let samples = fs::read_to_string(samples).unwrap();
    let orders = samples.lines().take(ORDERS).enumerate();
    orders.map(|(at, line)| (format!("order-{at}"), serde_json::from_str(line).unwrap())).collect()
}

/// Starts a run of a version that waits, and stops it, as an operator does.
async fn stop_one(stack: &Stack) {
    let hold = json!({ "Type": "Wait", "Seconds": 600, "End": true });
    stack.publish(WORKFLOW, &json!({ "StartAt": "Hold", "States": { "Hold": hold } })).await;
    // Not by the start function, which may believe in the version before for some seconds.
    let (workflow, name) = (WORKFLOW.to_owned(), "stopped".to_owned());
    let started = stack.protocol.start(StartRequest { workflow, name, input: json!({}) }).await.unwrap();
    assert!(matches!(started, Started::Created(_)), "{started:?}");
    let id = format!("{WORKFLOW}/stopped");
    stack.cli(&["run", "stop", &id, "--error", "Recalled", "--cause", "too late"]).await.assert_code(0);
}

fn end(workflow: &str, name: &str, run: &Ended) -> End {
    let arn = format!("arn:aws:states:us-east-1:000000000000:execution:{workflow}:{name}");
    (arn, run.item.status.as_str().to_owned())
}

/// Takes events out of a queue until all that are expected have come; asserts that there is no other. An end may be told
/// more than once, and each time it is the same.
async fn told(stack: &Stack, queue: &str, expected: &BTreeSet<End>) -> BTreeMap<End, Value> {
    let sqs = stack.host().sqs();
    let mut seen = BTreeMap::<End, Value>::new();
    until("all ends are told", PATIENCE, async || {
        let received =
            sqs.receive_message().queue_url(queue).max_number_of_messages(10).send().await.unwrap();
        for message in received.messages.unwrap_or_default() {
            let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
            let text = |name: &str| event["detail"][name].as_str().unwrap().to_owned();
            let end = (text("executionArn"), text("status"));
            if let Some(before) = seen.get(&end) {
                assert_eq!(before["detail"], event["detail"]);
            }
            seen.insert(end, event);
            let receipt = message.receipt_handle.unwrap();
            sqs.delete_message().queue_url(queue).receipt_handle(receipt).send().await.unwrap();
        }
        expected.iter().all(|end| seen.contains_key(end)).then_some(())
    })
    .await;
    assert_eq!(seen.keys().cloned().collect::<BTreeSet<End>>(), *expected);
    seen
}

/// The event is Step Functions' own, without payloads
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>).
#[track_caller]
fn check(event: &Value, run: &Ended) {
    let item = &run.item;
    let arn = |kind: &str| format!("arn:aws:states:us-east-1:000000000000:{kind}:{}", item.id.workflow);
    let (execution, machine) = (format!("{}:{}", arn("execution"), item.id.name), arn("stateMachine"));
    let (output, redrive) = match item.status {
        Status::Succeeded => {
            let why = "Execution is SUCCEEDED and cannot be redriven";
            (json!({ "included": false }), ("NOT_REDRIVABLE", Some(why)))
        }
        _ => (Value::Null, ("REDRIVABLE", None)),
    };
    let detail = json!({
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": item.id.name,
        "status": item.status.as_str(),
        "startDate": item.started_ms,
        "stopDate": item.ended_ms.unwrap(),
        "input": null,
        "output": null,
        "inputDetails": { "included": false },
        "outputDetails": output,
        "error": run.error,
        "cause": run.cause,
        "stateMachineVersionArn": null,
        "stateMachineAliasArn": null,
        "redriveCount": 0,
        "redriveDate": null,
        "redriveStatus": redrive.0,
        "redriveStatusReason": redrive.1,
    });
    assert_eq!(event["detail"], detail);
    assert_eq!(event["source"], "stepladder");
    assert_eq!(event["detail-type"], "Step Functions Execution Status Change");
    assert_eq!(event["resources"], json!([execution, machine]));
    assert_eq!((&event["account"], &event["region"]), (&json!("000000000000"), &json!("us-east-1")));
}
