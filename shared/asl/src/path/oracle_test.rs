//! `serde_json_path` is an independent implementation of RFC 9535. In the subset that the RFC and Jayway share, both must
//! find the same. The mapping:
//!
//! - A definite path gives one value here and a list of one there; a miss here is an empty list there.
//! - An indefinite path gives the list, in the same order.
//! - Left out, because the two languages differ: several names in one pair of brackets (Jayway makes one object of
//!   them), slices with a step or with an end counted from the end next to another end, negative indexes in a union,
//!   a filter after `..` (Jayway tries it on objects, and on the first one too) or on an object (Jayway asks about the
//!   object, the RFC about its members), a bare `@` (AWS: objects only), comparisons of numbers with strings (Jayway
//!   converts them) and of booleans, null or arrays by order, and of what is not there with what is not there.

use super::*;
use crate::Draws;
use proptest::prelude::*;
use serde_json::json;
use serde_json_path::JsonPath;

fn data() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        Just(json!(1.5)),
        "[abc]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 80, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[abcd]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

/// An array of objects whose members have one type each, for filters that compare.
fn records() -> impl Strategy<Value = Value> {
    let record = (
        prop::option::of(-3i64..4),
        prop::option::of("[abc]{0,2}"),
        prop::option::of(any::<bool>()),
        prop::option::of(prop::collection::vec(-2i64..3, 0..3)),
    );
    prop::collection::vec(record, 0..8).prop_map(|records| {
        let records = records.into_iter().map(|(n, s, b, l)| {
            let members = [
                ("n", n.map(Value::from)),
                ("s", s.map(Value::from)),
                ("b", b.map(Value::from)),
                ("l", l.map(Value::from)),
            ];
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_string(), value?)))
                .collect::<Value>()
        });
        json!({"a": records.collect::<Vec<Value>>(), "n": 1, "s": "b"})
    })
}

fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "\\.[abcd]",
        2 => "\\['[abcd]'\\]",
        2 => "\\[[0-3]\\]",
        1 => "\\[-[1-3]\\]",
        1 => Just("[*]".to_string()),
        1 => Just(".*".to_string()),
        1 => "\\.\\.[abcd]",
        1 => "\\.\\.\\[[0-2]\\]",
        1 => Just("..*".to_string()),
        1 => "\\[[0-2],[0-3]\\]",
        1 => "\\[[0-2]:[0-4]\\]",
        1 => "\\[(0|-?[1-3]):\\]",
        1 => "\\[:-?[1-3]\\]",
    ]
}

fn comparison() -> impl Strategy<Value = String> {
    let sign = prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let equality = prop_oneof![Just("=="), Just("!=")];
    prop_oneof![
        "!?@\\.[nsbl]",
        "!?@\\.l\\[[0-2]\\]",
        (sign.clone(), -3i64..4).prop_map(|(sign, n)| format!("@.n {sign} {n}")),
        (sign.clone(), -3i64..4).prop_map(|(sign, n)| format!("{n} {sign} @.n")),
        (sign.clone(), "[abc]{0,2}").prop_map(|(sign, s)| format!("@.s {sign} '{s}'")),
        sign.clone().prop_map(|sign| format!("@.n {sign} $.n")),
        sign.clone().prop_map(|sign| format!("$.s {sign} @.s")),
        (sign, -2i64..3).prop_map(|(sign, n)| format!("@.l[0] {sign} {n}")),
        (equality, any::<bool>()).prop_map(|(sign, b)| format!("@.b {sign} {b}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} && {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} || {b}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
}

fn agree(text: &str, input: &Value) -> Result<(), TestCaseError> {
    let draws = Draws::new([0; 32]);
    let scope = Scope::new(input, input, &draws);
    let ours = Path::parse(text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
    let theirs = JsonPath::parse(text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
    let expected: Vec<&Value> = theirs.query(input).all();
    match ours.select(&scope) {
        Ok(found) if ours.is_definite() => prop_assert_eq!(vec![&*found], expected, "{} on {}", text, input),
        Ok(found) => prop_assert_eq!(&*found, &json!(expected), "{} on {}", text, input),
        Err(miss) => prop_assert_eq!(Vec::<&Value>::new(), expected, "{} on {}: {}", text, input, miss),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn paths_agree_with_the_oracle(steps in prop::collection::vec(step(), 0..5), input in data()) {
        agree(&format!("${}", steps.concat()), &input)?;
    }

    #[test]
    fn filters_agree_with_the_oracle(condition in condition(), rest in prop_oneof![Just(""), Just(".n"), Just("..s")], input in records()) {
        agree(&format!("$.a[?({condition})]{rest}"), &input)?;
    }
}
