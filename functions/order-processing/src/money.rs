//! Money as an integer of minor units, and the currencies that the shop takes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount: 12.90 EUR is `{"currency": "EUR", "minor_units": 1290}`, 1,290 JPY has no smaller unit and is the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// ISO 4217, three upper-case letters.
    pub currency: String,
    /// Cents, yen, fils: the currency's smallest unit.
    pub minor_units: i64,
}

impl Money {
    /// `minor_units` of the currency.
    pub fn new(currency: &str, minor_units: i64) -> Self {
        Self { currency: currency.to_owned(), minor_units }
    }
}

/// `1,234.50 EUR`: thousands grouped, as many decimals as the currency has.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = Currency::find(&self.currency).map_or(0, |currency| currency.decimals);
        let scale = 10_u64.pow(decimals);
        let minor_units = self.minor_units.unsigned_abs();
        if self.minor_units < 0 {
            f.write_str("-")?;
        }
        f.write_str(&grouped(minor_units / scale))?;
        if decimals > 0 {
            write!(f, ".{:0width$}", minor_units % scale, width = decimals as usize)?;
        }
        write!(f, " {}", self.currency)
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A currency that the shop takes.
#[derive(Debug)]
pub struct Currency {
    /// ISO 4217.
    pub code: &'static str,
    /// Decimals of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub decimals: u32,
    /// Millionths of a euro for one whole unit. Rough and rarely changed: it only decides who looks at an order.
    pub micro_eur: i64,
}

impl Currency {
    /// The currency of that code, `None` if the shop doesn't take it.
    pub fn find(code: &str) -> Option<&'static Currency> {
        CURRENCIES.iter().find(|currency| currency.code == code)
    }

    /// What an amount is worth in euro cents, rounded half up; `None` beyond 64 bits.
    pub fn eur_cents(&self, minor_units: i64) -> Option<i64> {
        // minor / 10^decimals × micro_eur is millionths of a euro, and a cent is 10,000 of them.
        let divisor = 10_i128.pow(self.decimals) * 10_000;
        let numerator = i128::from(minor_units) * i128::from(self.micro_eur);
        i64::try_from((numerator + divisor / 2).div_euclid(divisor)).ok()
    }
}

const fn currency(code: &'static str, decimals: u32, micro_eur: i64) -> Currency {
    Currency { code, decimals, micro_eur }
}

/// All currencies that the shop takes.
pub const CURRENCIES: &[Currency] = &[
    currency("AED", 2, 235_000),
    currency("AUD", 2, 560_000),
    currency("BHD", 3, 2_290_000),
    currency("BRL", 2, 160_000),
    currency("CAD", 2, 620_000),
    currency("CHF", 2, 1_070_000),
    currency("CLP", 0, 900),
    currency("CZK", 2, 41_000),
    currency("DKK", 2, 134_000),
    currency("EUR", 2, 1_000_000),
    currency("GBP", 2, 1_150_000),
    currency("HUF", 2, 2_550),
    currency("INR", 2, 9_800),
    currency("ISK", 0, 7_000),
    currency("JOD", 3, 1_220_000),
    currency("JPY", 0, 5_800),
    currency("KRW", 0, 610),
    currency("KWD", 3, 2_820_000),
    currency("MXN", 2, 47_000),
    currency("NOK", 2, 86_000),
    currency("NZD", 2, 500_000),
    currency("OMR", 3, 2_240_000),
    currency("PLN", 2, 235_000),
    currency("RON", 2, 197_000),
    currency("SEK", 2, 91_000),
    currency("SGD", 2, 665_000),
    currency("TND", 3, 295_000),
    currency("TRY", 2, 20_500),
    currency("USD", 2, 864_000),
    currency("ZAR", 2, 50_000),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_display(currency: &str, minor_units: i64, expected: &str) {
        assert_eq!(Money::new(currency, minor_units).to_string(), expected);
    }

    #[test]
    fn an_amount_shows_the_decimals_of_its_currency() {
        check_display("EUR", 1_290, "12.90 EUR");
        check_display("EUR", 123_456_705, "1,234,567.05 EUR");
        check_display("EUR", 5, "0.05 EUR");
        check_display("EUR", -250, "-2.50 EUR");
        check_display("JPY", 129_000, "129,000 JPY");
        check_display("KWD", 1_290, "1.290 KWD");
        check_display("EUR", i64::MIN, "-92,233,720,368,547,758.08 EUR");
    }

    #[track_caller]
    fn check_eur_cents(code: &str, minor_units: i64, expected: Option<i64>) {
        assert_eq!(Currency::find(code).expect("a known currency").eur_cents(minor_units), expected);
    }

    #[test]
    fn a_value_in_euro_cents_knows_the_minor_unit() {
        check_eur_cents("EUR", 1_290, Some(1_290));
        check_eur_cents("JPY", 10_000, Some(5_800));
        check_eur_cents("KWD", 1_000, Some(282));
        check_eur_cents("USD", 1_000, Some(864));
        check_eur_cents("KRW", 1, Some(0));
        check_eur_cents("CLP", 6, Some(1));
        check_eur_cents("KWD", i64::MAX, Some(2_600_990_914_393_046_778));
        check_eur_cents("JOD", i64::MAX, Some(1_125_251_388_496_282_648));
        check_eur_cents("CHF", i64::MAX, None);
    }

    #[test]
    fn currencies_are_sorted_and_unique() {
        assert!(CURRENCIES.is_sorted_by(|a, b| a.code < b.code));
    }
}
