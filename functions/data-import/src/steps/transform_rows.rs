//! Makes of a batch's rows what the table takes, and sets aside those that it doesn't.

use std::convert::Infallible;

use stepladder::Step;

use crate::rows::Batch;
use crate::rules::{failed, transform};

/// A bad row is no error of the step: the rest of its batch goes on.
pub async fn transform_rows(batch: Batch, _step: Step) -> Result<Batch, Infallible> {
    Ok(transformed(batch))
}

/// The same as a plain function.
pub fn transformed(batch: Batch) -> Batch {
    let (mut rows, mut set_aside) = (Vec::with_capacity(batch.rows.len()), batch.failed);
    for row in batch.rows {
        let line = row.line;
        match transform(row) {
            Ok(row) => rows.push(row),
            Err(fault) => set_aside.push(failed(line, &fault)),
        }
    }
    set_aside.sort();
    Batch { import: batch.import, rows, failed: set_aside }
}
