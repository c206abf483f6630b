//! Texts that are no expressions.

use crate::limits::JSONATA_TEXT_BYTES_MAX;
use jsonata_core::{
    ast::AstNode,
    evaluator::error_code_prefix,
    parser::{self, ParserError},
};
use std::fmt;

/// Why a text is no JSONata expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonataFault {
    /// JSONata's code, such as `S0201`; empty where it has none.
    pub code: String,
    pub message: String,
    /// Byte offset in the text; its length where the text ends too early.
    pub position: usize,
}

impl fmt::Display for JsonataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.code.is_empty() {
            write!(f, "{}: ", self.code)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for JsonataFault {}

pub(super) fn parse(text: &str) -> Result<AstNode, JsonataFault> {
    if text.len() > JSONATA_TEXT_BYTES_MAX {
        let message = format!("the expression is longer than {JSONATA_TEXT_BYTES_MAX} bytes");
        return Err(JsonataFault { code: String::new(), message, position: 0 });
    }
    library_parse(text).map_err(|raw| {
        let code = error_code_prefix(&raw).unwrap_or_default().to_string();
        let position = position(text, &code);
        let message = message(&code, &raw, text, position);
        JsonataFault { code, message, position }
    })
}

/// The library's parse; a panic in it is a fault like any other.
fn library_parse(text: &str) -> Result<AstNode, String> {
    match std::panic::catch_unwind(|| parser::parse(text)) {
        Ok(Ok(tree)) => Ok(tree),
        Ok(Err(ParserError::InvalidSyntax(message) | ParserError::InvalidNumber(message))) => Err(message),
        Ok(Err(ParserError::UnclosedComment)) => Err("S0106: Comment has no closing tag".to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the expression cannot be parsed".to_string()),
    }
}

/// The library's errors carry no place. A parser reads from left to right, so the place is where the shortest
/// beginning of the text ends that can no longer become an expression.
fn position(text: &str, code: &str) -> usize {
    // These are found after the parse, in the whole tree.
    let is_late = matches!(code, "S0213" | "S0214" | "S0215" | "S0216" | "S0217" | "U1001");
    if is_late || can_go_on(text) {
        return if is_late { 0 } else { text.len() };
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, char)| at + char.len_utf8()).collect();
    let first = ends.partition_point(|end| text.get(..*end).is_none_or(can_go_on));
    let end = first.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    // The character at `end` cannot follow; spaces before it belong to nothing.
    let rest = text.get(end..).unwrap_or_default();
    end + (rest.len() - rest.trim_start().len())
}

/// Whether the text is an expression or the beginning of one.
fn can_go_on(text: &str) -> bool {
    library_parse(text).map_or_else(
        |raw| {
            let code = error_code_prefix(&raw).unwrap_or_default();
            matches!(code, "S0101" | "S0105" | "S0106" | "S0203" | "S0207" | "S0301" | "S0302")
                || raw.contains("Eof")
                || raw.contains("Unclosed")
        },
        |_| true,
    )
}

/// The reference implementation's words, where the library shows names of its own types.
fn message(code: &str, raw: &str, text: &str, position: usize) -> String {
    let plain = raw.strip_prefix(code).map_or(raw, |rest| rest.trim_start_matches(':').trim_start());
    let token = token_at(text, position);
    match code {
        "S0201" if !token.is_empty() => format!("Syntax error: \"{token}\""),
        "S0202" if !token.is_empty() => match expected(plain) {
            Some(expected) => format!("Expected \"{expected}\", got \"{token}\""),
            None => format!("Unexpected \"{token}\""),
        },
        "S0203" => match expected(plain) {
            Some(expected) => format!("Expected \"{expected}\" before end of expression"),
            None => "Unexpected end of expression".to_string(),
        },
        "S0204" if !token.is_empty() => format!("Unknown operator: \"{token}\""),
        "S0211" if !token.is_empty() => format!("The symbol \"{token}\" cannot be used as a unary operator"),
        _ => plain.to_string(),
    }
}

/// The word, number or character that begins there.
fn token_at(text: &str, position: usize) -> &str {
    let rest = text.get(position..).unwrap_or_default();
    let is_word = |char: char| char.is_alphanumeric() || char == '_' || char == '$';
    let length = match rest.chars().next() {
        Some(first) if is_word(first) => rest.find(|char| !is_word(char)).unwrap_or(rest.len()),
        Some(first) => first.len_utf8(),
        None => 0,
    };
    rest.get(..length).unwrap_or_default()
}

/// What stands behind "Expected ", as it is written in an expression.
fn expected(plain: &str) -> Option<&'static str> {
    let name = plain.strip_prefix("Expected ")?.split([' ', ',']).next()?;
    Some(match name {
        "RightParen" => ")",
        "LeftParen" => "(",
        "RightBracket" => "]",
        "LeftBracket" => "[",
        "RightBrace" => "}",
        "LeftBrace" => "{",
        "Colon" => ":",
        "Comma" => ",",
        "Pipe" => "|",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuse(text: &str, code: &str, position: usize) {
        let fault = parse(text).unwrap_err();
        assert_eq!((fault.code.as_str(), fault.position), (code, position), "{text}: {fault}");
        assert!(!format!("{fault}").contains("Eof"), "{fault}");
    }

    #[test]
    fn the_place_is_where_no_expression_can_go_on() {
        refuse("$states.input.a b", "S0201", 16);
        refuse("$sum(1, 2", "S0203", 9);
        refuse("$states.", "S0207", 8);
        refuse("[1, 2)", "S0202", 5);
        refuse("1 + * 2", "S0201", 6);
        refuse("'open", "S0101", 5);
        refuse(")", "S0211", 0);
        refuse("", "S0207", 0);
        refuse("ä ä", "S0201", 3);
    }

    #[test]
    fn the_words_are_those_of_the_reference() {
        assert_eq!(
            parse("$sum(1, 2").unwrap_err().to_string(),
            "S0203: Expected \")\" before end of expression"
        );
        assert_eq!(parse("a b").unwrap_err().to_string(), "S0201: Syntax error: \"b\"");
        assert_eq!(parse("[1)").unwrap_err().to_string(), "S0202: Expected \"]\", got \")\"");
    }

    #[test]
    fn a_text_has_a_largest_length() {
        assert!(parse(&" ".repeat(JSONATA_TEXT_BYTES_MAX + 1)).unwrap_err().message.contains("longer"));
    }
}
