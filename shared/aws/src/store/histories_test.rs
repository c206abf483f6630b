//! Items of every version so far, as DynamoDB JSON.
//!
//! The fixtures lie in `tests/histories`; its README says how to add some.

use super::{
    definitions,
    item::{self, DATA, Item, Reader},
    keys,
    tests::{record, run_item, run_key, write_record},
};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use stepladder_engine::{Branch, Fork, Status};
use stepladder_protocol::{BlobRef, DataSlot, Payload, Record, RecordKey, RunId, RunItem};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/histories")
}

#[test]
fn every_recorded_item_is_read_as_it_was_meant() {
    if std::env::var_os("UPDATE_HISTORIES").is_some() {
        write_all(&folder().join("v1/items"));
    }
    let mut count = 0;
    for version in fs::read_dir(folder()).unwrap() {
        let Ok(files) = fs::read_dir(version.unwrap().path().join("items")) else { continue };
        for file in files.map(|file| file.unwrap().path()) {
            let fixture: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let meant = read(from_dynamodb_json(&fixture["item"]));
            assert_eq!(meant, fixture["means"], "{file:?}");
            count += 1;
        }
    }
    assert!(count >= fixtures().len(), "fixtures are missing");
}

/// What an item means, by its kind: its keys say which.
fn read(item: Item) -> Value {
    let text = |name: &str| item[name].as_s().unwrap().clone();
    let (pk, sk) = (text("pk"), text("sk"));
    let operation = format!("read {pk} {sk}");
    match sk.as_str() {
        "RUN" => {
            let id: RunId = keys::run_of_pk(&pk).unwrap();
            run_json(&item::read_run(operation, &id, item).unwrap())
        }
        "IN" => payload_json(&Reader::new(operation, item).unwrap().payload(DATA).unwrap().unwrap()),
        _ if sk.starts_with("OUT#") => {
            payload_json(&Reader::new(operation, item).unwrap().payload(DATA).unwrap().unwrap())
        }
        _ if sk.starts_with("T#") => record_json(&item::read_record(operation, item).unwrap()),
        _ if sk.starts_with("D#") => json!(definitions::text_of(operation, item).unwrap()),
        other => panic!("no such item: {other}"),
    }
}

fn payload_json(payload: &Payload) -> Value {
    match payload {
        Payload::Json(text) => json!({ "json": std::str::from_utf8(text).unwrap() }),
        Payload::Zstd(bytes) => {
            let text = zstd::bulk::decompress(bytes, 1_000_000).unwrap();
            json!({ "zstd_of": String::from_utf8(text).unwrap() })
        }
        Payload::Blob(blob) => json!({ "sha256": blob.sha256, "bytes": blob.bytes }),
    }
}

fn record_json(record: &Record) -> Value {
    json!({
        "version": record.version,
        "seq": record.seq,
        "owner": record.owner,
        "outcome": payload_json(&record.outcome),
        "queued_ms": record.queued_ms,
        "received_ms": record.received_ms,
        "started_ms": record.started_ms,
        "finished_ms": record.finished_ms,
        "receive_count": record.receive_count,
        "request_id": record.request_id,
        "digest": record.digest,
        "semantics": record.semantics,
        "expires_s": record.expires_s,
    })
}

fn run_json(run: &RunItem) -> Value {
    json!({
        "version": run.version,
        "workflow": run.id.workflow,
        "name": run.id.name,
        "nonce": run.nonce,
        "definition": run.definition,
        "status": run.status.as_str(),
        "redrive_count": run.redrive_count,
        "region": run.region,
        "account": run.account,
        "role_arn": run.role_arn,
        "started_ms": run.started_ms,
        "ended_ms": run.ended_ms,
        "input": run.input.as_ref().map(payload_json),
        "input_digest": run.input_digest,
        "ending": run.ending.as_ref().map(payload_json),
        "ending_item": run.ending_item,
        "error": run.error,
        "by": run.by,
        "parked": run.parked,
        "expires_s": run.expires_s,
    })
}

fn to_dynamodb_json(item: &Item) -> Value {
    let mut members: Vec<(&String, Value)> = item
        .iter()
        .map(|(name, value)| {
            let value = match value {
                AttributeValue::S(text) => json!({ "S": text }),
                AttributeValue::N(digits) => json!({ "N": digits }),
                AttributeValue::B(blob) => json!({ "B": base64(blob.as_ref()) }),
                other => panic!("not used: {other:?}"),
            };
            (name, value)
        })
        .collect();
    members.sort_by_key(|(name, _)| name.as_str());
    members.into_iter().map(|(name, value)| (name.clone(), value)).collect::<Map<_, _>>().into()
}

fn from_dynamodb_json(item: &Value) -> Item {
    let attribute = |value: &Value| {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        let text = value.as_str().unwrap().to_owned();
        match kind.as_str() {
            "S" => AttributeValue::S(text),
            "N" => AttributeValue::N(text),
            "B" => AttributeValue::B(Blob::new(from_base64(&text))),
            other => panic!("not used: {other}"),
        }
    };
    item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn from_base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// The items of today's version.
fn fixtures() -> Vec<(&'static str, Item)> {
    let json_payload = |text: &str| Payload::Json(text.as_bytes().to_vec());
    let compressed = |text: &str| Payload::Zstd(zstd::bulk::compress(text.as_bytes(), 3).unwrap());
    let blob = || Payload::Blob(BlobRef { sha256: "ab".repeat(32), bytes: 70_000 });
    let branch = Branch(vec![Fork { seq: 2, index: 14 }, Fork { seq: 0, index: 3 }]);
    let root = RecordKey { run: run_key(5), branch: Branch::default(), seq: 1234 };
    let bare = Record {
        queued_ms: None,
        received_ms: None,
        started_ms: None,
        request_id: None,
        receive_count: 0,
        ..record(json_payload(r#"{"kind":"stopped","error":"Enough"}"#))
    };
    let succeeded = r#"{"kind":"succeeded","output":{"text":"Grüße \u0000 😀","n":[1,1.5]}}"#;
    let in_branch = Record { seq: 7, ..record(json_payload(r#"{"kind":"timer_fired"}"#)) };
    let running = RunItem { status: Status::Running, ended_ms: None, error: None, ..run_item(5, None, None) };
    let redriven = RunItem {
        by: Some("0123456789abcdef0123456789abcdef".to_owned()),
        parked: Some("the message can't be read: it ends too early: line 1, column 7".to_owned()),
        ..run_item(
            5,
            Some(json_payload("{}")),
            Some(json_payload(r#"{"error":"PaymentDeclined","cause":"no cover"}"#)),
        )
    };
    let done = RunItem {
        status: Status::Succeeded,
        redrive_count: 0,
        error: None,
        ending_item: Some("0123456789abcdef".to_owned()),
        ..run_item(5, None, None)
    };
    let ending = DataSlot::Ending("0123456789abcdef".to_owned());
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true,"Comment":"é"}}}"#;
    vec![
        ("record", write_record(&root, &record(json_payload(succeeded)))),
        (
            "record-compressed",
            write_record(&root, &record(compressed(&format!("[{}1]", "1,".repeat(1_000))))),
        ),
        ("record-with-blob", write_record(&root, &record(blob()))),
        ("record-of-a-request", write_record(&root, &bare)),
        ("record-of-a-branch", write_record(&RecordKey { branch, seq: 7, ..root }, &in_branch)),
        ("run-running", item::write_run(&running)),
        ("run-failed", item::write_run(&redriven)),
        ("run-succeeded", item::write_run(&done)),
        ("input", super::data_item(&run_key(5), &DataSlot::Input, &compressed("\"large\""), 1_799_999_999)),
        ("ending", super::data_item(&run_key(5), &ending, &blob(), 1_799_999_999)),
        ("definition", definitions::item_of("order", "9a0b1c2d", definition).unwrap()),
    ]
}

/// Writes what isn't there yet.
fn write_all(folder: &Path) {
    for (name, item) in fixtures() {
        let file = folder.join(format!("{name}.json"));
        if !file.exists() {
            let fixture = json!({ "item": to_dynamodb_json(&item), "means": read(item) });
            fs::write(file, serde_json::to_string_pretty(&fixture).unwrap() + "\n").unwrap();
        }
    }
}
