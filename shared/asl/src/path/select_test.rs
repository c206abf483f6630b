use super::*;
use crate::scope::Draws;
use serde_json::json;

fn select(path: &str, input: &Value) -> Result<Value, String> {
    let (context, draws) = (json!({"Execution": {"Name": "run"}}), Draws::new([0; 32]));
    let scope = Scope::new(input, &context, &draws);
    let selected = Path::parse(path).unwrap().select(&scope);
    selected.map(Cow::into_owned).map_err(|miss| miss.to_string())
}

#[track_caller]
fn check(path: &str, input: Value, expected: Value) {
    assert_eq!(select(path, &input), Ok(expected), "{path} on {input}");
}

#[test]
fn definite_paths_give_the_value() {
    check("$", json!([1]), json!([1]));
    check("$.a.b", json!({"a": {"b": null}}), json!(null));
    check("$[0].a", json!([{"a": 1}]), json!(1));
    check("$[-1]", json!([1, 2, 3]), json!(3));
    check("$['a b']", json!({"a b": 1}), json!(1));
    check("$$.Execution.Name", json!({}), json!("run"));
    check("$['a','c']", json!({"a": 1, "b": 2, "c": 3}), json!({"a": 1, "c": 3}));
}

#[test]
fn indefinite_paths_give_an_array() {
    let items = json!({"items": [{"n": 1}, {"n": 2}, {"m": 3}]});
    check("$.items[*].n", items.clone(), json!([1, 2]));
    check("$.items[1:]", items.clone(), json!([{"n": 2}, {"m": 3}]));
    check("$.items[:1].n", items.clone(), json!([1]));
    check("$.items[-1:]", items.clone(), json!([{"m": 3}]));
    check("$.items[1:99]", items.clone(), json!([{"n": 2}, {"m": 3}]));
    check("$.items[2:1]", items.clone(), json!([]));
    check("$.items[0,2]", items.clone(), json!([{"n": 1}, {"m": 3}]));
    check("$..n", items.clone(), json!([1, 2]));
    check("$.nothing[*]", items.clone(), json!([]));
    check("$.items.*.m", items, json!([3]));
    check("$..*", json!({"a": [1]}), json!([[1], 1]));
}

#[track_caller]
fn miss(path: &str, input: Value, expected: &str) {
    assert_eq!(select(path, &input), Err(expected.to_string()), "{path} on {input}");
}

#[test]
fn a_definite_path_that_finds_nothing_says_so_as_aws_does() {
    miss("$.NoSuch", json!({}), "No results for path: $['NoSuch']");
    miss("$.no.such.path", json!({}), "Missing property in path $['no']");
    miss("$.a.b.c", json!({"a": {}}), "Missing property in path $['a']['b']");
    miss("$.a[5]", json!({"a": [1]}), "No results for path: $['a'][5]");
    miss("$[0]", json!(null), "The path $ is null");
    miss("$.a.b", json!({"a": 1}), "Property ['b'] not found in path $['a']");
    miss("$.a.length()", json!({"a": [1]}), "Property ['length()'] not found in path $['a']");
    miss("$.sum()", json!({"a": [1]}), "No results for path: $['sum()']");
    assert!(select("$.a[0]", &json!({"a": {}})).unwrap_err().contains("can only be applied to arrays"));
}

#[test]
fn variables_are_looked_up_by_their_name() {
    let (input, context, draws) = (json!({"a": 1}), json!({}), Draws::new([0; 32]));
    let variables = json!({"order": {"lines": [{"n": 7}]}, "none": null});
    let scope = Scope { variables: variables.as_object().unwrap(), ..Scope::new(&input, &context, &draws) };
    let select = |path: &str| Path::parse(path).unwrap().select(&scope).map(Cow::into_owned);
    assert_eq!(select("$order.lines[0].n"), Ok(json!(7)));
    assert_eq!(select("$order.lines[*].n"), Ok(json!([7])));
    assert_eq!(select("$order.lines[?(@.n == $.lines[0].n)].n"), Ok(json!([7])));
    assert_eq!(select("$none"), Ok(json!(null)));
    assert_eq!(select("$missing.a").unwrap_err().to_string(), "The variable $missing is not set");
    assert!(select("$missing[*]").is_err());
}

#[test]
fn slices_count_as_jayway_counts() {
    let five = json!([0, 1, 2, 3, 4]);
    for (path, expected) in [
        ("$[-2:]", json!([3, 4])),
        ("$[-9:]", json!([0, 1, 2, 3, 4])),
        ("$[:-1]", json!([0, 1, 2, 3])),
        ("$[:-9]", json!([])),
        ("$[1:3]", json!([1, 2])),
        ("$[1:-1]", json!([])),
        ("$[-3:-1]", json!([2, 3])),
        ("$[-2:1]", json!([3, 4, 0])),
        ("$[-2147483648:2147483647]", json!([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])),
    ] {
        check(path, five.clone(), expected);
    }
}

#[test]
fn several_names_make_one_object_and_only_at_the_end() {
    let items = json!({"items": [{"a": 1, "b": 2, "c": 3}, {"a": 4}, 5]});
    check("$.items[*]['a','b']", items.clone(), json!([{"a": 1, "b": 2}, {"a": 4}]));
    check("$..['a','b']", items.clone(), json!([{"a": 1, "b": 2}]));
    let only_at_the_end = "Multi properties can only be used as path leafs: $['items', 'x']";
    miss("$['items','x'].a", items.clone(), only_at_the_end);
    miss("$['items','x'][*].a", items, only_at_the_end);
}

#[test]
fn filters_choose_elements_and_objects() {
    let users = json!({"users": [{"year": 1997, "status": 0}, {"year": 1998, "status": 1}], "year": 1997});
    check("$.users[?(@.status == 0)]", users.clone(), json!([{"year": 1997, "status": 0}]));
    check("$.users.[?(@.year < 1998)].status", users.clone(), json!([0]));
    check("$[?(@.year <= 1999)].year", users["users"].clone(), json!([1997, 1998]));
    check("$[?(@.year == 1997)].users[1].year", users.clone(), json!([1998]));
    check("$..[?(@.status)].year", users.clone(), json!([1997, 1998]));
    check("$.users[?(@.year == $.year)].status", users.clone(), json!([0]));
    check("$.nothing[?(@.a)]", users.clone(), json!([]));
    check("$.year[?(@.a)]", users, json!([]));
}

#[test]
fn deep_data_does_not_exhaust_the_stack() {
    let deep = (0..1_000).fold(Value::Null, |inner, _| json!([inner]));
    assert!(select("$..*", &deep).is_err());
    assert!(select("$..x", &deep).is_ok());
    assert!(select("$..[?(@..[?(@..x)])]", &deep).is_ok());
}

#[track_caller]
fn is_stopped(path: &str, input: &Value) {
    let (context, draws) = (json!({}), Draws::new([0; 32]));
    let miss = Path::parse(path).unwrap().select(&Scope::new(input, &context, &draws)).unwrap_err();
    let error = miss.limit_error().unwrap();
    assert_eq!(error.error.as_str(), crate::errors::DATA_LIMIT_EXCEEDED, "{path}");
}

#[test]
fn a_path_that_multiplies_what_it_finds_is_stopped() {
    let wide = json!((0..200).map(|n| json!([n, [n, [n]]])).collect::<Vec<_>>());
    let text = json!({"a": (0..50).fold(json!("x".repeat(100_000)), |inner, _| json!([inner]))});
    let nested = (0..90).fold(json!(1), |inner, _| json!({"a": inner, "b": [2]}));
    assert!(select("$..*..*..*", &wide).is_ok());
    is_stopped("$..*..*", &text);
    is_stopped("$..*..*..*..*..*..*", &nested);
    is_stopped(
        "$..['a','b']",
        &json!((0..60).fold(json!("x".repeat(2_000_000)), |inner, _| json!({"a": inner, "b": 1}))),
    );
    is_stopped(&format!("${}", "..*".repeat(40)), &nested);
}

#[test]
fn filters_take_a_bounded_amount_of_work() {
    let many = json!({"items": (0..5_000).map(|n| json!({"n": n})).collect::<Vec<_>>(), "text": "ab".repeat(500_000)});
    for filter in [
        "@.n in $.items",
        "$.items subsetof $.items",
        "$.items anyof $.items",
        "$..n contains @.n",
        "$.text =~ /(a|b)*c/",
        "$.text contains 'c'",
        "$.text size 3",
        "$.items[?(@.n < 0)]",
        "@.n == $.items[?($.items[?(@.n < 0)])]",
    ] {
        is_stopped(&format!("$.items[?({filter})]"), &many);
    }
    assert!(select("$.items[?(@.n > 4990)]", &many).is_ok());
}

#[test]
fn comparisons_in_filters_are_work_by_what_they_look_at() {
    let document = json!((0..20_000).collect::<Vec<_>>());
    let text = "ab".repeat(500_000);
    let many = json!({
        "items": (0..2_000).map(|n| json!({"n": n})).collect::<Vec<_>>(),
        "a": {"one": document, "text": text}, "b": {"one": document, "text": text},
        "nested": [document, document, document],
    });
    for filter in [
        "$.a == $.b",
        "$.a === $.b",
        "$.a != $.b",
        "!($.a !== $.b)",
        "$.a.text < $.b.text",
        "$.a.text >= $.b.text",
        "$.a.one in $.nested",
        "$.nested contains $.b.one",
        "$.nested subsetof $.nested",
        "$.nested anyof $.nested",
    ] {
        is_stopped(&format!("$.items[?({filter})]"), &many);
    }
    // What differs at once costs next to nothing.
    assert!(select("$.items[?(@.n == $.a)]", &many).is_ok());
    assert!(select("$.items[?($.a == $.items)]", &many).is_ok());
}

#[test]
fn evaluations_share_a_budget_where_there_is_one() {
    let many = json!({"items": (0..700).map(|n| json!({"n": n})).collect::<Vec<_>>()});
    let (path, budget) = (Path::parse("$.items[?($.items[?(@.n < 0)])].n").unwrap(), Budget::new());
    let (context, draws) = (json!({}), Draws::new([0; 32]));
    let scope = Scope { budget: Some(&budget), ..Scope::new(&many, &context, &draws) };
    let evaluated = |count: usize| (0..count).filter(|_| path.select(&scope).is_ok()).count();
    let count = evaluated(20);
    assert!((1..20).contains(&count), "{count} {budget:?}");
    assert_eq!(evaluated(1), 0, "{budget:?}");
    budget.renew();
    assert_eq!(evaluated(20), count, "{budget:?}");
}
