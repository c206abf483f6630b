//! What only DynamoDB, SQS and S3 have: limits, indexes, what a call costs, and failures on the way.

use super::aws_world::{AwsWorld, run};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use stepladder_aws::{
    AwsHost, Call, Environment, EnvironmentError, StackSpec, create_stack, visibility_seconds,
};
use stepladder_engine::{Branch, Status};
use stepladder_local::FunctionConfig;
use stepladder_protocol::{
    Blobs, Clock, Close, Functions, Host, ITEM_VERSION, Invoked, Outgoing, Payload, Queue, QueueName, Record,
    RecordKey, Redrive, RedriveItem, Retry, RunId, RunItem, RunKey, SendError, Store,
};

fn run_key(host: &AwsHost) -> RunKey {
    let unique = || format!("{:032x}", host.clock().random_u128());
    RunKey { id: RunId::new(unique(), unique()), nonce: unique() }
}

fn record(host: &AwsHost, outcome: Payload) -> Record {
    Record {
        version: ITEM_VERSION,
        seq: 0,
        owner: "owner".to_owned(),
        outcome,
        opening: None,
        end: None,
        queued_ms: None,
        received_ms: None,
        started_ms: None,
        finished_ms: host.clock().now_ms(),
        receive_count: 1,
        request_id: None,
        digest: "0".repeat(16),
        semantics: 1,
        expires_s: host.clock().now_ms() / 1000 + 86_400,
    }
}

fn run_item(host: &AwsHost, key: &RunKey) -> RunItem {
    RunItem {
        version: ITEM_VERSION,
        id: key.id.clone(),
        nonce: key.nonce.clone(),
        definition: "0".repeat(32),
        status: Status::Running,
        redrive_count: 0,
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/stepladder".to_owned(),
        started_ms: host.clock().now_ms(),
        ended_ms: None,
        input: None,
        input_digest: "0".repeat(32),
        ending: None,
        ending_item: None,
        error: None,
        state: None,
        by: None,
        redrives: Vec::new(),
        redefined: Vec::new(),
        rerun_of: None,
        begins_at: None,
        parked: None,
        parent: None,
        expires_s: host.clock().now_ms() / 1000 + 86_400,
        workflow_version: None,
        alias: None,
        tenant: None,
    }
}

fn failed() -> Close {
    Close {
        status: Status::Failed,
        ended_ms: 1,
        ending: None,
        ending_item: None,
        error: Some("E".to_owned()),
        state: None,
        by: None,
    }
}

/// Names of the runs in the index `attention`.
async fn attention(host: &AwsHost, workflow: &str) -> Vec<String> {
    let page = host.dynamodb().scan().table_name(&host.environment().table).index_name("attention");
    let items = page.send().await.unwrap().items.unwrap_or_default();
    let pks = items.iter().map(|item| item["pk"].as_s().unwrap().clone());
    pks.filter(|pk| pk.starts_with(&format!("R#{workflow}/"))).collect()
}

#[test]
fn a_run_is_in_the_list_of_attention_from_its_bad_end_to_its_redrive() {
    run(async {
        let world = AwsWorld::start().await;
        let (host, store) = (&world.host, world.host.store());
        let run = run_item(host, &run_key(host));
        let key = run.key();
        store.create_run(&run, run.started_ms).await.unwrap();
        assert_eq!(attention(host, &key.id.workflow).await, Vec::<String>::new());
        assert!(store.close_run(&key, 0, &failed()).await.unwrap());
        assert_eq!(attention(host, &key.id.workflow).await.len(), 1);
        let record_key = RecordKey { run: key.clone(), branch: Branch::default(), seq: 0 };
        let record = record(host, Payload::Json(Vec::new()));
        let redrive =
            RedriveItem { by: "by".to_owned(), redrives: vec![Redrive::new("by", 0)], redefined: Vec::new() };
        assert!(store.reopen_run_with_record(&key, 0, &redrive, (&record_key, &record)).await.unwrap());
        assert_eq!(attention(host, &key.id.workflow).await, Vec::<String>::new());
        let succeeded = Close { status: Status::Succeeded, error: None, ..failed() };
        assert!(store.close_run(&key, 1, &succeeded).await.unwrap());
        assert_eq!(attention(host, &key.id.workflow).await, Vec::<String>::new());
    });
}

#[test]
fn an_activitys_queue_is_encrypted_as_the_stacks_own_are() {
    run(async {
        let world = AwsWorld::start().await;
        // Another server may have no such key, and has this stack's queues for other tests, too.
        if world.server.is_none() {
            return eprintln!("skipped: needs a server of our own");
        }
        let (sqs, queues) = (world.host.sqs(), world.host.queue());
        let encryption = async |queue: &QueueName| {
            let url = queues.url(queue).await.unwrap().unwrap();
            let asked = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
            let mut attributes = asked.send().await.unwrap().attributes.unwrap();
            assert_eq!(attributes[&QueueAttributeName::MessageRetentionPeriod], "1209600");
            attributes.retain(|name, _| name.as_str().starts_with("Kms") || name.as_str().contains("Sse"));
            attributes
        };
        let by_sqs = QueueName::activity("by-sqs");
        queues.create(&by_sqs).await.unwrap();
        let managed = [(QueueAttributeName::SqsManagedSseEnabled, "true".to_owned())];
        assert_eq!(encryption(&by_sqs).await, managed.into());

        let own: HashMap<QueueAttributeName, String> = [
            (QueueAttributeName::KmsMasterKeyId, "arn:aws:kms:us-east-1:000000000000:key/own".to_owned()),
            (QueueAttributeName::KmsDataKeyReusePeriodSeconds, "3600".to_owned()),
            (QueueAttributeName::SqsManagedSseEnabled, "false".to_owned()),
        ]
        .into();
        let start = queues.url(&QueueName::Start).await.unwrap().unwrap();
        let set = sqs.set_queue_attributes().queue_url(start).set_attributes(Some(own.clone()));
        set.send().await.unwrap();
        let by_key = QueueName::activity("by-key");
        for _repeated in 0..2 {
            queues.create(&by_key).await.unwrap();
        }
        assert_eq!(encryption(&by_key).await, own);
    });
}

#[test]
fn all_processes_of_a_stack_have_one_key_of_tokens() {
    run(async {
        let world = AwsWorld::start().await;
        // Nobody has asked yet: all draw a key, and one is taken.
        let keys = futures::future::join_all((0..8).map(|_| world.host.token_key())).await;
        let keys: Vec<[u8; 32]> = keys.into_iter().map(Result::unwrap).collect();
        assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; 32]));
        assert_eq!(world.host.token_key().await.unwrap(), keys[0]);
    });
}

#[test]
fn each_step_of_a_runs_life_is_one_call_and_costs_what_the_design_says() {
    run(async {
        let calls = Arc::new(Mutex::new(Vec::<Call>::new()));
        let seen = Arc::clone(&calls);
        let world =
            AwsWorld::start_observed(Arc::new(move |call| seen.lock().unwrap().push(call.clone()))).await;
        let queue = QueueName::Timer;
        let (host, store) = (&world.host, world.host.store());
        host.queue().url(&queue).await.unwrap();
        calls.lock().unwrap().clear();
        let took = || -> Vec<(String, Option<f64>)> {
            let calls = std::mem::take(&mut *calls.lock().unwrap());
            calls.into_iter().map(|call| (call.operation, call.capacity_units)).collect()
        };
        let one = |operation: &str, units: Option<f64>| vec![(operation.to_owned(), units)];

        let run = run_item(host, &run_key(host));
        let key = run.key();
        store.create_run(&run, run.started_ms).await.unwrap();
        // The run item, and its key in the index `runs`.
        assert_eq!(took(), one("PutItem", Some(2.0)));

        let record_key = RecordKey { run: key.clone(), branch: Branch::default(), seq: 0 };
        let record = record(host, Payload::Json(vec![b' '; 600]));
        store.put_record(&record_key, &record).await.unwrap();
        assert_eq!(took(), one("PutItem", Some(1.0)));
        // A lost race costs no read: the answer shows the winner.
        store.put_record(&record_key, &record).await.unwrap();
        assert_eq!(took(), one("PutItem", None));

        let messages = [Outgoing::new("{}", 0)];
        host.queue().send(&queue, &messages).await.unwrap();
        assert_eq!(took(), one("SendMessageBatch", None));

        let succeeded = Close { status: Status::Succeeded, error: None, ..failed() };
        assert!(store.close_run(&key, 0, &succeeded).await.unwrap());
        assert_eq!(took(), one("UpdateItem", Some(1.0)));
    });
}

#[test]
fn an_item_of_a_newer_version_is_refused_and_never_tried_again() {
    run(async {
        let world = AwsWorld::start().await;
        let (host, store) = (&world.host, world.host.store());
        let run = run_item(host, &run_key(host));
        store.create_run(&run, run.started_ms).await.unwrap();
        host.dynamodb()
            .update_item()
            .table_name(&host.environment().table)
            .key("pk", AttributeValue::S(format!("R#{}", run.id)))
            .key("sk", AttributeValue::S("RUN".to_owned()))
            .update_expression("SET v = :v")
            .expression_attribute_values(":v", AttributeValue::N("2".to_owned()))
            .send()
            .await
            .unwrap();
        let error = store.run(&run.id, run.started_ms).await.unwrap_err();
        assert_eq!(error.retry, Retry::Never);
        assert!(
            error.to_string().starts_with(&format!("read run {}: the item is of version 2", run.id)),
            "{error}"
        );
        assert_eq!(store.create_run(&run, run.started_ms).await.unwrap_err().retry, Retry::Never);
    });
}

#[test]
fn an_item_above_400_kb_is_refused_and_never_tried_again() {
    run(async {
        let world = AwsWorld::start().await;
        let host = &world.host;
        let key = RecordKey { run: run_key(host), branch: Branch::default(), seq: 0 };
        let record = record(host, Payload::Zstd(vec![7; 500 * 1024]));
        let error = host.store().put_record(&key, &record).await.unwrap_err();
        assert_eq!(error.retry, Retry::Never, "{error}");
        assert_eq!(host.store().record(&key).await.unwrap(), None);
    });
}

#[test]
fn a_message_above_a_mebibyte_is_refused_and_never_tried_again() {
    run(async {
        let world = AwsWorld::start().await;
        let message = Outgoing::new("x".repeat(1024 * 1024 + 1), 0);
        let error = match world.host.queue().send(&QueueName::Timer, &[message]).await {
            Err(error) => error,
            Ok(answers) => match answers.as_slice() {
                [Err(SendError::Failed(error))] => error.clone(),
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(error.retry, Retry::Never, "{error}");
    });
}

#[test]
fn a_function_that_is_not_there_is_told_apart() {
    run(async {
        let world = AwsWorld::start().await;
        let invoked = world.host.functions().invoke("missing", "{}".to_owned()).await.unwrap();
        assert_eq!(invoked, Invoked::NoSuchFunction);
    });
}

#[test]
fn a_function_answers_or_dies_in_lambdas_own_words() {
    run(async {
        let world = AwsWorld::start().await;
        // Another server may have no way to run this program.
        let Some(server) = &world.server else {
            return eprintln!("skipped: needs a server of our own");
        };
        let program = env!("CARGO_BIN_EXE_local-function");
        server.lambda().register(FunctionConfig::new("contract-work", program)).unwrap();
        let invoke =
            async |order: &str| world.host.functions().invoke("work", order.to_owned()).await.unwrap();
        assert_eq!(invoke(r#"{"do":"wait","ms":0}"#).await, Invoked::Returned("\"waited\"".to_owned()));
        let Invoked::Died { message, .. } = invoke(r#"{"do":"fail","text":"no stock"}"#).await else {
            panic!()
        };
        assert_eq!(message, "no stock");
        let Invoked::Died { error_type, .. } = invoke(r#"{"do":"exit"}"#).await else { panic!() };
        assert_eq!(error_type, "Runtime.ExitError");
    });
}

#[test]
fn a_stack_may_be_created_again_and_with_other_timeouts() {
    run(async {
        let world = AwsWorld::start().await;
        let host = &world.host;
        for timeout in [10, 10, 30] {
            let spec = StackSpec { steps: vec![("charge".to_owned(), timeout)], system_timeout_seconds: 10 };
            create_stack(host, &spec).await.unwrap();
            let url = host.queue().url(&QueueName::Step("charge".to_owned())).await.unwrap().unwrap();
            let answer = host
                .sqs()
                .get_queue_attributes()
                .queue_url(url)
                .attribute_names("All".into())
                .send()
                .await
                .unwrap();
            let attributes = answer.attributes.unwrap();
            let attribute = |name: &str| attributes[&name.into()].as_str();
            assert_eq!(attribute("VisibilityTimeout"), visibility_seconds(timeout).to_string());
            assert_eq!(attribute("MessageRetentionPeriod"), "345600");
            assert!(attribute("RedrivePolicy").contains("contract-dead-letter"));
        }
    });
}

#[test]
fn a_table_that_is_not_there_is_named_with_what_to_do() {
    run(async {
        let world = AwsWorld::start().await;
        let mut environment = world.host.environment().clone();
        environment.table = "no-such-table".to_owned();
        let host = AwsHost::connect(environment).await;
        let error = host.store().current("order").await.unwrap_err();
        assert_eq!(error.retry, Retry::Later);
        assert!(error.message.contains("STEPLADDER_TABLE"), "{error}");
    });
}

/// An endpoint that accepts connections and never answers.
#[test]
fn a_service_that_does_not_answer_is_given_up_in_time() {
    run(async {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let host = AwsHost::connect(Environment::local(&endpoint, "contract").unwrap()).await;
        let started = Instant::now();
        let error = host.store().current("order").await.unwrap_err();
        assert_eq!(error.retry, Retry::Later, "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    });
}

#[test]
fn a_service_that_is_not_there_is_tried_again_later() -> Result<(), EnvironmentError> {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let environment = Environment::local(&format!("http://127.0.0.1:{port}"), "contract")?;
    run(async {
        let host = AwsHost::connect(environment).await;
        let messages = [Outgoing::new("{}", 0)];
        assert_eq!(host.store().current("order").await.unwrap_err().retry, Retry::Later);
        assert_eq!(host.queue().send(&QueueName::Timer, &messages).await.unwrap_err().retry, Retry::Later);
        assert_eq!(host.blobs().get("key", 1).await.unwrap_err().retry, Retry::Later);
        assert_eq!(host.functions().invoke("charge", "{}".to_owned()).await.unwrap_err().retry, Retry::Later);
    });
    Ok(())
}
