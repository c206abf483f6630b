//! Arrays within a text are found wherever it is cut, and their elements are those of the array alone.

use super::*;
use crate::limits::POINTED_BYTES_MAX;
use rand::SeedableRng;
use serde_json::json;

fn within(pointer: &[&str]) -> Format {
    Format::JsonArrayAt(pointer.iter().map(ToString::to_string).collect())
}

const TEXT: &str = r#" {"a" : "[{\"b\": [1]}", "n": -1.5e3,"t":true, "o": {"list": ["no"], "b": null},
  "list": [[], {"list": [{"x\"": 1}, [2, "]"]  , 3]}, 12 ,[4, 5]], "ä/~": {"": [6]}, "last": [7]} behind "#;

#[test]
fn what_the_pointer_names_is_read_alone() {
    let cases: [(&[&str], Value); 8] = [
        (&["list"], json!([[], {"list": [{"x\"": 1}, [2, "]"], 3]}, 12, [4, 5]])),
        (&["list", "0"], json!([])),
        (&["list", "1", "list"], json!([{"x\"": 1}, [2, "]"], 3])),
        (&["list", "1", "list", "1"], json!([2, "]"])),
        (&["list", "3"], json!([4, 5])),
        (&["o", "list"], json!(["no"])),
        (&["ä/~", ""], json!([6])),
        (&["last"], json!([7])),
    ];
    for (pointer, expected) in cases {
        let whole = tell(Reader::new(within(pointer)), [TEXT.as_bytes()], ROW_BYTES_MAX);
        let items: Vec<Value> = whole.items().into_iter().map(Result::unwrap).collect();
        assert_eq!((json!(items), &whole.unreadable), (expected, &None), "{pointer:?}");
        for seed in 0..100 {
            let mut random = StdRng::seed_from_u64(seed);
            let told = tell(Reader::new(within(pointer)), cut(TEXT.as_bytes(), &mut random), ROW_BYTES_MAX);
            assert_eq!(told, whole, "{pointer:?}, seed {seed}");
        }
        for (index, row) in whole.rows.iter().enumerate() {
            let reader = Reader::resume(within(pointer), row.next, None);
            let told = tell(reader, [&TEXT.as_bytes()[row.next.offset as usize..]], ROW_BYTES_MAX);
            assert_eq!(told.rows, whole.rows[index + 1..], "{pointer:?}");
        }
    }
}

#[test]
fn what_is_not_there_is_told() {
    for (pointer, named) in [
        (&["b"][..], "\"b\""),
        (&["a", "b"], "\"b\""),
        (&["n", "0"], "\"0\""),
        (&["list", "4"], "\"4\""),
        (&["list", "01"], "\"01\""),
        (&["list", "-"], "\"-\""),
        (&["o", "x"], "\"x\""),
    ] {
        let told = tell(Reader::new(within(pointer)), [TEXT.as_bytes()], ROW_BYTES_MAX).unreadable.unwrap();
        assert_eq!(told.0, format!("The object holds nothing at {named} of ItemsPointer."));
    }
    let told = tell(Reader::new(within(&["o"])), [TEXT.as_bytes()], ROW_BYTES_MAX).unreadable.unwrap();
    assert_eq!(told.0, "Line 1: the object is not a JSON array.");
    for text in ["", "{", "{\"list\"", "{\"list\":", "{\"li", "[", "7", "{\"list\" 1"] {
        let told = tell(Reader::new(within(&["list"])), [text.as_bytes()], ROW_BYTES_MAX);
        assert!(told.unreadable.is_some() && told.rows.is_empty(), "{text}");
    }
}

#[test]
fn what_begins_too_far_behind_is_not_sought() {
    let far = format!("{{\"a\": \"{}\", \"b\": [1]}}", "x".repeat(POINTED_BYTES_MAX as usize));
    let told = tell(Reader::new(within(&["b"])), far.as_bytes().chunks(4096), ROW_BYTES_MAX);
    assert_eq!(told.unreadable.unwrap().0, "What ItemsPointer names doesn't begin within 16777216 bytes.");
}

#[test]
fn whatever_the_bytes_are_it_ends() {
    let special = b"\"\"\\,\n[]{}: a01\xFF";
    for seed in 0..4_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut object: Vec<u8> = (0..random.random_range(0..100))
            .map(|_| special[random.random_range(0..special.len())])
            .collect();
        object.splice(0..0, *b"{\"a\":");
        tell(Reader::new(within(&["a", "0"])), cut(&object, &mut random), 50 + object.len());
    }
}
