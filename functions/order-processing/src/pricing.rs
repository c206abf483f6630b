//! What an order costs. Checked and bounded: no sum wraps, whatever the lines say.

use crate::limits::TOTAL_MINOR_UNITS_MAX;
use crate::money::{Currency, Money};
use crate::order::Line;

/// Why there is no total.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the total is beyond {}", Money::new(currency, TOTAL_MINOR_UNITS_MAX))]
pub struct TotalTooLarge {
    currency: String,
}

/// The sum of quantity × unit price over all lines.
pub fn total(lines: &[Line], currency: &Currency) -> Result<Money, TotalTooLarge> {
    lines
        .iter()
        .try_fold(0_i64, |sum, line| sum.checked_add(line.quantity.checked_mul(line.unit_price)?))
        .filter(|sum| *sum <= TOTAL_MINOR_UNITS_MAX)
        .map(|sum| Money::new(currency.code, sum))
        .ok_or_else(|| TotalTooLarge { currency: currency.code.to_owned() })
}

/// The part of a gross amount that is tax, rounded half up, at a rate in hundredths of a percent.
///
/// The amount is bounded by [`TOTAL_MINOR_UNITS_MAX`], but 128 bits make it right for every number.
pub fn tax_within(gross_minor_units: i64, rate_basis_points: i64) -> i64 {
    let gross = i128::from(gross_minor_units);
    let rate = i128::from(rate_basis_points.max(0));
    let divisor = 10_000 + rate;
    // The tax is a part of the amount, so it fits where the amount fitted.
    i64::try_from((gross * rate + divisor / 2).div_euclid(divisor)).unwrap_or(gross_minor_units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(quantity: i64, unit_price: i64) -> Line {
        Line { sku: "S".to_owned(), title: "T".to_owned(), quantity, unit_price }
    }

    fn eur() -> &'static Currency {
        Currency::find("EUR").expect("the euro is a currency")
    }

    #[test]
    fn a_total_is_the_sum_of_its_lines() {
        assert_eq!(total(&[line(2, 1_290), line(1, 499)], eur()), Ok(Money::new("EUR", 3_079)));
        assert_eq!(total(&[], eur()), Ok(Money::new("EUR", 0)));
    }

    #[test]
    fn a_total_beyond_the_limit_or_beyond_64_bits_is_refused() {
        assert!(total(&[line(1, TOTAL_MINOR_UNITS_MAX)], eur()).is_ok());
        assert!(total(&[line(1, TOTAL_MINOR_UNITS_MAX), line(1, 1)], eur()).is_err());
        assert!(total(&[line(i64::MAX, 2)], eur()).is_err());
        assert!(total(&[line(1, i64::MAX), line(1, i64::MAX)], eur()).is_err());
    }

    #[test]
    fn tax_is_taken_out_of_the_gross_amount() {
        assert_eq!(tax_within(11_900, 1_900), 1_900);
        assert_eq!(tax_within(100, 1_900), 16);
        assert_eq!(tax_within(100, 0), 0);
        assert_eq!(tax_within(i64::MAX, 1_900), 1_472_639_232_775_132_272);
    }
}
