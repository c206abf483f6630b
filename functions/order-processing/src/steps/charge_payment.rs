//! Charges the card of an order, or gives the money back.

use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};

use crate::money::Money;
use crate::order::Card;
use crate::payment::{Charge, FakeProvider, PaymentProvider, ProviderError, Refund};
use crate::records::{DynamoRecords, Payment, Records, RecordsError};

/// What to do with the money of the order `reference`, which is the run's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum PaymentRequest {
    Charge { reference: String, amount: Money, card: Card },
    Refund { reference: String },
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentAnswer {
    Charged { charge_id: String, amount: Money, card_last4: String },
    Refunded { refund_id: String },
}

/// Why it wasn't. `PaymentTimeout`, `ProviderUnavailable` and `StoreUnavailable` are worth another attempt.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    #[error("the card ending in {card_last4} was declined: {code}")]
    CardDeclined { card_last4: String, code: &'static str },
    #[error("the payment provider did not answer in time; the money may have moved")]
    PaymentTimeout,
    #[error("the payment provider is unavailable")]
    ProviderUnavailable,
    #[error("{0}")]
    StoreUnavailable(RecordsError),
    #[error("{0}")]
    OrderClosed(RecordsError),
    #[error("{0}")]
    Misconfigured(String),
}

impl StepError for PaymentError {}

/// The step as it is deployed: the stand-in for a provider, and the orders table.
pub async fn charge_payment(request: PaymentRequest, step: Step) -> Result<PaymentAnswer, PaymentError> {
    let provider = FakeProvider::from_env().map_err(PaymentError::Misconfigured)?;
    pay(request, &step, &provider, DynamoRecords::from_env().await).await
}

/// The step with any provider and any records.
pub async fn pay(
    request: PaymentRequest,
    step: &Step,
    provider: &impl PaymentProvider,
    records: &impl Records,
) -> Result<PaymentAnswer, PaymentError> {
    match request {
        PaymentRequest::Charge { reference, amount, card } => {
            let payment = charge(&reference, amount, &card, step, provider, records).await?;
            let Payment { charge_id, amount } = payment;
            Ok(PaymentAnswer::Charged { charge_id, amount, card_last4: card.last4().to_owned() })
        }
        PaymentRequest::Refund { reference } => {
            let refund_id = refund(&reference, step, provider, records).await?;
            Ok(PaymentAnswer::Refunded { refund_id })
        }
    }
}

async fn charge(
    reference: &str,
    amount: Money,
    card: &Card,
    step: &Step,
    provider: &impl PaymentProvider,
    records: &impl Records,
) -> Result<Payment, PaymentError> {
    // A repetition of a charge that is on record doesn't ask the provider, and one after the refund must not.
    if let Some((payment, operation)) = records.payment(reference).await? {
        if payment.amount != amount {
            return Err(RecordsError::Conflict { what: "payment" }.into());
        }
        if operation != step.operation_key() {
            // The order's id is what a customer pays for once, also if an earlier run of that name is long gone.
            tracing::warn!(reference, charge_id = payment.charge_id, "an earlier run has charged this order");
        }
        return Ok(payment);
    }
    let charge = Charge {
        operation_key: step.operation_key(),
        reference,
        attempt: step.attempt(),
        amount: &amount,
        card,
    };
    let charge_id = provider.charge(&charge).await.map_err(|error| match error {
        ProviderError::Declined { code } => {
            PaymentError::CardDeclined { card_last4: card.last4().to_owned(), code }
        }
        ProviderError::Timeout => PaymentError::PaymentTimeout,
        ProviderError::Unavailable => PaymentError::ProviderUnavailable,
    })?;
    let payment = Payment { charge_id, amount };
    let recorded = records.record_charge(reference, step.operation_key(), &payment).await;
    if let Err(RecordsError::Closed { .. }) = recorded {
        // The refund overtook this charge: what was just taken must not stay.
        refund(reference, step, provider, records).await?;
    }
    Ok(recorded?)
}

async fn refund(
    reference: &str,
    step: &Step,
    provider: &impl PaymentProvider,
    records: &impl Records,
) -> Result<String, PaymentError> {
    let refund = Refund { reference, attempt: step.attempt() };
    let refund_id = provider.refund(&refund).await.map_err(|error| match error {
        ProviderError::Timeout => PaymentError::PaymentTimeout,
        ProviderError::Unavailable | ProviderError::Declined { .. } => PaymentError::ProviderUnavailable,
    })?;
    records.record_refund(reference, &refund_id).await?;
    Ok(refund_id)
}

impl From<RecordsError> for PaymentError {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::Unavailable { .. } => Self::StoreUnavailable(error),
            RecordsError::Closed { .. } | RecordsError::Conflict { .. } | RecordsError::OutOfStock { .. } => {
                Self::OrderClosed(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::records::MemoryRecords;

    fn charge_request(number: &str) -> PaymentRequest {
        let card = Card { holder: "Zoë".to_owned(), number: number.to_owned() };
        PaymentRequest::Charge { reference: "ord-1".to_owned(), amount: Money::new("EUR", 1_290), card }
    }

    fn refund_request() -> PaymentRequest {
        PaymentRequest::Refund { reference: "ord-1".to_owned() }
    }

    fn step() -> Step {
        Step::for_test("ChargePayment")
    }

    /// Counts the calls, and can be told to let a refund overtake the charge.
    #[derive(Default)]
    struct Provider<'a> {
        charges: Mutex<u32>,
        refunds: Mutex<u32>,
        overtaken: Option<&'a MemoryRecords>,
    }

    impl PaymentProvider for Provider<'_> {
        async fn charge(&self, _: &Charge<'_>) -> Result<String, ProviderError> {
            *self.charges.lock().expect("no panic holds it") += 1;
            if let Some(records) = self.overtaken {
                records.record_refund("ord-1", "re_1").await.expect("memory takes it");
            }
            Ok("ch_1".to_owned())
        }

        async fn refund(&self, _: &Refund<'_>) -> Result<String, ProviderError> {
            *self.refunds.lock().expect("no panic holds it") += 1;
            Ok("re_1".to_owned())
        }
    }

    #[tokio::test]
    async fn a_charge_is_made_recorded_and_not_made_again() {
        let (records, provider) = (MemoryRecords::default(), Provider::default());
        let first = pay(charge_request("4242424242424242"), &step(), &provider, &records).await;
        let second =
            pay(charge_request("4242424242424242"), &step().with_attempt(2), &provider, &records).await;
        let expected = PaymentAnswer::Charged {
            charge_id: "ch_1".to_owned(),
            amount: Money::new("EUR", 1_290),
            card_last4: "4242".to_owned(),
        };
        assert_eq!(first, Ok(expected));
        assert_eq!(first, second);
        assert_eq!(*provider.charges.lock().expect("no panic holds it"), 1);
    }

    #[tokio::test]
    async fn another_run_of_the_same_order_gets_its_payment() {
        let (records, provider) = (MemoryRecords::default(), Provider::default());
        let first = pay(charge_request("4242424242424242"), &step(), &provider, &records).await;
        let later = step().with_run("order-processing", "ord-1");
        assert_ne!(later.operation_key(), step().operation_key());
        assert_eq!(pay(charge_request("4242424242424242"), &later, &provider, &records).await, first);
        let (_, operation) = records.payment("ord-1").await.expect("open").expect("paid");
        assert_eq!(operation, step().operation_key(), "the item says whose it is");
        assert_eq!(*provider.charges.lock().expect("no panic holds it"), 1);
    }

    #[tokio::test]
    async fn a_declined_card_is_named_with_the_reason() {
        let (records, provider) = (MemoryRecords::default(), FakeProvider::new(1, 0));
        let error = pay(charge_request("4000000000009995"), &step(), &provider, &records).await;
        let error = error.expect_err("the card is declined");
        assert_eq!(error.error_name(), "CardDeclined");
        assert_eq!(error.to_string(), "the card ending in 9995 was declined: insufficient_funds");
    }

    #[tokio::test]
    async fn a_failing_provider_is_told_apart_from_a_declined_card() {
        let records = MemoryRecords::default();
        let provider = FakeProvider::new(1, 100);
        let mut names = Vec::new();
        for attempt in 1..20 {
            let step = step().with_attempt(attempt);
            let error = pay(charge_request("4000000000009995"), &step, &provider, &records).await;
            names.push(error.expect_err("every call fails").error_name());
        }
        names.sort();
        names.dedup();
        assert_eq!(names, ["PaymentTimeout", "ProviderUnavailable"]);
    }

    #[tokio::test]
    async fn a_refund_can_be_repeated_and_needs_no_charge() {
        let (records, provider) = (MemoryRecords::default(), FakeProvider::new(1, 0));
        let first = pay(refund_request(), &step(), &provider, &records).await.expect("refunded");
        let second = pay(refund_request(), &step(), &provider, &records).await.expect("refunded");
        assert_eq!(first, second);
    }

    #[tokio::test]
    async fn a_charge_after_the_refund_is_refused() {
        let (records, provider) = (MemoryRecords::default(), Provider::default());
        pay(refund_request(), &step(), &provider, &records).await.expect("refunded");
        let error = pay(charge_request("4242424242424242"), &step(), &provider, &records).await;
        assert_eq!(error.expect_err("the order is closed").error_name(), "OrderClosed");
        assert_eq!(*provider.charges.lock().expect("no panic holds it"), 0);
    }

    #[tokio::test]
    async fn a_charge_that_the_refund_overtook_is_given_back() {
        let records = MemoryRecords::default();
        let provider = Provider { overtaken: Some(&records), ..Provider::default() };
        let error = pay(charge_request("4242424242424242"), &step(), &provider, &records).await;
        assert_eq!(error.expect_err("the order is closed").error_name(), "OrderClosed");
        assert_eq!(*provider.refunds.lock().expect("no panic holds it"), 1);
        assert!(!records.is_paid("ord-1"));
    }
}
