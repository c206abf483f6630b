//! A file that is uploaded to the local S3 starts a run of data-pipeline, once.

use serde_json::{Value, json};
use stepladder_protocol::{Host, QueueName, RunId, RunItem, Store, UploadRule};
use stepladder_tests::{Programs, TestStack, TestStep, until};

const BUCKET: &str = "uploads";
const STEPS: [&str; 4] = ["ingest-upload", "process-upload", "store-summary", "send-notice"];

async fn stack() -> TestStack {
    let programs = Programs::built();
    let step =
        |name: &&'static str| TestStep { program: Some(programs.path(name)), ..TestStep::new(name, 10) };
    let rule = UploadRule {
        workflow: "data-pipeline".to_owned(),
        bucket: BUCKET.to_owned(),
        prefix: "incoming/".to_owned(),
        suffix: ".csv".to_owned(),
    };
    let stack = TestStack::start_for_uploads("", &STEPS.iter().map(step).collect::<Vec<_>>(), &[rule]).await;
    let definition = Programs::workspace().join("functions/data-pipeline/workflow.asl.json");
    let definition: Value = serde_json::from_slice(&std::fs::read(definition).unwrap()).unwrap();
    stack.publish("data-pipeline", &definition).await;
    stack
}

async fn put(stack: &TestStack, key: &str, file: &str) {
    let s3 = stack.protocol.host().s3();
    s3.put_object().bucket(BUCKET).key(key).body(file.as_bytes().to_vec().into()).send().await.unwrap();
}

/// Waits for so many runs, and for their ends.
async fn runs(stack: &TestStack, count: usize) -> Vec<RunItem> {
    let names = until(
        &format!("{count} runs"),
        || stack.tell(),
        async || {
            let listed =
                stack.protocol.host().store().runs_started("data-pipeline", 0, i64::MAX, 10).await.unwrap();
            (listed.len() >= count).then_some(listed)
        },
    )
    .await;
    assert_eq!(names.len(), count);
    let mut runs = Vec::new();
    for RunId { name, .. } in names.into_iter().map(|run| run.id) {
        runs.push(stack.ended("data-pipeline", &name).await.item);
    }
    runs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_one_run_however_often_it_is_told() {
    let stack = stack().await;
    put(&stack, "incoming/M\u{e4}rz 1.csv", "meter,kwh\na,1.5\na,2\nb,0.25\n").await;
    // Taken out, and told twice.
    let told = stack.take(&QueueName::Start);
    let [told] = <[String; 1]>::try_from(told).expect("one message");
    stack.send(&QueueName::Start, &[told.clone(), told]).await;
    stack.open_all();
    let [run] = <[RunItem; 1]>::try_from(runs(&stack, 1).await).expect("one run");
    let ended = stack.ended("data-pipeline", &run.id.name).await;
    assert_eq!(ended.end(), "SUCCEEDED", "{}", stack.tell());
    assert!(run.id.name.starts_with("M-rz-1.csv-"), "{}", run.id.name);
    let output = ended.output.unwrap();
    assert_eq!(
        json!([output["key"], output["readings"], output["bad"], output["total_wh"]]),
        json!(["incoming/M\u{e4}rz 1.csv", 3, 0, 3750])
    );
    let s3 = stack.protocol.host().s3();
    for key in [format!("results/{}.json", run.id.name), format!("notices/{}.json", run.id.name)] {
        assert!(s3.head_object().bucket(BUCKET).key(&key).send().await.is_ok(), "{key}");
    }
    // What the pipeline puts itself, and what is none of its files, starts nothing.
    put(&stack, "incoming/readme.txt", "text").await;
    until(
        "the start queue is empty",
        || stack.tell(),
        async || {
            let counts = stack.counts(&QueueName::Start);
            (counts.visible + counts.in_flight == 0).then_some(())
        },
    )
    .await;
    assert_eq!(runs(&stack, 1).await.len(), 1);
    assert_eq!(stack.counts(&QueueName::Parked).visible, 0);
    // The same file again is another upload, and a file that is none fails its own run.
    put(&stack, "incoming/M\u{e4}rz 1.csv", "meter,kwh\na,1.5\na,2\nb,0.25\n").await;
    put(&stack, "incoming/other.csv", "text").await;
    let ends: Vec<String> = {
        let mut ends = Vec::new();
        for run in runs(&stack, 3).await {
            ends.push(stack.ended("data-pipeline", &run.id.name).await.end());
        }
        ends.sort();
        ends
    };
    assert_eq!(ends, ["FAILED InvalidUpload", "SUCCEEDED", "SUCCEEDED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_start_queue_is_told_of_other_buckets_is_parked() {
    let stack = stack().await;
    let foreign = json!({ "Records": [{
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "foreign" }, "object": { "key": "incoming/a.csv", "eTag": "x", "sequencer": "1" } },
    }] });
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET });
    stack.send(&QueueName::Start, &[foreign.to_string(), test.to_string()]).await;
    stack.open_system();
    let [parked] = <[_; 1]>::try_from(stack.parked(1).await).expect("one");
    assert_eq!(parked.reason, "no workflow takes uploads like s3://foreign/incoming/a.csv");
}
