//! SQS standard queues in memory.
//!
//! [`Queues`] is the plain core: data, rules, and the time as an argument. [`SharedQueues`] puts it behind a lock
//! and adds waiting. The HTTP side speaks the AWS JSON 1.0 protocol, as the AWS SDKs and the AWS CLI do.
//!
//! It differs from AWS where that helps: numbers called approximate are exact, messages come in the order in which
//! they became visible, but that those with a `MessageGroupId` let the groups take turns, each send is delivered once unless its
//! visibility timeout passes, a purge is immediate, and the name of a deleted queue is free at once. FIFO queues are refused.

mod attributes;
mod error;
pub(crate) mod http;
mod message;
mod moves;
mod queue;
mod queues;
mod ready;
mod receipt;
mod shared;
mod wire;

pub use error::{ErrorKind, SqsError};
pub use message::{AttributeValue, MessageAttribute, MessageContent, NewMessage};
pub(crate) use message::{md5_of_attributes, new_uuid};
pub use moves::MoveTask;
pub use queue::{QueueCounts, ReceiveOptions, Received};
pub use queues::{Queues, Sent};
pub use shared::SharedQueues;

#[cfg(test)]
mod tests;
