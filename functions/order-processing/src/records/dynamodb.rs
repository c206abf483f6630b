//! The records in a DynamoDB table of their own. The table's items are described in the crate's documentation.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::{Invoice, Mail, Outbox, Payment, Pieces, Records, RecordsError, Shortage};
use crate::catalogue;
use crate::limits::{CALL_TIMEOUT_MS, RELEASE_TRIES_MAX};

/// `ORDERS_TABLE`, or `<stack>-orders` with the stack of `STEPLADDER_STACK`, `stepladder` unless set.
pub fn table_name() -> String {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    set("ORDERS_TABLE").unwrap_or_else(|| {
        let stack = set("STEPLADDER_STACK").unwrap_or_else(|| "stepladder".to_owned());
        format!("{stack}-orders")
    })
}

/// [`Records`] and [`Outbox`] on DynamoDB.
#[derive(Debug)]
pub struct DynamoRecords {
    client: Client,
    table: String,
}

/// What a kind of item is called, and its two states.
#[derive(Clone, Copy)]
struct Kind {
    /// In errors.
    what: &'static str,
    sk: &'static str,
    done: &'static str,
    undone: &'static str,
}

const PAYMENT: Kind = Kind { what: "payment", sk: "PAYMENT", done: "CHARGED", undone: "REFUNDED" };
const RESERVATION: Kind =
    Kind { what: "reservation", sk: "RESERVATION", done: "RESERVED", undone: "RELEASED" };
const INVOICE: Kind = Kind { what: "invoice", sk: "INVOICE", done: "ISSUED", undone: "CANCELLED" };
/// Whoever sends the mails undoes nothing, but writes SENT.
const MAIL: Kind = Kind { what: "mail", sk: "CONFIRMATION", done: "PENDING", undone: "REVOKED" };
const STOCK: &str = "stock";

type Item = HashMap<String, AttributeValue>;

impl DynamoRecords {
    /// The records of this process: client and table name from the environment, made on the first call.
    pub async fn from_env() -> &'static Self {
        static RECORDS: OnceCell<DynamoRecords> = OnceCell::const_new();
        RECORDS
            .get_or_init(|| async {
                let config = stepladder::aws_config().await;
                let timeouts = config.timeout_config().map(TimeoutConfig::to_builder).unwrap_or_default();
                let timeouts = timeouts.operation_timeout(Duration::from_millis(CALL_TIMEOUT_MS)).build();
                let config = aws_sdk_dynamodb::config::Builder::from(&config).timeout_config(timeouts);
                Self::new(Client::from_conf(config.build()), table_name())
            })
            .await
    }

    /// Records in that table, which must exist with the text keys `pk` and `sk`. It needs no index, no stream and no TTL.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Writes the item unless it is there; if it is, answers with it, or with why it is in the way.
    async fn once<T: Serialize + DeserializeOwned>(
        &self,
        kind: Kind,
        reference: &str,
        operation_key: &str,
        new: &T,
        is_same: impl Fn(&T) -> bool + Send,
    ) -> Result<Option<T>, RecordsError> {
        let item = done_item(kind, reference, operation_key, new)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let old = failed
                        .item
                        .as_ref()
                        .ok_or_else(|| unavailable(kind.what, "no old item came back"))?;
                    earlier(kind, old, is_same).map(Some)
                }
                _ => Err(sdk_error(kind.what, error)),
            },
        }
    }

    /// Marks the item as undone, whether it is there or not.
    async fn undo(
        &self,
        kind: Kind,
        reference: &str,
        note: Option<(&str, &str)>,
    ) -> Result<(), RecordsError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(reference, kind)))
            .update_expression(if note.is_some() { "SET #s = :undone, #n = :n" } else { "SET #s = :undone" })
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":undone", text(kind.undone));
        if let Some((name, value)) = note {
            update =
                update.expression_attribute_names("#n", name).expression_attribute_values(":n", text(value));
        }
        update.send().await.map(drop).map_err(|error| sdk_error(kind.what, error))
    }

    async fn get(&self, what: &'static str, key: Item) -> Result<Option<Item>, RecordsError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        get.send().await.map(|output| output.item).map_err(|error| sdk_error(what, error))
    }

    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<(), SdkError<TransactWriteItemsError>> {
        self.client.transact_write_items().set_transact_items(Some(items)).send().await.map(drop)
    }

    /// Adds to an article's stock, a negative number after asking that there is so much.
    fn stock_update(&self, sku: &str, change: i64) -> Result<TransactWriteItem, RecordsError> {
        let initial = initial_stock(sku);
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(stock_key(sku)))
            .update_expression("SET #a = if_not_exists(#a, :initial) + :change")
            .expression_attribute_names("#a", "available")
            .expression_attribute_values(":initial", number(initial))
            .expression_attribute_values(":change", number(change));
        if change < 0 {
            // Before the first reservation there is no item, and the catalogue's number is what counts.
            let wanted = change.saturating_neg();
            let condition =
                if initial >= wanted { "attribute_not_exists(#a) OR #a >= :wanted" } else { "#a >= :wanted" };
            update = update
                .condition_expression(condition)
                .expression_attribute_values(":wanted", number(wanted))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        }
        let update = update.build().map_err(|error| unavailable(STOCK, &error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// One try of [`Records::release`]; `None` if the reservation changed between the read and the write.
    async fn try_release(&self, reference: &str) -> Result<Option<Vec<Pieces>>, RecordsError> {
        let Some(item) = self.get(RESERVATION.what, key(reference, RESERVATION)).await? else {
            return self.refuse_late_reservation(reference).await;
        };
        // A mark without a document was set before anything was reserved.
        let pieces: Vec<Pieces> =
            if item.contains_key("document") { document(RESERVATION.what, &item)? } else { Vec::new() };
        if status(&item) == RESERVATION.undone {
            return Ok(Some(pieces));
        }
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(reference, RESERVATION)))
            .update_expression("SET #s = :undone")
            .condition_expression("#s = :done")
            .expression_attribute_names("#s", "status")
            .expression_attribute_values(":undone", text(RESERVATION.undone))
            .expression_attribute_values(":done", text(RESERVATION.done))
            .build()
            .map_err(|error| unavailable(RESERVATION.what, &error.to_string()))?;
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        for Pieces { sku, quantity } in &pieces {
            items.push(self.stock_update(sku, *quantity)?);
        }
        match self.transact(items).await {
            Ok(()) => Ok(Some(pieces)),
            Err(error) if cancellation(&error).first().is_some_and(failed_on_condition) => Ok(None),
            Err(error) => Err(sdk_error(RESERVATION.what, error)),
        }
    }

    /// Sets the mark that a reservation which is still under way will run into.
    async fn refuse_late_reservation(&self, reference: &str) -> Result<Option<Vec<Pieces>>, RecordsError> {
        let mut item = key(reference, RESERVATION);
        item.insert("status".to_owned(), text(RESERVATION.undone));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        match put.send().await {
            Ok(_) => Ok(Some(Vec::new())),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(sdk_error(RESERVATION.what, error)),
            },
        }
    }
}

impl Records for DynamoRecords {
    async fn payment(&self, reference: &str) -> Result<Option<(Payment, String)>, RecordsError> {
        let Some(item) = self.get(PAYMENT.what, key(reference, PAYMENT)).await? else {
            return Ok(None);
        };
        let payment = earlier(PAYMENT, &item, |_| true)?;
        let operation = item.get("operation").and_then(|value| value.as_s().ok());
        Ok(Some((payment, operation.cloned().unwrap_or_default())))
    }

    async fn record_charge(
        &self,
        reference: &str,
        operation_key: &str,
        payment: &Payment,
    ) -> Result<Payment, RecordsError> {
        let old = self.once(PAYMENT, reference, operation_key, payment, |old| old == payment).await?;
        Ok(old.unwrap_or_else(|| payment.clone()))
    }

    async fn record_refund(&self, reference: &str, refund_id: &str) -> Result<(), RecordsError> {
        self.undo(PAYMENT, reference, Some(("refund_id", refund_id))).await
    }

    async fn reserve(
        &self,
        reference: &str,
        operation_key: &str,
        pieces: &[Pieces],
    ) -> Result<(), RecordsError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(done_item(RESERVATION, reference, operation_key, &pieces)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| unavailable(RESERVATION.what, &error.to_string()))?;
        let mut items = vec![TransactWriteItem::builder().put(put).build()];
        for Pieces { sku, quantity } in pieces {
            items.push(self.stock_update(sku, quantity.saturating_neg())?);
        }
        let Err(error) = self.transact(items).await else {
            return Ok(());
        };
        // One reason per item, in the items' order. That there is a reservation counts before what is left in stock.
        let reasons = cancellation(&error);
        if let Some(reason) = reasons.first().filter(|reason| failed_on_condition(reason)) {
            let old =
                reason.item.as_ref().ok_or_else(|| unavailable(RESERVATION.what, "no old item came back"))?;
            return earlier(RESERVATION, old, |old: &Vec<Pieces>| old == pieces).map(drop);
        }
        let shortages: Vec<Shortage> = pieces
            .iter()
            .zip(reasons.iter().skip(1))
            .filter(|(_, reason)| failed_on_condition(reason))
            .map(|(Pieces { sku, quantity }, reason)| {
                let available = reason.item.as_ref().and_then(available);
                let available = available.unwrap_or_else(|| initial_stock(sku));
                Shortage { sku: sku.clone(), wanted: *quantity, available }
            })
            .collect();
        if shortages.is_empty() {
            return Err(sdk_error(RESERVATION.what, error));
        }
        Err(RecordsError::OutOfStock { shortages })
    }

    async fn release(&self, reference: &str) -> Result<Vec<Pieces>, RecordsError> {
        for _ in 0..RELEASE_TRIES_MAX {
            if let Some(pieces) = self.try_release(reference).await? {
                return Ok(pieces);
            }
        }
        Err(unavailable(RESERVATION.what, "it changed between each read and write"))
    }

    async fn stock(&self, sku: &str) -> Result<i64, RecordsError> {
        let item = self.get(STOCK, stock_key(sku)).await?;
        Ok(item.as_ref().and_then(available).unwrap_or_else(|| initial_stock(sku)))
    }

    async fn record_invoice(
        &self,
        reference: &str,
        operation_key: &str,
        invoice: &Invoice,
    ) -> Result<Invoice, RecordsError> {
        let is_same = |old: &Invoice| old.total == invoice.total;
        let old = self.once(INVOICE, reference, operation_key, invoice, is_same).await?;
        Ok(old.unwrap_or_else(|| invoice.clone()))
    }

    async fn cancel_invoice(&self, reference: &str) -> Result<(), RecordsError> {
        self.undo(INVOICE, reference, None).await
    }
}

impl Outbox for DynamoRecords {
    async fn post(&self, reference: &str, operation_key: &str, mail: &Mail) -> Result<Mail, RecordsError> {
        let old = self.once(MAIL, reference, operation_key, mail, |_| true).await?;
        Ok(old.unwrap_or_else(|| mail.clone()))
    }
}

fn key(reference: &str, kind: Kind) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(format!("ORDER#{reference}"))),
        ("sk".to_owned(), text(kind.sk)),
    ])
}

fn stock_key(sku: &str) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(format!("STOCK#{sku}"))),
        ("sk".to_owned(), text("STOCK")),
    ])
}

fn done_item<T: Serialize>(
    kind: Kind,
    reference: &str,
    operation_key: &str,
    new: &T,
) -> Result<Item, RecordsError> {
    let json = serde_json::to_string(new).map_err(|error| unavailable(kind.what, &error.to_string()))?;
    let mut item = key(reference, kind);
    item.insert("status".to_owned(), text(kind.done));
    item.insert("operation".to_owned(), text(operation_key));
    item.insert("document".to_owned(), AttributeValue::S(json));
    Ok(item)
}

/// What an item that was in the way says.
fn earlier<T: DeserializeOwned>(
    kind: Kind,
    old: &Item,
    is_same: impl Fn(&T) -> bool,
) -> Result<T, RecordsError> {
    if status(old) == kind.undone {
        return Err(RecordsError::Closed { what: kind.what });
    }
    let old = document(kind.what, old)?;
    if is_same(&old) { Ok(old) } else { Err(RecordsError::Conflict { what: kind.what }) }
}

fn document<T: DeserializeOwned>(what: &'static str, item: &Item) -> Result<T, RecordsError> {
    let json = item.get("document").and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    serde_json::from_str(json).map_err(|error| unavailable(what, &format!("its item is unreadable: {error}")))
}

fn status(item: &Item) -> &str {
    item.get("status").and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

fn available(item: &Item) -> Option<i64> {
    item.get("available")?.as_n().ok()?.parse().ok()
}

fn initial_stock(sku: &str) -> i64 {
    catalogue::find(sku).map_or(0, |article| article.initial_stock)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn cancellation(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons()
        }
        _ => &[],
    }
}

fn failed_on_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

fn unavailable(what: &'static str, why: &str) -> RecordsError {
    RecordsError::Unavailable { what, why: why.chars().take(300).collect() }
}

fn sdk_error<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
    error: SdkError<E>,
) -> RecordsError {
    unavailable(what, &DisplayErrorContext(&error).to_string())
}
