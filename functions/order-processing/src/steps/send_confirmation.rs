//! Writes the mail that confirms an order into the outbox.

use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};

use crate::order::{Line, Order};
use crate::records::{DynamoRecords, Mail, Outbox, RecordsError};

/// What the mail tells about. The definition sends the run's whole data; the rest of it is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationRequest {
    pub order: Order,
    pub payment: ChargedCard,
    pub invoice: IssuedInvoice,
}

/// The part of the payment that a mail may show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargedCard {
    pub card_last4: String,
}

/// The part of the invoice that the mail mentions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedInvoice {
    pub reference: String,
    pub number: String,
}

/// Which mail waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationAnswer {
    pub message_id: String,
    pub sent_to: String,
}

/// Why there is none. Worth another attempt.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmationError {
    #[error("{0}")]
    StoreUnavailable(RecordsError),
    #[error("{0}")]
    OrderClosed(RecordsError),
}

impl StepError for ConfirmationError {}

/// The step as it is deployed: with the outbox in the orders table.
pub async fn send_confirmation(
    request: ConfirmationRequest,
    step: Step,
) -> Result<ConfirmationAnswer, ConfirmationError> {
    confirm(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any outbox.
pub async fn confirm(
    request: ConfirmationRequest,
    step: &Step,
    outbox: &impl Outbox,
) -> Result<ConfirmationAnswer, ConfirmationError> {
    let reference = &request.invoice.reference;
    let posted = outbox.post(reference, step.operation_key(), &render(&request)).await;
    let Mail { message_id, to, .. } = posted.map_err(|error| match error {
        RecordsError::Unavailable { .. } => ConfirmationError::StoreUnavailable(error),
        RecordsError::Closed { .. } | RecordsError::Conflict { .. } | RecordsError::OutOfStock { .. } => {
            ConfirmationError::OrderClosed(error)
        }
    })?;
    Ok(ConfirmationAnswer { message_id, sent_to: to })
}

fn render(request: &ConfirmationRequest) -> Mail {
    let ConfirmationRequest { order, payment, invoice } = request;
    let Order { order_id, customer, shipping, lines, total, .. } = order;
    let goods: String =
        lines.iter().map(|Line { title, quantity, .. }| format!("  {quantity} × {title}\n")).collect();
    Mail {
        message_id: format!("<{}@orders.example.com>", invoice.reference),
        to: customer.email.clone(),
        subject: format!("Your order {order_id}"),
        body: format!(
            "Dear {},\n\nthank you for your order:\n\n{goods}\nWe charged {total} to the card ending in {}.\n\
             Invoice {} is enclosed. The goods go to {}, {} {}.\n",
            customer.name,
            payment.card_last4,
            invoice.number,
            shipping.street,
            shipping.postal_code,
            shipping.city,
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::records::MemoryRecords;

    fn request() -> ConfirmationRequest {
        let run = json!({
            "order": {
                "order_id": "ord-1",
                "placed_at": "2026-11-02T08:13:45Z",
                "customer": {"name": "Zoë Krüger", "email": "zoe@example.com", "country": "DE"},
                "shipping": {"street": "Lange Straße 4", "postal_code": "04109", "city": "Leipzig"},
                "lines": [{"sku": "HONEY-500", "title": "Honey, 500 g", "quantity": 2, "unit_price": 990}],
                "card": {"holder": "Zoë Krüger", "number": "4242424242424242"},
                "total": {"currency": "EUR", "minor_units": 1980},
                "value_eur_cents": 1980
            },
            "payment": {"charge_id": "ch_1", "card_last4": "4242"},
            "reservation": {"reservation_id": "res-ord-1"},
            "invoice": {"reference": "ord-1", "number": "INV-ord-1", "tax": 0}
        });
        serde_json::from_value(run).expect("the run's data is a request")
    }

    #[tokio::test]
    async fn a_mail_is_posted_once() {
        let (outbox, step) = (MemoryRecords::default(), Step::for_test("SendConfirmation"));
        let first = confirm(request(), &step, &outbox).await.expect("posted");
        let second = confirm(request(), &step.with_attempt(2), &outbox).await.expect("posted");
        assert_eq!(first, second);
        assert_eq!(first.sent_to, "zoe@example.com");
        let mail = outbox.mail("ord-1").expect("the mail is there");
        assert_eq!(mail.subject, "Your order ord-1");
        assert_eq!(
            mail.body,
            "Dear Zoë Krüger,\n\nthank you for your order:\n\n  2 × Honey, 500 g\n\n\
             We charged 19.80 EUR to the card ending in 4242.\nInvoice INV-ord-1 is enclosed. \
             The goods go to Lange Straße 4, 04109 Leipzig.\n"
        );
    }
}
