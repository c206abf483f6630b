use super::*;
use crate::scope::Draws;
use serde_json::json;

fn holds(rule: &Rule, input: &Value) -> Result<bool, String> {
    let (context, draws) = (json!({}), Draws::new([0; 32]));
    rule.holds(&Scope::new(input, &context, &draws)).map_err(|error| error.cause)
}

fn test(operator: Operator) -> Rule {
    Rule::Test { variable: Path::parse("$.v").unwrap(), operator }
}

#[track_caller]
fn check(operator: &str, value: Value, operand: Value, expected: bool) {
    let (kind, relation) = comparison(operator).unwrap();
    let rule = test(Operator::Compare { kind, relation, operand: Operand::Constant(operand.clone()) });
    assert_eq!(holds(&rule, &json!({"v": value})), Ok(expected), "{value} {operator} {operand}");
}

#[test]
fn comparisons_hold_only_within_their_type() {
    check("StringEquals", json!("a"), json!("a"), true);
    check("StringEquals", json!(1), json!("1"), false);
    check("StringLessThan", json!("A"), json!("a"), true);
    check("StringLessThan", json!("\u{10000}"), json!("\u{ffff}"), true);
    check("NumericEquals", json!(1), json!(1.0), true);
    check("NumericEquals", json!("1"), json!(1), false);
    check("NumericGreaterThan", json!(9007199254740993u64), json!(9007199254740992u64), true);
    check("NumericLessThanEquals", json!(-1.5), json!(-1), true);
    check("NumericGreaterThanEquals", json!(null), json!(0), false);
    check("BooleanEquals", json!(false), json!(false), true);
    check("BooleanEquals", json!("false"), json!(false), false);
    check("TimestampEquals", json!("2016-01-01T00:00:00Z"), json!("2016-01-01T01:00:00+01:00"), true);
    check("TimestampLessThan", json!("2016-01-01"), json!("2017-01-01T00:00:00Z"), false);
}

#[test]
fn every_operator_name_is_known() {
    for name in OPERATORS {
        let known = match name {
            "And" | "Or" | "StringMatches" => true,
            _ => question(name).is_some() || comparison(name.strip_suffix("Path").unwrap_or(name)).is_some(),
        };
        assert!(known, "{name}");
    }
    for name in ["BooleanLessThan", "StringMatchesPath", "Equals", "StringNope", ""] {
        assert_eq!(comparison(name), None, "{name}");
    }
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("log-*.txt", "log-2024.txt", true),
        ("log-*.txt", "log-.txt", true),
        ("log-*.txt", "log-2024.txt.gz", false),
        ("*", "", true),
        ("", "", true),
        ("", "a", false),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-b-b", false),
        (r"a\*", "a*", true),
        (r"a\*", "ab", false),
        (r"a\\*", r"a\b", true),
        ("*é", "café", true),
    ] {
        assert_eq!(glob(pattern, text, &mut 1_000), Some(expected), "{pattern} / {text}");
    }
    let hostile = "a".repeat(5_000);
    assert_eq!(glob(&"*a".repeat(500).replace("aa", "a"), &(hostile + "b"), &mut 10_000_000), Some(false));
}

#[test]
fn questions() {
    for (name, value, expected) in [
        ("IsNull", json!(null), true),
        ("IsNull", json!(0), false),
        ("IsString", json!(""), true),
        ("IsNumeric", json!(1.5), true),
        ("IsNumeric", json!("1"), false),
        ("IsBoolean", json!(false), true),
        ("IsTimestamp", json!("2012-10-09T19:00:55Z"), true),
        ("IsTimestamp", json!("2012-10-09"), false),
        ("IsPresent", json!(null), true),
    ] {
        let rule = |expected| test(Operator::Is { question: question(name).unwrap(), expected });
        assert_eq!(holds(&rule(true), &json!({"v": value})), Ok(expected), "{name} {value}");
        assert_eq!(holds(&rule(false), &json!({"v": value})), Ok(!expected), "{name} {value}");
    }
}

#[test]
fn a_missing_variable_is_an_error_except_for_is_present() {
    let null = || test(Operator::Is { question: Question::Null, expected: true });
    let present = test(Operator::Is { question: Question::Present, expected: false });
    let expected = "Invalid path '$.v': The choice state's condition path references an invalid value.";
    assert_eq!(holds(&null(), &json!({})), Err(expected.to_string()));
    assert_eq!(holds(&present, &json!({})), Ok(true));
    // The first rule decides, so that a guard can stand before a test.
    let guarded = Rule::And(vec![Rule::Not(Box::new(present.clone())), null()]);
    assert_eq!(holds(&guarded, &json!({})), Ok(false));
    assert_eq!(holds(&Rule::Or(vec![present, null()]), &json!({})), Ok(true));
}

#[test]
fn an_operand_can_come_from_the_data() {
    let operand = Operand::Path(Path::parse("$.w").unwrap());
    let rule = test(Operator::Compare { kind: Kind::Numeric, relation: Relation::LessThan, operand });
    assert_eq!(holds(&rule, &json!({"v": 1, "w": 2})), Ok(true));
    assert!(holds(&rule, &json!({"v": 1})).unwrap_err().contains("'$.w'"));
}

#[test]
fn a_hostile_pattern_is_stopped() {
    let pattern = format!("*{}b", "a".repeat(20_000));
    let rule = test(Operator::StringMatches(pattern));
    let error = holds(&rule, &json!({"v": "a".repeat(200_000)})).unwrap_err();
    assert!(error.contains("units of work"), "{error}");
    assert_eq!(holds(&rule, &json!({"v": "a".repeat(2_000)})), Ok(false));
}
