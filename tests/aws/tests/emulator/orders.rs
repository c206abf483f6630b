//! The main job on the emulator: orders sent by a client that is not ours.

use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use stepladder_aws_tests::{Stack, workspace};

const ORDERS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(110);
const STEPS: usize = 5;

/// What `orders.py` prints.
#[derive(Debug, Deserialize)]
struct Seen {
    runs: BTreeMap<String, SeenRun>,
    books: BTreeMap<String, BTreeMap<String, Book>>,
    stock: BTreeMap<String, i64>,
    /// Messages visible, in flight, and delayed.
    queues: BTreeMap<String, [u32; 3]>,
    dead: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct SeenRun {
    line: usize,
    item: BTreeMap<String, Value>,
    bytes: usize,
    records: Vec<SeenRecord>,
}

#[derive(Debug, Deserialize)]
struct SeenRecord {
    sk: String,
    owner: String,
    bytes: usize,
}

#[derive(Debug, Deserialize)]
struct Book {
    status: String,
    document: Value,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an emulator: make test-aws"]
async fn fifty_orders_by_boto3_end_as_each_of_them_says() {
    let stack = deployed().await;
    let samples = workspace().join("functions/order-processing/samples");
    let orders = samples.join("orders.jsonl");
    let (count, patience) = (ORDERS.to_string(), PATIENCE.as_secs().to_string());
    let args = ["--stack", &stack.name, "--orders", orders.to_str().unwrap(), "--count", &count];
    let args = [&args[..], &["--patience", &patience]].concat();
    let answer = stack.script("orders.py", &args).await.assert_code(0);
    let seen: Seen = serde_json::from_value(answer.json()).unwrap();

    let expected = std::fs::read_to_string(samples.join("orders.expected.jsonl")).unwrap();
    let expected: Vec<Value> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seen.runs.len(), ORDERS);
    let mut errors = BTreeSet::new();
    for (name, run) in &seen.runs {
        let expected = &expected[run.line - 1];
        let error = run.item.get("er").unwrap_or(&Value::Null);
        assert_eq!((&run.item["st"], error), (&expected["status"], &expected["error"]), "{name}");
        errors.insert(error.as_str().unwrap_or("none"));
        check_items(name, run);
    }
    let all = ["CardDeclined", "InvalidOrder", "InvoiceRefused", "OutOfStock", "none"];
    assert_eq!(Vec::from_iter(errors), all, "every kind of end is among them");
    check_books(&seen);
    for (queue, [visible, in_flight, _]) in &seen.queues {
        assert_eq!((*visible, *in_flight), (0, 0), "{queue} is empty");
    }
    assert!(seen.dead.values().all(Vec::is_empty), "no message was given up: {:?}", seen.dead);
    check_histories(&stack, &seen).await;
}

/// The order workflow, from the template that is committed.
async fn deployed() -> Stack {
    let stack = Stack::committed("orders").await;
    let definition = workspace().join("functions/order-processing/workflow.asl.json");
    let definition = serde_json::from_str(&std::fs::read_to_string(definition).unwrap()).unwrap();
    stack.publish("order-processing", &definition).await;
    stack
}

/// A run's items are as the design says: one record per transition without a gap, each by a message of its own, and none
/// that costs more than one write unit.
fn check_items(name: &str, run: &SeenRun) {
    for (at, record) in run.records.iter().enumerate() {
        assert_eq!(record.sk, format!("T##{at:07}"), "{name}");
        assert!(record.bytes <= 1024, "{name} {}: {} bytes", record.sk, record.bytes);
    }
    assert!(!run.records.is_empty(), "{name}");
    assert!(run.bytes <= 1024, "{name}: the run item has {} bytes", run.bytes);
    let owners: BTreeSet<&str> = run.records.iter().map(|record| record.owner.as_str()).collect();
    assert_eq!(owners.len(), run.records.len(), "{name}: a message writes at most one record");
}

/// Each order's payment, reservation, invoice and mail agree with how its run ended, and the stock adds up.
fn check_books(seen: &Seen) {
    let mut taken = BTreeMap::<&str, i64>::new();
    let nothing = BTreeMap::new();
    for (name, run) in &seen.runs {
        let books = seen.books.get(name).unwrap_or(&nothing);
        let states: Vec<String> =
            books.iter().map(|(kind, book)| format!("{kind} {}", book.status)).collect();
        let expected: &[&str] = match run.item.get("er").and_then(Value::as_str) {
            None => &["CONFIRMATION PENDING", "INVOICE ISSUED", "PAYMENT CHARGED", "RESERVATION RESERVED"],
            Some("InvalidOrder" | "CardDeclined") => &[],
            Some("OutOfStock") => &["PAYMENT REFUNDED"],
            Some("InvoiceRefused") => &["PAYMENT REFUNDED", "RESERVATION RELEASED"],
            Some(other) => panic!("{name} ended with {other}"),
        };
        assert_eq!(states, expected, "{name}");
        let reserved = books.get("RESERVATION").filter(|book| book.status == "RESERVED");
        for pieces in reserved.map(|book| book.document.as_array().unwrap()).into_iter().flatten() {
            *taken.entry(pieces["sku"].as_str().unwrap()).or_default() +=
                pieces["quantity"].as_i64().unwrap();
        }
    }
    assert!(seen.books.keys().all(|name| seen.runs.contains_key(name)), "{:?}", seen.books.keys());
    for (sku, available) in &seen.stock {
        let initial = order_processing::catalogue::find(sku).unwrap().initial_stock;
        assert_eq!(initial - available, taken.get(sku.as_str()).copied().unwrap_or_default(), "{sku}");
    }
    assert!(taken.keys().all(|sku| seen.stock.contains_key(*sku)), "{taken:?} {:?}", seen.stock);
}

/// `run list` and `run history` tell the same.
async fn check_histories(stack: &Stack, seen: &Seen) {
    let listed = stack.cli(&["run", "list", "--limit", "200", "-o", "jsonl"]).await.assert_code(0).lines();
    assert_eq!(listed.len(), ORDERS);
    for name in seen.runs.keys() {
        let id = format!("order-processing/{name}");
        let events = stack.cli(&["run", "history", &id, "-o", "json"]).await.assert_code(0).list();
        let ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, Vec::from_iter(1..=events.len() as u64), "{name}");
        let types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let last = match seen.runs[name].item["st"].as_str().unwrap() {
            "SUCCEEDED" => "ExecutionSucceeded",
            _ => "ExecutionFailed",
        };
        assert_eq!((types[0], *types.last().unwrap()), ("ExecutionStarted", last), "{name}");
        let entered = types.iter().filter(|kind| kind.ends_with("StateEntered")).count();
        let exited = types.iter().filter(|kind| kind.ends_with("StateExited")).count();
        assert!(
            entered == exited || (last == "ExecutionFailed" && entered == exited + 1),
            "{name}: {types:?}"
        );
        if last == "ExecutionSucceeded" {
            // The first for `lambda:invoke`, the second for a function's own ARN.
            let succeeded = |kind: &&&str| ["TaskSucceeded", "LambdaFunctionSucceeded"].contains(*kind);
            assert_eq!(types.iter().filter(succeeded).count(), STEPS, "{name}: {types:?}");
        }
    }
}
