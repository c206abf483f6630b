//! What makes a sound order an invalid one.

use serde_json::{Value, json};

/// Spoils a sound order.
pub(crate) type Fault = fn(&mut Value);

/// All of them; what customers' programs get wrong most often comes first.
pub(crate) const FAULTS: &[Fault] = &[
    |order| remove(order, "order_id"),
    |order| set(order, "/order_id", json!("order 17/ä")),
    |order| set(order, "/lines", json!([])),
    |order| set(order, "/lines/0/quantity", json!(-1)),
    |order| set(order, "/lines/0/quantity", json!("2")),
    |order| set(order, "/lines/0/quantity", json!(2.5)),
    |order| set(order, "/lines/0/quantity", json!(i64::MAX)),
    |order| set(order, "/lines/0/sku", json!("MUG-INVISIBLE")),
    |order| set(order, "/currency", json!("XBT")),
    |order| set(order, "/customer/email", json!("zoe.krueger(at)example.com")),
    |order| repeat_first_line(order),
    |order| remove(order, "customer"),
    |order| set(order, "/customer/country", json!("XX")),
    |order| set(order, "/customer/name", json!("   ")),
    |order| set(order, "/lines/0/unit_price", json!(-1290)),
    |order| set(order, "/card/number", json!("4242424242424241")),
    |order| set(order, "/total", json!(1)),
    |order| set(order, "/placed_at", json!("2026-02-30T10:00:00Z")),
    |order| *order = json!([order.clone()]),
    |order| set(order, "/lines/0/quantity", json!(1e30)),
    |order| set(order, "/customer/email", json!("nobody@localhost")),
    |order| order_everything(order),
    |order| set(order, "/card", Value::Null),
    |order| several_faults(order),
    |order| set(order, "/order_id", json!(20_260_017)),
    |order| set(order, "/order_id", json!("o".repeat(81))),
    |order| remove(order, "lines"),
    |order| set(order, "/lines", json!({"sku": "MUG-BLUE-350", "quantity": 1, "unit_price": 1290})),
    |order| set(order, "/lines/0", json!("MUG-BLUE-350")),
    |order| set(order, "/lines/0/quantity", json!(0)),
    |order| set(order, "/lines/0/unit_price", Value::Null),
    |order| set(order, "/currency", json!("eur")),
    |order| remove(order, "currency"),
    |order| set(order, "/customer/country", json!("Germany")),
    |order| set(order, "/customer/name", json!("Zoë\u{0}Krüger")),
    |order| set(order, "/customer/email", json!(["zoe.krueger@example.com"])),
    |order| set(order, "/shipping", json!("Lange Straße 4, 04109 Leipzig")),
    |order| set(order, "/card/number", json!("4242")),
    |order| dearer_than_anything(order),
    |order| set(order, "/placed_at", json!("yesterday")),
    |order| *order = json!("please send me two blue mugs"),
    |order| *order = json!({}),
];

fn set(order: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    match order.pointer_mut(parent).expect("a sound order has that place") {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        object => object[key] = value,
    }
}

fn remove(order: &mut Value, key: &str) {
    order.as_object_mut().expect("an order is an object").shift_remove(key);
}

fn repeat_first_line(order: &mut Value) {
    remove(order, "total");
    let lines = order["lines"].as_array_mut().expect("an order has lines");
    lines.push(lines[0].clone());
}

/// 51 lines, one more than an order may have.
fn order_everything(order: &mut Value) {
    remove(order, "total");
    let lines: Vec<Value> = order_processing::catalogue::CATALOGUE
        .iter()
        .take(51)
        .map(|article| json!({"sku": article.sku, "quantity": 1, "unit_price": 1000}))
        .collect();
    order["lines"] = json!(lines);
}

/// Every number within its bounds, their sum not.
fn dearer_than_anything(order: &mut Value) {
    remove(order, "total");
    order["lines"] =
        json!([{"sku": "PEN-FOUNTAIN-F", "quantity": 10_000, "unit_price": 100_000_000_000_i64}]);
}

fn several_faults(order: &mut Value) {
    set(order, "/currency", json!("ZZZ"));
    set(order, "/lines/0/quantity", json!(-7));
    set(order, "/lines/0/sku", json!(""));
    set(order, "/customer/email", json!("@"));
    set(order, "/card/number", json!("none"));
    set(order, "/shipping/city", json!(7));
}
