//! The sample orders, and thousands of their kind, end as the generator said they would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../examples/generate_samples/faults.rs"]
mod faults;
#[path = "../examples/generate_samples/generator.rs"]
mod generator;
#[path = "../examples/generate_samples/people.rs"]
mod people;
mod workflow;

use std::collections::BTreeMap;

use order_processing::records::{MemoryRecords, Records};
use serde_json::{Value, json};
use workflow::{End, Machine};

fn lines_of(path: &str) -> Vec<Value> {
    let path = format!("{}/samples/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the samples are there");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The end as the expectation writes it.
fn told(order: &Value, end: &End) -> Value {
    let mut told = json!({"order_id": order.get("order_id"), "status": end.status});
    if let Some(error) = &end.error {
        told["error"] = json!(error);
    }
    told
}

async fn check_ends(samples: impl Iterator<Item = (Value, Value)>) -> BTreeMap<String, usize> {
    let records = MemoryRecords::default();
    let machine = Machine::new(&records);
    let mut ends = BTreeMap::new();
    for (index, (order, expected)) in samples.enumerate() {
        let name = format!("line-{index}");
        let end = machine.run(&name, order.clone()).await;
        assert_eq!(told(&order, &end), expected, "{order}\n{:?}\n{:?}", end.cause, end.states);
        let succeeded = end.status == "SUCCEEDED";
        assert_eq!(records.is_paid(&name), succeeded, "{order}");
        assert_eq!(records.has_invoice(&name), succeeded, "{order}");
        assert_eq!(records.mail(&name).is_some(), succeeded, "{order}");
        *ends.entry(end.states.last().expect("a run has states").clone()).or_default() += 1;
        if end.states.iter().any(|state| state == "ManualReview") {
            *ends.entry("reviewed".to_owned()).or_default() += 1;
        }
    }
    ends
}

#[test]
fn the_definition_has_no_fault() {
    let faults = stepladder_asl::Definition::parse(workflow::DEFINITION).err();
    assert!(faults.is_none(), "{faults:?}");
}

#[tokio::test]
async fn the_sample_orders_end_as_expected() {
    let (orders, expected) = (lines_of("orders.jsonl"), lines_of("orders.expected.jsonl"));
    assert_eq!((orders.len(), expected.len()), (200, 200));
    let ends = check_ends(orders.into_iter().zip(expected)).await;
    let expected = [
        ("CardDeclined", 12),
        ("InvalidOrder", 24),
        ("InvoiceRefused", 7),
        ("OrderCompleted", 147),
        ("OutOfStock", 10),
        ("reviewed", 20),
    ];
    assert_eq!(ends, expected.map(|(state, count)| (state.to_owned(), count)).into());
}

#[tokio::test]
async fn thousands_of_other_orders_end_as_expected_too() {
    for seed in [1, 7] {
        let samples = generator::samples(seed).take(2_000);
        check_ends(samples.map(|sample| (sample.order, sample.expected))).await;
    }
}

#[test]
fn the_samples_are_what_the_generator_writes() {
    let (orders, expected) = (lines_of("orders.jsonl"), lines_of("orders.expected.jsonl"));
    for (index, sample) in generator::samples(2026).take(200).enumerate() {
        assert_eq!(orders[index].to_string(), sample.order.to_string(), "line {}", index + 1);
        assert_eq!(expected[index].to_string(), sample.expected.to_string(), "line {}", index + 1);
    }
}

#[tokio::test]
async fn whichever_step_breaks_everything_before_it_is_undone_in_reverse_order() {
    let (refund, release, cancel) = ("RefundPayment", "ReleaseReservation", "CancelInvoice");
    let undone = [
        ("ChargePayment", vec![refund]),
        ("ReserveInventory", vec![release, refund]),
        ("CreateInvoice", vec![cancel, release, refund]),
        ("SendConfirmation", vec![cancel, release, refund]),
    ];
    let order =
        generator::samples(3).find(|sample| sample.expected["status"] == "SUCCEEDED").expect("one").order;
    let sku = order["lines"][0]["sku"].as_str().expect("a SKU");
    for (broken, expected) in undone {
        // Broken after it has done its work and before: both look the same to the run.
        for does_its_work in [true, false] {
            let records = MemoryRecords::default();
            let machine = Machine::new(&records).breaking(broken, does_its_work);
            let end = machine.run("ord-1", order.clone()).await;
            assert_eq!((end.status, end.error.as_deref()), ("FAILED", Some("States.Timeout")), "{broken}");
            let after = end.states.iter().position(|state| state == broken).expect("it was tried") + 1;
            assert_eq!(
                end.states[after..],
                [&expected[..], &["WhyUndone", "OrderFailed"]].concat(),
                "{broken}"
            );
            assert!(!records.is_paid("ord-1") && !records.has_invoice("ord-1"), "{broken}");
            assert_eq!(records.stock(sku).await, Ok(10_000_000), "{broken}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_undone_asks_for_a_person() {
    let order =
        generator::samples(3).find(|sample| sample.expected["error"] == "OutOfStock").expect("one").order;
    let records = MemoryRecords::default();
    let end = Machine::new(&records).breaking("RefundPayment", false).run("ord-1", order).await;
    assert_eq!(end.error.as_deref(), Some("CompensationFailed"));
    let cause = end.cause.expect("a cause");
    assert!(cause.contains("States.Timeout") && cause.contains("OutOfStock"), "{cause}");
}

#[tokio::test]
async fn a_failed_run_says_why() {
    let records = MemoryRecords::default();
    let machine = Machine::new(&records);
    let mut sample =
        generator::samples(3).find(|sample| sample.expected["status"] == "SUCCEEDED").expect("one");
    sample.order["card"]["number"] = json!("4000000000009995");
    let end = machine.run("ord-1", sample.order).await;
    let cause: Value = serde_json::from_str(&end.cause.expect("a cause")).expect("Lambda's JSON");
    assert_eq!(cause["errorMessage"], "the card ending in 9995 was declined: insufficient_funds");
}

#[tokio::test]
async fn a_completed_order_is_summed_up() {
    let records = MemoryRecords::default();
    let sample = generator::samples(3).find(|sample| sample.expected["status"] == "SUCCEEDED").expect("one");
    let end = Machine::new(&records).run("ord-1", sample.order.clone()).await;
    let output = end.output.expect("an output");
    assert_eq!(output["order_id"], sample.order["order_id"]);
    assert_eq!(output["invoice_number"], "INV-ord-1");
    assert_eq!(output["confirmed_to"], sample.order["customer"]["email"]);
    let pieces: i64 =
        sample.order["lines"].as_array().unwrap().iter().filter_map(|line| line["quantity"].as_i64()).sum();
    let id = sample.order["order_id"].as_str().expect("an id");
    assert_eq!(output["summary"], format!("order {id}: {pieces} pieces, invoice INV-ord-1"));
}
