//! A step that takes a whole batch in one call.

use crate::{Error, Step, StepError, erase, handler::Role, run::run_role};
use serde::{Serialize, de::DeserializeOwned};

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
///   fails all of them with `Panic`.
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
    run_role(Role::Batch(erase::batch(step)), |host| host).await
}
