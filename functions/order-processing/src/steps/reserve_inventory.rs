//! Takes the goods of an order from the stock, or puts them back.

use serde::{Deserialize, Serialize};
use stepladder::{Step, StepError};

use crate::records::{DynamoRecords, Pieces, Records, RecordsError};

/// What to do with the goods of the order `reference`, which is the run's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum InventoryRequest {
    /// The lines of the order; what they hold besides SKU and quantity is left alone.
    Reserve {
        reference: String,
        lines: Vec<Pieces>,
    },
    Release {
        reference: String,
    },
}

/// What was done, and to how many pieces in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InventoryAnswer {
    Reserved { reservation_id: String, pieces: i64 },
    Released { pieces: i64 },
}

/// Why it wasn't. `StoreUnavailable` is worth another attempt.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    #[error("{0}")]
    OutOfStock(RecordsError),
    #[error("{0}")]
    StoreUnavailable(RecordsError),
    #[error("{0}")]
    OrderClosed(RecordsError),
}

impl StepError for InventoryError {}

/// The step as it is deployed: with the orders table.
pub async fn reserve_inventory(
    request: InventoryRequest,
    step: Step,
) -> Result<InventoryAnswer, InventoryError> {
    take_stock(request, &step, DynamoRecords::from_env().await).await
}

/// The step with any records.
pub async fn take_stock(
    request: InventoryRequest,
    step: &Step,
    records: &impl Records,
) -> Result<InventoryAnswer, InventoryError> {
    match request {
        InventoryRequest::Reserve { reference, lines } => {
            records.reserve(&reference, step.operation_key(), &lines).await?;
            Ok(InventoryAnswer::Reserved { reservation_id: format!("res-{reference}"), pieces: sum(&lines) })
        }
        InventoryRequest::Release { reference } => {
            let released = records.release(&reference).await?;
            Ok(InventoryAnswer::Released { pieces: sum(&released) })
        }
    }
}

fn sum(pieces: &[Pieces]) -> i64 {
    pieces.iter().fold(0, |sum, pieces| sum.saturating_add(pieces.quantity))
}

impl From<RecordsError> for InventoryError {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::OutOfStock { .. } => Self::OutOfStock(error),
            RecordsError::Unavailable { .. } => Self::StoreUnavailable(error),
            RecordsError::Closed { .. } | RecordsError::Conflict { .. } => Self::OrderClosed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::MemoryRecords;

    async fn call(
        request: InventoryRequest,
        records: &MemoryRecords,
    ) -> Result<InventoryAnswer, InventoryError> {
        take_stock(request, &Step::for_test("ReserveInventory"), records).await
    }

    fn reserve(sku: &str, quantity: i64) -> InventoryRequest {
        let lines = vec![Pieces { sku: sku.to_owned(), quantity }];
        InventoryRequest::Reserve { reference: "ord-1".to_owned(), lines }
    }

    #[tokio::test]
    async fn a_reservation_says_how_many_pieces_and_can_be_repeated() {
        let records = MemoryRecords::default();
        let expected = InventoryAnswer::Reserved { reservation_id: "res-ord-1".to_owned(), pieces: 3 };
        assert_eq!(call(reserve("MUG-RED-350", 3), &records).await, Ok(expected.clone()));
        assert_eq!(call(reserve("MUG-RED-350", 3), &records).await, Ok(expected));
        assert_eq!(records.stock("MUG-RED-350").await, Ok(9_999_997));
    }

    #[tokio::test]
    async fn a_shortage_says_how_many_are_left() {
        let error = call(reserve("LAMP-GLASS-1930", 2), &MemoryRecords::default()).await;
        let error = error.expect_err("there is one only");
        assert_eq!(error.error_name(), "OutOfStock");
        assert_eq!(error.to_string(), "out of stock: LAMP-GLASS-1930 (2 ordered, 1 left)");
    }

    #[tokio::test]
    async fn a_release_puts_back_once() {
        let records = MemoryRecords::default();
        call(reserve("MUG-RED-350", 3), &records).await.expect("reserved");
        let release = InventoryRequest::Release { reference: "ord-1".to_owned() };
        assert_eq!(call(release.clone(), &records).await, Ok(InventoryAnswer::Released { pieces: 3 }));
        assert_eq!(call(release, &records).await, Ok(InventoryAnswer::Released { pieces: 3 }));
        assert_eq!(records.stock("MUG-RED-350").await, Ok(10_000_000));
        let late = call(reserve("MUG-RED-350", 3), &records).await.expect_err("the order is closed");
        assert_eq!(late.error_name(), "OrderClosed");
    }
}
