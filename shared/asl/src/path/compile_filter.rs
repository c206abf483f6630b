//! From the text of a filter to its conditions.

use super::{
    PathError,
    compile::Compiler,
    filter::{Condition, FilterPath, From, Operand, Operator, Pattern, Predicate},
};
use crate::limits::PATH_FILTER_DEPTH_MAX;
use serde_json::Value;

/// Longer signs first, so that none hides another.
const SIGNS: [(&str, Operator); 9] = [
    ("===", Operator::Identical),
    ("!==", Operator::NotIdentical),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("=~", Operator::Matches),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORDS: [(&str, Operator); 9] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("all", Operator::All),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

impl<'a> Compiler<'a> {
    /// After `[?`: a condition in parentheses.
    pub(super) fn filter(&mut self) -> Result<Predicate, PathError> {
        self.skip_spaces();
        if self.peek() != Some('(') {
            return Err(self.invalid("a filter is written `[?(…)]`, and `(` must follow here"));
        }
        let condition = self.group()?;
        Ok(Predicate { condition })
    }

    /// A condition between `(` and `)`.
    fn group(&mut self) -> Result<Condition, PathError> {
        self.at += 1;
        self.depth += 1;
        if self.depth > PATH_FILTER_DEPTH_MAX {
            let message =
                format!("filters and parentheses are nested at most {PATH_FILTER_DEPTH_MAX} levels deep");
            return Err(self.invalid(message));
        }
        let condition = self.any()?;
        self.skip_spaces();
        if !self.take(")") {
            return Err(self.invalid("`)`, `&&` or `||` must follow here"));
        }
        self.depth -= 1;
        Ok(condition)
    }

    fn any(&mut self) -> Result<Condition, PathError> {
        let first = self.all()?;
        let mut conditions = vec![first];
        while self.take_after_spaces("||") {
            conditions.push(self.all()?);
        }
        Ok(single_or(conditions, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, PathError> {
        let first = self.negatable()?;
        let mut conditions = vec![first];
        while self.take_after_spaces("&&") {
            conditions.push(self.negatable()?);
        }
        Ok(single_or(conditions, Condition::All))
    }

    fn negatable(&mut self) -> Result<Condition, PathError> {
        let mut is_negated = false;
        while self.take_after_spaces("!") {
            is_negated = !is_negated;
        }
        self.skip_spaces();
        let condition = if self.peek() == Some('(') { self.group()? } else { self.comparison()? };
        Ok(if is_negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn comparison(&mut self) -> Result<Condition, PathError> {
        self.count_part()?;
        let start = self.at;
        let left = self.operand()?;
        self.skip_spaces();
        let is_over = matches!(self.peek(), None | Some(')' | '&' | '|'));
        match left {
            Operand::Path(path) if is_over => Ok(Condition::Exists(path)),
            _ if is_over => {
                self.at = start;
                Err(self.invalid("a condition compares something, or asks whether a path finds anything"))
            }
            left => {
                let operator = self.operator()?;
                self.skip_spaces();
                let right_at = self.at;
                let right = self.operand()?;
                let has_pattern = |operand: &Operand| matches!(operand, Operand::Pattern(_));
                if (operator == Operator::Matches) != (has_pattern(&left) || has_pattern(&right)) {
                    self.at = right_at;
                    return Err(self.invalid("`=~` takes a regular expression, and nothing else does: /…/"));
                }
                Ok(Condition::Compare { left, operator, right })
            }
        }
    }

    fn operator(&mut self) -> Result<Operator, PathError> {
        if let Some((_, operator)) = SIGNS.iter().find(|(sign, _)| self.take(sign)) {
            return Ok(*operator);
        }
        let word = self.word();
        let found = WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
        match found {
            Some((known, operator)) => {
                self.at += known.len();
                Ok(*operator)
            }
            None => {
                Err(self
                    .invalid("an operator must follow here, such as ==, !=, <, >=, =~, in, nin, contains"))
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, PathError> {
        match self.peek() {
            Some('@') => self.path_from(From::Current).map(Operand::Path),
            Some('$') => self.path_from(From::Root).map(Operand::Path),
            Some(quote @ ('\'' | '"')) => self.name(quote).map(|text| Operand::Literal(Value::String(text))),
            Some('/') => self.pattern().map(Operand::Pattern),
            Some('[' | '{') => self.json().map(Operand::Literal),
            Some('-' | '0'..='9') => self.number_literal().map(Operand::Literal),
            _ => match self.word() {
                "" => Err(self
                    .invalid("a path, a string in quotes, a number, true, false or null must follow here")),
                word => {
                    self.at += word.len();
                    Ok(Operand::Literal(match word {
                        "null" => Value::Null,
                        "true" => Value::Bool(true),
                        "false" => Value::Bool(false),
                        // A word without quotes is a string; published definitions are written so.
                        other => Value::String(other.to_string()),
                    }))
                }
            },
        }
    }

    fn path_from(&mut self, from: From) -> Result<FilterPath, PathError> {
        self.at += 1;
        let mut steps = Vec::new();
        while matches!(self.peek(), Some('.' | '[')) {
            self.step(&mut steps)?;
        }
        Ok(FilterPath { from, steps })
    }

    /// `/expression/flags`; a backslash keeps a slash from ending it.
    fn pattern(&mut self) -> Result<Pattern, PathError> {
        let start = self.at;
        let body = self.rest().get(1..).unwrap_or_default();
        let mut is_escaped = false;
        let end = body.find(|char| {
            let is_end = char == '/' && !is_escaped;
            is_escaped = char == '\\' && !is_escaped;
            is_end
        });
        let Some(end) = end else {
            return Err(self.invalid("the regular expression has no closing `/`"));
        };
        let expression = body.get(..end).unwrap_or_default().replace(r"\/", "/");
        self.at += end + 2;
        let flags = self.word();
        self.at += flags.len();
        Pattern::new(&expression, flags).map_err(|message| PathError { at: start, message })
    }

    /// An array or object as JSON, in which single quotes may stand for double ones.
    fn json(&mut self) -> Result<Value, PathError> {
        let mut json = String::new();
        let mut depth = 0usize;
        let mut quote = None;
        let mut chars = self.rest().char_indices();
        while let Some((offset, char)) = chars.next() {
            match (quote, char) {
                (Some(_), '\\') => {
                    // JSON has no escape for a single quote.
                    match chars.next() {
                        Some((_, '\'')) => json.push('\''),
                        Some((_, escaped)) => json.extend(['\\', escaped]),
                        None => break,
                    }
                    continue;
                }
                (Some(open), _) if char == open => {
                    quote = None;
                    json.push('"');
                    continue;
                }
                (Some(_), '"') => json.push('\\'),
                (None, '\'' | '"') => {
                    quote = Some(char);
                    json.push('"');
                    continue;
                }
                (None, '[' | '{') => depth += 1,
                (None, ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            json.push(char);
            if quote.is_none() && depth == 0 {
                let value = serde_json::from_str(&json)
                    .map_err(|error| self.invalid(format!("this is not JSON: {error}")))?;
                self.at += offset + char.len_utf8();
                return Ok(value);
            }
        }
        Err(self.invalid("the array or object is not closed"))
    }

    fn number_literal(&mut self) -> Result<Value, PathError> {
        let rest = self.rest();
        let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '+');
        let word = rest.get(..rest.find(|char| !is_part(char)).unwrap_or(rest.len())).unwrap_or_default();
        match serde_json::from_str::<Value>(word) {
            Ok(value @ Value::Number(_)) => {
                self.at += word.len();
                Ok(value)
            }
            _ => Err(self.invalid(format!("`{word}` is no number"))),
        }
    }

    /// The letters, digits, `_`, `-` and `.` that follow here.
    fn word(&self) -> &'a str {
        let rest = self.rest();
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
        rest.get(..rest.find(|char| !is_part(char)).unwrap_or(rest.len())).unwrap_or_default()
    }

    fn take_after_spaces(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        self.take(sign)
    }
}

fn single_or(mut conditions: Vec<Condition>, combine: fn(Vec<Condition>) -> Condition) -> Condition {
    match (conditions.pop(), conditions.is_empty()) {
        (Some(only), true) => only,
        (last, _) => combine(conditions.into_iter().chain(last).collect()),
    }
}
