//! The engine's time per transition: a step's result in, the next step's position out.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::hint::black_box;
use stepladder_asl::Definition;
use stepladder_engine::{History, Next, Outcome, Position, Records, Rehearsal, Run, advance, replay, start};

/// A step with all that a definition usually asks for, followed by a choice and another step.
const DEFINITION: &str = r#"{
    "StartAt": "Charge",
    "States": {
        "Charge": {
            "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:charge",
            "ResultSelector": { "id.$": "$.id", "state.$": "$.state" },
            "ResultPath": "$.payment",
            "Retry": [{ "ErrorEquals": ["PaymentTimeout"], "MaxAttempts": 3, "JitterStrategy": "FULL" }],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "GiveUp" }],
            "Next": "IsPaid"
        },
        "IsPaid": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.payment.state", "StringEquals": "paid", "Next": "Reserve" }],
            "Default": "GiveUp"
        },
        "Reserve": {
            "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:reserve",
            "Parameters": { "order.$": "$", "run.$": "$$.Execution.Name" },
            "End": true
        },
        "GiveUp": { "Type": "Fail", "Error": "GaveUp" }
    }
}"#;

/// An order of about so many bytes.
fn order(bytes: usize) -> Value {
    let line = |n: usize| json!({ "sku": format!("SKU-{n:05}"), "quantity": n % 7 + 1, "cents": 1990 + n, "gift": n.is_multiple_of(2) });
    let lines = bytes / line(0).to_string().len();
    json!({ "order_id": "ord-17", "lines": (0..lines).map(line).collect::<Vec<_>>() })
}

fn waiting(definition: &Definition, run: &Run, input: Value) -> Position {
    match start(definition, run, input, 0).next {
        Next::Wait(position) => position,
        Next::End(end) => panic!("the run ended: {end:?}"),
    }
}

fn transitions(criterion: &mut Criterion) {
    let definition = Definition::parse(DEFINITION).unwrap();
    let run = Run::for_test("order-processing", "ord-17");
    let outcome = Outcome::Succeeded { output: json!({ "id": "pay-1", "state": "paid", "fee": 12 }) };
    let mut group = criterion.benchmark_group("transition");
    for kilobytes in [1, 100] {
        let position = waiting(&definition, &run, order(kilobytes * 1024));
        group.throughput(Throughput::Elements(1));
        group.bench_with_input(
            BenchmarkId::new("advance", format!("{kilobytes} KB")),
            &position,
            |bencher, position| {
                bencher.iter(|| {
                    let transition = advance(&definition, &run, black_box(position), &outcome, 40);
                    assert!(matches!(transition.next, Next::Wait(_)));
                    transition
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("digest", format!("{kilobytes} KB")),
            &position,
            |bencher, position| {
                let transition = advance(&definition, &run, position, &outcome, 40);
                bencher.iter(|| black_box(&transition).digest());
            },
        );
    }
    group.finish();
}

fn parsing(criterion: &mut Criterion) {
    criterion.bench_function("parse a definition", |bencher| {
        bencher.iter(|| Definition::parse(black_box(DEFINITION)).unwrap());
    });
}

/// A Map whose iterations call two steps, one after the other: 11 events each.
const FAN_OUT: &str = r#"{
    "StartAt": "Each",
    "States": { "Each": {
        "Type": "Map", "MaxConcurrency": 40, "ItemsPath": "$.lines", "ResultPath": null, "End": true,
        "ItemSelector": { "line.$": "$$.Map.Item.Value", "order.$": "$.order_id" },
        "ItemProcessor": { "StartAt": "Reserve", "States": {
            "Reserve": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:reserve", "Next": "Pack" },
            "Pack": { "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:pack", "End": true }
        } }
    } }
}"#;

/// So many events has a history as AWS has them at most 25,000 of.
const EVENTS: usize = 10_000;

fn rehearsed(definition: &Definition, run: &Run, input: &Value) -> Records {
    let mut rehearsal = Rehearsal::start(definition, run, input.clone());
    while let Some(waiting) = rehearsal.next() {
        let (branch, due_ms) = (waiting.branch.clone(), waiting.due_ms);
        let outcome = Outcome::Succeeded { output: json!({ "reserved": true, "shelf": "A-17" }) };
        rehearsal.settle(&branch, outcome, Some(due_ms), due_ms + 1).unwrap();
    }
    assert!(rehearsal.end().is_some());
    rehearsal.records().clone()
}

fn replays(criterion: &mut Criterion) {
    let definition = Definition::parse(FAN_OUT).unwrap();
    let run = Run::for_test("order-processing", "ord-17");
    let line = |n: usize| json!({ "sku": format!("SKU-{n:05}"), "quantity": n % 7 + 1, "cents": 1990 + n });
    let input = json!({ "order_id": "ord-17", "lines": (0..EVENTS / 11).map(line).collect::<Vec<_>>() });
    let records = rehearsed(&definition, &run, &input);
    let history = History::new(&definition, &run, input.clone(), &records).unwrap();
    let mut group = criterion.benchmark_group(format!("a history of {} events", history.len()));
    group.sample_size(20);
    group.bench_function("rehearsal", |bencher| {
        bencher.iter(|| rehearsed(&definition, &run, black_box(&input)))
    });
    group.bench_function("replay", |bencher| {
        bencher.iter(|| replay(&definition, &run, input.clone(), black_box(&records)).unwrap());
    });
    group.bench_function("index", |bencher| {
        bencher.iter(|| History::new(&definition, &run, input.clone(), black_box(&records)).unwrap());
    });
    group.bench_function("first page of 100", |bencher| {
        bencher.iter(|| history.page(black_box(0..100)).unwrap())
    });
    group.bench_function("last page of 100", |bencher| {
        bencher.iter(|| history.page_back(0, black_box(100)).unwrap())
    });
    group.finish();
}

criterion_group!(benches, transitions, parsing, replays);
criterion_main!(benches);
