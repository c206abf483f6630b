//! Messages that are sent again by hand: what a queue has given up, and what was lost.

use crate::{PROBE, chain};
use serde_json::{Value, json};
use std::time::Duration;
use stepladder_aws_tests::{Function, Kind, Stack, system, until};
use stepladder_protocol::{Host, QueueName};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn dead_letters_go_back_to_their_queue_and_what_was_purged_is_sent_again() {
    let step = Function::step("a", PROBE, 5);
    // Nobody takes dead letters here: they wait for somebody who gives them back.
    let system = system().into_iter().filter(|function| function.queue != QueueName::DeadLetter);
    let stack = Stack::create_with("letters", std::slice::from_ref(&step), system.collect()).await;
    stack.publish("chain", &chain(&["A"])).await;

    stack.remove(&step.queue).await;
    let given_up = ["one", "two"].map(run);
    stack.send_starts("chain", &given_up).await;
    give_up(&stack, &step.queue, 2).await;
    stack.deploy(&step).await;
    let send = ["dead-letter", "send-back", "--all", "--queue", "dead-letter", "--yes", "-o", "json", "-v"];
    let sent = stack.cli(&send).await.assert_code(0);
    match stack.emulator.kind {
        // It has no move tasks: each message is received, sent and deleted.
        Kind::Ministack => {
            let to: Vec<Value> =
                sent.json().as_array().unwrap().iter().map(|sent| sent["to"].clone()).collect();
            assert_eq!(to, ["a", "a"], "{sent:#?}");
            sent.assert_tells("this SQS has no move tasks");
        }
        Kind::Localstack => assert_eq!(sent.json()["moved"], 2, "{sent:#?}"),
    }
    for (name, _) in &given_up {
        assert_eq!(stack.ended("chain", name, PATIENCE).await.end(), "SUCCEEDED", "{name}");
    }
    assert_eq!(stack.counts(&QueueName::DeadLetter).await, [0, 0, 0]);

    stack.remove(&step.queue).await;
    stack.send_starts("chain", &[run("three")]).await;
    waiting(&stack, &step.queue, 1).await;
    let url = stack.host().queue().url(&step.queue).await.unwrap().unwrap();
    stack.host().sqs().purge_queue().queue_url(url).send().await.unwrap();
    assert_eq!(stack.counts(&step.queue).await, [0, 0, 0]);
    stack.deploy(&step).await;
    stack.cli(&["repair", "chain/three"]).await.assert_code(0);
    assert_eq!(stack.ended("chain", "three", PATIENCE).await.end(), "SUCCEEDED");
}

/// A run's name and input.
fn run(name: &str) -> (String, Value) {
    (name.to_owned(), json!({ "trail": [] }))
}

async fn waiting(stack: &Stack, queue: &QueueName, count: u32) {
    until(&format!("{count} messages wait in {}", queue.short()), PATIENCE, async || {
        (stack.counts(queue).await[0] == count).then_some(())
    })
    .await;
}

/// Receives so many messages in vain until their queue has given up all of them.
async fn give_up(stack: &Stack, queue: &QueueName, count: u32) {
    waiting(stack, queue, count).await;
    let url = stack.host().queue().url(queue).await.unwrap().unwrap();
    until("all of them are dead letters", PATIENCE, async || {
        let receive = stack.host().sqs().receive_message().queue_url(&url).max_number_of_messages(10);
        receive.visibility_timeout(0).send().await.unwrap();
        (stack.counts(&QueueName::DeadLetter).await[0] == count).then_some(())
    })
    .await;
}
