//! The VAT ids of the European Union: their shape in every country, and their check digits where the rule is public.
//!
//! What passes is well formed; whether it was ever issued only the Union's own register knows.

/// What is wrong with a VAT id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VatIdFault {
    #[error("it begins with {found:?}, but the customer is in {expected}")]
    OtherCountry { expected: String, found: String },
    #[error("it isn't shaped like one of {country}")]
    Shape { country: String },
    #[error("its check digits don't fit")]
    CheckDigits,
}

/// Checks a VAT id of a customer in `country`. Blanks, dots and hyphens don't count.
pub fn check(vat_id: &str, country: &str) -> Result<(), VatIdFault> {
    let compact: String = vat_id.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
    // Greece writes EL where ISO 3166 has GR.
    let prefix = if country == "GR" { "EL" } else { country };
    let Some(number) = compact.strip_prefix(prefix) else {
        let found = compact.chars().take(2).collect();
        return Err(VatIdFault::OtherCountry { expected: prefix.to_owned(), found });
    };
    if !is_shaped_for(number, country) {
        return Err(VatIdFault::Shape { country: country.to_owned() });
    }
    if has_fitting_check_digits(number, country) { Ok(()) } else { Err(VatIdFault::CheckDigits) }
}

fn is_shaped_for(number: &str, country: &str) -> bool {
    let digits = |range: std::ops::RangeInclusive<usize>| {
        range.contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit())
    };
    match country {
        "BE" => digits(10..=10),
        "BG" | "CZ" => digits(8..=10),
        "DE" | "EE" | "GR" | "PT" => digits(9..=9),
        "DK" | "FI" | "HU" | "LU" | "MT" | "SI" => digits(8..=8),
        "HR" | "IT" | "LV" => digits(11..=11),
        "LT" => digits(9..=9) || digits(12..=12),
        "PL" | "SK" => digits(10..=10),
        "RO" => digits(2..=10),
        "SE" => digits(12..=12),
        "FR" => number.len() == 11 && number.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()),
        // Austria, Cyprus, Ireland, the Netherlands and Spain mix letters in.
        _ => {
            (8..=12).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        }
    }
}

fn has_fitting_check_digits(number: &str, country: &str) -> bool {
    let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
    match (country, digits.as_slice()) {
        ("DE", [head @ .., last]) => iso_7064_mod_11_10(head) == *last,
        ("IT", all) => luhn(all),
        ("BE", all) => {
            let number = as_number(all);
            97 - (number / 100) % 97 == number % 100
        }
        ("PL", [head @ .., last]) => weighted(head, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == *last,
        ("DK", all) => weighted(all, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
        ("FI", [head @ .., last]) => (11 - weighted(head, &[7, 9, 10, 5, 8, 4, 2]) % 11) % 11 == *last,
        // Two digits of a key, then nine that the key is made from. Keys with letters follow another rule.
        ("FR", [a, b, siren @ ..]) if siren.len() == 9 => {
            (12 + 3 * (as_number(siren) % 97)) % 97 == u64::from(a * 10 + b)
        }
        _ => true,
    }
}

/// The Luhn sum of a number, its last digit being the check digit. Card numbers have it too.
pub(crate) fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled @ 10..) => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

fn iso_7064_mod_11_10(digits: &[u32]) -> u32 {
    let product = digits.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum } * 2) % 11
    });
    (11 - product) % 10
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn as_number(digits: &[u32]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_ok(country: &str, vat_id: &str) {
        assert_eq!(check(vat_id, country), Ok(()), "{vat_id}");
    }

    #[track_caller]
    fn check_digits_fail(country: &str, vat_id: &str) {
        assert_eq!(check(vat_id, country), Err(VatIdFault::CheckDigits), "{vat_id}");
    }

    #[test]
    fn published_ids_pass_and_a_changed_digit_fails() {
        // Each fitting id is followed by one with another last digit or another key.
        check_ok("DE", "DE136695976");
        check_digits_fail("DE", "DE136695978");
        check_ok("FR", "FR40303265045");
        check_digits_fail("FR", "FR41303265045");
        check_ok("BE", "BE0428759497");
        check_digits_fail("BE", "BE0431150351");
        check_ok("IT", "IT00743110157");
        check_digits_fail("IT", "IT00743110158");
        check_ok("PL", "PL8567346215");
        check_digits_fail("PL", "PL8567346216");
        check_ok("DK", "DK13585628");
        check_digits_fail("DK", "DK13585627");
        check_ok("FI", "FI20774740");
        check_digits_fail("FI", "FI20774741");
    }

    #[test]
    fn blanks_and_dots_do_not_count() {
        check_ok("BE", "BE 0428.759.497");
        check_ok("GR", "EL094259216");
    }

    #[test]
    fn another_shape_or_another_country_is_named() {
        assert_eq!(check("DE12345", "DE"), Err(VatIdFault::Shape { country: "DE".to_owned() }));
        assert_eq!(check("DE13669597X", "DE"), Err(VatIdFault::Shape { country: "DE".to_owned() }));
        assert_eq!(
            check("FR40303265045", "DE"),
            Err(VatIdFault::OtherCountry { expected: "DE".to_owned(), found: "FR".to_owned() })
        );
        assert_eq!(
            check("", "DE"),
            Err(VatIdFault::OtherCountry { expected: "DE".to_owned(), found: String::new() })
        );
    }

    #[test]
    fn no_text_at_all_makes_it_panic() {
        for text in ["DE٣٣٣٣٣٣٣٣٣", "FR\u{0}\u{0}", "PLÄÄÄÄÄ", "IT00000000000"] {
            for country in ["DE", "FR", "PL", "IT", "BE", "ES", "US"] {
                let _ = check(text, country);
            }
        }
    }
}
