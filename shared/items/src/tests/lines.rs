use super::*;
use serde_json::json;

#[track_caller]
fn check<const N: usize>(object: &[u8], expected: [Result<Value, &str>; N]) {
    let told = read(Format::JsonLines, object);
    let expected = expected.map(|item| item.map_err(str::to_string));
    assert_eq!((told.unreadable.clone(), told.items()), (None, expected.to_vec()));
}

#[test]
fn a_value_in_each_line() {
    check(b"", []);
    check(
        b"{\"a\": 1}\n[2]\r\n\"3\"\nnull",
        [Ok(json!({"a": 1})), Ok(json!([2])), Ok(json!("3")), Ok(json!(null))],
    );
    check(b"\n \t\r\n1\n\n", [Ok(json!(1))]);
    check("\u{feff}{\"z\": 1, \"a\": 2}\n".as_bytes(), [Ok(json!({"z": 1, "a": 2}))]);
}

#[test]
fn a_broken_line_fails_alone() {
    check(
        b"1\n{\"a\":\n2 3\n4\n",
        [
            Ok(json!(1)),
            Err("it is not JSON: EOF while parsing a value, in column 5"),
            Err("it is not JSON: trailing characters, in column 3"),
            Ok(json!(4)),
        ],
    );
    check(b"\"\xff\"\n1", [Err("it is not UTF-8: byte 2 of it is 0xff"), Ok(json!(1))]);
    let deep = format!("{}\n1", "[".repeat(100_000));
    check(deep.as_bytes(), [Err("it is not JSON: recursion limit exceeded, in column 128"), Ok(json!(1))]);
}

#[test]
fn places_are_those_behind_lines() {
    let told = read(Format::JsonLines, b"\n1\r\n\n{]\n2");
    let places: Vec<(u64, Place)> = told.rows.iter().map(|row| (row.line, row.next)).collect();
    assert_eq!(places, [(2, at(4, 2)), (4, at(8, 4)), (5, at(9, 4))]);
}
