//! A hire, and everything that can be wrong with one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{
    APPROVAL_SECONDS, APPROVAL_SECONDS_MAX, ARTICLES_MAX, EMAIL_CHARS_MAX, HIRE_ID_CHARS_MAX, TEXT_CHARS_MAX,
};

/// Somebody who is to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hire {
    /// Letters, digits and `-`; the login of the account.
    pub hire_id: String,
    pub name: String,
    /// Where the welcome goes.
    pub email: String,
    pub role: String,
    /// RFC 3339; once it was read, in UTC.
    pub first_day: String,
    pub salary: Salary,
    pub equipment: Vec<Article>,
    pub approval: Approval,
}

/// A year's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salary {
    pub currency: String,
    pub minor_units: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Article {
    Laptop,
    Monitor,
    Headset,
    Phone,
    Badge,
}

/// Who approves, and how long the approver has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub by: String,
    /// So long for the first answer, and as long again after the reminder.
    #[serde(default = "approval_seconds")]
    pub timeout_seconds: u64,
}

fn approval_seconds() -> u64 {
    APPROVAL_SECONDS
}

/// Reads a hire. What doesn't have its shape is told by its first fault; of what has, all faults are told.
///
/// Members that a hire doesn't have are ignored. The shape:
///
/// ```json
/// {
///   "hire_id": "emp-2025-0001",
///   "name": "Zoë Krüger",
///   "email": "zoe@example.org",
///   "role": "Engineer",
///   "first_day": "2025-02-03T09:00:00+01:00",
///   "salary": {"currency": "EUR", "minor_units": 6200000},
///   "equipment": ["laptop", "monitor", "headset", "phone", "badge"],
///   "approval": {"by": "mara@example.com", "timeout_seconds": 259200}
/// }
/// ```
///
/// `timeout_seconds` may be absent.
pub fn read(input: &Value) -> Result<Hire, String> {
    let mut hire = Hire::deserialize(input).map_err(|error| error.to_string())?;
    let mut faults = Vec::new();
    let is_id_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if hire.hire_id.is_empty()
        || hire.hire_id.len() > HIRE_ID_CHARS_MAX
        || !hire.hire_id.chars().all(is_id_char)
    {
        faults.push(format!("hire_id: isn't 1 to {HIRE_ID_CHARS_MAX} of a-z, 0-9 and -"));
    }
    for (member, text) in [("name", &hire.name), ("role", &hire.role)] {
        if text.trim().is_empty()
            || text.chars().any(char::is_control)
            || text.chars().count() > TEXT_CHARS_MAX
        {
            faults.push(format!("{member}: isn't a text of 1 to {TEXT_CHARS_MAX} characters"));
        }
    }
    for (member, address) in [("email", &hire.email), ("approval.by", &hire.approval.by)] {
        if !is_email(address) {
            faults.push(format!("{member}: isn't an address as in name@example.com"));
        }
    }
    match hire.first_day.parse::<jiff::Timestamp>() {
        Ok(first_day) => hire.first_day = first_day.to_string(),
        Err(_) => faults.push("first_day: isn't a time as in 2025-02-03T09:00:00+01:00".to_owned()),
    }
    let Salary { currency, minor_units } = &hire.salary;
    if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) || *minor_units <= 0 {
        faults.push("salary: isn't a positive amount in a currency as in EUR".to_owned());
    }
    if hire.equipment.len() > ARTICLES_MAX {
        faults.push(format!("equipment: has more than {ARTICLES_MAX} articles"));
    }
    if !(1..=APPROVAL_SECONDS_MAX).contains(&hire.approval.timeout_seconds) {
        faults.push(format!("approval.timeout_seconds: isn't 1 to {APPROVAL_SECONDS_MAX}"));
    }
    if faults.is_empty() { Ok(hire) } else { Err(faults.join("; ")) }
}

fn is_email(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    let (name, domain) = text.split_once('@').unwrap_or_default();
    !name.is_empty()
        && domain.split('.').all(|label| !label.is_empty())
        && domain.contains('.')
        && !domain.contains('@')
        && text.chars().all(is_plain)
        && text.chars().count() <= EMAIL_CHARS_MAX
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A hire without a fault.
    pub(crate) fn sound() -> Value {
        json!({
            "hire_id": "emp-1", "name": "Zoë Krüger", "email": "zoe@example.org", "role": "Engineer",
            "first_day": "2025-02-03T09:00:00+01:00", "salary": {"currency": "EUR", "minor_units": 6_200_000},
            "equipment": ["laptop", "badge"], "approval": {"by": "mara@example.com"},
        })
    }

    #[test]
    fn what_is_left_out_is_set_and_the_first_day_is_in_utc() {
        let hire = read(&sound()).expect("a hire");
        assert_eq!(hire.first_day, "2025-02-03T08:00:00Z");
        assert_eq!(hire.approval.timeout_seconds, APPROVAL_SECONDS);
    }

    #[track_caller]
    fn check(pointer: &str, value: Value, expected: &str) {
        let mut input = sound();
        *input.pointer_mut(pointer).expect("it is there") = value;
        assert_eq!(read(&input), Err(expected.to_owned()));
    }

    #[test]
    fn each_fault_is_told() {
        check("/hire_id", json!("EMP 1"), "hire_id: isn't 1 to 80 of a-z, 0-9 and -");
        check("/name", json!(" "), "name: isn't a text of 1 to 200 characters");
        check("/email", json!("zoe@localhost"), "email: isn't an address as in name@example.com");
        check("/approval/by", json!("mara"), "approval.by: isn't an address as in name@example.com");
        check("/first_day", json!("2025-02-03"), "first_day: isn't a time as in 2025-02-03T09:00:00+01:00");
        check("/salary/minor_units", json!(0), "salary: isn't a positive amount in a currency as in EUR");
        check("/equipment", json!(vec!["phone"; 21]), "equipment: has more than 20 articles");
        check(
            "/approval",
            json!({"by": "m@e.com", "timeout_seconds": 0}),
            "approval.timeout_seconds: isn't 1 to 2592000",
        );
        check(
            "/equipment/0",
            json!("yacht"),
            "unknown variant `yacht`, expected one of `laptop`, `monitor`, `headset`, `phone`, `badge`",
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let mut input = sound();
        input["name"] = json!("");
        input["email"] = json!("");
        let faults = read(&input).expect_err("two faults");
        assert_eq!(
            faults,
            "name: isn't a text of 1 to 200 characters; email: isn't an address as in name@example.com"
        );
        assert_eq!(read(&json!("Zoë")), Err("invalid type: string \"Zoë\", expected struct Hire".to_owned()));
    }
}
