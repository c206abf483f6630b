//! A registration, and everything that can be wrong with one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{EMAIL_CHARS_MAX, NAME_CHARS_MAX};

/// Somebody who wants to be a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Once it was read, in lower case.
    pub email: String,
    pub name: String,
    /// Of the welcome.
    #[serde(default)]
    pub language: Language,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    En,
    De,
    Fr,
}

/// Reads a registration. What doesn't have its shape is told by its first fault; of what has, all faults are told.
///
/// Members that a registration doesn't have are ignored. The shape, of which `language` may be absent:
///
/// ```json
/// {"email": "ada@example.org", "name": "Ada Nkemelu", "language": "en"}
/// ```
pub fn read(input: &Value) -> Result<Registration, String> {
    let mut registration = Registration::deserialize(input).map_err(|error| error.to_string())?;
    let mut faults = Vec::new();
    // Whether the part before the at sign has cases is up to its host (RFC 5321, 2.4); nobody uses it, and two users would be one.
    registration.email = registration.email.trim().to_lowercase();
    if !is_email(&registration.email) {
        faults.push("email: isn't an address as in name@example.com".to_owned());
    }
    registration.name = registration.name.trim().to_owned();
    let name = &registration.name;
    if name.is_empty() || name.chars().any(char::is_control) || name.chars().count() > NAME_CHARS_MAX {
        faults.push(format!("name: isn't a text of 1 to {NAME_CHARS_MAX} characters"));
    }
    if faults.is_empty() { Ok(registration) } else { Err(faults.join("; ")) }
}

fn is_email(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c);
    let (name, domain) = text.split_once('@').unwrap_or_default();
    !name.is_empty()
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && !domain.contains('@')
        && text.chars().all(is_plain)
        && text.chars().count() <= EMAIL_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        let read = read(&json!({"email": " Ada@Example.ORG ", "name": " Ada ", "more": 1})).expect("sound");
        let expected =
            Registration { email: "ada@example.org".into(), name: "Ada".into(), language: Language::En };
        assert_eq!(read, expected);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let why = read(&json!({"email": "ada", "name": ""})).expect_err("two faults");
        assert_eq!(
            why,
            "email: isn't an address as in name@example.com; name: isn't a text of 1 to 200 characters"
        );
        for email in ["@a.b", "a@", "a@b", "a@b..c", "a@b@c.d", "a b@c.d", "a@b.c\n", "a,b@c.d", "<a@b.c>"] {
            let registration = json!({"email": email, "name": "Ada"});
            assert_eq!(read(&registration).is_ok(), email == "a@b.c\n", "{email:?}");
        }
        for (input, why) in [
            (json!(7), "invalid type: integer `7`, expected struct Registration"),
            (json!({"name": "Ada"}), "missing field `email`"),
            (json!({"email": "a@b.c", "name": "A", "language": "xx"}), "unknown variant `xx`"),
        ] {
            assert!(read(&input).expect_err("no shape").contains(why), "{input}");
        }
    }
}
