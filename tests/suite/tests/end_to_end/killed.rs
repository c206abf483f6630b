//! `stepladder dev` is killed under load, and goes on where it was.

use crate::orders::{dev, samples};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use stepladder_aws::{AwsHost, Environment};
use stepladder_local::{Server, ServerConfig};
use stepladder_protocol::{Host, Protocol, Store};
use stepladder_tests::{Answer, DEADLINE, Folder, until};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_and_started_again_every_order_ends_as_expected_and_nothing_is_done_twice() {
    let folder = Folder::new("killed");
    let (orders, expected) = samples(60);
    let file = folder.write("orders.jsonl", orders.join("\n"));
    folder.write("orders.expected.jsonl", expected.join("\n"));
    let data = folder.path().join("data");
    // The first time while most orders are in their first steps, the second time while others end.
    for ends in [1, 15] {
        run_and_kill(&file, &data, ends).await;
    }

    let more = ["--data-dir", data.to_str().unwrap()];
    let output = tokio::time::timeout(DEADLINE, dev(&file, &more).output()).await.unwrap().unwrap();
    let answer = Answer {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
    .assert_code(0)
    .assert_tells("went on from where the last stop left them");
    let lines = answer.lines();
    assert_eq!(lines.len(), 60);
    assert!(lines.iter().all(|line| line["as_expected"] == true), "{answer:#?}");
    check_books(&data, &lines).await;
}

/// Sends the orders, and kills everything when so many have ended.
async fn run_and_kill(file: &Path, data: &Path, ends: usize) {
    let mut child = dev(file, &["--data-dir", data.to_str().unwrap()])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while seen < ends {
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        assert!(line.is_some(), "it ended by itself after {seen} orders");
        seen += 1;
    }
    let functions = children_of(child.id().unwrap());
    assert!(!functions.is_empty(), "orders are under way");
    // SIGKILL
    child.kill().await.unwrap();
    until(
        "the functions' processes have ended by themselves",
        || format!("{functions:?}"),
        async || (!functions.iter().any(|pid| is_running(*pid))).then_some(()),
    )
    .await;
}

/// The state and the parent of a process.
fn stat(pid: u32) -> Option<(String, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect()
}

/// A zombie is as good as gone: it only waits for its parent to look.
fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// What the shop remembers of an order, by kind: the state, and the document.
type Books = BTreeMap<String, BTreeMap<String, (String, Value)>>;

/// Each order's payment, reservation, invoice and mail agree with how its run ended, and the stock adds up.
async fn check_books(data: &Path, lines: &[Value]) {
    let server = Server::start(ServerConfig { data_dir: Some(data.to_owned()), ..ServerConfig::default() })
        .await
        .unwrap();
    let host = AwsHost::connect(Environment::local(&server.endpoint_url(), "stepladder").unwrap()).await;
    let (books, stock) = read_books(&host).await;
    let mut taken: BTreeMap<String, i64> = BTreeMap::new();
    for line in lines {
        let name = line["name"].as_str().unwrap();
        let error = line["error"].as_str().unwrap_or("none");
        let of_order = books.get(name).cloned().unwrap_or_default();
        let states: Vec<String> =
            of_order.iter().map(|(kind, (state, _))| format!("{kind} {state}")).collect();
        let expected: &[&str] = match error {
            "none" => &["CONFIRMATION PENDING", "INVOICE ISSUED", "PAYMENT CHARGED", "RESERVATION RESERVED"],
            "InvalidOrder" | "CardDeclined" => &[],
            "OutOfStock" => &["PAYMENT REFUNDED"],
            "InvoiceRefused" => &["PAYMENT REFUNDED", "RESERVATION RELEASED"],
            other => panic!("{name} ended with {other}"),
        };
        assert_eq!(states, expected, "{name} {error}");
        if let Some((state, pieces)) = of_order.get("RESERVATION")
            && state == "RESERVED"
        {
            for piece in pieces.as_array().unwrap() {
                *taken.entry(piece["sku"].as_str().unwrap().to_owned()).or_default() +=
                    piece["quantity"].as_i64().unwrap();
            }
        }
    }
    let names: BTreeSet<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert!(books.keys().all(|name| names.contains(name.as_str())), "{:?}", books.keys());
    for (sku, available) in &stock {
        let initial = order_processing::catalogue::find(sku).unwrap().initial_stock;
        assert_eq!(initial - available, taken.get(sku).copied().unwrap_or_default(), "{sku}");
    }
    assert!(taken.keys().all(|sku| stock.contains_key(sku)), "{taken:?} {stock:?}");
    check_records(host, names.len()).await;
    server.shutdown().await;
}

async fn read_books(host: &AwsHost) -> (Books, BTreeMap<String, i64>) {
    let (mut books, mut stock) = (Books::new(), BTreeMap::new());
    let mut pages = host.dynamodb().scan().table_name("stepladder-orders").into_paginator().items().send();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        let text = |name: &str| item.get(name).map(|value| value.as_s().unwrap().clone());
        let pk = text("pk").unwrap();
        match pk.split_once('#').unwrap() {
            ("ORDER", name) => {
                let document =
                    text("document").map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
                let of_order = books.entry(name.to_owned()).or_default();
                of_order.insert(text("sk").unwrap(), (text("status").unwrap(), document));
            }
            ("STOCK", sku) => {
                let available = item["available"].as_n().unwrap().parse().unwrap();
                stock.insert(sku.to_owned(), available);
            }
            _ => panic!("{pk}"),
        }
    }
    (books, stock)
}

/// Each order has one run, and its records lead without a gap to its end.
async fn check_records(host: AwsHost, orders: usize) {
    let protocol = Protocol::new(host);
    let listed = protocol.host().store().runs_started("order-processing", 0, i64::MAX, 1_000).await.unwrap();
    assert_eq!(listed.len(), orders);
    for run in listed {
        let view = protocol.view(&run.id).await.unwrap().unwrap();
        let stepladder_engine::Next::End(end) = &view.replay.last.next else {
            panic!("{} has not recorded its end", run.id);
        };
        assert_eq!(end.status, view.item.status, "{}", run.id);
        let mut owners = BTreeSet::new();
        assert!(view.records.iter().all(|record| owners.insert(&record.owner)), "{}", run.id);
    }
}
