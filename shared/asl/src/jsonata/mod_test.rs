use super::*;
use serde_json::json;

/// `$states` with these members; what is missing is null.
pub(super) fn states_of(states: &Value) -> States<'_> {
    States {
        input: &states["input"],
        context: &states["context"],
        result: states.get("result"),
        error_output: None,
    }
}

#[track_caller]
pub(super) fn evaluate(text: &str, input: Value) -> Result<Option<Value>, JsonataError> {
    let variables =
        json!({"limit": 2, "name": "Ada", "list": [1, 2, 3], "one": [7], "none": null, "count": 5});
    let (states, draws) = (json!({"input": input, "context": {"State": {"Name": "S"}}}), Draws::new([7; 32]));
    let scope = JsonataScope {
        states: states_of(&states),
        variables: variables.as_object().unwrap(),
        now_ms: 1_764_021_137_123,
        draws: &draws,
        budget: None,
    };
    let expression = Jsonata::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    assert_eq!(expression.as_str(), text);
    expression.evaluate(&scope)
}

#[track_caller]
pub(super) fn check(text: &str, input: Value, expected: Value) {
    assert_eq!(evaluate(text, input), Ok(Some(expected)), "{text}");
}

#[track_caller]
pub(super) fn fails(text: &str, input: Value) -> JsonataError {
    evaluate(text, input).expect_err(text)
}

#[test]
fn expressions_see_states_and_variables_only() {
    check("$states.input.a", json!({"a": 1}), json!(1));
    check("$states.context.State.Name & '/' & $name", json!({}), json!("S/Ada"));
    check(
        "$states.input.items[price > $limit].price",
        json!({"items": [{"price": 1}, {"price": 3}]}),
        json!(3),
    );
    check("$sum($list)", json!({}), json!(6));
    for undefined in ["$", "$$", "a", "*", "$missing", "$states.input.b", "$states.result", "$name.x"] {
        assert_eq!(evaluate(undefined, json!({"a": 1})), Ok(None), "{undefined}");
    }
    check("$none", json!({}), json!(null));
    // A variable hides a function of its name.
    check("$count", json!({}), json!(5));
}

#[test]
fn paths_keep_arrays_and_map_over_them() {
    check("$states.input.a", json!({"a": [1]}), json!([1]));
    check("$states.input.a", json!({"a": []}), json!([]));
    check("$states.input.a.b", json!({"a": [{"b": 1}, {"b": [2, 3]}, {}]}), json!([1, 2, 3]));
    check("$states.input.a.b", json!({"a": [{"b": 1}]}), json!(1));
    check("$states.input.b", json!([{"b": 1}, {"b": 2}]), json!([1, 2]));
    check("$one", json!({}), json!([7]));
    // What is read through a parent is there too.
    check("$states.input.a.b.%.c", json!({"a": {"b": 1, "c": 2}}), json!(2));
    check("$keys($states.input)", json!({"z": 1, "a": 2}), json!(["z", "a"]));
}

#[test]
fn numbers_are_whole_where_they_can_be() {
    check("1.0", json!({}), json!(1));
    check("$states.input + 0", json!(1.0), json!(1));
    check("0.1 + 0.2", json!({}), json!(0.30000000000000004));
    check("-0", json!({}), json!(0));
    check("1e18", json!({}), json!(1_000_000_000_000_000_000_i64));
    // A plain path hands over what it finds; arithmetic has doubles.
    check("$states.input", json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_993_i64));
    check("$states.input + 0", json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64));
}

#[test]
fn the_order_of_members_stays() {
    let found =
        evaluate("$merge([$states.input, {'b': 2, 'a': 3}])", json!({"z": 1, "a": 2})).unwrap().unwrap();
    assert_eq!(found.to_string(), r#"{"z":1,"a":3,"b":2}"#);
}

#[test]
fn functions_are_no_results() {
    for text in ["function($x) { $x }", "$fn := function($x) { $x }", "$sum", "/a/", "{'f': $sum}"] {
        assert_eq!(fails(text, json!({})).kind, JsonataErrorKind::UnsupportedResult, "{text}");
    }
}

#[test]
fn errors_carry_the_words_that_aws_shows() {
    assert_eq!(fails("$randomSeeded(1)", json!({})).to_string(), "T1006: Attempted to invoke a non-function");
    assert_eq!(fails("$error('No stock')", json!({})).to_string(), "D3137: No stock");
    let left = "T2001: The left side of the \"+\" operator must evaluate to a number";
    assert_eq!(fails("'a' + 1", json!({})).to_string(), left);
    assert_eq!(
        fails("$number('x')", json!({})).to_string(),
        "D3030: Unable to cast value to a number: \"x\""
    );
    // No text of an expression can pass for a limit.
    assert_eq!(fails("$error('limit: x')", json!({})).kind, JsonataErrorKind::Thrown);
    assert_eq!(fails("$error('D1012: x')", json!({})).kind, JsonataErrorKind::Thrown);
}

#[test]
fn expressions_can_be_kept_for_ever() {
    fn is_shared<T: Clone + Send + Sync + std::fmt::Debug + PartialEq + 'static>(_: &T) {}
    let expression = Jsonata::parse("$a").unwrap();
    is_shared(&expression);
    assert_eq!(expression, Jsonata::parse("$a").unwrap());
    assert_ne!(expression, Jsonata::parse("$b").unwrap());
    assert_eq!(format!("{expression:?}"), "Jsonata(\"$a\")");
}

#[test]
fn the_parts_of_a_state_are_its_states() {
    let (input, context, draws) =
        (json!({"a": [{"b": 1}]}), json!({"State": {"Name": "S"}}), Draws::new([0; 32]));
    let (result, variables) = (json!([4]), json!({"v": 2}));
    let variables = variables.as_object().unwrap();
    let scope =
        crate::Scope { result: Some(&result), variables, ..crate::Scope::new(&input, &context, &draws) };
    let scope = JsonataScope { states: scope.states(), variables, now_ms: 0, draws: &draws, budget: None };
    let evaluate = |text: &str| Jsonata::parse(text).unwrap().evaluate(&scope).unwrap();
    assert_eq!(evaluate("$states.input.a.b + $v"), Some(json!(3)));
    assert_eq!(evaluate("$states.result"), Some(json!([4])));
    assert_eq!(evaluate("$states.errorOutput"), None);
    assert_eq!(evaluate("$exists($states.errorOutput)"), Some(json!(false)));
    assert_eq!(evaluate("$states"), Some(json!({"input": input, "context": context, "result": result})));
    assert_eq!(evaluate("$keys($states)"), Some(json!(["input", "context", "result"])));
}
