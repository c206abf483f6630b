//! What would not end, or would fill the memory, stops at a counted limit.

use super::{
    Jsonata, JsonataErrorKind,
    mod_test::{check, fails},
};
use serde_json::json;

#[track_caller]
fn stops(text: &str) {
    let error = fails(text, json!({"items": [1, 2, 3]}));
    assert_eq!(error.kind, JsonataErrorKind::Limit, "{text}: {error}");
}

#[test]
fn a_limit_is_met_at_the_same_place_again() {
    let text = "($f := function($n) { $n > 1e5 ? $error($string($n)) : $f($n + $count([1..1000])) }; $f(0))";
    assert_eq!(fails(text, json!({})), fails(text, json!({})));
    stops("$map([1..1000000], function($n) { $count([1..1000]) })");
    stops("$map([1..1000000], function($n) { $count([1..1000]) })");
}

#[test]
fn endless_recursion_stops() {
    stops("($f := function($n) { $f($n + 1) }; $f(0))");
    stops("($f := function($n) { 1 + $f($n + 1) }; $f(0))");
    stops("($f := function($n) { $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(60))");
    stops("($y := function($f) { $f($f) }; $y($y))");
    stops("($f := function($n) { [$f([$n])] }; $f(0))");
}

#[test]
fn loops_within_loops_stop() {
    stops("[1..100000].([1..100000].(1))");
    stops("[1..100000].$count([1..100000])");
    stops("[1..100000][$count([1..100000][$ > 5]) > 3]");
    stops("$map([1..100000], function($i) { $map([1..100000], function($j) { $j }) })");
    stops("$reduce([1..100000], function($a, $b) { $count([1..100000]) })");
    stops("[1..10000].[[1..10000].[1]]");
    stops("[1..10000].{'a': [1..100000]}");
    stops("[1..100000]^($sum([1..100000]))");
    stops("{'a': [1..3]} ~> |**|{'a': $count([1..999999].([1..99999].(2)))}|");
}

#[test]
fn long_sequences_stop() {
    stops("[1..10000000]");
    stops("$append([1..600000], [1..600000])");
    stops("$distinct([1..1000000])");
}

#[test]
fn doubling_stops() {
    let doublings = |step: &str| format!("($a := [1]; {} $count($a))", format!("$a := {step};").repeat(100));
    stops(&doublings("[$a, $a]"));
    stops(&doublings("[[$a], [$a]]"));
    stops(&doublings("{'x': $a, 'y': $a}"));
    stops(&doublings("$zip($a, [$a, $a])"));
    stops("$reduce([1..100], function($a, $b) { [[$a], [$a]] }, [1])");
    stops("$reduce([1..100], function($a, $b) { $a & $a }, 'xxxxxxxxxxxxxxxx')");
    stops(&format!("$states.input{}", ".{'p': $, 'q': $}".repeat(100)));
    stops(&format!("$states{}", ".{'p': input, 'input': {'x': input, 'y': input}}".repeat(100)));
    stops(&format!("$states.input{}", " ~> |$|{'p': $, 'q': $}|".repeat(100)));
    // Shared, small in memory, and without end when it is written out or compared.
    stops("$string($reduce([1..60], function($a, $b) { [[$a], [$a]] }, [1]))");
}

#[test]
fn long_texts_stop() {
    stops("$pad('x', 2000000000)");
    stops("$pad('x', -2000000000)");
    stops("'x' ~> $pad(2000000000)");
    stops("($f := $pad; $f('x', 2000000000))");
    stops("($s := $pad('x', 10000); $join([1..100000].('a'), $s))");
    stops("($s := $pad('x', 10000); [1..100000].('a') ~> $join($s))");
    stops("$join([1..100000].('a'), $pad('x', 10000))");
    stops("$replace($pad('x', 100000, 'x'), 'x', $pad('y', 100000))");
    stops("$replace($pad('x', 100000, 'x'), /x/, $pad('y', 100000))");
    stops("($b := $pad('y', 1000000); $replace($pad('x', 100000, 'x'), /x/, function($m) { $b }))");
    stops("($b := $pad('y', 1000000); $f := function($m) { $b }; $replace($pad('x', 100000, 'x'), /x/, $f))");
    stops(
        "($b := $pad('y', 1000000); $pad('x', 100000, 'x') ~> $replace(/x/, function($m) { $string($b) }))",
    );
    stops("($r := $replace; $r($pad('x', 100000, 'x'), /x/, $pad('y', 1000000)))");
    stops("($b := $pad('y', 1000000); $map([1..100000], function($i) { $uppercase($b) }))");
    stops("($b := $pad('y', 1000000); $map([1..100000], function($i) { $b & $i }))");
    stops("($b := $pad('y', 1000000); [1..100000].($b & 'x'))");
    stops("$formatInteger(1e15, 'I')");
    stops("$fromMillis(0, '[Y,*-4000000000]')");
    stops("$fromMillis(0, '[D,4000000000]')");
}

#[test]
fn guarded_functions_are_what_they_were() {
    check("$map(['a', 'b'], $pad(?, 3))", json!({}), json!(["a  ", "b  "]));
    check("($f := $pad; [$f('a', 3), $f('a', -3, '#')])", json!({}), json!(["a  ", "##a"]));
    check("($j := $join; [$j(['a', 'b']), $j(['a', 'b'], '-')])", json!({}), json!(["ab", "a-b"]));
    check("$list ~> $map($string) ~> $join($name)", json!({}), json!("1Ada2Ada3"));
    check("$replace('abc', 'b', $name)", json!({}), json!("aAdac"));
    check(
        "($f := function($m) { '<' & $m.match & '>' }; $replace('abc', /b/, $f))",
        json!({}),
        json!("a<b>c"),
    );
    check("$name.$replace('d', 'x')", json!({}), json!("Axa"));
    check("$replace('abcb', 'b', 'x' & 'y', 1)", json!({}), json!("axycb"));
    check("($r := $replace; $r('abcb', /b/, 'x', 1))", json!({}), json!("axcb"));
    check("($d := $distinct; $d([1, 1, 2]))", json!({}), json!([1, 2]));
    check("$map([1, 4], $formatInteger(?, 'I'))", json!({}), json!(["I", "IV"]));
    check("$reduce(['a', 'b'], $join)", json!({}), json!("a"));
    check("$reduce([1, 2, 3], function($a, $b) { $a + $b })", json!({}), json!(6));
    check("[1, 2] ~> $reduce(function($a, $b) { $a + $b })", json!({}), json!(3));
    check("$reduce([7], function($a, $b) { $a + $b })", json!({}), json!(7));
    check("{'none': $reduce([], function($a, $b) { $a + $b })}", json!({}), json!({}));
    check("$reduce([], function($a, $b) { $a + $b }, 4)", json!({}), json!(4));
    fails("$pad('a', 'b')", json!({}));
    fails("$replace('a', 'b', true)", json!({}));
}

#[test]
fn regular_expressions_take_linear_time() {
    let text = "a".repeat(30_000);
    check(&format!("$contains('{text}!', /^(a+)+$/)"), json!({}), json!(false));
    check(&format!("$contains('{text}', /(a|aa)+b/)"), json!({}), json!(false));
    // One that would be too large is refused.
    fails("$match('a', /((a{1000}){1000}){1000}/)", json!({}));
}

/// A thread with the stack of a Tokio worker.
fn on_a_small_stack(check: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(check).unwrap().join().unwrap();
}

#[test]
fn deep_recursion_fits_a_small_stack() {
    on_a_small_stack(|| {
        check("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(2000))", json!({}), json!(2000));
        stops("($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(100000))");
        check("($f := function($n) { $n = 0 ? 0 : $f($n - 1) }; $f(100000))", json!({}), json!(0));
    });
}

#[test]
fn deep_values_fit_a_small_stack() {
    on_a_small_stack(|| {
        stops("$reduce([1..5000], function($a, $b) { {'x': $a} }, 1)");
        stops("$reduce([1..5000], function($a, $b) { [[$a], 1] }, 1)");
        check(
            "$length($string($reduce([1..5000], function($a, $b) { {'x': $a} }, 1)))",
            json!({}),
            json!(30_001),
        );
        check("$reduce([1..99], function($a, $b) { {'x': $a} }, 1).x.x.x != 1", json!({}), json!(true));
    });
}

#[test]
fn deep_texts_fit_a_small_stack() {
    on_a_small_stack(|| {
        for text in [
            "(".repeat(60_000),
            "[".repeat(60_000),
            "-".repeat(60_000),
            "{'a':".repeat(10_000),
            format!("1{}", "+1".repeat(30_000)),
            format!("{}1{}", "(".repeat(900), ")".repeat(900)),
            format!("{}1{}", "[".repeat(900), "]".repeat(900)),
            format!("a{}", ".a".repeat(900)),
            format!("a{}", "[b".repeat(900)),
            format!("1{}", "&1".repeat(900)),
            format!("{}1{}", "$string(".repeat(900), ")".repeat(900)),
            format!("{}1{}", "function($x){".repeat(400), "}".repeat(400)),
            format!("{}1", "true?1:".repeat(900)),
            format!("x{}", "~>$f".repeat(900)),
            format!("a{}", "{'a':b".repeat(400)),
        ] {
            if let Ok(expression) = Jsonata::parse(&text) {
                let (states, variables, draws) =
                    (json!({}), serde_json::Map::new(), crate::Draws::new([0; 32]));
                let scope = super::JsonataScope {
                    states: super::mod_test::states_of(&states),
                    variables: &variables,
                    now_ms: 0,
                    draws: &draws,
                    budget: None,
                };
                let _ = expression.evaluate(&scope);
                expression.references();
            }
        }
    });
}
