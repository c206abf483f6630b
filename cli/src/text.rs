//! Text for people: escaped, cut, and times that are read at a glance.

use jiff::{Timestamp, tz::TimeZone};
use std::{borrow::Cow, fmt::Write, time::Duration};
use unicode_width::UnicodeWidthChar;

/// Data as a terminal may get it: control characters, noncharacters, and those that reorder or hide text, are written as
/// escapes.
///
/// A cause or a name comes from whoever sent the input. Raw, it could move the cursor, change the title, or show one
/// text and hold another.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            other if is_unsafe(other) => escaped.extend(other.escape_unicode()),
            other => escaped.push(other),
        }
    }
    Cow::Owned(escaped)
}

/// The same for text of several lines, whose line ends and tabs stay.
pub fn escaped_lines(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| {
            let line = line.strip_suffix('\r').unwrap_or(line);
            line.split('\t').map(escaped).collect::<Vec<_>>().join("\t")
        })
        .collect();
    lines.join("\n")
}

/// JSON as a terminal may get it, and still the same JSON: what [`escaped`] escapes can stand in strings only.
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    let stays = |character: char| character == '\n' || !is_unsafe(character);
    match json.chars().all(stays) {
        true => Cow::Borrowed(json),
        false => Cow::Owned(with_units(json, stays)),
    }
}

/// The same JSON in ASCII.
pub fn ascii_json(json: &str) -> String {
    with_units(json, |character| character.is_ascii())
}

/// JSON with the other characters as `\uXXXX`. Outside of strings there are none.
fn with_units(json: &str, stays: impl Fn(char) -> bool) -> String {
    let mut written = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for character in json.chars() {
        if stays(character) {
            written.push(character);
        } else {
            for unit in character.encode_utf16(&mut units) {
                // Writing to a text can't fail.
                let _ = write!(written, "\\u{unit:04x}");
            }
        }
    }
    written
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || ('\u{e0000}'..='\u{e007f}').contains(&character)
        || ('\u{fdd0}'..='\u{fdef}').contains(&character)
        || u32::from(character) & 0xfffe == 0xfffe
}

/// Columns that the text takes in a terminal.
pub fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// The text, cut to so many columns; what was cut ends in `…`.
pub fn cut(text: &str, columns_max: usize) -> Cow<'_, str> {
    if width(text) <= columns_max {
        return Cow::Borrowed(text);
    }
    let mut cut = String::new();
    let mut columns = 1;
    for character in text.chars() {
        columns += character.width().unwrap_or(0);
        if columns > columns_max {
            break;
        }
        cut.push(character);
    }
    cut.push('…');
    Cow::Owned(cut)
}

/// The first sentence of a cause, for one line: of Lambda's JSON text its `errorMessage`. Not escaped.
pub fn first_sentence(cause: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(cause).ok();
    let message = json.as_ref().and_then(|json| Some(json.get("errorMessage")?.as_str()?.to_owned()));
    let text = message.unwrap_or_else(|| cause.to_owned());
    let line = text.trim().lines().next().unwrap_or_default();
    let end = line.find(". ").map_or(line.len(), |end| end + 1);
    cut(line.get(..end).unwrap_or(line), crate::limits::LINE_CHARS_MAX).into_owned()
}

/// `12 ms`, `3.4 s`, `2 min 5 s`, `3 h 4 min`, `2 d 3 h`.
pub fn duration(duration_ms: i64) -> String {
    let ms = duration_ms.max(0);
    let (s, min, h, d) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        // Rounded down, so that 59.96 s doesn't read as 60.0 s.
        1_000..60_000 => format!("{s}.{} s", ms % 1_000 / 100),
        60_000..3_600_000 => format!("{min} min {} s", s % 60),
        3_600_000..86_400_000 => format!("{h} h {} min", min % 60),
        _ => format!("{d} d {} h", h % 24),
    }
}

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeStyle {
    /// 3 min ago
    Relative,
    /// 2026-11-24 14:02:11, in this machine's time zone
    Local,
    /// 2026-11-24T14:02:11.123Z
    Utc,
}

/// A time in milliseconds since the epoch; `now_ms` is what "ago" counts from.
pub fn time(time_ms: i64, now_ms: i64, style: TimeStyle) -> String {
    match style {
        TimeStyle::Utc => utc(time_ms),
        TimeStyle::Local => match Timestamp::from_millisecond(time_ms) {
            Ok(time) => time.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => format!("{time_ms} ms"),
        },
        TimeStyle::Relative => {
            let past_ms = now_ms.saturating_sub(time_ms);
            match past_ms {
                ..-999 => format!("in {}", coarse(past_ms.saturating_neg())),
                -999..1_000 => "now".to_owned(),
                _ => format!("{} ago", coarse(past_ms)),
            }
        }
    }
}

/// RFC 3339 in UTC with milliseconds: the form of all JSON output.
pub fn utc(time_ms: i64) -> String {
    match Timestamp::from_millisecond(time_ms) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        Err(_) => format!("{time_ms} ms"),
    }
}

/// The largest unit alone.
fn coarse(duration_ms: i64) -> String {
    match duration_ms {
        ..60_000 => format!("{} s", duration_ms / 1_000),
        60_000..3_600_000 => format!("{} min", duration_ms / 60_000),
        3_600_000..86_400_000 => format!("{} h", duration_ms / 3_600_000),
        _ => format!("{} d", duration_ms / 86_400_000),
    }
}

/// Reads `90`, `90s`, `500ms`, `5m`, `2h`, `7d`; a number alone is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor_ms: u64 = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("a number with ms, s, m, h or d is expected, like 90s or 5m".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a number with ms, s, m, h or d is expected, like 90s or 5m".to_owned())?;
    match number.checked_mul(factor_ms) {
        Some(ms) if ms <= 366 * 86_400_000 => Ok(Duration::from_millis(ms)),
        _ => Err("that is longer than a year".to_owned()),
    }
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 run`, `2 runs`.
pub fn count(number: usize, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {one}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(escaped("plain ä 😀"), "plain ä 😀");
        assert_eq!(escaped("a\u{1b}[2Jb\u{7}\u{9b}c"), "a\\u{1b}[2Jb\\u{7}\\u{9b}c");
        assert_eq!(escaped("line\nnext\ttab\r\0"), "line\\nnext\\ttab\\r\\u{0}");
        assert_eq!(escaped("\u{202e}gnp.exe\u{200b}\u{feff}"), "\\u{202e}gnp.exe\\u{200b}\\u{feff}");
        assert_eq!(escaped("\u{fffe}\u{fdd0}\u{fffd}"), "\\u{fffe}\\u{fdd0}\u{fffd}");
        assert_eq!(escaped_lines("a\n\tb\u{1b}\r\n"), "a\n\tb\\u{1b}\n");
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({ "a\u{9b}": "\u{202e}\u{7f}\u{e0041}ä\n", "b": [1, "\u{1b}"] });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = escaped_json(&text);
            assert!(escaped.chars().all(|character| character == '\n' || !is_unsafe(character)), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("ab", 1), "…");
    }

    #[test]
    fn a_cause_is_told_in_one_sentence() {
        assert_eq!(
            first_sentence(r#"{"errorMessage":"card declined. Ask the bank.","errorType":"E"}"#),
            "card declined."
        );
        assert_eq!(first_sentence("  two\nlines"), "two");
        assert_eq!(first_sentence("amount 3.50 is wrong"), "amount 3.50 is wrong");
        assert_eq!(first_sentence(""), "");
        assert_eq!(first_sentence(&"x".repeat(1_000)).chars().count(), crate::limits::LINE_CHARS_MAX);
    }

    #[test]
    fn durations_read_at_a_glance() {
        let cases = [
            (-5, "0 ms"),
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 0 s"),
            (3_599_999, "59 min 59 s"),
            (3_600_000, "1 h 0 min"),
            (90_000_000, "1 d 1 h"),
            (i64::MAX, "106751991167 d 7 h"),
        ];
        for (ms, expected) in cases {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn times_are_shown_in_three_ways() {
        let now_ms = 1_795_556_400_123;
        assert_eq!(time(now_ms, now_ms, TimeStyle::Utc), "2026-11-24T21:40:00.123Z");
        assert_eq!(time(now_ms - 3 * 60_000, now_ms, TimeStyle::Relative), "3 min ago");
        assert_eq!(time(now_ms + 90_000_000, now_ms, TimeStyle::Relative), "in 1 d");
        assert_eq!(time(now_ms - 500, now_ms, TimeStyle::Relative), "now");
        assert_eq!(time(i64::MAX, i64::MIN, TimeStyle::Utc), format!("{} ms", i64::MAX));
        assert_eq!(time(i64::MIN, i64::MAX, TimeStyle::Relative), "106751991167 d ago");
    }

    #[test]
    fn digits_are_grouped() {
        let numbers = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7_200)));
        for wrong in ["", "s", "-5", "5 weeks", "1.5s", "99999999999999999999", "400d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
