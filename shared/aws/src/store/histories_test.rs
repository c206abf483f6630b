//! Items of every version so far, as DynamoDB JSON.
//!
//! The fixtures lie in `tests/histories`; its README says how to add some.

use super::{
    definitions, fan_outs,
    item::{self, DATA, Item, Reader, Writer},
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
use stepladder_engine::{Branch, Fork, Opening, Status};
use stepladder_protocol::{
    BlobRef, DataSlot, EndedHow, ITEM_VERSION, Part, PartKey, Partition, Payload, Record, RecordKey, RunId,
    RunItem, Tally, TallyKey, limits::PART_BRANCHES,
};

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
        _ if sk.starts_with("I#") => {
            let count = item.get("c").map(|count| count.as_n().unwrap().clone());
            let payload = Reader::new(operation, item).unwrap().payload(DATA).unwrap().unwrap();
            json!({ "count": count, "payload": payload_json(&payload) })
        }
        _ if sk.starts_with("F#") && sk.split('#').count() == 4 => {
            let part: u32 = sk.rsplit('#').next().unwrap().parse().unwrap();
            let Part { ended, is_stopped, .. } =
                fan_outs::read_part(operation, part * PART_BRANCHES, item).unwrap();
            let ended =
                ended.iter().map(|ended| json!([ended.index, ended.seq, ended.how == EndedHow::Failed]));
            json!({ "ended": ended.collect::<Vec<_>>(), "is_stopped": is_stopped })
        }
        _ if sk.starts_with("F#") => {
            let Tally { failures, complete, is_stopped, .. } = fan_outs::read_tally(operation, item).unwrap();
            let failures: Map<String, Value> =
                failures.into_iter().map(|(part, failures)| (part.to_string(), json!(failures))).collect();
            json!({ "failures": failures, "complete": complete, "is_stopped": is_stopped })
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
    let mut meant = json!({
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
    });
    // Only branches have them.
    if let Some(end) = &record.end {
        meant["end"] = payload_json(end);
    }
    if let Some(Opening { started_ms, events }) = record.opening {
        meant["opening"] = json!({ "started_ms": started_ms, "events": events });
    }
    meant
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
                AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
                AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
                AttributeValue::L(texts) => {
                    json!({ "L": texts.iter().map(|text| json!({ "S": text.as_s().unwrap() })).collect::<Vec<_>>() })
                }
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
        let text = value.as_str().unwrap_or_default().to_owned();
        let texts = |of: fn(&Value) -> &Value| {
            let values = value.as_array().unwrap().iter();
            values.map(|value| of(value).as_str().unwrap().to_owned()).collect::<Vec<String>>()
        };
        match kind.as_str() {
            "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
            "NS" => AttributeValue::Ns(texts(|value| value)),
            "L" => AttributeValue::L(texts(|value| &value["S"]).into_iter().map(AttributeValue::S).collect()),
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
    let fan_out = RecordKey { branch: Branch::default().child(2, 69), seq: 4, ..root.clone() };
    let part = PartKey { fan_out: fan_out.clone(), part: 1 };
    let pk = |key: &RecordKey| keys::partition_pk(&Partition::of(&key.run, &key.branch, PART_BRANCHES));
    let key_of_only = RecordKey { branch: fan_out.branch.child(4, 64), seq: 0, ..fan_out.clone() };
    let only = Record {
        seq: 0,
        opening: Some(Opening { started_ms: 1_799_999_999_000, events: 17 }),
        end: Some(json_payload(r#"{"output":1,"events":21,"own_events":4}"#)),
        ..record(json_payload(r#"{"kind":"succeeded","output":1}"#))
    };
    let texts = |texts: &[&str]| {
        AttributeValue::L(texts.iter().map(|text| AttributeValue::S((*text).to_owned())).collect())
    };
    let mut of_part = Writer::new(keys::part_pk(&part), keys::part_sk(&part), ITEM_VERSION).0;
    of_part.insert("d".to_owned(), texts(&["5:0", "0:12f", "63:1"]));
    of_part.insert("x".to_owned(), AttributeValue::Bool(true));
    let mut of_root = Writer::new(pk(&fan_out), keys::tally_sk(&TallyKey::root(&fan_out)), ITEM_VERSION).0;
    of_root.insert("f1".to_owned(), AttributeValue::N("2".to_owned()));
    of_root.insert("c".to_owned(), AttributeValue::Ns(vec!["0".to_owned(), "1".to_owned()]));
    for item in [&mut of_part, &mut of_root] {
        item.insert("expires".to_owned(), AttributeValue::N("1799999999".to_owned()));
    }
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true,"Comment":"é"}}}"#;
    vec![
        ("record", write_record(&root, &record(json_payload(succeeded)))),
        (
            "record-compressed",
            write_record(&root, &record(compressed(&format!("[{}1]", "1,".repeat(1_000))))),
        ),
        ("record-with-blob", write_record(&root, &record(blob()))),
        ("record-of-a-request", write_record(&root, &bare)),
        ("record-of-a-branch", write_record(&RecordKey { branch, seq: 7, ..root.clone() }, &in_branch)),
        ("run-running", item::write_run(&running)),
        ("run-failed", item::write_run(&redriven)),
        ("run-succeeded", item::write_run(&done)),
        ("input", super::data_item(&run_key(5), &DataSlot::Input, &compressed("\"large\""), 1_799_999_999)),
        ("ending", super::data_item(&run_key(5), &ending, &blob(), 1_799_999_999)),
        ("record-of-an-inner-branch", write_record(&key_of_only, &only)),
        (
            "fan-out-opened",
            fan_outs::opened_item(pk(&fan_out), &fan_out, 70, &json_payload("{}"), 1_799_999_999),
        ),
        ("fan-out-inputs", fan_outs::inputs_item(&part, &compressed("[]"), 1_799_999_999)),
        ("fan-out-part", of_part),
        ("fan-out-root", of_root),
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
