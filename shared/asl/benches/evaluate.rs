//! Expressions over an input of 10 KB: `cargo bench -p stepladder-asl --bench evaluate`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Map, Value, json};
use std::hint::black_box;
use stepladder_asl::{Draws, Jsonata, JsonataScope, Path, Scope, States};

/// An order with 75 lines: 10 KB of JSON.
fn order() -> Value {
    let line = |n: usize| {
        json!({"id": format!("line-{n:04}"), "sku": format!("0406-{n:06}"), "price": n as f64 * 1.25, "quantity": n % 7,
               "tags": ["a", "b"], "address": {"city": "Turin", "zip": format!("{n:05}")}})
    };
    json!({"order": {"id": "o-1", "customer": {"name": "Ada"}, "lines": (0..75).map(line).collect::<Vec<_>>()}})
}

fn jsonata(criterion: &mut Criterion) {
    let input = order();
    let bytes = input.to_string().len();
    assert!((9_000..12_000).contains(&bytes), "{bytes} bytes");
    let context = json!({"State": {"Name": "S"}});
    let states = States { input: &input, context: &context, result: None, error_output: None };
    let (variables, draws) = (Map::new(), Draws::new([0; 32]));
    let scope = JsonataScope { states, variables: &variables, now_ms: 0, draws: &draws, budget: None };
    for (name, text) in [
        ("plain path", "$states.input.order.customer.name"),
        ("text", "'Order ' & $states.input.order.id & ' of ' & $states.input.order.customer.name"),
        ("whole input", "$states.input"),
        ("mapped path", "$states.input.order.lines.price"),
        ("filter", "$states.input.order.lines[price > 50].id"),
        ("sum of products", "$sum($states.input.order.lines.(price * quantity))"),
        ("objects", "$states.input.order.lines.{'id': id, 'total': price * quantity}"),
        ("function per item", "$map($states.input.order.lines, function($l) { $l.price * $l.quantity })"),
    ] {
        let expression = Jsonata::parse(text).unwrap();
        assert!(expression.evaluate(&scope).unwrap().is_some(), "{text}");
        criterion.bench_function(&format!("jsonata/{name}"), |bencher| {
            bencher.iter(|| expression.evaluate(black_box(&scope)).unwrap());
        });
    }
    let text = "$states.input.order.lines[price > 50].{'id': id, 'total': price * quantity}";
    criterion
        .bench_function("jsonata/parse", |bencher| bencher.iter(|| Jsonata::parse(black_box(text)).unwrap()));
}

fn jsonpath(criterion: &mut Criterion) {
    let (input, context, draws) = (order(), json!({}), Draws::new([0; 32]));
    let scope = Scope::new(&input, &context, &draws);
    for (name, text) in [
        ("plain path", "$.order.customer.name"),
        ("indefinite path", "$.order.lines[*].price"),
        ("descent", "$..zip"),
    ] {
        let path = Path::parse(text).unwrap();
        assert!(path.select(&scope).is_ok(), "{text}");
        criterion.bench_function(&format!("jsonpath/{name}"), |bencher| {
            bencher.iter(|| path.select(black_box(&scope)).unwrap().into_owned());
        });
    }
}

criterion_group!(benches, jsonata, jsonpath);
criterion_main!(benches);
