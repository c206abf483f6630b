//! Choice rules.
//!
//! Source: <https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html>.

use crate::{
    budget::Budget,
    definition::{Branch, Choice},
    errors,
    limits::EVALUATION_WORK_MAX,
    path::Path,
    scope::{EvalError, Scope},
    template::{Expected, Template},
    timestamp,
};
use serde_json::{Number, Value};
use std::{borrow::Cow, cmp::Ordering};

/// The condition of a Choice rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Test {
        variable: Path,
        operator: Operator,
    },
    /// `Condition`: a boolean, or a JSONata expression that gives one.
    Condition(Template),
}

/// What is asked of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// A value of another type than the operator's is never equal, less or greater: the test is false.
    Compare { kind: Kind, relation: Relation, operand: Operand },
    /// `*` stands for any text; `\*` and `\\` for themselves.
    StringMatches(String),
    /// `IsPresent`, `IsNull`, …: whether the question's answer is the expected one.
    Is { question: Question, expected: bool },
}

/// The type that a comparison is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Constant(Value),
    Path(Path),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Present,
    Null,
    String,
    Numeric,
    Boolean,
    Timestamp,
}

impl Choice {
    /// The first rule that holds, with its index; where none does, `Default` counts, and without it the engine's
    /// `States.NoChoiceMatched`. `scope.input` is the effective input.
    pub fn choose(&self, scope: &Scope) -> Result<Option<(usize, &Branch)>, EvalError> {
        for (index, branch) in self.rules.iter().enumerate() {
            let holds = match &branch.rule {
                // Only here the cause says which rule it is.
                Rule::Condition(condition) => condition_holds(condition, index, scope)?,
                rule => rule.holds(scope)?,
            };
            if holds {
                return Ok(Some((index, branch)));
            }
        }
        Ok(None)
    }
}

impl Rule {
    /// Whether the rule holds. A path that finds nothing is an error, except for `IsPresent`.
    pub fn holds(&self, scope: &Scope) -> Result<bool, EvalError> {
        match self {
            Rule::And(rules) => {
                for rule in rules {
                    if !rule.holds(scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Rule::Or(rules) => {
                for rule in rules {
                    if rule.holds(scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Rule::Not(rule) => Ok(!rule.holds(scope)?),
            Rule::Test { variable, operator: Operator::Is { question: Question::Present, expected } } => {
                match variable.select(scope) {
                    Ok(_) => Ok(*expected),
                    Err(miss) => miss.limit_error().map_or(Ok(!*expected), Err),
                }
            }
            Rule::Test { variable, operator } => operator.holds(&*find(variable, scope)?, scope),
            Rule::Condition(condition) => condition_holds(condition, 0, scope),
        }
    }
}

fn condition_holds(condition: &Template, index: usize, scope: &Scope) -> Result<bool, EvalError> {
    // A literal needs no name for a cause.
    if let Template::Literal(value) = condition {
        return Ok(value.as_bool().unwrap_or(false));
    }
    let field = format!("Choices[{index}]/Condition");
    let value = condition.evaluate_as(Expected::Boolean, &field, scope)?;
    Ok(value.as_bool().unwrap_or(false))
}

impl Operator {
    fn holds(&self, value: &Value, scope: &Scope) -> Result<bool, EvalError> {
        match self {
            Operator::Compare { kind, relation, operand } => {
                let operand = match operand {
                    Operand::Constant(value) => Cow::Borrowed(value),
                    Operand::Path(path) => find(path, scope)?,
                };
                Ok(kind.compare(value, &operand).is_some_and(|order| relation.allows(order)))
            }
            Operator::StringMatches(pattern) => match value.as_str() {
                Some(text) => matches(pattern, text, scope),
                None => Ok(false),
            },
            Operator::Is { question, expected } => Ok(question.answer(value) == *expected),
        }
    }
}

fn find<'a>(path: &Path, scope: &Scope<'a>) -> Result<Cow<'a, Value>, EvalError> {
    path.select(scope).map_err(|miss| {
        miss.limit_error().unwrap_or_else(|| {
            EvalError::runtime(format!(
                "Invalid path '{path}': The choice state's condition path references an invalid value."
            ))
        })
    })
}

impl Kind {
    fn compare(self, a: &Value, b: &Value) -> Option<Ordering> {
        match self {
            // Java compares strings by their UTF-16 units.
            Kind::String => Some(a.as_str()?.encode_utf16().cmp(b.as_str()?.encode_utf16())),
            Kind::Numeric => compare_numbers(a.as_number()?, b.as_number()?),
            Kind::Boolean => Some(a.as_bool()?.cmp(&b.as_bool()?)),
            Kind::Timestamp => {
                Some(timestamp::parse_ns(a.as_str()?)?.cmp(&timestamp::parse_ns(b.as_str()?)?))
            }
        }
    }
}

/// Whole numbers are compared exactly, beyond the precision of a double too.
fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

impl Relation {
    fn allows(self, order: Ordering) -> bool {
        match self {
            Relation::Equals => order.is_eq(),
            Relation::LessThan => order.is_lt(),
            Relation::GreaterThan => order.is_gt(),
            Relation::LessThanEquals => order.is_le(),
            Relation::GreaterThanEquals => order.is_ge(),
        }
    }
}

impl Question {
    fn answer(self, value: &Value) -> bool {
        match self {
            Question::Present => true,
            Question::Null => value.is_null(),
            Question::String => value.is_string(),
            Question::Numeric => value.is_number(),
            Question::Boolean => value.is_boolean(),
            Question::Timestamp => value.as_str().and_then(timestamp::parse_ns).is_some(),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Any,
    Char(char),
}

fn matches(pattern: &str, text: &str, scope: &Scope) -> Result<bool, EvalError> {
    let mut work_left = scope.budget.map_or(EVALUATION_WORK_MAX, Budget::left);
    let found = glob(pattern, text, &mut work_left);
    if let Some(budget) = scope.budget {
        budget.leave(work_left);
    }
    found.ok_or_else(|| {
        EvalError::named(
            errors::DATA_LIMIT_EXCEEDED,
            format!("A StringMatches takes more than {EVALUATION_WORK_MAX} units of work."),
        )
    })
}

/// Takes time in proportion to text × pattern at worst: after a mismatch only the last `*` is widened. None, where that is
/// more work than is left.
fn glob(pattern: &str, text: &str, work_left: &mut u64) -> Option<bool> {
    let mut chars = pattern.chars();
    let pieces: Vec<Piece> = std::iter::from_fn(|| match chars.next()? {
        '*' => Some(Piece::Any),
        '\\' => Some(Piece::Char(chars.next().unwrap_or('\\'))),
        char => Some(Piece::Char(char)),
    })
    .collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut piece, mut last_any) = (0, 0, None);
    while let Some(char) = text.get(at) {
        *work_left = work_left.checked_sub(1)?;
        match pieces.get(piece) {
            Some(Piece::Any) => {
                last_any = Some((piece, at));
                piece += 1;
            }
            Some(Piece::Char(wanted)) if wanted == char => {
                at += 1;
                piece += 1;
            }
            _ => {
                let Some((any, matched_to)) = last_any else {
                    return Some(false);
                };
                last_any = Some((any, matched_to + 1));
                at = matched_to + 1;
                piece = any + 1;
            }
        }
    }
    Some(pieces.iter().skip(piece).all(|piece| *piece == Piece::Any))
}

/// Every comparison operator by name; `…Path` is taken off before.
pub(crate) fn comparison(name: &str) -> Option<(Kind, Relation)> {
    let kinds = [
        ("String", Kind::String),
        ("Numeric", Kind::Numeric),
        ("Boolean", Kind::Boolean),
        ("Timestamp", Kind::Timestamp),
    ];
    let (kind, relation) =
        kinds.iter().find_map(|(prefix, kind)| Some((*kind, name.strip_prefix(prefix)?)))?;
    let relation = match relation {
        "Equals" => Relation::Equals,
        _ if kind == Kind::Boolean => return None,
        "LessThan" => Relation::LessThan,
        "GreaterThan" => Relation::GreaterThan,
        "LessThanEquals" => Relation::LessThanEquals,
        "GreaterThanEquals" => Relation::GreaterThanEquals,
        _ => return None,
    };
    Some((kind, relation))
}

pub(crate) fn question(name: &str) -> Option<Question> {
    Some(match name {
        "IsPresent" => Question::Present,
        "IsNull" => Question::Null,
        "IsString" => Question::String,
        "IsNumeric" => Question::Numeric,
        "IsBoolean" => Question::Boolean,
        "IsTimestamp" => Question::Timestamp,
        _ => return None,
    })
}

/// The names of all operators, for hints and for the list of a rule's members.
pub(crate) const OPERATORS: [&str; 41] = [
    "StringEquals",
    "StringEqualsPath",
    "StringLessThan",
    "StringLessThanPath",
    "StringGreaterThan",
    "StringGreaterThanPath",
    "StringLessThanEquals",
    "StringLessThanEqualsPath",
    "StringGreaterThanEquals",
    "StringGreaterThanEqualsPath",
    "StringMatches",
    "NumericEquals",
    "NumericEqualsPath",
    "NumericLessThan",
    "NumericLessThanPath",
    "NumericGreaterThan",
    "NumericGreaterThanPath",
    "NumericLessThanEquals",
    "NumericLessThanEqualsPath",
    "NumericGreaterThanEquals",
    "NumericGreaterThanEqualsPath",
    "BooleanEquals",
    "BooleanEqualsPath",
    "TimestampEquals",
    "TimestampEqualsPath",
    "TimestampLessThan",
    "TimestampLessThanPath",
    "TimestampGreaterThan",
    "TimestampGreaterThanPath",
    "TimestampLessThanEquals",
    "TimestampLessThanEqualsPath",
    "TimestampGreaterThanEquals",
    "TimestampGreaterThanEqualsPath",
    "IsNull",
    "IsPresent",
    "IsNumeric",
    "IsString",
    "IsBoolean",
    "IsTimestamp",
    "And",
    "Or",
];

#[cfg(test)]
#[path = "choice_test.rs"]
mod tests;
