//! JSON as it crosses a queue: ASCII only on the way out, and nothing changed silently on the way in.

use crate::limits::JSON_DEPTH_MAX;
use serde::Serialize;
use serde_json::{Value, error::Category, ser::Formatter};
use std::io;

/// Compact JSON in ASCII: all else is escaped. SQS refuses some characters that JSON strings may hold (U+FFFE, U+FFFF),
/// and an escaped one has the same length for everybody
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
pub(crate) fn to_ascii(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Ascii))?;
    String::from_utf8(bytes).map_err(|error| serde::ser::Error::custom(error.to_string()))
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.is_ascii() {
            return writer.write_all(fragment.as_bytes());
        }
        let mut units = [0; 2];
        for character in fragment.chars() {
            if character.is_ascii() {
                writer.write_all(&[character as u8])?;
            } else {
                for unit in character.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Why text from outside isn't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("it is not UTF-8: byte {byte} is the first that isn't")]
    NotUtf8 { byte: usize },
    #[error("it is not JSON: {message}")]
    NotJson { message: String },
    /// It would lose digits without a word.
    #[error("the number {number} does not fit in 64 bits; send it as a string")]
    NumberTooLarge { number: String },
}

/// Parses JSON from outside. Integers that don't fit in 64 bits are refused: a double would lose their last digits.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| JsonError::NotUtf8 { byte: error.valid_up_to() })?;
    let value =
        serde_json::from_str(text).map_err(|error| JsonError::NotJson { message: error.to_string() })?;
    match large_integer(text) {
        Some(number) => Err(JsonError::NumberTooLarge { number: number.chars().take(40).collect() }),
        None => Ok(value),
    }
}

/// What is wrong with JSON text, without quoting it: it may end in a log.
pub(crate) fn fault(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io | Category::Syntax => "it is not JSON",
        Category::Data => "it is JSON of another shape",
        Category::Eof => "it ends too early",
    };
    format!("{what}: line {}, column {}", error.line(), error.column())
}

/// The size of the value's JSON text, in bytes.
pub fn size(value: &impl Serialize) -> Result<usize, serde_json::Error> {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)?;
    Ok(count.0)
}

/// Whether objects and arrays are nested too deeply to be read again from within a record or a message.
pub fn is_too_deep(value: &Value) -> bool {
    fn is_deeper(value: &Value, levels: usize) -> bool {
        let Some(left) = levels.checked_sub(1) else {
            return value.is_array() || value.is_object();
        };
        match value {
            Value::Array(items) => items.iter().any(|item| is_deeper(item, left)),
            Value::Object(members) => members.values().any(|member| is_deeper(member, left)),
            _ => false,
        }
    }
    is_deeper(value, JSON_DEPTH_MAX)
}

/// The first integer of valid JSON text that fits neither in an i64 nor in a u64.
fn large_integer(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(byte) = bytes.get(at) {
                    match byte {
                        b'"' => break,
                        b'\\' => at += 2,
                        _ => at += 1,
                    }
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let rest = text.get(at..)?;
                let end = rest
                    .find(|character: char| !matches!(character, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
                    .unwrap_or(rest.len());
                let number = rest.get(..end)?;
                let is_integer = !number.contains(['.', 'e', 'E']);
                if is_integer
                    && number.len() > 18
                    && number.parse::<i64>().is_err()
                    && number.parse::<u64>().is_err()
                {
                    return Some(number);
                }
                at += end.max(1);
            }
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_character_crosses_as_ascii_and_comes_back() {
        let noncharacters: String = (0..=0x10_u32)
            .flat_map(|plane| [plane * 0x1_0000 + 0xFFFE, plane * 0x1_0000 + 0xFFFF])
            .chain(0xFDD0..=0xFDEF)
            .chain(0..0x80)
            .filter_map(char::from_u32)
            .collect();
        let value = json!({ "text": noncharacters, "smile": "😀", noncharacters.clone(): "ü" });
        let text = to_ascii(&value).unwrap();
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte) || byte == 0x7f), "{text}");
        assert_eq!(parse(text.as_bytes()).unwrap(), value);
    }

    #[track_caller]
    fn check(text: &str, expected: Result<Value, &str>) {
        let parsed = parse(text.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(parsed, expected.map_err(str::to_owned));
    }

    #[test]
    fn integers_beyond_64_bits_are_refused_and_others_kept() {
        check(r#"{"a": 18446744073709551615}"#, Ok(json!({"a": u64::MAX})));
        check(r#"{"a": -9223372036854775808}"#, Ok(json!({"a": i64::MIN})));
        check(
            r#"[1, 18446744073709551616]"#,
            Err("the number 18446744073709551616 does not fit in 64 bits; send it as a string"),
        );
        check(
            r#"{"in \"a\" string 99999999999999999999": -99999999999999999999}"#,
            Err("the number -99999999999999999999 does not fit in 64 bits; send it as a string"),
        );
        check(r#""99999999999999999999 \\""#, Ok(json!("99999999999999999999 \\")));
        check("1e300", Ok(json!(1e300)));
        check("1e400", Err("it is not JSON: number out of range at line 1 column 5"));
    }

    #[test]
    fn hostile_nesting_is_an_error_and_not_a_crash() {
        let text = "[".repeat(100_000);
        assert!(matches!(parse(text.as_bytes()), Err(JsonError::NotJson { .. })));
        assert_eq!(parse(b"\"\xff\""), Err(JsonError::NotUtf8 { byte: 1 }));
    }

    #[test]
    fn what_is_nested_too_deeply_is_known() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert!(!is_too_deep(&nested(JSON_DEPTH_MAX)));
        assert!(is_too_deep(&nested(JSON_DEPTH_MAX + 1)));
        assert!(is_too_deep(&json!([1, nested(JSON_DEPTH_MAX)])));
        assert!(is_too_deep(&nested(2_000)));
    }

    #[test]
    fn a_fault_says_where_and_quotes_nothing() {
        let fault = |text: &str| fault(&serde_json::from_str::<Vec<u8>>(text).unwrap_err());
        assert_eq!(fault("[1,\n\"secret\"]"), "it is JSON of another shape: line 2, column 8");
        assert_eq!(fault("[secret]"), "it is not JSON: line 1, column 2");
        assert_eq!(fault("[1"), "it ends too early: line 1, column 2");
    }
}
