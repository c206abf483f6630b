//! Texts of a drawing: made harmless, cut and broken into lines.

use crate::text::{cut, escaped, width};

/// A text on one line of at most so many columns, with nothing in it that moves, hides or reorders text.
pub(super) fn line(text: &str, columns_max: usize) -> String {
    cut(&escaped(text), columns_max).into_owned()
}

/// The same broken into lines: between words, or after `.`, `_`, `-`, `/` and where a capital follows a small letter.
/// The last line ends in `…` if there was more.
pub(super) fn wrapped(text: &str, columns_max: usize, lines_max: usize) -> Vec<String> {
    let text = escaped(text);
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() < lines_max {
        if width(rest) <= columns_max {
            lines.push(rest.to_owned());
            break;
        }
        if lines.len() + 1 == lines_max {
            lines.push(cut(rest, columns_max).into_owned());
            break;
        }
        let at = break_at(rest, columns_max);
        let (line, after) = rest.split_at(at);
        lines.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
    lines
}

/// The byte at which the next line begins: the last good place that leaves a line of at most so many columns, if it is
/// not in the first third; else where the columns end.
fn break_at(text: &str, columns_max: usize) -> usize {
    let mut columns = 0;
    let mut good = None;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        let is_good = character == ' '
            || matches!(before, '.' | '_' | '-' | '/' | ',')
            || (before.is_lowercase() && character.is_uppercase());
        if is_good && columns * 3 >= columns_max {
            good = Some(at);
        }
        columns += width(character.encode_utf8(&mut [0; 4]));
        if columns > columns_max {
            return good.unwrap_or(at).max(text.chars().next().map_or(1, char::len_utf8));
        }
        before = character;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, columns_max: usize, lines_max: usize, expected: &[&str]) {
        assert_eq!(wrapped(text, columns_max, lines_max), expected);
    }

    #[test]
    fn lines_break_between_words_and_within_long_ones() {
        check("", 10, 3, &[]);
        check("short", 10, 3, &["short"]);
        check("charge the customer's card", 12, 3, &["charge the", "customer's", "card"]);
        check("GetFunctionStatusFromLambda", 12, 3, &["GetFunction", "StatusFrom", "Lambda"]);
        check("customer.address.city", 12, 3, &["customer.", "address.city"]);
        check("aaaaaaaaaaaaaaaaaaaaaaaaa", 10, 2, &["aaaaaaaaaa", "aaaaaaaaa…"]);
        check("日本語日本語", 6, 3, &["日本語", "日本語"]);
        check("日本語", 1, 2, &["日", "…"]);
        check("a\u{202e}b\n", 30, 3, &["a\\u{202e}b\\n"]);
    }
}
