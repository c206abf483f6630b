//! The records in memory, for tests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Invoice, Mail, Outbox, Payment, Pieces, Records, RecordsError, Shortage};
use crate::catalogue;

/// [`Records`] and [`Outbox`] in a map of the process.
#[derive(Debug, Default)]
pub struct MemoryRecords {
    shop: Mutex<Shop>,
}

#[derive(Debug, Default)]
struct Shop {
    payments: HashMap<String, Entry<Payment>>,
    /// Which operation recorded each payment.
    payment_operations: HashMap<String, String>,
    reservations: HashMap<String, Entry<Vec<Pieces>>>,
    invoices: HashMap<String, Entry<Invoice>>,
    mails: HashMap<String, Mail>,
    stock: HashMap<String, i64>,
}

/// What was done, and whether it was undone. Undone without having been done is `None`.
#[derive(Debug)]
struct Entry<T> {
    done: Option<T>,
    undone: bool,
}

impl MemoryRecords {
    /// The mail of an order, if one was posted.
    pub fn mail(&self, reference: &str) -> Option<Mail> {
        self.lock().mails.get(reference).cloned()
    }

    /// True if an invoice was kept and is still valid.
    pub fn has_invoice(&self, reference: &str) -> bool {
        self.lock().invoices.get(reference).is_some_and(|entry| entry.done.is_some() && !entry.undone)
    }

    /// True if money was taken and not given back.
    pub fn is_paid(&self, reference: &str) -> bool {
        self.lock().payments.get(reference).is_some_and(|entry| entry.done.is_some() && !entry.undone)
    }

    fn lock(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does it unless it was done or undone before; `is_same` tells a repetition from something else.
fn once<T: Clone>(
    entries: &mut HashMap<String, Entry<T>>,
    reference: &str,
    what: &'static str,
    new: &T,
    is_same: impl Fn(&T) -> bool,
) -> Result<T, RecordsError> {
    match entries.get(reference) {
        Some(Entry { undone: true, .. }) => Err(RecordsError::Closed { what }),
        Some(Entry { done: Some(old), .. }) if is_same(old) => Ok(old.clone()),
        Some(Entry { done: Some(_), .. }) => Err(RecordsError::Conflict { what }),
        _ => {
            entries.insert(reference.to_owned(), Entry { done: Some(new.clone()), undone: false });
            Ok(new.clone())
        }
    }
}

fn undo<T>(entries: &mut HashMap<String, Entry<T>>, reference: &str) {
    entries.entry(reference.to_owned()).or_insert(Entry { done: None, undone: true }).undone = true;
}

impl Records for MemoryRecords {
    async fn payment(&self, reference: &str) -> Result<Option<(Payment, String)>, RecordsError> {
        let shop = self.lock();
        match shop.payments.get(reference) {
            Some(Entry { undone: true, .. }) => Err(RecordsError::Closed { what: "payment" }),
            Some(Entry { done: Some(payment), .. }) => {
                let operation = shop.payment_operations.get(reference).cloned().unwrap_or_default();
                Ok(Some((payment.clone(), operation)))
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn record_charge(
        &self,
        reference: &str,
        operation_key: &str,
        payment: &Payment,
    ) -> Result<Payment, RecordsError> {
        let mut shop = self.lock();
        let recorded = once(&mut shop.payments, reference, "payment", payment, |old| old == payment)?;
        shop.payment_operations.entry(reference.to_owned()).or_insert_with(|| operation_key.to_owned());
        Ok(recorded)
    }

    async fn record_refund(&self, reference: &str, _refund_id: &str) -> Result<(), RecordsError> {
        undo(&mut self.lock().payments, reference);
        Ok(())
    }

    async fn reserve(
        &self,
        reference: &str,
        _operation_key: &str,
        pieces: &[Pieces],
    ) -> Result<(), RecordsError> {
        let mut shop = self.lock();
        let Shop { reservations, stock, .. } = &mut *shop;
        if reservations.contains_key(reference) {
            return once(reservations, reference, "reservation", &pieces.to_vec(), |old| old == pieces)
                .map(drop);
        }
        let shortages: Vec<Shortage> = pieces
            .iter()
            .filter_map(|Pieces { sku, quantity }| {
                let available = available(stock, sku);
                (available < *quantity).then(|| Shortage { sku: sku.clone(), wanted: *quantity, available })
            })
            .collect();
        if !shortages.is_empty() {
            return Err(RecordsError::OutOfStock { shortages });
        }
        for Pieces { sku, quantity } in pieces {
            let left = available(stock, sku) - quantity;
            stock.insert(sku.clone(), left);
        }
        once(reservations, reference, "reservation", &pieces.to_vec(), |_| true).map(drop)
    }

    async fn release(&self, reference: &str) -> Result<Vec<Pieces>, RecordsError> {
        let mut shop = self.lock();
        let Shop { reservations, stock, .. } = &mut *shop;
        let was_undone = reservations.get(reference).is_some_and(|entry| entry.undone);
        undo(reservations, reference);
        let pieces = reservations.get(reference).and_then(|entry| entry.done.clone()).unwrap_or_default();
        if !was_undone {
            for Pieces { sku, quantity } in &pieces {
                let back = available(stock, sku) + quantity;
                stock.insert(sku.clone(), back);
            }
        }
        Ok(pieces)
    }

    async fn stock(&self, sku: &str) -> Result<i64, RecordsError> {
        Ok(available(&self.lock().stock, sku))
    }

    async fn record_invoice(
        &self,
        reference: &str,
        _operation_key: &str,
        invoice: &Invoice,
    ) -> Result<Invoice, RecordsError> {
        once(&mut self.lock().invoices, reference, "invoice", invoice, |old| old.total == invoice.total)
    }

    async fn cancel_invoice(&self, reference: &str) -> Result<(), RecordsError> {
        undo(&mut self.lock().invoices, reference);
        Ok(())
    }
}

impl Outbox for MemoryRecords {
    async fn post(&self, reference: &str, _operation_key: &str, mail: &Mail) -> Result<Mail, RecordsError> {
        Ok(self.lock().mails.entry(reference.to_owned()).or_insert_with(|| mail.clone()).clone())
    }
}

fn available(stock: &HashMap<String, i64>, sku: &str) -> i64 {
    let initial = || catalogue::find(sku).map_or(0, |article| article.initial_stock);
    stock.get(sku).copied().unwrap_or_else(initial)
}
