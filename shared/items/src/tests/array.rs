use super::*;
use serde_json::json;

#[track_caller]
fn check(object: &str, items: Value, unreadable: Option<&str>) {
    let told = read(Format::JsonArray, object.as_bytes());
    let told_items: Value = told.rows.into_iter().map(|row| row.item.unwrap()).collect();
    assert_eq!((told_items, told.unreadable.map(|it| it.0)), (items, unreadable.map(str::to_string)));
}

#[test]
fn elements_of_every_kind() {
    check("[]", json!([]), None);
    check(" \r\n[\t]\n ", json!([]), None);
    check("\u{feff}[1]", json!([1]), None);
    check("[1,2.5e3 ,true\n,null,\"a\"]", json!([1, 2500.0, true, null, "a"]), None);
    check(
        r#"[{"a": "]},\"[\\"}, [[], {}], "\\", "\"", "ä\u00e4"]"#,
        json!([{"a": "]},\"[\\"}, [[], {}], "\\", "\"", "ää"]),
        None,
    );
}

#[test]
fn what_is_no_array_is_unreadable() {
    check("", json!([]), Some("The object is empty, and no JSON array."));
    check(" \n{\"a\": []}", json!([]), Some("Line 2: the object is not a JSON array."));
    check(
        "[1,\n2",
        json!([1]),
        Some("Line 2: the object ends in the middle of the element that begins here."),
    );
    check("[1,\n[2]\n", json!([1, [2]]), Some("Line 3: the object ends before the array does."));
    check("[1,\n", json!([1]), Some("Line 2: the object ends before the array does."));
    check("[1]\n]", json!([1]), Some("Line 2: something stands behind the array."));
    check("[1,]", json!([1]), Some("Line 1: an element is missing before `]`."));
    check("[,1]", json!([]), Some("Line 1: an element is missing before `,`."));
    let no_comma = "Line 1: there is neither a comma nor a closing bracket behind an element.";
    check("[1 2]", json!([1]), Some(no_comma));
    check("[{}{}]", json!([{}]), Some(no_comma));
    check("[\"a\"\"b\"]", json!(["a"]), Some(no_comma));
    check("[1}", json!([1]), Some(no_comma));
}

#[test]
fn a_broken_element_makes_the_object_unreadable() {
    check("[1,\n{\"a\":\n}, 2]", json!([1]), Some("Line 3: an element is not JSON: expected value."));
    check("[{]}]", json!([]), Some("Line 1: an element is not JSON: key must be a string."));
    check("[1\"a,\"]", json!([]), Some("Line 1: an element is not JSON: trailing characters."));
    check(
        &format!("[{}{}]", "[".repeat(200), "]".repeat(200)),
        json!([]),
        Some("Line 1: an element is not JSON: recursion limit exceeded."),
    );
    let told = read(Format::JsonArray, b"[\n\"\xff\"]");
    let expected = "Line 2: an element begins here, and it is not UTF-8: byte 2 of it is 0xff.";
    assert_eq!(told.unreadable, Some(Unreadable(expected.into())));
}

#[test]
fn places_are_those_behind_elements() {
    let told = read(Format::JsonArray, b"[1,\n{\n} , 3]");
    let places: Vec<(u64, Place)> = told.rows.iter().map(|row| (row.line, row.next)).collect();
    assert_eq!(places, [(1, at(2, 0)), (2, at(7, 2)), (3, at(11, 2))]);
}
