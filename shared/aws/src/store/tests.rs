//! What the items take, and that they come back as they were.

use super::{
    RunChange,
    item::{self, Item},
    keys,
    searches::search_item,
};
use aws_sdk_dynamodb::types::AttributeValue;
use stepladder_engine::{Branch, Opening, Status};
use stepladder_protocol::{
    BlobRef, Close, ITEM_VERSION, Partition, Payload, Record, RecordKey, Redrive, RedriveItem, Retry, RunId,
    RunItem, RunKey, SearchItem, SearchKey,
    limits::{
        FORK_BYTES, NAME_CHARS_MAX, PART_BRANCHES, RECORD_OVERHEAD_BYTES, RUN_ITEM_PAYLOAD_BYTES_MAX,
        RUN_ITEM_STATE_BESIDE_BYTES, SEARCH_PATH_BYTES_MAX, SEARCH_VALUE_BYTES_MAX, TENANT_CHARS_MAX,
        WRITE_UNIT_BYTES,
    },
};

/// An item's size by DynamoDB's rules, in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn item_bytes(item: &Item) -> usize {
    let value_bytes = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        // One byte per two significant digits, and one.
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        other => panic!("not used: {other:?}"),
    };
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

pub(super) fn run_key(name_chars: usize) -> RunKey {
    RunKey { id: RunId::new("w".repeat(name_chars), "n".repeat(name_chars)), nonce: "0".repeat(32) }
}

pub(super) fn record(outcome: Payload) -> Record {
    Record {
        version: ITEM_VERSION,
        seq: 1234,
        owner: "6f9619ff-8b86-d011-b42d-00cf4fc964ff".to_owned(),
        outcome,
        opening: None,
        end: None,
        queued_ms: Some(1_799_999_999_999),
        received_ms: Some(1_799_999_999_999),
        started_ms: Some(1_799_999_999_999),
        finished_ms: 1_799_999_999_999,
        receive_count: 12,
        request_id: Some("8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        digest: "0123456789abcdef".to_owned(),
        semantics: 12,
        expires_s: 1_799_999_999,
    }
}

/// As the store writes it.
pub(super) fn write_record(key: &RecordKey, record: &Record) -> Item {
    let partition = Partition::of(&key.run, &key.branch, PART_BRANCHES);
    item::write_record(keys::partition_pk(&partition), key, record)
}

pub(super) fn run_item(name_chars: usize, input: Option<Payload>, ending: Option<Payload>) -> RunItem {
    let key = run_key(name_chars);
    RunItem {
        version: ITEM_VERSION,
        id: key.id,
        nonce: key.nonce,
        definition: "d".repeat(32),
        status: Status::Failed,
        redrive_count: 12,
        region: "ap-southeast-1".to_owned(),
        account: "123456789012".to_owned(),
        role_arn: format!("arn:aws:iam::123456789012:role/{}", "s".repeat(20)),
        started_ms: 1_799_999_999_999,
        ended_ms: Some(1_799_999_999_999),
        input,
        input_digest: "0".repeat(32),
        ending,
        ending_item: None,
        error: Some("PaymentDeclined".to_owned()),
        state: None,
        by: None,
        redrives: Vec::new(),
        redefined: Vec::new(),
        rerun_of: None,
        begins_at: None,
        parked: None,
        parent: None,
        expires_s: 1_799_999_999,
        workflow_version: None,
        alias: None,
        tenant: None,
    }
}

#[test]
fn a_record_takes_no_more_beside_its_outcome_than_the_protocol_allows_for() {
    let key = RecordKey { run: run_key(NAME_CHARS_MAX), branch: Branch::default(), seq: 1234 };
    let overhead = item_bytes(&write_record(&key, &record(Payload::Json(Vec::new()))));
    let allowed = RECORD_OVERHEAD_BYTES + 2 * NAME_CHARS_MAX;
    assert!(overhead <= allowed, "{overhead}");
    // As much as fits must be used: what the allowance leaves free is paid for by larger outcomes.
    assert!(overhead + 40 > allowed, "{overhead}");
}

#[test]
fn a_record_whose_outcome_fills_what_is_left_takes_one_write_unit() {
    let key = RecordKey { run: run_key(NAME_CHARS_MAX), branch: Branch::default(), seq: 1234 };
    let outcome = Payload::Json(vec![b' '; WRITE_UNIT_BYTES - RECORD_OVERHEAD_BYTES - 2 * NAME_CHARS_MAX]);
    assert!(item_bytes(&write_record(&key, &record(outcome))) <= WRITE_UNIT_BYTES);
}

#[test]
fn a_branchs_record_takes_no_more_beside_its_payloads_than_the_protocol_allows_for() {
    for forks in 1..=4_u32 {
        let branch = (0..forks).fold(Branch::default(), |branch, _| branch.child(999_999, 99_999));
        let key = RecordKey { run: run_key(NAME_CHARS_MAX), branch, seq: 1234 };
        let opening = Some(Opening { started_ms: 1_799_999_999_999, events: 999_999 });
        let end = Some(Payload::Json(Vec::new()));
        let record = Record { opening, end, ..record(Payload::Json(Vec::new())) };
        let overhead = item_bytes(&write_record(&key, &record));
        let allowed = RECORD_OVERHEAD_BYTES + 2 * NAME_CHARS_MAX + forks as usize * FORK_BYTES;
        assert!(overhead <= allowed, "{forks} forks: {overhead} of {allowed}");
    }
}

#[test]
fn a_run_item_with_a_small_input_and_ending_takes_one_write_unit() {
    // Plausible names. With the longest of both, the item may take two.
    let small = || Some(Payload::Json(vec![b' '; RUN_ITEM_PAYLOAD_BYTES_MAX / 2]));
    let with_alias = RunItem {
        workflow_version: Some(1_234),
        alias: Some("PRODUCTION".to_owned()),
        ..run_item(36, small(), small())
    };
    let bytes = item_bytes(&item::write_run(&with_alias));
    assert!(bytes <= WRITE_UNIT_BYTES, "{bytes}");
}

#[test]
fn a_tenant_fits_into_the_write_unit_beside_the_largest_input_and_ending_that_stay_in_the_run_item() {
    let largest = || Some(Payload::Json(vec![b' '; RUN_ITEM_PAYLOAD_BYTES_MAX]));
    let run = run_item(30, largest(), largest());
    let run = RunItem { error: None, tenant: Some("x".repeat(TENANT_CHARS_MAX)), ..run };
    let bytes = item_bytes(&item::write_run(&run));
    assert!(bytes <= WRITE_UNIT_BYTES, "{bytes}");
    // A longer one would cost another unit: it would not fit.
    assert!(bytes + 16 > WRITE_UNIT_BYTES, "{bytes}");
}

#[test]
fn a_state_takes_no_more_beside_its_name_than_the_protocol_allows_for() {
    let with = |state: Option<&str>| {
        let run = RunItem { state: state.map(str::to_owned), ..run_item(30, None, None) };
        item_bytes(&item::write_run(&run))
    };
    assert_eq!(with(Some("ChargePayment")) - with(None), "ChargePayment".len() + RUN_ITEM_STATE_BESIDE_BYTES);
}

#[test]
fn what_leads_to_a_run_by_a_value_takes_one_write_unit_whatever_the_names() {
    let run = RunKey {
        id: RunId::new("\u{1f600}".repeat(NAME_CHARS_MAX), "\u{1f600}".repeat(NAME_CHARS_MAX)),
        nonce: "0".repeat(32),
    };
    let by = SearchKey {
        workflow: run.id.workflow.clone(),
        attribute: "x".repeat(SEARCH_PATH_BYTES_MAX),
        value: "x".repeat(SEARCH_VALUE_BYTES_MAX),
    };
    let item = SearchItem { by, run, started_ms: 1_799_999_999_999, expires_s: 1_799_999_999 };
    let bytes = item_bytes(&search_item(&item));
    assert!(bytes <= WRITE_UNIT_BYTES, "{bytes}");
}

#[test]
fn a_record_comes_back_as_it_was() {
    let blob = BlobRef { sha256: "ab".repeat(32), bytes: 70_000 };
    for outcome in [Payload::Json(b"{}".to_vec()), Payload::Zstd(vec![0, 255]), Payload::Blob(blob)] {
        let bare = Record {
            queued_ms: None,
            received_ms: None,
            started_ms: None,
            request_id: None,
            ..record(outcome.clone())
        };
        for record in [record(outcome), bare] {
            let key = RecordKey { run: run_key(3), branch: Branch::default(), seq: record.seq };
            let item = write_record(&key, &record);
            assert_eq!(item::read_record(String::new(), item).unwrap(), record);
        }
    }
}

#[test]
fn a_run_item_comes_back_as_it_was() {
    let full = RunItem {
        workflow_version: Some(u32::MAX),
        alias: Some("PROD".to_owned()),
        tenant: Some("acme".to_owned()),
        state: Some("ChargePayment".to_owned()),
        by: Some("message".to_owned()),
        redrives: vec![Redrive::new("0123456789abcdef0123", 1_700_000_000_000), Redrive::new("fedc", -1)],
        parked: Some("unreadable".to_owned()),
        ..run_item(8, Some(Payload::Json(b"1".to_vec())), Some(Payload::Zstd(vec![1])))
    };
    let elsewhere = RunItem { ending_item: Some("0123456789abcdef".to_owned()), ..run_item(8, None, None) };
    let bare = RunItem { ended_ms: None, error: None, ..run_item(8, None, None) };
    for run in [full, elsewhere, bare] {
        assert_eq!(item::read_run(String::new(), &run.id, item::write_run(&run)).unwrap(), run);
    }
}

fn written() -> Item {
    let key = RecordKey { run: run_key(3), branch: Branch::default(), seq: 1234 };
    write_record(&key, &record(Payload::Json(b"{}".to_vec())))
}

#[test]
fn an_item_of_a_newer_version_is_refused() {
    let mut item = written();
    item.insert("v".to_owned(), AttributeValue::N((ITEM_VERSION + 1).to_string()));
    let error = item::read_record("read record 3 of order/17".to_owned(), item).unwrap_err();
    assert_eq!(error.retry, Retry::Never);
    assert_eq!(error.operation, "read record 3 of order/17");
    assert!(error.message.contains("version 2"), "{}", error.message);
}

#[test]
fn a_damaged_item_is_refused_with_the_attributes_name() {
    let damages: [(&str, Option<AttributeValue>); 5] = [
        ("w", None),
        ("w", Some(AttributeValue::N("1".to_owned()))),
        ("f", Some(AttributeValue::N("1.5".to_owned()))),
        ("c", Some(AttributeValue::N("-1".to_owned()))),
        ("sk", Some(AttributeValue::S("T##x".to_owned()))),
    ];
    for (name, value) in damages {
        let mut item = written();
        item.remove(name);
        if let Some(value) = value {
            item.insert(name.to_owned(), value);
        }
        let error = item::read_record(String::new(), item).unwrap_err();
        assert_eq!(error.retry, Retry::Never);
        assert!(error.message.contains(&format!("{name:?}")), "{}", error.message);
    }
}

#[test]
fn closing_a_run_changes_one_item_under_its_conditions() {
    let close = Close {
        status: Status::Failed,
        ended_ms: 5,
        ending: Some(Payload::Json(b"{}".to_vec())),
        ending_item: None,
        error: Some("E".to_owned()),
        state: Some("S".to_owned()),
        by: None,
    };
    let change = RunChange::close(&run_key(1), 2, &close);
    assert_eq!(change.condition, "n = :n AND r = :r AND st = :running");
    assert_eq!(
        change.update,
        "SET #st = :set_st, #t1 = :set_t1, #ej = :set_ej, #er = :set_er, #es = :set_es, #ap = :set_ap"
    );
    assert_eq!(change.names().len(), 6);
    let succeeded = Close { status: Status::Succeeded, error: None, state: None, ..close };
    assert!(!RunChange::close(&run_key(1), 2, &succeeded).update.contains("ap"));
    let elsewhere = Close { ending: None, ending_item: Some("0123456789abcdef".to_owned()), ..succeeded };
    assert_eq!(
        RunChange::close(&run_key(1), 2, &elsewhere).update,
        "SET #st = :set_st, #t1 = :set_t1, #en = :set_en"
    );
}

#[test]
fn a_run_that_goes_on_forgets_how_it_ended() {
    let redrive = RedriveItem {
        by: "message".to_owned(),
        redrives: vec![Redrive::new("message", 7)],
        redefined: Vec::new(),
    };
    let change = RunChange::reopen(&run_key(1), 2, &redrive);
    assert!(change.update.ends_with(" REMOVE t1, er, es, ap, ej, ez, eb, en"), "{}", change.update);
}
