//! What keeps a deployed stack going without anybody, and what somebody does with a role of theirs.

use crate::at;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use std::time::Duration;
use stepladder_aws::{StackSpec, create_stack};
use stepladder_aws_tests::{Emulator, Folder, Guarded, Kind, SYSTEM_TIMEOUT_SECONDS, Stack, until};
use stepladder_engine::Status;
use stepladder_protocol::{Clock, Functions, Host, Invoked, QueueName, StartRequest, Started};

const WORKFLOW: &str = "held";
const PATIENCE: Duration = Duration::from_secs(60);
/// A sweep looks at the runs that started one to two hours ago.
const AGE_MS: i64 = 75 * 60_000;

/// Waits for a minute: long enough to lose the message that waits.
fn definition() -> Value {
    json!({ "StartAt": "Hold", "States": { "Hold": { "Type": "Wait", "Seconds": 60, "End": true } } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn the_hourly_schedule_repairs_a_run_whose_message_was_purged() {
    let stack = Stack::committed("operator").await;
    if stack.emulator.kind == Kind::Localstack {
        return eprintln!("not run: its Scheduler never fires");
    }
    let of = json!({ "GroupName": stack.name, "Name": format!("{}-sweep", stack.name) });
    let hourly = stack.aws("scheduler", "get_schedule", &of).await;
    assert_eq!(
        (&hourly["ScheduleExpression"], &hourly["State"]),
        (&json!("rate(1 hour)"), &json!("ENABLED"))
    );
    let target = &hourly["Target"];
    assert_eq!(target["Arn"], stack.queue_arn(&QueueName::Timer).as_str());
    let input: Value = serde_json::from_str(target["Input"].as_str().unwrap()).unwrap();
    assert_eq!(input, json!({ "sweep": true }));

    stack.publish(WORKFLOW, &definition()).await;
    stack.send_starts(WORKFLOW, &[("lost".to_owned(), json!({ "order": 17 }))]).await;
    until("the message waits", PATIENCE, async || {
        (stack.counts(&QueueName::Timer).await == [0, 0, 1]).then_some(())
    })
    .await;
    let timer = stack.host().queue().url(&QueueName::Timer).await.unwrap().unwrap();
    stack.host().sqs().purge_queue().queue_url(timer).send().await.unwrap();
    assert_eq!(stack.counts(&QueueName::Timer).await, [0, 0, 0]);
    let none = json!({ "looked_at": 0, "running": 0 });
    assert_eq!(sweep(&stack).await, none, "a young run is not looked at");

    age(&stack, "lost").await;
    // An hour later: a schedule with the target of the hourly one.
    let now = json!({
        "GroupName": stack.name,
        "Name": format!("{}-now", stack.name),
        "ScheduleExpression": at(stack.host().clock().now_ms()),
        "FlexibleTimeWindow": hourly["FlexibleTimeWindow"],
        "Target": target,
        "ActionAfterCompletion": "DELETE",
    });
    stack.aws("scheduler", "create_schedule", &now).await;
    let ended = stack.ended(WORKFLOW, "lost", PATIENCE).await;
    assert_eq!((ended.end().as_str(), ended.output), ("SUCCEEDED", Some(json!({ "order": 17 }))));
    let one = json!({ "looked_at": 1, "running": 0 });
    assert_eq!(sweep(&stack).await, one, "there is nothing left to be done");
    assert_eq!(stack.counts(&QueueName::DeadLetter).await, [0, 0, 0]);
    assert_eq!(stack.parked().await, []);
}

/// Calls the deployed timer function, as a schedule may do too; its answer.
async fn sweep(stack: &Stack) -> Value {
    let event = json!({ "sweep": true }).to_string();
    match stack.host().functions().invoke("timer", event).await.unwrap() {
        Invoked::Returned(answer) => serde_json::from_str(&answer).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Lets a run have started an hour before it did: nobody waits so long for a test.
async fn age(stack: &Stack, name: &str) {
    let started_ms = stack.host().clock().now_ms() - AGE_MS;
    stack
        .host()
        .dynamodb()
        .update_item()
        .table_name(&stack.name)
        .key("pk", AttributeValue::S(format!("R#{WORKFLOW}/{name}")))
        .key("sk", AttributeValue::S("RUN".to_owned()))
        .update_expression("SET t0 = :t0")
        .expression_attribute_values(":t0", AttributeValue::N(started_ms.to_string()))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn the_role_of_an_environment_is_assumed_and_one_that_is_refused_is_told() {
    let shared = Emulator::from_env();
    if shared.kind == Kind::Localstack {
        return eprintln!("not run: it doesn't look at roles");
    }
    let guarded = Guarded::start(&shared).await;
    let stack = Stack::on(guarded.emulator.clone(), "roles").await;
    let spec = StackSpec { steps: Vec::new(), system_timeout_seconds: SYSTEM_TIMEOUT_SECONDS };
    create_stack(stack.host(), &spec).await.unwrap();
    stack.publish(WORKFLOW, &definition()).await;
    let (workflow, name) = (WORKFLOW.to_owned(), "waits".to_owned());
    let started = stack.protocol.start(StartRequest { workflow, name, input: json!({}) }).await.unwrap();
    assert!(matches!(started, Started::Created(_)), "{started:?}");
    make_reader(&stack).await;

    let folder = Folder::new("roles");
    let env = |role: &str| {
        let (stack, endpoint) = (&stack.name, &stack.emulator.endpoint);
        format!(
            "[env.{role}]\nregion = 'us-east-1'\nstack = '{stack}'\nendpoint = '{endpoint}'\n\
             role = 'arn:aws:iam::000000000000:role/{role}'\n"
        )
    };
    folder.write("stepladder.toml", env("reader") + &env("stranger"));
    let list = ["run", "list", "-o", "json", "--env", "reader"];
    let listed = stack.cli_in(folder.path(), &list).await.assert_code(0).json();
    assert_eq!(listed[0]["id"], "held/waits", "{listed:#}");

    // The caller may do everything, and this role may not.
    let stop = ["run", "stop", "held/waits", "--env", "reader"];
    let stopped = stack.cli_in(folder.path(), &stop).await.assert_code(4);
    stopped.assert_tells("error[SL1303]").assert_tells("assumed-role/reader/stepladder is not authorized");
    assert_eq!(stack.run(WORKFLOW, "waits").await.unwrap().status, Status::Running);

    let list = ["run", "list", "--env", "stranger"];
    let refused = stack.cli_in(folder.path(), &list).await.assert_code(4);
    let refused = refused.assert_tells("error[SL1303]: can't list the workflows");
    let refused = refused.assert_tells("sts:AssumeRole on resource: arn:aws:iam::000000000000:role/stranger");
    refused.assert_tells("hint: check the credentials in use");
    stack.cli(&["run", "stop", "held/waits"]).await.assert_code(0);
}

/// A role of whoever has credentials of the account, which reads the table and does nothing else.
async fn make_reader(stack: &Stack) {
    let policy = |statement: Value| json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let trust = policy(json!({
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::000000000000:root" },
        "Action": "sts:AssumeRole",
    }));
    let role = json!({ "RoleName": "reader", "AssumeRolePolicyDocument": trust });
    stack.aws("iam", "create_role", &role).await;
    let table = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}", stack.name);
    let reads = policy(json!({
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"],
        "Resource": [table, format!("{table}/index/*")],
    }));
    let policy = json!({ "RoleName": "reader", "PolicyName": "reads", "PolicyDocument": reads });
    stack.aws("iam", "put_role_policy", &policy).await;
}
