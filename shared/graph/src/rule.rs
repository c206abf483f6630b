//! A Choice rule in one line.

use super::build::expression;
use std::fmt::Write;
use stepladder_asl::{
    Rule,
    choice::{Operand, Operator, Question, Relation},
};

/// `$.total > 100 and $.customer is present`.
pub(super) fn in_short(rule: &Rule) -> String {
    let mut text = String::new();
    write(rule, Around::Nothing, &mut text);
    text
}

/// What a rule stands in: it decides whether parentheses are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    And,
    Or,
}

/// Rules nest as deep as the definition's JSON does, which the parser bounds.
fn write(rule: &Rule, around: Around, text: &mut String) {
    match rule {
        Rule::And(rules) => join(rules, Around::And, around, text),
        Rule::Or(rules) => join(rules, Around::Or, around, text),
        Rule::Not(rule) => match rule.as_ref() {
            Rule::Test { variable, operator } => test(variable.as_str(), operator, Sense::Negated, text),
            rule => {
                text.push_str("not (");
                write(rule, Around::Nothing, text);
                text.push(')');
            }
        },
        Rule::Test { variable, operator } => test(variable.as_str(), operator, Sense::Plain, text),
        Rule::Condition(condition) => text.push_str(&expression(condition)),
    }
}

fn join(rules: &[Rule], with: Around, around: Around, text: &mut String) {
    if let [rule] = rules {
        return write(rule, around, text);
    }
    let is_grouped = around != Around::Nothing && around != with;
    text.push_str(if is_grouped { "(" } else { "" });
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            text.push_str(if with == Around::And { " and " } else { " or " });
        }
        write(rule, with, text);
    }
    text.push_str(if is_grouped { ")" } else { "" });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Plain,
    Negated,
}

fn test(variable: &str, operator: &Operator, sense: Sense, text: &mut String) {
    text.push_str(variable);
    // Writing to a text can't fail.
    let _ = match operator {
        Operator::Compare { relation, operand, .. } => {
            let sign = sign(*relation, sense);
            match operand {
                Operand::Constant(value) => write!(text, " {sign} {value}"),
                Operand::Path(path) => write!(text, " {sign} {path}"),
            }
        }
        Operator::StringMatches(pattern) => {
            let verb = if sense == Sense::Plain { "matches" } else { "does not match" };
            write!(text, " {verb} {}", serde_json::Value::from(pattern.as_str()))
        }
        Operator::Is { question, expected } => {
            let not = if *expected == (sense == Sense::Plain) { "" } else { "not " };
            write!(text, " is {not}{}", adjective(*question))
        }
    };
}

/// A comparison of two types is false either way, so `≤` for "not >" would say too much.
fn sign(relation: Relation, sense: Sense) -> &'static str {
    match (relation, sense) {
        (Relation::Equals, Sense::Plain) => "=",
        (Relation::LessThan, Sense::Plain) => "<",
        (Relation::GreaterThan, Sense::Plain) => ">",
        (Relation::LessThanEquals, Sense::Plain) => "≤",
        (Relation::GreaterThanEquals, Sense::Plain) => "≥",
        (Relation::Equals, Sense::Negated) => "≠",
        (Relation::LessThan, Sense::Negated) => "not <",
        (Relation::GreaterThan, Sense::Negated) => "not >",
        (Relation::LessThanEquals, Sense::Negated) => "not ≤",
        (Relation::GreaterThanEquals, Sense::Negated) => "not ≥",
    }
}

fn adjective(question: Question) -> &'static str {
    match question {
        Question::Present => "present",
        Question::Null => "null",
        Question::String => "a string",
        Question::Numeric => "a number",
        Question::Boolean => "a boolean",
        Question::Timestamp => "a timestamp",
    }
}
