use crate::{Draws, Path, Scope};
use serde_json::{Value, json};

/// The `id`s of the items that a filter keeps.
fn kept(filter: &str, items: &Value) -> Vec<i64> {
    let (input, context, draws) =
        (json!({"items": items, "limit": 3, "names": ["b", "c"]}), json!({}), Draws::new([0; 32]));
    let path = Path::parse(&format!("$.items[?({filter})].id")).unwrap();
    let found = path.select(&Scope::new(&input, &context, &draws)).unwrap();
    found.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

#[track_caller]
fn check(filter: &str, expected: &[i64]) {
    let items = json!([
        {"id": 1, "n": 1, "s": "a", "tags": ["x", "y"], "sub": {"k": true}},
        {"id": 2, "n": 2.5, "s": "b", "tags": [], "e": ""},
        {"id": 3, "n": "3", "s": "Bob", "tags": ["y", 3], "a b": null},
        {"id": 4, "s": null, "tags": "x", "sub": {}},
        5,
        "b",
        null,
    ]);
    assert_eq!(kept(filter, &items), expected, "{filter}");
}

#[test]
fn comparisons() {
    check("@.n == 1", &[1]);
    check("@.n == 1.0", &[1]);
    check("@.n == '1'", &[1]);
    check("@.n == 3", &[3]);
    check("@.n != 1", &[2, 3, 4]);
    check("1 == @.n", &[1]);
    check("@.n === 3", &[]);
    check("@.n !== 3", &[1, 2, 3, 4]);
    check("@.n < 2.5", &[1]);
    check("@.n <= 2.5", &[1, 2]);
    check("@.n > 1", &[2, 3]);
    check("@.n>=2.5", &[2, 3]);
    check("@.n < -1e3", &[]);
    check("@.n < $.limit", &[1, 2]);
    check("@.s == 'b'", &[2]);
    check("@.s == \"b\"", &[2]);
    check("@.s == b", &[2]);
    check("@.s > 'a'", &[2]);
    check("@.s == null", &[4]);
    check("@.s != null", &[1, 2, 3]);
    check("@['a b'] == null", &[3]);
    check("@.sub.k == true", &[1]);
    check("@.sub.k != false", &[1, 2, 3, 4]);
    check("@.sub == {'k': true}", &[1]);
    check("@.tags == ['x', 'y']", &[1]);
    check("@.tags[0] == 'x'", &[1]);
    check("@.tags[-1] == 3", &[3]);
    check("@.tags[*] == ['x', 'y']", &[1]);
    check("@.missing == @.missing", &[]);
    check("@.missing != @.missing", &[1, 2, 3, 4]);
    check("@.length() == 1", &[]);
}

#[test]
fn sets_and_sizes() {
    check("@.s in ['a', 'b']", &[1, 2]);
    check("@.s in $.names", &[2]);
    check("@.s nin ['a', 'b']", &[3, 4]);
    check("@.s IN ['a']", &[1]);
    check("@.missing in ['a']", &[]);
    check("@.missing nin ['a']", &[1, 2, 3, 4]);
    check("@.n in 'a'", &[]);
    check("@.tags contains 'y'", &[1, 3]);
    check("@.s contains 'ob'", &[3]);
    check("@.tags all ['x', 'y']", &[1]);
    check("@.tags subsetof ['x', 'y', 'z']", &[1, 2]);
    check("@.tags anyof ['x', 3]", &[1, 3]);
    check("@.tags noneof ['x']", &[2, 3]);
    check("@.tags size 2", &[1, 3]);
    check("@.s size 3", &[3]);
    check("@.tags size '2'", &[]);
    check("@.tags empty true", &[2]);
    check("@.tags empty false", &[1, 3, 4]);
    check("@.e empty true", &[2]);
    check("@.sub empty true", &[4]);
    check("@.tags in [['x', 'y']]", &[1]);
}

#[test]
fn regular_expressions_match_the_whole_text() {
    check("@.s =~ /b/", &[2]);
    check("@.s =~ /b.*/i", &[2, 3]);
    check("@.s =~ /a|b/", &[1, 2]);
    check("@.s =~ /B[a-o]{2}/", &[3]);
    check("/b/ =~ @.s", &[2]);
    check("@.n =~ /\\d(\\.5)?/", &[1, 2, 3]);
    check("@.tags =~ /X/i", &[1, 4]);
    check("@.sub.k =~ /true/", &[1]);
    check("@.s =~ /b # comment/x", &[2]);
    check("@.missing =~ /.*/", &[]);
    check("'b' =~ /b/", &[1, 2, 3, 4]);
    check("@.s =~ /\\//", &[]);
}

#[test]
fn conditions_combine() {
    check("@.sub", &[1, 4]);
    check("!@.sub", &[2, 3]);
    check("!!@.sub", &[1, 4]);
    check("!(@.sub)", &[2, 3]);
    check("@.tags[*]", &[1, 3]);
    check("@..k", &[1]);
    check("@['a b']", &[3]);
    check("@.n == 1 || @.n == 2.5", &[1, 2]);
    check("@.n == 1||@.n == 2.5", &[1, 2]);
    check("@.sub&&@.n", &[1]);
    check("@.sub && @.n", &[1]);
    check("@.n == 1 || @.s == 'b' && @.n == 99", &[1]);
    check("(@.n == 1 || @.s == 'b') && @.n == 2.5", &[2]);
    check("(@.n == 1) || ((@.s == 'b'))", &[1, 2]);
    check("!(@.n == 1 || @.n == 2.5) && @.sub", &[4]);
    check(" ( @.n==1 ) ", &[1]);
    check("@.tags[?(@ == 'y')]", &[]);
    check("$.limit == 3 && @.id == 2", &[2]);
}

#[test]
fn the_current_value_is_no_scalar() {
    // AWS's documentation says so; `['x', 'y']` of the first item is an array.
    check("@ == 'b'", &[]);
    let arrays = json!([{"id": 1}, {"id": 2}]);
    assert_eq!(kept("@ == {'id': 2}", &arrays), [2]);
}
