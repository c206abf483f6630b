//! What a step's author imports: the only crate of Stepladder that a step needs.
//!
//! A step is an async function from its input to its output. Its binary is one line of `main`:
//!
//! ```no_run
//! use serde::{Deserialize, Serialize};
//! use stepladder::{Step, StepError};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     order_id: String,
//!     total_cents: u64,
//! }
//!
//! #[derive(Serialize)]
//! struct Receipt {
//!     charge_id: String,
//! }
//!
//! #[derive(Debug, thiserror::Error)]
//! enum ChargeError {
//!     #[error("the card was declined")]
//!     CardDeclined,
//! }
//! impl StepError for ChargeError {}
//!
//! async fn charge(order: Order, step: Step) -> Result<Receipt, ChargeError> {
//!     if order.total_cents == 0 {
//!         return Err(ChargeError::CardDeclined);
//!     }
//!     // The same on every delivery of this attempt: the payment provider refuses the second charge.
//!     Ok(Receipt { charge_id: format!("{}-{}", order.order_id, step.idempotency_key()) })
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), stepladder::Error> {
//!     stepladder::run(charge).await
//! }
//! ```
//!
//! A step runs at least once per attempt. Everything else is exactly once: its result is recorded once, and what comes
//! next is sent once. Whatever a step does to the outside world should carry [`Step::idempotency_key`].
//!
//! | what happens | the error that Retry and Catch see |
//! |---|---|
//! | the function returns `Err(error)` | [`StepError::error_name`] |
//! | the input is not what the function takes | `InvalidInput`, with the place in the input |
//! | the output can't be written as JSON | `InvalidOutput` |
//! | the function panics | `Panic` |
//! | TimeoutSeconds passes | `States.Timeout` |
//! | the Lambda function's own timeout passes | `Sandbox.Timedout` |
//! | the process dies on every delivery | `Lambda.Unknown` |
//!
//! Where many runs reach the same step at once, [`run_batch`] takes them all in one call, and [`run_batch_by`] in one for each
//! key, such as a tenant.

mod api;
mod batch;
mod client;
mod erase;
mod error;
mod event;
mod handler;
mod logging;
mod metrics;
mod run;
mod step;
pub mod system;
mod url;

pub use batch::{Item, run_batch, run_batch_by};
pub use client::{Client, ClientError};
pub use error::StepError;
pub use run::{Error, run};
pub use step::Step;

/// What a client of the AWS SDK is made of, for a step that talks to AWS by itself. See [`stepladder_aws::sdk_config`].
///
/// ```no_run
/// use tokio::sync::OnceCell;
///
/// /// Made on the first call, and used by all messages of this process.
/// async fn client() -> &'static aws_sdk_dynamodb::Client {
///     static CLIENT: OnceCell<aws_sdk_dynamodb::Client> = OnceCell::const_new();
///     CLIENT.get_or_init(async || aws_sdk_dynamodb::Client::new(&stepladder::aws_config().await)).await
/// }
/// ```
pub use stepladder_aws::sdk_config as aws_config;
