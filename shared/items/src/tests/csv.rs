use super::*;
use crate::limits::HEADERS_BYTES_MAX;
use rand::SeedableRng;
use serde_json::{Map, json};

/// The items of an object whose headers are a, b and c.
#[track_caller]
fn check<const N: usize>(object: &str, expected: [[&str; 3]; N]) {
    let told = read(csv(Some(&["a", "b", "c"])), object.as_bytes());
    let expected = expected.map(|[a, b, c]| Ok(json!({"a": a, "b": b, "c": c})));
    assert_eq!((told.unreadable.clone(), told.items()), (None, expected.to_vec()));
}

#[test]
fn what_aws_was_recorded_with() {
    let rows = "Value1,Value2,Value3\nValue4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   \n";
    let told = read(csv(None), format!("Col1,Col2,Col3\n{rows}").as_bytes());
    let fields = [
        ["Value1", "Value2", "Value3"],
        ["Value4", "Value5", "Value6"],
        ["", "", ""],
        ["true", "1", "'HelloWorld'"],
        ["Null", "None", ""],
        ["   ", "", ""],
    ];
    let items = fields.map(|[a, b, c]| Ok(json!({"Col1": a, "Col2": b, "Col3": c})));
    assert_eq!(told.items(), items);
    assert_eq!(told.headers, Some(strings(["Col1", "Col2", "Col3"])));
    let told = read(csv(Some(&["H1"])), rows.as_bytes());
    assert_eq!(told.items(), fields.map(|[a, _, _]| Ok(json!({"H1": a}))));
    let told = read(csv(None), format!("0,True,{{}}\n{rows}").as_bytes());
    assert_eq!(told.items()[0], Ok(json!({"0": "Value1", "True": "Value2", "{}": "Value3"})));
}

#[test]
fn what_aws_documents() {
    let row = r#"abc,123,"This string contains commas, a double quotation marks (""), and a newline (
)",{""MyKey"":""MyValue""},"[1,2,3]""#;
    let told = read(csv(Some(&["1", "2", "3", "4", "5"])), row.as_bytes());
    let text = "This string contains commas, a double quotation marks (\"), and a newline (\n)";
    let item = json!({"1": "abc", "2": "123", "3": text, "4": r#"{"MyKey":"MyValue"}"#, "5": "[1,2,3]"});
    assert_eq!(told.items(), [Ok(item)]);
    check("C:\\\\Program Files\\\\MyApp.exe,6534512\n", [["C:\\Program Files\\MyApp.exe", "6534512", ""]]);
}

#[test]
fn quotation_marks_delimiters_and_newlines() {
    check("\"a,b\",\"c\"\"d\",\"e\nf\"\n", [["a,b", "c\"d", "e\nf"]]);
    check("\"e\r\nf\",\"\",\"\"\"\"\r\n1,2,3\r\n", [["e\r\nf", "", "\""], ["1", "2", "3"]]);
    check("a\"b, \"c\",\"d\"e", [["a\"b", " \"c\"", "de"]]);
    check("\"\"", [["", "", ""]]);
    check("'a,b',c", [["'a", "b'", "c"]]);
    check("ä,\"ö\"\"ü\",\\ß", [["ä", "ö\"ü", "ß"]]);
    check("a\rb,c", [["a\rb", "c", ""]]);
}

#[test]
fn backslashes() {
    check(r#"a\,b,"c\"d",\e"#, [["a,b", "c\"d", "e"]]);
    check("a\\\nb\\\r\n\"c\\\nd\"", [["a", "", ""], ["b", "", ""], ["c\nd", "", ""]]);
    check("\\\"a,b\\", [["\"a", "b", ""]]);
}

#[test]
fn empty_lines_are_no_rows() {
    check("\n\r\n\na\n\n\r\nb\n\n", [["a", "", ""], ["b", "", ""]]);
    check("", []);
    check("\n", []);
    let told = read(csv(None), b"\n\na\n");
    assert_eq!((told.rows, told.headers), (vec![], Some(strings(["a"]))));
}

#[test]
fn places_are_those_behind_rows() {
    let told = read(csv(None), "\u{feff}a,b\r\n\r\n\"1\n2\",3\n\nä".as_bytes());
    let places: Vec<(u64, Place)> = told.rows.iter().map(|row| (row.line, row.next)).collect();
    assert_eq!(places, [(3, at(18, 4)), (6, at(21, 5))]);
    assert_eq!(told.items(), [Ok(json!({"a": "1\n2", "b": "3"})), Ok(json!({"a": "ä", "b": ""}))]);
}

#[test]
fn other_delimiters() {
    for delimiter in *b"|;\t " {
        let format = Format::Csv(Csv { delimiter, headers: None });
        let rows = "a|b\n\"1|2\"|3,4\n".replace('|', &char::from(delimiter).to_string());
        let a = format!("1{}2", char::from(delimiter));
        assert_eq!(read(format, rows.as_bytes()).items(), [Ok(json!({"a": a, "b": "3,4"}))]);
    }
    for delimiter in *b"\"\\\r\n\xff" {
        assert!(Reader::new(Format::Csv(Csv { delimiter, headers: None })).is_err());
    }
}

#[test]
fn a_row_that_is_not_utf_8_fails_alone() {
    let told = read(csv(Some(&["a"])), b"1\n2,\xff3\n4\n");
    let failure = "it is not UTF-8: byte 3 of it is 0xff".to_string();
    assert_eq!(told.items(), [Ok(json!({"a": "1"})), Err(failure), Ok(json!({"a": "4"}))]);
}

#[test]
fn a_quotation_mark_that_is_never_closed_takes_one_line() {
    let told = read(csv(Some(&["a"])), b"1\n2,\"3\n4\n\"5\n6");
    let one = |a: &str| Ok(json!({"a": a}));
    // What opens in the second line is closed in the fourth.
    assert_eq!(told.items(), [one("1"), one("2"), one("6")]);
    let told = read(csv(Some(&["a"])), b"1\n2,\"3\n4\n5\n");
    let failure = Err("a quotation mark in it is never closed".to_string());
    assert_eq!(told.items(), [one("1"), failure, one("4"), one("5")]);
    assert_eq!(told.rows[1].next, at(7, 2));
}

#[test]
fn headers_that_say_nothing_usable() {
    #[track_caller]
    fn check(object: &[u8], expected: &str) {
        let told = read(csv(None), object);
        assert_eq!((told.rows, told.unreadable), (vec![], Some(Unreadable(expected.into()))));
    }
    check(b"a,b,a\n1,2,3", "CSV headers cannot contain duplicates.");
    check(b",,\n1,2,3", "CSV headers cannot contain duplicates.");
    check(b"\na,\xc3\n", "The row of the CSV's headers, on line 2: it is not UTF-8: byte 3 of it is 0xc3.");
    check(b"a,\"b\n1,2", "The row of the CSV's headers, on line 1: a quotation mark in it is never closed.");
    check(
        "a".repeat(HEADERS_BYTES_MAX + 1).as_bytes(),
        "The row of the CSV's headers, on line 1: it is larger than 10240 bytes.",
    );
    let largest = "a".repeat(HEADERS_BYTES_MAX);
    assert_eq!(read(csv(None), largest.as_bytes()).headers, Some(vec![largest]));
    let duplicates = Reader::new(csv(Some(&["a", "a"]))).unwrap_err();
    assert_eq!(duplicates.to_string(), "CSV headers cannot contain duplicates.");
}

#[test]
fn whoever_goes_on_needs_the_headers() {
    assert!(Reader::resume(csv(None), at(4, 1), None).is_err());
    // At the beginning, they are read again.
    let reader = Reader::resume(csv(None), at(0, 0), Some(strings(["x"])));
    assert_eq!(tell(reader, [&b"a\n1"[..]], ROW_BYTES_MAX).items(), [Ok(json!({"a": "1"}))]);
}

/// Whatever another library makes of it: fields of any length, quoted or not, and text behind a closing mark.
#[test]
fn another_library_reads_the_same_rows() {
    let texts = ["a", "bc", "ä", " ", "'", "1.5", "x y", "日本"];
    let quoted = ["a", ",", "\n", "\r\n", "\"\"", "ü", ";", " "];
    for seed in 0..2_000 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut object = String::new();
        for _ in 0..random.random_range(0..12) {
            for field in 0..random.random_range(1..6) {
                object.push_str(if field == 0 { "" } else { "," });
                if random.random_bool(0.4) {
                    object.push('"');
                    (0..random.random_range(0..5))
                        .for_each(|_| object.push_str(quoted[random.random_range(0..8)]));
                    object.push('"');
                }
                let texts_count = random.random_range(0..3);
                (0..texts_count).for_each(|_| object.push_str(texts[random.random_range(0..8)]));
            }
            object.push_str(["\n", "\r\n", "\n\n"][random.random_range(0..3)]);
        }
        let headers = ["a", "b", "c"];
        let mut others = ::csv::ReaderBuilder::new();
        let mut others = others.has_headers(false).flexible(true).from_reader(object.as_bytes());
        let others = others.records().map(|record| {
            let record = record.unwrap();
            let field = |at: usize| Value::from(record.get(at).unwrap_or_default());
            let object = headers.iter().enumerate().map(|(at, header)| (header.to_string(), field(at)));
            Ok(Value::Object(object.collect::<Map<_, _>>()))
        });
        let told = read(csv(Some(&headers)), object.as_bytes());
        assert_eq!(told.items(), others.collect::<Vec<_>>(), "seed {seed}: {object:?}");
    }
}
