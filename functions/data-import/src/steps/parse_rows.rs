//! Reads the texts of a batch's rows, and sets aside those that can't be read.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use stepladder::Step;

use crate::rows::{Batch, Item};
use crate::rules::{failed, parse, without_doubles};

/// What the Map state's ItemBatcher makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawBatch {
    #[serde(rename = "BatchInput")]
    pub common: Common,
    #[serde(rename = "Items")]
    pub items: Vec<Item>,
}

/// What all batches are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// The run's name.
    pub import: String,
}

/// A bad row is no error of the step: the rest of its batch goes on.
pub async fn parse_rows(batch: RawBatch, _step: Step) -> Result<Batch, Infallible> {
    Ok(parsed(batch))
}

/// The same as a plain function.
pub fn parsed(batch: RawBatch) -> Batch {
    let (mut rows, mut set_aside) = (Vec::with_capacity(batch.items.len()), Vec::new());
    for Item { row, line } in batch.items {
        match parse(line, row) {
            Ok(row) => rows.push(row),
            Err(fault) => set_aside.push(failed(line, &fault)),
        }
    }
    let (rows, doubled) = without_doubles(rows);
    set_aside.extend(doubled);
    set_aside.sort();
    Batch { import: batch.common.import, rows, failed: set_aside }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_batch_goes_on_without_its_bad_rows() {
        let good = |id: &str| {
            json!({"id": id, "customer": "c", "email": "a@b", "amount": "1", "currency": "EUR",
                "ordered_at": "2026-01-01T00:00:00Z", "note": "not for us"})
        };
        let input = json!({
            "BatchInput": {"import": "monday"},
            "Items": [
                {"row": good("a"), "line": 2},
                {"row": {"id": "b", "customer": "c"}, "line": 3},
                {"row": good("a"), "line": 4},
                {"row": good("c"), "line": 6},
            ],
        });
        let batch: RawBatch = serde_json::from_value(input).expect("what the Map state sends");
        let batch = parse_rows(batch, Step::for_test("ParseRows")).await.expect("it never fails");
        assert_eq!(batch.import, "monday");
        assert_eq!(batch.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 6]);
        let failed = json!([
            {"line": 3, "reason": "email is missing"},
            {"line": 4, "reason": "id is that of line 2 too"},
        ]);
        assert_eq!(serde_json::to_value(&batch.failed).expect("JSON"), failed);
    }
}
