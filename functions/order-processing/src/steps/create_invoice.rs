//! Writes the invoice of an order, or cancels it.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};

use crate::countries::{HOME, Taxed, taxed};
use crate::money::Money;
use crate::order::{Address, Customer, Line};
use crate::pricing::tax_within;
use crate::records::{DynamoRecords, Invoice, Records, RecordsError};
use crate::vat_id;

/// What to do with the invoice of the order `reference`, which is the run's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum InvoiceRequest {
    Create(Box<Billing>),
    Cancel { reference: String },
}

/// What an invoice is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    pub reference: String,
    pub order_id: String,
    /// RFC 3339, the same for every attempt.
    pub issued_at: String,
    pub customer: Customer,
    pub shipping: Address,
    pub lines: Vec<Line>,
    pub total: Money,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvoiceAnswer {
    Issued(Invoice),
    Cancelled,
}

/// Why it wasn't. `StoreUnavailable` is worth another attempt.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    #[error("no invoice can be made out: {reason}")]
    InvoiceRefused { reason: String },
    #[error("{0}")]
    StoreUnavailable(RecordsError),
    #[error("{0}")]
    OrderClosed(RecordsError),
}

impl StepError for InvoiceError {}

/// The step as it is deployed: with the orders table.
pub async fn create_invoice(request: InvoiceRequest, step: Step) -> Result<InvoiceAnswer, InvoiceError> {
    invoice(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records.
pub async fn invoice(
    request: InvoiceRequest,
    step: &Step,
    records: &impl Records,
) -> Result<InvoiceAnswer, InvoiceError> {
    match request {
        InvoiceRequest::Create(billing) => {
            let invoice = make_out(&billing)?;
            let kept = records.record_invoice(&billing.reference, step.operation_key(), &invoice).await?;
            // The text stays in the table: the next steps don't need it.
            Ok(InvoiceAnswer::Issued(Invoice { text: String::new(), ..kept }))
        }
        InvoiceRequest::Cancel { reference } => {
            records.cancel_invoice(&reference).await?;
            Ok(InvoiceAnswer::Cancelled)
        }
    }
}

/// The invoice, or why there can't be one: the country, or a VAT id that isn't one.
fn make_out(billing: &Billing) -> Result<Invoice, InvoiceError> {
    let refused = |reason: String| InvoiceError::InvoiceRefused { reason };
    let Customer { country, vat_id, .. } = &billing.customer;
    let taxed = taxed(country).ok_or_else(|| refused(format!("the shop can't send one to {country}")))?;
    let (tax_rate_basis_points, reverse_charge) = match (taxed, vat_id) {
        (Taxed::Export, _) => (0, false),
        (Taxed::Union { rate_basis_points }, None) => (rate_basis_points, false),
        (Taxed::Union { rate_basis_points }, Some(vat_id)) => {
            vat_id::check(vat_id, country)
                .map_err(|fault| refused(format!("the VAT id {vat_id:?} is wrong: {fault}")))?;
            if country == HOME { (rate_basis_points, false) } else { (0, true) }
        }
    };
    let Money { currency, minor_units } = &billing.total;
    let tax = tax_within(*minor_units, tax_rate_basis_points);
    let mut invoice = Invoice {
        number: format!("INV-{}", billing.reference),
        issued_at: billing.issued_at.clone(),
        total: billing.total.clone(),
        net: Money::new(currency, minor_units.saturating_sub(tax)),
        tax: Money::new(currency, tax),
        tax_rate_basis_points,
        reverse_charge,
        text: String::new(),
    };
    invoice.text = render(billing, &invoice);
    Ok(invoice)
}

fn render(billing: &Billing, invoice: &Invoice) -> String {
    let Billing { customer, shipping, lines, order_id, total, .. } = billing;
    let mut text = format!(
        "Invoice {}\nOrder {order_id}, {}\n\n{}\n{}\n{} {}\n{}\n",
        invoice.number,
        invoice.issued_at,
        customer.name,
        shipping.street,
        shipping.postal_code,
        shipping.city,
        customer.country,
    );
    if let Some(vat_id) = &customer.vat_id {
        text.push_str(&format!("VAT id {vat_id}\n"));
    }
    text.push('\n');
    for line in lines {
        let price = Money::new(&total.currency, line.quantity.saturating_mul(line.unit_price)).to_string();
        // Writing to a String can't fail.
        let _ = writeln!(text, "{:>5} × {:<40} {price:>20}", line.quantity, line.title);
    }
    let (rate, part) = (invoice.tax_rate_basis_points / 100, invoice.tax_rate_basis_points % 100);
    let _ = writeln!(text, "\nNet {}\nTax {rate}.{part:02} % {}\nTotal {}", invoice.net, invoice.tax, total);
    if invoice.reverse_charge {
        text.push_str("Reverse charge: the customer owes the tax.\n");
    }
    text
}

impl From<RecordsError> for InvoiceError {
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
    use super::*;
    use crate::records::MemoryRecords;

    fn billing(country: &str, vat_id: Option<&str>) -> Billing {
        Billing {
            reference: "ord-1".to_owned(),
            order_id: "ord-1".to_owned(),
            issued_at: "2026-11-02T08:13:45Z".to_owned(),
            customer: Customer {
                name: "Zoë Krüger".to_owned(),
                email: "zoe@example.com".to_owned(),
                country: country.to_owned(),
                vat_id: vat_id.map(str::to_owned),
            },
            shipping: Address {
                street: "Lange Straße 4".to_owned(),
                postal_code: "04109".to_owned(),
                city: "Leipzig".to_owned(),
            },
            lines: vec![Line {
                sku: "MUG-BLUE-350".to_owned(),
                title: "Blue mug, 350 ml".to_owned(),
                quantity: 2,
                unit_price: 5_950,
            }],
            total: Money::new("EUR", 11_900),
        }
    }

    async fn call(request: InvoiceRequest, records: &MemoryRecords) -> Result<InvoiceAnswer, InvoiceError> {
        invoice(request, &Step::for_test("CreateInvoice"), records).await
    }

    #[tokio::test]
    async fn an_invoice_is_made_out_kept_and_cancelled() {
        let records = MemoryRecords::default();
        let create = InvoiceRequest::Create(Box::new(billing("DE", None)));
        let InvoiceAnswer::Issued(first) = call(create.clone(), &records).await.expect("made out") else {
            panic!("an invoice was asked for");
        };
        assert_eq!(
            (first.number.as_str(), first.tax.minor_units, first.net.minor_units),
            ("INV-ord-1", 1_900, 10_000)
        );
        assert!(records.has_invoice("ord-1"));
        assert_eq!(call(create.clone(), &records).await, Ok(InvoiceAnswer::Issued(first)));

        let cancel = InvoiceRequest::Cancel { reference: "ord-1".to_owned() };
        assert_eq!(call(cancel, &records).await, Ok(InvoiceAnswer::Cancelled));
        assert!(!records.has_invoice("ord-1"));
        let late = call(create, &records).await.expect_err("the order is closed");
        assert_eq!(late.error_name(), "OrderClosed");
    }

    #[track_caller]
    fn check_taxed(country: &str, vat_id: Option<&str>, rate_basis_points: i64, reverse_charge: bool) {
        let invoice = make_out(&billing(country, vat_id)).expect("an invoice can be made out");
        assert_eq!(
            (invoice.tax_rate_basis_points, invoice.reverse_charge),
            (rate_basis_points, reverse_charge)
        );
    }

    #[test]
    fn tax_depends_on_the_country_and_on_a_vat_id() {
        check_taxed("DE", None, 1_900, false);
        check_taxed("DE", Some("DE136695976"), 1_900, false);
        check_taxed("FR", None, 2_000, false);
        check_taxed("FR", Some("FR40303265045"), 0, true);
        check_taxed("US", None, 0, false);
        // Outside the Union a tax number is the customer's own matter.
        check_taxed("US", Some("12-3456789"), 0, false);
    }

    #[track_caller]
    fn check_refused(country: &str, vat_id: Option<&str>, expected: &str) {
        let error = make_out(&billing(country, vat_id)).expect_err("no invoice can be made out");
        assert_eq!(error.error_name(), "InvoiceRefused");
        assert_eq!(error.to_string(), format!("no invoice can be made out: {expected}"));
    }

    #[test]
    fn an_invoice_is_refused_with_the_reason() {
        check_refused("KP", None, "the shop can't send one to KP");
        check_refused(
            "DE",
            Some("DE136695978"),
            "the VAT id \"DE136695978\" is wrong: its check digits don't fit",
        );
        check_refused(
            "DE",
            Some("FR40303265045"),
            "the VAT id \"FR40303265045\" is wrong: it begins with \"FR\", but the customer is in DE",
        );
    }

    #[test]
    fn an_invoice_reads_as_one() {
        let invoice = make_out(&billing("FR", Some("FR40303265045"))).expect("an invoice can be made out");
        let expected = "Invoice INV-ord-1\nOrder ord-1, 2026-11-02T08:13:45Z\n\nZoë Krüger\nLange Straße 4\n\
            04109 Leipzig\nFR\nVAT id FR40303265045\n\n    \
            2 × Blue mug, 350 ml                                   119.00 EUR\n\n\
            Net 119.00 EUR\nTax 0.00 % 0.00 EUR\nTotal 119.00 EUR\nReverse charge: the customer owes the tax.\n";
        assert_eq!(invoice.text, expected);
    }
}
