//! What makes a row good. `tests/import/oracle.py` has the same rules in Python, in the same words.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::limits::{AMOUNT_DIGITS_MAX, EXCERPT_CHARS_MAX, ID_BYTES_MAX, TEXT_CHARS_MAX};
use crate::rows::{FailedRow, RawRow, Row};

/// The currencies that are taken: all of them have hundredths.
pub const CURRENCIES: [&str; 6] = ["CHF", "EUR", "GBP", "PLN", "SEK", "USD"];

/// Why a row is not loaded: the first rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{column} is missing")]
    Missing { column: &'static str },
    #[error("{column} is longer than {TEXT_CHARS_MAX} characters")]
    TooLong { column: &'static str },
    #[error("id is none: {value}")]
    NoId { value: String },
    #[error("amount is no number: {value}")]
    NoNumber { value: String },
    #[error("ordered_at is no date: {value}")]
    NoDate { value: String },
    #[error("id is that of line {line} too")]
    Doubled { line: u64 },
    #[error("currency is unknown: {value}")]
    UnknownCurrency { value: String },
    #[error("email is none: {value}")]
    NoEmail { value: String },
}

/// The texts of a row as what they stand for.
pub fn parse(line: u64, raw: RawRow) -> Result<Row, Fault> {
    let id = given("id", raw.id)?;
    let customer = given("customer", raw.customer)?;
    let email = given("email", raw.email)?;
    let amount = given("amount", raw.amount)?;
    let currency = given("currency", raw.currency)?;
    let ordered_at = given("ordered_at", raw.ordered_at)?;
    if !is_id(&id) {
        return Err(Fault::NoId { value: excerpt(&id) });
    }
    let amount_cents = cents(&amount).ok_or_else(|| Fault::NoNumber { value: excerpt(&amount) })?;
    if !is_time(&ordered_at) {
        return Err(Fault::NoDate { value: excerpt(&ordered_at) });
    }
    Ok(Row { line, id, customer, email, amount_cents, currency, ordered_at })
}

/// A row as the table takes it: white space in names is one blank, addresses are lower case.
pub fn transform(row: Row) -> Result<Row, Fault> {
    if !CURRENCIES.contains(&row.currency.as_str()) {
        return Err(Fault::UnknownCurrency { value: excerpt(&row.currency) });
    }
    let customer = row.customer.split_whitespace().collect::<Vec<_>>().join(" ");
    if customer.is_empty() {
        return Err(Fault::Missing { column: "customer" });
    }
    if !is_email(&row.email) {
        return Err(Fault::NoEmail { value: excerpt(&row.email) });
    }
    let email = row.email.to_lowercase();
    Ok(Row { customer, email, ..row })
}

/// Sets aside what has the id of an earlier row: one call to the table may name a key once only.
pub fn without_doubles(rows: Vec<Row>) -> (Vec<Row>, Vec<FailedRow>) {
    let mut lines: HashMap<String, u64> = HashMap::with_capacity(rows.len());
    let (mut kept, mut doubled) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match lines.get(&row.id) {
            Some(line) => doubled.push(failed(row.line, &Fault::Doubled { line: *line })),
            None => {
                lines.insert(row.id.clone(), row.line);
                kept.push(row);
            }
        }
    }
    (kept, doubled)
}

/// The row of a line as one that is set aside.
pub fn failed(line: u64, fault: &Fault) -> FailedRow {
    FailedRow { line, reason: fault.to_string() }
}

fn given(column: &'static str, value: Option<String>) -> Result<String, Fault> {
    match value {
        None => Err(Fault::Missing { column }),
        Some(value) if value.is_empty() => Err(Fault::Missing { column }),
        // Bytes first: characters are never more.
        Some(value) if value.len() > TEXT_CHARS_MAX && value.chars().count() > TEXT_CHARS_MAX => {
            Err(Fault::TooLong { column })
        }
        Some(value) => Ok(value),
    }
}

fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `-12.5` as -1250: a decimal point, no exponent, and no more than hundredths.
fn cents(amount: &str) -> Option<i64> {
    let (sign, digits) = amount.strip_prefix('-').map_or((1, amount), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str, digits_max: usize| {
        (1..=digits_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(whole, AMOUNT_DIGITS_MAX) || !is_number(part, 2) {
        return None;
    }
    let hundredths: i64 = part.parse().ok()?;
    let hundredths = if part.len() == 1 { hundredths * 10 } else { hundredths };
    Some(sign * (whole.parse::<i64>().ok()? * 100 + hundredths))
}

/// `2026-02-28T23:59:59Z`, a time that there was.
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    let bytes = text.as_bytes();
    let has_form = bytes.len() == FORM.len()
        && bytes.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        });
    let number = |from: usize, until: usize| text.get(from..until).and_then(|text| text.parse::<i16>().ok());
    let small = |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let is_date = || Some(Date::new(number(0, 4).filter(|year| *year > 0)?, small(5)?, small(8)?).is_ok());
    has_form
        && is_date() == Some(true)
        && small(11).is_some_and(|hour| hour < 24)
        && small(14).is_some_and(|minute| minute < 60)
        && small(17).is_some_and(|second| second < 60)
}

/// Something, one @, something, and no white space: whether there is such an address, a mail tells.
fn is_email(email: &str) -> bool {
    let mut parts = email.split('@');
    let (name, host, more) = (parts.next(), parts.next(), parts.next());
    let is_given = |part: Option<&str>| part.is_some_and(|part| !part.is_empty());
    is_given(name) && is_given(host) && more.is_none() && !email.contains(char::is_whitespace)
}

fn excerpt(value: &str) -> String {
    value.chars().take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_cents(amount: &str, expected: Option<i64>) {
        assert_eq!(cents(amount), expected, "{amount}");
    }

    #[test]
    fn an_amount_is_digits_with_at_most_two_decimals() {
        check_cents("12", Some(1_200));
        check_cents("12.5", Some(1_250));
        check_cents("12.05", Some(1_205));
        check_cents("-0.07", Some(-7));
        check_cents("-0.00", Some(0));
        check_cents("999999999999.99", Some(99_999_999_999_999));
        for none in ["", "-", ".5", "5.", "12.345", "1e3", "12,50", "--5", "+5", " 5", "1000000000000", "٣"]
        {
            check_cents(none, None);
        }
    }

    #[test]
    fn a_time_is_one_that_there_was() {
        for time in ["2024-02-29T00:00:00Z", "2026-12-31T23:59:59Z", "0001-01-01T00:00:00Z"] {
            assert!(is_time(time), "{time}");
        }
        let none = [
            "2025-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "0000-01-01T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00+01:00",
            "+026-01-01T00:00:00Z",
            "yesterday",
        ];
        for text in none {
            assert!(!is_time(text), "{text}");
        }
    }

    pub(crate) fn raw(id: &str) -> RawRow {
        RawRow {
            id: Some(id.to_owned()),
            customer: Some(" Zoë\n \"Zo\"  Ångström 🎉".to_owned()),
            email: Some("Zoe@Example.COM".to_owned()),
            amount: Some("12.5".to_owned()),
            currency: Some("EUR".to_owned()),
            ordered_at: Some("2026-02-28T23:59:59Z".to_owned()),
        }
    }

    fn reason(spoil: impl FnOnce(&mut RawRow)) -> String {
        let mut row = raw("r-1");
        spoil(&mut row);
        parse(7, row).and_then(transform).expect_err("a fault").to_string()
    }

    #[test]
    fn a_good_row_is_tidied_up() {
        let row = parse(7, raw("r-1")).and_then(transform).expect("a good row");
        let expected = Row {
            line: 7,
            id: "r-1".to_owned(),
            customer: "Zoë \"Zo\" Ångström 🎉".to_owned(),
            email: "zoe@example.com".to_owned(),
            amount_cents: 1_250,
            currency: "EUR".to_owned(),
            ordered_at: "2026-02-28T23:59:59Z".to_owned(),
        };
        assert_eq!(row, expected);
    }

    #[test]
    fn a_bad_row_says_what_is_wrong() {
        assert_eq!(reason(|row| row.ordered_at = None), "ordered_at is missing");
        assert_eq!(reason(|row| row.currency = Some(String::new())), "currency is missing");
        assert_eq!(reason(|row| row.customer = Some(" \n ".into())), "customer is missing");
        assert_eq!(
            reason(|row| row.customer = Some("ä".repeat(200) + "b")),
            "customer is longer than 200 characters"
        );
        assert_eq!(reason(|row| row.id = Some("a b".into())), "id is none: a b");
        assert_eq!(reason(|row| row.amount = Some("1e3".into())), "amount is no number: 1e3");
        assert_eq!(
            reason(|row| row.ordered_at = Some("x".repeat(99))),
            format!("ordered_at is no date: {}", "x".repeat(40))
        );
        assert_eq!(reason(|row| row.currency = Some("eur".into())), "currency is unknown: eur");
        for none in ["zoe", "@example.com", "zoe@", "a@b@c", "z e@example.com"] {
            assert_eq!(reason(|row| row.email = Some(none.into())), format!("email is none: {none}"));
        }
    }

    #[test]
    fn of_two_rows_with_one_id_the_first_stays() {
        let row = |line, id| parse(line, raw(id)).expect("a good row");
        let (kept, failed) = without_doubles(vec![row(2, "a"), row(3, "b"), row(4, "a"), row(5, "a")]);
        assert_eq!(kept.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3]);
        let told: Vec<_> = failed.iter().map(|row| (row.line, row.reason.as_str())).collect();
        assert_eq!(told, [(4, "id is that of line 2 too"), (5, "id is that of line 2 too")]);
    }
}
