//! The payment provider behind a trait, and a stand-in for it that lives in the process.

use std::future::Future;

use sha2::{Digest, Sha256};

use crate::money::Money;
use crate::order::Card;

/// What the shop asks of whoever moves the money. A real provider goes here.
pub trait PaymentProvider: Send + Sync {
    /// Takes the money, once per operation key however often it is asked.
    fn charge(&self, charge: &Charge<'_>) -> impl Future<Output = Result<String, ProviderError>> + Send;

    /// Gives back whatever was taken under the reference, once; fine if nothing was.
    ///
    /// It isn't told which charge: one that timed out has no id, and may have been made all the same.
    fn refund(&self, refund: &Refund<'_>) -> impl Future<Output = Result<String, ProviderError>> + Send;
}

/// Money to take. The answer is the provider's id of the charge.
#[derive(Debug)]
pub struct Charge<'a> {
    /// The same for every attempt: the provider's idempotency key.
    pub operation_key: &'a str,
    /// The run's name, under which the provider keeps the charge.
    pub reference: &'a str,
    /// 1 for the first.
    pub attempt: u32,
    pub amount: &'a Money,
    pub card: &'a Card,
}

/// Money to give back. The answer is the provider's id of the refund.
#[derive(Debug)]
pub struct Refund<'a> {
    pub reference: &'a str,
    /// 1 for the first.
    pub attempt: u32,
}

/// Why the provider didn't do it. The first is final; the others are worth another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("the card was declined: {code}")]
    Declined { code: &'static str },
    #[error("the provider did not answer in time")]
    Timeout,
    #[error("the provider is unavailable")]
    Unavailable,
}

/// A provider without a network and without a memory: each answer is a function of the question.
///
/// So it is idempotent across processes, and a run goes the same way whenever it is repeated. It declines the numbers
/// in [`TEST_CARDS`] and takes every other card. A part of all calls fails for the moment, half of them as timeouts;
/// which ones is drawn from (seed, reference, attempt).
#[derive(Debug, Clone)]
pub struct FakeProvider {
    seed: u64,
    failure_percent: u8,
}

impl FakeProvider {
    /// Fails `failure_percent` of its calls, 0 to 100.
    pub fn new(seed: u64, failure_percent: u8) -> Self {
        Self { seed, failure_percent: failure_percent.min(100) }
    }

    /// From `PAYMENT_SEED` (1 unless set) and `PAYMENT_FAILURE_PERCENT` (15 unless set).
    pub fn from_env() -> Result<Self, String> {
        let seed = number_of("PAYMENT_SEED", std::env::var("PAYMENT_SEED").ok().as_deref(), 1, u64::MAX)?;
        let percent = std::env::var("PAYMENT_FAILURE_PERCENT").ok();
        let percent = number_of("PAYMENT_FAILURE_PERCENT", percent.as_deref(), 15, 100)?;
        Ok(Self::new(seed, u8::try_from(percent).unwrap_or(100)))
    }

    fn fail_at_times(&self, what: &str, reference: &str, attempt: u32) -> Result<(), ProviderError> {
        let draw = draw(&[&self.seed.to_string(), what, reference, &attempt.to_string()]);
        if draw % 100 >= u64::from(self.failure_percent) {
            return Ok(());
        }
        Err(if (draw / 100).is_multiple_of(2) { ProviderError::Timeout } else { ProviderError::Unavailable })
    }
}

impl PaymentProvider for FakeProvider {
    async fn charge(&self, charge: &Charge<'_>) -> Result<String, ProviderError> {
        self.fail_at_times("charge", charge.reference, charge.attempt)?;
        if let Some((_, code)) = TEST_CARDS.iter().find(|(number, _)| *number == charge.card.number) {
            return Err(ProviderError::Declined { code });
        }
        Ok(format!("ch_{:016x}", draw(&["charge", charge.operation_key])))
    }

    async fn refund(&self, refund: &Refund<'_>) -> Result<String, ProviderError> {
        self.fail_at_times("refund", refund.reference, refund.attempt)?;
        Ok(format!("re_{:016x}", draw(&["refund", refund.reference])))
    }
}

/// Card numbers that are declined, with the code: the numbers and codes that Stripe's test mode knows
/// (<https://docs.stripe.com/testing#declined-payments>).
pub const TEST_CARDS: &[(&str, &str)] = &[
    ("4000000000000002", "generic_decline"),
    ("4000000000009995", "insufficient_funds"),
    ("4000000000009987", "lost_card"),
    ("4000000000009979", "stolen_card"),
    ("4000000000000069", "expired_card"),
    ("4000000000000127", "incorrect_cvc"),
    ("4000000000000119", "processing_error"),
    ("4000000000006975", "card_velocity_exceeded"),
];

fn number_of(name: &str, text: Option<&str>, default: u64, most: u64) -> Result<u64, String> {
    let Some(text) = text else {
        return Ok(default);
    };
    match text.trim().parse() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("{name} is {text:?}, but must be a whole number from 0 to {most}")),
    }
}

/// A number that depends on all the parts and on where each one ends.
fn draw(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vat_id::luhn;

    fn card(number: &str) -> Card {
        Card { holder: "Zoë".to_owned(), number: number.to_owned() }
    }

    async fn charge(
        provider: &FakeProvider,
        number: &str,
        key: &str,
        attempt: u32,
    ) -> Result<String, ProviderError> {
        let (amount, card) = (Money::new("EUR", 1_290), card(number));
        let charge = Charge { operation_key: key, reference: "ord-1", attempt, amount: &amount, card: &card };
        provider.charge(&charge).await
    }

    #[tokio::test]
    async fn a_charge_is_made_once_per_operation_key() {
        let provider = FakeProvider::new(1, 0);
        let first = charge(&provider, "4242424242424242", "key", 1).await.expect("a sound card is charged");
        assert_eq!(charge(&provider, "4242424242424242", "key", 2).await, Ok(first.clone()));
        assert_ne!(charge(&provider, "4242424242424242", "other", 1).await, Ok(first));
    }

    #[tokio::test]
    async fn test_cards_are_declined_on_every_attempt() {
        let provider = FakeProvider::new(1, 0);
        for (number, code) in TEST_CARDS {
            for attempt in 1..4 {
                let answer = charge(&provider, number, "key", attempt).await;
                assert_eq!(answer, Err(ProviderError::Declined { code }));
            }
        }
    }

    #[test]
    fn test_cards_pass_the_check_of_a_card_number() {
        for (number, _) in TEST_CARDS {
            let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
            assert!(luhn(&digits), "{number}");
        }
    }

    #[test]
    fn calls_fail_at_the_rate_that_was_asked_for_and_both_ways() {
        for percent in [0, 15, 20, 100] {
            let provider = FakeProvider::new(7, percent);
            let answers: Vec<_> = (0..10_000)
                .map(|order| provider.fail_at_times("charge", &format!("ord-{order}"), 1))
                .collect();
            let failed = answers.iter().filter(|answer| answer.is_err()).count();
            assert!(failed.abs_diff(usize::from(percent) * 100) < 200, "{percent} %: {failed}");
            let timeouts = answers.iter().filter(|answer| **answer == Err(ProviderError::Timeout)).count();
            assert!(timeouts.abs_diff(failed / 2) < 200, "{percent} %: {timeouts} of {failed}");
        }
    }

    #[test]
    fn a_failure_depends_on_the_seed_the_order_and_the_attempt() {
        let answers = |seed, order: &str| -> Vec<bool> {
            let provider = FakeProvider::new(seed, 50);
            (1..64).map(|attempt| provider.fail_at_times("charge", order, attempt).is_ok()).collect()
        };
        assert_eq!(answers(1, "ord-1"), answers(1, "ord-1"));
        assert_ne!(answers(1, "ord-1"), answers(2, "ord-1"));
        assert_ne!(answers(1, "ord-1"), answers(1, "ord-2"));
    }

    #[test]
    fn a_setting_that_is_no_number_is_refused() {
        assert_eq!(number_of("X", None, 15, 100), Ok(15));
        assert_eq!(number_of("X", Some(" 20 "), 15, 100), Ok(20));
        let expected = Err("X is \"101\", but must be a whole number from 0 to 100".to_owned());
        assert_eq!(number_of("X", Some("101"), 15, 100), expected);
        assert!(number_of("X", Some("-1"), 15, 100).is_err());
        assert!(number_of("X", Some("0.15"), 15, 100).is_err());
    }
}
