use crate::{Draws, Scope, intrinsic::Call, limits::INTRINSIC_TEXT_CHARS_MAX};
use serde_json::{Value, json};

fn evaluate(call: &str, input: &Value) -> Result<Value, String> {
    let (context, draws) = (json!({"Execution": {"Name": "run-7"}}), Draws::new([1; 32]));
    let scope = Scope::new(input, &context, &draws);
    Call::parse(call).map_err(|error| error.message)?.evaluate(&scope).map_err(|error| error.cause)
}

#[track_caller]
fn check(call: &str, input: Value, expected: Value) {
    assert_eq!(evaluate(call, &input), Ok(expected), "{call} on {input}");
}

#[track_caller]
fn fails(call: &str, input: Value) -> String {
    let cause = evaluate(call, &input).unwrap_err();
    assert!(cause.starts_with(&format!("The function '{call}' had the following error: ")), "{cause}");
    cause
}

#[test]
fn format_fills_the_places() {
    check("States.Format('{} and {}', 1, 1.5)", json!({}), json!("1 and 1.5"));
    check("States.Format('x')", json!({}), json!("x"));
    check(r"States.Format('\{\} {} it\'s \\', null)", json!({}), json!(r"{} null it's \"));
    check("States.Format($.t, $.n)", json!({"t": r"\{}", "n": true}), json!(r"\true"));
    check(
        "States.Format('{}', $)",
        json!({"Id": 7, "T": ["a", {"b": null}]}),
        json!("{Id=7, T=[a, {b=null}]}"),
    );
    check(r#"States.Format('\{"key":"{}"\}', $)"#, json!("test123"), json!(r#"{"key":"test123"}"#));
    assert!(fails(r#"States.Format('{"a": 1}')"#, json!({})).ends_with("matching '}' not found for '{'."));
    fails("States.Format($.t, 1)", json!({"t": "{} {}"}));
    fails("States.Format($.t)", json!({"t": 5}));
}

#[test]
fn a_missing_argument_is_reported_with_the_whole_expression() {
    assert_eq!(
        fails("States.Format('{}', States.Format('{}', $.nope))", json!({"other": 1})),
        "The function 'States.Format('{}', States.Format('{}', $.nope))' had the following error: The JsonPath argument \
         for the field '$.nope' could not be found in the input '{\"other\":1}'"
    );
}

#[test]
fn a_variable_and_the_context_are_arguments_too() {
    let (input, context, draws) =
        (json!({"n": 1}), json!({"Execution": {"Name": "run-7"}}), Draws::new([1; 32]));
    let variables = json!({"x": {"n": [40]}, "name": "a"});
    let scope = Scope { variables: variables.as_object().unwrap(), ..Scope::new(&input, &context, &draws) };
    let evaluate = |call: &str| Call::parse(call).unwrap().evaluate(&scope).map_err(|error| error.cause);
    assert_eq!(evaluate("States.MathAdd(States.MathAdd($x.n[0], $.n), 1)"), Ok(json!(42)));
    assert_eq!(evaluate("States.Format('{} {}', $name, $$.Execution.Name)"), Ok(json!("a run-7")));
    assert_eq!(
        evaluate("States.Array($x.m)"),
        Err("The function 'States.Array($x.m)' had the following error: The JsonPath argument for the field '$x.m' \
             could not be found in the input '{\"n\":[40]}'"
            .into())
    );
    assert!(evaluate("States.Array($y)").is_err());
}

#[test]
fn an_index_into_no_array_shows_what_the_path_library_says() {
    assert_eq!(
        fails("States.Array($.a[0])", json!({"a": {"b": [1, "x"]}})),
        "The function 'States.Array($.a[0])' had the following error: Filter: [0] can only be applied to arrays. \
         Current context is: {b=[1, x]}"
    );
}

#[test]
fn arrays() {
    check("States.Array()", json!({}), json!([]));
    check("States.Array('a', $.b)", json!({"b": [1]}), json!(["a", [1]]));
    check("States.ArrayContains($, 2)", json!([1, 2.0]), json!(true));
    check("States.ArrayContains($, '2')", json!([1, 2]), json!(false));
    check("States.ArrayContains($, $[0])", json!([{"a": 1, "b": 2}]), json!(true));
    check("States.ArrayGetItem($, 1)", json!(["a", "b"]), json!("b"));
    check("States.ArrayLength($)", json!([1, 2, 3]), json!(3));
    check("States.ArrayPartition($, 2)", json!([1, 2, 3]), json!([[1, 2], [3]]));
    check("States.ArrayPartition($, 2)", json!([]), json!([]));
    check(
        "States.ArrayUnique($)",
        json!([1, 2, 1.0, "1", {"a": 1, "b": 2}, {"b": 2, "a": 1}]),
        json!([1, 2, "1", {"a": 1, "b": 2}]),
    );
    fails("States.ArrayGetItem($, 2)", json!(["a", "b"]));
    fails("States.ArrayGetItem($, -1)", json!(["a", "b"]));
    fails("States.ArrayPartition($, 0)", json!([1]));
    fails("States.ArrayLength($)", json!({}));
}

#[test]
fn ranges() {
    check("States.ArrayRange(0, 10, 3)", json!({}), json!([0, 3, 6, 9]));
    check("States.ArrayRange(1, 9, 9)", json!({}), json!([1]));
    check("States.ArrayRange(5, 1, -2)", json!({}), json!([5, 3, 1]));
    check("States.ArrayRange(5, 2, -2)", json!({}), json!([5, 3]));
    check("States.ArrayRange(5, 1, 1)", json!({}), json!([]));
    check("States.ArrayRange(1, 5, -1)", json!({}), json!([]));
    check("States.ArrayRange(0.5, 2.4, 1)", json!({}), json!([1, 2]));
    assert_eq!(
        evaluate("States.ArrayRange(1, 1000, 1)", &json!({})).unwrap().as_array().unwrap().len(),
        1000
    );
    fails("States.ArrayRange(0, 1000, 1)", json!({}));
    fails("States.ArrayRange(0, 9223372036854775807, 1)", json!({}));
    fails("States.ArrayRange(-9223372036854775807, 9223372036854775807, 1)", json!({}));
    fails("States.ArrayRange(0, 1, 0)", json!({}));
}

#[test]
fn texts() {
    check("States.StringSplit('1,2,,3', ',')", json!({}), json!(["1", "2", "3"]));
    check("States.StringSplit('This.is+a,test', '.+,')", json!({}), json!(["This", "is", "a", "test"]));
    check("States.StringSplit('a', '')", json!({}), json!(["a"]));
    check("States.Base64Encode('Data to encode')", json!({}), json!("RGF0YSB0byBlbmNvZGU="));
    check("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", json!({}), json!("Data to encode"));
    fails("States.Base64Decode('%')", json!({}));
    fails("States.Base64Decode('/w==')", json!({}));
    check("States.StringToJson('  ')", json!({}), json!(null));
    check("States.StringToJson($)", json!("{\"a\": [1]}"), json!({"a": [1]}));
    fails("States.StringToJson('nope')", json!({}));
    fails("States.StringToJson($)", json!("[".repeat(1000)));
    check("States.JsonToString($)", json!({"b": [1, "x"], "a": null}), json!("{\"b\":[1,\"x\"],\"a\":null}"));
    check(
        "States.JsonMerge($[0], $[1], false)",
        json!([{"a": {"x": 1}, "b": 2}, {"a": {"y": 1}}]),
        json!({"a": {"y": 1}, "b": 2}),
    );
    fails("States.JsonMerge($, $, true)", json!({}));
    fails("States.JsonMerge($, $, false)", json!([]));
}

#[test]
fn hashes() {
    for (algorithm, expected) in [
        ("MD5", "812f45842bc6d66ee14572ce20db8e86"),
        ("SHA-1", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("SHA-256", "b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3"),
    ] {
        check(&format!("States.Hash('input data', '{algorithm}')"), json!({}), json!(expected));
    }
    fails("States.Hash('input data', 'MD4')", json!({}));
}

#[test]
fn long_texts_are_refused() {
    let text = |chars: usize| json!("ä".repeat(chars));
    for call in ["States.Base64Encode($)", "States.Hash($, 'MD5')"] {
        assert!(evaluate(call, &text(INTRINSIC_TEXT_CHARS_MAX)).is_ok());
        fails(call, text(INTRINSIC_TEXT_CHARS_MAX + 1));
    }
}

#[test]
fn numbers_are_rounded_as_java_does() {
    for (a, b, sum) in [
        (-9.0, 3.0, -6),
        (-1.5, 0.0, -1),
        (-1.51, 0.0, -2),
        (0.5, 0.0, 1),
        (2.5, 0.0, 3),
        (-1.5, -1.51, -3),
        (-0.5, 0.5, 1),
    ] {
        check("States.MathAdd($[0], $[1])", json!([a, b]), json!(sum));
    }
    check("States.MathAdd($, 0)", json!(0.49999999999999994), json!(0));
    check("States.MathAdd($, 1)", json!(2147483647), json!(2147483648u64));
    fails("States.MathAdd($, 1)", json!(2147483648u64));
    fails("States.MathAdd($, 1)", json!(1e300));
    fails("States.MathAdd($, 1)", json!("1"));
}

#[test]
fn random_numbers_lie_between_their_bounds_and_follow_the_seed() {
    for _ in 0..20 {
        let number = evaluate("States.MathRandom(-3, 3)", &json!({})).unwrap().as_i64().unwrap();
        assert!((-3..3).contains(&number));
    }
    let seeded = |seed: i64| evaluate("States.MathRandom(0, 1000000, $)", &json!(seed)).unwrap();
    assert_eq!(seeded(5), seeded(5));
    assert_ne!(seeded(5), seeded(6));
    fails("States.MathRandom(3, 3)", json!({}));
    check("States.MathRandom(3, 4)", json!({}), json!(3));
}

#[test]
fn uuids_are_of_version_4_and_differ() {
    let value = evaluate("States.Array(States.UUID(), States.UUID())", &json!({})).unwrap();
    let [first, second] = [0, 1].map(|index| value[index].as_str().unwrap().to_string());
    assert_ne!(first, second);
    for uuid in [first, second] {
        let chars: Vec<char> = uuid.chars().collect();
        assert_eq!(
            (chars.len(), chars[8], chars[13], chars[14], chars[18], chars[23]),
            (36, '-', '-', '4', '-', '-')
        );
        assert!("89ab".contains(chars[19]), "{uuid}");
    }
}
