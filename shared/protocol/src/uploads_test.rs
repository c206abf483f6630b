use super::*;
use crate::start::check_name;

fn record(key: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2026-11-30T20:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": { "name": "uploads", "arn": "arn:aws:s3:::uploads" },
            "object": { "key": key, "size": 1024, "eTag": "d41d8cd9", "sequencer": "0A1B2C3D4E5F678901" },
        },
    })
}

fn rule(workflow: &str, prefix: &str, suffix: &str) -> UploadRule {
    let [workflow, prefix, suffix] = [workflow, prefix, suffix].map(str::to_owned);
    UploadRule { workflow, bucket: "uploads".to_owned(), prefix, suffix }
}

fn read_one(record: Value) -> Uploads {
    let body = json!({ "Records": [record] });
    assert!(is_notice(&body));
    read(&body, &[rule("pipeline", "incoming/", ".csv")])
}

#[test]
fn an_upload_starts_a_run_with_its_place_and_its_content() {
    let uploads = read_one(record("incoming/2026/M%C3%A4rz+%2B1.csv"));
    let [start] = <[StartRequest; 1]>::try_from(uploads.starts).unwrap();
    assert_eq!(start.workflow, "pipeline");
    let input =
        json!({ "bucket": "uploads", "key": "incoming/2026/März +1.csv", "size": 1024, "etag": "d41d8cd9" });
    assert_eq!(start.input, input);
    assert!(start.name.starts_with("M-rz--1.csv-"), "{}", start.name);
    assert_eq!(check_name(&start.name), Ok(()));
    assert_eq!(uploads.refused, None);
}

#[test]
fn a_name_is_that_of_one_upload_and_can_name_a_run() {
    let name = |record| read_one(record).starts[0].name.clone();
    let with = |member: &str, value: &str| {
        let mut record = record("incoming/a.csv");
        record["s3"]["object"][member] = json!(value);
        record
    };
    let first = name(record("incoming/a.csv"));
    assert_eq!(name(record("incoming/a.csv")), first);
    let mut later = record("incoming/a.csv");
    later["eventTime"] = json!("2026-11-30T20:00:01.000Z");
    assert_eq!(name(later), first);
    // Another upload of the same content to the same key.
    assert_ne!(name(with("sequencer", "0A1B2C3D4E5F678902")), first);
    assert_ne!(name(with("versionId", "v1")), name(with("versionId", "v2")));
    // A version is enough.
    let mut both = with("versionId", "v1");
    both["s3"]["object"]["sequencer"] = json!("00");
    assert_eq!(name(both), name(with("versionId", "v1")));
    // One that all objects have isn't.
    assert_eq!(name(with("versionId", "null")), first);
    let longest = name(record(&format!("incoming/{}.csv", "%F0%9F%8E%89".repeat(200))));
    assert_eq!(check_name(&longest), Ok(()));
    let folder = read(&json!({ "Records": [record("incoming/")] }), &[rule("all", "", "")]);
    assert_eq!(check_name(&folder.starts[0].name), Ok(()));
}

#[test]
fn every_workflow_that_takes_it_is_started() {
    let rules = [
        rule("a", "", ""),
        rule("b", "incoming/", ""),
        rule("c", "incoming/", ".json"),
        rule("d", "out/", ""),
    ];
    let uploads = read(&json!({ "Records": [record("incoming/a.csv"), record("out/x")] }), &rules);
    let started: Vec<&str> = uploads.starts.iter().map(|start| start.workflow.as_str()).collect();
    assert_eq!(started, ["a", "b", "a", "d"]);
    assert_eq!(uploads.refused, None);
}

#[test]
fn a_test_of_a_notification_asks_for_nothing() {
    let body = json!({
        "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-30T20:00:00.000Z", "Bucket": "uploads",
        "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    });
    assert!(is_notice(&body));
    assert_eq!(read(&body, &[]), Uploads::default());
}

#[test]
fn an_event_of_eventbridge_names_the_same_run() {
    let event = json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {
            "version": "0", "bucket": { "name": "uploads" }, "reason": "PutObject",
            "object": { "key": "incoming/a +1.csv", "size": 1024, "etag": "d41d8cd9", "sequencer": "0A1B2C3D4E5F678901" },
        },
    });
    assert!(is_notice(&event));
    let rules = [rule("pipeline", "incoming/", ".csv")];
    assert_eq!(read(&event, &rules), read_one(record("incoming/a+%2B1.csv")));
    let mut deleted = event;
    deleted["detail-type"] = json!("Object Deleted");
    let refused = read(&deleted, &rules).refused.unwrap();
    assert!(refused.contains("\"Object Deleted\" is no upload"), "{refused}");
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Value), expected: &str) {
    let mut bad = record("incoming/a.csv");
    change(&mut bad);
    let body = json!({ "Records": [record("incoming/good.csv"), bad] });
    let uploads = read(&body, &[rule("pipeline", "incoming/", ".csv")]);
    // What is right in the same message is started.
    assert_eq!(uploads.starts.len(), 1);
    let refused = uploads.refused.unwrap();
    assert!(refused.contains(expected), "{refused}");
}

#[test]
fn what_starts_nothing_says_why() {
    check_refused(
        |record| record["s3"]["bucket"]["name"] = json!("other"),
        "no workflow takes uploads like s3://other/incoming/a.csv",
    );
    check_refused(
        |record| record["s3"]["object"]["key"] = json!("incoming/a.txt"),
        "no workflow takes uploads like",
    );
    check_refused(
        |record| record["eventName"] = json!("ObjectRemoved:Delete"),
        "ObjectRemoved:Delete is no upload",
    );
    check_refused(|record| record["eventSource"] = json!("aws:sns"), "its eventSource is not aws:s3");
    check_refused(
        |record| record["s3"]["object"]["key"] = json!("incoming/%zz.csv"),
        "isn't URL-encoded UTF-8",
    );
    check_refused(
        |record| record["s3"]["object"]["key"] = json!("incoming/%ff.csv"),
        "isn't URL-encoded UTF-8",
    );
    check_refused(|record| record["s3"]["object"]["key"] = json!("incoming/%4"), "isn't URL-encoded UTF-8");
    check_refused(|record| record["s3"]["object"]["key"] = json!(7), "s3.object.key is no text");
    check_refused(
        |record| *record = json!("text"),
        "record 1 of S3's message can't be read: eventName is missing",
    );
    let anonymous = |record: &mut Value| record["s3"]["object"] = json!({ "key": "incoming/a.csv" });
    check_refused(anonymous, "one upload can't be told from another");
}

#[test]
fn other_messages_are_none_of_s3s() {
    for body in
        [json!({ "workflow": "w" }), json!({ "Records": [] }), json!([]), json!({ "source": "aws.s3" })]
    {
        assert!(!is_notice(&body), "{body}");
    }
}
