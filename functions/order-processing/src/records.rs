//! What the shop remembers: payments, stock and reservations, invoices, mails to send. A trait and two homes for it.
//!
//! Every call may come twice, late, or after the one that undoes it. So each writes on a condition, answers a
//! repetition with what was written the first time, and each undoing leaves a mark that a late doing runs into
//! ([`RecordsError::Closed`]).

mod dynamodb;
mod memory;

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::money::Money;

pub use dynamodb::{DynamoRecords, table_name};
pub use memory::MemoryRecords;

/// The records of the shop. `reference` is the run's name, `operation_key` the step's.
pub trait Records: Send + Sync {
    /// The payment of an order, if there is one, and the operation key that it was recorded with.
    fn payment(
        &self,
        reference: &str,
    ) -> impl Future<Output = Result<Option<(Payment, String)>, RecordsError>> + Send;

    /// Remembers a charge; a repetition gets the first one's answer.
    fn record_charge(
        &self,
        reference: &str,
        operation_key: &str,
        payment: &Payment,
    ) -> impl Future<Output = Result<Payment, RecordsError>> + Send;

    /// Remembers that all was given back, also where no charge is known.
    fn record_refund(
        &self,
        reference: &str,
        refund_id: &str,
    ) -> impl Future<Output = Result<(), RecordsError>> + Send;

    /// Takes all pieces from the stock, or none.
    fn reserve(
        &self,
        reference: &str,
        operation_key: &str,
        pieces: &[Pieces],
    ) -> impl Future<Output = Result<(), RecordsError>> + Send;

    /// Puts back what was reserved, once. The answer is what this or an earlier call put back.
    fn release(&self, reference: &str) -> impl Future<Output = Result<Vec<Pieces>, RecordsError>> + Send;

    /// Pieces in stock, reserved ones not counted; the catalogue's number before the first reservation.
    fn stock(&self, sku: &str) -> impl Future<Output = Result<i64, RecordsError>> + Send;

    /// Keeps an invoice; a repetition gets the first one's answer.
    fn record_invoice(
        &self,
        reference: &str,
        operation_key: &str,
        invoice: &Invoice,
    ) -> impl Future<Output = Result<Invoice, RecordsError>> + Send;

    /// Marks the invoice as cancelled, also where none is known.
    fn cancel_invoice(&self, reference: &str) -> impl Future<Output = Result<(), RecordsError>> + Send;
}

/// Where mails wait for whoever sends them.
pub trait Outbox: Send + Sync {
    /// Keeps a mail, one per order; a repetition changes nothing. The answer is the mail that is kept.
    fn post(
        &self,
        reference: &str,
        operation_key: &str,
        mail: &Mail,
    ) -> impl Future<Output = Result<Mail, RecordsError>> + Send;
}

/// What is known about the money of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub charge_id: String,
    pub amount: Money,
}

/// So many pieces of an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    pub sku: String,
    pub quantity: i64,
}

/// An invoice as the next steps need it. Its text is kept with it, but they don't carry it on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Unique, for the run's name is a part of it. A shop whose law wants a series without gaps draws it from a
    /// counter where the invoice is recorded.
    pub number: String,
    /// RFC 3339: when the state was entered, so that every attempt writes the same date.
    pub issued_at: String,
    pub total: Money,
    pub net: Money,
    pub tax: Money,
    /// Hundredths of a percent.
    pub tax_rate_basis_points: i64,
    /// The customer owes the tax at home: a business of the Union outside the shop's country.
    pub reverse_charge: bool,
    /// The invoice as it is sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// A mail, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub message_id: String,
    pub to: String,
    pub subject: String,
    pub body: String,
}

/// Why the records didn't change as asked. Only the last is worth another attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    #[error("out of stock: {}", shortages.iter().map(Shortage::to_string).collect::<Vec<_>>().join(", "))]
    OutOfStock { shortages: Vec<Shortage> },
    #[error("the {what} of this order was undone before")]
    Closed { what: &'static str },
    #[error("this order has another {what} already")]
    Conflict { what: &'static str },
    #[error("the orders table did not take the {what}: {why}")]
    Unavailable { what: &'static str, why: String },
}

/// An article of which there is less than was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    pub sku: String,
    pub wanted: i64,
    pub available: i64,
}

impl std::fmt::Display for Shortage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} ordered, {} left)", self.sku, self.wanted, self.available)
    }
}
