//! A step that takes a whole batch in one call.

use crate::{Error, Step, StepError, erase, handler::Role, run::run_step};
use serde::{Serialize, de::DeserializeOwned};
use std::hash::Hash;

/// One message of a batch: its input, and the call that it is in.
#[derive(Debug, Clone)]
pub struct Item<I> {
    pub input: I,
    pub step: Step,
}

/// Runs a step that takes the whole batch of its queue, across runs, in one call: one bulk insert for many runs in
/// place of an insert for each. How large a batch is, the queue's trigger decides (`batch_size`, and
/// `batching_window_seconds` for more than ten).
///
/// The function returns one result per item, in the order of the items; each is recorded for its own run.
///
/// ```no_run
/// use stepladder::{Item, StepError};
///
/// #[derive(Debug, thiserror::Error)]
/// enum LoadError {
///     #[error("row {0} is empty")]
///     EmptyRow(usize),
/// }
/// impl StepError for LoadError {}
///
/// async fn load(items: Vec<Item<String>>) -> Vec<Result<usize, LoadError>> {
///     let rows: Vec<&str> = items.iter().map(|item| item.input.as_str()).collect();
///     // One call to the database for all rows goes here, each row with its `item.step.idempotency_key()`.
///     rows.iter().enumerate().map(|(at, row)| if row.is_empty() { Err(LoadError::EmptyRow(at)) } else { Ok(row.len()) }).collect()
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), stepladder::Error> {
///     stepladder::run_batch(load).await
/// }
/// ```
///
/// - An item whose input can't be read never reaches the function: it fails with `InvalidInput`.
/// - Too few or too many results fail all items of the call with `InvalidOutput`: nothing tells whose they are. A panic
///   fails all of them with `Panic`. [`run_batch_by`] makes several calls of a batch, so that one group's fault is its own.
/// - A message that was delivered before and left no record comes in a call of its own, after the others.
/// - Each item keeps its own [`Step::deadline`]. One that passes it is recorded as timed out; the call goes on for the
///   others, until the last of them has its outcome.
pub async fn run_batch<F, Fut, I, O, E>(step: F) -> Result<(), Error>
where
    F: Fn(Vec<Item<I>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<O, E>>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: StepError + Send + 'static,
{
    run_step(Role::Batch(erase::batch(step))).await
}

/// [`run_batch`] with a call for each group of a batch: items whose inputs have equal keys are in one call, and no call
/// has two keys. For what can't be done for all at once, such as a bulk insert into the database of each tenant.
///
/// ```no_run
/// use serde::Deserialize;
/// use std::convert::Infallible;
/// use stepladder::Item;
///
/// #[derive(Deserialize)]
/// struct Row {
///     customer: String,
///     amount_cents: u64,
/// }
///
/// /// All rows are one customer's.
/// async fn load(rows: Vec<Item<Row>>) -> Vec<Result<u64, Infallible>> {
///     rows.iter().map(|row| Ok(row.input.amount_cents)).collect()
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), stepladder::Error> {
///     stepladder::run_batch_by(|row: &Row| row.customer.clone(), load).await
/// }
/// ```
///
/// - The calls of a batch run at once, as the messages of a batch do with [`run`](crate::run): one that hangs keeps no other.
///   There are as many as the batch has keys, `batch_size` at most; what they share has to bound itself.
/// - A panic, or a wrong number of results, fails the items of that call and no others.
/// - A key that panics fails its item with `Panic`; that item is in no call.
/// - Within a call items come in the order in which the batch has them. Two batches may have the same key at the same time.
pub async fn run_batch_by<G, K, F, Fut, I, O, E>(key: G, step: F) -> Result<(), Error>
where
    G: Fn(&I) -> K + Send + Sync + 'static,
    K: Eq + Hash,
    F: Fn(Vec<Item<I>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Vec<Result<O, E>>> + Send + 'static,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: StepError + Send + 'static,
{
    run_step(Role::Batch(erase::grouped(key, step))).await
}
