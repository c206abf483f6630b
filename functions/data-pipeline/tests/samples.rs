//! The sample files end as `samples/expected.json` says, with objects in memory and on S3's wire; and the definition has no fault.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use data_pipeline::notices::{BucketNotices, Notice};
use data_pipeline::objects::{MemoryObjects, Objects, Read, S3Objects, Take};
use data_pipeline::readings::Summary;
use data_pipeline::steps::PipelineError;
use data_pipeline::steps::ingest_upload::{File, Uploaded, ingest};
use data_pipeline::steps::process_upload::process;
use data_pipeline::steps::send_notice::send;
use data_pipeline::steps::store_summary::store;
use serde_json::{Value, json};
use stepladder::{Step, StepError};
use stepladder_aws::{AwsHost, Environment};
use stepladder_local::{Server, ServerConfig};

const BUCKET: &str = "uploads";

/// One test per rule, for both homes.
macro_rules! both_homes {
    ($($rule:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $rule() {
                super::$rule(&super::MemoryObjects::default()).await;
            })+
        }
        mod on_s3 {
            $(#[tokio::test]
            async fn $rule() {
                let server = super::Server::start(super::ServerConfig::default()).await.unwrap();
                let environment = super::Environment::local(&server.endpoint_url(), "test").unwrap();
                let host = super::AwsHost::connect(environment).await;
                host.s3().create_bucket().bucket(super::BUCKET).send().await.unwrap();
                super::$rule(&super::S3Objects::new(host.s3().clone())).await;
            })+
        }
    };
}

both_homes!(
    the_sample_files_end_as_expected,
    a_file_that_was_replaced_is_another_upload,
    what_is_done_twice_is_there_once,
    reading_stops_where_nobody_wants_more,
);

async fn uploaded(objects: &impl Objects, key: &str, bytes: &[u8]) -> Uploaded {
    objects.put(BUCKET, key, bytes.to_vec()).await.unwrap();
    let etag = objects.head(BUCKET, key).await.unwrap().expect("it has just been put").etag;
    Uploaded { bucket: BUCKET.to_owned(), key: key.to_owned(), etag }
}

/// The chain of the definition, without its retries.
async fn run(name: &str, uploaded: Uploaded, objects: &impl Objects) -> Result<Notice, PipelineError> {
    let step = |state| Step::for_test(state).with_run("data-pipeline", name);
    let file = ingest(uploaded, &step("Ingest"), objects).await?;
    let processed = process(file, objects).await?;
    let stored = store(processed, objects).await?;
    send(stored, &step("Notify"), &BucketNotices(objects)).await
}

async fn read(objects: &impl Objects, key: &str) -> Vec<u8> {
    let etag = objects.head(BUCKET, key).await.unwrap().expect("it is there").etag;
    let mut bytes = Vec::new();
    let mut take = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Take::More
    };
    assert_eq!(objects.read(BUCKET, key, &etag, &mut take).await, Ok(Read::Done));
    bytes
}

async fn the_sample_files_end_as_expected(objects: &impl Objects) {
    let folder = format!("{}/samples", env!("CARGO_MANIFEST_DIR"));
    let expected: Value =
        serde_json::from_slice(&std::fs::read(format!("{folder}/expected.json")).unwrap()).unwrap();
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), std::fs::read_dir(&folder).unwrap().count() - 1, "each sample has an end");
    for (sample, expected) in expected {
        let bytes = std::fs::read(format!("{folder}/{sample}")).unwrap();
        let uploaded = uploaded(objects, &format!("incoming/{sample}"), &bytes).await;
        let end = match run(sample, uploaded, objects).await {
            Ok(Notice { readings, bad, total_wh, .. }) => {
                json!({ "status": "SUCCEEDED", "readings": readings, "bad": bad, "total_wh": total_wh })
            }
            Err(error) => json!({ "status": "FAILED", "error": error.error_name() }),
        };
        assert_eq!(&end, expected, "{sample}");
        let is_stored = objects.head(BUCKET, &format!("results/{sample}.json")).await.unwrap().is_some();
        assert_eq!(is_stored, expected["status"] == "SUCCEEDED", "{sample}");
    }
}

async fn a_file_that_was_replaced_is_another_upload(objects: &impl Objects) {
    let first = uploaded(objects, "incoming/a.csv", b"meter,kwh\na,1\n").await;
    let file = ingest(first.clone(), &Step::for_test("Ingest"), objects).await.unwrap();
    let second = uploaded(objects, "incoming/a.csv", b"meter,kwh\na,2\n").await;
    assert_eq!(process(file.clone(), objects).await, Err(PipelineError::UploadChanged));
    assert_eq!(run("first", first, objects).await, Err(PipelineError::UploadChanged));
    assert_eq!(run("second", second, objects).await.unwrap().total_wh, 2_000);
    let gone = File { key: "incoming/b.csv".to_owned(), ..file };
    assert_eq!(process(gone.clone(), objects).await, Err(PipelineError::UploadChanged));
    let gone = Uploaded { bucket: gone.bucket, key: gone.key, etag: gone.etag };
    assert_eq!(run("gone", gone, objects).await, Err(PipelineError::UploadChanged));
}

async fn what_is_done_twice_is_there_once(objects: &impl Objects) {
    let upload = uploaded(objects, "incoming/a.csv", b"meter,kwh\na,1\nb,2\na,0.5\n").await;
    let first = run("upload", upload.clone(), objects).await.unwrap();
    let (result, notice) = (read(objects, &first.result).await, read(objects, "notices/upload.json").await);
    assert_eq!(run("upload", upload, objects).await.as_ref(), Ok(&first));
    assert_eq!(read(objects, &first.result).await, result);
    assert_eq!(read(objects, "notices/upload.json").await, notice);
    let summary: Summary = serde_json::from_slice(&result).unwrap();
    assert_eq!((summary.meters["a"].wh, summary.meters["b"].readings), (1_500, 1));
    assert_eq!(serde_json::from_slice::<Notice>(&notice).unwrap(), first);
}

async fn reading_stops_where_nobody_wants_more(objects: &impl Objects) {
    let Uploaded { bucket, key, etag } = uploaded(objects, "incoming/a.csv", &[b'x'; 3_000_000]).await;
    let mut pieces = 0;
    let mut take = |_: &[u8]| {
        pieces += 1;
        Take::Enough
    };
    assert_eq!(objects.read(&bucket, &key, &etag, &mut take).await, Ok(Read::Done));
    assert_eq!(pieces, 1);
}

#[test]
fn the_definition_has_no_fault() {
    let faults = stepladder_asl::Definition::parse(include_str!("../workflow.asl.json")).err();
    assert!(faults.is_none(), "{faults:?}");
}
