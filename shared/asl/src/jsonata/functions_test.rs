use super::{
    JsonataErrorKind,
    mod_test::{check, evaluate, fails},
};
use serde_json::{Value, json};

#[test]
fn partition() {
    check("$partition([0, 1, 2], 2)", json!({}), json!([[0, 1], [2]]));
    check("$partition($states.input, 1)", json!([0]), json!([[0]]));
    check("$partition($list, 5)", json!({}), json!([[1, 2, 3]]));
    check("$partition([], 2)", json!({}), json!([]));
    check("$partition(1, 2)", json!({}), json!([[1]]));
    assert_eq!(evaluate("$partition($missing, 2)", json!({})), Ok(None));
    fails("$partition([1], 0)", json!({}));
    fails("$partition([1], 'a')", json!({}));
    check("$map($partition($list, 2), $sum)", json!({}), json!([3, 3]));
}

#[test]
fn range() {
    check("$range(1, 9, 2)", json!({}), json!([1, 3, 5, 7, 9]));
    check("$range(3, 1, -1)", json!({}), json!([3, 2, 1]));
    check("$range(0, 5, 2)", json!({}), json!([0, 2, 4]));
    check("$range(0.49999999999999994, 1.5, 1)", json!({}), json!([0, 1, 2]));
    check("$range(1, 1, 5)", json!({}), json!([1]));
    check("$range(1, 3, -1)", json!({}), json!([]));
    fails("$range(1, 2, 0)", json!({}));
    fails("$range(1, 2)", json!({}));
    assert_eq!(fails("$range(1, 10000000000, 1)", json!({})).kind, JsonataErrorKind::Limit);
}

#[test]
fn hash() {
    let expected = "aaff4a450a104cd177d28d18d74485e8cae074b7";
    check("$hash('input data', 'SHA-1')", json!({}), json!(expected));
    check("$length($hash($states.input, 'SHA-512'))", json!({"a": 1}), json!(128));
    assert_eq!(evaluate("$hash($missing, 'MD5')", json!({})), Ok(None));
    fails("$hash('x', 'MD4')", json!({}));
    fails("$hash('x')", json!({}));
}

#[test]
fn parse() {
    check("$parse('-0')", json!({}), json!(0));
    check("$parse($states.input)", json!("{\"Arg1\": 1, \"Arg2\": []}"), json!({"Arg1": 1, "Arg2": []}));
    check("$map(['1', '[2]'], $parse)", json!({}), json!([1, [2]]));
    check("$states.input.$parse($).a", json!("{\"a\": 1}"), json!(1));
    assert_eq!(evaluate("$parse($missing)", json!({})), Ok(None));
    fails("$parse('{')", json!({}));
    fails("$parse(1)", json!({}));
    fails(&format!("$parse('{}')", "[".repeat(10_000)), json!({}));
}

#[test]
fn eval_is_no_function() {
    assert_eq!(fails("$eval('1')", json!({})).code, "T1006");
    assert_eq!(fails("$map(['1'], $eval)", json!({})).code, "T1006");
}

#[test]
fn the_time_is_the_scopes() {
    check("$now()", json!({}), json!("2025-11-24T21:52:17.123Z"));
    check("$millis()", json!({}), json!(1_764_021_137_123_i64));
    check("$now('[Y0001]/[M01]')", json!({}), json!("2025/11"));
    check("$now('[H01]:[m01]', '+0200')", json!({}), json!("23:52"));
    // Parts of a date that a picture leaves out are those of the time, never of the system's.
    check("$fromMillis($toMillis('13:45', '[H]:[m]'))", json!({}), json!("2025-11-24T13:45:00.000Z"));
    check("'13:45' ~> $toMillis('[H]:[m]') ~> $fromMillis", json!({}), json!("2025-11-24T13:45:00.000Z"));
    check("$fromMillis($toMillis('12-25', '[M]-[D]'))", json!({}), json!("2025-12-25T00:00:00.000Z"));
    check("$fromMillis($toMillis('7', '[m]'))", json!({}), json!("2025-11-24T21:07:00.000Z"));
    check("$fromMillis($toMillis('032', '[d]'))", json!({}), json!("2025-02-01T00:00:00.000Z"));
    check("$toMillis('2018', '[Y]')", json!({}), json!(1_514_764_800_000_i64));
}

#[test]
fn randomness_is_the_scopes() {
    let once = |text: &str| evaluate(text, json!({})).unwrap().unwrap();
    for text in ["$random()", "$uuid()", "$shuffle([1..20])", "[$random(), $random()]", "$random(42)"] {
        assert_eq!(once(text), once(text), "{text}");
    }
    let pair = once("[$random(), $random()]");
    assert_ne!(pair[0], pair[1]);
    assert!(pair[0].as_f64().is_some_and(|number| (0.0..1.0).contains(&number)));
    check("$random(42)", json!({}), json!(0.7275636800328681));
    check("[$random(1) = $random(1), $random(1) = $random(2)]", json!({}), json!([true, false]));
    let uuid = once("$uuid()");
    assert_eq!(uuid.as_str().map(str::len), Some(36));
    check("$sort($shuffle([1..20]))", json!({}), Value::from_iter(1..=20));
    check("$shuffle([1])", json!({}), json!([1]));
    assert_eq!(evaluate("$shuffle($missing)", json!({})), Ok(None));
    fails("$random('a')", json!({}));
}

#[test]
fn scopes_that_draw_again_draw_something_else() {
    let draws = crate::Draws::new([1; 32]);
    let (states, variables) = (json!({}), serde_json::Map::new());
    let scope = super::JsonataScope {
        states: super::mod_test::states_of(&states),
        variables: &variables,
        now_ms: 0,
        draws: &draws,
        budget: None,
    };
    let expression = super::Jsonata::parse("$uuid()").unwrap();
    assert_ne!(expression.evaluate(&scope), expression.evaluate(&scope));
    // An expression without randomness leaves the draws alone.
    let before = crate::Draws::new([1; 32]);
    super::Jsonata::parse("1 + 1")
        .unwrap()
        .evaluate(&super::JsonataScope { draws: &before, ..scope })
        .unwrap();
    assert_eq!(before.u128(), crate::Draws::new([1; 32]).u128());
}
