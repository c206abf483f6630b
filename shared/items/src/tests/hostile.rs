//! Large rows, and objects that are made to take long. That these tests end soon is what they show: whoever looked at a
//! row's bytes again with each piece, or at all that a failed row has seen once more, would need hours.

use super::*;
use serde_json::json;

const PIECE: usize = 64;

#[test]
fn a_row_as_large_as_it_may_be_comes_in_small_pieces() {
    let text = "a".repeat(ROW_BYTES_MAX - 2);
    let quoted = format!("\"{text}\"");
    assert_eq!(quoted.len(), ROW_BYTES_MAX);
    let objects = [
        (
            csv(Some(&["a"])),
            format!("{quoted}\r\n1\n").replace('\r', ""),
            json!({"a": text}),
            json!({"a": "1"}),
        ),
        (Format::JsonLines, format!("{quoted}\n1\n"), json!(text), json!(1)),
        (Format::JsonArray, format!("[{quoted},1]"), json!(text), json!(1)),
    ];
    for (format, object, first, second) in objects {
        let told = tell(Reader::new(format), object.as_bytes().chunks(PIECE), ROW_BYTES_MAX);
        assert!(told.items() == [Ok(first), Ok(second)], "{:?}", told.unreadable);
    }
}

#[test]
fn a_larger_row_fails_alone_and_is_not_held() {
    let row = "7".repeat(3 * ROW_BYTES_MAX);
    let failure = Err("it is larger than 8388608 bytes".to_string());
    for (format, item) in [(csv(Some(&["a"])), json!({"a": "1"})), (Format::JsonLines, json!(1))] {
        let object = format!("1\n{row}\n1\n");
        let told = tell(Reader::new(format), object.as_bytes().chunks(1000), ROW_BYTES_MAX);
        assert_eq!(told.items(), [Ok(item.clone()), failure.clone(), Ok(item)]);
        assert_eq!(told.rows[1].next, at(object.len() as u64 - 2, 2));
    }
    let object = format!("[1,\n{row}]");
    let told = tell(Reader::new(Format::JsonArray), object.as_bytes().chunks(1000), ROW_BYTES_MAX);
    let why = "Line 2: an element begins here, and it is larger than 8388608 bytes.";
    assert_eq!((told.rows.len(), told.unreadable), (1, Some(Unreadable(why.into()))));
}

#[test]
fn one_byte_too_many() {
    for (format, open, close) in
        [(csv(Some(&["a"])), "", "\n"), (Format::JsonLines, "", "\n"), (Format::JsonArray, "[", "]")]
    {
        for ends in [close, ""] {
            let told = |row: &str| {
                let reader = Reader::limited(format.clone(), Place::default(), None, 5);
                tell(reader, [format!("{open}{row}{ends}").as_bytes()], 20)
            };
            let fits = format != Format::JsonArray || ends == close;
            for row in ["12345", "\"123\""] {
                assert_eq!(
                    told(row).rows.iter().any(|row| row.item.is_ok()),
                    fits || row.starts_with('"'),
                    "{row}"
                );
            }
            assert!(told("123456").rows.iter().all(|row| row.item.is_err()));
            assert!(told("\"1234\"").rows.iter().all(|row| row.item.is_err()));
        }
    }
}

/// Each line opens a quotation mark, if it is read as a row's beginning, and leaves it open, if it isn't.
#[test]
fn lines_that_each_open_a_quotation_mark() {
    let line = "\",x\"y,\"\n";
    let object = line.repeat(1_500_000);
    let told = tell(Reader::new(csv(Some(&["a"]))), object.as_bytes().chunks(100_000), ROW_BYTES_MAX);
    assert_eq!(told.rows.len(), 1_500_000);
    // As far as a row may reach, no end of it is seen, and then none in the object.
    let far = "with its quotation marks it is larger than 8388608 bytes";
    let never = "a quotation mark in it is never closed";
    let far_count = told.rows.iter().take_while(|row| row.item == Err(far.into())).count();
    assert_eq!(far_count, (object.len() - ROW_BYTES_MAX).div_ceil(line.len()));
    assert!(told.rows[far_count..].iter().all(|row| row.item == Err(never.into())));
    assert!(told.rows.iter().zip(1..).all(|(row, line)| row.line == line && row.next.line == line));
}

#[test]
fn an_object_of_one_open_quotation_mark_is_read_on_at_its_second_line() {
    let object = format!("a\n\"{}", "1,22222222222222222\n".repeat(500_000));
    let told = tell(Reader::new(csv(None)), object.as_bytes().chunks(100_000), ROW_BYTES_MAX);
    assert_eq!(told.rows.len(), 500_000);
    assert!(told.rows.iter().skip(1).all(|row| row.item == Ok(json!({"a": "1"}))));
}

#[test]
fn millions_of_brackets_and_blanks() {
    let deep = format!("[{}", "[".repeat(20_000_000));
    let told = tell(Reader::new(Format::JsonArray), deep.as_bytes().chunks(1000), ROW_BYTES_MAX);
    assert!(told.rows.is_empty() && told.unreadable.is_some());
    let blank = format!("[1{}]", " \n".repeat(20_000_000));
    let told = tell(Reader::new(Format::JsonArray), blank.as_bytes().chunks(1000), 100);
    assert_eq!(told.rows.len(), 1);
    for format in [csv(None), Format::JsonLines] {
        let told = tell(Reader::new(format), "\r\n".repeat(10_000_000).as_bytes().chunks(1000), 100);
        assert_eq!((told.rows.len(), told.unreadable), (0, None));
    }
}
