use serde_json::json;

use super::*;
use crate::limits::{EXCERPT_CHARS_MAX, REASONS_MAX};
use crate::money::Money;

fn sound_order() -> Value {
    json!({
        "order_id": "ord-000001",
        "placed_at": "2026-11-02T08:13:45Z",
        "currency": "EUR",
        "customer": {"name": "Zoë Krüger", "email": "zoe@example.com", "country": "DE"},
        "shipping": {"street": "Lange Straße 4", "postal_code": "04109", "city": "Leipzig"},
        "lines": [
            {"sku": "MUG-BLUE-350", "quantity": 2, "unit_price": 1290},
            {"sku": "HONEY-500", "quantity": 1, "unit_price": 990}
        ],
        "card": {"holder": "Zoë Krüger", "number": "4242 4242-4242 4242"},
        "total": 3570
    })
}

/// Sets what the JSON pointer names, or removes it if the value is null.
fn changed(pointer: &str, value: Value) -> Value {
    let mut order = sound_order();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    let parent = order.pointer_mut(parent).expect("the parent exists");
    match parent {
        Value::Object(object) if value.is_null() => {
            object.remove(key);
        }
        Value::Object(object) => {
            object.insert(key.to_owned(), value);
        }
        Value::Array(array) => array[key.parse::<usize>().expect("an index")] = value,
        _ => panic!("nothing to change at {pointer}"),
    }
    order
}

#[track_caller]
fn check_reason(input: &Value, expected: &str) {
    let reasons = validate(input).expect_err("the order has a fault");
    assert_eq!(reasons.as_slice(), [expected]);
}

#[track_caller]
fn check_changed(pointer: &str, value: Value, expected: &str) {
    check_reason(&changed(pointer, value), expected);
}

#[test]
fn a_sound_order_is_read_and_summed_up() {
    let order = validate(&sound_order()).expect("the order is sound");
    assert_eq!(order.total, Money::new("EUR", 3_570));
    assert_eq!(order.value_eur_cents, 3_570);
    assert_eq!(order.card.number, "4242424242424242");
    assert_eq!(order.lines[0].title, "Blue mug, 350 ml");
}

#[test]
fn what_may_be_absent_may_be_absent_or_null() {
    assert!(validate(&changed("/total", Value::Null)).is_ok());
    let mut order = sound_order();
    order["total"] = Value::Null;
    order["customer"]["vat_id"] = Value::Null;
    assert!(validate(&order).is_ok());
}

#[test]
fn what_is_no_object_is_refused() {
    check_reason(&Value::Null, "the order is null, not an object");
    check_reason(&json!([1, 2]), "the order is an array of 2, not an object");
    check_reason(&json!("ord-000001"), "the order is \"ord-000001\", not an object");
}

#[test]
fn every_member_that_is_missing_is_named() {
    for key in ["order_id", "placed_at", "currency", "customer", "shipping", "lines", "card"] {
        check_changed(&format!("/{key}"), Value::Null, &format!("{key}: is missing"));
    }
    for pointer in ["customer/name", "customer/email", "customer/country", "shipping/city", "card/number"] {
        check_changed(
            &format!("/{pointer}"),
            Value::Null,
            &format!("{}: is missing", pointer.replace('/', ".")),
        );
    }
    check_changed("/lines/1/sku", Value::Null, "lines[1].sku: is missing");
}

#[test]
fn a_wrong_type_is_named_with_what_was_found() {
    check_changed("/order_id", json!(17), "order_id: 17 is not a text");
    check_changed("/customer", json!("Zoë"), "customer: \"Zoë\" is not an object");
    check_changed("/lines", json!({"sku": "MUG-BLUE-350"}), "lines: an object is not an array");
    check_changed("/lines/0", json!("MUG-BLUE-350"), "lines[0] is \"MUG-BLUE-350\", not an object");
    check_changed("/lines/0/quantity", json!("2"), "lines[0].quantity: \"2\" is not a number");
    check_changed("/lines/0/quantity", json!(1.5), "lines[0].quantity: 1.5 is not a whole number");
    check_changed("/card/number", json!(4242424242424242_u64), "card.number: 4242424242424242 is not a text");
}

#[test]
fn a_number_outside_its_range_is_refused_also_beyond_64_bits() {
    let expected = "is not between 1 and 10000";
    check_changed("/lines/0/quantity", json!(0), &format!("lines[0].quantity: 0 {expected}"));
    check_changed("/lines/0/quantity", json!(-1), &format!("lines[0].quantity: -1 {expected}"));
    check_changed("/lines/0/quantity", json!(10_001), &format!("lines[0].quantity: 10001 {expected}"));
    check_changed(
        "/lines/0/quantity",
        json!(u64::MAX),
        &format!("lines[0].quantity: 18446744073709551615 {expected}"),
    );
    let beyond: Value = serde_json::from_str("1e300").expect("a number");
    check_changed("/lines/0/quantity", beyond, "lines[0].quantity: 1e+300 is not a whole number");
    check_changed(
        "/lines/1/unit_price",
        json!(-990),
        "lines[1].unit_price: -990 is not between 1 and 100000000000",
    );
}

#[test]
fn a_sum_beyond_the_limit_is_refused() {
    let line = json!({"sku": "HONEY-500", "quantity": 10_000, "unit_price": 100_000_000_000_i64});
    check_changed("/lines/1", line, "the total is beyond 10,000,000,000.00 EUR");
}

#[test]
fn a_total_that_is_not_the_sum_is_refused() {
    check_changed("/total", json!(3_569), "total is not the sum of the lines, 3570");
    check_changed("/total", json!("3570"), "total: \"3570\" is not a number");
}

#[test]
fn unknown_codes_are_refused() {
    check_changed("/currency", json!("XAU"), "currency: \"XAU\" is none that the shop takes");
    check_changed("/currency", json!("eur"), "currency: \"eur\" is none that the shop takes");
    check_changed("/lines/0/sku", json!("MUG-GREEN"), "lines[0].sku: the shop sells no \"MUG-GREEN\"");
    check_changed(
        "/customer/country",
        json!("Germany"),
        "customer.country: \"Germany\" is no code of ISO 3166-1, two upper-case letters",
    );
}

#[test]
fn the_number_of_lines_is_bounded_and_their_skus_are_unique() {
    check_changed("/lines", json!([]), "lines: there are 0, an order has 1 to 50");
    let many = vec![json!({"sku": "HONEY-500", "quantity": 1, "unit_price": 990}); 51];
    check_changed("/lines", json!(many), "lines: there are 51, an order has 1 to 50");
    let twice = json!({"sku": "MUG-BLUE-350", "quantity": 1, "unit_price": 990});
    check_changed("/lines/1", twice, "lines[1].sku: \"MUG-BLUE-350\" is in a line above already");
}

#[test]
fn texts_are_bounded_and_free_of_control_characters() {
    check_changed("/customer/name", json!("  "), "customer.name: is empty");
    check_changed("/customer/name", json!("Z\u{0}"), "customer.name: has control characters");
    check_changed("/customer/name", json!("ä".repeat(201)), "customer.name: is longer than 200 characters");
    assert!(validate(&changed("/customer/name", json!("ä".repeat(200)))).is_ok());
    check_changed("/order_id", json!("o".repeat(81)), "order_id: is longer than 80 characters");
    check_changed(
        "/order_id",
        json!("order 1/ä"),
        "order_id: has characters other than A-Z, a-z, 0-9, - and _",
    );
    check_changed("/placed_at", json!("yesterday"), "placed_at: isn't a time as in 2026-11-02T08:13:45Z");
    check_changed(
        "/placed_at",
        json!("2026-02-30T08:00:00Z"),
        "placed_at: isn't a time as in 2026-11-02T08:13:45Z",
    );
}

#[test]
fn card_numbers_have_a_length_and_a_check_digit() {
    check_changed(
        "/card/number",
        json!("4242424242424241"),
        "card.number: has a check digit that doesn't fit",
    );
    check_changed("/card/number", json!("4242"), "card.number: isn't 12 to 19 digits");
    check_changed("/card/number", json!("4242x24242424242"), "card.number: isn't 12 to 19 digits");
    check_changed("/card/number", json!("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"), "card.number: isn't 12 to 19 digits");
}

#[test]
fn addresses_of_mail_are_looked_at() {
    for good in ["a@b.de", "zoe.k+shop@mail.example.co.uk", "用户@例子.广告", "o'neil@example.ie"] {
        assert!(is_email(good), "{good}");
    }
    for bad in
        ["", "a", "a@b", "@b.de", "a@", "a@b..de", "a b@c.de", "a@@b.de", ".a@b.de", "a..b@c.de", "a@-b.de"]
    {
        assert!(!is_email(bad), "{bad}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let mut order = sound_order();
    order["currency"] = json!("XXX");
    order["lines"][0]["quantity"] = json!(-2);
    order["lines"][1]["sku"] = json!("NOTHING");
    order["customer"]["email"] = json!("nobody");
    order["card"] = json!(null);
    let reasons = validate(&order).expect_err("the order has faults");
    assert_eq!(
        reasons.to_string(),
        "currency: \"XXX\" is none that the shop takes; customer.email: isn't an address as in name@example.com; \
         card: null is not an object; lines[0].quantity: -2 is not between 1 and 10000; \
         lines[1].sku: the shop sells no \"NOTHING\""
    );
}

#[test]
fn reasons_are_bounded_in_number_and_in_length() {
    let long = "x".repeat(1_000_000);
    let lines: Vec<Value> = (0..LINES_MAX).map(|_| json!(long)).collect();
    let reasons = validate(&changed("/lines", json!(lines))).expect_err("the order has faults");
    assert_eq!(reasons.as_slice().len(), REASONS_MAX);
    assert!(reasons.to_string().ends_with("; and 30 more"), "{reasons}");
    assert!(reasons.as_slice().iter().all(|reason| reason.chars().count() < EXCERPT_CHARS_MAX + 40));
}
