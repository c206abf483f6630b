//! Whatever an expression is, it ends, within its limits and without a panic; and the limits that are woven into it do
//! not change what it means.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn states() -> Value {
    json!({
        "input": {
            "name": "Ada", "n": 3, "none": null, "flag": true, "one": [7], "empty": [], "nested": [[1, 2], [3]],
            "items": [
                {"id": "a", "price": 5, "tags": ["x", "y"], "sub": {"k": 1}},
                {"id": "b", "price": 2.5, "tags": ["y"], "sub": {"k": [2, 3]}},
                {"id": "c", "price": 9, "tags": [], "sub": {}},
            ],
        },
        "context": {"State": {"Name": "S", "EnteredTime": "2025-11-24T21:52:17.123Z"}},
    })
}

fn evaluate(expression: &Jsonata) -> Result<Option<Value>, JsonataError> {
    let (states, draws) = (states(), Draws::new([3; 32]));
    let variables = json!({"v": 2, "w": "text", "list": [3, 1, 2], "object": {"a": 1, "b": [2]}});
    let variables = variables.as_object().cloned().unwrap_or_default();
    expression.evaluate(&JsonataScope {
        states: super::mod_test::states_of(&states),
        variables: &variables,
        now_ms: 1_764_021_137_123,
        draws: &draws,
        budget: None,
    })
}

/// Parses and evaluates; panics in the library, endless loops and faults without a place are failures.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let outcome = ends(text)?;
    prop_assert!(
        !outcome.is_some_and(|error| error.message.contains("cannot be evaluated")),
        "a panic: {}",
        text
    );
    Ok(())
}

/// The same where a panic, which became an error, is no failure.
fn ends(text: &str) -> Result<Option<JsonataError>, TestCaseError> {
    match Jsonata::parse(text) {
        Ok(expression) => {
            let outcome = evaluate(&expression);
            prop_assert_eq!(&outcome, &evaluate(&expression), "{}", text);
            expression.references();
            expression.newer_than_aws();
            let error = outcome.err();
            prop_assert!(
                error.as_ref().is_none_or(|error| error.kind != JsonataErrorKind::Clock),
                "{}",
                text
            );
            Ok(error)
        }
        Err(fault) => {
            prop_assert!(text.is_char_boundary(fault.position), "{}: {:?}", text, fault);
            prop_assert!(!fault.message.contains("cannot be parsed"), "a panic: {}", text);
            Ok(None)
        }
    }
}

const SEEDS: &[&str] = &[
    "$states.input.items[price > 3 and 'x' in tags].{'id': id, 'total': price * $v}",
    "$map($list, function($n, $i) { $n & '-' & $i })",
    "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(5))",
    "$reduce($states.input.items.price, function($a, $b) { $a + $b }, 0)",
    "$states.input.items^(>price, id).tags[0]",
    "$states.input ~> |items|{'price': price + 1}, ['tags']|",
    "$sift($object, function($v, $k) { $k != 'a' })",
    "$states.input.items{id: $sum(price)}",
    "$replace($w, /(t)(e)/, '$2$1') & $pad($w, -8, '#')",
    "$fromMillis($toMillis('2025-11-24'), '[Y0001]-[M01]-[D01T]') ~> $substringBefore('T')",
    "$formatNumber(1234.5, '#,##0.00') & $formatInteger(14, 'w') & $formatBase(255, 16)",
    "$states.input.items@$i.tags#$p.{'i': $i.id, 'p': $p, 't': $}",
    "$states.input.items.sub.k.%.%.id",
    "$states.**.price ~> $sort(function($l, $r) { $l < $r })",
    "$each($object, function($v, $k) { $k & ':' & $string($v) }) ~> $join(', ')",
    "$zip([1..3], $list) ~> $map($sum) ~> $append([0.5e2])",
    "$states.input.(name; $x := n; [$x..5])[] ~> $reverse",
    "$partition([1..5], 2) ~> $count & $hash($w, 'MD5') & $uuid()",
    "$match('abcabc', /b(c)/i, 1).groups[0] ?? `back` ?: $base64encode('ä')",
    "$spread($object).*[$boolean($)] ~> $merge /* c */",
];

/// A change to a text: cut out, insert, or splice with another.
fn mutated() -> impl Strategy<Value = String> {
    let seed = || prop::sample::select(SEEDS);
    let piece = "[$.a-z0-9 ()\\[\\]{}'\"/|~>:=?@#%^*&+,;<!-]{0,6}";
    (seed(), seed(), any::<(usize, usize, usize)>(), piece).prop_map(
        |(text, other, (from, to, at), piece)| {
            let cut =
                |text: &str, at: usize| text.char_indices().map(|(at, _)| at).nth(at % text.chars().count());
            let (from, at) = (cut(text, from).unwrap_or(0), cut(other, at).unwrap_or(0));
            let tail = match to % 3 {
                0 => other.get(at..),
                1 => text.get(from + to % 8..),
                _ => text.get(from..),
            };
            format!("{}{piece}{}", text.get(..from).unwrap_or_default(), tail.unwrap_or_default())
        },
    )
}

/// Well-formed expressions, deep enough to put every construct into every other.
fn expression() -> impl Strategy<Value = String> {
    let word = || {
        prop::sample::select(&["name", "n", "items", "price", "tags", "sub", "k", "id", "nested", "one"][..])
    };
    let leaf = prop_oneof![
        (-3i32..20).prop_map(|number| number.to_string()),
        prop::sample::select(
            &["'x'", "true", "null", "$", "$v", "$w", "$list", "$object", "$states", "[]", "{}", "1.5"][..]
        )
        .prop_map(str::to_string),
        word().prop_map(str::to_string),
        word().prop_map(|word| format!("$states.input.{word}")),
        (0i32..3, 1i32..9).prop_map(|(from, to)| format!("[{from}..{to}]")),
    ];
    leaf.prop_recursive(5, 40, 3, move |inner| {
        let e = || inner.clone();
        let unary = prop::sample::select(
            &[
                "string",
                "count",
                "sum",
                "keys",
                "reverse",
                "sort",
                "distinct",
                "boolean",
                "not",
                "exists",
                "type",
                "number",
                "uppercase",
                "length",
                "spread",
                "merge",
                "max",
                "average",
                "trim",
                "single",
                "shuffle",
            ][..],
        );
        let binary =
            prop::sample::select(&["append", "join", "lookup", "split", "contains", "pad", "zip"][..]);
        let operator = prop::sample::select(
            &["+", "-", "*", "&", "=", "!=", "<", ">=", "and", "or", "in", "??", "?:", "~>"][..],
        );
        prop_oneof![
            (e(), e()).prop_map(|(a, b)| format!("{a}.{b}")),
            (e(), e()).prop_map(|(a, b)| format!("({a}).({b})")),
            (e(), e()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (e(), e(), operator).prop_map(|(a, b, operator)| format!("({a} {operator} {b})")),
            (e(), e()).prop_map(|(a, b)| format!("({a}).[{b}, $]")),
            (e(), e()).prop_map(|(a, b)| format!("({a}).{{'k': {b}, 'l': $}}")),
            (e(), e()).prop_map(|(a, b)| format!("({a}){{$string($): {b}}}")),
            (e(), e()).prop_map(|(a, b)| format!("({a})^({b})")),
            (e(), e()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (e(), e()).prop_map(|(a, b)| format!("{{'a': {a}, 'b': {b}}}")),
            (e(), e(), e()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (e(), e()).prop_map(|(a, b)| format!("($x := {a}; {b}; $x)")),
            (e(), e()).prop_map(|(a, b)| format!("($f := function($v) {{ {a} }}; $f({b}))")),
            (e(), e()).prop_map(|(a, b)| format!("function($w) {{ {a} }}({b})")),
            (e(), e()).prop_map(|(a, b)| format!("$map({a}, function($v, $i) {{ {b} }})")),
            (e(), e()).prop_map(|(a, b)| format!("$filter({a}, function($v) {{ {b} }})")),
            (e(), e()).prop_map(|(a, b)| format!("$reduce({a}, function($v, $w) {{ {b} }})")),
            (e(), e()).prop_map(|(a, b)| format!("$sort({a}, function($v, $w) {{ {b} }})")),
            (e(), e()).prop_map(|(a, b)| format!("$each({a}, function($v) {{ {b} }})")),
            (e(), e()).prop_map(|(a, b)| format!("{a} ~> |$|{{'z': {b}}}|")),
            (e(), unary.clone()).prop_map(|(a, name)| format!("${name}({a})")),
            (e(), unary.clone()).prop_map(|(a, name)| format!("({a}).${name}()")),
            (e(), unary.clone()).prop_map(|(a, name)| format!("$map({a}, ${name})")),
            (e(), unary).prop_map(|(a, name)| format!("({a} ~> ${name})")),
            (e(), e(), binary.clone()).prop_map(|(a, b, name)| format!("${name}({a}, {b})")),
            (e(), e(), binary).prop_map(|(a, b, name)| format!("$map({a}, ${name}(?, {b}))")),
            (e(), e()).prop_map(|(a, b)| format!("$replace({a}, 'x', {b})")),
            e().prop_map(|a| format!("{a}[]")),
            e().prop_map(|a| format!("-{a}")),
            e().prop_map(|a| format!("{a}.*")),
            e().prop_map(|a| format!("{a}.**")),
            (e(), e()).prop_map(|(a, b)| format!("({a})@$i.{{'a': $i, 'b': {b}}}")),
            (e(), e()).prop_map(|(a, b)| format!("({a})#$p[$p > 0].({b})")),
        ]
    })
}

/// Without the arrays within arrays: a sequence is unwrapped at each expression, and a guard is one more of them. It
/// shows where functions return sequences of one sequence.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let flat = items.into_iter().map(unwrapped).flat_map(|item| match item {
                Value::Array(items) => items,
                other => vec![other],
            });
            Value::Array(flat.collect())
        }
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, unwrapped(Value::Array(vec![member]))))
            .filter(|(_, member)| member.as_array().is_none_or(|items| !items.is_empty()))
            .collect(),
        other => other,
    }
}

fn cases(fallback: u32) -> ProptestConfig {
    let asked = std::env::var("JSONATA_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(fallback))
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_text_survives(text in "[$.a-cä0-2 ()\\[\\]{}'\"`/|~>:=?@#%^*&+,;<!\\\\-]{0,40}") {
        survives(&text)?;
    }

    #[test]
    fn mutated_expressions_survive(text in mutated()) {
        survives(&text)?;
    }

    #[test]
    fn the_limits_change_nothing_else(text in expression()) {
        survives(&text)?;
        let (Ok(woven), Ok(plain)) = (Jsonata::parse(&text), Jsonata::compile(&text, |tree| tree)) else {
            return Ok(());
        };
        let (woven, plain) = (evaluate(&woven), evaluate(&plain));
        // The library has two evaluators that differ in when they notice an error; guards keep it in one of them.
        // Of no items, `$reduce` is ours.
        if let (Ok(Some(woven)), Ok(Some(plain)), false) = (woven, plain, text.contains("$reduce")) {
            prop_assert_eq!(unwrapped(woven), unwrapped(plain), "{}", text);
        }
    }

    /// The library's own parsers of pictures. They have panics, which become errors.
    #[test]
    fn pictures_end(
        number in prop_oneof![(-1e16..1e16f64).prop_map(|n| n.to_string()), "[0-9.e-]{1,6}".prop_map(|n| n.to_string())],
        picture in "[\\[\\]YMDdFWwXxHhPmsfZzECINnTtwoiIAa0-9,*;#.\u{661}%\u{ff10}é -]{0,12}",
        text in "[0-9a-zA-Z:. é\u{661},-]{0,12}",
    ) {
        ends(&format!("$formatNumber({number}, '{picture}')"))?;
        ends(&format!("$formatInteger({number}, '{picture}')"))?;
        ends(&format!("$parseInteger('{text}', '{picture}')"))?;
        ends(&format!("$fromMillis({number}, '{picture}', '{text}')"))?;
        ends(&format!("$toMillis('{text}', '{picture}')"))?;
        ends(&format!("$toMillis('{text}') + $number('{text}')"))?;
        ends(&format!("$now('{picture}', '{text}')"))?;
        ends(&format!("$match('{text}', /{picture}/) ~> $count"))?;
    }

    /// A plain path gives what the library gives.
    #[test]
    fn plain_paths_are_followed_as_the_library_does(
        words in prop::collection::vec(prop::sample::select(&["input", "items", "one", "empty", "nested", "sub", "k",
            "tags", "name", "none", "missing", "flag"][..]), 0..5),
    ) {
        let path: String = words.iter().map(|word| format!(".{word}")).collect();
        let (direct, library) = (format!("$states{path}"), format!("($states{path})"));
        prop_assert_eq!(
            Jsonata::parse(&direct).map(|expression| evaluate(&expression)),
            Jsonata::parse(&library).map(|expression| evaluate(&expression))
        );
    }
}
