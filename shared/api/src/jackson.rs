//! What AWS says of a text that is no JSON: the words of Jackson, which it reads JSON with.

use serde_json::Value;

/// What may stand where a value is expected.
const VALUE: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// The most characters of the text that are quoted.
const WORD_CHARS_MAX: usize = 80;

/// Why a text is no JSON; none where it is JSON, and where Jackson's words aren't known: of what ends too early, for one.
pub(crate) fn jackson(text: &str) -> Option<String> {
    let error = serde_json::from_str::<Value>(text).err()?;
    let line = text.split('\n').nth(error.line().checked_sub(1)?)?;
    // It is counted in bytes.
    let at = error.column().checked_sub(1)?;
    let at = (0..=at).rev().find(|at| line.is_char_boundary(*at))?;
    let (before, rest) = line.split_at(at);
    let character = rest.chars().next()?;
    let unexpected =
        |why: &str| format!("Unexpected character ('{character}' (code {})): {why}", u32::from(character));
    let message = error.to_string();
    Some(match message.split(" at line ").next()? {
        "expected ident" | "expected value" => match word(before, rest) {
            Some(word) => format!("Unrecognized token '{word}': was expecting {VALUE}"),
            None => unexpected(&format!("expected a valid value {VALUE}")),
        },
        "key must be a string" => unexpected("was expecting double-quote to start field name"),
        "trailing comma" if character == '}' => unexpected("was expecting double-quote to start field name"),
        "trailing comma" => unexpected(&format!("expected a valid value {VALUE}")),
        "expected `:`" => unexpected("was expecting a colon to separate field name and value"),
        "expected `,` or `}`" => unexpected("was expecting comma to separate Object entries"),
        "expected `,` or `]`" => unexpected("was expecting comma to separate Array entries"),
        _ => return None,
    })
}

/// The word that a place lies in, if it is one.
fn word(before: &str, rest: &str) -> Option<String> {
    let is_of_word = |character: char| character.is_alphanumeric() || character == '_';
    let start = before.trim_end_matches(is_of_word).len();
    let characters = before.get(start..)?.chars().chain(rest.chars());
    let word: String =
        characters.take_while(|character| is_of_word(*character)).take(WORD_CHARS_MAX).collect();
    word.starts_with(|first: char| first.is_alphabetic() || first == '_').then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(jackson(text).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn a_text_is_refused_in_jacksons_words() {
        let name = "was expecting double-quote to start field name";
        check("{'not': 'json'", &format!("Unexpected character (''' (code 39)): {name}"));
        check("{\n  'not': 1}", &format!("Unexpected character (''' (code 39)): {name}"));
        check("{\"a\": 1,}", &format!("Unexpected character ('}}' (code 125)): {name}"));
        let token = |word: &str| format!("Unrecognized token '{word}': was expecting {VALUE}");
        check("not some json", &token("not"));
        check(" [\"ä\", nul]", &token("nul"));
        check("{\"a\": ab_c}", &token("ab_c"));
        check("truth", &token("truth"));
        let value = format!("expected a valid value {VALUE}");
        check("{\"a\": 'b'}", &format!("Unexpected character (''' (code 39)): {value}"));
        check("[1,]", &format!("Unexpected character (']' (code 93)): {value}"));
        check(
            "{\"a\" 1}",
            "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
        );
        check(
            "{\"a\": 1 \"b\": 2}",
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
        );
        check("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries");
    }

    #[test]
    fn of_json_and_of_what_ends_too_early_nothing_is_said() {
        for text in ["{}", "1", "{", "{\"a\":", "\"a", "[1", "", "1 2"] {
            assert_eq!(jackson(text), None, "{text}");
        }
    }
}
